package e2e

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

func prefixes(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }

func clientCert(c tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
}

func sendForm(t testing.TB, g *harness.Target, form url.Values, header string, values ...string) harness.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, g.Token, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header[header] = values
	response, err := g.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadJSON(t, response)
}

func subject(c *x509.Certificate) {
	c.Subject = pkix.Name{CommonName: "Buyer, Ltd", Organization: []string{"A+B"}, Country: []string{"NZ"}}
	c.DNSNames, c.IPAddresses, c.EmailAddresses = []string{"tls.buyer.example"}, []net.IP{net.IPv4(192, 0, 2, 7)}, []string{"ops@buyer.example"}
	c.URIs = []*url.URL{{Scheme: "urn", Opaque: "buyer:a"}}
}

// Each kind of subject authenticates its client, and no other certificate does.
func TestTLSClientAuth(t *testing.T) {
	for member, values := range map[string][2]string{
		"tls_client_auth_subject_dn": {`CN=Buyer\, Ltd,O=A\+B,C=NZ`, "CN=Buyer,O=A\\+B,C=NZ"},
		"tls_client_auth_san_dns":    {"TLS.buyer.example", "buyer.example"},
		"tls_client_auth_san_uri":    {"urn:buyer:a", "urn:buyer:b"},
		"tls_client_auth_san_ip":     {"192.0.2.7", "192.0.2.8"},
		"tls_client_auth_san_email":  {"ops@buyer.example", "other@buyer.example"},
	} {
		t.Run("RFC8705-2.1.2/"+member, func(t *testing.T) {
			s := secure(t, profile.FAPI1Advanced(), harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set(member, values[0]))
			cert := s.ca.Issue(t, "", subject)
			ask := func(cert tls.Certificate) harness.Response {
				client := s.As(t, cert)
				return client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote")))
			}
			if r := ask(cert); r.Status != 200 {
				t.Errorf("%s", r.Raw)
			}
			for name, wrong := range map[string]tls.Certificate{
				"another authority": harness.NewCA(t, "Trust").Issue(t, "", subject),
				"self-signed":       harness.SelfSigned(t, nil, "", subject),
				"another subject":   s.ca.Issue(t, "buyer-b"),
				"expired":           s.ca.Issue(t, "", subject, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
				"not yet valid":     s.ca.Issue(t, "", subject, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }),
				"of a server":       s.ca.Issue(t, "", subject, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			} {
				t.Run(name, func(t *testing.T) { refused(t, ask(wrong), 401, "invalid_client") })
			}
			refused(t, s.Post(t, s.Token, withTLS(s.b.ID, ownBehalf("quote"))), 401, "invalid_client")
			s.Register(t, s.b, harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set(member, values[1]))
			refused(t, ask(cert), 401, "invalid_client")
		})
	}
}

// One method, and the registered one.
func TestOneMethod(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced(), harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	jwt := harness.NewBuyer(t, "buyer-jwt", "ES256", s.Issuer)
	s.Register(t, jwt)
	client := s.As(t, s.cert)
	post := func(form url.Values) harness.Response { return client.Post(t, client.Token, form) }
	refused(t, post(ownBehalf("quote")), 401, "invalid_client")
	refused(t, post(s.b.Authenticated(ownBehalf("quote"))), 401, "invalid_client")
	refused(t, post(withTLS(jwt.ID, ownBehalf("quote"))), 401, "invalid_client")
	refused(t, post(withTLS("nobody", ownBehalf("quote"))), 401, "invalid_client")
	secret := withTLS(s.b.ID, ownBehalf("quote"))
	secret.Set("client_secret", "secret")
	refused(t, post(secret), 401, "invalid_client")
	both := jwt.Authenticated(ownBehalf("quote"))
	both.Set("client_secret", "secret")
	refused(t, post(both), 400, "invalid_request")
	// The certificate beside an assertion is for binding alone.
	other := *s
	other.b = jwt
	other.bound(t, post(jwt.Authenticated(ownBehalf("quote"))), s.cert)
	unknown, mismatch := post(withTLS("nobody", ownBehalf("quote"))), post(withTLS(jwt.ID, ownBehalf("quote")))
	if unknown.Raw != mismatch.Raw {
		t.Errorf("an unknown client is told\n%s, another one\n%s", unknown.Raw, mismatch.Raw)
	}
}

func TestSelfSignedTLSClientAuth(t *testing.T) {
	cert := harness.SelfSigned(t, nil, "anything")
	method := harness.Set("token_endpoint_auth_method", "self_signed_tls_client_auth")
	s := secure(t, profile.FAPI1Advanced(), method, harness.Set("jwks", harness.CertificateSet(cert)))
	ask := func(cert tls.Certificate) harness.Response {
		client := s.As(t, cert)
		return client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote")))
	}
	key := cert.PrivateKey.(crypto.Signer)
	for name, good := range map[string]tls.Certificate{
		"RFC8705-2.2/registered": cert, "RFC8705-2.2/renewed for the same key": harness.SelfSigned(t, key, "renewed"),
	} {
		t.Run(name, func(t *testing.T) {
			if r := ask(good); r.Status != 200 {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	for name, bad := range map[string]tls.Certificate{
		"RFC8705-2.2/another key": harness.SelfSigned(t, nil, "anything"),
		"RFC8705-2.2/of the CA":   s.ca.Issue(t, "anything"),
		"RFC8705-2.2/expired":     harness.SelfSigned(t, key, "x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
	} {
		t.Run(name, func(t *testing.T) { refused(t, ask(bad), 401, "invalid_client") })
	}
	refused(t, s.Post(t, s.Token, withTLS(s.b.ID, ownBehalf("quote"))), 401, "invalid_client")
}

// Without authorities there is no tls_client_auth, and discovery says so.
func TestNoClientCAs(t *testing.T) {
	h := harness.StartMTLS(t, profile.MEFLSO(), nil, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b, harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	client := h.As(t, harness.NewCA(t, "Trust").Issue(t, "buyer-a"))
	refused(t, client.Post(t, client.Token, withTLS(b.ID, ownBehalf("quote"))), 401, "invalid_client")
	response, err := h.HTTP.Get(h.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	if r := harness.ReadJSON(t, response); strings.Contains(r.Raw, `"tls_client_auth"`) || !strings.Contains(r.Raw, `"self_signed_tls_client_auth"`) {
		t.Errorf("discovery: %s", r.Raw)
	}
}
