package credential_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

func jwks(issuers ...*credential.Issuer) string {
	var set gojose.JSONWebKeySet
	for _, i := range issuers {
		set.Keys = append(set.Keys, gojose.JSONWebKey{Key: i.Key.Public(), KeyID: i.Kid, Algorithm: i.Alg})
	}
	return string(must(json.Marshal(set)))
}

const (
	jwksURL = "https://directory.lso.example/jwks"
	named   = "The Directory Ltd" // some directories have no URL for a name
)

// newKeySets has a directory with a URL, one by value, and the world's DIDs;
// find looks for a key and compares the error.
func newKeySets(t *testing.T, w *world, byURL, byValue *credential.Issuer) (find func(party, kid string, r credential.Relationship, want error)) {
	w.lists.put(jwksURL, jwks(byURL))
	sets := must(credential.NewKeySets(credential.KeySetsConfig{
		Sets:     map[string]credential.KeySet{directory: {JWKSURI: jwksURL}, named: {JWKS: json.RawMessage(jwks(byValue))}},
		Others:   w.keys,
		Outbound: w.lists, Clock: w.verifier.Clock,
	}))
	return func(party, kid string, r credential.Relationship, want error) {
		t.Helper()
		keys, err := sets.Keys(t.Context(), party, kid, r)
		if !errors.Is(err, want) || err == nil && (len(keys) != 1 || keys[0].ID != kid) {
			t.Errorf("%s %s: got %v, %v, want %v", party, kid, keys, err, want)
		}
	}
}

func TestKeySets(t *testing.T) {
	w := newWorld(t)
	one, two := party(directory, "1"), party(directory, "2")
	find := newKeySets(t, w, one, two)
	find(directory, one.Kid, credential.AssertionMethod, nil)
	find(directory, one.Kid, credential.Authentication, credential.ErrNoKey) // a JWK Set authenticates nobody
	find(named, two.Kid, credential.AssertionMethod, nil)
	find(named, one.Kid, credential.AssertionMethod, credential.ErrNoKey)
	find(registry, registry+"#k1", credential.AssertionMethod, nil)
	find("did:web:nobody.example", "k", credential.AssertionMethod, errNotPublished)

	// A new key is found after 30 s, and unknown kids cost no more than that.
	w.lists.put(jwksURL, jwks(one, two))
	for range 5 {
		find(directory, two.Kid, credential.AssertionMethod, credential.ErrNoKey)
	}
	w.clock.Add(30)
	find(directory, two.Kid, credential.AssertionMethod, nil)
	if w.lists.gets != 2 {
		t.Errorf("%d fetches, want 2", w.lists.gets)
	}
	clear(w.lists.page)
	w.clock.Add(301)
	find(directory, one.Kid, credential.AssertionMethod, errNotFound) // stale keys do not serve
	w.lists.put(jwksURL, jwks(one))
	w.clock.Add(29)
	find(directory, one.Kid, credential.AssertionMethod, errNotFound)
	w.clock.Add(1)
	find(directory, one.Kid, credential.AssertionMethod, nil)
}

// An unknown kid, while the directory is down, spoils no key that is fresh.
func TestUnknownKidInAnOutage(t *testing.T) {
	w := newWorld(t)
	i := party(directory, "1")
	find := newKeySets(t, w, i, i)
	find(directory, i.Kid, credential.AssertionMethod, nil)
	clear(w.lists.page)
	w.clock.Add(30)
	for range 5 {
		find(directory, "unknown", credential.AssertionMethod, errNotFound)
		find(directory, i.Kid, credential.AssertionMethod, nil)
	}
	if w.lists.gets != 2 {
		t.Errorf("%d fetches, want 2", w.lists.gets)
	}
}

