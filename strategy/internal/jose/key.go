package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"slices"

	gojose "github.com/go-jose/go-jose/v3"
)

// Key is a public key of somebody else, for verification or to encrypt to.
type Key struct {
	ID, Alg, Use string
	Ops          []string
	Public       crypto.PublicKey
}

// fits reports whether the key may verify a signature with this alg and kid:
// what the JWK says of itself is respected (RFC 7517 §4.2–4.4).
func (k *Key) fits(alg, kid string, minRSABits int) bool {
	return k.ID == kid &&
		(k.Use == "" || k.Use == "sig") &&
		(len(k.Ops) == 0 || slices.Contains(k.Ops, "verify")) &&
		(k.Alg == "" || canonical(k.Alg) == canonical(alg)) &&
		algorithms[alg].accepts(k.Public, minRSABits)
}

// canonical writes RFC 9864's Ed25519 as EdDSA.
func canonical(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}

// maxKeys bounds a JWK Set.
const maxKeys = 100

// ErrKeySet is a document that is no JWK Set, or one with too many keys.
var ErrKeySet = errors.New("jose: not a JWK Set of at most 100 keys")

// ParseKeys reads a JWK Set. A key that the library cannot use (a curve it
// does not know, a symmetric or private key, one without kid) is skipped, as
// RFC 7517 §5 asks, and does not spoil the others.
func ParseKeys(set []byte) ([]Key, error) {
	object, err := ParseObject(set)
	if err != nil {
		return nil, ErrKeySet
	}
	var members []json.RawMessage
	if err := json.Unmarshal(object["keys"], &members); err != nil || members == nil || len(members) > maxKeys {
		return nil, ErrKeySet
	}
	keys := make([]Key, 0, len(members))
	for _, member := range members {
		if key, ok := parseKey(member); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func parseKey(raw json.RawMessage) (Key, bool) {
	// Exact names: encoding/json would let KEY_OPS stand for key_ops.
	members, err := ParseObject(raw)
	if err != nil {
		return Key{}, false
	}
	ops, err := members.Strings("key_ops")
	if one, _ := members.String("key_ops"); one != "" {
		return Key{}, false // a string is no list of operations
	}
	if err == nil && isX25519(members) {
		return parseX25519(members, ops)
	}
	var jwk gojose.JSONWebKey
	if err != nil || jwk.UnmarshalJSON(raw) != nil || !jwk.IsPublic() || jwk.KeyID == "" || !isSound(jwk.Key, members) {
		return Key{}, false
	}
	return Key{ID: jwk.KeyID, Alg: jwk.Algorithm, Use: jwk.Use, Ops: ops, Public: jwk.Key}, true
}

// isSound looks at what go-jose lets pass: an Ed25519 key that is too short,
// which it pads with zeros, and an empty RSA key.
func isSound(public crypto.PublicKey, members Object) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return true
	case *rsa.PublicKey:
		return key.N.BitLen() > 1 && key.E > 1
	case ed25519.PublicKey:
		x, err := members.String("x")
		if err != nil {
			return false
		}
		raw, err := decode(x)
		return err == nil && len(raw) == ed25519.PublicKeySize && len(key) == ed25519.PublicKeySize
	}
	return false
}

// Signer is a private key of ours.
type Signer struct {
	ID, Alg string
	Key     crypto.Signer
	Random  io.Reader
}

// ErrSigner is a key that does not fit its algorithm.
var ErrSigner = errors.New("jose: the key does not fit its algorithm or is too small")

// Check returns ErrSigner if the key's type, curve or size does not fit Alg.
func (s *Signer) Check(minRSABits int) error {
	if s.Key == nil || s.ID == "" || !algorithms[s.Alg].accepts(s.Key.Public(), minRSABits) {
		return ErrSigner
	}
	return nil
}

// signatureBytes is how long a signature of the key gets.
func (s *Signer) signatureBytes() int {
	switch key := s.Key.Public().(type) {
	case *rsa.PublicKey:
		return key.Size()
	case *ecdsa.PublicKey:
		return 2 * ((key.Params().BitSize + 7) / 8)
	}
	return ed25519.SignatureSize
}

func (s *Signer) sign(input []byte) ([]byte, error) {
	a, ok := algorithms[s.Alg]
	if !ok {
		return nil, ErrAlg
	}
	return a.sign(s.Random, s.Key, input)
}
