package did

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"math/big"
	"strings"
)

// maxMultikey bounds a key in text, in bytes: RSA with 8192 bits has 1425.
const maxMultikey = 1600

// codecs are the public keys of the multicodec table that are understood here,
// each by its code as the shortest varint: a longer one of the same number is
// another key in text, and refused.
var codecs = []struct {
	code  string
	parse func(body []byte) crypto.PublicKey // nil if it is no such key
}{
	{"\xed\x01", ed25519Key},
	{"\xec\x01", x25519Key},
	{"\x80\x24", func(body []byte) crypto.PublicKey { return compressedKey(elliptic.P256(), body) }},
	{"\x81\x24", func(body []byte) crypto.PublicKey { return compressedKey(elliptic.P384(), body) }},
	{"\x82\x24", func(body []byte) crypto.PublicKey { return compressedKey(elliptic.P521(), body) }},
	{"\x85\x24", rsaKey},
}

// parseMultikey reads a public key in base58btc multibase with its multicodec
// (Multikey, CID 1.0 §2.2.2; did:key). The error is ErrInvalid.
func parseMultikey(text string) (crypto.PublicKey, error) {
	base58, ok := strings.CutPrefix(text, "z")
	if !ok || len(text) > maxMultikey {
		return nil, invalid("the key is not base58btc multibase of at most 1600 bytes")
	}
	raw, ok := decodeBase58(base58)
	if !ok {
		return nil, invalid("the key is not base58btc")
	}
	for _, c := range codecs {
		if body, ok := strings.CutPrefix(string(raw), c.code); ok {
			if public := c.parse([]byte(body)); public != nil {
				return public, nil
			}
			return nil, invalid("the key is broken, or its size is out of bounds")
		}
	}
	return nil, invalid("the type of the key is not supported")
}

func ed25519Key(body []byte) crypto.PublicKey {
	if len(body) != ed25519.PublicKeySize {
		return nil
	}
	return ed25519.PublicKey(body)
}

func x25519Key(body []byte) crypto.PublicKey {
	if public, err := ecdh.X25519().NewPublicKey(body); err == nil {
		return public
	}
	return nil
}

// compressedKey reads a point as SEC 1 §2.3.3 compresses it. That it is on the
// curve is looked at twice.
func compressedKey(curve elliptic.Curve, body []byte) crypto.PublicKey {
	x, y := elliptic.UnmarshalCompressed(curve, body)
	if x == nil {
		return nil
	}
	n := (curve.Params().BitSize + 7) / 8
	point := make([]byte, 1+2*n)
	point[0] = 4 // uncompressed
	x.FillBytes(point[1 : 1+n])
	y.FillBytes(point[1+n:])
	if public, err := ecdsa.ParseUncompressedPublicKey(curve, point); err == nil {
		return public
	}
	return nil
}

// rsaKey reads PKCS #1 in DER. crypto/x509 lets more follow the two numbers
// within their sequence, which would give a key many spellings.
func rsaKey(body []byte) crypto.PublicKey {
	public, err := x509.ParsePKCS1PublicKey(body)
	if err != nil || public.E <= 1 || !isSound(public) || !bytes.Equal(x509.MarshalPKCS1PublicKey(public), body) {
		return nil
	}
	return public
}

// isOfSuite reports whether a method of the type may have such a key.
func isOfSuite(kind string, public crypto.PublicKey) bool {
	switch public.(type) {
	case ed25519.PublicKey:
		return kind != "X25519KeyAgreementKey2020"
	case *ecdh.PublicKey:
		return kind != "Ed25519VerificationKey2020"
	}
	return kind == "Multikey"
}

// The digits of base58btc and the ones that math/big has for the same values.
const (
	bitcoinDigits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	bigDigits     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
)

// decodeBase58 leaves the conversion to math/big, whose cost does not grow with
// the square of the length. Every leading zero digit is a zero byte.
func decodeBase58(text string) ([]byte, bool) {
	digits := make([]byte, len(text))
	for i := range len(text) {
		at := strings.IndexByte(bitcoinDigits, text[i])
		if at < 0 {
			return nil, false
		}
		digits[i] = bigDigits[at]
	}
	zeros := len(text) - len(strings.TrimLeft(text, "1"))
	if zeros == len(text) {
		return make([]byte, zeros), true
	}
	number, ok := new(big.Int).SetString(string(digits), len(bigDigits))
	if !ok {
		return nil, false
	}
	return append(make([]byte, zeros), number.Bytes()...), true
}
