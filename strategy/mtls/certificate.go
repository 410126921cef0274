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

// The reasons for which a chain is not one of the client authorities.
var (
	ErrNoChain     = errors.New("mtls: there is no certificate")
	ErrNoAuthority = errors.New("mtls: there are no client authorities")
)

// VerifyChain verifies a chain for client authentication, leaf first, at the
// given time (RFC 8705 §2.1). The roots are the authorities for clients;
// without them it is ErrNoAuthority, and never the system's roots. Every other
// error but ErrNoChain is one of crypto/x509.
func VerifyChain(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	if len(chain) == 0 {
		return ErrNoChain
	}
	if roots == nil {
		return ErrNoAuthority // x509 would take the system's
	}
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
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
