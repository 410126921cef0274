package compose_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/meflso/fosite-meflso/"

// floor orders the house: an import points to a lower floor, or to the same
// one where that is a part of the same concern.
func floor(pkg string) int {
	switch {
	case pkg == "storage":
		return 0
	case strings.HasPrefix(pkg, "storage/"):
		return 1 // the adapters; nothing but tests may use them
	case strings.HasPrefix(pkg, "strategy/"):
		return 2
	case strings.HasPrefix(pkg, "handler/"):
		return 3
	}
	return 4 // compose
}

// mayImport: compose → handler → strategy → storage; the adapters know only
// storage and each other's inner package, and nobody above knows them.
func mayImport(from, to string) bool {
	switch {
	case floor(to) == 1:
		return floor(from) == 1
	case floor(from) == 1:
		return to == "storage"
	case strings.HasPrefix(to, "strategy/relyingparty"):
		return false // the Buyer's half is for Buyers
	}
	return floor(to) <= floor(from)
}

// belowHTTP are packages that no strategy needs: it serves nothing and has no
// database.
var belowHTTP = []string{"net/http/httptest", "database/sql", "github.com/gorilla/mux"}

func TestImportsPointDownwards(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "example" || d.Name() == "test" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(filepath.ToSlash(path), "../")))
		for _, spec := range file.Imports {
			seen++
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, path, from, imported)
		}
		return nil
	})
	if err != nil || seen < 100 {
		t.Fatalf("%d imports, %v", seen, err)
	}
}

func checkImport(t *testing.T, path, from, imported string) {
	t.Helper()
	if to, ours := strings.CutPrefix(imported, module); ours && !mayImport(from, to) {
		t.Errorf("%s imports %s, which is not below it", path, to)
	}
	if strings.HasPrefix(from, "strategy/") {
		for _, banned := range belowHTTP {
			if imported == banned {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}
