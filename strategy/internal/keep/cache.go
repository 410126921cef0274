// Package keep remembers what is fetched under a key: JWK Sets, DID documents,
// status lists. Whoever asks gets a value that is fresh, or an old one while
// loads fail, where the Config allows that.
//
// Callers at the same time share one load, and one that gives up does not stop
// it. Loads wait for their turn, so that there are never too many at a time; one
// that nobody waits for any more before its turn is dropped.
//
// A fresh value that lacks what a caller wants is loaded early, within the
// limits of the Config: strangers choose what is wanted. A load that failed is
// not repeated at once.
//
// Deliberately absent: goroutines but loads that somebody asked for, refreshes
// ahead of time, and a way to forget a value.
package keep

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrPanic means that a load panicked. It is a failure like any other.
var ErrPanic = errors.New("the load panicked")

// ErrBusy means that it was not a load's turn within the Timeout. It is not
// remembered, but where an old value serves.
var ErrBusy = errors.New("too many loads at a time")

// errDropped ends a load that nobody waits for, and that nobody sees.
var errDropped = errors.New("nobody waits for the load")

// Cache keeps values by key. It is safe for concurrent use.
type Cache[V, W any] struct {
	config  Config[V, W]
	entries *shelf[V]
	flights flights[V]
	queue   queue
}

// entry is what is known of a key. It does not change.
type entry[V any] struct {
	value   V
	has     bool // that there is a value
	owner   string
	weight  int64
	loaded  time.Time // when the value came
	expires time.Time // until then it is not loaded again without need
	early   time.Time // when it last was, for need or in vain
	failure error     // of the last load, if it failed
	retry   time.Time // until then a load that failed is not repeated
}

// New returns an empty Cache.
func New[V, W any](config Config[V, W]) *Cache[V, W] {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	return &Cache[V, W]{
		config:  config,
		entries: newShelf[V](config.Size, config.MaxWeight),
		flights: flights[V]{byKey: map[string]*flight[V]{}},
		queue:   queue{all: NewTurns(config.MaxLoads), perOrigin: config.MaxLoadsPerOrigin, origins: map[string]*originTurns{}},
	}
}

// Get returns the value of the key. One that does not fit it returns only if
// that is as new as it may be. The error is that of ctx, or of the last load if
// that failed and no old value that fits may serve.
func (c *Cache[V, W]) Get(ctx context.Context, key string, want W) (V, error) {
	e, ok := c.entries.get(key)
	if !ok || !c.settles(e, want, c.config.Clock()) {
		var err error
		if e, err = c.wait(ctx, key, want); err != nil {
			return *new(V), err
		}
	}
	if e.failure != nil && !c.fits(e, want) {
		return *new(V), e.failure
	}
	return e.value, nil
}

func (c *Cache[V, W]) fits(e *entry[V], want W) bool {
	return e.has && (c.config.Fits == nil || c.config.Fits(e.value, want))
}

func (e *entry[V]) fresh(now time.Time) bool { return now.Before(e.expires) }

// settles reports whether a load could not help or is too early: the value
// fits, or it was tried to no avail a moment ago.
func (c *Cache[V, W]) settles(e *entry[V], want W, now time.Time) bool {
	return now.Before(e.retry) || e.fresh(now) && (c.fits(e, want) ||
		now.Sub(e.early) < c.config.Interval || now.Sub(e.loaded) < c.config.MinAge)
}

// wait shares one load among all callers. Each waits no longer than its own
// context; a load that has begun goes on without it.
func (c *Cache[V, W]) wait(ctx context.Context, key string, want W) (*entry[V], error) {
	if err := ctx.Err(); err != nil {
		return nil, err // who is gone spends nothing of what others may need
	}
	f := c.flights.join(key, func(f *flight[V]) {
		loading, end := context.WithTimeout(context.WithoutCancel(ctx), c.config.Timeout)
		turn, drop := context.WithCancel(loading)
		f.turn, f.drop = turn, drop
		go func() {
			defer end()
			defer drop()
			c.flights.land(key, f, c.renew(loading, f, key, want))
		}()
	})
	select {
	case <-ctx.Done():
		c.flights.leave(key, f)
		return nil, ctx.Err()
	case <-f.done:
		return f.entry, nil
	}
}

// renew decides anew whether to load, for what a caller saw before it came here
// may be out of date; then it loads.
func (c *Cache[V, W]) renew(ctx context.Context, f *flight[V], key string, want W) *entry[V] {
	now := c.config.Clock()
	old, ok := c.entries.get(key)
	if !ok {
		old = &entry[V]{}
	}
	early := old.fresh(now)
	if c.settles(old, want, now) || early && !c.config.allows(key, now) {
		return old
	}
	e := c.next(ctx, f, key, old)
	if errors.Is(e.failure, errDropped) || errors.Is(e.failure, ErrBusy) && !e.has {
		return e // it says nothing of the source
	}
	if fits := c.fits(e, want); early || !fits {
		e.early = now
		if !fits {
			c.config.allows(key, now)
		}
	}
	c.store(key, e)
	return e
}

// next never fails: what went wrong is in the entry, beside the value of the
// old one if that still serves.
func (c *Cache[V, W]) next(ctx context.Context, f *flight[V], key string, old *entry[V]) *entry[V] {
	value, ttl, err := c.inTurn(ctx, f, key)
	now := c.config.Clock()
	if err == nil {
		return &entry[V]{value: value, has: true, loaded: now, expires: now.Add(ttl), early: old.early}
	}
	e := &entry[V]{failure: err, retry: now.Add(c.config.FailureTTL), early: old.early}
	end := c.end(old)
	if !old.has || !now.Before(end) || c.config.Final != nil && c.config.Final(err) {
		return e
	}
	e.value, e.has, e.loaded, e.expires = old.value, true, old.loaded, old.expires
	if end.Before(e.retry) {
		e.retry = end
	}
	return e
}

// end is when the value of an entry serves no longer, whatever fails: a fresh
// one is as good as before, for strangers choose what is loaded early.
func (c *Cache[V, W]) end(e *entry[V]) time.Time {
	stale := e.loaded.Add(c.config.MaxStale)
	if c.config.MaxStale <= 0 || stale.Before(e.expires) {
		return e.expires
	}
	return stale
}

// inTurn loads when it is the flight's turn.
func (c *Cache[V, W]) inTurn(ctx context.Context, f *flight[V], key string) (value V, ttl time.Duration, err error) {
	release, err := c.queue.take(f.turn, c.config.origin(key))
	if err == nil {
		defer release()
	}
	switch {
	case !c.flights.begin(f):
		return value, 0, errDropped
	case err != nil:
		return value, 0, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return c.try(ctx, key)
}

// try turns a panic into an error, because nobody could recover it: it would
// come up in a goroutine of the flight and end the process.
func (c *Cache[V, W]) try(ctx context.Context, key string) (value V, ttl time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = ErrPanic
		}
	}()
	return c.config.Load(ctx, key)
}

func (c *Cache[V, W]) store(key string, e *entry[V]) {
	if c.config.Weigh != nil && e.has {
		e.weight = c.config.Weigh(e.value)
	}
	if c.config.Owner != nil {
		e.owner = c.config.Owner(key)
	}
	c.entries.put(key, e)
}
