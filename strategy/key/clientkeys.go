package key

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
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
// states them, the key, and what is known of its certificate. A JWK without kid
// has the thumbprint of its certificate for an ID. It is shared and must not be
// changed.
type Public = jose.Key

// ErrNoKey means that the keys are known and none of them has the
// wanted kid. It is together with ErrExpired where one would, but for the time
// of its certificates.
var ErrNoKey = errors.New("key: no key has this kid")

// Resolver finds the verification keys of a client. It must be safe for
// concurrent use.
type Resolver interface {
	// Keys returns all keys of the client with this kid, or with a certificate
	// of this thumbprint (MEF W128 R44), in the order of its JWK Set. Several
	// may share one (FAPI 1.0 Advanced §8.11): the caller
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
	// Timeout bounds one fetch and its wait for a turn, whoever waits for it; 0
	// means 10 s. The Outbound's own timeout is usually shorter.
	Timeout time.Duration
	// Documents has the DID documents of clients whose identifier is a DID; nil
	// means that there are no such clients.
	Documents *did.Cache
	// MaxSets bounds how many JWK Sets are kept of each kind, by value and by
	// URL; 0 means 10 000.
	MaxSets int
	// SigningCAs are the authorities for the certificates of keys: the x5c of a
	// key that has one must lead to one of them, by the intermediates in it,
	// whatever the use of the key (MEF W128 R40). Nil means that nobody looks
	// who issued them, and the pool must not change any more. Give each name of
	// an authority one key: several make hostile chains cost more.
	SigningCAs *x509.CertPool
	// RequireCertificate refuses every key without x5c, whatever its use (MEF
	// W128 R40, R47). The keys of a DID are no less for having none.
	RequireCertificate bool
}

const (
	defaultFetchTimeout = 10 * time.Second
	defaultMaxSets      = 10_000
)

// ClientKeys is the Resolver of clients that registered jwks or jwks_uri
// (RFC 7591 §2). It is safe for concurrent use and runs no goroutine but a
// fetch that somebody asked for.
//
// A set by value is parsed once, and again after 15 minutes if there are
// SigningCAs. A set by URL is kept for what its
// Cache-Control says, within 5 to 15 minutes, and 5 if it says nothing. An
// unknown kid refreshes it early, at most once per 30 s for all URLs of one
// origin. Callers at the same time share one fetch, and one that gives up does
// not stop it. A fetch that failed is not repeated for 30 s; meanwhile keys
// that were fetched at most 1 h ago still serve. At most 128 fetches go on at a
// time, and 4 of one origin; the others wait for their turn, and those that
// nobody waits for any more are dropped.
//
// A key whose JWK has an x5c is a key while all certificates in it are valid, and
// the authority to which they lead (MEF W128 R41, R48). It is Clock that tells,
// with no grace: what a client signs here is an hour old at most, and when it
// says that it signed is its own word, which one who got hold of the key of an
// expired certificate would choose. Whether a certificate was revoked is not
// looked up: a client takes such a key out of its set. Such a key is named by
// its kid or by the thumbprint of its certificate (x5t#S256).
//
// A client whose identifier is a DID has its keys in its document: those of
// authentication verify, those of keyAgreement encrypt.
type ClientKeys struct {
	config    ClientKeysConfig
	byValue   *lru.Cache[[sha256.Size]byte, *parsedSet]
	byURL     *keep.Cache[[]Public, matcher]
	documents *did.Cache
}

var _ Resolver = (*ClientKeys)(nil)

// NewClientKeys returns a ClientKeys with empty caches.
func NewClientKeys(config ClientKeysConfig) *ClientKeys {
	config = config.filled()
	return &ClientKeys{
		config: config, byValue: newLRU[[sha256.Size]byte, *parsedSet](config.MaxSets),
		byURL: newRemoteSets(config), documents: config.Documents,
	}
}

func (c ClientKeysConfig) filled() ClientKeysConfig {
	if c.Outbound == nil {
		c.Outbound = outbound.New(outbound.Config{})
	}
	if c.Clock == nil {
		c.Clock = time.Now
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
	return c.fitting(ctx, clientID, m, func(k Public) bool { return k.Named(kid) })
}

// matcher tells which keys are wanted.
type matcher func(Public) bool

// fitting returns the client's keys that fit, at least one.
func (c *ClientKeys) fitting(ctx context.Context, clientID string, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
	if m == nil {
		return nil, ErrNoKey
	}
	find := c.inTime
	if id, is := c.isDID(clientID); is {
		find = func(ctx context.Context, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
			return c.inDocument(ctx, id, m, fits)
		}
	}
	keys, err := find(ctx, m, fits)
	switch {
	case errors.Is(err, ErrNoKey):
		return nil, err
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
func (c *ClientKeys) registered(raw []byte, fits matcher) ([]Public, error) {
	set, err := c.parsed(raw)
	if err != nil {
		return nil, err
	}
	return matching(set.keys, fits)
}

// parsed keeps what it parsed.
func (c *ClientKeys) parsed(raw []byte) (*parsedSet, error) {
	digest := sha256.Sum256(raw)
	if set, ok := c.byValue.Get(digest); ok && (c.config.SigningCAs == nil || c.config.Clock().Sub(set.at) < maxTTL) {
		return set, nil
	}
	set, err := c.config.parse(raw)
	if err != nil {
		return nil, err
	}
	c.byValue.Add(digest, set)
	return set, nil
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
