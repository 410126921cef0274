package key

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/chain"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// The reasons for which the certificates of a JWK make it no key.
var (
	// ErrCertificate is an x5c that cannot be read, has more than 4
	// certificates or one of more than 8 KiB, or whose leaf is for another key
	// or has another thumbprint than the JWK says (RFC 7517 §4.7).
	ErrCertificate = jose.ErrCertificate
	// ErrNoCertificate is a key without x5c where it must have one.
	ErrNoCertificate = errors.New("key: a key has no certificate")
	// ErrAuthority is an x5c that does not lead to one of the SigningCAs.
	ErrAuthority = errors.New("key: the certificate of a key is of no authority for keys")
	// ErrExpired is an x5c of which a certificate is not valid at this time.
	ErrExpired = errors.New("key: a certificate of the key is not valid at this time")
)

// CheckCertificates returns nil if every key in a JWK Set by value that the
// library can use has the certificate that it should have, and none has one
// that has expired: else one of ErrNoCertificate, ErrCertificate, ErrAuthority
// and ErrExpired. One that becomes valid later is in order, and no key until
// then. Other errors mean that the set cannot be read.
func (c *ClientKeys) CheckCertificates(set json.RawMessage) error {
	parsed, err := c.parsed(set)
	if err != nil {
		return err
	}
	now := c.config.Clock()
	for _, k := range parsed.keys {
		if k.Certificate != nil && now.After(k.Certificate.NotAfter) {
			return ErrExpired
		}
	}
	return parsed.refused
}

// parsedSet is what there is in a JWK Set. It does not change.
type parsedSet struct {
	keys    []Public
	refused error     // why a key with a wrong certificate is not among them
	at      time.Time // when its chains were verified
}

// parse reads a JWK Set and verifies its chains, once for as long as it is
// kept: what remains for later is to compare the dates.
func (c *ClientKeysConfig) parse(raw []byte) (*parsedSet, error) {
	set := &parsedSet{at: c.Clock()}
	members, err := jose.ParseMembers(raw)
	if err != nil {
		return set, err
	}
	// No use is asked for: no extended key usage stands for a JWS.
	verifier := &chain.Verifier{Roots: c.SigningCAs, Use: x509.ExtKeyUsageAny, MinRSABits: minRSABits}
	for i := range members {
		err := c.judge(&members[i], verifier, set.at)
		switch {
		case err == nil:
			set.keys = append(set.keys, members[i].Key)
		case !errors.Is(err, jose.ErrUnusable):
			set.refused = err
		}
	}
	return set, nil
}

// judge tells whether a JWK is a key, and narrows when.
func (c *ClientKeysConfig) judge(member *jose.Member, verifier *chain.Verifier, now time.Time) error {
	certificate := member.Key.Certificate
	switch {
	case member.Err != nil:
		return member.Err
	case certificate == nil && c.RequireCertificate:
		return ErrNoCertificate
	case certificate != nil && certificate.NotBefore.After(certificate.NotAfter):
		return ErrExpired // before it began
	case certificate == nil || c.SigningCAs == nil:
		return nil
	}
	return trust(member.Chain, certificate, verifier, now)
}

// minRSABits is the least size of an issuer's RSA key (FAPI 1.0 §8.6-3).
const minRSABits = 2048

// trust verifies the chain for now, or for the end of its own time that is
// nearer: what is not valid yet will be, and the dates are compared later
// anyway. Of several authorities that would do, such as one that was renewed,
// the last to expire counts.
func trust(certs []*x509.Certificate, own *jose.Certificate, verifier *chain.Verifier, now time.Time) error {
	at := now
	switch {
	case now.Before(own.NotBefore):
		at = own.NotBefore
	case now.After(own.NotAfter):
		at = own.NotAfter
	}
	paths, err := verifier.Verify(certs, at)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	longest := *own
	for i, path := range paths {
		narrowed := *own
		for _, cert := range path {
			narrowed.Narrow(cert)
		}
		if i == 0 || narrowed.NotAfter.After(longest.NotAfter) {
			longest = narrowed
		}
	}
	*own = longest
	return nil
}

// inTime is find without the keys whose certificates are not valid now. That
// they are not found lets a set by URL be fetched again: a certificate that was
// renewed is there.
func (c *ClientKeys) inTime(ctx context.Context, m *storage.ClientMetadata, fits matcher) ([]Public, error) {
	var expired atomic.Bool // a fetch that nobody waits for any more asks too
	keys, err := c.find(ctx, m, func(k Public) bool {
		if !fits(k) {
			return false
		}
		valid := k.ValidAt(c.config.Clock())
		if !valid {
			expired.Store(true)
		}
		return valid
	})
	if errors.Is(err, ErrNoKey) && expired.Load() {
		return nil, fmt.Errorf("%w: %w", err, ErrExpired)
	}
	return keys, err
}
