package mtls

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"time"
)

// Thumbprint is the value of cnf's member x5t#S256: the SHA-256 of the
// certificate's DER, base64url without padding (RFC 8705 §3.1).
func Thumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Confirms reports, in constant time, whether the certificate is the one whose
// thumbprint a token carries. No certificate confirms an empty thumbprint.
func Confirms(cert *x509.Certificate, thumbprint string) bool {
	return thumbprint != "" && subtle.ConstantTimeCompare([]byte(Thumbprint(cert)), []byte(thumbprint)) == 1
}

// ErrExpired is a certificate outside of its time.
var ErrExpired = errors.New("mtls: the certificate is not valid at this time")

// InTime returns ErrExpired unless the certificate is valid at the given time.
// It is all that a self-signed certificate says of itself.
func InTime(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return ErrExpired
	}
	return nil
}
