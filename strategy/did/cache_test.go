package did

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// web is a Resolver that counts and does as it is told.
type web struct {
	mu      sync.Mutex
	asked   int
	resolve func(context.Context) (*Document, error)
}

func (w *web) Resolve(ctx context.Context, _ DID) (*Document, error) {
	w.mu.Lock()
	w.asked++
	resolve := w.resolve
	w.mu.Unlock()
	return resolve(ctx)
}

func (w *web) set(resolve func(context.Context) (*Document, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolve = resolve
}

func (w *web) serve(doc *Document) {
	w.set(func(context.Context) (*Document, error) { return doc, nil })
}

func (w *web) fail(err error) {
	w.set(func(context.Context) (*Document, error) { return nil, err })
}

var errDown = errors.New("down")

// inBubble runs a test on synthetic time.
func inBubble(t *testing.T, test func(*testing.T, *web, *Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &web{}
		test(t, w, NewCache(CacheConfig{Resolver: w}))
	})
}

func wantAsked(t *testing.T, w *web, n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != n {
		t.Errorf("resolved %d times so far, want %d", w.asked, n)
	}
}

// having is a document with these keys.
func having(t *testing.T, fragments ...string) *Document {
	methods, references := "", ""
	for i, fragment := range fragments {
		if i > 0 {
			methods, references = methods+",", references+","
		}
		methods += jwkMethod(fragment, jwkP256)
		references += `"` + fragment + `"`
	}
	return parse(t, document(`"verificationMethod":[`+methods+`],"authentication":[`+references+`]`))
}

func wantKey(t *testing.T, c *Cache, kid string, want error) {
	t.Helper()
	keys, err := c.Keys(t.Context(), mustParse(t, buyer), Authentication, kid)
	if !errors.Is(err, want) || err == nil != (len(keys) == 1) {
		t.Errorf("%s: %d keys, %v, want %v", kid, len(keys), err, want)
	}
}

func TestLifetimeOfADocument(t *testing.T) {
	for maxAge, want := range map[time.Duration]time.Duration{
		0: minTTL, time.Minute: minTTL, 7 * time.Minute: 7 * time.Minute, time.Hour: maxTTL,
	} {
		inBubble(t, func(t *testing.T, w *web, c *Cache) {
			doc := having(t, "#a")
			doc.maxAge = maxAge
			w.serve(doc)
			wantKey(t, c, "#a", nil)
			time.Sleep(want - 1)
			wantKey(t, c, buyer+"#a", nil)
			wantAsked(t, w, 1)
			time.Sleep(time.Nanosecond)
			wantKey(t, c, "#a", nil)
			wantAsked(t, w, 2)
		})
	}
}

func TestStormOfUnknownKids(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		w.serve(having(t, "#a"))
		wantKey(t, c, "#a", nil)
		storm := func() {
			for i := range 2000 {
				go wantKey(t, c, fmt.Sprintf("#unknown-%d", i), ErrNoKey)
			}
			synctest.Wait()
		}
		storm()
		wantAsked(t, w, 2)
		time.Sleep(forcedInterval - 1)
		storm()
		wantAsked(t, w, 2)
		time.Sleep(time.Nanosecond)
		storm()
		wantAsked(t, w, 3)
	})
}

// The first document is also the one that an unknown kid may cost, and a kid
// of another DID costs nothing.
func TestKidsThatCostNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		w.serve(having(t, "#a"))
		for _, kid := range []string{"", "a", buyer, "did:web:thief.example#a", buyer + ".evil#a"} {
			wantKey(t, c, kid, ErrNoKey)
		}
		wantAsked(t, w, 0)
		wantKey(t, c, "#b", ErrNoKey)
		wantKey(t, c, "#b", ErrNoKey)
		wantAsked(t, w, 1)
	})
}

// A new service endpoint is found early, as a new key is.
func TestCachedServiceEndpoint(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		const uri = "https://buyer.example/cb"
		w.serve(having(t, "#a"))
		has := func(want bool) {
			t.Helper()
			if got, err := c.HasServiceEndpoint(t.Context(), mustParse(t, buyer), uri); err != nil || got != want {
				t.Errorf("got %v, %v", got, err)
			}
		}
		has(false)
		w.serve(parse(t, document(`"service":[{"id":"#s","type":"T","serviceEndpoint":"`+uri+`"}]`)))
		has(false)
		wantAsked(t, w, 1)
		time.Sleep(forcedInterval)
		has(true)
		wantAsked(t, w, 2)
	})
}

func TestResolutionHasItsOwnTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *Cache) {
		w.set(func(ctx context.Context) (*Document, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		wantKey(t, c, "#a", context.DeadlineExceeded)
		if took := time.Since(start); took != defaultTimeout {
			t.Errorf("took %v", took)
		}
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

func TestSizeOfTheCache(t *testing.T) {
	w := &web{}
	now := time.Unix(1_790_000_000, 0)
	c := NewCache(CacheConfig{Resolver: w, MaxDocuments: 1, Clock: func() time.Time { return now }})
	w.serve(having(t, "#a"))
	wantKey(t, c, "#a", nil)
	wantKey(t, c, "#a", nil)
	wantAsked(t, w, 1)
	w.fail(errDown)
	c.Resolve(t.Context(), mustParse(t, "did:web:other.example"))
	w.serve(having(t, "#a"))
	wantKey(t, c, "#a", nil)
	wantAsked(t, w, 3)
	now = now.Add(minTTL)
	wantKey(t, c, "#a", nil)
	wantAsked(t, w, 4)
	_, err := c.Resolve(t.Context(), DID{})
	wantError(t, err, ErrInvalid)
	_, err = NewCache(CacheConfig{}).Resolve(t.Context(), mustParse(t, "did:web:localhost"))
	wantError(t, err, ErrInvalid)
}

func BenchmarkCachedKeys(b *testing.B) {
	c := NewCache(CacheConfig{})
	id := mustParse(b, "did:key:"+edText)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Keys(b.Context(), id, Authentication, "#"+edText); err != nil {
			b.Fatal(err)
		}
	}
}