// An issuer's key with a certificate goes by its thumbprint too, while the
// certificate is valid.
func TestKeySetsOfCertifiedKeys(t *testing.T) {
	w := newWorld(t)
	i := party(directory, "1")
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, i.Key.Public(), i.Key))
	jwk := gojose.JSONWebKey{Key: i.Key.Public(), KeyID: "1", Certificates: []*x509.Certificate{must(x509.ParseCertificate(der))}}
	set := must(json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{jwk}}))
	w.lists.put(jwksURL, string(set))
	sets := must(credential.NewKeySets(credential.KeySetsConfig{
		Sets:     map[string]credential.KeySet{directory: {JWKSURI: jwksURL}, named: {JWKS: set}},
		Outbound: w.lists, Clock: w.verifier.Clock,
	}))
	sum := sha256.Sum256(der)
	thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
	want := func(want error) {
		t.Helper()
		for _, issuer := range []string{directory, named} {
			for _, kid := range []string{"1", thumbprint} {
				if keys, err := sets.Keys(t.Context(), issuer, kid, credential.AssertionMethod); !errors.Is(err, want) || err == nil && len(keys) != 1 {
					t.Errorf("%s %s: got %d keys, %v, want %v", issuer, kid, len(keys), err, want)
				}
			}
		}
	}
	t.Run("MEF-R44/thumbprint", func(*testing.T) { want(nil) })
	w.clock.Add(7200)
	t.Run("MEF-R41/expired", func(*testing.T) { want(credential.ErrNoKey) })
}

func TestKeySetsConfig(t *testing.T) {
	for name, set := range map[string]credential.KeySet{
		"neither": {}, "both": {JWKS: json.RawMessage(`{"keys":[]}`), JWKSURI: "https://x.example"}, "no set": {JWKS: json.RawMessage(`[]`)},
	} {
		if _, err := credential.NewKeySets(credential.KeySetsConfig{Sets: map[string]credential.KeySet{name: set}}); err == nil {
			t.Error(name)
		}
	}
	sets := must(credential.NewKeySets(credential.KeySetsConfig{}))
	if _, err := sets.Keys(t.Context(), directory, "k", credential.AssertionMethod); !errors.Is(err, credential.ErrNoKey) {
		t.Error(err)
	}
}

// An https issuer has a JWK Set; its kid is a plain name.
func TestMEFR6_HTTPSIssuer(t *testing.T) {
	const issuer = "https://registry.example"
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	for kid, good := range map[string]bool{"k1": true, issuer + "#k1": true, "https://other.example#k1": false, registry + "#k1": false, "#k1": false} {
		a := newAttempt(t)
		a.w.verifier.Policy.Anchors = []string{issuer}
		i := &credential.Issuer{ID: issuer, Kid: kid, Alg: "ES256", Key: key}
		a.w.keys.publish(i, credential.AssertionMethod)
		a.w.lists.put(listURL, must(i.StatusList(credential.List{URL: listURL, Purpose: credential.Revocation, Bits: credential.NewBits(0)})))
		a.vc = must(i.Credential(entity(credential.V2)))
		if err := a.run(t); (err == nil) != good {
			t.Errorf("kid %q: got %v, want accepted: %v", kid, err, good)
		}
	}
}

func TestISO17442_LEI(t *testing.T) {
	for lei, want := range map[string]bool{
		"5493001KJTIIGC8Y1R12": true, "529900T8BM49AURSDO55": true, "5493001KJTIIGC8Y1R13": false, "5493001KJTIIGC8Y1R21": false,
		"5493001kjtiigc8y1r12": false, "5493001KJTIIGC8Y1R1": false, "5493001KJTIIGC8Y1R1A": false, "": false, "5493001KJTIIGC8Y1R12 ": false,
		"54930 1KJTIIGC8Y1R12": false, "00000000000000000000": false,
	} {
		if credential.ValidLEI(lei) != want {
			t.Errorf("%q: want %v", lei, want)
		}
	}
}

func ExampleValidLEI() {
	fmt.Println(credential.ValidLEI("5493001KJTIIGC8Y1R12"), credential.ValidLEI("5493001KJTIIGC8Y1R21"))
	// Output: true false
}
