package credential_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// A client whose credential is revoked or suspended later is refused at the
// token endpoint; nothing is asked before it is time.
func TestMEFR8_Recheck(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(w *world)
		minutes int64
		why     error
		rule    profile.Rule
	}{
		{"before its time", func(w *world) { clear(w.lists.page) }, 4, nil, ""},
		{"still good", func(*world) {}, 5, nil, ""},
		{"revoked", func(w *world) { w.publishList(nil, position) }, 5, credential.ErrRevoked, "MEF-R8"},
		{"unavailable", func(w *world) { clear(w.lists.page) }, 5, credential.ErrStatusUnavailable, "MEF-R8"},
		{"expired", func(*world) {}, 25 * 60, credential.ErrExpired, "MEF-R4"},
		{"anchor dropped", func(w *world) { w.verifier.Policy.Anchors = nil }, 5, credential.ErrNotAnchored, "MEF-R6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			b := must(w.verifier.Verify(t.Context(), present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))))
			test.change(w)
			w.clock.Add(test.minutes * 60)
			again, err := w.verifier.Recheck(t.Context(), b)
			if test.why != nil {
				wantViolation(t, err, test.rule, "invalid_client")
				if !errors.Is(err, test.why) || !again.NextCheck.Equal(b.NextCheck) {
					t.Errorf("got %v with %v, want it to wrap %v", errors.Unwrap(err), again.NextCheck, test.why)
				}
				return
			}
			moved := again.NextCheck.Sub(b.NextCheck)
			if err != nil || test.minutes >= 5 && moved != 5*time.Minute || test.minutes < 5 && moved != 0 {
				t.Errorf("got %v, next check after %v", err, moved)
			}
		})
	}
}

// A binding is looked at again when its credential runs out, if that is first.
func TestNextCheckAtExpiry(t *testing.T) {
	a := newAttempt(t)
	a.with(map[string]any{"validUntil": now.Add(3 * time.Minute).Format(time.RFC3339)})
	a.vp.Credentials = []string{a.vc}
	b, err := a.w.verifier.Verify(t.Context(), credential.Request{Presentation: must(a.holder.Present(a.vp))})
	if err != nil || !b.NextCheck.Equal(now.Add(3*time.Minute)) {
		t.Errorf("got %v, %v", b.NextCheck, err)
	}
}

// The list is kept for its ttl, its validUntil or 5 minutes, and a failure for
// 30 s.
func TestMEFR8_Cache(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*credential.List)
		keeps  time.Duration
	}{
		{"default", nil, 5 * time.Minute},
		{"ttl", func(l *credential.List) { l.TTL = 2 * time.Minute }, 2 * time.Minute},
		{"ttl too short", func(l *credential.List) { l.TTL = time.Millisecond }, time.Second},
		{"ttl too long", func(l *credential.List) { l.TTL = time.Hour * 24 * 365 * 200 }, 15 * time.Minute},
		{"validUntil", func(l *credential.List) { l.TTL, l.Until = 10*time.Minute, now.Add(time.Minute) }, time.Minute},
		{"validUntil just over", func(l *credential.List) { l.TTL, l.Until = 10*time.Minute, now.Add(-time.Second) }, time.Second},
		{"failure", func(l *credential.List) { l.URL += "0" }, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.publishList(test.change)
			e := entity(credential.V2).Status[0]
			e.Issuer = registry
			for _, step := range []struct{ after, gets int }{{0, 1}, {int(test.keeps/time.Second) - 1, 1}, {1, 2}} {
				w.clock.Add(int64(step.after))
				_ = w.statuses.Check(t.Context(), e)
				if w.lists.gets != step.gets {
					t.Errorf("%d fetches after %d s, want %d", w.lists.gets, w.clock.Load()-now.Unix(), step.gets)
				}
			}
		})
	}
}

// What Verify would not have returned is not believed either, wherever it was
// kept.
func TestMEFR8_RecheckOfAnother(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world, b *credential.Binding)
		why    error
		rule   profile.Rule
	}{
		{"nothing", func(_ *world, b *credential.Binding) { *b = credential.Binding{} }, credential.ErrNotAnchored, "MEF-R6"},
		{"nothing, where anybody may issue his own", func(w *world, b *credential.Binding) {
			w.verifier.Policy.AcceptSelfIssued = func(context.Context, credential.Binding) (bool, error) { return true, nil }
			*b = credential.Binding{}
		}, credential.ErrNotAnchored, "MEF-R6"},
		{"self-issued, which is not accepted any more", func(w *world, b *credential.Binding) {
			w.verifier.Policy.AcceptSelfIssued = func(context.Context, credential.Binding) (bool, error) { return false, nil }
			b.Anchor, b.NextCheck = "", time.Time{}
		}, credential.ErrNotAnchored, "MEF-R6"},
		{"no status", func(_ *world, b *credential.Binding) { b.Status, b.NextCheck = nil, time.Time{} }, credential.ErrStatusUnavailable, "C-16"},
		{"a check in years", func(w *world, b *credential.Binding) {
			b.NextCheck = now.Add(1000 * time.Hour)
			w.publishList(nil, position)
			w.clock.Add(5 * 60)
		}, credential.ErrRevoked, "MEF-R8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			b := must(w.verifier.Verify(t.Context(), present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))))
			test.change(w, &b)
			_, err := w.verifier.Recheck(t.Context(), b)
			wantViolation(t, err, test.rule, "invalid_client")
			if !errors.Is(err, test.why) {
				t.Errorf("got %v, want it to wrap %v", errors.Unwrap(err), test.why)
			}
		})
	}
}

