package keep

import (
	"context"
	"time"
)

// Config configures a Cache of values V, of which a caller states what it
// wants as a W. Load, Size, Timeout and FailureTTL are required; every other
// field has a useful zero value. The functions must be safe for concurrent use,
// and none but Load may panic.
type Config[V, W any] struct {
	// Load returns the value of a key and how long it is kept. If it panics,
	// the error is ErrPanic.
	Load func(ctx context.Context, key string) (V, time.Duration, error)
	// Fits tells whether a value has what a caller wants; nil means that every
	// value does.
	Fits func(V, W) bool
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
	// Timeout bounds one load, its wait for a turn included, whoever waits for
	// it.
	Timeout time.Duration
	// Size bounds the entries, failures included; below 1 counts as 1.
	Size int

	// MaxLoads bounds the loads at a time, MaxLoadsPerOrigin those of the keys
	// of which Origin says the same; 0 means no bound. The first should be many
	// times the second, so that slow origins leave turns for others. A load may
	// load from another Cache, which has turns of its own; that one must not
	// load from this one in turn, for two loads would wait for each other until
	// their Timeout.
	MaxLoads, MaxLoadsPerOrigin int
	// Origin tells where a key is loaded from; nil means that all keys have one
	// origin.
	Origin func(key string) string

	// FailureTTL is how long a load that failed is not repeated.
	FailureTTL time.Duration
	// MaxStale is the age up to which a value serves while loads fail; 0 means
	// that it does not once it is no longer fresh.
	MaxStale time.Duration
	// Final tells failures that are an answer: they end the use of a value,
	// also of a fresh one. nil means that there are none.
	Final func(error) bool

	// A fresh value that does not fit is loaded early, if all three allow it.

	// Interval is the least time between two early loads of a key. A load that
	// brought nothing that fits counts as one.
	Interval time.Duration
	// MinAge is the least age of the value.
	MinAge time.Duration
	// Allow tells whether the key may be loaded early, and counts it if so. In
	// the same way, and with the time at which it began, it is told of a load
	// that brought nothing that fits: that is the one that the wish may cost.
	// nil allows it always.
	Allow func(key string, now time.Time) bool

	// Where there are too many entries, or all are too heavy, those without a
	// value go first, and then the oldest of an owner that has more than a quarter
	// of all there may be: so nobody with many pushes out what another uses. Else
	// the oldest goes. The newest of all stays in any case.

	// Weigh tells what a value weighs, 0 or more; nil means nothing.
	Weigh func(V) int64
	// MaxWeight bounds what all values weigh together.
	MaxWeight int64
	// Owner tells whose a key is; nil means that all keys have one owner.
	Owner func(key string) string
}

func (c *Config[V, W]) origin(key string) string {
	if c.Origin == nil {
		return ""
	}
	return c.Origin(key)
}

func (c *Config[V, W]) allows(key string, now time.Time) bool {
	return c.Allow == nil || c.Allow(key, now)
}
