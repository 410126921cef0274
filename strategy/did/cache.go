package did

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/keep"
)

const (
	minTTL              = 5 * time.Minute  // of a document, whatever its Cache-Control says
	maxTTL              = 10 * time.Minute // the same
	negativeTTL         = 30 * time.Second // of a failure
	forcedInterval      = 30 * time.Second // between refreshes that a document gave cause for
	maxStale            = time.Hour        // age of a document that serves while refreshes fail
	defaultTimeout      = 10 * time.Second
	defaultMaxDocuments = 2000
	maxWeight           = 64 << 20 // bytes of documents that were fetched
	maxLoads            = 128      // resolutions at a time
	maxLoadsPerOrigin   = 4        // the same, of one host: 32 slow hosts leave turns for others
)

// CacheConfig configures a Cache. The zero value is safe and useful.
type CacheConfig struct {
	// Resolver finds documents; nil means did:web at public addresses, did:key
	// and did:jwk.
	Resolver Resolver
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
	// Timeout bounds one resolution and its wait for a turn, whoever waits for
	// it; 0 means 10 s.
	Timeout time.Duration
	// MaxDocuments bounds how many documents are kept, and apart from them how
	// many of methods that need no network; 0 means 2000. Those that were fetched
	// take 64 MiB at most.
	MaxDocuments int
}

// Cache is a Resolver that remembers. It is safe for concurrent use and runs no
// goroutine but a resolution that somebody asked for.
//
// A document is kept for what its Cache-Control says, within 5 to 10 minutes,
// and 5 if it says nothing. One that lacks what a caller looks for is resolved
// early, at most once per DID and 30 s. Callers at the same time share one
// resolution, and one that gives up does not stop it. A resolution that failed
// is not repeated for 30 s; meanwhile a document of at most 1 h ago still
// serves, unless the failure was an answer (see IsFinal).
//
// At most 128 resolutions go on at a time, and 4 of them for the did:web of one
// host or for another method. The others wait for their turn, and those that
// nobody waits for any more are dropped.
//
// Documents of KeyMethod and JWKMethod, also in a Mux, are kept apart: anybody
// can make thousands of such DIDs, and they push out no document that was
// fetched. Of the fetched ones, a host that has many loses its own oldest.
type Cache struct {
	fetched, computed *keep.Cache[*Document, wanted]
	resolver          Resolver
}

// wanted tells whether a document has what a caller looks for.
type wanted = func(*Document) bool

var _ Resolver = (*Cache)(nil)

// NewCache returns an empty Cache.
func NewCache(config CacheConfig) *Cache {
	if config.Resolver == nil {
		config.Resolver = Mux{"web": WebMethod{}, "key": KeyMethod{}, "jwk": JWKMethod{}}
	}
	common := keep.Config[*Document, wanted]{
		Load:       fetchWith(config.Resolver),
		Fits:       func(d *Document, fits wanted) bool { return fits(d) },
		Clock:      config.Clock,
		Timeout:    cmp.Or(config.Timeout, defaultTimeout),
		Size:       cmp.Or(config.MaxDocuments, defaultMaxDocuments),
		FailureTTL: negativeTTL,
		MaxStale:   maxStale,
		Final:      IsFinal,
		Interval:   forcedInterval,
	}
	fetched := common
	// No turn waits for another: a resolution does not ask a Cache.
	fetched.MaxLoads, fetched.MaxLoadsPerOrigin, fetched.Origin = maxLoads, maxLoadsPerOrigin, originOf
	fetched.Owner, fetched.Weigh, fetched.MaxWeight = originOf, (*Document).weight, maxWeight
	return &Cache{keep.New(fetched), keep.New(common), config.Resolver}
}

// originOf is the host of a did:web. All DIDs of another method have one,
// because one resolver answers for them.
func originOf(text string) string {
	id := DID{text}
	if id.Method() != "web" {
		return id.Method()
	}
	authority, _, _ := strings.Cut(id.identifier(), ":")
	if host, port, has := cutPort(authority); has {
		authority = host + ":" + port
	}
	return keep.Origin("https://" + authority)
}

// fetchWith asks the resolver, and does not believe it that the document is
// the one of the DID.
func fetchWith(resolver Resolver) func(context.Context, string) (*Document, time.Duration, error) {
	return func(ctx context.Context, text string) (*Document, time.Duration, error) {
		doc, err := resolver.Resolve(ctx, DID{text})
		if err != nil {
			return nil, 0, err
		}
		if doc == nil || doc.id.text != text {
			return nil, 0, invalid("the resolver gave the document of another DID")
		}
		return doc, min(max(doc.maxAge, minTTL), maxTTL), nil
	}
}

// Resolve implements Resolver.
func (c *Cache) Resolve(ctx context.Context, id DID) (*Document, error) {
	return c.ResolveFor(ctx, id, func(*Document) bool { return true })
}

// ResolveFor returns a document that fits, if there is one: one that does not
// is resolved again, within the limits of the Cache, and the newer one is
// returned whether it fits or not. fits must be safe for concurrent use and
// must not panic. The errors are those of a Resolver.
func (c *Cache) ResolveFor(ctx context.Context, id DID, fits func(*Document) bool) (*Document, error) {
	if id == (DID{}) {
		return nil, invalid("no DID")
	}
	if isComputed(c.resolver, id) {
		return c.computed.Get(ctx, id.text, fits)
	}
	return c.fetched.Get(ctx, id.text, fits)
}

// Keys returns the key of the DID that a JOSE kid names, for a relationship: at
// least one, or an error. The kid is a whole DID URL or a fragment with its
// sign #. The error is ErrNoKey if there is no such key, also if the kid names
// another DID; else that of a Resolver.
func (c *Cache) Keys(ctx context.Context, id DID, r Relationship, kid string) ([]Key, error) {
	if !strings.HasPrefix(strings.TrimPrefix(kid, id.text), "#") {
		return nil, ErrNoKey // no document of this DID has it
	}
	doc, err := c.ResolveFor(ctx, id, func(d *Document) bool { return len(d.Keys(r, kid)) > 0 })
	if err != nil {
		return nil, err
	}
	keys := doc.Keys(r, kid)
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	return keys, nil
}

// HasServiceEndpoint reports whether the DID's document has the URI as a
// service endpoint, as Document.HasServiceEndpoint does. The errors are those
// of a Resolver.
func (c *Cache) HasServiceEndpoint(ctx context.Context, id DID, uri string, types ...string) (bool, error) {
	has := func(d *Document) bool { return d.HasServiceEndpoint(uri, types...) }
	doc, err := c.ResolveFor(ctx, id, has)
	return err == nil && has(doc), err
}
