package jose

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/chain"
)

// Certificate is what a key keeps of the certificates in its JWK's x5c (RFC
// 7517 §4.7). It is shared and must not be changed.
type Certificate struct {
	// Thumbprint is the x5t#S256 of the leaf: the SHA-256 of its DER, base64url
	// without padding (RFC 7517 §4.9).
	Thumbprint string
	// NotBefore and NotAfter, both included, are when all of the certificates
	// are valid. There is no such time if the one is after the other.
	NotBefore, NotAfter time.Time
}

// ErrCertificate is an x5c that cannot be read, has more than 4 certificates or
// one of more than 8 KiB, or whose leaf is for another key or has another
// thumbprint than the JWK says.
var ErrCertificate = errors.New("jose: the x5c of a JWK is malformed, too large or for another key")

// Named reports whether the kid of a JWS names this key: by its JWK's kid, or
// by the thumbprint of its certificate (MEF W128 R44).
func (k *Key) Named(kid string) bool {
	return kid != "" && (k.ID == kid || k.Certificate != nil && k.Certificate.Thumbprint == kid)
}

// ValidAt reports whether the certificates of the key are valid at this time
// (MEF W128 R41, R48). A key without certificate is.
func (k *Key) ValidAt(at time.Time) bool {
	c := k.Certificate
	return c == nil || !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// certify reads the JWK's x5c into the key and returns the certificates, leaf
// first, or nil if there are none. Nothing verifies that each issued the one
// before.
func (k *Key) certify(jwk Object) ([]*x509.Certificate, error) {
	certs, err := parseX5C(jwk)
	if err != nil || len(certs) == 0 {
		return nil, err
	}
	// The certificate's PublicKey is nil for X25519, and for every kind that
	// crypto/x509 does not know.
	public, err := x509.ParsePKIXPublicKey(certs[0].RawSubjectPublicKeyInfo)
	if own, ok := public.(interface{ Equal(crypto.PublicKey) bool }); err != nil || !ok || !own.Equal(k.Public) {
		return nil, ErrCertificate
	}
	sum := sha256.Sum256(certs[0].Raw)
	c := &Certificate{base64.RawURLEncoding.EncodeToString(sum[:]), certs[0].NotBefore, certs[0].NotAfter}
	if said, err := jwk.String("x5t#S256"); err != nil || said != "" && said != c.Thumbprint {
		return nil, ErrCertificate
	}
	for _, cert := range certs[1:] {
		c.Narrow(cert)
	}
	k.Certificate = c
	return certs, nil
}

// Narrow makes the time end where that of another certificate does.
func (c *Certificate) Narrow(by *x509.Certificate) {
	if by.NotBefore.After(c.NotBefore) {
		c.NotBefore = by.NotBefore
	}
	if by.NotAfter.Before(c.NotAfter) {
		c.NotAfter = by.NotAfter
	}
}

// parseX5C measures the certificates before it reads them.
func parseX5C(jwk Object) ([]*x509.Certificate, error) {
	raw := string(jwk["x5c"])
	if raw == "" || raw == "null" {
		return nil, nil
	}
	texts, err := jwk.Strings("x5c")
	if err != nil || raw[0] != '[' || len(texts) > chain.MaxLength {
		return nil, ErrCertificate
	}
	certs := make([]*x509.Certificate, len(texts))
	for i, text := range texts {
		if certs[i], err = parseCertificate(text); err != nil {
			return nil, ErrCertificate
		}
	}
	return certs, nil
}

// parseCertificate reads base64, and not base64url (RFC 7517 §4.7).
func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(der) > chain.MaxBytes {
		return nil, ErrCertificate
	}
	return x509.ParseCertificate(der)
}
