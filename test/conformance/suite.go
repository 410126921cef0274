package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// suite is the conformance suite's REST API.
type suite struct {
	base string
	http *http.Client
}

func newSuite(base string) *suite {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12,
		// On this machine the suite has a certificate that it made itself.
		InsecureSkipVerify: isLoopback(base),
	}}
	return &suite{base: base, http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

func isLoopback(base string) bool {
	u, err := url.Parse(base)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// errNotRunning is that the suite has finished with a test, or forgotten it.
var errNotRunning = errors.New("no such running test")

// call sends a request, and reads the JSON of the answer into out, or all of
// it if out is a writer.
func (s *suite) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	request, err := s.request(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound && strings.HasPrefix(path, "/api/runner/"):
		return errNotRunning
	case response.StatusCode >= 300:
		said, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return fmt.Errorf("the suite answered %s %s with %s: %s", method, path, response.Status, said)
	case out == nil:
		return nil
	}
	if w, ok := out.(io.Writer); ok {
		_, err := io.Copy(w, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(out)
}

func (s *suite) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	address := s.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// version is the suite's version, with its revision.
func (s *suite) version(ctx context.Context) (string, error) {
	var server struct{ Version, Revision string }
	err := s.call(ctx, http.MethodGet, "/api/server", nil, nil, &server)
	return server.Version + " (" + server.Revision + ")", err
}

// plan is a plan that was made in the suite.
type plan struct {
	ID      string   `json:"id"`
	Modules []module `json:"modules"`
}

type module struct {
	Name    string            `json:"testModule"`
	Variant map[string]string `json:"variant"`
}

func (s *suite) createPlan(ctx context.Context, t target, config any) (*plan, error) {
	query, err := variantQuery(t.Variant)
	if err != nil {
		return nil, err
	}
	query.Set("planName", t.Plan)
	p := &plan{}
	return p, s.call(ctx, http.MethodPost, "/api/plan", query, config, p)
}

// startModule runs a module of the plan and returns the id of the test.
func (s *suite) startModule(ctx context.Context, plan string, m module) (string, error) {
	query, err := variantQuery(m.Variant)
	if err != nil {
		return "", err
	}
	query.Set("test", m.Name)
	query.Set("plan", plan)
	var test struct{ ID string }
	return test.ID, s.call(ctx, http.MethodPost, "/api/runner", query, nil, &test)
}

func variantQuery(variant map[string]string) (url.Values, error) {
	if len(variant) == 0 {
		return url.Values{}, nil
	}
	data, err := json.Marshal(variant)
	return url.Values{"variant": {string(data)}}, err
}

// waitFor returns the state of the test once it is one of these, or "" if it
// does not get there in time. The suite waits 30 seconds at most.
func (s *suite) waitFor(ctx context.Context, test, states string, limit time.Duration) (string, error) {
	var answer struct{ State string }
	query := url.Values{"states": {states}, "timeoutMs": {strconv.FormatInt(limit.Milliseconds(), 10)}}
	err := s.call(ctx, http.MethodGet, "/api/runner/"+test+"/wait-state", query, nil, &answer)
	return answer.State, err
}

// browserIdles tells whether the suite's browser was sent somewhere for the
// test and is not at work any more. Before that a test may well wait for
// something else: that a request_uri expires.
func (s *suite) browserIdles(ctx context.Context, test string) (bool, error) {
	var browser struct{ URLs, Visited, Runners []any }
	err := s.call(ctx, http.MethodGet, "/api/runner/browser/"+test, nil, nil, &browser)
	return len(browser.Runners) == 0 && len(browser.URLs)+len(browser.Visited) > 0, err
}

func (s *suite) abort(ctx context.Context, test string) error {
	return s.call(ctx, http.MethodDelete, "/api/runner/"+test, nil, nil, nil)
}

// verdict is the suite's result of a test; it is empty until there is one.
func (s *suite) verdict(ctx context.Context, test string) (string, error) {
	var info struct{ Result string }
	err := s.call(ctx, http.MethodGet, "/api/info/"+test, nil, nil, &info)
	return info.Result, err
}

// entry is one of a test's log.
type entry struct {
	Condition string `json:"src"`
	Result    string `json:"result"`
	Text      string `json:"msg"`
	// Page is what the browser saw, in an entry with the result REVIEW; empty
	// if the server sent the browser on instead.
	Page string `json:"page_source"`
}

func (s *suite) log(ctx context.Context, test string) (entries []entry, err error) {
	return entries, s.call(ctx, http.MethodGet, "/api/log/"+test, nil, nil, &entries)
}

// export keeps the suite's own archive of the plan in the folder.
func (s *suite) export(ctx context.Context, plan, folder, name string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, name+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(s.call(ctx, http.MethodGet, "/api/plan/exporthtml/"+plan, nil, nil, file), file.Close())
}

func (s *suite) planURL(id string) string { return s.base + "/plan-detail.html?plan=" + id }

func (s *suite) logURL(test string) string { return s.base + "/log-detail.html?log=" + test }
