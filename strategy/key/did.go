package key

import (
	"context"
	"errors"
	"fmt"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/did"
)

// isDID: the identifier of the client is a DID, and such clients are known.
func (c *ClientKeys) isDID(clientID string) (did.DID, bool) {
	if c.documents == nil {
		return did.DID{}, false
	}
	id, err := did.Parse(clientID)
	return id, err == nil
}

var errKeysBeside = errors.New("jwks or jwks_uri is registered beside a DID (MEF W128 R2)")

func keysBeside(m *storage.ClientMetadata) bool {
	return m != nil && (m.JWKSURI != "" || len(m.JWKS) > 0 && string(m.JWKS) != "null")
}

// ofDID returns the authentication key that the kid names: a DID URL of the
// client's own, or its fragment.
func (c *ClientKeys) ofDID(ctx context.Context, id did.DID, m *storage.ClientMetadata, kid string) ([]Public, error) {
	if keysBeside(m) {
		return nil, fmt.Errorf("key: client %q: %w", id, errKeysBeside)
	}
	keys, err := c.documents.Keys(ctx, id, did.Authentication, kid)
	if errors.Is(err, did.ErrNoKey) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("key: client %q: %w", id, err)
	}
	return keys, nil
}

// inDocument looks among the keys of the document; the use of each is that of
// its relationship.
func (c *ClientKeys) inDocument(ctx context.Context, id did.DID, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
	if keysBeside(m) {
		return nil, errKeysBeside
	}
	all := func(d *did.Document) []Public {
		return append(d.AllKeys(did.Authentication), d.AllKeys(did.KeyAgreement)...)
	}
	document, err := c.documents.ResolveFor(ctx, id, func(d *did.Document) bool {
		found, _ := matching(all(d), fits)
		return len(found) > 0
	})
	if err != nil {
		return nil, err
	}
	return matching(all(document), fits)
}
