package did

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

const (
	negativeTTL    = 30 * time.Second // of a failure
	forcedInterval = 30 * time.Second // between refreshes that a value gave cause for
	maxStale       = time.Hour        // age of a value that serves while refreshes fail
)

// keeper keeps what is fetched under a key. It is safe for concurrent use.
type keeper[V any] struct {
	// fetch returns a value and how long it is kept. It may panic.
	fetch func(ctx context.Context, key string) (V, time.Duration, error)
	// final tells errors that end the use of an old value.
	final   func(error) bool
	clock   func() time.Time
	timeout time.Duration
	entries *lru.Cache[string, *entry[V]]
	flights singleflight.Group
}

// entry is what is known of a key. It does not change.
type entry[V any] struct {
	value   V
	has     bool // that there is a value
	fetched time.Time
	expires time.Time // until then it is not fetched again without need
	forced  time.Time // when it last was, for need or in vain
	failure error     // of the last fetch, if it failed
}

// find looks in the cache first and fetches if that does not settle it. It
// returns a value that does not fit only if it is as new as it may be.
func (k *keeper[V]) find(ctx context.Context, key string, fits func(V) bool) (V, error) {
	e, ok := k.entries.Get(key)
	if !ok || !e.settles(fits, k.clock()) {
		var err error
		if e, err = k.wait(ctx, key, fits); err != nil {
			return *new(V), err
		}
	}
	if e.failure != nil && !e.fits(fits) {
		return *new(V), e.failure
	}
	return e.value, nil
}

func (e *entry[V]) fits(fits func(V) bool) bool { return e.has && fits(e.value) }

// settles reports whether no fetch could help: the value fits, or it was tried
// to no avail a moment ago.
func (e *entry[V]) settles(fits func(V) bool, now time.Time) bool {
	return now.Before(e.expires) && (e.failure != nil || e.fits(fits))
}

// wait shares one load among all callers. Each waits no longer than its own
// context; the load goes on without it.
func (k *keeper[V]) wait(ctx context.Context, key string, fits func(V) bool) (*entry[V], error) {
	load := k.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.timeout)
		defer cancel()
		return k.load(ctx, key, fits), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-load:
		return result.Val.(*entry[V]), nil
	}
}

// load decides anew whether to fetch, for what a caller saw before it came
// here may be out of date; then it fetches.
func (k *keeper[V]) load(ctx context.Context, key string, fits func(V) bool) *entry[V] {
	now := k.clock()
	old, ok := k.entries.Get(key)
	fresh := ok && now.Before(old.expires)
	if fresh && (old.settles(fits, now) || now.Sub(old.forced) < forcedInterval) {
		return old
	}
	e := k.refresh(ctx, key, old)
	if fresh || !e.fits(fits) {
		// This was the fetch that a value which does not fit may cost.
		e.forced = now
	}
	k.entries.Add(key, e)
	return e
}

// refresh never fails: what went wrong is in the entry, beside the value of
// the old one if that still serves. old may be nil.
func (k *keeper[V]) refresh(ctx context.Context, key string, old *entry[V]) *entry[V] {
	value, ttl, err := k.get(ctx, key)
	now := k.clock()
	e := &entry[V]{}
	if old != nil {
		e.forced = old.forced
	}
	if err == nil {
		e.value, e.has, e.fetched, e.expires = value, true, now, now.Add(ttl)
		return e
	}
	e.failure, e.expires = err, now.Add(negativeTTL)
	if old == nil || !old.has || k.final(err) || now.Sub(old.fetched) >= maxStale {
		return e
	}
	e.value, e.has, e.fetched = old.value, true, old.fetched
	if end := old.fetched.Add(maxStale); end.Before(e.expires) {
		e.expires = end
	}
	return e
}

var errPanic = errors.New("did: the resolver panicked")

// get turns a panic into an error, because nobody could recover it: it would
// come up in a goroutine of the flight and end the process.
func (k *keeper[V]) get(ctx context.Context, key string) (value V, ttl time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return k.fetch(ctx, key)
}
