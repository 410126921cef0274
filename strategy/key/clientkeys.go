package key

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/internal/keep"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// Public is a public key of a client: kid, alg, use and key_ops as its JWK
// states them, and the key. It is shared and must not be changed.
type Public = jose.Key

// ErrNoKey means that the keys are known and none of them has the
// wanted kid.
var ErrNoKey = errors.New("key: no key has this kid")

// Resolver finds the verification keys of a client. It must be safe for
// concurrent use.
type Resolver interface {
	// Keys returns all keys of the client with this kid, in the order of its
	// JWK Set. Several may share one (FAPI 1.0 Advanced §8.11): the caller
	// tries those whose alg, use and type fit until one verifies. The error is
	// ErrNoKey if there is none; any other means that the keys cannot be had
	// now or that the client's metadata are unusable.
	Keys(ctx context.Context, clientID string, m *storage.ClientMetadata, kid string) ([]Public, error)
}

// Getter fetches a document, as *outbound.Client does. It must be safe for
// concurrent use, bound the body, and heed the context.
type Getter interface {
	Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error)
}

// ClientKeysConfig configures ClientKeys. The zero value is safe and useful.
type ClientKeysConfig struct {
	// Outbound fetches every jwks_uri; nil means outbound.New with the zero
	// Config.
	Outbound Getter
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
	// Timeout bounds one fetch, whoever waits for it; 0 means 10 s. The
	// Outbound's own timeout is usually shorter.
	Timeout time.Duration
	// Documents has the DID documents of clients whose identifier is a DID; nil
	// means that there are no such clients.
	Documents *did.Cache
	// MaxSets bounds how many JWK Sets are kept of each kind, by value and by
	// URL; 0 means 10 000.
	MaxSets int
}

const (
	defaultFetchTimeout = 10 * time.Second
	defaultMaxSets      = 10_000
)

// ClientKeys is the Resolver of clients that registered jwks or jwks_uri
// (RFC 7591 §2). It is safe for concurrent use and runs no goroutine but a
// fetch that somebody asked for.
//
// A set by value is parsed once. A set by URL is kept for what its
// Cache-Control says, within 5 to 15 minutes, and 5 if it says nothing. An
// unknown kid refreshes it early, at most once per 30 s for all URLs of one
// origin. Callers at the same time share one fetch, and one that gives up does
// not stop it. A fetch that failed is not repeated for 30 s; meanwhile keys
// that were fetched at most 1 h ago still serve.
//
// A client whose identifier is a DID has its keys in its document: those of
// authentication verify, those of keyAgreement encrypt.
type ClientKeys struct {
	byValue   *lru.Cache[[sha256.Size]byte, []Public]
	byURL     *keep.Cache[[]Public, matcher]
	documents *did.Cache
}

var _ Resolver = (*ClientKeys)(nil)

// NewClientKeys returns a ClientKeys with empty caches.
func NewClientKeys(config ClientKeysConfig) *ClientKeys {
	config = config.filled()
	return &ClientKeys{
		byValue: newLRU[[sha256.Size]byte, []Public](config.MaxSets),
		byURL:   newRemoteSets(config), documents: config.Documents,
	}
}

func (c ClientKeysConfig) filled() ClientKeysConfig {
	if c.Outbound == nil {
		c.Outbound = outbound.New(outbound.Config{})
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultFetchTimeout
	}
	if c.MaxSets <= 0 {
		c.MaxSets = defaultMaxSets
	}
	return c
}

// newLRU returns a cache of a positive size.
func newLRU[K comparable, V any](size int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // of sizes below 1 alone
	}
	return cache
}

// Keys implements Resolver.
func (c *ClientKeys) Keys(ctx context.Context, clientID string, m *storage.ClientMetadata, kid string) ([]Public, error) {
	if kid == "" {
		return nil, ErrNoKey
	}
	if id, is := c.isDID(clientID); is {
		return c.ofDID(ctx, id, m, kid)
	}
	return c.fitting(ctx, clientID, m, func(k Public) bool { return k.ID == kid })
}

// matcher tells which keys are wanted.
type matcher func(Public) bool

// fitting returns the client's keys that fit, at least one.
func (c *ClientKeys) fitting(ctx context.Context, clientID string, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
	if m == nil {
		return nil, ErrNoKey
	}
	find := c.find
	if id, is := c.isDID(clientID); is {
		find = func(ctx context.Context, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
			return c.inDocument(ctx, id, m, fits)
		}
	}
	keys, err := find(ctx, m, fits)
	switch {
	case errors.Is(err, ErrNoKey):
		return nil, ErrNoKey
	case err != nil:
		return nil, fmt.Errorf("key: client %q: %w", clientID, err)
	}
	return keys, nil
}

var errBoth = errors.New("jwks and jwks_uri are both registered (RFC 7591 §2)")

func (c *ClientKeys) find(ctx context.Context, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
	byValue := len(m.JWKS) > 0 && string(m.JWKS) != "null" // as json.RawMessage keeps a null
	switch {
	case byValue && m.JWKSURI != "":
		return nil, errBoth
	case byValue:
		return c.registered(m.JWKS, fits)
	case m.JWKSURI != "":
		return c.remote(ctx, m.JWKSURI, fits)
	}
	return nil, ErrNoKey
}

// registered looks in a JWK Set by value.
func (c *ClientKeys) registered(set []byte, fits matcher) ([]Public, error) {
	digest := sha256.Sum256(set)
	keys, ok := c.byValue.Get(digest)
	if !ok {
		var err error
		if keys, err = jose.ParseKeys(set); err != nil {
			return nil, err
		}
		c.byValue.Add(digest, keys)
	}
	return matching(keys, fits)
}

// matching returns the keys that fit, or ErrNoKey.
func matching(keys []Public, fits matcher) ([]Public, error) {
	var found []Public
	for _, key := range keys {
		if fits(key) {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return nil, ErrNoKey
	}
	return found, nil
}
