package mtls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// The reasons for which a chain is not one of the client authorities.
var (
	ErrNoChain     = errors.New("mtls: there is no certificate")
	ErrNoAuthority = errors.New("mtls: there are no client authorities")
	// ErrChain: the chain has more than 3 certificates after the leaf, one of
	// more than 8 KiB, one that is not the issuer of the one before, or two
	// issuers of one name.
	ErrChain = errors.New("mtls: the certificates are no short chain of each and its issuer")
	// ErrKey: see CheckKey.
	ErrKey = errors.New("mtls: the certificate's key is not of a kind and size to verify with")
)

const (
	maxChain       = 4       // certificates
	maxCertificate = 8 << 10 // bytes of DER
	maxRSABits     = 4096
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
func VerifyChain(chain []*x509.Certificate, roots *x509.CertPool, now time.Time, minRSABits int) error {
	if len(chain) == 0 {
		return ErrNoChain
	}
	if roots == nil {
		return ErrNoAuthority // x509 would take the system's
	}
	if err := checkForm(chain, minRSABits); err != nil {
		return err
	}
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := addIntermediates(chain, options); err != nil {
		return err
	}
	_, err := chain[0].Verify(options)
	return err
}

// checkForm verifies no signature.
func checkForm(chain []*x509.Certificate, minRSABits int) error {
	if len(chain) > maxChain {
		return ErrChain
	}
	for i, cert := range chain {
		if len(cert.Raw) > maxCertificate || i > 0 && !isNext(cert, chain[:i]) {
			return ErrChain
		}
		if err := CheckKey(cert, minRSABits); err != nil {
			return err
		}
	}
	return nil
}

// isNext: it issued the one before, and none of its name issued another, so
// that there is one path.
func isNext(cert *x509.Certificate, before []*x509.Certificate) bool {
	issuedBy := func(child *x509.Certificate) bool { return bytes.Equal(child.RawIssuer, cert.RawSubject) }
	last := len(before) - 1
	return issuedBy(before[last]) && !slices.ContainsFunc(before[:last], issuedBy)
}

// addIntermediates goes from the top of the chain down to its leaf. What the
// roots do not vouch for at the top, such as the issuer of a root, does not
// count; what is below must be signed by the one above. crypto/x509 alone would
// go from the leaf up, along every path that a stranger's certificates offer.
func addIntermediates(chain []*x509.Certificate, options x509.VerifyOptions) error {
	trusted := false
	for i := len(chain) - 1; i > 0; i-- {
		if trusted {
			if err := chain[i].CheckSignatureFrom(chain[i+1]); err != nil {
				return err
			}
		} else if _, err := chain[i].Verify(options); err != nil {
			continue
		}
		trusted = true
		options.Intermediates.AddCert(chain[i])
	}
	return nil
}

// CheckKey returns ErrKey unless the certificate's key is an RSA key of
// minRSABits to 4096 bits, an ECDSA key on P-256 or P-384, or an Ed25519 key.
// Signatures of the others are too weak, or too costly to verify for strangers.
func CheckKey(cert *x509.Certificate, minRSABits int) error {
	fits := false
	switch public := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		fits = minRSABits <= bits && bits <= maxRSABits
	case *ecdsa.PublicKey:
		fits = public.Curve == elliptic.P256() || public.Curve == elliptic.P384()
	case ed25519.PublicKey:
		fits = true
	}
	if !fits {
		return ErrKey
	}
	return nil
}
