package key

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// rsaSigner returns one key per size: making one is slow.
func rsaSigner(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	rsaSigners.Lock()
	defer rsaSigners.Unlock()
	if rsaSigners.made[bits] == nil {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		rsaSigners.made[bits] = private
	}
	return rsaSigners.made[bits]
}

var rsaSigners = struct {
	sync.Mutex
	made map[int]crypto.Signer
}{made: map[int]crypto.Signer{}}

func ecSigner(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func edSigner(t testing.TB) crypto.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// hidden is a key in an HSM: only its public half has a known type.
type hidden struct{ crypto.Signer }

func jwksOf(t testing.TB, ring *Ring) []byte {
	t.Helper()
	set, err := ring.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newRing(t testing.TB, p *profile.Profile, keys ...any) *Ring {
	t.Helper()
	ring, err := NewRing(t.Context(), Signing(keys...), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestNewRingRefuses(t *testing.T) {
	ec, ed := ecSigner(t, elliptic.P256()), edSigner(t)
	for _, c := range []struct {
		name string
		keys []any
		want string
	}{
		{"no keys", nil, "no key signs ES256"},
		{"no key for the preferred algorithm", []any{ed}, "no key signs ES256"},
		{"BASE-5.2.2-5 RSA 1024", []any{ec, rsaSigner(t, 1024)}, "key 1: jose: the key does not fit"},
		{"FAPI-8.9-3 one kid twice", []any{Private{ID: "a", Signer: ec}, Private{ID: "a", Signer: ed}}, `key 1: kid "a" is there twice`},
		{"one key twice", []any{ec, ec}, "is there twice"},
		{"FAPI-8.6-1 RS256", []any{ec, Private{Alg: profile.RS256, Signer: rsaSigner(t, 2048)}}, `key 1: alg "RS256" is not among`},
		{"ES384 without the profile", []any{ec, ecSigner(t, elliptic.P384())}, `alg "ES384" is not among`},
		{"MEF-R51 none", []any{ec, Private{Alg: "none", Signer: ed}}, `alg "none" is not among`},
		{"HS256", []any{ec, Private{Alg: "HS256", Signer: ed}}, `alg "HS256" is not among`},
		{"an algorithm of another type", []any{Private{Alg: profile.PS256, Signer: ec}}, "the key does not fit"},
		{"an algorithm of another curve", []any{Private{Alg: profile.ES256, Signer: ecSigner(t, elliptic.P384())}}, "the key does not fit"},
		{"P-224", []any{ec, ecSigner(t, elliptic.P224())}, `key 1: alg ""`},
		{"no signer", []any{ec, Private{ID: "a"}}, "key 1: the signer is nil"},
		{"an HMAC secret", []any{[]byte("s3cr3t")}, "key 0 is a []uint8"},
		{"a string", []any{ec, "s3cr3t"}, "key 1 is a string"},
		{"a symmetric JWK", []any{&gojose.JSONWebKey{Key: []byte("s3cr3t"), KeyID: "a"}}, `key 0, kid "a", is no private key`},
		{"a public JWK", []any{&gojose.JSONWebKey{Key: ec.Public(), KeyID: "a"}}, "is no private key"},
		{"a public key", []any{ec.Public()}, "key 0 is a *ecdsa.PublicKey"},
		{"nil", []any{nil}, "key 0 is a <nil>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := profile.MEFLSO()
			_, err := NewRing(t.Context(), Signing(c.keys...), &p, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// All that is wrong is named at once.
func TestNewRingNamesAll(t *testing.T) {
	p := profile.MEFLSO()
	_, err := NewRing(t.Context(), Signing(Private{}, rsaSigner(t, 1024), Private{Alg: "none", Signer: edSigner(t)}), &p, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("got %v", err)
	}
}

func TestRing(t *testing.T) {
	p := profile.MEFLSO()
	p.AllowRS256 = true
	p.SigningAlgs = append(p.SigningAlgs, profile.ES384, profile.ES512, profile.PS512)
	ec, pss := ecSigner(t, elliptic.P256()), rsaSigner(t, 2048)
	ring := newRing(t, &p,
		&gojose.JSONWebKey{Key: ec, KeyID: "jwk", Algorithm: "ES256"}, pss, edSigner(t), Private{ID: "rs", Alg: profile.RS256, Signer: pss},
		hidden{ecSigner(t, elliptic.P384())}, ecSigner(t, elliptic.P521()), Private{ID: "512", Alg: profile.PS512, Signer: hidden{pss}})
	if want := []string{"ES256", "PS256", "EdDSA", "RS256", "ES384", "ES512", "PS512"}; !slices.Equal(ring.Algs(), want) {
		t.Fatalf("got %v, want %v", ring.Algs(), want)
	}
	public, err := jose.ParseKeys(jwksOf(t, ring))
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range append(ring.Algs(), "Ed25519") {
		token, err := ring.Sign(alg, map[string]any{"iss": "https://seller.example", "aud": "buyer", "exp": 1, "iat": 1, "sub": alg})
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		signed, err := jose.ParseSigned(token, maxOwnToken)
		if err != nil || signed.Alg != alg || signed.CheckTyp() != nil {
			t.Errorf("%s: got %+v, %v", alg, signed, err)
		}
		if claims, err := signed.Verify(public, 2048); err != nil || string(claims["sub"]) != `"`+alg+`"` {
			t.Errorf("%s: got %s, %v", alg, claims, err)
		}
		if sub, err := ring.SubjectOf(token, "https://seller.example", "buyer"); err != nil || sub != alg {
			t.Errorf("%s: got %q, %v", alg, sub, err)
		}
	}
	for _, alg := range []string{"", "none", "HS256", "PS384", "es256"} {
		if token, err := ring.Sign(alg, map[string]any{}); err == nil || ring.For(alg) != nil {
			t.Errorf("%s: got %q", alg, token)
		}
	}
	if _, err := ring.Sign("ES256", map[string]any{"f": func() {}}); err == nil {
		t.Error("signed what is no JSON")
	}
}

// The first key of an algorithm signs; the others are published.
func TestPreferredKeyIsFirst(t *testing.T) {
	p := profile.MEFLSO()
	ring := newRing(t, &p, Private{ID: "new", Signer: ecSigner(t, elliptic.P256())}, Private{ID: "old", Signer: ecSigner(t, elliptic.P256())})
	if got := ring.For("ES256").ID; got != "new" {
		t.Errorf("%s signs", got)
	}
	public, err := jose.ParseKeys(jwksOf(t, ring))
	if err != nil || len(public) != 2 || public[1].ID != "old" {
		t.Errorf("published %v, %v", public, err)
	}
}

// Without an ID the kid is the thumbprint (RFC 7638), the same at every start.
func TestThumbprint(t *testing.T) {
	p := profile.MEFLSO()
	ec := ecSigner(t, elliptic.P256())
	kid := newRing(t, &p, ec).For("ES256").ID
	if len(kid) != 43 || newRing(t, &p, hidden{ec}).For("ES256").ID != kid {
		t.Errorf("got %q", kid)
	}
}

// What is published is the public half and nothing else.
func TestJWKSHasNoPrivateMembers(t *testing.T) {
	p := profile.MEFLSO()
	ring := newRing(t, &p,
		ecSigner(t, elliptic.P256()), hidden{rsaSigner(t, 2048)}, edSigner(t), &gojose.JSONWebKey{Key: ecSigner(t, elliptic.P256()), KeyID: "jwk"})
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(jwksOf(t, ring), &set); err != nil || len(set.Keys) != 4 {
		t.Fatalf("%d keys, %v", len(set.Keys), err)
	}
	allowed := map[string][]string{
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
		"OKP": {"crv", "kid", "kty", "use", "x"}, // no alg: EdDSA has two names
	}
	for _, jwk := range set.Keys {
		var got []string
		for name := range jwk {
			got = append(got, name)
		}
		slices.Sort(got)
		if want := allowed[fmt.Sprint(jwk["kty"])]; !slices.Equal(got, want) || jwk["use"] != "sig" || jwk["kid"] == "" {
			t.Errorf("got %v, want %v", jwk, want)
		}
	}
}

// OpenID Connect Core §3.1.2.1: an id_token_hint may have expired, but must be
// ours.
func TestSubjectOf(t *testing.T) {
	const issuer = "https://seller.example"
	p := profile.MEFLSO()
	ours := newRing(t, &p, Private{ID: "a", Signer: ecSigner(t, elliptic.P256())}, Private{ID: "b", Signer: edSigner(t)})
	theirs := newRing(t, &p, Private{ID: "a", Signer: ecSigner(t, elliptic.P256())}, Private{ID: "c", Signer: edSigner(t)})
	sign := func(r *Ring, alg string, changes map[string]any) string {
		t.Helper()
		claims := map[string]any{"aud": "buyer", "exp": 1, "iat": 1}
		maps.Copy(claims, changes)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		token, err := r.Sign(alg, claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := sign(ours, "ES256", map[string]any{"iss": issuer, "sub": "ada"})
	if sub, err := ours.SubjectOf(token, issuer, "buyer"); sub != "ada" || err != nil {
		t.Fatalf("an expired one: got %q, %v", sub, err)
	}
	parts := strings.Split(token, ".")
	other := strings.Split(sign(ours, "ES256", map[string]any{"iss": issuer, "sub": "bob"}), ".")
	for name, refused := range map[string]string{
		"empty":                   "",
		"altered":                 parts[0] + "." + other[1] + "." + parts[2],
		"unsigned":                parts[0] + "." + parts[1] + ".",
		"another's key, our kid":  sign(theirs, "ES256", map[string]any{"iss": issuer, "sub": "ada"}),
		"another's kid":           sign(theirs, "EdDSA", map[string]any{"iss": issuer, "sub": "ada"}),
		"another issuer":          sign(ours, "EdDSA", map[string]any{"iss": issuer + "/", "sub": "ada"}),
		"no issuer":               sign(ours, "ES256", map[string]any{"sub": "ada"}),
		"another client's":        sign(ours, "ES256", map[string]any{"iss": issuer, "sub": "ada", "aud": "buyer-b"}),
		"no audience":             sign(ours, "ES256", map[string]any{"iss": issuer, "sub": "ada", "aud": nil}),
		"UserInfo":                sign(ours, "ES256", map[string]any{"iss": issuer, "sub": "ada", "exp": nil, "iat": nil}),
		"JARM":                    sign(ours, "ES256", map[string]any{"iss": issuer, "iat": nil, "code": "x"}),
		"sub a number":            sign(ours, "ES256", map[string]any{"iss": issuer, "sub": 1}),
		"too large":               sign(ours, "ES256", map[string]any{"iss": issuer, "sub": strings.Repeat("a", maxOwnToken)}),
		"our other key's header":  strings.Join([]string{strings.Split(sign(ours, "EdDSA", map[string]any{}), ".")[0], parts[1], parts[2]}, "."),
		"a JWE":                   "a.b.c.d.e",
		"twice in the payload":    forged(t, ours, `{"iss":"`+issuer+`","sub":"ada","sub":"bob"}`),
		"a payload of other type": forged(t, ours, `["`+issuer+`"]`),
	} {
		if sub, err := ours.SubjectOf(refused, issuer, "buyer"); err == nil || sub != "" {
			t.Errorf("%s: got %q, %v", name, sub, err)
		}
	}
}

func forged(t *testing.T, r *Ring, payload string) string {
	t.Helper()
	token, err := jose.Sign(r.For("ES256"), "JWT", []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type failing struct{}

func (failing) SigningKeys(context.Context) ([]Private, error) { return nil, errDown }

func TestSourceFails(t *testing.T) {
	p := profile.MEFLSO()
	if _, err := NewRing(t.Context(), failing{}, &p, nil); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
}
