package relyingparty_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// One login, many answers at once: one of them wins.
func TestLoginIsSingleUse(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	a := newAttempt(t, s, c)
	params := a.params()
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			login := *a.login
			if _, err := c.Finish(context.Background(), &login, callback, params, relyingparty.Fragment); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d answers were accepted", won.Load())
	}
	// A long time later the login is no longer remembered, but it is too old.
	s.now.Add(2 * 60 * 60)
	newer := newAttempt(t, s, c)
	if _, err := newer.finish(c); err != nil {
		t.Error(err)
	}
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonState)
}

// full is a common store that is out of order.
type full struct{ keys []string }

var errFull = errors.New("the store is full")

func (f *full) UseOnce(_ context.Context, key string, until time.Time) error {
	f.keys = append(f.keys, key+" "+until.Format(time.RFC3339))
	return errFull
}

// Without a memory of what was finished nothing is finished.
func TestSpentFailsClosed(t *testing.T) {
	s := newSeller(t, "ES256")
	store := &full{}
	c := s.client(t, func(config *relyingparty.Config) { config.Spent = store })
	a := newAttempt(t, s, c)
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonState)
	if !errors.Is(err, errFull) {
		t.Error(err)
	}
	if want := "login:" + a.login.State + " " + start.Add(time.Hour).UTC().Format(time.RFC3339); strings.Join(store.keys, "") != want {
		t.Errorf("%q, want %q", store.keys, want)
	}
}
