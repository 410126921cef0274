package key

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// inBubble runs a test on synthetic time, with the system's clock.
func inBubble(t *testing.T, test func(*testing.T, *web, *ClientKeys)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &web{}
		test(t, w, NewClientKeys(ClientKeysConfig{Outbound: w}))
	})
}

func wantFetches(t *testing.T, w *web, n int) {
	t.Helper()
	if got := w.count(); got != n {
		t.Errorf("%d fetches so far, want %d", got, n)
	}
}

func TestExoticKeysDoNotSpoilTheSet(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(`{"keys":[` + exotic + newJWK(t, "a", "") + `]}`)
		wantKeys(t, c, theURL, "a", 1)
		wantError(t, c, theURL, "x", ErrNoKey)
	})
}

func TestLifetimeOfASet(t *testing.T) {
	for _, tt := range []struct {
		name string
		doc  outbound.Document
		want time.Duration
	}{
		{"nothing said", outbound.Document{}, minTTL},
		{"no-store", outbound.Document{HasMaxAge: true}, minTTL},
		{"one minute", outbound.Document{HasMaxAge: true, MaxAge: time.Minute}, minTTL},
		{"ten minutes", outbound.Document{HasMaxAge: true, MaxAge: 10 * time.Minute}, 10 * time.Minute},
		{"a day", outbound.Document{HasMaxAge: true, MaxAge: 24 * time.Hour}, maxTTL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
				tt.doc.Body = []byte(newSet(t, "a"))
				w.set(func(context.Context, string) (*outbound.Document, error) { return &tt.doc, nil })
				wantKeys(t, c, theURL, "a", 1)
				time.Sleep(tt.want - 1)
				wantKeys(t, c, theURL, "a", 1)
				wantFetches(t, w, 1)
				time.Sleep(time.Nanosecond)
				wantKeys(t, c, theURL, "a", 1)
				wantFetches(t, w, 2)
			})
		})
	}
}

func TestStormOfUnknownKids(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		wantKeys(t, c, theURL, "a", 1)
		storm := func(at string) {
			for i := range 10_000 {
				go wantError(t, c, fmt.Sprintf("%s/%d", at, i%3), fmt.Sprintf("unknown-%d", i), ErrNoKey)
			}
			synctest.Wait()
		}
		for i := range 3 {
			wantKeys(t, c, fmt.Sprintf("%s/%d", theURL, i), "a", 1)
		}
		wantFetches(t, w, 4)
		storm(theURL)
		wantFetches(t, w, 5)
		time.Sleep(forcedInterval - 1)
		storm(theURL)
		wantFetches(t, w, 5)
		time.Sleep(time.Nanosecond)
		storm(theURL)
		wantFetches(t, w, 6)
	})
}

// An origin gets 4 requests at a time, and none for those who hang up before.
func TestFetchesAtATime(t *testing.T) {
	for format, want := range map[string]int{theURL + "/%d": 4, "https://host-%d.example/": 128} {
		inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
			var now, peak atomic.Int32
			w.set(func(context.Context, string) (*outbound.Document, error) {
				if n := now.Add(1); n > peak.Load() {
					peak.Store(n)
				}
				defer now.Add(-1)
				time.Sleep(time.Second)
				return nil, errDown
			})
			gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			for i := range 1000 {
				go c.Keys(gone, "buyer", &storage.ClientMetadata{JWKSURI: fmt.Sprintf(format, i)}, "a")
			}
			time.Sleep(time.Minute)
			wantFetches(t, w, want)
			if got := int(peak.Load()); got != want {
				t.Errorf("%s: %d at a time, want %d", format, got, want)
			}
		})
	}
}

func TestOriginsAreThrottledApart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		for _, url := range []string{"https://one.example/", "https://two.example/"} {
			wantKeys(t, c, url, "a", 1)
			wantError(t, c, url, "b", ErrNoKey)
		}
		wantFetches(t, w, 4)
	})
}

func TestFailuresAreRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.fail()
		for range 100 {
			wantError(t, c, theURL, "a", errDown)
		}
		wantFetches(t, w, 1)
		w.serve(newSet(t, "a"))
		time.Sleep(negativeTTL - 1)
		wantError(t, c, theURL, "a", errDown)
		time.Sleep(time.Nanosecond)
		wantKeys(t, c, theURL, "a", 1)
		wantFetches(t, w, 2)
	})
}

func TestNoJWKSetIsAFailure(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"kid":"a"}`, `[]`} {
		inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
			w.serve(body)
			for range 2 {
				_, err := c.Keys(t.Context(), "buyer", &storage.ClientMetadata{JWKSURI: theURL}, "a")
				if err == nil || errors.Is(err, ErrNoKey) {
					t.Errorf("%q: got %v, want a failure", body, err)
				}
			}
			wantFetches(t, w, 1)
		})
	}
}

func TestStaleKeysServeOnError(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		wantKeys(t, c, theURL, "a", 1)
		w.fail()
		start := time.Now()
		for time.Since(start) < maxStale-time.Second {
			time.Sleep(time.Minute - time.Second/60)
			wantKeys(t, c, theURL, "a", 1)
			wantError(t, c, theURL, "b", errDown)
		}
		time.Sleep(maxStale - time.Since(start))
		wantError(t, c, theURL, "a", errDown)
		w.serve(newSet(t, "a"))
		time.Sleep(negativeTTL)
		wantKeys(t, c, theURL, "a", 1)
	})
}

func TestFetchHasItsOwnTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.set(func(ctx context.Context, _ string) (*outbound.Document, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		wantError(t, c, theURL, "a", context.DeadlineExceeded)
		if waited := time.Since(start); waited != defaultFetchTimeout {
			t.Errorf("waited %v, want %v", waited, defaultFetchTimeout)
		}
	})
}

// The sets and what is known of the origins are bounded alike: the first is
// forgotten, the last is not.
func TestURLsAreBounded(t *testing.T) {
	w := &web{}
	w.serve(newSet(t, "a"))
	now := time.Unix(1_700_000_000, 0)
	c := NewClientKeys(ClientKeysConfig{Outbound: w, MaxSets: 3, Clock: func() time.Time { return now }})
	look := func(i int) {
		url := fmt.Sprintf("https://buyer-%d.example/", i)
		wantKeys(t, c, url, "a", 1)
		wantError(t, c, url, "b", ErrNoKey)
	}
	for i := range 4 {
		look(i)
	}
	for i := range 3 {
		look(1 + i)
	}
	wantFetches(t, w, 2*4)
	look(0)
	wantFetches(t, w, 2*5)
	now = now.Add(minTTL)
	look(0)
	wantFetches(t, w, 2*6)
}
