package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"net/url"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// secured is a server that asks for certificates, with one client.
type secured struct {
	*harness.Host
	b    *harness.Buyer
	ca   *harness.CA
	p    profile.Profile
	cert tls.Certificate
}

func secure(t testing.TB, p profile.Profile, changes ...harness.Change) *secured {
	t.Helper()
	s := &secured{ca: harness.NewCA(t, "Trust"), p: p}
	s.Host = harness.StartMTLS(t, p, nil, func(c *compose.Config) {
		c.ClientCAs, c.PairwiseSalt = s.ca.Pool(), bytes.Repeat([]byte{7}, 32)
		if p.PreferredSigningAlg == profile.PS256 {
			private, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			c.Keys = key.Signing(private)
		}
	})
	s.b = harness.NewBuyer(t, "buyer-a", "ES256", s.Issuer)
	s.cert = s.ca.Issue(t, "buyer-a")
	s.Register(t, s.b, changes...)
	return s
}

// code is a fresh one, with or without an intent, as the profile has it.
func (s *secured) code(t testing.TB) string {
	t.Helper()
	change, in := harness.Set("claims", nil), ""
	if s.p.RequireIntent {
		in = s.NewIntent(t, s.b, "repeated")
		change = harness.Set("claims", harness.IntentClaims(s.p.IntentClaim, in))
	}
	answer := s.Approve(t, s.URL(s.b, s.b.Object(in, change)))
	if answer.Params.Get("code") == "" {
		t.Fatalf("no code: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return answer.Params.Get("code")
}

// withTLS authenticates by the certificate alone.
func withTLS(id string, form url.Values) url.Values {
	form.Set("client_id", id)
	return form
}

func refreshing(token any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}}
}

// bound reports an access token that is not bound to the certificate.
func (s *secured) bound(t testing.TB, r harness.Response, cert tls.Certificate) {
	t.Helper()
	if r.Status != 200 || r.Body["token_type"] != "Bearer" || r.Body["expires_in"].(float64) < 3500 {
		t.Fatalf("token response: %d %s", r.Status, r.Raw)
	}
	seen := s.Post(t, s.Introspect, s.b.Authenticated(url.Values{"token": {r.Body["access_token"].(string)}}))
	cnf, _ := seen.Body["cnf"].(map[string]any)
	if cnf["x5t#S256"] != mtls.Thumbprint(cert.Leaf) || len(cnf) != 1 || seen.Body["token_type"] != "Bearer" {
		t.Errorf("introspection: %s", seen.Raw)
	}
}

func mutualProfiles() []profile.Profile {
	return []profile.Profile{profile.MEFLSO(), profile.FAPI1Advanced(), profile.NZBanking(), profile.UKOpenBanking()}
}

// Every grant binds its tokens to the certificate of its own request.
func TestTokensAreBound(t *testing.T) {
	for _, p := range mutualProfiles() {
		t.Run("FAPI-5.2.2-5/"+p.Name, func(t *testing.T) {
			s := secure(t, p)
			client := s.As(t, s.cert)
			tokens := client.Redeem(t, s.b, s.code(t))
			s.bound(t, tokens, s.cert)
			again := client.Post(t, client.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"])))
			s.bound(t, again, s.cert)
			s.bound(t, client.Post(t, client.Token, s.b.Authenticated(ownBehalf("quote"))), s.cert)
			// Another certificate is not the holder's, until it is registered.
			renewed := s.ca.Issue(t, "buyer-a")
			other := s.As(t, renewed)
			refused := other.Post(t, other.Token, s.b.Authenticated(refreshing(again.Body["refresh_token"])))
			if refused.Status != 400 || refused.Body["error"] != "invalid_grant" {
				t.Errorf("refresh with another certificate: %d %s", refused.Status, refused.Raw)
			}
			s.Register(t, s.b, everyType, harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
			s.bound(t, other.Post(t, other.Token, s.b.Authenticated(refreshing(again.Body["refresh_token"]))), renewed)
		})
	}
}

// Where tokens are bound, nobody gets one without a certificate, and the
// refusal uses nothing up.
func TestNoCertificateAtTheTokenEndpoint(t *testing.T) {
	bound := harness.Set("tls_client_certificate_bound_access_tokens", true)
	for _, c := range []struct {
		id      string
		p       profile.Profile
		changes []harness.Change
		status  int
		error   string
	}{
		{"FAPI-5.2.2-5/required", profile.FAPI1Advanced(), nil, 400, "invalid_request"},
		{"FAPI-5.2.2-5/uk", profile.UKOpenBanking(), nil, 400, "invalid_request"},
		{"NZ-5.2.2-3/mtls-client", profile.NZBanking(), nil, 401, "invalid_client"},
		{"RFC8705-3.4/registered", profile.MEFLSO(), []harness.Change{bound}, 400, "invalid_request"},
	} {
		t.Run(c.id, func(t *testing.T) {
			s := secure(t, c.p, c.changes...)
			client := s.As(t, s.cert)
			code := s.code(t)
			refused(t, s.Redeem(t, s.b, code), c.status, c.error)
			tokens := client.Redeem(t, s.b, code)
			s.bound(t, tokens, s.cert)
			form := s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))
			refused(t, s.Post(t, s.Token, form), c.status, c.error)
			if !c.p.BindsAll() { // there the client is authenticated first
				form = s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))
			}
			s.bound(t, client.Post(t, client.Token, form), s.cert)
			refused(t, s.Post(t, s.Token, s.b.Authenticated(ownBehalf("quote"))), c.status, c.error)
		})
	}
}

