package credential_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// A registry vouches for a buyer, the buyer presents itself to a server, and
// later the registry takes its word back.
func Example() {
	registry, buyer := newIssuer("did:web:registry.example", "k1"), newIssuer("did:web:buyer.example", "sig-1")
	parties := documents{registry, buyer}

	clock := time.Unix(1790000000, 0)
	list := credential.List{URL: "https://registry.example/status/3", Purpose: credential.Revocation, Bits: credential.NewBits(0)}
	web := site{registry, &list}
	vc, _ := registry.Credential(credential.Credential{
		ID: "https://registry.example/credentials/4711", Subject: buyer.ID, Until: clock.AddDate(1, 0, 0),
		Claims: map[string]any{"legalName": "Buyer Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "buyer.example"},
		Status: []credential.StatusEntry{{Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: list.URL, Index: 94567}},
	})
	vp, _ := buyer.Present(credential.Presentation{
		Audience: "https://as.seller.example", ID: "urn:uuid:1", Issued: clock, Expires: clock.Add(5 * time.Minute), Credentials: []string{vc},
	})

	p := profile.MEFLSO()
	now := func() time.Time { return clock }
	verifier := &credential.Verifier{
		Profile: &p, Audience: "https://as.seller.example", Keys: parties, Clock: now,
		Policy:  credential.Policy{Anchors: []string{registry.ID}},
		Status:  credential.NewStatusLists(credential.StatusConfig{Profile: &p, Keys: parties, Outbound: web, Clock: now}),
		UseOnce: func(context.Context, string, time.Time) (bool, error) { return true, nil },
	}
	binding, err := verifier.Verify(context.Background(), credential.Request{Presentation: vp, Identifier: buyer.ID})
	fmt.Println(binding.LegalName, binding.TrustDomain, err)

	_ = list.Bits.Set(94567, true)
	clock = binding.NextCheck
	_, err = verifier.Recheck(context.Background(), binding)
	fmt.Println(err, errors.Is(err, credential.ErrRevoked))
	// Output:
	// Buyer Inc. buyer.example <nil>
	// MEF-R8: invalid_client: Entity credential: status revoked. true
}

func newIssuer(did, fragment string) *credential.Issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &credential.Issuer{ID: did, Kid: did + "#" + fragment, Alg: "ES256", Key: key}
}

// documents stands in for the DID documents of the parties.
type documents []*credential.Issuer

func (d documents) Keys(_ context.Context, party, kid string, _ credential.Relationship) ([]credential.Key, error) {
	for _, i := range d {
		if i.ID == party && i.Kid == kid {
			return []credential.Key{{ID: kid, Public: i.Key.Public()}}, nil
		}
	}
	return nil, credential.ErrNoKey
}

// site stands in for the registry's web server.
type site struct {
	registry *credential.Issuer
	list     *credential.List
}

func (s site) Get(context.Context, string, ...string) (*outbound.Document, error) {
	token, err := s.registry.StatusList(*s.list)
	return &outbound.Document{Body: []byte(token)}, err
}
