package embed_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	folder     = "../../example/embed"
	library    = "github.com/meflso/fosite-meflso"
	maxLines   = 25
	maxColumns = 120
)

// TestAdoption counts the lines that a host adds in order to adopt the
// library: those of after that before does not have, both as gofmt writes
// them, without blank lines and imports.
func TestAdoption(t *testing.T) {
	total := 0
	for _, name := range sources(t, "after") {
		for _, line := range added(read(t, "before", name), read(t, "after", name)) {
			total++
			t.Logf("%s: %s", name, line)
			if width := columns(line); width > maxColumns {
				t.Errorf("%s: a line of %d columns, want %d: %s", name, width, maxColumns, line)
			}
		}
	}
	t.Logf("%d added lines", total)
	if total > maxLines {
		t.Errorf("%d added lines, want %d at most", total, maxLines)
	}
	for _, name := range sources(t, "before") {
		if _, err := os.Stat(filepath.Join(folder, "after", name)); err != nil {
			t.Errorf("a file of before is gone: %v", err)
		}
	}
}

// TestBeforeIsPlain: the host that adopts the library had nothing of it.
func TestBeforeIsPlain(t *testing.T) {
	for _, name := range sources(t, "before") {
		for _, line := range strings.Split(string(formatted(t, "before", name)), "\n") {
			if strings.Contains(line, library) || strings.Contains(strings.ToLower(line), "lso") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func TestAdded(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		want                int
	}{
		{"nothing", "a b c", "a b c", 0},
		{"removed", "a b c", "a c", 0},
		{"inserted", "a c", "a b c", 1},
		{"changed", "a b c", "a x c", 1},
		{"moved", "a b c d", "b c d a", 1},
		{"repeated", "a", "a a a", 2},
		{"a new file", "", "a b", 2},
	} {
		var lines []sourceLine
		for _, text := range strings.Fields(c.after) {
			lines = append(lines, sourceLine{text: text, counts: true})
		}
		var old []sourceLine
		for _, text := range strings.Fields(c.before) {
			old = append(old, sourceLine{text: text})
		}
		if got := len(added(old, lines)); got != c.want {
			t.Errorf("%s: %d added lines, want %d", c.name, got, c.want)
		}
	}
	if got := columns("\t\tä"); got != 17 {
		t.Errorf("columns = %d, want 17", got)
	}
}

func sources(t *testing.T, host string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, host, "*"))
	must(t, err)
	for _, path := range paths {
		name := filepath.Base(path)
		switch {
		case strings.HasSuffix(name, "_test.go"):
		case strings.HasSuffix(name, ".go"):
			names = append(names, name)
		default:
			t.Errorf("%s is not Go, so that nobody counts it", path)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no source in %s", host)
	}
	return names
}

// sourceLine is a line of a file; imports and blank lines do not count.
type sourceLine struct {
	text   string
	counts bool
}

func read(t *testing.T, host, name string) []sourceLine {
	t.Helper()
	source := formatted(t, host, name)
	if source == nil {
		return nil
	}
	imports := importLines(t, source)
	var lines []sourceLine
	for i, text := range strings.Split(string(source), "\n") {
		lines = append(lines, sourceLine{text, strings.TrimSpace(text) != "" && !imports[i+1]})
	}
	return lines
}

// formatted returns the file as gofmt writes it, nil if there is none.
func formatted(t *testing.T, host, name string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(folder, host, name))
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	source, err = format.Source(source)
	must(t, err)
	return source
}

func importLines(t *testing.T, source []byte) map[int]bool {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.ImportsOnly)
	must(t, err)
	lines := map[int]bool{}
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			for line := files.Position(d.Pos()).Line; line <= files.Position(d.End()).Line; line++ {
				lines[line] = true
			}
		}
	}
	return lines
}

// added returns the lines of b, among those that count, which are not in a
// longest common subsequence of a and b.
func added(a, b []sourceLine) (lines []string) {
	longest := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].text == b[j].text {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i := 0
	for j := range b {
		for i < len(a) && a[i].text != b[j].text && longest[i+1][j] == longest[i][j] {
			i++
		}
		if i < len(a) && a[i].text == b[j].text {
			i++
		} else if b[j].counts {
			lines = append(lines, b[j].text)
		}
	}
	return lines
}

// columns is the width of the line with tab stops eight columns apart.
func columns(line string) int {
	rest := strings.TrimLeft(line, "\t")
	return 8*(len(line)-len(rest)) + utf8.RuneCountInString(rest)
}
