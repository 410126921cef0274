package key

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

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
	// NotBefore is when the key begins to sign; it is published before. Zero
	// means at once, or, for a key that Ring.Reload finds, after PublishLead.
	NotBefore time.Time
}

// Source gives the server's signing keys, the preferred one of each algorithm
// first. It is asked at start-up, and again by Ring.Reload.
type Source interface {
	SigningKeys(ctx context.Context) ([]Private, error)
}

// Signing returns a Source of fixed keys: each a Private, a crypto.Signer such
// as *ecdsa.PrivateKey, or a *jose.JSONWebKey of go-jose with a private key. A
// Decryption and a JWK with the use enc are decryption keys beside them.
// Anything else is reported by the Source, and so by compose.New.
func Signing(keys ...any) Source { return fixed(keys) }

type fixed []any

var _ DecryptionSource = fixed{}

func (f fixed) SigningKeys(context.Context) ([]Private, error) {
	private := make([]Private, 0, len(f))
	for i, k := range f {
		switch k := k.(type) {
		case Private:
			private = append(private, k)
		case Decryption:
		case *gojose.JSONWebKey:
			if k == nil {
				return nil, fmt.Errorf("key: key %d is nil", i)
			}
			if k.Use == "enc" {
				continue
			}
			signer, ok := k.Key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("key: key %d, kid %q, is no private key", i, k.KeyID)
			}
			private = append(private, Private{ID: k.KeyID, Alg: profile.Alg(k.Algorithm), Signer: signer})
		case crypto.Signer:
			private = append(private, Private{Signer: k})
		default:
			return nil, fmt.Errorf("key: key %d is a %T, want a crypto.Signer, a *jose.JSONWebKey, a key.Private or a key.Decryption", i, k)
		}
	}
	return private, nil
}

// DecryptionKeys implements DecryptionSource.
func (f fixed) DecryptionKeys(context.Context) ([]Decryption, error) {
	var keys []Decryption
	for _, k := range f {
		switch k := k.(type) {
		case Decryption:
			keys = append(keys, k)
		case *gojose.JSONWebKey:
			if k != nil && k.Use == "enc" {
				keys = append(keys, Decryption{ID: k.KeyID, Alg: profile.KeyEncAlg(k.Algorithm), Key: k.Key})
			}
		}
	}
	return keys, nil
}

func prepare(k Private, p *profile.Profile) (*jose.Signer, *gojose.JSONWebKey, error) {
	if !isUsable(k.Signer) {
		return nil, nil, errors.New("the signer is nil or empty")
	}
	if k.Alg == "" {
		k.Alg = UsualAlg(k.Signer.Public())
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

// UsualAlg returns the algorithm that a key of this type and curve signs with
// where nothing else is said, or "" for a key of another kind.
func UsualAlg(public crypto.PublicKey) profile.Alg {
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
