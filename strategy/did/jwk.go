package did

import (
	"cmp"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// The bounds of an RSA modulus, in bits: FAPI 1.0 §8.6-3 below, and above what
// a verifier can be made to compute.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// parseJWK reads a public key and names it: a JWK in a document needs no kid,
// and one that it has is not the method's id.
func parseJWK(jwk jose.Object, id string) (Key, bool) {
	named := maps.Clone(jwk)
	kid, err := json.Marshal(id)
	named["kid"] = kid
	set, err2 := json.Marshal(map[string][]jose.Object{"keys": {named}})
	if errors.Join(err, err2) != nil {
		return Key{}, false
	}
	keys, err := jose.ParseKeys(set)
	if err != nil || len(keys) != 1 || !isSound(keys[0].Public) {
		return Key{}, false
	}
	return keys[0], true
}

// privateMembers are those of a private or symmetric JWK (RFC 7518 §6.2.2,
// §6.3.2, §6.4.1).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func isPrivate(jwk jose.Object) bool { return slices.ContainsFunc(privateMembers, jwk.Has) }

func isSound(public crypto.PublicKey) bool {
	key, ok := public.(*rsa.PublicKey)
	return !ok || key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
}

// fitFor narrows a key to what a relationship uses it for. It is false for a
// key that cannot do that, or that its JWK reserves for the other.
func fitFor(relationship Relationship, key Key) (Key, bool) {
	use := "sig"
	if relationship == KeyAgreement {
		use = "enc"
	}
	if key.Use != "" && key.Use != use {
		return Key{}, false
	}
	key.Use = use
	switch public := key.Public.(type) {
	case *ecdh.PublicKey:
		return key, use == "enc"
	case ed25519.PublicKey:
		key.Alg = cmp.Or(key.Alg, "EdDSA")
		return key, use == "sig"
	case *ecdsa.PublicKey:
		if use == "sig" {
			key.Alg = cmp.Or(key.Alg, curveAlgs[public.Curve.Params().BitSize])
		}
		return key, true
	case *rsa.PublicKey:
		return key, true
	}
	return Key{}, false
}

// curveAlgs are the only JWS algorithms of the curves, by bits (RFC 7518 §3.4).
var curveAlgs = map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}
