package key

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/meflso/fosite-meflso/strategy/internal/keep"
)

// forcedInterval is how often unknown kids may cost an origin a fetch.
const forcedInterval = 30 * time.Second

// throttle lets one event per origin and interval pass. It is safe for
// concurrent use.
type throttle struct {
	mu   sync.Mutex
	last *lru.Cache[string, time.Time]
}

func newThrottle(size int) *throttle {
	return &throttle{last: newLRU[string, time.Time](size)}
}

// allow reports whether the event may happen now, and counts it if so.
func (t *throttle) allow(url string, now time.Time) bool {
	key := keep.Origin(url)
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last.Get(key); ok && now.Sub(last) < forcedInterval {
		return false
	}
	t.last.Add(key, now)
	return true
}
