package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBuiltInExpectationsAreWellFormed(t *testing.T) {
	if _, err := loadExpected(""); err != nil {
		t.Error(err)
	}
}

func TestExpectationWantsAComment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "expected.json")
	if err := os.WriteFile(file, []byte(`[{"plan":"p","module":"m","result":"WARNING"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadExpected(file); err == nil {
		t.Error("an expectation without a reason was taken")
	}
}

func TestJudge(t *testing.T) {
	warning := []entry{{Condition: "A", Result: "WARNING"}, {Condition: "B", Result: "WARNING"}, {Condition: "A", Result: "WARNING"}}
	expected := []expectation{
		{Plan: "p", Variant: map[string]string{"k": "v"}, Module: "m-warns", Result: "WARNING", Conditions: []string{"B", "A"}, Comment: "c"},
		{Plan: "p", Module: "m-*", Result: "SKIPPED", Comment: "c"},
	}
	for _, c := range []struct {
		name     string
		variant  map[string]string
		result   result
		expected class
	}{
		{"passed", nil, result{Module: "n", Result: "PASSED"}, good},
		{"a page to be reviewed", nil, result{Module: "n", Result: "REVIEW", shown: []string{"invalid_request"}}, good},
		{"a page without an error", nil, result{Module: "n", Result: "REVIEW", shown: []string{"no error"}}, unexpected},
		{"a page of a broken server", nil, result{Module: "n", Result: "REVIEW", shown: []string{"invalid_request", "server_error"}}, unexpected},
		{"no page", nil, result{Module: "n", Result: "REVIEW"}, unexpected},
		{"a page, with a warning", nil, result{Module: "n", Result: "REVIEW", shown: []string{"invalid_request"}, findings: warning}, unexpected},
		{"skipped", nil, result{Module: "n", Result: "SKIPPED"}, unexpected},
		{"stuck", nil, result{Module: "n", Result: stuck}, unexpected},
		{"skipped as expected", nil, result{Module: "m-1", Result: "SKIPPED"}, known},
		{"passed though expected to be skipped", nil, result{Module: "m-1", Result: "PASSED"}, unexpected},
		{"warns as expected", map[string]string{"k": "v", "l": "w"}, result{Module: "m-warns", Result: "WARNING", findings: warning}, known},
		{"warns of less", map[string]string{"k": "v"}, result{Module: "m-warns", Result: "WARNING", findings: warning[:1]}, unexpected},
		{"warns in another variant", map[string]string{"k": "w"}, result{Module: "m-warns", Result: "WARNING", findings: warning}, unexpected},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.result.judge(expected, target{"p", c.variant})
			if c.result.class != c.expected {
				t.Errorf("class %d, want %d", c.result.class, c.expected)
			}
		})
	}
}
