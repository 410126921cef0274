package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
)

//go:embed expected.json
var builtIn []byte

// expectation is what a module is known to do other than pass, and why.
type expectation struct {
	Plan string `json:"plan"`
	// Variant is of the plan; a parameter that it lacks may have any value.
	Variant map[string]string `json:"variant,omitempty"`
	Module  string            `json:"module"` // with * for any text
	Result  string            `json:"result"`
	// Conditions are all those that fail or warn then.
	Conditions []string `json:"conditions,omitempty"`
	Comment    string   `json:"comment"`
}

// loadExpected reads the file, or what comes with this program.
func loadExpected(file string) ([]expectation, error) {
	data, name := builtIn, "expected.json"
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		name = file
	}
	var all []expectation
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i, e := range all {
		if _, err := path.Match(e.Module, ""); err != nil || e.Plan == "" || e.Module == "" || e.Result == "" || e.Comment == "" {
			return nil, fmt.Errorf("%s: entry %d wants a plan, a module, a result and a comment", name, i)
		}
	}
	return all, nil
}

func (e *expectation) isFor(t target, module string) bool {
	matched, err := path.Match(e.Module, module)
	return err == nil && matched && e.fits(t)
}

func (e *expectation) fits(t target) bool {
	for key, value := range e.Variant {
		if t.Variant[key] != value {
			return false
		}
	}
	return e.Plan == t.Plan
}

// idle are the modules that are expected in a plan which does not have them.
func idle(all []expectation, t target, results []*result) []string {
	var names []string
	for i := range all {
		e := &all[i]
		if e.fits(t) && !slices.ContainsFunc(results, func(r *result) bool { return e.isFor(t, r.Module) }) {
			names = append(names, e.Module)
		}
	}
	return names
}

// holds tells whether the result is the expected one. An expectation that is
// met no more does not hold either, so that the list stays true.
func (e *expectation) holds(r *result) bool {
	return r.Result == e.Result && (len(e.Conditions) == 0 || slices.Equal(sorted(e.Conditions), sorted(r.conditions())))
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// judge compares the result with the first expectation for it. What none is for
// must pass. REVIEW is a pass that a person should look at, since the suite
// cannot tell what a page says; this server's say the error.
func (r *result) judge(all []expectation, t target) {
	for i := range all {
		if e := &all[i]; e.isFor(t, r.Module) {
			r.comment, r.class = e.Comment, unexpected
			if e.holds(r) {
				r.class = known
			}
			return
		}
	}
	r.class = unexpected
	if passed := r.Result == "PASSED" || r.Result == "REVIEW" && r.refused(); passed && len(r.findings) == 0 {
		r.class = good
	}
}
