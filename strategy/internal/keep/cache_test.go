package keep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/keep"
)

// source is where values come from: lists of names. It counts and does as it is
// told.
type source struct {
	mu    sync.Mutex
	loads int
	load  func(context.Context) ([]string, error)
}

const (
	ttl        = 5 * time.Minute
	timeout    = 10 * time.Second
	failureTTL = 30 * time.Second
	interval   = 40 * time.Second
	maxStale   = time.Hour
)

func (s *source) set(load func(context.Context) ([]string, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load = load
}

func (s *source) serve(names ...string) {
	s.set(func(context.Context) ([]string, error) { return append([]string{}, names...), nil })
}

func (s *source) serveLate(late time.Duration, names ...string) {
	s.set(func(ctx context.Context) ([]string, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(late):
			return names, nil
		}
	})
}

var (
	errDown  = errors.New("down")
	errGone  = errors.New("gone")
	errWrong = errors.New("the value lacks the name")
)

func (s *source) fail(err error) {
	s.set(func(context.Context) ([]string, error) { return nil, err })
}

func (s *source) wantLoads(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loads != n {
		t.Errorf("%d loads so far, want %d", s.loads, n)
	}
}

type config = keep.Config[[]string, string]

// kept is a Cache and its source.
type kept struct {
	source
	*keep.Cache[[]string, string]
}

// want gets the value of a key and compares the error; errWrong means that
// there is a value without the name.
func (k *kept) want(t *testing.T, key, name string, want error) {
	t.Helper()
	got, err := k.Get(t.Context(), key, name)
	if err == nil && got != nil && !slices.Contains(got, name) {
		err = errWrong
	}
	if !errors.Is(err, want) || err == nil && got == nil {
		t.Errorf("%s of %s: got %v, %v, want %v", name, key, got, err, want)
	}
}

func newKept(change func(*config)) *kept {
	k := &kept{}
	c := config{
		Load: func(ctx context.Context, _ string) ([]string, time.Duration, error) {
			k.mu.Lock()
			k.loads++
			load := k.load
			k.mu.Unlock()
			value, err := load(ctx)
			return value, ttl, err
		},
		Fits:    func(names []string, name string) bool { return slices.Contains(names, name) },
		Timeout: timeout, Size: 10, FailureTTL: failureTTL, MaxStale: maxStale, Interval: interval,
		Final: func(err error) bool { return errors.Is(err, errGone) },
	}
	if change != nil {
		change(&c)
	}
	k.Cache = keep.New(c)
	return k
}

// inBubble runs a test on synthetic time. change may be nil.
func inBubble(t *testing.T, change func(*config), test func(*testing.T, *kept)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newKept(change)) })
}

func TestLifetime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		time.Sleep(ttl - 1)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 1)
		time.Sleep(time.Nanosecond)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 2)
	})
}

func TestCallersShareOneLoad(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serveLate(time.Second, "a")
		for range 50 {
			go k.want(t, "x", "a", nil)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 1)
	})
}

// The first caller's end is its own: the load goes on for the others.
func TestCancellationIsOnesOwn(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serveLate(3*time.Second, "a")
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		gaveUp := make(chan error, 1)
		go func() {
			_, err := k.Get(first, "x", "a")
			gaveUp <- err
		}()
		synctest.Wait()
		for range 10 {
			go k.want(t, "x", "a", nil)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first: got %v, want DeadlineExceeded", err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		k.wantLoads(t, 1)
	})
}

// Also a load that nobody waits for any more ends by its own timeout.
func TestTimeout(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serveLate(time.Hour)
		start := time.Now()
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Get(gone, "x", "a"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		k.want(t, "x", "a", context.DeadlineExceeded)
		if took := time.Since(start); took != timeout {
			t.Errorf("took %v, want %v", took, timeout)
		}
		k.wantLoads(t, 1)
	})
}

// A caller whose look is out of date when it comes to load finds what came
// meanwhile.
func TestLateCallerLoadsNothing(t *testing.T) {
	var k *kept
	meanwhile := func() {}
	k = newKept(func(c *config) {
		c.Interval = 0
		c.Fits = func(names []string, name string) bool {
			fits := slices.Contains(names, name)
			meanwhile()
			return fits
		}
	})
	k.serve("a")
	k.want(t, "x", "a", nil)
	k.serve("a", "b")
	meanwhile = func() {
		meanwhile = func() {}
		k.want(t, "x", "b", nil)
	}
	k.want(t, "x", "b", nil)
	k.wantLoads(t, 2)
}

