package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// What the client says of its user never makes a request fail.
func TestCustomerHeaders(t *testing.T) {
	s := secure(t, profile.NZBanking())
	a, access := serveAPI(t, s.Provider.ResourceGuard(), quote), s.ownToken(t, s.cert)
	login := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	a.call(t, &s.cert, access, "x-fapi-customer-last-logged-time", login.Format(http.TimeFormat), "x-fapi-customer-ip-address", "2001:db8::1",
		"x-merchant-ip-address", "192.0.2.1", "x-customer-user-agent", "Mozilla/5.0", "x-fapi-customer-acr", "urn:acr")
	c := a.grant.Customer
	for id, holds := range map[string]bool{
		"NZ-6.2.2-2": c.LastLogin.Equal(login), "NZ-6.2.2-3": c.IP.String() == "2001:db8::1", "NZ-6.2.2-4": c.MerchantIP.String() == "192.0.2.1",
		"NZ-6.2.2-5": c.UserAgent == "Mozilla/5.0", "NZ-6.2.2-6": c.ACR == "urn:acr",
	} {
		t.Run(id+"/read", func(t *testing.T) {
			if !holds {
				t.Errorf("got %+v", c)
			}
		})
	}
	for header, value := range map[string]string{"x-fapi-auth-date": "yesterday", "x-fapi-customer-ip-address": "300.1.1.1", "x-customer-user-agent": strings.Repeat("x", 2000)} {
		t.Run("BASE-6.2.1-13/"+header, func(t *testing.T) {
			if r := a.call(t, &s.cert, access, header, value); r.Status != 204 || a.grant.Customer != (resource.Customer{}) {
				t.Errorf("%d %+v", r.Status, a.grant.Customer)
			}
			if e := s.Events.Last(audit.HeaderIgnored); e.Detail != header || e.Interaction != interactionID || e.Client != s.b.ID {
				t.Errorf("event %+v", e)
			}
		})
	}
	t.Run("BASE-6.2.1-12/the interaction id is in the log", func(t *testing.T) {
		if e := s.Events.Last(audit.ResourceAccess); e.Interaction != interactionID {
			t.Errorf("event %+v", e)
		}
	})
	if strings.Contains(s.Events.Text(), "yesterday") {
		t.Error("the events quote a header")
	}
}

// An API in another process asks over the network, and agrees.
func TestRemoteIntrospection(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced())
	gateway := s.As(t, s.cert)
	fail := false
	remote := &resource.Remote{
		Endpoint: s.Introspect, Issuer: s.Issuer, Profile: &s.p, HTTP: gateway.HTTP,
		Authenticate: func(_ context.Context, form url.Values) error {
			if fail {
				return errors.New("no key")
			}
			s.b.Authenticated(form)
			return nil
		},
	}
	guard := &resource.Guard{
		Tokens: remote, Holder: &token.Holder{Profile: &s.p}, Profile: &s.p, Audit: s.Events, Clock: time.Now, Rand: bytes.NewReader(make([]byte, 1<<10)),
	}
	a, access := serveAPI(t, guard, quote), s.ownToken(t, s.cert)
	if r := a.call(t, &s.cert, access); r.Status != 204 || a.grant.ClientID != s.b.ID || a.grant.Scopes[0] != "quote" {
		t.Errorf("%d %s %+v", r.Status, r.Raw, a.grant)
	}
	invalidToken(t, a.call(t, nil, access))
	invalidToken(t, a.call(t, &s.cert, "unknown"))
	fail = true
	if r := a.call(t, &s.cert, access); r.Status != 503 || r.Body["code"] != "internalError" {
		t.Errorf("%d %s", r.Status, r.Raw)
	}
}

// FAPI 1.0 Advanced §8.5: the listener takes TLS 1.2 with two suites, or 1.3.
func TestCipherSuites(t *testing.T) {
	s := secure(t, profile.FAPI1Advanced())
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"FAPI-8.5-1/AES-128-GCM":       {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, true},
		"FAPI-8.5-1/AES-256-GCM":       {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}, true},
		"FAPI-8.5-1/ChaCha20-Poly1305": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}, false},
		"FAPI-8.5-1/AES-128-CBC":       {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}, false},
		"FAPI-8.5-0/TLS 1.3":           {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"FAPI-8.5-0/TLS 1.1":           {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		t.Run(name, func(t *testing.T) {
			transport := s.HTTP.Transport.(*http.Transport).Clone()
			defer transport.CloseIdleConnections()
			c.config.RootCAs = transport.TLSClientConfig.RootCAs
			transport.TLSClientConfig = c.config
			r, err := http.NewRequest(http.MethodGet, s.Issuer+"/.well-known/openid-configuration", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(r)
			if (err == nil) != c.ok {
				t.Error(err)
			}
			if err == nil {
				response.Body.Close()
			}
		})
	}
}
