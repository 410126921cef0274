package mtls

import (
	"crypto/x509"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/chain"
)

// The reasons for which a chain is not one of the client authorities.
var (
	ErrNoChain     = chain.ErrNone
	ErrNoAuthority = chain.ErrNoAuthority
	// ErrChain: the chain has more than 3 certificates after the leaf, one of
	// more than 8 KiB, one that is not the issuer of the one before, or two
	// issuers of one name.
	ErrChain = chain.ErrForm
	// ErrKey: see CheckKey.
	ErrKey = chain.ErrKey
)

const (
	maxChain       = chain.MaxLength // certificates
	maxCertificate = chain.MaxBytes  // of DER
)

// VerifyChain verifies a chain for client authentication, leaf first, at the
// given time (RFC 8705 §2.1). Each certificate is followed by its issuer, at
// most 3 follow the leaf, and every key passes CheckKey. The roots are the
// authorities for clients; without them it is ErrNoAuthority, and never the
// system's roots. Every error that is not of this package is one of
// crypto/x509.
//
// No signature is verified by a key that the authorities do not vouch for: a
// made-up chain costs 4 at most, by keys that the authorities chose, as long as
// no two roots have one name.
func VerifyChain(certs []*x509.Certificate, roots *x509.CertPool, now time.Time, minRSABits int) error {
	if len(certs) > 0 && roots != nil {
		if err := CheckKey(certs[0], minRSABits); err != nil {
			return err
		}
	}
	v := chain.Verifier{Roots: roots, Use: x509.ExtKeyUsageClientAuth, MinRSABits: minRSABits}
	_, err := v.Verify(certs, now)
	return err
}

// CheckKey returns ErrKey unless the certificate's key is an RSA key of
// minRSABits to 4096 bits, an ECDSA key on P-256 or P-384, or an Ed25519 key.
// Signatures of the others are too weak, or too costly to verify for strangers.
func CheckKey(cert *x509.Certificate, minRSABits int) error { return chain.CheckKey(cert, minRSABits) }
