package jose

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// The further ways in which a JWE can be refused; it shares those of a JWS.
var (
	ErrEnc = errors.New("jose: the enc header is missing or not accepted")
	ErrCty = errors.New("jose: the cty header does not tell that a JWT is inside")
	// ErrDecrypt is all that is said once a private key may have been at work,
	// whatever went wrong: a wrong key, a damaged key, text or tag.
	ErrDecrypt = errors.New("jose: the token cannot be decrypted with this key")
)

const (
	maxJWEHeader = 4 << 10 // encoded; the largest in use has a P-521 epk and apu, apv
	jweParts     = 5
)

// IsEncrypted reports whether the token has the parts of a JWE.
func IsEncrypted(token string) bool { return strings.Count(token, ".") == jweParts-1 }

// Encrypted is a JWE whose form, header and lengths are in order. No key has
// touched it yet.
type Encrypted struct {
	Alg, Enc, Kid string
	manager       management
	content       encryption
	epk           *ecdh.PublicKey // ECDH alone
	apu, apv      []byte          // the same

	protected     string // the header as it came, which is the AAD
	encryptedKey  []byte
	iv, text, tag []byte
}

// ParseEncrypted reads a compact JWE of at most limit bytes (RFC 7516 §5.2,
// steps 1 to 5) and refuses whatever can be refused without a key. With ErrAlg
// and later ones the returned Encrypted has the members that were read.
func ParseEncrypted(token string, limit int) (*Encrypted, error) {
	if len(token) > limit {
		return nil, ErrTooLarge
	}
	if !IsEncrypted(token) {
		return nil, ErrForm
	}
	parts := strings.Split(token, ".")
	if parts[0] == "" || len(parts[0]) > maxJWEHeader {
		return nil, ErrForm
	}
	e := &Encrypted{protected: parts[0]}
	if err := e.readHeader(); err != nil {
		return e, err
	}
	for i, part := range []*[]byte{&e.encryptedKey, &e.iv, &e.text, &e.tag} {
		raw, err := decode(parts[i+1])
		if err != nil {
			return e, ErrForm
		}
		*part = raw
	}
	// An empty text is never one of CBC, and go-jose's unpadding would panic
	// at it, even where the tag is right.
	if len(e.iv) != e.content.ivBytes || len(e.tag) != e.content.tagBytes || len(e.text) == 0 || len(e.text)%e.content.block != 0 {
		return e, ErrForm
	}
	return e, nil
}

// refusedJWEHeaders would make the gate fetch or believe a key, inflate the
// text, or derive a key from a password; iv and tag belong to AES-GCM key
// wrapping (RFC 7516 §4.1, RFC 7518 §4.7 and §4.8, FAPI 1.0 Advanced §8.9).
var refusedJWEHeaders = []string{"zip", "crit", "jwk", "jku", "x5u", "b64", "p2s", "p2c", "iv", "tag"}

func (e *Encrypted) readHeader() error {
	raw, err := decode(e.protected)
	if err != nil {
		return ErrForm
	}
	header, err := ParseObject(raw)
	if err != nil || header.hasAny(refusedJWEHeaders) {
		return ErrHeader
	}
	var ok bool
	if e.Alg, err = header.String("alg"); err != nil {
		return ErrAlg
	}
	if e.manager, ok = managements[e.Alg]; !ok {
		return ErrAlg
	}
	if e.Enc, err = header.String("enc"); err != nil {
		return ErrEnc
	}
	if e.content, ok = encryptions[e.Enc]; !ok {
		return ErrEnc
	}
	if e.Kid, err = header.String("kid"); err != nil || e.Kid == "" || len(e.Kid) > maxKid {
		return ErrKid
	}
	if cty, err := header.String("cty"); err != nil || !isMediaType(cty, "JWT") {
		return ErrCty // RFC 7519 §5.2: a nested JWT has it
	}
	return e.readAgreement(header)
}

// readAgreement reads what ECDH-ES needs, and refuses epk elsewhere.
func (e *Encrypted) readAgreement(header Object) (err error) {
	if !e.manager.agrees() {
		if header.Has("epk") {
			return ErrHeader
		}
		return nil
	}
	epk, err := ParseObject(header["epk"])
	if err != nil {
		return ErrHeader
	}
	if e.epk, err = agreementKey(epk); err != nil {
		return ErrHeader
	}
	for name, part := range map[string]*[]byte{"apu": &e.apu, "apv": &e.apv} {
		text, err := header.String(name)
		if err != nil {
			return ErrHeader
		}
		if *part, err = decode(text); err != nil {
			return ErrHeader
		}
	}
	return nil
}

// Decrypt returns the JWS that is inside, which has passed ParseSigned and no
// more. Its errors are ErrDecrypt and, of what was decrypted, those of
// ParseSigned: a JWE inside is ErrForm (RFC 8725 §3.4 wants no surprise there).
func (e *Encrypted) Decrypt(key *Decrypter) (*Signed, error) {
	text, ok := e.decrypt(key)
	if !ok {
		return nil, ErrDecrypt
	}
	return ParseSigned(string(text), len(text))
}

// decrypt looks at what is public first, so that the private key works only
// for a token that could be right.
func (e *Encrypted) decrypt(key *Decrypter) ([]byte, bool) {
	if key == nil || key.ID != e.Kid || key.Alg != e.Alg {
		return nil, false
	}
	cek, ok := key.contentKey(e)
	if !ok || len(cek) != e.content.keyBytes {
		return nil, false
	}
	aead, err := e.content.aead(cek)
	if err != nil {
		return nil, false
	}
	text, err := aead.Open(nil, e.iv, append(e.text[:len(e.text):len(e.text)], e.tag...), []byte(e.protected))
	return text, err == nil
}

// jweHeader is the header that Encrypt writes.
type jweHeader struct {
	Alg string        `json:"alg"`
	Enc string        `json:"enc"`
	Kid string        `json:"kid"`
	Cty string        `json:"cty"`
	EPK *agreementJWK `json:"epk,omitempty"`
}

// Encrypt puts a JWS into a JWE for the owner of the key, a nested JWT
// (RFC 7519 §11.2: sign, then encrypt). Its errors are ErrAlg, ErrEnc, ErrForm
// if jws is no JWS, and ErrRecipient if the key does not fit alg.
func Encrypt(to *Key, alg, enc, jws string, minRSABits int) (string, error) {
	manager, ok := managements[alg]
	if !ok {
		return "", ErrAlg
	}
	content, ok := encryptions[enc]
	if !ok {
		return "", ErrEnc
	}
	if strings.Count(jws, ".") != 2 {
		return "", ErrForm
	}
	if !to.FitsEncryption(alg, minRSABits) {
		return "", ErrRecipient
	}
	header := jweHeader{Alg: alg, Enc: enc, Kid: to.ID, Cty: "JWT"}
	cek, encryptedKey, err := manager.newContentKey(to, content, &header)
	if err != nil {
		return "", err
	}
	return seal(content, cek, encryptedKey, &header, jws)
}

func seal(content encryption, cek, encryptedKey []byte, header *jweHeader, jws string) (string, error) {
	raw, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	aead, err := content.aead(cek)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	protected, iv := b64.EncodeToString(raw), random(content.ivBytes)
	sealed := aead.Seal(nil, iv, []byte(jws), []byte(protected))
	end := len(sealed) - content.tagBytes
	return strings.Join([]string{
		protected, b64.EncodeToString(encryptedKey), b64.EncodeToString(iv), b64.EncodeToString(sealed[:end]), b64.EncodeToString(sealed[end:]),
	}, "."), nil
}
