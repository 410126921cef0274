package key

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// turningBoth is a source whose keys of both kinds change.
type turningBoth struct {
	turning
	decryption []Decryption
	failure    error
}

func (s *turningBoth) DecryptionKeys(context.Context) ([]Decryption, error) {
	return s.decryption, s.failure
}

func xKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// nested encrypts a token of the ring's own to the published key with this kid.
func nested(t testing.TB, ring *Ring, set []byte, kid, enc string) *jose.Encrypted {
	t.Helper()
	keys, err := jose.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(keys, func(k jose.Key) bool { return k.ID == kid })
	if at < 0 {
		t.Fatalf("%s is not published", kid)
	}
	signed, err := ring.Sign("ES256", map[string]any{"sub": "s"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Encrypt(&keys[at], keys[at].Alg, enc, signed, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := jose.ParseEncrypted(token, maxOwnToken)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Every kind of decryption key, published with what others need and no more.
func TestDecryptionKeys(t *testing.T) {
	p := profile.MEFLSO()
	hsm, err := ecSigner(t, elliptic.P521()).(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	ring := newRing(t, &p,
		&gojose.JSONWebKey{Key: rsaSigner(t, 3072), KeyID: "jwk-rsa", Algorithm: "RSA-OAEP", Use: "enc"},
		ecSigner(t, elliptic.P256()),
		&gojose.JSONWebKey{Key: ecSigner(t, elliptic.P384()), KeyID: "jwk-ec", Algorithm: "ECDH-ES+A128KW", Use: "enc"},
		Decryption{ID: "rsa", Key: rsaSigner(t, 2048)}, Decryption{ID: "x", Key: xKey(t)},
		Decryption{ID: "hsm", Alg: profile.ECDHESA256KW, Key: struct{ ecdh.KeyExchanger }{hsm}},
		Decryption{ID: "hsm-rsa", Key: struct{ crypto.Decrypter }{rsaSigner(t, 2048).(crypto.Decrypter)}},
	)
	if want := []string{"RSA-OAEP", "ECDH-ES+A128KW", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"}; !slices.Equal(ring.DecryptionAlgs(), want) {
		t.Errorf("got %v, want %v", ring.DecryptionAlgs(), want)
	}
	if want := []string{"ES256"}; !slices.Equal(ring.Algs(), want) {
		t.Errorf("%v sign, want %v", ring.Algs(), want)
	}
	set := jwksOf(t, ring)
	for _, kid := range []string{"jwk-rsa", "jwk-ec", "rsa", "x", "hsm", "hsm-rsa"} {
		if signed, err := nested(t, ring, set, kid, "A256CBC-HS512").Decrypt(ring.Decrypter(kid)); err != nil || signed.Alg != "ES256" {
			t.Errorf("%s: %v", kid, err)
		}
	}
	var published struct{ Keys []map[string]any }
	if err := json.Unmarshal(set, &published); err != nil || len(published.Keys) != 7 {
		t.Fatalf("%d keys, %v", len(published.Keys), err)
	}
	allowed := map[any]string{"EC": "alg,crv,kid,kty,use,x,y", "RSA": "alg,e,kid,kty,n,use", "OKP": "alg,crv,kid,kty,use,x"}
	for i, jwk := range published.Keys {
		got := strings.Join(slices.Sorted(maps.Keys(jwk)), ",")
		if got != allowed[jwk["kty"]] || (jwk["use"] == "enc") != (i > 0) {
			t.Errorf("published %v", jwk)
		}
	}
}

// The kid of a key without ID is the thumbprint of RFC 7638, which go-jose
// works out too.
func TestDecryptionThumbprint(t *testing.T) {
	p := profile.MEFLSO()
	for _, private := range []crypto.Signer{rsaSigner(t, 2048), ecSigner(t, elliptic.P521())} {
		ring := newRing(t, &p, ecSigner(t, elliptic.P256()), Decryption{Key: private})
		jwk := gojose.JSONWebKey{Key: private.Public()}
		sum, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if kid := b64.EncodeToString(sum); ring.Decrypter(kid) == nil {
			t.Errorf("%T: no key %s", private, kid)
		}
	}
}

func TestDecryptionKeysRefused(t *testing.T) {
	ec := ecSigner(t, elliptic.P256())
	none := profile.NZBanking()
	for _, c := range []struct {
		name string
		key  any
		p    *profile.Profile
		want string
	}{
		{"small", Decryption{Key: rsaSigner(t, 1024)}, nil, "decryption key 0: jose: the key does not fit"},
		{"FAPI-8.6.1-1 RSA1_5", &gojose.JSONWebKey{Key: rsaSigner(t, 2048), KeyID: "r", Algorithm: "RSA1_5", Use: "enc"}, nil, "does not fit"},
		{"dir", Decryption{Alg: "dir", Key: []byte("s3cr3t")}, nil, "does not fit"},
		{"a JWK of a secret", &gojose.JSONWebKey{Key: []byte("s3cr3t"), KeyID: "s", Algorithm: "A256KW", Use: "enc"}, nil, "does not fit"},
		{"a public JWK", &gojose.JSONWebKey{Key: ec.Public(), KeyID: "s", Algorithm: "ECDH-ES", Use: "enc"}, nil, "does not fit"},
		{"Ed25519", Decryption{Key: edSigner(t)}, nil, "does not fit"},
		{"nothing", Decryption{}, nil, "does not fit"},
		{"kid of a signing key", Decryption{ID: "sig", Key: ecSigner(t, elliptic.P256())}, nil, `kid "sig" is there twice`},
		{"a key that signs", Decryption{ID: "enc", Key: ec}, nil, `the key signs too, under the kid "sig"`},
		{"a profile without JWE", Decryption{Key: rsaSigner(t, 2048)}, &none, `alg "RSA-OAEP-256" is not among the profile's KeyEncAlgs []`},
	} {
		p := profile.MEFLSO()
		if c.p != nil {
			p = *c.p
		}
		_, err := NewRing(t.Context(), Signing(Private{ID: "sig", Signer: ec}, c.key), &p, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	p := profile.MEFLSO()
	both := rsaSigner(t, 2048)
	if _, err := NewRing(t.Context(), Signing(ec, both, Decryption{ID: "enc", Key: both}), &p, nil); err == nil {
		t.Error("an RSA key signs and decrypts")
	}
}

// A new key serves at once; one that is gone is published no more, but
// decrypts what may still come.
func TestDecryptionRotation(t *testing.T) {
	p := profile.MEFLSO()
	now := time.Unix(1_800_000_000, 0)
	source := &turningBoth{turning: turning{keys: []Private{private(t, "sig")}}, decryption: []Decryption{{ID: "one", Key: rsaSigner(t, 2048)}}}
	ring, err := NewRing(t.Context(), source, &p, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, decrypt, shown string) {
		t.Helper()
		var got []string
		for _, kid := range []string{"one", "two"} {
			if ring.Decrypter(kid) != nil {
				got = append(got, kid)
			}
		}
		if strings.Join(got, " ") != decrypt {
			t.Errorf("%s: %v decrypt, want %s", name, got, decrypt)
		}
		if got := strings.Join(published(t, ring)[1:], " "); got != shown {
			t.Errorf("%s: %s published, want %s", name, got, shown)
		}
	}
	reload := func(keys ...Decryption) {
		t.Helper()
		source.decryption = keys
		if err := ring.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step("at start", "one", "one")
	old := nested(t, ring, jwksOf(t, ring), "one", "A128GCM")
	two := Decryption{ID: "two", Key: ecSigner(t, elliptic.P256())}
	reload(two)
	step("turned", "one two", "two")
	if _, err := old.Decrypt(ring.Decrypter("one")); err != nil {
		t.Errorf("an old one: %v", err)
	}
	now = now.Add(PublishLead)
	reload(two)
	step("later", "one two", "two")
	now = now.Add(p.RequestObject.MaxLifetime)
	step("too late", "two", "two")
	source.failure = errors.New("the vault is sealed")
	if err := ring.Reload(t.Context()); err == nil {
		t.Error("the source failed")
	}
	step("as it was", "two", "two")
	source.failure = nil
	reload()
	step("none", "two", "")
	if algs := ring.DecryptionAlgs(); algs != nil {
		t.Errorf("published for %v", algs)
	}
}