func TestPanicIsAFailure(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.set(func(context.Context) ([]string, error) { panic("nobody recovers this") })
		k.want(t, "x", "a", keep.ErrPanic)
		k.want(t, "x", "a", keep.ErrPanic)
		k.wantLoads(t, 1)
	})
}

func TestFailuresAreRemembered(t *testing.T) {
	inBubble(t, func(c *config) { c.Interval = 0 }, func(t *testing.T, k *kept) {
		k.fail(errDown)
		for range 100 {
			k.want(t, "x", "a", errDown)
		}
		k.wantLoads(t, 1)
		k.serve("a")
		time.Sleep(failureTTL - 1)
		k.want(t, "x", "a", errDown)
		time.Sleep(time.Nanosecond)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 2)
	})
}

// While loads fail, what an old value has is had; for what it lacks the failure
// is told.
func TestStaleValueServes(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		start := time.Now()
		for time.Since(start) < maxStale-time.Second {
			time.Sleep(time.Minute - time.Second/60)
			k.want(t, "x", "a", nil)
			k.want(t, "x", "b", errDown)
		}
		time.Sleep(maxStale - time.Since(start))
		k.want(t, "x", "a", errDown)
		k.serve("a")
		time.Sleep(failureTTL)
		k.want(t, "x", "a", nil)
	})
}

// A failure that is remembered does not lengthen the old value's life.
func TestStaleValueEndsInTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		time.Sleep(maxStale - 1)
		k.want(t, "x", "a", nil)
		time.Sleep(time.Nanosecond)
		k.want(t, "x", "a", errDown)
		k.wantLoads(t, 3)
	})
}

func TestNoStaleValueWithoutMaxStale(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	clock := func(c *config) { c.MaxStale, c.Clock = 0, func() time.Time { return now } }
	inBubble(t, clock, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		now = now.Add(ttl - 1)
		k.want(t, "x", "a", nil)
		now = now.Add(1)
		k.want(t, "x", "a", errDown)
	})
}

// Nor does a value serve that was old at once, though the clock went back
// before it was loaded.
func TestNoStaleValueAtAnyTime(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	oldAtOnce := func(c *config) {
		load := c.Load
		c.Load = func(ctx context.Context, key string) ([]string, time.Duration, error) {
			value, _, err := load(ctx, key)
			return value, -time.Minute, err
		}
		c.MaxStale, c.Clock = 0, func() time.Time { return now }
	}
	inBubble(t, oldAtOnce, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		now = now.Add(-time.Second)
		k.want(t, "x", "a", errDown)
	})
}

// An answer ends the old value, the lack of one does not.
func TestAnswersAreNotStale(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(fmt.Errorf("x: %w", errGone))
		time.Sleep(ttl)
		k.want(t, "x", "a", errGone)
		k.fail(errDown)
		time.Sleep(failureTTL)
		k.want(t, "x", "a", errDown)
	})
}

func TestEmptiedValueIsNotStale(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.serve()
		time.Sleep(ttl)
		k.want(t, "x", "a", errWrong)
	})
}

func TestSize(t *testing.T) {
	for size, kept := range map[int]int{-1: 1, 0: 1, 1: 1, 3: 3} {
		k := newKept(func(c *config) { c.Size = size })
		k.serve("a")
		for i := range 10 {
			k.want(t, fmt.Sprint(i), "a", nil)
		}
		for i := range kept {
			k.want(t, fmt.Sprint(9-i), "a", nil)
		}
		k.wantLoads(t, 10)
		k.want(t, fmt.Sprint(9-kept), "a", nil)
		k.wantLoads(t, 11)
	}
}

// The oldest go while all are too heavy; what was replaced weighs nothing, nor
// does a failure.
func TestWeight(t *testing.T) {
	weighing := func(c *config) {
		c.Weigh, c.MaxWeight, c.MaxStale = func(names []string) int64 { return 1 + int64(len(names)) }, 6, 0
	}
	inBubble(t, weighing, func(t *testing.T, k *kept) {
		k.serve("a", "b")
		k.want(t, "x", "a", nil)
		k.want(t, "y", "a", nil)
		time.Sleep(ttl)
		k.want(t, "x", "a", nil)
		k.want(t, "y", "a", nil)
		k.fail(errDown)
		k.want(t, "z", "a", errDown)
		k.wantLoads(t, 5)
		k.want(t, "x", "a", nil)
		k.want(t, "y", "a", nil)
		k.wantLoads(t, 5)
		k.serve("a", "b")
		k.want(t, "w", "a", nil) // x goes, and z before it
		k.want(t, "w", "a", nil)
		k.want(t, "y", "a", nil)
		k.wantLoads(t, 6)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 7)
	})
}

