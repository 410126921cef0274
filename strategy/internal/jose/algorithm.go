package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// algorithm is one JWS algorithm over the standard library's primitives.
type algorithm struct {
	hash   crypto.Hash
	curve  elliptic.Curve // EC only
	family family
}

type family int

const (
	familyEC family = iota
	familyPSS
	familyPKCS1
	familyEdDSA
)

// algorithms are all that the gate knows. A profile accepts some of them.
var algorithms = map[string]algorithm{
	"ES256":   {crypto.SHA256, elliptic.P256(), familyEC},
	"ES384":   {crypto.SHA384, elliptic.P384(), familyEC},
	"ES512":   {crypto.SHA512, elliptic.P521(), familyEC},
	"PS256":   {crypto.SHA256, nil, familyPSS},
	"PS384":   {crypto.SHA384, nil, familyPSS},
	"PS512":   {crypto.SHA512, nil, familyPSS},
	"RS256":   {crypto.SHA256, nil, familyPKCS1},
	"EdDSA":   {0, nil, familyEdDSA},
	"Ed25519": {0, nil, familyEdDSA},
}

// maxRSABits bounds what a client can make the server compute: the cost grows
// with the cube of the length.
const maxRSABits = 8192

// accepts reports whether the public key is of the algorithm's type, curve and
// least size.
func (a algorithm) accepts(public crypto.PublicKey, minRSABits int) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return a.family == familyEC && key.Curve == a.curve
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return (a.family == familyPSS || a.family == familyPKCS1) && bits >= minRSABits && bits <= maxRSABits
	case ed25519.PublicKey:
		return a.family == familyEdDSA && len(key) == ed25519.PublicKeySize
	}
	return false
}

func (a algorithm) digest(input []byte) []byte {
	h := a.hash.New()
	h.Write(input)
	return h.Sum(nil)
}

func (a algorithm) verify(public crypto.PublicKey, input, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return a.verifyEC(key, input, signature)
	case *rsa.PublicKey:
		if a.family == familyPSS {
			return rsa.VerifyPSS(key, a.hash, a.digest(input), signature, a.pss()) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, a.digest(input), signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, input, signature)
	}
	return false
}

// pss is RFC 7518 §3.5: the salt is as long as the hash.
func (a algorithm) pss() *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
}

func (a algorithm) scalarBytes() int { return (a.curve.Params().BitSize + 7) / 8 }

// verifyEC takes the signature as R || S of fixed length (RFC 7518 §3.4).
func (a algorithm) verifyEC(key *ecdsa.PublicKey, input, signature []byte) bool {
	n := a.scalarBytes()
	if len(signature) != 2*n {
		return false
	}
	return ecdsa.VerifyASN1(key, a.digest(input), derEC(signature[:n], signature[n:]))
}

// derEC writes R and S as the ASN.1 that VerifyASN1 takes, a sequence of two
// integers.
func derEC(r, s []byte) []byte {
	der := appendInteger(appendInteger(make([]byte, 3, len(r)+len(s)+9), r), s)
	size := byte(len(der) - 3) // #nosec G115 -- at most 138, for P-521
	if size < 0x80 {
		der[1], der[2] = byte(asn1.SEQUENCE), size
		return der[1:]
	}
	der[0], der[1], der[2] = byte(asn1.SEQUENCE), 0x81, size
	return der
}

// appendInteger writes the shortest form, whose first bit is the sign.
func appendInteger(der, number []byte) []byte {
	for len(number) > 1 && number[0] == 0 {
		number = number[1:]
	}
	size := byte(len(number)) // #nosec G115 -- at most 66, for P-521
	if number[0] < 0x80 {
		return append(append(der, byte(asn1.INTEGER), size), number...)
	}
	return append(append(der, byte(asn1.INTEGER), size+1, 0), number...)
}

// sign works with any crypto.Signer, so that a key may live in an HSM.
func (a algorithm) sign(random io.Reader, signer crypto.Signer, input []byte) ([]byte, error) {
	switch a.family {
	case familyEdDSA:
		return signer.Sign(random, input, crypto.Hash(0))
	case familyPSS:
		return signer.Sign(random, a.digest(input), a.pss())
	case familyPKCS1:
		return signer.Sign(random, a.digest(input), a.hash)
	}
	der, err := signer.Sign(random, a.digest(input), a.hash)
	if err != nil {
		return nil, err
	}
	return a.rawEC(der)
}

var errSignerOutput = errors.New("jose: the signer returned something that is no ECDSA signature")

// rawEC turns the ASN.1 form that crypto.Signer gives into R || S.
func (a algorithm) rawEC(der []byte) ([]byte, error) {
	var inner cryptobyte.String
	var r, s []byte // without leading zeros but for zero itself; none is negative
	input := cryptobyte.String(der)
	n := a.scalarBytes()
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) ||
		r[0] == 0 || s[0] == 0 || len(r) > n || len(s) > n {
		return nil, errSignerOutput
	}
	raw := make([]byte, 2*n)
	copy(raw[n-len(r):], r)
	copy(raw[2*n-len(s):], s)
	return raw, nil
}
