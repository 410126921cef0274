package harness

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Web is what others publish: a server with TLS on the loopback address, under
// the name localhost.
type Web struct {
	// Base is its URL, and Roots trusts it.
	Base  string
	Roots *x509.CertPool

	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	gets  map[string]int
}

// StartWeb starts an empty Web, and stops it with the test.
func StartWeb(t testing.TB) *Web {
	t.Helper()
	ca := NewCA(t, "web")
	cert := ca.Issue(t, "localhost", func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	return StartWebWith(t, cert, ca.Pool())
}

// StartWebWith is StartWeb with a certificate, and those who trust it.
func StartWebWith(t testing.TB, cert tls.Certificate, roots *x509.CertPool) *Web {
	t.Helper()
	w := &Web{Roots: roots, pages: map[string]http.HandlerFunc{}, gets: map[string]int{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	w.Base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return w
}

func (w *Web) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	page := w.pages[r.URL.Path]
	w.gets[r.URL.Path]++
	w.mu.Unlock()
	if page == nil {
		page = http.NotFound
	}
	page(rw, r)
}

// Handle publishes under the path; nil takes it down.
func (w *Web) Handle(path string, page http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[path] = page
}

// Put publishes a document under the path.
func (w *Web) Put(path, mediaType string, body []byte) {
	w.Handle(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", mediaType)
		_, _ = rw.Write(body) // the test sees what is missing
	})
}

// Gets tells how often the path was asked for.
func (w *Web) Gets(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gets[path]
}

// DID is the did:web whose document is at /{name}/did.json.
func (w *Web) DID(t testing.TB, name string) string {
	t.Helper()
	base, err := url.Parse(w.Base)
	if err != nil {
		t.Fatal(err)
	}
	return "did:web:localhost%3A" + base.Port() + ":" + name
}
