package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// Tokens are bound to no certificate that is out of its time or of a key which
// the profile does not take, whoever issued it.
func TestNoTokenForAnUnusableCertificate(t *testing.T) {
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := secure(t, profile.FAPI1Advanced())
	for name, cert := range map[string]tls.Certificate{
		"expired":      harness.SelfSigned(t, nil, "x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"a costly key": harness.SelfSigned(t, large, "x"),
	} {
		t.Run("RFC8705-3/"+name, func(t *testing.T) {
			client := s.As(t, cert)
			refused(t, client.Post(t, client.Token, s.b.Authenticated(ownBehalf("quote"))), 400, "invalid_request")
		})
	}
}
