// Package webtest is a small web on loopback, for tests: servers with TLS under
// names that look public.
package webtest

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// Web are servers by the URL under which they are known, such as
// https://registry.example.
type Web map[string]*httptest.Server

// Serve starts a server, which stops with the test.
func (w Web) Serve(t testing.TB, base string, h http.Handler) {
	t.Helper()
	w[base] = httptest.NewTLSServer(h)
	t.Cleanup(w[base].Close)
}

// actual is where the URL leads on this machine.
func (w Web) actual(url string) string {
	for base, server := range w {
		if rest, ok := strings.CutPrefix(url, base+"/"); ok {
			return server.URL + "/" + rest
		}
	}
	return url
}

// Get implements the Getter of packages did and credential.
func (w Web) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	config := outbound.InsecureLoopback()
	config.RootCAs = x509.NewCertPool()
	for _, server := range w {
		config.RootCAs.AddCert(server.Certificate())
	}
	return outbound.New(config).Get(ctx, w.actual(url), accept...)
}

// RoundTrip implements http.RoundTripper. The server sees its public name.
func (w Web) RoundTrip(req *http.Request) (*http.Response, error) {
	for base, server := range w {
		if base != req.URL.Scheme+"://"+req.URL.Host {
			continue
		}
		sent := req.Clone(req.Context())
		sent.Host = req.URL.Host
		sent.URL.Host = strings.TrimPrefix(server.URL, "https://")
		return server.Client().Transport.RoundTrip(sent)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// DIDs resolves every did:web of this web.
func (w Web) DIDs(clock func() time.Time) *did.Cache {
	return did.NewCache(did.CacheConfig{Resolver: did.Mux{"web": did.WebMethod{Outbound: w}}, Clock: clock})
}
