package key

import (
	"context"
	"errors"
	"fmt"
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

func TestFirstCallersShareOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		set := newSet(t, "a")
		w.set(func(context.Context, string) (*outbound.Document, error) {
			time.Sleep(time.Second)
			return &outbound.Document{Body: []byte(set)}, nil
		})
		for range 50 {
			go wantKeys(t, c, theURL, "a", 1)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantKeys(t, c, theURL, "a", 1)
		wantFetches(t, w, 1)
	})
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

func TestRotationIsPickedUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "old"))
		wantKeys(t, c, theURL, "old", 1)
		w.serve(newSet(t, "old", "new"))
		time.Sleep(time.Second)
		wantKeys(t, c, theURL, "new", 1)
		wantKeys(t, c, theURL, "old", 1)
		wantFetches(t, w, 2)
		w.serve(newSet(t, "new"))
		time.Sleep(minTTL)
		wantKeys(t, c, theURL, "new", 1)
		wantError(t, c, theURL, "old", ErrNoKey)
	})
}

// All who bring the new kid while it is being fetched wait for it, though only
// one refresh is allowed.
func TestRotationUnderLoad(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "old"))
		wantKeys(t, c, theURL, "old", 1)
		set := newSet(t, "new")
		w.set(func(context.Context, string) (*outbound.Document, error) {
			time.Sleep(time.Second)
			return &outbound.Document{Body: []byte(set)}, nil
		})
		for i := range 50 {
			go func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				wantKeys(t, c, theURL, "new", 1)
			}()
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		wantFetches(t, w, 2)
	})
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

// The fetch that fills the cache for an unknown kid is also the one that the
// kid may cost.
func TestUnknownKidAtFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		wantError(t, c, theURL, "b", ErrNoKey)
		wantError(t, c, theURL, "b", ErrNoKey)
		wantFetches(t, w, 1)
		time.Sleep(forcedInterval)
		wantError(t, c, theURL, "b", ErrNoKey)
		wantFetches(t, w, 2)
	})
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

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{
		"https://Buyer.example/a?b": "https://buyer.example:443", "https://buyer.example.:443/": "https://buyer.example:443",
		"https://buyer.example:8443": "https://buyer.example:8443", "https://[::1]/": "https://::1:443", "%zz": "%zz",
	} {
		if got := origin(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
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

// A refresh that an unknown kid forced and that failed leaves the known keys
// alone.
func TestForcedRefreshFails(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		wantKeys(t, c, theURL, "a", 1)
		w.fail()
		wantError(t, c, theURL, "b", errDown)
		wantKeys(t, c, theURL, "a", 1)
		wantFetches(t, w, 2)
	})
}

func TestEmptiedSetIsNotStale(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.serve(newSet(t, "a"))
		wantKeys(t, c, theURL, "a", 1)
		w.serve(`{"keys":[]}`)
		time.Sleep(minTTL)
		wantError(t, c, theURL, "a", ErrNoKey)
	})
}

func TestCancellationIsOnesOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		set := newSet(t, "a")
		w.set(func(ctx context.Context, _ string) (*outbound.Document, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(3 * time.Second):
				return &outbound.Document{Body: []byte(set)}, nil
			}
		})
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		gaveUp := make(chan error, 1)
		go func() {
			_, err := c.Keys(first, "buyer", &storage.ClientMetadata{JWKSURI: theURL}, "a")
			gaveUp <- err
		}()
		synctest.Wait()
		for range 10 {
			go wantKeys(t, c, theURL, "a", 1)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first: got %v, want DeadlineExceeded", err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		wantFetches(t, w, 1)
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

func TestPanicIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		w.set(func(context.Context, string) (*outbound.Document, error) { panic("nobody recovers this") })
		wantError(t, c, theURL, "a", errPanic)
	})
}

func TestURLsAreBounded(t *testing.T) {
	w := &web{}
	w.serve(newSet(t, "a"))
	now := time.Unix(1_700_000_000, 0)
	c := NewClientKeys(ClientKeysConfig{Outbound: w, MaxSets: 3, Clock: func() time.Time { return now }})
	for i := range 10 {
		url := fmt.Sprintf("https://buyer-%d.example/", i)
		wantKeys(t, c, url, "a", 1)
		wantError(t, c, url, "b", ErrNoKey)
	}
	if sets, origins := c.byURL.sets.Len(), c.byURL.forced.last.Len(); sets != 3 || origins != 3 {
		t.Errorf("%d sets and %d origins are kept, want 3", sets, origins)
	}
}
