package e2e

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// withCertificate is a buyer whose key has a certificate, and who names it by that.
func withCertificate(t *testing.T, h *harness.Host, cert tls.Certificate) *harness.Buyer {
	t.Helper()
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	b.Key = cert.PrivateKey.(crypto.Signer)
	sum := sha256.Sum256(cert.Certificate[0])
	b.Kid = base64.RawURLEncoding.EncodeToString(sum[:])
	h.Register(t, b, harness.Set("jwks", harness.CertificateSet(cert)))
	return b
}

// A Seller that wants certificates of an identity provider for its clients'
// keys gets nothing else.
func TestCertifiedKeys(t *testing.T) {
	ca, other := harness.NewCA(t, "identity provider"), harness.NewCA(t, "another")
	for _, c := range []struct {
		name string
		cert tls.Certificate
		want string // error code; empty for none
	}{
		{"MEF-R40/MEF-R44/MEF-R47/named by its thumbprint", ca.Issue(t, "buyer"), ""},
		{"MEF-R40/MEF-R47/of another authority", other.Issue(t, "buyer"), "invalid_client"},
		{"MEF-R40/MEF-R47/self-signed", harness.SelfSigned(t, nil, "buyer"), "invalid_client"},
		{"MEF-R41/MEF-R48/expired", ca.Issue(t, "buyer", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), "invalid_client"},
		{"MEF-R41/MEF-R48/not valid yet", ca.Issue(t, "buyer", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := harness.StartDirect(t, profile.MEFLSO(), nil, func(config *compose.Config) {
				config.SigningCAs, config.RequireCertificate = ca.Pool(), true
			})
			b := withCertificate(t, h, c.cert)
			answer := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
			page := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
			if c.want == "" {
				if answer.Status != http.StatusOK || page.Params.Get("code") == "" {
					t.Errorf("token: %d %s; authorize: %d %v", answer.Status, answer.Raw, page.Status, page.Params)
				}
				return
			}
			refused(t, answer, http.StatusUnauthorized, c.want)
			if page.Status != http.StatusBadRequest || page.Location != nil || !strings.Contains(page.Body, "invalid_request_object") {
				t.Errorf("authorize: %d %v", page.Status, page.Params)
			}
		})
	}
	t.Run("MEF-R40/MEF-R47/a key without certificate", func(t *testing.T) {
		h := harness.StartDirect(t, profile.MEFLSO(), nil, func(config *compose.Config) { config.RequireCertificate = true })
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		h.Register(t, b)
		refused(t, h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))), http.StatusUnauthorized, "invalid_client")
	})
}
