package key

import (
	"net/url"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
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
	key := origin(url)
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last.Get(key); ok && now.Sub(last) < forcedInterval {
		return false
	}
	t.last.Add(key, now)
	return true
}

// origin is scheme, host and port of a URL (RFC 6454 §4), or the URL itself if
// it cannot be read.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + port
}
