package keep_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRotationIsPickedUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("old")
		k.want(t, "x", "old", nil)
		k.serve("old", "new")
		time.Sleep(time.Second)
		k.want(t, "x", "new", nil)
		k.want(t, "x", "old", nil)
		k.wantLoads(t, 2)
		k.serve("new")
		time.Sleep(ttl)
		k.want(t, "x", "new", nil)
		k.want(t, "x", "old", errWrong)
	})
}

// All who want the new name while it is being loaded wait for it, though only
// one early load is allowed.
func TestRotationUnderLoad(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("old")
		k.want(t, "x", "old", nil)
		k.serveLate(time.Second, "new")
		for i := range 50 {
			go func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				k.want(t, "x", "new", nil)
			}()
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		k.wantLoads(t, 2)
	})
}

func TestIntervalBetweenEarlyLoads(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.want(t, "y", "a", nil)
		storm := func() {
			for i := range 2000 {
				go k.want(t, "x", fmt.Sprint("unknown ", i), errWrong)
			}
			synctest.Wait()
		}
		storm()
		k.wantLoads(t, 3)
		time.Sleep(interval - 1)
		storm()
		k.wantLoads(t, 3)
		k.want(t, "y", "b", errWrong) // keys have each their own
		k.wantLoads(t, 4)
		time.Sleep(time.Nanosecond)
		storm()
		k.wantLoads(t, 5)
	})
}

// The load that fills the cache for an unknown name is also the one that the
// name may cost.
func TestUnknownNameAtFirst(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "b", errWrong)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 1)
		time.Sleep(interval)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 2)
	})
}

// An early load that brought what was wanted counts too.
func TestEarlyLoadThatFits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.serve("a", "b")
		k.want(t, "x", "b", nil)
		k.want(t, "x", "c", errWrong)
		k.wantLoads(t, 2)
	})
}

// The interval goes on, whatever is loaded in its time.
func TestIntervalOutlivesTheValue(t *testing.T) {
	inBubble(t, func(c *config) { c.Interval = 2 * ttl }, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "b", errWrong)
		k.fail(errDown)
		time.Sleep(ttl)
		k.want(t, "x", "a", nil)
		k.serve("a")
		time.Sleep(failureTTL)
		k.want(t, "x", "a", nil)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 3)
		time.Sleep(ttl - failureTTL)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 4)
	})
}

// An early load that failed leaves what is known alone.
func TestEarlyLoadFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		k.want(t, "x", "b", errDown)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 2)
	})
}

// A fresh value is fresh, though early loads fail and MaxStale is 0: what a
// stranger wants ends nothing. Its own time does, and an answer.
func TestEarlyLoadFailsWithoutMaxStale(t *testing.T) {
	inBubble(t, func(c *config) { c.MaxStale = 0 }, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		for at := time.Duration(0); at < ttl; at += interval {
			k.want(t, "x", "b", errDown)
			k.want(t, "x", "a", nil)
			time.Sleep(interval)
		}
		k.wantLoads(t, 1+int((ttl+interval-1)/interval))
		k.want(t, "x", "a", errDown)
		k.serve("a")
		time.Sleep(failureTTL)
		k.want(t, "x", "a", nil)
		k.fail(errGone)
		time.Sleep(interval)
		k.want(t, "x", "b", errGone)
		k.want(t, "x", "a", errGone)
	})
}

// Nor does the failure last beyond the value, whose end it would hide.
func TestEarlyFailureEndsWithTheValue(t *testing.T) {
	inBubble(t, func(c *config) { c.MaxStale = 0 }, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.fail(errDown)
		time.Sleep(ttl - time.Second)
		k.want(t, "x", "b", errDown)
		k.want(t, "x", "a", nil)
		k.wantLoads(t, 2)
		time.Sleep(time.Second)
		k.want(t, "x", "a", errDown)
		k.wantLoads(t, 3)
	})
}

func TestMinAge(t *testing.T) {
	const minAge = 20 * time.Second
	inBubble(t, func(c *config) { c.MinAge, c.Interval = minAge, 0 }, func(t *testing.T, k *kept) {
		k.serveLate(time.Second, "a")
		k.want(t, "x", "a", nil)
		time.Sleep(minAge - 1)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 1)
		time.Sleep(time.Nanosecond)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 2)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 2)
	})
}

// Allow is asked before an early load and told of one in vain, and of no other.
func TestAllow(t *testing.T) {
	var asked []string
	allowed := true
	allow := func(key string, now time.Time) bool {
		if !now.Equal(time.Now()) {
			t.Errorf("asked for %v at %v", now, time.Now())
		}
		asked = append(asked, key)
		return allowed
	}
	inBubble(t, func(c *config) { c.Allow, c.Interval = allow, 0 }, func(t *testing.T, k *kept) {
		wantAsked := func(n int) {
			t.Helper()
			if len(asked) != n || n > 0 && asked[n-1] != "x" {
				t.Errorf("asked for %v, want %d times", asked, n)
			}
		}
		k.serve("a")
		k.want(t, "x", "a", nil)
		k.want(t, "x", "a", nil)
		time.Sleep(ttl)
		k.want(t, "x", "a", nil)
		wantAsked(0)
		k.want(t, "x", "b", errWrong) // asked, and told that it was in vain
		wantAsked(2)
		k.wantLoads(t, 3)
		time.Sleep(ttl)
		k.want(t, "x", "b", errWrong) // told
		wantAsked(3)
		k.wantLoads(t, 4)
		allowed = false
		k.want(t, "x", "b", errWrong)
		wantAsked(4)
		k.wantLoads(t, 4)
		k.want(t, "x", "a", nil)
		wantAsked(4)
		allowed = true
		k.serve("a", "b")
		k.want(t, "x", "b", nil) // asked
		wantAsked(5)
		k.wantLoads(t, 5)
	})
}

func TestWithoutFitsEveryValueDoes(t *testing.T) {
	inBubble(t, func(c *config) { c.Fits, c.Interval = nil, 0 }, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "b", errWrong)
		k.want(t, "x", "b", errWrong)
		k.wantLoads(t, 1)
		k.fail(errDown)
		time.Sleep(ttl)
		k.want(t, "x", "a", nil)
		time.Sleep(maxStale)
		k.want(t, "x", "a", errDown)
	})
}

// Who gave up before he asked spends nothing of it.
func TestAllowIsNotSpentByTheGone(t *testing.T) {
	allowed := 0
	allow := func(c *config) { c.Allow = func(string, time.Time) bool { allowed++; return true } }
	inBubble(t, allow, func(t *testing.T, k *kept) {
		k.serve("a")
		k.want(t, "x", "a", nil)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Get(gone, "x", "b"); !errors.Is(err, context.Canceled) || allowed != 0 {
			t.Errorf("got %v, allowed %d times", err, allowed)
		}
		k.wantLoads(t, 1)
	})
}
