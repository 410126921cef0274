package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestParts(t *testing.T) {
	for id, want := range map[string]string{
		"MEF-R1": "MEF-R1", "BASE-7.1-1/2": "BASE-7.1-1 BASE-7.1-2", "BASE-5.2.2.1-1…6": "BASE-5.2.2.1-1 BASE-5.2.2.1-2 BASE-5.2.2.1-3 BASE-5.2.2.1-4 BASE-5.2.2.1-5 BASE-5.2.2.1-6",
		"SLIDES-31..33": "SLIDES-31 SLIDES-32 SLIDES-33", "NZ-C-exp/nbf": "NZ-C-exp NZ-C-nbf", "CIBA-8/9": "CIBA-8 CIBA-9", "FAPI-5.2.2.1-1": "FAPI-5.2.2.1-1", "MEF-10.3.2.1-2": "MEF-10.3.2.1-2",
	} {
		if got := strings.Join(parts(id), " "); got != want {
			t.Errorf("%s stands for %s", id, got)
		}
	}
}

func TestShowing(t *testing.T) {
	cases := []string{"e2e.TestA/BASE-7.1-1/x", "e2e.TestA/FAPI-5.2.2-1/SLIDES-21/x", "e2e.TestA/BASE-7.7"}
	for id, want := range map[string]int{"BASE-7.1-1/2": 0, "BASE-7.1-1": 1, "SLIDES-21": 1, "FAPI-5.2.2-1": 1, "FAPI-5.2.2-10": 0, "BASE-7.7": 1} {
		if got := showing(cases, id); len(got) != want {
			t.Errorf("%s is shown by %v", id, got)
		}
	}
	if got := showing([]string{"e2e.TestA/BASE-7.1-1/2/x"}, "BASE-7.1-1/2"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	cases = append(cases, "e2e.TestA/BASE-7.1-2/y")
	if got := showing(cases, "BASE-7.1-1/2"); !slices.Equal(got, []string{"e2e.TestA/BASE-7.1-1/x", "e2e.TestA/BASE-7.1-2/y"}) {
		t.Errorf("got %v", got)
	}
}

func TestNotes(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out, []row{{"FAPI-1", ""}, {"FAPI-2", "withdrawn"}, {"FAPI-3", ""}}, nil, []string{"e2e.T/FAPI-3/x"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 of 3 shown, 1 open, 1 moved", "| FAPI-1 | – | **open** |", "| FAPI-2 | – | withdrawn |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}
