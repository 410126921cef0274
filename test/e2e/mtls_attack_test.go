package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// followed is a certificate that is sent with others behind it.
func followed(cert tls.Certificate, by ...*x509.Certificate) tls.Certificate {
	for _, c := range by {
		cert.Certificate = append(cert.Certificate[:len(cert.Certificate):len(cert.Certificate)], c.Raw)
	}
	return cert
}

func authorityCert(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
}

// Whoever knows a client's subject can send a chain with it, but not a long
// one, nor one with costly keys; and a long one that is true is refused too.
func TestMadeUpChains(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced(), harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger := harness.NewCA(t, "Trust")
	costly := &harness.CA{Cert: harness.SelfSigned(t, large, "costly", authorityCert).Leaf, Key: large}
	under := func(ca *harness.CA, count int) tls.Certificate {
		var chain []*x509.Certificate
		for i := range count {
			next := ca.Issue(t, fmt.Sprint("middle ", i), authorityCert)
			ca = &harness.CA{Cert: next.Leaf, Key: next.PrivateKey.(crypto.Signer)}
			chain = append([]*x509.Certificate{next.Leaf}, chain...)
		}
		return followed(ca.Issue(t, "buyer-a"), chain...)
	}
	for name, c := range map[string]struct {
		cert   tls.Certificate
		status int
		error  string
	}{
		"true, of four":      {under(s.ca, 3), 200, ""},
		"true, of five":      {under(s.ca, 4), 400, "invalid_request"},
		"made up, of four":   {under(stranger, 3), 401, "invalid_client"},
		"made up, of ten":    {under(stranger, 9), 400, "invalid_request"},
		"of one name":        {followed(stranger.Issue(t, "buyer-a"), stranger.Cert, s.ca.Cert), 401, "invalid_client"},
		"of a costly key":    {followed(costly.Issue(t, "buyer-a"), costly.Cert), 401, "invalid_client"},
		"with a costly leaf": {harness.SelfSigned(t, large, "buyer-a"), 401, "invalid_client"},
	} {
		t.Run("RFC8705-2.1/"+name, func(t *testing.T) {
			client := s.As(t, c.cert)
			r := client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote")))
			if c.status != 200 {
				refused(t, r, c.status, c.error)
			} else if r.Status != 200 {
				t.Error(r.Raw)
			}
		})
	}
}

// The signature comes before the certificate, and the jti after it.
func TestChainIsOfTheClientsOwnRequest(t *testing.T) {
	s := secure(t, profile.NZBanking(), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	mallory := harness.NewBuyer(t, s.b.ID, "ES256", s.Issuer)
	client := s.As(t, harness.NewCA(t, "Trust").Issue(t, "buyer-a"))
	for _, c := range []struct {
		name string
		b    *harness.Buyer
		rule profile.Rule
	}{
		{"RFC7523-3-9/a stranger's assertion", mallory, "RFC7523-3-9"}, {"NZ-5.2.2-5c/the client's", s.b, "NZ-5.2.2-5c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := c.b.Authenticated(ownBehalf("quote"))
			refused(t, client.Post(t, client.Token, form), 401, "invalid_client")
			if e := s.Events.Last(audit.ClientAuthentication); e.Rule != c.rule {
				t.Errorf("event %+v", e)
			}
			if c.b == s.b {
				own := s.As(t, s.cert)
				s.bound(t, own.Post(t, own.Token, form), s.cert) // it was not used up
			}
		})
	}
}

// joined is the JWK Set with the keys of both.
func joined(t testing.TB, sets ...json.RawMessage) json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for _, set := range sets {
		var one struct{ Keys []json.RawMessage }
		if err := json.Unmarshal(set, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one.Keys...)
	}
	set, err := json.Marshal(map[string]any{"keys": all})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A registered subject is the authorities' to certify, whatever the client's
// JWK Set says of its keys.
func TestSelfMadeCertificateForARegisteredSubject(t *testing.T) {
	s := secure(t, profile.NZBanking())
	made := harness.SelfSigned(t, nil, "buyer-a")
	s.Register(t, s.b, harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"), harness.Set("jwks", joined(t, s.b.JWKS(), harness.CertificateSet(made))))
	a := serveAPI(t, s.Provider.ResourceGuard(), quote)
	access := s.ownToken(t, s.cert)
	client := s.As(t, made)
	t.Run("NZ-5.2.2-5c/token", func(t *testing.T) {
		refused(t, client.Post(t, client.Token, s.b.Authenticated(ownBehalf("quote"))), 401, "invalid_client")
	})
	t.Run("NZ-6.2.1-2/resource", func(t *testing.T) { invalidToken(t, a.call(t, &made, access)) })
}

// Without a subject, a certificate in the JWK Set stands for itself: no other
// is the client's, though the client has its key.
func TestNoCertificateOverTheSigningKey(t *testing.T) {
	for _, p := range []profile.Profile{profile.NZBanking(), profile.UKOpenBanking()} {
		t.Run(p.Name, func(t *testing.T) {
			s := secure(t, p)
			listed := harness.SelfSigned(t, nil, "listed")
			s.Register(t, s.b, everyType, harness.Set("jwks", joined(t, s.b.JWKS(), harness.CertificateSet(listed))))
			client := s.As(t, listed)
			tokens := client.Redeem(t, s.b, s.code(t))
			s.bound(t, tokens, listed)
			for name, cert := range map[string]tls.Certificate{
				"over the signing key":         harness.SelfSigned(t, s.b.Key, "buyer-a"),
				"over the certificate's key":   harness.SelfSigned(t, listed.PrivateKey.(crypto.Signer), "listed"),
				"of the authorities, unlisted": s.ca.Issue(t, "listed"),
			} {
				t.Run("RFC8705-2.2/"+name, func(t *testing.T) {
					other := s.As(t, cert)
					r := other.Post(t, other.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"])))
					if r.Status == 200 {
						t.Errorf("refreshed: %s", r.Raw)
					}
				})
			}
			s.bound(t, client.Post(t, client.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))), listed)
		})
	}
}