// ownedBy changes a config to keys such as owner/1, and values that weigh as
// many as they have names.
func ownedBy(c *config) {
	c.Owner = originOf
	c.Weigh, c.MaxWeight = func(names []string) int64 { return int64(len(names)) }, 6
}

// Whoever has many loses the oldest, however often the others were not asked
// for; who comes anew has less than that, and stays.
func TestHeavyOwnerLosesItsOwn(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "small/1", "a", nil)
		k.serve("a", "b")
		for i := range 10 {
			k.want(t, fmt.Sprint("heavy/", i), "a", nil)
		}
		k.wantLoads(t, 11)
		k.want(t, "small/1", "a", nil)
		k.want(t, "heavy/9", "a", nil)
		k.want(t, "heavy/8", "a", nil)
		k.wantLoads(t, 11)
		k.want(t, "third/1", "a", nil) // heavy loses one of its two
		k.want(t, "heavy/8", "a", nil)
		k.want(t, "small/1", "a", nil)
		k.wantLoads(t, 12)
		k.want(t, "heavy/9", "a", nil)
		k.wantLoads(t, 13)
	})
}

// What weighs nothing, such as a failure, is not taken away for its weight.
func TestFailuresAreNoBurden(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.fail(errDown)
		k.want(t, "heavy/down", "a", errDown)
		k.serve("a", "b")
		for i := range 4 {
			k.want(t, fmt.Sprint("heavy/", i), "a", nil)
		}
		k.want(t, "heavy/down", "a", errDown)
		k.wantLoads(t, 5)
	})
}

// The same goes for the count: failures of one owner push out nothing of
// another.
func TestOwnerOfManyLosesItsOwn(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "few/1", "a", nil)
		k.want(t, "few/2", "a", nil)
		k.fail(errDown)
		for i := range 100 {
			k.want(t, fmt.Sprint("many/", i), "a", errDown)
		}
		k.wantLoads(t, 102)
		k.want(t, "few/1", "a", nil)
		k.want(t, "few/2", "a", nil)
		k.want(t, "many/92", "a", errDown)
		k.wantLoads(t, 102)
		k.want(t, "many/91", "a", errDown)
		k.wantLoads(t, 103)
	})
}

// Among equals the oldest goes, whosever it is.
func TestEqualOwners(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.serve("a", "b")
		for _, owner := range []string{"one", "two", "three"} {
			k.want(t, owner+"/1", "a", nil)
		}
		k.want(t, "one/1", "a", nil)
		k.want(t, "four/1", "a", nil)
		k.want(t, "one/1", "a", nil)
		k.want(t, "three/1", "a", nil)
		k.wantLoads(t, 4)
		k.want(t, "two/1", "a", nil)
		k.wantLoads(t, 5)
	})
}

// Many owners of one value each push out nothing that is in use, though its
// owner has more than any of them.
func TestManyOwners(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.serve("a")
		for i := range 100 {
			k.want(t, "registry/1", "a", nil)
			k.want(t, fmt.Sprintf("stranger-%d/1", i), "a", nil)
		}
		k.wantLoads(t, 101)
	})
}

// What failed goes before what serves, also of one owner.
func TestFailuresGoFirst(t *testing.T) {
	inBubble(t, ownedBy, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "registry/real", "a", nil)
		k.fail(errDown)
		for i := range 100 {
			k.want(t, fmt.Sprint("registry/", i), "a", errDown)
		}
		k.want(t, "registry/real", "a", nil)
		k.wantLoads(t, 101)
	})
}

func TestNewestStaysHoweverHeavy(t *testing.T) {
	k := newKept(func(c *config) { c.Weigh = func([]string) int64 { return 1 } })
	k.serve("a")
	for range 3 {
		k.want(t, "x", "a", nil)
	}
	k.wantLoads(t, 1)
	k.want(t, "y", "a", nil)
	k.want(t, "x", "a", nil)
	k.wantLoads(t, 3)
}
