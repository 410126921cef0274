package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// playFake plays modules with these results and returns what is printed.
func playFake(t *testing.T, results string, change func(*session)) (string, *fakeSuite, error) {
	t.Helper()
	fake := newFakeSuite(t)
	s := testSession(t, results, "")
	var out bytes.Buffer
	s.suite, s.out, s.idle = fake.URL, &out, 10*time.Millisecond
	if change != nil {
		change(s)
	}
	err := s.playPlan(t.Context(), newSuite(s.suite))
	return out.String(), fake, err
}

func TestGoodPlan(t *testing.T) {
	out, _, err := playFake(t, "PASSED+REVIEW", nil)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if want := "2 modules: 1 PASSED, 1 REVIEW; 0 expected exceptions, 0 unexpected\n"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
	if want := "page shows invalid_request\n"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
}

func TestWarningIsUnexpected(t *testing.T) {
	out, _, err := playFake(t, "PASSED+WARNING", nil)
	if !errors.Is(err, errUnexpected) {
		t.Errorf("got %v, want errUnexpected", err)
	}
	if want := "WARNING CheckB: not so well\n"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
}

func TestWarningIsExpected(t *testing.T) {
	out, _, err := playFake(t, "WARNING", func(s *session) {
		s.expected = []expectation{{Plan: "WARNING", Module: "WARNING", Result: "WARNING", Conditions: []string{"CheckB"}, Comment: "we know"}}
	})
	if err != nil || !strings.Contains(out, "expected: we know") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestExpectationOfNoModule(t *testing.T) {
	out, _, err := playFake(t, "PASSED", func(s *session) {
		s.expected = []expectation{{Plan: "PASSED", Module: "gone", Result: "WARNING", Comment: "we knew"}}
	})
	if err == nil {
		t.Errorf("an idle expectation was not noticed\n%s", out)
	}
}

func TestStuckModuleIsAborted(t *testing.T) {
	out, fake, err := playFake(t, stuck+"+PASSED", nil)
	if !errors.Is(err, errUnexpected) || !fake.aborted[stuck] {
		t.Errorf("got %v, aborted %v\n%s", err, fake.aborted, out)
	}
	if want := "1 PASSED, 1 STUCK"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
}

func TestModulesAreSelected(t *testing.T) {
	_, fake, err := playFake(t, "PASSED+WARNING", func(s *session) { s.module = "PASS" })
	if err != nil || slices.Contains(fake.calls, "GET /api/info/WARNING") {
		t.Errorf("%v, calls %q", err, fake.calls)
	}
}

func TestNoModuleIsNoPass(t *testing.T) {
	if _, _, err := playFake(t, "PASSED", func(s *session) { s.module = "another" }); err == nil {
		t.Error("a run without a module passed")
	}
}

func TestRowAndExport(t *testing.T) {
	folder := t.TempDir()
	row := filepath.Join(folder, "RESULTS.md")
	for range 2 {
		if out, _, err := playFake(t, "PASSED", func(s *session) { s.row, s.export = row, folder }); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	data, err := os.ReadFile(row)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 4 || !strings.HasSuffix(lines[3], "| 1.2.3 (abc) | PASSED |  | fapi1-advanced | 1 | 0 | 0 | 0 | 0 | 0 |") {
		t.Errorf("want a head and two rows, got\n%s", data)
	}
	if _, err := os.Stat(filepath.Join(folder, "PASSED.zip")); err != nil {
		t.Error(err)
	}
}