// Without a certificate a client of MEF LSO gets bearer tokens, but a
// bound grant does not become one of them.
func TestBearerAndBoundDoNotMix(t *testing.T) {
	t.Run("C-12/refreshing", bearerAndBound)
}

func bearerAndBound(t *testing.T) {
	s := secure(t, profile.MEFLSO())
	client := s.As(t, s.cert)
	own := s.Post(t, s.Token, s.b.Authenticated(ownBehalf("quote")))
	if own.Status != 200 || own.Body["expires_in"].(float64) > 540 {
		t.Errorf("bearer token: %s", own.Raw)
	}
	tokens := client.Redeem(t, s.b, s.code(t))
	refused(t, s.Post(t, s.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))), 400, "invalid_request")
	s.bound(t, client.Post(t, client.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))), s.cert)
	bearer := s.Redeem(t, s.b, s.code(t))
	s.bound(t, client.Post(t, client.Token, s.b.Authenticated(refreshing(bearer.Body["refresh_token"]))), s.cert)
	seen := s.Post(t, s.Introspect, s.b.Authenticated(url.Values{"token": {own.Body["access_token"].(string)}}))
	if strings.Contains(seen.Raw, "cnf") {
		t.Errorf("bearer token: %s", seen.Raw)
	}
}

// Behind a proxy its header counts, and nobody else's.
func TestCertificateFromProxy(t *testing.T) {
	for name, c := range map[string]struct {
		proxies string
		header  func(tls.Certificate) []string
		status  int
		error   string
	}{
		"RFC9440-2/proxy":         {"127.0.0.0/8", func(c tls.Certificate) []string { return []string{clientCert(c)} }, 200, ""},
		"RFC9440-4/somebody else": {"10.0.0.0/8", func(c tls.Certificate) []string { return []string{clientCert(c)} }, 400, "invalid_request"},
		"RFC9440-2/no header":     {"127.0.0.0/8", func(tls.Certificate) []string { return nil }, 400, "invalid_request"},
		"RFC9440-2/two headers":   {"127.0.0.0/8", func(c tls.Certificate) []string { return []string{clientCert(c), clientCert(c)} }, 400, "invalid_request"},
		"RFC9440-2/garbage":       {"127.0.0.0/8", func(tls.Certificate) []string { return []string{":AAAA:"} }, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			ca := harness.NewCA(t, "Trust")
			h := harness.StartMTLS(t, profile.FAPI1Advanced(), nil, func(cfg *compose.Config) {
				cfg.PairwiseSalt, cfg.Certificates = bytes.Repeat([]byte{7}, 32), mtls.ClientCert{Proxies: prefixes(c.proxies)}
			})
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			h.Register(t, b)
			s := &secured{Host: h, b: b}
			cert := ca.Issue(t, "buyer-a")
			// The proxy's own certificate is on the connection, and means nothing.
			proxy := h.As(t, ca.Issue(t, "proxy"))
			r := sendForm(t, proxy, b.Authenticated(ownBehalf("quote")), "Client-Cert", c.header(cert)...)
			if c.status == 200 {
				s.bound(t, r, cert)
				return
			}
			refused(t, r, c.status, c.error)
		})
	}
}

// The audit event names the method.
func TestAuthenticationIsAudited(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced(), harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	client := s.As(t, s.cert)
	if r := client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote"))); r.Status != 200 {
		t.Fatal(r.Raw)
	}
	if e := s.Events.Last(audit.ClientAuthentication); e.Detail != "tls_client_auth" || e.Client != s.b.ID || e.Outcome != audit.Granted {
		t.Errorf("event %+v", e)
	}
	refused(t, client.Post(t, client.Token, withTLS("nobody", ownBehalf("quote"))), 401, "invalid_client")
	if e := s.Events.Last(audit.ClientAuthentication); e.Client != "" || e.Rule != "MEF-R16" {
		t.Errorf("event %+v", e)
	}
}
