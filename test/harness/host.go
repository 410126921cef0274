package harness

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Store is one of the library's own adapters.
type Store interface {
	storage.Records
	PutClient(context.Context, *storage.Client) error
}

// Host is a small server around the provider, without pages: every request is
// approved at once, unless Decide says otherwise.
type Host struct {
	Target
	Provider *compose.Provider
	Store    Store
	Events   *Events
	// Decide, if set, takes the place of login and consent.
	Decide func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester)
	// ACR and AuthTime are those of the login.
	ACR      string
	AuthTime time.Time
}

// Issuer is the issuer of every Host; httptest's clients reach example.com.
const Issuer = "https://op.example.com"

// Secret is a GlobalSecret.
var Secret = []byte("a secret of thirty-two bytes 0001")

// StartHost starts a Host with TLS over the store (nil: memory) with the
// profile.
func StartHost(t testing.TB, p profile.Profile, store Store, change func(*compose.Config)) *Host {
	t.Helper()
	h := newHost(t, p, store, change)
	server := httptest.NewUnstartedServer(h.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that a test gave up
	server.StartTLS()
	t.Cleanup(server.Close)
	h.HTTP = server.Client()
	h.HTTP.CheckRedirect = stay
	return h
}

// StartDirect starts a Host without a network.
func StartDirect(t testing.TB, p profile.Profile, store Store, change func(*compose.Config)) *Host {
	t.Helper()
	h := newHost(t, p, store, change)
	h.HTTP = &http.Client{Transport: Direct{h.Handler()}, CheckRedirect: stay}
	return h
}

func newHost(t testing.TB, p profile.Profile, store Store, change func(*compose.Config)) *Host {
	t.Helper()
	if store == nil {
		store = memory.New(memory.Config{NewSession: NewSession})
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	events := &Events{}
	config := compose.Config{
		Issuer: Issuer, Profile: p, Fosite: &fosite.Config{GlobalSecret: Secret}, Storage: store,
		Keys: key.Signing(signer), NewSession: NewSession, Audit: events,
	}
	if change != nil {
		change(&config)
	}
	provider, err := compose.New(config)
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{Provider: provider, Store: store, Events: events}
	if len(p.ACRValues) > 0 {
		h.ACR = p.ACRValues[0]
	}
	h.Target = Target{
		Issuer: Issuer, Authorize: Issuer + "/oauth2/auth", Token: Issuer + "/oauth2/token", PAR: Issuer + "/oauth2/par", Introspect: Issuer + "/oauth2/introspect",
		Revoke: Issuer + "/oauth2/revoke", UserInfo: Issuer + "/userinfo", Registration: Issuer + "/oauth2/register", NewIntent: h.newIntent,
		Rule: func() string { return string(events.Last(audit.AuthorizationRequest).Rule) },
	}
	return h
}

// NewSession makes the ready-made session.
func NewSession() storage.Session { return storage.NewSession() }

// Register stores the buyer with some of its metadata changed.
func (h *Host) Register(t testing.TB, b *Buyer, changes ...Change) {
	t.Helper()
	metadata := b.Metadata()
	for _, change := range changes {
		change(nil, metadata)
	}
	client := &storage.Client{}
	if err := json.Unmarshal(encode(metadata), client); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.PutClient(t.Context(), client); err != nil {
		t.Fatal(err)
	}
}

func (h *Host) newIntent(t testing.TB, b *Buyer, kind string) string {
	t.Helper()
	if b.IntentClaim == "" {
		return ""
	}
	client, err := h.Store.(fosite.ClientManager).GetClient(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	in, err := h.Provider.Intents.Create(t.Context(), client, storage.IntentKind(kind), json.RawMessage(`{"purpose":"test"}`))
	if err != nil {
		t.Fatal(err)
	}
	return in.ID
}

// Handler serves the endpoints.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/oauth2/auth", h.authorize)
	mux.HandleFunc("/oauth2/token", h.token)
	mux.Handle("/", h.Provider.Endpoints())
	return mux
}

func (h *Host) authorize(rw http.ResponseWriter, r *http.Request) {
	ar, err := h.Provider.NewAuthorizeRequest(r.Context(), r)
	if err != nil {
		h.Provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	if h.Decide != nil {
		h.Decide(rw, r, ar)
		return
	}
	h.Finish(rw, r, ar)
}

// Finish approves everything as alice.
func (h *Host) Finish(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	session := storage.NewSession()
	session.Subject = "alice"
	session.Claims.AuthTime = h.AuthTime
	if h.AuthTime.IsZero() {
		session.Claims.AuthTime = time.Now()
	}
	session.Claims.AuthenticationContextClassReference = h.ACR
	response, err := h.Provider.NewAuthorizeResponse(r.Context(), ar, session)
	if err != nil {
		h.Provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	h.Provider.WriteAuthorizeResponse(r.Context(), rw, ar, response)
}

func (h *Host) token(rw http.ResponseWriter, r *http.Request) {
	request, err := h.Provider.NewAccessRequest(r.Context(), r, storage.NewSession())
	if err != nil {
		h.Provider.WriteAccessError(r.Context(), rw, request, err)
		return
	}
	if request.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope)
		}
	}
	response, err := h.Provider.NewAccessResponse(r.Context(), request)
	if err != nil {
		h.Provider.WriteAccessError(r.Context(), rw, request, err)
		return
	}
	h.Provider.WriteAccessResponse(r.Context(), rw, request, response)
}

// Events collects the audit events.
type Events struct {
	mu   sync.Mutex
	list []audit.Event
}

// Record implements audit.Sink.
func (e *Events) Record(_ context.Context, event audit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// Last returns the last event of the action, or a zero one.
func (e *Events) Last(action audit.Action) audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.list) - 1; i >= 0; i-- {
		if e.list[i].Action == action {
			return e.list[i]
		}
	}
	return audit.Event{}
}

// Count tells how many events fit.
func (e *Events) Count(fits func(audit.Event) bool) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	count := 0
	for _, event := range e.list {
		if fits(event) {
			count++
		}
	}
	return count
}

// Text is all events as one string, to look for what must not be in it.
func (e *Events) Text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var text strings.Builder
	for _, event := range e.list {
		data, _ := json.Marshal(event)
		text.Write(data)
	}
	return text.String()
}
