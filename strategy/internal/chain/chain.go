// Package chain verifies short certificate chains of strangers, at a cost that
// the authorities bound. It serves client certificates and the certificates of
// keys that sign.
package chain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// The reasons for which a chain is not one of the authorities, beside those of
// crypto/x509.
var (
	ErrNone        = errors.New("chain: there is no certificate")
	ErrNoAuthority = errors.New("chain: there are no authorities")
	// ErrForm: the chain is longer than MaxLength, has a certificate larger than
	// MaxBytes, one that is not the issuer of the one before, or two issuers of
	// one name.
	ErrForm = errors.New("chain: the certificates are no short chain of each and its issuer")
	// ErrKey: see CheckKey.
	ErrKey = errors.New("chain: the certificate's key is not of a kind and size to verify with")
)

// The bounds of a chain.
const (
	MaxLength  = 4       // certificates
	MaxBytes   = 8 << 10 // of a certificate's DER
	maxRSABits = 4096
)

// Verifier verifies chains against the same authorities. It is for one
// goroutine, and remembers the issuers of one chain for the next.
type Verifier struct {
	// Roots are the authorities; with nil it is ErrNoAuthority, and never the
	// system's roots.
	Roots      *x509.CertPool
	Use        x509.ExtKeyUsage
	MinRSABits int

	known map[[sha256.Size]byte]issuers // by their DER and the time
}

// issuers are those of a chain that the roots vouch for.
type issuers struct {
	pool    *x509.CertPool
	trusted bool // it is not empty
	err     error
}

// Verify verifies a chain, leaf first, at the given time and returns its paths
// to the roots, at least one. Each certificate is followed by its issuer, and
// the keys of all issuers pass CheckKey; the leaf's verifies nothing here.
//
// No signature is verified by a key that the authorities do not vouch for: a
// made-up chain costs 4 at most, and the next one below the same true issuers
// costs one, by keys that the authorities chose, as long as no two roots have
// one name.
func (v *Verifier) Verify(chain []*x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, ErrNone
	}
	if v.Roots == nil {
		return nil, ErrNoAuthority // x509 would take the system's
	}
	if err := checkForm(chain, v.MinRSABits); err != nil {
		return nil, err
	}
	options := x509.VerifyOptions{Roots: v.Roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{v.Use}}
	found := v.issuersIn(chain[1:], options)
	if found.err != nil {
		return nil, found.err
	}
	options.Intermediates = found.pool
	return chain[0].Verify(options)
}

// issuersIn goes from the top of the issuers down to the one of the leaf, and
// remembers each step.
func (v *Verifier) issuersIn(line []*x509.Certificate, options x509.VerifyOptions) issuers {
	if len(line) == 0 {
		return issuers{pool: x509.NewCertPool()}
	}
	text := []byte(options.CurrentTime.String())
	for _, cert := range line {
		text = append(text, cert.Raw...)
	}
	name := sha256.Sum256(text)
	found, known := v.known[name]
	if known {
		return found
	}
	if found = v.issuersIn(line[1:], options); found.err == nil {
		found = found.below(line, options)
	}
	if v.known == nil {
		v.known = map[[sha256.Size]byte]issuers{}
	}
	v.known[name] = found
	return found
}

// below adds the first in the line. What the roots do not vouch for at the top,
// such as the issuer of a root, does not count; what is below must be signed by
// the one above. crypto/x509 alone would go from the leaf up, along every path
// that a stranger's certificates offer.
func (i issuers) below(line []*x509.Certificate, options x509.VerifyOptions) issuers {
	if i.trusted {
		if err := line[0].CheckSignatureFrom(line[1]); err != nil {
			return issuers{err: err}
		}
	} else {
		options.Intermediates = i.pool
		if _, err := line[0].Verify(options); err != nil {
			return i
		}
	}
	pool := i.pool.Clone()
	pool.AddCert(line[0])
	return issuers{pool: pool, trusted: true}
}

// checkForm verifies no signature.
func checkForm(chain []*x509.Certificate, minRSABits int) error {
	if len(chain) > MaxLength || len(chain[0].Raw) > MaxBytes {
		return ErrForm
	}
	for i, cert := range chain[1:] {
		if len(cert.Raw) > MaxBytes || !isNext(cert, chain[:i+1]) {
			return ErrForm
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
