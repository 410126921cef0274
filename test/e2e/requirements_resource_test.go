package e2e

import (
	"crypto/tls"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// send is call with a method; a query may follow the bearer.
func (a *api) send(t testing.TB, method string, cert *tls.Certificate, bearer string, headers ...string) harness.Response {
	t.Helper()
	transport := a.server.Client().Transport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if cert != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, a.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("x-fapi-interaction-id", interactionID)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "?" {
			r.URL.RawQuery = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadJSON(t, response)
}

func handshake(t testing.TB, h *harness.Host, config *tls.Config) error {
	t.Helper()
	transport := h.HTTP.Transport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if config.RootCAs == nil {
		config.RootCAs = transport.TLSClientConfig.RootCAs
	}
	transport.TLSClientConfig = config
	client := &http.Client{Transport: transport}
	response, err := client.Get(h.Issuer + "/.well-known/openid-configuration")
	if err == nil {
		response.Body.Close()
	}
	return err
}

// TestRequirementsOfResources: one API, one token, and every way not to use it.
func TestRequirementsOfResources(t *testing.T) {
	s := play(t, profile.UKOpenBanking())
	in := s.NewIntent(t, s.b, "repeated")
	answer := s.Approve(t, s.URL(s.b, s.b.Object(in)))
	access := s.client.Redeem(t, s.b, answer.Params.Get("code")).Body["access_token"].(string)
	guard := s.Provider.ResourceGuard()
	a, narrow := serveAPI(t, guard, resource.Operation{Scope: "accounts"}), serveAPI(t, guard, resource.Operation{Scope: "payments"})
	other := s.ca.Issue(t, "buyer-b")
	call := func(cert *tls.Certificate, headers ...string) harness.Response {
		return a.send(t, http.MethodGet, cert, access, headers...)
	}
	good := call(&s.cert)
	event := s.Events.Last(audit.ResourceAccess)
	lower, basic := call(&s.cert, "Authorization", "bearer "+access), call(&s.cert, "Authorization", "Basic "+access)
	inQuery, both := call(&s.cert, "Authorization", "", "?", "access_token="+access), call(&s.cert, "?", "access_token="+access)
	scope := narrow.send(t, http.MethodGet, &s.cert, access)
	fresh, bad := call(&s.cert, "x-fapi-interaction-id", ""), call(nil, "x-fapi-interaction-id", "<script>")
	v4, v6 := call(&s.cert, "x-fapi-customer-ip-address", "203.0.113.7"), call(&s.cert, "x-fapi-customer-ip-address", "2001:db8::7")
	id := func(r harness.Response) string { return r.Header.Get("x-fapi-interaction-id") }
	login := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	dated := call(&s.cert, "x-fapi-auth-date", login.Format(http.TimeFormat))
	customer := a.grant.Customer
	hold(t, []harness.Response{good, lower, basic, inQuery, both, scope, fresh, bad, v4, v6, dated}, []sentence{
		{"BASE-6.2.1-1/FAPI-6.2.1-1", "GET", good.Status == 204},
		{"BASE-6.2.1-2", "the token is in the header, and its scheme has no case", lower.Status == 204 && basic.Status == 401 && basic.Body["code"] == "missingCredentials"},
		{"BASE-6.2.1-3/SLIDES-16", "a token in the query is not seen", inQuery.Status == 401 && inQuery.Header.Get("WWW-Authenticate") == "Bearer"},
		{"BASE-6.2.1-3/SLIDES-16", "a token sent in two ways", both.Status == 400 && both.Header.Get("WWW-Authenticate") == `Bearer error="invalid_request"`},
		{"BASE-6.2.1-5", "a scope that does not suffice", scope.Status == 403 && scope.Header.Get("WWW-Authenticate") == `Bearer error="insufficient_scope", scope="payments"`},
		{"BASE-6.2.1-6", "the log has client and intent", event.Client == s.b.ID && event.Intent == in && event.Outcome == audit.Granted},
		{"BASE-6.2.1-8", "the body is UTF-8", strings.HasSuffix(strings.ToLower(scope.Header.Get("Content-Type")), "charset=utf-8")},
		{"BASE-6.2.1-9", "the body is JSON", strings.HasPrefix(scope.Header.Get("Content-Type"), "application/json") && scope.Body["code"] == "accessDenied"},
		{"BASE-6.2.1-10", "Date", isDate(good.Header.Get("Date")) && isDate(scope.Header.Get("Date"))},
		{"BASE-6.2.1-11", "the interaction id comes back, on errors too", id(good) == interactionID && id(scope) == interactionID},
		{"BASE-6.2.1-11", "a fresh one where none was sent", isUUID(id(fresh)) && id(fresh) != id(call(&s.cert, "x-fapi-interaction-id", ""))},
		{"BASE-6.2.1-11", "a fresh one for what is none", isUUID(id(bad)) && bad.Status == 401},
		{"BASE-6.2.1-12", "the interaction id is in the log", event.Interaction == interactionID},
		{"BASE-6.2.1-13", "no address is refused", v4.Status == 204 && v6.Status == 204},
		{"C-24", "x-fapi-auth-date is an HTTP date", dated.Status == 204 && customer.LastLogin.Equal(login)},
	})
	for name, cert := range map[string]*tls.Certificate{"no certificate": nil, "the certificate of another client": &other} {
		t.Run("FAPI-6.2.1-2/SLIDES-19/"+name, func(t *testing.T) { invalidToken(t, call(cert)) })
	}
	t.Run("BASE-6.2.1-4/taken back", func(t *testing.T) {
		if err := s.Provider.Intents.Revoke(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		invalidToken(t, call(&s.cert))
	})
}

func isDate(text string) bool { _, err := http.ParseTime(text); return err == nil }

var uuids = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func isUUID(text string) bool { return uuids.MatchString(text) }

// TestRequirementsOfTLS: the listener of mTLS, from the client's side.
func TestRequirementsOfTLS(t *testing.T) {
	s := play(t, profile.FAPI1Advanced())
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"BASE-7.1-1/FAPI-8.5-0/TLS 1.1":         {&tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, false},
		"BASE-7.1-1/FAPI-8.5-0/TLS 1.2":         {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, true},
		"BASE-7.1-1/TLS 1.3":                    {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"FAPI-8.5-1/SLIDES-27/ChaCha20":         {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}, false},
		"FAPI-8.5-1/SLIDES-27/AES 256 with GCM": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := handshake(t, s.Host, c.config); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}
