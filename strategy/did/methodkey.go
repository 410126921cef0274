package did

import (
	"context"
	"encoding/base64"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// KeyMethod resolves did:key (did:key Method v0.7): Ed25519, P-256, P-384,
// P-521, RSA of 2048 to 8192 bits, and X25519 for key agreement alone. It needs
// no network and is safe for concurrent use.
type KeyMethod struct{}

// Resolve implements Resolver. Its errors are ErrMethod and ErrInvalid.
func (KeyMethod) Resolve(_ context.Context, id DID) (*Document, error) {
	if id.Method() != "key" {
		return nil, ErrMethod
	}
	public, err := parseMultikey(id.identifier())
	if err != nil {
		return nil, err
	}
	return ofOneKey(id, Key{ID: id.text + "#" + id.identifier(), Public: public}), nil
}

// JWKMethod resolves did:jwk, for the same keys as KeyMethod. Its only key is
// named #0. It needs no network and is safe for concurrent use.
type JWKMethod struct{}

// Resolve implements Resolver. Its errors are ErrMethod and ErrInvalid; a
// private JWK is ErrInvalid.
func (JWKMethod) Resolve(_ context.Context, id DID) (*Document, error) {
	if id.Method() != "jwk" {
		return nil, ErrMethod
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id.identifier())
	if err != nil {
		return nil, invalid("the DID is not base64url")
	}
	jwk, err := jose.ParseObject(raw)
	if err != nil || isPrivate(jwk) {
		return nil, invalid("the DID has no public JWK in it")
	}
	key, ok := parseJWK(jwk, id.text+"#0")
	if !ok {
		return nil, invalid("the type of the key is not supported")
	}
	return ofOneKey(id, key), nil
}

// ofOneKey is the document of a DID that is its own key: it has the key in
// every relationship that the type and use of the key allow.
func ofOneKey(id DID, key Key) *Document {
	doc := &Document{id: id, keys: map[Relationship][]Key{}}
	for _, relationship := range relationships {
		if fit, ok := fitFor(relationship, key); ok {
			doc.keys[relationship] = []Key{fit}
		}
	}
	return doc
}
