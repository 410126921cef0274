package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	gojose "github.com/go-jose/go-jose/v3"
)

// Key is a public key of somebody else, for verification or to encrypt to.
type Key struct {
	ID, Alg, Use string
	Ops          []string
	Public       crypto.PublicKey
	Certificate  *Certificate // nil if its JWK has no x5c
}

// fits reports whether the key may verify a signature with this alg and kid:
// what the JWK says of itself is respected (RFC 7517 §4.2–4.4).
func (k *Key) fits(alg, kid string, minRSABits int) bool {
	return k.Named(kid) &&
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

const (
	maxKeys = 100 // of a JWK Set
	maxOps  = 32  // of a JWK; eight are registered (RFC 7517 §4.3)
)

// ErrKeySet is a document that is no JWK Set, or one with too many keys.
var ErrKeySet = errors.New("jose: not a JWK Set of at most 100 keys")

// ErrUnusable is a JWK that the library cannot use: a curve it does not know, a
// symmetric or private key, one with neither kid nor x5c, or with more than 32
// key_ops.
var ErrUnusable = errors.New("jose: not a JWK of a public key that can be used")

// Member is what became of one JWK of a set.
type Member struct {
	Key   Key
	Chain []*x509.Certificate // of its x5c, leaf first, which nobody verified
	Err   error               // ErrUnusable or ErrCertificate: there is no Key
}

// ParseKeys reads a JWK Set. A key that the library cannot use is skipped, as
// RFC 7517 §5 asks, and does not spoil the others.
func ParseKeys(set []byte) ([]Key, error) {
	members, err := ParseMembers(set)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, 0, len(members))
	for _, member := range members {
		if member.Err == nil {
			keys = append(keys, member.Key)
		}
	}
	return keys, nil
}

// ParseMembers reads a JWK Set and tells what became of each JWK, in the order
// of the set.
func ParseMembers(set []byte) ([]Member, error) {
	object, err := ParseObject(set)
	if err != nil {
		return nil, ErrKeySet
	}
	var jwks []json.RawMessage
	if err := json.Unmarshal(object["keys"], &jwks); err != nil || jwks == nil || len(jwks) > maxKeys {
		return nil, ErrKeySet
	}
	members := make([]Member, len(jwks))
	for i, jwk := range jwks {
		members[i] = parseMember(jwk)
	}
	return members, nil
}

func parseMember(raw json.RawMessage) Member {
	// Exact names: encoding/json would let KEY_OPS stand for key_ops.
	jwk, err := ParseObject(raw)
	if err != nil {
		return Member{Err: ErrUnusable}
	}
	key, ok := parseKey(jwk)
	if !ok {
		return Member{Err: ErrUnusable}
	}
	certs, err := key.certify(jwk)
	if err != nil {
		return Member{Err: err}
	}
	if key.ID == "" && key.Certificate != nil {
		key.ID = key.Certificate.Thumbprint
	}
	if key.ID == "" {
		return Member{Err: ErrUnusable}
	}
	return Member{Key: key, Chain: certs}
}

// parseKey looks at everything but the kid and the certificates.
func parseKey(jwk Object) (Key, bool) {
	ops, err := jwk.Strings("key_ops")
	if one, _ := jwk.String("key_ops"); one != "" {
		return Key{}, false // a string is no list of operations
	}
	if len(ops) > maxOps {
		return Key{}, false
	}
	if err == nil && isX25519(jwk) {
		return parseX25519(jwk, ops)
	}
	bare := maps.Clone(jwk)
	delete(bare, "x5c") // certify reads it, within bounds
	raw, err2 := json.Marshal(bare)
	var parsed gojose.JSONWebKey
	if errors.Join(err, err2) != nil || parsed.UnmarshalJSON(raw) != nil || !parsed.IsPublic() || !isSound(parsed.Key, jwk) {
		return Key{}, false
	}
	return Key{ID: parsed.KeyID, Alg: parsed.Algorithm, Use: parsed.Use, Ops: ops, Public: parsed.Key}, true
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
