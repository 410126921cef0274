package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	gojose "github.com/go-jose/go-jose/v3"
)

// Decrypter is a private key of ours that others encrypt to, for one alg.
type Decrypter struct {
	ID, Alg string
	rsa     crypto.Decrypter
	ec      ecdh.KeyExchanger
	public  crypto.PublicKey // *rsa.PublicKey or *ecdh.PublicKey
}

// ErrDecrypter is a private key that does not fit its encryption algorithm.
var ErrDecrypter = errors.New("jose: the key does not fit its encryption algorithm or is too small")

// NewDecrypter takes a private key: *rsa.PrivateKey, *ecdsa.PrivateKey or
// *ecdh.PrivateKey; or, where it is in an HSM, a crypto.Decrypter of an RSA
// key that heeds *rsa.OAEPOptions, or an ecdh.KeyExchanger. An empty id becomes
// the thumbprint (RFC 7638), an empty alg RSA-OAEP-256 or ECDH-ES. It returns
// ErrDecrypter if the key's type, curve or size does not fit alg.
func NewDecrypter(id, alg string, private any, minRSABits int) (*Decrypter, error) {
	d := &Decrypter{ID: id, Alg: alg}
	if !d.take(private) {
		return nil, ErrDecrypter
	}
	if d.Alg == "" {
		d.Alg = map[bool]string{true: "RSA-OAEP-256", false: "ECDH-ES"}[d.rsa != nil]
	}
	if own := (Key{Public: d.public}); !own.FitsEncryption(d.Alg, minRSABits) {
		return nil, ErrDecrypter
	}
	if d.ID == "" {
		d.ID = thumbprint(d.public)
	}
	return d, nil
}

// take sorts the key by what it can do. The public half of a nil key of the
// standard library cannot be asked for.
func (d *Decrypter) take(private any) bool {
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		if key == nil || key.Curve == nil {
			return false
		}
		converted, err := key.ECDH()
		if err != nil {
			return false
		}
		d.ec, d.public = converted, converted.PublicKey()
	case *ecdh.PrivateKey:
		if key == nil {
			return false
		}
		d.ec, d.public = key, key.PublicKey()
	case *rsa.PrivateKey:
		if key == nil || key.N == nil {
			return false
		}
		d.rsa, d.public = key, key.Public()
	case ecdh.KeyExchanger:
		d.ec, d.public = key, key.PublicKey()
	case crypto.Decrypter:
		_, ok := key.Public().(*rsa.PublicKey)
		d.rsa, d.public = key, key.Public()
		return ok
	default:
		return false
	}
	return true
}

// thumbprint is for a key that fits.
func thumbprint(public crypto.PublicKey) string {
	b64 := base64.RawURLEncoding
	if key := toECDH(public); key != nil {
		raw, _ := json.Marshal(jwkOf(key)) // strings
		sum := sha256.Sum256(raw)
		return b64.EncodeToString(sum[:])
	}
	jwk := gojose.JSONWebKey{Key: public}
	sum, _ := jwk.Thumbprint(crypto.SHA256) // an RSA key
	return b64.EncodeToString(sum)
}

// JWK returns the public half as a member of a JWK Set, with kid, alg and the
// use enc.
func (d *Decrypter) JWK() json.Marshaler {
	if key := toECDH(d.public); key != nil {
		return encryptionJWK{jwkOf(key), d.ID, d.Alg}
	}
	return gojose.JSONWebKey{Key: d.public, KeyID: d.ID, Algorithm: d.Alg, Use: "enc"}
}

// encryptionJWK is what go-jose cannot write for every curve.
type encryptionJWK struct {
	key      *agreementJWK
	kid, alg string
}

// MarshalJSON implements json.Marshaler.
func (k encryptionJWK) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*agreementJWK
		Kid string `json:"kid"`
		Use string `json:"use"`
		Alg string `json:"alg"`
	}{k.key, k.kid, "enc", k.alg})
}

// Is reports whether this is the public half.
func (d *Decrypter) Is(public crypto.PublicKey) bool {
	if own := toECDH(d.public); own != nil {
		other := toECDH(public)
		return other != nil && own.Equal(other)
	}
	own, ok := d.public.(*rsa.PublicKey)
	return ok && own.Equal(public)
}

// contentKey opens the encrypted key. Lengths and curve are public and come
// first.
func (d *Decrypter) contentKey(e *Encrypted) ([]byte, bool) {
	if e.manager.agrees() {
		return d.agree(e)
	}
	public, ok := d.public.(*rsa.PublicKey)
	if !ok || len(e.encryptedKey) != public.Size() {
		return nil, false
	}
	cek, err := d.rsa.Decrypt(rand.Reader, e.encryptedKey, e.manager.oaep())
	return cek, err == nil
}

func (d *Decrypter) agree(e *Encrypted) ([]byte, bool) {
	wrapped := 0
	if e.manager.wrapBytes > 0 {
		wrapped = e.content.keyBytes + 8 // RFC 3394 §2.2.1
	}
	// A point of another curve never meets the private key.
	if len(e.encryptedKey) != wrapped || e.epk.Curve() != d.ec.Curve() {
		return nil, false
	}
	z, err := d.ec.ECDH(e.epk)
	if err != nil {
		return nil, false
	}
	secret, err := e.manager.derive(z, e.Alg, e.Enc, e.content, e.apu, e.apv)
	if err != nil || wrapped == 0 {
		return secret, err == nil
	}
	return unwrap(secret, e.encryptedKey)
}

// FitsEncryption reports whether one may encrypt to the key with this alg: what
// the JWK says of itself is respected (RFC 7517 §4.2–4.4).
func (k *Key) FitsEncryption(alg string, minRSABits int) bool {
	m, ok := managements[alg]
	if !ok || (k.Use != "" && k.Use != "enc") || (k.Alg != "" && k.Alg != alg) {
		return false
	}
	if m.agrees() {
		return k.allows("deriveKey", "deriveBits") && toECDH(k.Public) != nil
	}
	public, ok := k.Public.(*rsa.PublicKey)
	if !ok || !k.allows("wrapKey", "encrypt") {
		return false
	}
	bits := public.N.BitLen()
	return bits >= minRSABits && bits <= maxRSABits
}

// allows reports whether key_ops is silent or names one of the operations.
func (k *Key) allows(operations ...string) bool {
	return len(k.Ops) == 0 || slices.ContainsFunc(operations, func(op string) bool { return slices.Contains(k.Ops, op) })
}
