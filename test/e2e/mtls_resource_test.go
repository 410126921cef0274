package e2e

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

const interactionID = "93bac548-d2de-4546-b106-880a5018460d"

// api is a resource server of its own, over TLS.
type api struct {
	server *httptest.Server
	grant  *resource.Grant
}

func serveAPI(t testing.TB, guard *resource.Guard, op resource.Operation) *api {
	t.Helper()
	a := &api{}
	a.server = httptest.NewUnstartedServer(guard.Protect(op, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		a.grant = resource.Of(r.Context())
		rw.WriteHeader(http.StatusNoContent)
	})))
	a.server.TLS = mtls.MutualServerConfig()
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	return a
}

func (a *api) call(t testing.TB, cert *tls.Certificate, bearer string, headers ...string) harness.Response {
	t.Helper()
	transport := a.server.Client().Transport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if cert != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	r, err := http.NewRequest(http.MethodGet, a.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("x-fapi-interaction-id", interactionID)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadJSON(t, response)
}

func invalidToken(t testing.TB, r harness.Response) {
	t.Helper()
	if r.Status != 401 || r.Body["code"] != "invalidCredentials" || r.Body["reason"] == "" || r.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("got %d %s %v", r.Status, r.Raw, r.Header)
	}
	if r.Header.Get("x-fapi-interaction-id") != interactionID {
		t.Errorf("interaction id %v", r.Header)
	}
}

func (s *secured) ownToken(t testing.TB, cert tls.Certificate) string {
	t.Helper()
	client := s.As(t, cert)
	r := client.Post(t, client.Token, s.b.Authenticated(ownBehalf("quote")))
	access, _ := r.Body["access_token"].(string)
	if access == "" {
		t.Fatal(r.Raw)
	}
	return access
}

var quote = resource.Operation{Scope: "quote", OwnBehalf: true}

// A bound token comes with its certificate, or not at all.
func TestResourceChecksTheHolder(t *testing.T) {
	for _, p := range mutualProfiles() {
		t.Run(p.Name, func(t *testing.T) {
			s := secure(t, p)
			a := serveAPI(t, s.Provider.ResourceGuard(), quote)
			access, other := s.ownToken(t, s.cert), s.ca.Issue(t, "buyer-a")
			t.Run("FAPI-6.2.1-1/the certificate", func(t *testing.T) {
				if r := a.call(t, &s.cert, access); r.Status != 204 || a.grant.ClientID != s.b.ID {
					t.Errorf("%d %s", r.Status, r.Raw)
				}
			})
			t.Run("FAPI-6.2.1-2/no certificate", func(t *testing.T) { invalidToken(t, a.call(t, nil, access)) })
			t.Run("FAPI-6.2.1-2/another certificate", func(t *testing.T) { invalidToken(t, a.call(t, &other, access)) })
		})
	}
}

// A token from a time when none had to be bound is not taken.
func TestResourceRefusesBearerTokens(t *testing.T) {
	s := secure(t, profile.MEFLSO())
	access := s.Post(t, s.Token, s.b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
	guard := s.Provider.ResourceGuard()
	if r := serveAPI(t, guard, quote).call(t, nil, access); r.Status != 204 {
		t.Errorf("if-mtls: %d %s", r.Status, r.Raw)
	}
	for _, constraint := range []profile.SenderConstraint{profile.ConstrainAlways, profile.ConstrainToClient} {
		t.Run("FAPI-8.2/"+string(constraint), func(t *testing.T) {
			p := profile.MEFLSO()
			p.SenderConstraint = constraint
			guard.Holder = &token.Holder{Profile: &p}
			invalidToken(t, serveAPI(t, guard, quote).call(t, &s.cert, access))
		})
	}
}

// The certificate may be renewed, but not become somebody else's.
func TestNZResource(t *testing.T) {
	s := secure(t, profile.NZBanking(), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	a := serveAPI(t, s.Provider.ResourceGuard(), quote)
	access := s.ownToken(t, s.cert)
	renewed, other := s.ca.Issue(t, "buyer-a"), s.ca.Issue(t, "buyer-b")
	t.Run("NZ-6.2.1-2/renewed", func(t *testing.T) {
		if r := a.call(t, &renewed, access); r.Status != 204 {
			t.Errorf("%d %s", r.Status, r.Raw)
		}
	})
	foreign := harness.NewCA(t, "Trust").Issue(t, "buyer-a")
	for name, cert := range map[string]*tls.Certificate{"NZ-6.2.1-2/another client's": &other, "NZ-6.2.1-2/another authority's": &foreign, "NZ-6.2.1-1/none": nil} {
		t.Run(name, func(t *testing.T) { invalidToken(t, a.call(t, cert, access)) })
	}
}

func TestUserInfoChecksTheHolder(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced())
	client, other := s.As(t, s.cert), s.As(t, s.ca.Issue(t, "buyer-a"))
	access := client.Redeem(t, s.b, s.code(t)).Body["access_token"].(string)
	ask := func(g *harness.Target) harness.Response {
		r, err := http.NewRequest(http.MethodGet, g.UserInfo, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+access)
		response, err := g.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return harness.ReadJSON(t, response)
	}
	if r := ask(client); r.Status != 200 || r.Body["sub"] == nil {
		t.Errorf("%d %s", r.Status, r.Raw)
	}
	for name, g := range map[string]*harness.Target{"no certificate": &s.Target, "another certificate": other} {
		t.Run("FAPI-6.2.1-2/"+name, func(t *testing.T) {
			if r := ask(g); r.Status != 401 || r.Body["error"] != "invalid_token" || r.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
				t.Errorf("%d %s", r.Status, r.Raw)
			}
		})
	}
}

// Without intents, a user's token is one whose subject is not the client.
func TestOwnBehalfWithoutIntents(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced())
	a := serveAPI(t, s.Provider.ResourceGuard(), resource.Operation{Scope: "quote"})
	client := s.As(t, s.cert)
	user := client.Redeem(t, s.b, s.code(t)).Body["access_token"].(string)
	if r := a.call(t, &s.cert, user); r.Status != 204 || a.grant.Subject == "" {
		t.Errorf("user: %d %s", r.Status, r.Raw)
	}
	if r := a.call(t, &s.cert, s.ownToken(t, s.cert)); r.Status != 403 || r.Body["code"] != "accessDenied" {
		t.Errorf("own: %d %s", r.Status, r.Raw)
	}
}
