package jose

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // #nosec G505 -- RSA-OAEP is defined with it, and OAEP needs no collision resistance
	"errors"

	josecipher "github.com/go-jose/go-jose/v3/cipher"
)

// The framing is this gate's own, for two reasons: go-jose's Decrypt inflates
// zip and takes whatever alg the header names, so that all of the header would
// be parsed twice, by two parsers; and its opaque keys want a whole Decrypt of
// an HSM, where the standard library's interfaces ask for one operation. The
// primitives are the standard library's and go-jose's.

// encryption is a content encryption algorithm (RFC 7518 §5).
type encryption struct {
	keyBytes, ivBytes, tagBytes int
	block                       int // the text is a multiple of it
}

// encryptions are all that the gate knows. A profile accepts some of them.
var encryptions = map[string]encryption{
	"A128GCM":       {16, 12, 16, 1},
	"A256GCM":       {32, 12, 16, 1},
	"A128CBC-HS256": {32, 16, 16, aes.BlockSize},
	"A256CBC-HS512": {64, 16, 32, aes.BlockSize},
}

func (c encryption) aead(key []byte) (cipher.AEAD, error) {
	if c.block > 1 {
		return josecipher.NewCBCHMAC(key, aes.NewCipher)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// management is a key management algorithm (RFC 7518 §4): RSA-OAEP with a
// hash, or ECDH-ES, whose secret wraps the content key with wrapBytes of AES
// or, with none, is the content key.
type management struct {
	hash      crypto.Hash
	wrapBytes int
}

// managements are all that the gate knows. RSA1_5, dir, PBES2 and the
// symmetric ones are not among them (FAPI 1.0 Advanced §8.6.1).
var managements = map[string]management{
	"RSA-OAEP":       {hash: crypto.SHA1},
	"RSA-OAEP-256":   {hash: crypto.SHA256},
	"ECDH-ES":        {},
	"ECDH-ES+A128KW": {wrapBytes: 16},
	"ECDH-ES+A256KW": {wrapBytes: 32},
}

func (m management) agrees() bool { return m.hash == 0 }

func (m management) oaep() *rsa.OAEPOptions { return &rsa.OAEPOptions{Hash: m.hash} }

// ErrRecipient is a public key that one cannot encrypt to with this alg.
var ErrRecipient = errors.New("jose: the key does not fit the encryption algorithm or is too small")

// newContentKey makes a content key for the recipient, whose key fits, and
// what goes into the token of it; for ECDH it notes epk in the header.
func (m management) newContentKey(to *Key, content encryption, header *jweHeader) (cek, encryptedKey []byte, err error) {
	if m.agrees() {
		return m.agreeWith(to, content, header)
	}
	public, ok := to.Public.(*rsa.PublicKey)
	if !ok {
		return nil, nil, ErrRecipient
	}
	cek = random(content.keyBytes)
	encryptedKey, err = rsa.EncryptOAEPWithOptions(rand.Reader, public, cek, m.oaep())
	return cek, encryptedKey, err
}

// random never fails: crypto/rand ends the process rather.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// wrap is AES key wrapping (RFC 3394).
func wrap(secret, cek []byte) ([]byte, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyWrap(block, cek)
}

func unwrap(secret, wrapped []byte) ([]byte, bool) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, false
	}
	cek, err := josecipher.KeyUnwrap(block, wrapped)
	return cek, err == nil
}
