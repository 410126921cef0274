package main

import (
	"context"
	"errors"
	"time"
)

// The verdicts beside the suite's own PASSED, WARNING, FAILED, SKIPPED, REVIEW
// and UNKNOWN.
const (
	stuck       = "STUCK"       // it waited for a browser that did nothing
	interrupted = "INTERRUPTED" // the suite stopped it
)

// poll is how often to look whether a test still gets on.
const poll = 2 * time.Second

// playModule runs one module to its end.
func (s *session) playModule(ctx context.Context, suite *suite, plan string, m module) (*result, error) {
	start := time.Now()
	test, err := suite.startModule(ctx, plan, m)
	if err != nil {
		return nil, err
	}
	state, err := s.await(ctx, suite, test)
	if err != nil {
		return nil, err
	}
	r := &result{Module: m.Name, Result: state, log: suite.logURL(test)}
	if state == "FINISHED" {
		if r.Result, err = suite.verdict(ctx, test); err != nil {
			return nil, err
		}
	}
	entries, err := suite.log(ctx, test)
	r.read(entries)
	r.took = time.Since(start)
	return r, err
}

// await returns how the test ended. A module that can no longer get on is
// stopped, so that it does not take all its time.
func (s *session) await(ctx context.Context, suite *suite, test string) (string, error) {
	deadline, busy := time.Now().Add(s.timeout), time.Now()
	for {
		state, err := suite.waitFor(ctx, test, "FINISHED,INTERRUPTED", poll)
		switch {
		case errors.Is(err, errNotRunning):
			return "FINISHED", nil
		case err != nil || state != "":
			return state, err
		}
		waits, err := waitsInVain(ctx, suite, test)
		if err != nil && !errors.Is(err, errNotRunning) {
			return "", err
		}
		now := time.Now()
		if !waits {
			busy = now
		}
		if now.Sub(busy) > s.idle || now.After(deadline) {
			return stuck, suite.stop(ctx, test)
		}
	}
}

// waitsInVain tells whether the test waits for what its browser has not brought.
func waitsInVain(ctx context.Context, suite *suite, test string) (bool, error) {
	state, err := suite.waitFor(ctx, test, "WAITING", time.Millisecond)
	if err != nil || state == "" {
		return false, err
	}
	return suite.browserIdles(ctx, test)
}

// stop aborts the test and waits until it has ended, so that its last words are
// in the log.
func (s *suite) stop(ctx context.Context, test string) error {
	if err := s.abort(ctx, test); err != nil && !errors.Is(err, errNotRunning) {
		return err
	}
	_, err := s.waitFor(ctx, test, "FINISHED,INTERRUPTED", 5*time.Second)
	if errors.Is(err, errNotRunning) {
		return nil
	}
	return err
}
