package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeSuite has the suite's API. Each of its modules ends with the result that
// it is named after; one that is stuck waits until it is aborted.
type fakeSuite struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []string
	aborted map[string]bool
}

func newFakeSuite(t *testing.T) *fakeSuite {
	f := &fakeSuite{aborted: map[string]bool{}}
	answers := map[string]func(*http.Request) any{
		"GET /api/server":               func(*http.Request) any { return map[string]string{"version": "1.2.3", "revision": "abc"} },
		"POST /api/plan":                f.plan,
		"GET /api/plan/exporthtml/{id}": func(*http.Request) any { return "archive" },
		"POST /api/runner":              func(r *http.Request) any { return map[string]string{"id": r.FormValue("test")} },
		"GET /api/runner/{id}/{what}":   f.state,
		"DELETE /api/runner/{id}":       f.abort,
		"GET /api/info/{id}":            func(r *http.Request) any { return map[string]string{"result": r.PathValue("id")} },
		"GET /api/log/{id}":             testLog,
	}
	mux := http.NewServeMux()
	for _, pattern := range slices.Sorted(maps.Keys(answers)) {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.calls = append(f.calls, r.Method+" "+r.URL.Path)
			_ = json.NewEncoder(rw).Encode(answers[pattern](r))
		})
	}
	f.Server = httptest.NewTLSServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeSuite) plan(r *http.Request) any {
	var modules []module
	for name := range strings.SplitSeq(r.FormValue("planName"), "+") {
		modules = append(modules, module{Name: name})
	}
	return map[string]any{"id": "plan", "modules": modules}
}

// state answers /api/runner/ID/wait-state and /api/runner/browser/ID.
func (f *fakeSuite) state(r *http.Request) any {
	if r.PathValue("id") == "browser" {
		return map[string]any{"visited": []string{"https://op.example.org"}}
	}
	state := "FINISHED"
	if r.PathValue("id") == stuck && !f.aborted[stuck] {
		state = "WAITING"
	}
	if slices.Contains(strings.Split(r.FormValue("states"), ","), state) {
		return map[string]string{"state": state}
	}
	return map[string]bool{"timeout": true}
}

func (f *fakeSuite) abort(r *http.Request) any {
	f.aborted[r.PathValue("id")] = true
	return map[string]string{}
}

func testLog(r *http.Request) any {
	entries := []entry{{Condition: "CheckA", Result: "SUCCESS", Text: "all is well"}}
	switch r.PathValue("id") {
	case "WARNING":
		entries = append(entries, entry{Condition: "CheckB", Result: "WARNING", Text: "not so well"})
	case "REVIEW":
		entries = append(entries, entry{Condition: "ExpectPage", Result: "REVIEW", Page: "<p>Error code: <code>\n invalid_request\n </code></p>"})
	}
	return entries
}
