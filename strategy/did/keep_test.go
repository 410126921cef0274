package did

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// The first caller's end does not end the resolution, its own timeout does.
func TestResolutionHasItsOwnTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		w.set(func(ctx context.Context) (*Document, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		gone, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		if _, err := c.Resolve(gone, mustParse(t, buyer)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		wantKey(t, c, "#a", context.DeadlineExceeded)
		if took := time.Since(start); took != defaultTimeout-time.Second {
			t.Errorf("took %v", took)
		}
		wantAsked(t, w, 1)
	})
}

func TestFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		w.fail(errDown)
		wantKey(t, c, "#a", errDown)
		time.Sleep(negativeTTL - 1)
		wantKey(t, c, "#a", errDown)
		wantAsked(t, w, 1)
		w.serve(having(t, "#a"))
		time.Sleep(time.Nanosecond)
		wantKey(t, c, "#a", nil)
		w.fail(errDown)
		wantKey(t, c, "#b", errDown) // the one refresh that it may cost
		wantKey(t, c, "#a", nil)
		wantAsked(t, w, 3)
		time.Sleep(maxStale - 1)
		wantKey(t, c, "#a", nil)
		time.Sleep(time.Nanosecond)
		wantKey(t, c, "#a", errDown)
	})
}

// An answer ends the old document, the lack of one does not.
func TestAnswersAreNotStale(t *testing.T) {
	for _, answer := range []error{ErrDeactivated, ErrNotFound, ErrInvalid, ErrMethod} {
		inBubble(t, func(t *testing.T, w *web, c *Cache) {
			w.serve(having(t, "#a"))
			wantKey(t, c, "#a", nil)
			w.fail(fmt.Errorf("x: %w", answer))
			time.Sleep(minTTL)
			wantKey(t, c, "#a", answer)
			w.fail(errDown)
			time.Sleep(negativeTTL)
			wantKey(t, c, "#a", errDown)
		})
	}
}

func TestResolverThatMisbehaves(t *testing.T) {
	for name, resolve := range map[string]func(context.Context) (*Document, error){
		"panics":          func(context.Context) (*Document, error) { panic("boom") },
		"gives nothing":   func(context.Context) (*Document, error) { return nil, nil },
		"gives another's": func(context.Context) (*Document, error) { return &Document{id: DID{"did:web:thief.example"}}, nil },
	} {
		inBubble(t, func(t *testing.T, w *web, c *Cache) {
			w.set(resolve)
			if doc, err := c.Resolve(t.Context(), mustParse(t, buyer)); err == nil || doc != nil {
				t.Errorf("%s: %v, %v", name, doc, err)
			}
		})
	}
}
