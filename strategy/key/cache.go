package key

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

const (
	minTTL      = 5 * time.Minute  // of a set, whatever its Cache-Control says
	maxTTL      = 15 * time.Minute // the same
	negativeTTL = 30 * time.Second // of a failure
	maxStale    = time.Hour        // age of keys that serve while refreshes fail
)

// remoteSets keeps the JWK Sets of URLs.
type remoteSets struct {
	config  ClientKeysConfig
	sets    *lru.Cache[string, *remoteSet]
	flights singleflight.Group
	forced  *throttle
}

// remoteSet is what is known of a URL. It does not change.
type remoteSet struct {
	keys    []Public
	fetched time.Time // when keys came
	expires time.Time // until then it is not fetched again without need
	failure error     // of the last fetch, if it failed
}

func newRemoteSets(config ClientKeysConfig) *remoteSets {
	return &remoteSets{
		config: config,
		sets:   newLRU[string, *remoteSet](config.MaxSets),
		forced: newThrottle(config.MaxSets),
	}
}

// find looks in the cache first and fetches if that does not settle it.
func (r *remoteSets) find(ctx context.Context, url string, fits matcher) ([]Public, error) {
	set, ok := r.sets.Get(url)
	if !ok || !set.settles(fits, r.config.Clock()) {
		var err error
		if set, err = r.wait(ctx, url, fits); err != nil {
			return nil, err
		}
	}
	keys, err := matching(set.keys, fits)
	if err != nil && set.failure != nil {
		return nil, set.failure
	}
	return keys, err
}

// settles reports whether no fetch could help: a key that fits is there, or it
// was tried to no avail a moment ago.
func (s *remoteSet) settles(fits matcher, now time.Time) bool {
	return now.Before(s.expires) && (s.failure != nil || slices.ContainsFunc(s.keys, fits))
}

// wait shares one load among all callers. Each waits no longer than its own
// context; the load goes on without it.
func (r *remoteSets) wait(ctx context.Context, url string, fits matcher) (*remoteSet, error) {
	load := r.flights.DoChan(url, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.Timeout)
		defer cancel()
		return r.load(ctx, url, fits), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-load:
		return result.Val.(*remoteSet), nil
	}
}

// load decides anew whether to fetch, for what a caller saw before it came
// here may be out of date; then it fetches.
func (r *remoteSets) load(ctx context.Context, url string, fits matcher) *remoteSet {
	now := r.config.Clock()
	old, ok := r.sets.Get(url)
	if ok && (old.settles(fits, now) || now.Before(old.expires) && !r.forced.allow(url, now)) {
		return old
	}
	set := r.fetch(ctx, url, old)
	r.sets.Add(url, set)
	if !slices.ContainsFunc(set.keys, fits) {
		// This fetch was the one that an unknown key may cost.
		r.forced.allow(url, now)
	}
	return set
}

// fetch never fails: what went wrong is in the set, beside the keys of the old
// one if they still serve. old may be nil.
func (r *remoteSets) fetch(ctx context.Context, url string, old *remoteSet) *remoteSet {
	keys, ttl, err := r.get(ctx, url)
	now := r.config.Clock()
	if err == nil {
		return &remoteSet{keys: keys, fetched: now, expires: now.Add(ttl)}
	}
	set := &remoteSet{failure: fmt.Errorf("jwks_uri: %w", err), expires: now.Add(negativeTTL)}
	if old == nil || now.Sub(old.fetched) >= maxStale {
		return set
	}
	set.keys, set.fetched = old.keys, old.fetched
	if end := old.fetched.Add(maxStale); end.Before(set.expires) {
		set.expires = end
	}
	return set
}

var errPanic = errors.New("the fetch panicked")

// get turns a panic into an error, because nobody could recover it: it would
// come up in a goroutine of the flight and end the process.
func (r *remoteSets) get(ctx context.Context, url string) (keys []Public, ttl time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	doc, err := r.config.Outbound.Get(ctx, url, "application/jwk-set+json", "application/json")
	if err != nil {
		return nil, 0, err
	}
	set, err := r.config.parse(doc.Body)
	return set.keys, lifetime(doc), err
}

func lifetime(doc *outbound.Document) time.Duration {
	return min(max(doc.MaxAge, minTTL), maxTTL)
}
