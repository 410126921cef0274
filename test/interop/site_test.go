package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/test/harness"
)

// site is a web server over TLS on this machine, with the name example.com and
// a port. No DID with a name of one label, such as localhost, is resolved by
// did.WebMethod; so both sides look the name up at loopback.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]string // by path
	asked []string          // the URLs, in their order
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{pages: map[string]string{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	s.Client().Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	return s
}

func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	page, ok := s.pages[r.URL.Path]
	s.asked = append(s.asked, "https://"+r.Host+r.RequestURI)
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, page)
}

func (s *site) publish(path, page string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = page
}

// log returns the URLs that were asked for.
func (s *site) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *site) port() int { return s.Listener.Addr().(*net.TCPAddr).Port }

func (s *site) url(path string) string {
	return fmt.Sprintf("https://example.com:%d%s", s.port(), path)
}

// did is the site's DID, or one below it such as :buyer.
func (s *site) did(below string) string {
	return fmt.Sprintf("did:web:example.com%%3A%d%s", s.port(), below)
}

// status is an answer that is not 200.
type status int

func (s status) Error() string   { return fmt.Sprintf("status %d", int(s)) }
func (s status) StatusCode() int { return int(s) }

// Get implements did.Getter and credential.Getter.
func (s *site) Get(ctx context.Context, url string, _ ...string) (*outbound.Document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.Client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, status(response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	return &outbound.Document{Body: body}, err
}

// certificate writes the site's certificate to a file.
func (s *site) certificate(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "site.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}

// documents resolves what the site publishes, and the methods that need no
// network.
func (s *site) documents() *did.Cache {
	return did.NewCache(did.CacheConfig{Resolver: did.Mux{
		"web": did.WebMethod{Outbound: s}, "key": did.KeyMethod{}, "jwk": did.JWKMethod{},
	}})
}

// party is somebody with a DID and a document.
type party struct {
	*credential.Issuer
	document string
}

// party makes somebody with a did:web whose one key has these relationships,
// and publishes the document.
func (s *site) party(t *testing.T, below, path, alg string, rs ...did.Relationship) *party {
	t.Helper()
	i := &credential.Issuer{ID: s.did(below), Alg: alg, Key: harness.NewBuyer(t, "", alg, "").Key}
	i.Kid = i.ID + "#sig-1"
	p := &party{i, documentOf(t, i, rs)}
	s.publish(cmp.Or(path, "/.well-known")+"/did.json", p.document)
	return p
}

func documentOf(t *testing.T, i *credential.Issuer, rs []did.Relationship) string {
	t.Helper()
	content := map[string]any{
		"@context": []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"},
		"id":       i.ID,
		// did-jwt looks for a key of ES256 in no method of the type JsonWebKey,
		// which took the place of this one.
		"verificationMethod": []any{map[string]any{
			"id": i.Kid, "type": "JsonWebKey2020", "controller": i.ID, "publicKeyJwk": gojose.JSONWebKey{Key: i.Key.Public()},
		}},
	}
	for _, r := range rs {
		content[string(r)] = []string{i.Kid}
	}
	data, err := json.Marshal(content)
	must(t, err)
	return string(data)
}
