package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	josecipher "github.com/go-jose/go-jose/v3/cipher"
)

// agreementCurve is a curve of ECDH-ES: the key type and name that a JWK has,
// and the bytes of a coordinate (RFC 7518 §6.2.1, RFC 8037 §2).
type agreementCurve struct {
	kty, crv string
	bytes    int
	curve    ecdh.Curve
}

var agreementCurves = []agreementCurve{
	{"EC", "P-256", 32, ecdh.P256()},
	{"EC", "P-384", 48, ecdh.P384()},
	{"EC", "P-521", 66, ecdh.P521()},
	{"OKP", "X25519", 32, ecdh.X25519()},
}

var errPoint = errors.New("jose: not a public key of a known curve")

// agreementKey reads a public key, an epk or a JWK. The point is on its curve
// and not at infinity: crypto/ecdh looks. X25519 has no invalid points, and
// its ECDH refuses those of small order.
func agreementKey(jwk Object) (*ecdh.PublicKey, error) {
	kty, err1 := jwk.String("kty")
	crv, err2 := jwk.String("crv")
	if errors.Join(err1, err2) != nil {
		return nil, errPoint
	}
	for _, c := range agreementCurves {
		if c.kty == kty && c.crv == crv {
			return c.point(jwk)
		}
	}
	return nil, errPoint
}

func (c agreementCurve) point(jwk Object) (*ecdh.PublicKey, error) {
	names, raw := []string{"x"}, []byte(nil)
	if c.kty == "EC" {
		names, raw = []string{"x", "y"}, []byte{4} // uncompressed, SEC 1 §2.3.3
	}
	for _, name := range names {
		text, err := jwk.String(name)
		if err != nil {
			return nil, errPoint
		}
		coordinate, err := decode(text)
		if err != nil || len(coordinate) != c.bytes {
			return nil, errPoint
		}
		raw = append(raw, coordinate...)
	}
	return c.curve.NewPublicKey(raw)
}

// agreementJWK is a public key as a JWK without kid: an epk. Its members are
// the ones of a thumbprint, in their order (RFC 7638 §3.2).
type agreementJWK struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y,omitempty"`
}

// jwkOf knows every curve that crypto/ecdh has.
func jwkOf(public *ecdh.PublicKey) *agreementJWK {
	at := slices.IndexFunc(agreementCurves, func(c agreementCurve) bool { return c.curve == public.Curve() })
	c, raw, b64 := agreementCurves[at], public.Bytes(), base64.RawURLEncoding
	if c.kty == "OKP" {
		return &agreementJWK{Kty: c.kty, Crv: c.crv, X: b64.EncodeToString(raw)}
	}
	x, y := raw[1:1+c.bytes], raw[1+c.bytes:]
	return &agreementJWK{Kty: c.kty, Crv: c.crv, X: b64.EncodeToString(x), Y: b64.EncodeToString(y)}
}

// toECDH turns a public key of either package into one that agrees, or nil.
func toECDH(public crypto.PublicKey) *ecdh.PublicKey {
	switch key := public.(type) {
	case *ecdh.PublicKey:
		return key
	case *ecdsa.PublicKey:
		if converted, err := key.ECDH(); err == nil {
			return converted
		}
	}
	return nil
}

// agreeWith makes an ephemeral key and derives the content key, or the key
// that wraps it (RFC 7518 §4.6).
func (m management) agreeWith(to *Key, content encryption, header *jweHeader) (cek, encryptedKey []byte, err error) {
	public := toECDH(to.Public)
	if public == nil {
		return nil, nil, ErrRecipient
	}
	ephemeral, err := public.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	z, err := ephemeral.ECDH(public)
	if err != nil {
		return nil, nil, ErrRecipient // a point of small order
	}
	header.EPK = jwkOf(ephemeral.PublicKey())
	secret, err := m.derive(z, header.Alg, header.Enc, content, nil, nil)
	if err != nil || m.wrapBytes == 0 {
		return secret, nil, err
	}
	cek = random(content.keyBytes)
	encryptedKey, err = wrap(secret, cek)
	return cek, encryptedKey, err
}

// derive is the Concat KDF (RFC 7518 §4.6.2): AlgorithmID is enc where the
// secret is the content key, else alg.
func (m management) derive(z []byte, alg, enc string, content encryption, apu, apv []byte) ([]byte, error) {
	id, size := enc, content.keyBytes
	if m.wrapBytes > 0 {
		id, size = alg, m.wrapBytes
	}
	bits := binary.BigEndian.AppendUint32(nil, uint32(8*size)) // #nosec G115 -- at most 512
	kdf := josecipher.NewConcatKDF(crypto.SHA256, z, prefixed([]byte(id)), prefixed(apu), prefixed(apv), bits, nil)
	secret := make([]byte, size)
	_, err := io.ReadFull(kdf, secret)
	return secret, err
}

// prefixed puts the length in front, as 32 bits.
func prefixed(data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...) // #nosec G115 -- within the header
}

// isX25519: go-jose knows no such key (RFC 8037 §2).
func isX25519(jwk Object) bool {
	crv, err := jwk.String("crv")
	return err == nil && crv == "X25519"
}

// parseX25519 does for an X25519 key what go-jose does for the others.
func parseX25519(jwk Object, ops []string) (Key, bool) {
	public, err := agreementKey(jwk)
	key := Key{Ops: ops, Public: public}
	for name, member := range map[string]*string{"kid": &key.ID, "alg": &key.Alg, "use": &key.Use} {
		text, wrong := jwk.String(name)
		*member, err = text, errors.Join(err, wrong)
	}
	return key, err == nil && !jwk.Has("d")
}
