package credential

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

const (
	failureTTL  = 30 * time.Second // how long a failure is not tried again
	loadTimeout = 10 * time.Second // of one load, whoever waits for it
)

// cache keeps what was loaded until it expires, and never serves it longer:
// whoever asks relies on the answer being fresh. Callers at the same time share
// one load, and one that gives up does not stop it. It is safe for concurrent
// use.
type cache[T any] struct {
	clock   func() time.Time
	load    func(ctx context.Context, of string) (T, time.Duration, error)
	weigh   func(T) int64 // nil: entries weigh nothing
	most    int64         // that all entries may weigh
	weight  atomic.Int64
	entries *lru.Cache[string, *entry[T]]
	flights singleflight.Group
}

// entry does not change.
type entry[T any] struct {
	value           T
	err             error
	loaded, expires time.Time
	weight          int64
}

// open makes room for so many entries, at least one.
func (c *cache[T]) open(entries int) *cache[T] {
	made, err := lru.NewWithEvict(entries, func(_ string, e *entry[T]) { c.weight.Add(-e.weight) })
	if err != nil {
		panic(err) // of sizes below 1 alone
	}
	c.entries = made
	return c
}

// get returns the value. One that is fresh and not good enough is loaded again,
// at most once in failureTTL; good may be nil.
func (c *cache[T]) get(ctx context.Context, of string, good func(T) bool) (T, error) {
	e, ok := c.entries.Get(of)
	if !ok || !c.serves(e, good) {
		var err error
		if e, err = c.wait(ctx, of, good); err != nil {
			var none T
			return none, err
		}
	}
	return e.value, e.err
}

func (c *cache[T]) serves(e *entry[T], good func(T) bool) bool {
	now := c.clock()
	if !now.Before(e.expires) {
		return false
	}
	return good == nil || e.err != nil || good(e.value) || now.Sub(e.loaded) < failureTTL
}

func (c *cache[T]) wait(ctx context.Context, of string, good func(T) bool) (*entry[T], error) {
	flight := c.flights.DoChan(of, func() (any, error) {
		// Another flight may have landed since the caller looked.
		if e, ok := c.entries.Get(of); ok && c.serves(e, good) {
			return e, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return c.fill(ctx, of), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-flight:
		return result.Val.(*entry[T]), nil
	}
}

func (c *cache[T]) fill(ctx context.Context, of string) *entry[T] {
	value, ttl, err := c.try(ctx, of)
	now := c.clock()
	e := &entry[T]{value: value, err: err, loaded: now, expires: now.Add(ttl)}
	if err != nil {
		e.expires = now.Add(failureTTL)
	} else if c.weigh != nil {
		e.weight = c.weigh(value)
	}
	c.entries.Remove(of) // so that what it weighed is taken off
	c.weight.Add(e.weight)
	c.entries.Add(of, e)
	for c.weight.Load() > c.most && c.entries.Len() > 1 {
		c.entries.RemoveOldest()
	}
	return e
}

var errPanic = errors.New("credential: the load panicked")

// try turns a panic into an error, because nobody could recover it: it would
// come up in a goroutine of the flight and end the process.
func (c *cache[T]) try(ctx context.Context, of string) (value T, ttl time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return c.load(ctx, of)
}
