package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/internal/keep"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// KeySet is the JWK Set of an issuer: by value, or by an https URL. It has one
// of the two.
type KeySet struct {
	JWKS    json.RawMessage
	JWKSURI string
}

// KeySetsConfig configures KeySets.
type KeySetsConfig struct {
	// Sets are the issuers that publish a JWK Set, by the iss of what they
	// sign. It may be any string: some directories have no URL for a name.
	Sets map[string]KeySet
	// Others finds the keys of everybody else, such as DIDs; nil means that
	// there is nobody else.
	Others Keys
	// Outbound fetches every JWKSURI; nil means outbound.New with the zero
	// Config.
	Outbound Getter
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

// KeySets finds the keys of configured issuers in their JWK Sets. A JWK Set has
// no relationships: its keys assert, and authenticate nobody. A key whose JWK
// has an x5c goes by its certificate's thumbprint too, and is none while a
// certificate in it is not valid (MEF W128 R41, R44); who issued those is not
// looked at. It is safe for concurrent use.
//
// A set by URL is kept for what its Cache-Control says, within 5 to 15
// minutes. An unknown kid refreshes it early, at most once per 30 s; a fetch
// that failed is not repeated for as long, and leaves a set that is still fresh
// as it is.
type KeySets struct {
	byValue map[string][]Key
	byURL   map[string]string
	remote  *keep.Cache[[]Key, string]
	others  Keys
	clock   func() time.Time
}

var _ Keys = (*KeySets)(nil)

const (
	minKeysTTL = 5 * time.Minute
	maxKeysTTL = 15 * time.Minute
	minKeysAge = 30 * time.Second // of a set that an unknown kid refreshes
)

// ErrNoKey means that the party is known and has no such key, or is not known.
var ErrNoKey = errors.New("credential: no key of the party has this kid")

// NewKeySets reads the sets by value; it names every issuer whose set cannot be
// read or that has not one of jwks and jwks_uri.
func NewKeySets(config KeySetsConfig) (*KeySets, error) {
	if config.Outbound == nil {
		config.Outbound = outbound.New(outbound.Config{})
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	k := &KeySets{byValue: map[string][]Key{}, byURL: map[string]string{}, others: config.Others, clock: config.Clock}
	load := func(ctx context.Context, url string) ([]Key, time.Duration, error) {
		doc, err := config.Outbound.Get(ctx, url, "application/jwk-set+json", "application/json")
		if err != nil {
			return nil, 0, err
		}
		keys, err := jose.ParseKeys(doc.Body)
		return keys, min(max(doc.MaxAge, minKeysTTL), maxKeysTTL), err
	}
	// As many entries as issuers, and no more loads at a time: nothing that a
	// stranger sends is a key of it.
	k.remote = keep.New(keep.Config[[]Key, string]{
		Load:       load,
		Fits:       func(keys []Key, kid string) bool { return len(k.named(keys, kid)) > 0 },
		Clock:      config.Clock,
		Timeout:    loadTimeout,
		Size:       len(config.Sets),
		FailureTTL: failureTTL,
		MinAge:     minKeysAge,
	})
	var errs []error
	for issuer, set := range config.Sets {
		errs = append(errs, k.add(issuer, set))
	}
	return k, errors.Join(errs...)
}

func (k *KeySets) add(issuer string, set KeySet) error {
	if (len(set.JWKS) > 0) == (set.JWKSURI != "") {
		return fmt.Errorf("credential: issuer %q has not one of jwks and jwks_uri", issuer)
	}
	if set.JWKSURI != "" {
		k.byURL[issuer] = set.JWKSURI
		return nil
	}
	keys, err := jose.ParseKeys(set.JWKS)
	if err != nil {
		return fmt.Errorf("credential: issuer %q: %w", issuer, err)
	}
	k.byValue[issuer] = keys
	return nil
}

// Keys implements Keys. The error is ErrNoKey where that is final.
func (k *KeySets) Keys(ctx context.Context, party, kid string, r Relationship) ([]Key, error) {
	keys, byValue := k.byValue[party]
	url, byURL := k.byURL[party]
	switch {
	case !byValue && !byURL && k.others != nil:
		return k.others.Keys(ctx, party, kid, r)
	case r != AssertionMethod:
		return nil, ErrNoKey
	case byURL:
		var err error
		keys, err = k.remote.Get(ctx, url, kid)
		if err != nil {
			return nil, err
		}
	}
	if keys = k.named(keys, kid); len(keys) == 0 {
		return nil, ErrNoKey
	}
	return keys, nil
}

// named returns the keys that the kid names and that are valid now.
func (k *KeySets) named(keys []Key, kid string) []Key {
	now := k.clock()
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return !k.Named(kid) || !k.ValidAt(now) })
}
