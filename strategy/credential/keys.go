package credential

import (
	"context"
	"fmt"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Key is a public key with its kid; it is the same type as key.Public.
type Key = jose.Key

// Relationship is what a key may be used for, as its owner's DID document
// says (DID Core §5.3).
type Relationship string

// The relationships.
const (
	// Authentication keys sign presentations.
	Authentication Relationship = "authentication"
	// AssertionMethod keys sign credentials, status lists and software
	// statements.
	AssertionMethod Relationship = "assertionMethod"
)

// Keys finds the keys of issuers and holders. It must be safe for concurrent
// use, bound what it fetches, and heed the context.
type Keys interface {
	// Keys returns the keys that the party, a DID or an https URL, published
	// for this relationship under this kid: its ID, or the thumbprint of its
	// certificate. A key of another relationship is not returned. An error means that there is
	// none or that it cannot be found out now.
	Keys(ctx context.Context, party, kid string, r Relationship) ([]Key, error)
}

// Getter fetches a document, as *outbound.Client does. It must be safe for
// concurrent use, bound the body, and heed the context.
type Getter interface {
	Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error)
}

// verify checks that the signer signed with a key of this relationship and an
// algorithm that the profile accepts.
func verify(ctx context.Context, p *profile.Profile, keys Keys, s *jose.Signed, signer string, r Relationship) error {
	if !slices.Contains(p.Algs(), s.Alg) {
		return errAlg
	}
	// Before anything is looked up: a signature in somebody else's name must
	// not cost a fetch.
	if !ownKid(signer, s.Kid) {
		return errKid
	}
	found, err := keys.Keys(ctx, signer, s.Kid, r)
	if err != nil {
		return fmt.Errorf("credential: keys of the signer: %w", err)
	}
	_, err = s.Verify(found, p.MinRSABits)
	return err
}
