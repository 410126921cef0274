package key

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/keep"
)

const (
	minTTL      = 5 * time.Minute  // of a set, whatever its Cache-Control says
	maxTTL      = 15 * time.Minute // the same
	negativeTTL = 30 * time.Second // of a failure
	maxStale    = time.Hour        // age of keys that serve while refreshes fail

	maxLoads          = 128 // fetches at a time
	maxLoadsPerOrigin = 4   // the same, of one origin: 32 slow ones leave turns for others
)

func newRemoteSets(config ClientKeysConfig) *keep.Cache[[]Public, matcher] {
	return keep.New(keep.Config[[]Public, matcher]{
		Load:       config.fetch,
		Fits:       func(keys []Public, fits matcher) bool { return slices.ContainsFunc(keys, fits) },
		Clock:      config.Clock,
		Timeout:    config.Timeout,
		Size:       config.MaxSets,
		FailureTTL: negativeTTL,
		MaxStale:   maxStale,
		Allow:      newThrottle(config.MaxSets).allow,
		// No turn waits for another: a fetch does not ask for keys.
		MaxLoads: maxLoads, MaxLoadsPerOrigin: maxLoadsPerOrigin, Origin: keep.Origin,
	})
}

// fetch returns the keys of a set and how long they are kept.
func (c ClientKeysConfig) fetch(ctx context.Context, url string) ([]Public, time.Duration, error) {
	doc, err := c.Outbound.Get(ctx, url, "application/jwk-set+json", "application/json")
	if err != nil {
		return nil, 0, err
	}
	set, err := c.parse(doc.Body)
	return set.keys, min(max(doc.MaxAge, minTTL), maxTTL), err
}

// remote looks in a JWK Set by URL.
func (c *ClientKeys) remote(ctx context.Context, url string, fits matcher) ([]Public, error) {
	keys, err := c.byURL.Get(ctx, url, fits)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return matching(keys, fits)
}
