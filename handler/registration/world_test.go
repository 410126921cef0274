package registration_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	issuer    = "https://as.seller.example"
	directory = "https://directory.lso.example"
	registry  = "did:web:registry.example"
	buyer     = "did:web:tpp.buyer.example"
	stranger  = "did:web:stranger.example"
	callback  = "https://tpp.buyer.example/cb"
	jwksURI   = "https://tpp.buyer.example/jwks"
	listURL   = "https://registry.example/status/3"
	software  = "b1946ac92492d2347c6235b4d2611184"
)

var now = time.Unix(1790000000, 0).UTC()

type object = map[string]any

// store counts what was changed.
type store struct {
	*memory.Store
	writes int
}

func (s *store) count(err error) error {
	if err == nil {
		s.writes++
	}
	return err
}

func (s *store) CreateClient(ctx context.Context, r *storage.Registration) error {
	return s.count(s.Store.CreateClient(ctx, r))
}

func (s *store) ReplaceClient(ctx context.Context, r *storage.Registration) error {
	return s.count(s.Store.ReplaceClient(ctx, r))
}

func (s *store) RemoveClient(ctx context.Context, id string) error {
	return s.count(s.Store.RemoveClient(ctx, id))
}

// web has pages, and DID documents by their DID.
type web map[string]string

var errNotThere = errors.New("status 404")

func (w web) Get(_ context.Context, url string, _ ...string) (*outbound.Document, error) {
	if page, ok := w[url]; ok {
		return &outbound.Document{Body: []byte(page)}, nil
	}
	return nil, errNotThere
}

func (w web) Resolve(_ context.Context, id did.DID) (*did.Document, error) {
	if document, ok := w[id.String()]; ok {
		return did.ParseDocument(id, []byte(document))
	}
	return nil, did.ErrNotFound
}

// Keys are those in the DID documents.
func (w web) Keys(ctx context.Context, party, kid string, r credential.Relationship) ([]credential.Key, error) {
	id, err := did.Parse(party)
	if err != nil {
		return nil, err
	}
	document, err := w.Resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	if keys := document.Keys(did.Relationship(r), kid); len(keys) > 0 {
		return keys, nil
	}
	return nil, did.ErrNoKey
}

type sink struct{ events []audit.Event }

func (s *sink) Record(_ context.Context, e audit.Event) { s.events = append(s.events, e) }

func (s *sink) last() audit.Event { return s.events[len(s.events)-1] }

// world is a server that knows a directory and a registry.
type world struct {
	store    *store
	web      web
	audit    *sink
	profile  profile.Profile
	endpoint *registration.Endpoint
	mux      *http.ServeMux
	clock    time.Time
}

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	w := &world{web: web{}, audit: &sink{}, profile: profile.MEFLSO(), clock: now, mux: http.NewServeMux()}
	clock := func() time.Time { return w.clock }
	w.store = &store{Store: memory.New(memory.Config{Clock: clock})}
	w.web[buyer] = documentOf(buyer, callback)
	w.web[registry], w.web[stranger] = documentOf(registry), documentOf(stranger, "https://stranger.example/cb")
	w.web[jwksURI] = jwks(jwk(party("tpp", "tpp-sig-1").Key, "tpp-sig-1"))
	keys, err := credential.NewKeySets(credential.KeySetsConfig{
		Sets:   map[string]credential.KeySet{directory: {JWKS: json.RawMessage(jwks(jwk(party(directory, "dir-1").Key, "dir-1")))}},
		Others: w.web, Outbound: w.web, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	challenges := &registration.Challenges{Secret: []byte("a secret of thirty-two bytes 0002"), Once: w.store, Clock: clock, Rand: rand.Reader}
	w.endpoint = &registration.Endpoint{
		Profile: &w.profile, Issuer: issuer, URL: issuer + "/register", Clients: w.store, Once: w.store,
		Audit: w.audit, Clock: clock, Rand: rand.Reader,
		Statements:       &credential.Statements{Profile: &w.profile, Anchors: []string{directory}, Keys: keys, Clock: clock},
		RequireStatement: true, Challenges: challenges,
		Entities:        w.verifier(keys, challenges, clock),
		AllowDIDClients: true, DIDs: w.web, Outbound: w.web, Atomic: atomic.New(w.store, w.store),
		Scopes: []string{"POST:/hub"},
	}
	w.publishList(7)
	for _, do := range change {
		do(w)
	}
	w.endpoint.Routes(w.mux, "/register")
	return w
}

func (w *world) verifier(keys credential.Keys, challenges *registration.Challenges, clock func() time.Time) *credential.Verifier {
	return &credential.Verifier{
		Profile: &w.profile, Audience: issuer, Policy: credential.Policy{Anchors: []string{registry}}, Keys: keys,
		Status:    credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: keys, Outbound: w.web, Clock: clock}),
		TakeNonce: challenges.Take, UseOnce: w.useOnce, Clock: clock,
	}
}

func (w *world) useOnce(ctx context.Context, key string, until time.Time) (bool, error) {
	err := w.store.UseOnce(ctx, key, until)
	if errors.Is(err, storage.ErrUsed) {
		return false, nil
	}
	return err == nil, err
}

// publishList serves the registry's list with these credentials revoked.
func (w *world) publishList(revoked ...uint64) {
	l := credential.List{URL: listURL, Purpose: credential.Revocation, Bits: credential.NewBits(0)}
	for _, index := range revoked {
		if err := l.Bits.Set(index, true); err != nil {
			panic(err)
		}
	}
	w.web[listURL] = must(party(registry, "k1").StatusList(l))
}

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   object
}

func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

func (w *world) do(method, path, mediaType, body, token string) answer {
	r := httptest.NewRequest(method, issuer+path, strings.NewReader(body))
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, r)
	result := recorder.Result()
	data := must(io.ReadAll(result.Body))
	a := answer{status: result.StatusCode, header: result.Header}
	if len(data) > 0 {
		a.body = jsonOf(string(data))
	}
	return a
}

func (w *world) register(body object) answer {
	return w.do(http.MethodPost, "/register", "application/json", string(must(json.Marshal(body))), "")
}

// registered registers a client or fails.
func (w *world) registered(t testing.TB, body object) answer {
	t.Helper()
	a := w.register(body)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %v", a.status, a.body)
	}
	return a
}

// own calls the client's own configuration endpoint.
func (w *world) own(method string, client answer, body object, token string) answer {
	mediaType, text := "", ""
	if body != nil {
		mediaType, text = "application/json", string(must(json.Marshal(body)))
	}
	path := strings.TrimPrefix(client.text("registration_client_uri"), issuer)
	return w.do(method, path, mediaType, text, token)
}

// refuses: the answer has this error, the log this rule, and nothing more was
// stored than before.
func (w *world) refuses(t testing.TB, a answer, writes int, rule profile.Rule, code string) {
	t.Helper()
	if a.status != http.StatusBadRequest || a.text("error") != code || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v, want %s", a.status, a.body, code)
	}
	if e := w.audit.last(); e.Rule != rule || e.Error != code || e.Outcome != audit.Refused {
		t.Errorf("audit has %+v, want %s", e, rule)
	}
	if w.store.writes != writes {
		t.Errorf("%d writes, want %d", w.store.writes, writes)
	}
}