// What a list says of its life is the answer's: a binding is looked at again
// when the first of its lists is stale, and at StatusMaxAge at the latest.
func TestMEFR8_NextCheck(t *testing.T) {
	for ttl, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 2 * time.Minute: 2 * time.Minute, 15 * time.Minute: 10 * time.Minute,
	} {
		w := newWorld(t)
		w.verifier.Policy.StatusMaxAge = 10 * time.Minute
		w.publishList(func(l *credential.List) { l.TTL = ttl })
		b := must(w.verifier.Verify(t.Context(), present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))))
		if got := b.NextCheck.Sub(now); got != want {
			t.Errorf("a ttl of %v gives %v, want %v", ttl, got, want)
		}
	}
}

// Where a list says nothing of its life, its Cache-Control does.
func TestMEFR8_CacheControl(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{
		0: time.Second, time.Minute: time.Minute, time.Hour: 15 * time.Minute,
	} {
		w := newWorld(t)
		w.lists.age = &age
		b := must(w.verifier.Verify(t.Context(), present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))))
		if got := b.NextCheck.Sub(now); got != want {
			t.Errorf("a max-age of %v gives %v, want %v", age, got, want)
		}
	}
}

// Callers share one fetch, and one that gives up does not stop it.
func TestStatusConcurrently(t *testing.T) {
	w := newWorld(t)
	e := entity(credential.V2).Status[0]
	e.Issuer = registry
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			if n == 0 {
				_ = w.statuses.Check(gone, e)
			} else if err := w.statuses.Check(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if w.lists.gets != 1 {
		t.Errorf("%d fetches, want 1", w.lists.gets)
	}
}

// What one issuer's credential says of another's list does not spoil it.
func TestStatusOfAnotherIssuer(t *testing.T) {
	w := newWorld(t)
	e := entity(credential.V2).Status[0]
	for issuer, want := range map[string]error{agency: credential.ErrStatusUnavailable, registry: nil} {
		e.Issuer = issuer
		if err := w.statuses.Check(t.Context(), e); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", issuer, err, want)
		}
	}
}

// panicking is a Getter with a fault.
type panicking struct{ credential.Getter }

func TestStatusPanic(t *testing.T) {
	w := newWorld(t)
	lists := credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: w.keys, Outbound: panicking{}})
	if err := lists.Check(t.Context(), entity(credential.V2).Status[0]); !errors.Is(err, credential.ErrStatusUnavailable) {
		t.Error(err)
	}
}

// hanging is a Getter whose server never answers.
type hanging struct{}

func (hanging) Get(ctx context.Context, _ string, _ ...string) (*outbound.Document, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A fetch ends by itself, however long a caller would wait.
func TestFetchesEnd(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		lists := credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: w.keys, Outbound: hanging{}})
		sets := must(credential.NewKeySets(credential.KeySetsConfig{
			Sets: map[string]credential.KeySet{directory: {JWKSURI: jwksURL}}, Outbound: hanging{},
		}))
		start := time.Now()
		err1 := lists.Check(t.Context(), entity(credential.V2).Status[0])
		_, err2 := sets.Keys(t.Context(), directory, "k", credential.AssertionMethod)
		if took := time.Since(start); took != 2*10*time.Second || !errors.Is(err1, context.DeadlineExceeded) || !errors.Is(err2, context.DeadlineExceeded) {
			t.Errorf("got %v and %v after %v", err1, err2, took)
		}
	})
}

// The memory for lists is bounded: the oldest ones go.
func TestStatusMemory(t *testing.T) {
	w := newWorld(t)
	lists := credential.NewStatusLists(credential.StatusConfig{
		Profile: &w.profile, Keys: w.keys, Outbound: w.lists, Clock: w.verifier.Clock, MaxBytes: 3 * credential.MinBits / 8,
	})
	check := func(url string) {
		if err := lists.Check(t.Context(), credential.StatusEntry{Issuer: registry, Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: url}); err != nil {
			t.Fatal(err)
		}
	}
	urls := []string{listURL + "a", listURL + "b", listURL + "c", listURL + "d"}
	for _, url := range urls {
		w.lists.put(url, must(party(registry, "k1").StatusList(credential.List{URL: url, Purpose: credential.Revocation, Bits: credential.NewBits(0)})))
		check(url)
	}
	for _, url := range urls[1:] {
		check(url)
	}
	if w.lists.gets != 4 {
		t.Errorf("%d fetches, want 4", w.lists.gets)
	}
	if check(urls[0]); w.lists.gets != 5 {
		t.Errorf("%d fetches, want the first list again", w.lists.gets)
	}
}
