package e2e

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
	"github.com/meflso/fosite-meflso/test/harness"
)

// traced is a host whose requests each have a span, and the spans below them.
type traced struct {
	*harness.Host
	spans *tracetest.InMemoryExporter
}

func startTraced(t *testing.T, change func(*compose.Config)) *traced {
	t.Helper()
	h := &traced{Host: harness.StartHost(t, profile.MEFLSO(), nil, change), spans: tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(h.spans))
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	handler := h.Handler()
	h.HTTP = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: harness.Direct{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			ctx, s := provider.Tracer("test").Start(r.Context(), r.Method+" "+r.URL.Path)
			defer s.End()
			handler.ServeHTTP(rw, r.WithContext(ctx))
		})},
	}
	return h
}

// paths are the library's own spans since the last call, each with what it lies
// in, in the order in which they began.
func (h *traced) paths() []string {
	stubs := h.spans.GetSpans()
	h.spans.Reset()
	slices.SortStableFunc(stubs, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	byID := map[trace.SpanID]tracetest.SpanStub{}
	for _, s := range stubs {
		byID[s.SpanContext.SpanID()] = s
	}
	var paths []string
	for _, s := range stubs {
		if s.InstrumentationScope.Name != span.Tracer {
			continue
		}
		path := s.Name
		for parent, ok := byID[s.Parent.SpanID()]; ok; parent, ok = byID[parent.Parent.SpanID()] {
			path = parent.Name + " > " + path
		}
		paths = append(paths, path)
	}
	return paths
}

func wantPaths(t *testing.T, h *traced, want ...string) {
	t.Helper()
	if got := h.paths(); !slices.Equal(got, want) {
		t.Errorf("got the spans\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTracing(t *testing.T) {
	b := harness.NewBuyer(t, "buyer-a", "ES256", harness.Issuer)
	keys := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(b.JWKS())
	}))
	defer keys.Close()
	h := startTraced(t, func(c *compose.Config) {
		c.Outbound = outbound.InsecureLoopback()
		c.Outbound.RootCAs = x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(keys.Certificate())
	})
	h.Register(t, b, harness.Set("jwks", nil), harness.Set("jwks_uri", keys.URL))
	intent := h.NewIntent(t, b, "once")
	h.spans.Reset()

	code := h.Approve(t, h.URL(b, b.Object(intent))).Params.Get("code")
	wantPaths(t, h,
		"GET /oauth2/auth > authorization.Endpoint.NewAuthorizeRequest",
		"GET /oauth2/auth > authorization.Endpoint.NewAuthorizeRequest > outbound.Client.Get",
		"GET /oauth2/auth > compose.Provider.NewAuthorizeResponse",
	)
	token, ok := h.Redeem(t, b, code).Body["access_token"].(string)
	if !ok {
		t.Fatal("no token")
	}
	wantPaths(t, h,
		"POST /oauth2/token > token.Endpoint.NewAccessRequest",
		"POST /oauth2/token > token.Endpoint.NewAccessResponse",
	)
	h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {token}}))
	wantPaths(t, h,
		"POST /oauth2/introspect > token.Introspection.NewIntrospectionRequest",
		"POST /oauth2/introspect > token.Introspection.NewIntrospectionRequest > token.Introspection.IntrospectToken",
	)
}

// Fosite's own spans lie below the library's.
func TestTracingJoinsFosites(t *testing.T) {
	h := startTraced(t, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
	byName := map[string]tracetest.SpanStub{}
	for _, s := range h.spans.GetSpans() {
		byName[s.Name] = s
	}
	outer, inner := byName["token.Endpoint.NewAccessRequest"], byName["Fosite.NewAccessRequest"]
	if !inner.Parent.IsValid() || inner.Parent.SpanID() != outer.SpanContext.SpanID() {
		t.Errorf("Fosite's span lies below %v, want %v", inner.Parent.SpanID(), outer.SpanContext.SpanID())
	}
}

// A refusal has its rule and OAuth error, and nothing that the client sent.
func TestTracingOfRefusals(t *testing.T) {
	const chosen = "chosen-by-the-client"
	h := startTraced(t, nil)
	b := harness.NewBuyer(t, "buyer-"+chosen, "ES256", h.Issuer)
	h.Register(t, b)
	intent := h.NewIntent(t, b, "once")
	for _, test := range []struct {
		span, rule, oauth string
		play              func()
	}{
		{"authorization.Endpoint.NewAuthorizeRequest", "FAPI-5.2.2-13", "invalid_request_object", func() {
			h.Approve(t, h.URL(b, b.Object(intent, harness.Set("exp", 1), harness.Set("state", chosen))))
		}},
		{"token.Endpoint.NewAccessRequest", "RFC6749-6", "invalid_grant", func() { h.Redeem(t, b, chosen+"."+chosen) }},
		{"token.Introspection.IntrospectToken", "RFC6750-3.1", "invalid_token", func() {
			h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {chosen}}))
		}},
	} {
		h.spans.Reset()
		test.play()
		found := false
		for _, s := range h.spans.GetSpans() {
			if s.InstrumentationScope.Name != span.Tracer {
				continue
			}
			if all, err := json.Marshal(s); err != nil || strings.Contains(string(all), chosen) {
				t.Errorf("%s: %v, %s", s.Name, err, all)
			}
			if s.Name != test.span {
				continue
			}
			found = true
			got := map[string]string{}
			for _, a := range s.Attributes {
				got[string(a.Key)] = a.Value.AsString()
			}
			if got[string(span.Rule)] != test.rule || got[string(span.Error)] != test.oauth || len(s.Events) != 1 {
				t.Errorf("%s: %v, %d events", s.Name, got, len(s.Events))
			}
		}
		if !found {
			t.Errorf("no span %s", test.span)
		}
	}
}
