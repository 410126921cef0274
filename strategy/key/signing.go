package key

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Private is a signing key of the server. Signer may live in an HSM; it must
// be safe for concurrent use.
type Private struct {
	// ID is the kid; empty means the JWK thumbprint (RFC 7638).
	ID string
	// Alg is the one algorithm that the key signs with; empty means the usual
	// one of its type: ES256, ES384, ES512, PS256 or EdDSA.
	Alg    profile.Alg
	Signer crypto.Signer
}

// Source gives the server's signing keys, the preferred one of each algorithm
// first. It is asked once, at start-up.
type Source interface {
	SigningKeys(ctx context.Context) ([]Private, error)
}

// Signing returns a Source of fixed keys: each a Private, a crypto.Signer such
// as *ecdsa.PrivateKey, or a *jose.JSONWebKey of go-jose with a private key.
// Anything else is reported by the Source, and so by compose.New.
func Signing(keys ...any) Source { return fixed(keys) }

type fixed []any

func (f fixed) SigningKeys(context.Context) ([]Private, error) {
	private := make([]Private, 0, len(f))
	for i, k := range f {
		switch k := k.(type) {
		case Private:
			private = append(private, k)
		case *gojose.JSONWebKey:
			if k == nil {
				return nil, fmt.Errorf("key: key %d is nil", i)
			}
			signer, ok := k.Key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("key: key %d, kid %q, is no private key", i, k.KeyID)
			}
			private = append(private, Private{ID: k.KeyID, Alg: profile.Alg(k.Algorithm), Signer: signer})
		case crypto.Signer:
			private = append(private, Private{Signer: k})
		default:
			return nil, fmt.Errorf("key: key %d is a %T, want a crypto.Signer, a *jose.JSONWebKey or a key.Private", i, k)
		}
	}
	return private, nil
}

// Ring is the server's signing keys, ready for use. It is safe for concurrent
// use and does not change.
type Ring struct {
	signers []jose.Signer
	jwks    []byte
}

// NewRing loads the keys of the source and checks each against the profile:
// its algorithm must be accepted there and its type and size must fit.
func NewRing(ctx context.Context, source Source, p *profile.Profile) (*Ring, error) {
	if source == nil {
		return nil, errors.New("key: no source of keys")
	}
	keys, err := source.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	ring := &Ring{}
	var errs []error
	var public gojose.JSONWebKeySet
	for i, k := range keys {
		signer, jwk, err := prepare(k, p)
		if err != nil {
			errs = append(errs, fmt.Errorf("key %d: %w", i, err))
			continue
		}
		if ring.byID(signer.ID) != nil {
			errs = append(errs, fmt.Errorf("key %d: kid %q is there twice (FAPI-8.9-3)", i, signer.ID))
			continue
		}
		ring.signers = append(ring.signers, *signer)
		public.Keys = append(public.Keys, *jwk)
	}
	if ring.For(string(p.PreferredSigningAlg)) == nil {
		errs = append(errs, fmt.Errorf("no key signs %s, the profile's PreferredSigningAlg", p.PreferredSigningAlg))
	}
	ring.jwks, err = json.Marshal(public)
	return ring, errors.Join(append(errs, err)...)
}

func prepare(k Private, p *profile.Profile) (*jose.Signer, *gojose.JSONWebKey, error) {
	if !isUsable(k.Signer) {
		return nil, nil, errors.New("the signer is nil or empty")
	}
	if k.Alg == "" {
		k.Alg = usualAlg(k.Signer.Public())
	}
	if !p.AcceptsAlg(string(k.Alg), "") {
		return nil, nil, fmt.Errorf("alg %q is not among the profile's SigningAlgs %v", k.Alg, p.Algs())
	}
	jwk := gojose.JSONWebKey{Key: k.Signer.Public(), KeyID: k.ID, Use: "sig"}
	if jwk.KeyID == "" {
		thumbprint, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, nil, err
		}
		jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	}
	// EdDSA has two names in use (RFC 8037, RFC 9864); a JWK without alg fits
	// readers of either.
	if k.Alg.Canonical() != profile.EdDSA {
		jwk.Algorithm = string(k.Alg)
	}
	signer := &jose.Signer{ID: jwk.KeyID, Alg: string(k.Alg), Key: k.Signer, Random: rand.Reader}
	return signer, &jwk, signer.Check(p.MinRSABits)
}

// isUsable: Public of a nil or empty key of the standard library panics.
func isUsable(signer crypto.Signer) bool {
	switch k := signer.(type) {
	case nil:
		return false
	case *ecdsa.PrivateKey:
		return k != nil && k.Curve != nil
	case *rsa.PrivateKey:
		return k != nil && k.N != nil
	case ed25519.PrivateKey:
		return len(k) == ed25519.PrivateKeySize
	}
	return true
}

func usualAlg(public crypto.PublicKey) profile.Alg {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return map[int]profile.Alg{256: profile.ES256, 384: profile.ES384, 521: profile.ES512}[key.Params().BitSize]
	case *rsa.PublicKey:
		return profile.PS256
	case ed25519.PublicKey:
		return profile.EdDSA
	}
	return ""
}

func (r *Ring) byID(kid string) *jose.Signer {
	for i := range r.signers {
		if r.signers[i].ID == kid {
			return &r.signers[i]
		}
	}
	return nil
}

// For returns the key that signs with this alg, or nil. Its Alg is the name
// that was asked for, Ed25519 or EdDSA.
func (r *Ring) For(alg string) *jose.Signer {
	for _, s := range r.signers {
		if profile.Alg(s.Alg).Canonical() == profile.Alg(alg).Canonical() {
			s.Alg = alg
			return &s
		}
	}
	return nil
}

// Algs returns the algorithms that the keys sign with, in their order.
func (r *Ring) Algs() []string {
	var algs []string
	for _, s := range r.signers {
		if !slices.Contains(algs, s.Alg) {
			algs = append(algs, s.Alg)
		}
	}
	return algs
}

// JWKS returns the public keys as a JWK Set document (RFC 7517 §5).
func (r *Ring) JWKS() []byte { return r.jwks }

// Sign signs the claims as a JWT with the key for alg, which must be one of
// Algs.
func (r *Ring) Sign(alg string, claims map[string]any) (string, error) {
	signer := r.For(alg)
	if signer == nil {
		return "", fmt.Errorf("key: no key signs %s", alg)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return jose.Sign(signer, "JWT", payload)
}

// maxOwnToken bounds a token of ours that comes back, in bytes.
const maxOwnToken = 16 << 10

// SubjectOf returns the subject of an ID Token of our own, an id_token_hint:
// its signature and issuer are checked, its expiry is not (OpenID Connect Core
// §3.1.2.1).
func (r *Ring) SubjectOf(idToken, issuer string) (string, error) {
	signed, err := jose.ParseSigned(idToken, maxOwnToken)
	if err != nil {
		return "", err
	}
	signer := r.byID(signed.Kid)
	if signer == nil {
		return "", ErrNoKey
	}
	own := jose.Key{ID: signer.ID, Alg: signer.Alg, Public: signer.Key.Public()}
	claims, err := signed.Verify([]jose.Key{own}, 0)
	if err != nil {
		return "", err
	}
	if iss, err := claims.String("iss"); err != nil || iss != issuer {
		return "", errors.New("key: the ID Token has another issuer")
	}
	sub, err := claims.String("sub")
	if err != nil || sub == "" {
		return "", errors.New("key: the ID Token has no sub")
	}
	return sub, nil
}
