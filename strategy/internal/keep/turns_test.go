package keep_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/keep"
)

// crowd counts the loads that go on, by origin and (under "") in all.
type crowd struct {
	mu        sync.Mutex
	now, peak map[string]int
}

func (c *crowd) count(origin string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range []string{origin, ""} {
		c.now[at] += n
		c.peak[at] = max(c.peak[at], c.now[at])
	}
}

const (
	maxLoads  = 10
	perOrigin = 3
)

func originOf(key string) string { return strings.SplitN(key, "/", 2)[0] }

// inCrowd runs a test in a bubble, with keys such as origin/1 and few turns.
func inCrowd(t *testing.T, change func(*config), test func(*testing.T, *kept, *crowd)) {
	t.Helper()
	c := &crowd{now: map[string]int{}, peak: map[string]int{}}
	limited := func(config *config) {
		load := config.Load
		config.Load = func(ctx context.Context, key string) ([]string, time.Duration, error) {
			c.count(originOf(key), 1)
			defer c.count(originOf(key), -1)
			return load(ctx, key)
		}
		config.MaxLoads, config.MaxLoadsPerOrigin, config.Origin = maxLoads, perOrigin, originOf
		if change != nil {
			change(config)
		}
	}
	inBubble(t, limited, func(t *testing.T, k *kept) { test(t, k, c) })
}

// occupy takes all turns of an origin for longer than a load may wait.
func (k *kept) occupy(t *testing.T, origin string) {
	k.set(func(context.Context) ([]string, error) {
		time.Sleep(timeout + time.Second)
		return nil, errDown
	})
	k.ask(t, origin, perOrigin, errDown)
}

// ask gets n values of an origin, each for itself.
func (k *kept) ask(t *testing.T, origin string, n int, want error) {
	for i := range n {
		go k.want(t, fmt.Sprintf("%s/%d", origin, i), "a", want)
	}
	synctest.Wait()
}

func TestLoadsAtATime(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, c *crowd) {
		k.serveLate(time.Second, "a")
		for i := range 5 {
			k.ask(t, fmt.Sprint("host-", i), 4, nil)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		k.wantLoads(t, 20)
		if c.peak["host-0"] != perOrigin || c.peak[""] != maxLoads {
			t.Errorf("%d loads at a time of one origin, %d in all", c.peak["host-0"], c.peak[""])
		}
	})
}

// However many wait for one slow origin, another has its turn at once.
func TestSlowOriginStarvesNoOther(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.serveLate(time.Hour)
		for i := range 1000 {
			go k.Get(t.Context(), fmt.Sprint("slow/", i), "a")
		}
		synctest.Wait()
		k.serve("a")
		start := time.Now()
		k.want(t, "quick/1", "a", nil)
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * timeout)
	})
}

func TestWithoutOriginAllKeysHaveOne(t *testing.T) {
	inCrowd(t, func(c *config) { c.Origin = nil }, func(t *testing.T, k *kept, c *crowd) {
		k.serveLate(time.Second, "a")
		for _, origin := range []string{"one", "two"} {
			k.ask(t, origin, 5, nil)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if c.peak[""] != perOrigin {
			t.Errorf("%d loads at a time", c.peak[""])
		}
	})
}

func TestWithoutLimits(t *testing.T) {
	none := func(c *config) { c.MaxLoads, c.MaxLoadsPerOrigin = 0, 0 }
	inCrowd(t, none, func(t *testing.T, k *kept, c *crowd) {
		k.serveLate(time.Second, "a")
		k.ask(t, "host", 100, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if c.peak["host"] != 100 {
			t.Errorf("%d loads at a time", c.peak["host"])
		}
	})
}

// The Timeout covers the wait for a turn. Who had none is told so, and that is
// not remembered.
func TestBusyIsNotRemembered(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.occupy(t, "slow")
		start := time.Now()
		k.want(t, "slow/late", "a", keep.ErrBusy)
		if took := time.Since(start); took != timeout {
			t.Errorf("took %v, want %v", took, timeout)
		}
		k.serve("a")
		time.Sleep(2 * time.Second)
		k.want(t, "slow/late", "a", nil)
		k.wantLoads(t, perOrigin+1)
	})
}

// An old value serves in place of one whose load has no turn, and that is
// remembered.
func TestStaleValueServesWhileBusy(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.serve("a")
		k.want(t, "slow/late", "a", nil)
		time.Sleep(ttl)
		k.occupy(t, "slow")
		start := time.Now()
		for range 5 {
			k.want(t, "slow/late", "a", nil)
		}
		if took := time.Since(start); took != timeout {
			t.Errorf("took %v, want %v", took, timeout)
		}
		time.Sleep(2 * time.Second)
		k.wantLoads(t, 1+perOrigin)
	})
}

// Whose callers have all gone before its turn is not loaded, nor counted as a
// failure; who comes after them is served.
func TestLoadThatNobodyWaitsForIsDropped(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.serveLate(5*time.Second, "a")
		k.ask(t, "host", perOrigin, nil)
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 1000 {
			go func() {
				if _, err := k.Get(gone, fmt.Sprint("host/gone-", i%500), "a"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		go k.want(t, "host/gone-7", "a", nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		k.wantLoads(t, perOrigin+1)
	})
}

// One who gives up does not drop it for another.
func TestLoadThatSomebodyWaitsForIsKept(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.serveLate(5*time.Second, "a")
		k.ask(t, "host", perOrigin, nil)
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go k.Get(gone, "host/late", "a")
		synctest.Wait()
		k.want(t, "host/late", "a", nil)
		k.wantLoads(t, perOrigin+1)
	})
}

// A load that panics gives its turn back.
func TestPanicsTakeNoTurns(t *testing.T) {
	inCrowd(t, nil, func(t *testing.T, k *kept, _ *crowd) {
		k.set(func(context.Context) ([]string, error) { panic("nobody recovers this") })
		for i := range 2 * maxLoads {
			k.want(t, fmt.Sprint("host/", i), "a", keep.ErrPanic)
		}
		k.serve("a")
		k.want(t, "host/good", "a", nil)
	})
}

func TestTurns(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	turns := keep.NewTurns(1)
	if err := turns.Take(t.Context()); err != nil {
		t.Error(err)
	}
	if err := turns.Take(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a second turn: %v", err)
	}
	turns.Return()
	if err := turns.Take(t.Context()); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := keep.NewTurns(0).Take(gone); err != nil {
			t.Error(err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{
		"https://Buyer.example/a?b": "https://buyer.example:443", "https://buyer.example.:443/": "https://buyer.example:443",
		"https://buyer.example:8443": "https://buyer.example:8443", "https://[::1]/": "https://::1:443", "%zz": "%zz",
	} {
		if got := keep.Origin(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
