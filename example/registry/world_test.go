package registry_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/example/internal/webtest"
	"github.com/meflso/fosite-meflso/example/registry"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	base        = "https://registry.example:9450"
	registryDID = "did:web:registry.example%3A9450"
	buyerDID    = "did:web:buyer.example"
	server      = "https://as.seller.example"
)

type object = map[string]any

func acme() object {
	return object{"subject": buyerDID, "legalName": "Acme Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "buyer.example", "mefId": "mef/2021/011"}
}

// world is a registry with both its sides, a Buyer, and a server that takes the
// registry for an anchor.
type world struct {
	web      webtest.Web
	config   registry.Config
	registry *registry.Registry
	operator *httptest.Server
	buyer    *credential.Issuer
	profile  profile.Profile
	clock    atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{web: webtest.Web{}, profile: profile.MEFLSO()}
	w.clock.Store(1790000000)
	w.config = registry.Config{Base: base, Store: filepath.Join(t.TempDir(), "registry.json"), Clock: w.now}
	w.start(t)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	w.buyer = &credential.Issuer{ID: buyerDID, Kid: buyerDID + "#sig-1", Alg: "ES256", Key: key}
	w.web.Serve(t, "https://buyer.example", must(didweb.Document{ID: buyerDID, Keys: []didweb.Key{
		{ID: w.buyer.Kid, Public: key.Public(), For: []did.Relationship{did.Authentication}},
	}}.Handler()))
	return w
}

// start opens the registry of the file, in place of the one that ran before.
func (w *world) start(t *testing.T) {
	t.Helper()
	w.registry = must(registry.New(w.config))
	w.web.Serve(t, base, w.registry.Handler())
	w.operator = httptest.NewServer(w.registry.Operator())
	t.Cleanup(w.operator.Close)
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0).UTC() }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are those in DID documents.
func (w *world) keys() credential.Keys { return credential.Documents{Cache: w.web.DIDs(w.now)} }

func (w *world) verifier() *credential.Verifier {
	keys := w.keys()
	return &credential.Verifier{
		Profile: &w.profile, Audience: server, Keys: keys, Clock: w.now,
		Policy:  credential.Policy{Anchors: []string{registryDID}, RequireLEI: true},
		Status:  credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: keys, Outbound: w.web, Clock: w.now}),
		UseOnce: func(context.Context, string, time.Time) (bool, error) { return true, nil },
	}
}

// verify shows the credential to a server that has seen none before.
func (w *world) verify(token string) (credential.Binding, error) {
	vp := must(w.buyer.Present(credential.Presentation{
		Audience: server, ID: rand.Text(), Issued: w.now(), Expires: w.now().Add(time.Minute), Credentials: []string{token},
	}))
	return w.verifier().Verify(context.Background(), credential.Request{Presentation: vp, Identifier: buyerDID})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func exchange(client *http.Client, req *http.Request) answer {
	res := must(client.Do(req))
	defer res.Body.Close()
	return answer{res.StatusCode, res.Header, string(must(io.ReadAll(res.Body)))}
}

// post asks the operator's side.
func (w *world) post(path string, body any) answer {
	req := must(http.NewRequest(http.MethodPost, w.operator.URL+path, nil))
	if body != nil {
		req = must(http.NewRequest(http.MethodPost, w.operator.URL+path, bytes.NewReader(must(json.Marshal(body)))))
		req.Header.Set("Content-Type", "application/json")
	}
	return exchange(http.DefaultClient, req)
}

// get asks the public side.
func (w *world) get(url string) answer {
	return exchange(&http.Client{Transport: w.web}, must(http.NewRequest(http.MethodGet, url, nil)))
}

// issue returns a new credential's id and token.
func (w *world) issue(t *testing.T) (id, token string) {
	t.Helper()
	a := w.post("/credentials", acme())
	if a.status != http.StatusCreated || a.header.Get("Content-Type") != "application/vc+jwt" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return a.header.Get("Location"), a.body
}

// mark posts revoke, suspend or reinstate.
func (w *world) mark(t *testing.T, id, verb string) {
	t.Helper()
	if a := w.post("/credentials/"+filepath.Base(id)+"/"+verb, nil); a.status != http.StatusNoContent {
		t.Fatalf("%s: %d %s", verb, a.status, a.body)
	}
}
