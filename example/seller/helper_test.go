package seller_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	_ "modernc.org/sqlite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/example/seller"
	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	issuer = "https://op.example.com" // httptest's clients reach it
	base   = "https://api.example.com"
)

type store interface {
	storage.Records
	PutClient(context.Context, *storage.Client) error
}

func inMemory(*testing.T) store { return memory.New(memory.Config{}) }

func inSQLite(t *testing.T) store {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "lso.db")+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	return lsosql.New(db, lsosql.SQLite, nil)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a provider without pages, the API, and two Buyers.
type world struct {
	provider *compose.Provider
	store    store
	http     *http.Client
	key      *ecdsa.PrivateKey // of all clients
}

func start(t *testing.T, s store, change func(*seller.Config)) *world {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	w := &world{store: s, key: ec}
	w.provider, err = compose.New(compose.Config{
		Issuer: issuer, Profile: profile.MEFLSO(), Fosite: &fosite.Config{GlobalSecret: []byte("a secret of thirty-two bytes 0001")},
		Storage: s, Keys: key.Signing(ec), NewSession: newSession, Audit: audit.Discard,
	})
	must(t, err)
	config := seller.Config{
		Guard: w.provider.ResourceGuard(), Intents: w.provider.Intents, Submissions: seller.InRecords(s), Atomic: atomic.New(s, s), Base: base,
	}
	if change != nil {
		change(&config)
	}
	server := httptest.NewTLSServer(w.handler(seller.New(config)))
	t.Cleanup(server.Close)
	w.http = server.Client()
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, id := range []string{"buyer-a", "buyer-b"} {
		must(t, s.PutClient(t.Context(), w.client(t, id)))
	}
	return w
}

func newSession() storage.Session { return storage.NewSession() }

func (w *world) client(t *testing.T, id string) *storage.Client {
	t.Helper()
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.key.Public(), KeyID: "k", Use: "sig"}}})
	must(t, err)
	return &storage.Client{
		ID: id, RedirectURIs: []string{"https://buyer.example.org/cb"}, ResponseTypes: []string{"code id_token"},
		GrantTypes: []string{"authorization_code", "client_credentials"}, Scope: "openid quote",
		ClientMetadata: storage.ClientMetadata{JWKS: jwks},
	}
}

func (w *world) handler(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/oauth2/auth", w.authorize)
	mux.HandleFunc("/oauth2/token", w.token)
	mux.Handle("/", api)
	return mux
}

// authorize approves everything as alice.
func (w *world) authorize(rw http.ResponseWriter, r *http.Request) {
	ar, err := w.provider.NewAuthorizeRequest(r.Context(), r)
	if err != nil {
		w.provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	session := storage.NewSession()
	session.Subject, session.Claims.AuthTime = "alice", time.Now()
	session.Claims.AuthenticationContextClassReference = "urn:meflso:sca"
	response, err := w.provider.NewAuthorizeResponse(r.Context(), ar, session)
	if err != nil {
		w.provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	w.provider.WriteAuthorizeResponse(r.Context(), rw, ar, response)
}

func (w *world) token(rw http.ResponseWriter, r *http.Request) {
	request, err := w.provider.NewAccessRequest(r.Context(), r, newSession())
	if err == nil && request.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope)
		}
	}
	var response fosite.AccessResponder
	if err == nil {
		response, err = w.provider.NewAccessResponse(r.Context(), request)
	}
	if err != nil {
		w.provider.WriteAccessError(r.Context(), rw, request, err)
		return
	}
	w.provider.WriteAccessResponse(r.Context(), rw, request, response)
}

func (w *world) sign(t *testing.T, claims object) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: w.key, KeyID: "k"}}, nil)
	must(t, err)
	now := time.Now().Unix()
	claims["aud"], claims["jti"], claims["iat"], claims["nbf"], claims["exp"] = issuer, rand.Text(), now, now, now+60
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	return token
}

// tokenFor asks the token endpoint.
func (w *world) tokenFor(t *testing.T, client string, form url.Values) string {
	t.Helper()
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", w.sign(t, object{"iss": client, "sub": client}))
	response, err := w.http.PostForm(issuer+"/oauth2/token", form)
	must(t, err)
	a := read(t, response)
	token, ok := a.object(t)["access_token"].(string)
	if !ok {
		t.Fatalf("no token: %s", a.body)
	}
	return token
}

// own is a token of the client itself.
func (w *world) own(t *testing.T, client, scope string) string {
	t.Helper()
	return w.tokenFor(t, client, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
}

// users is a token of a user's authorization of the quote.
func (w *world) users(t *testing.T, client, quote, scope string) string {
	t.Helper()
	request := w.sign(t, object{
		"iss": client, "client_id": client, "response_type": "code id_token", "redirect_uri": "https://buyer.example.org/cb",
		"scope": scope, "nonce": rand.Text(),
		"claims": object{"id_token": object{"meflso_intent_id": object{"value": quote, "essential": true}}},
	})
	response, err := w.http.Get(issuer + "/oauth2/auth?" + url.Values{"client_id": {client}, "request": {request}}.Encode())
	must(t, err)
	_, fragment, _ := strings.Cut(read(t, response).header.Get("Location"), "#")
	params, err := url.ParseQuery(fragment)
	must(t, err)
	return w.tokenFor(t, client, url.Values{
		"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {"https://buyer.example.org/cb"},
	})
}

type object = map[string]any

type answer struct {
	status int
	header http.Header
	body   string
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (a answer) object(t *testing.T) object {
	t.Helper()
	var members object
	if err := json.Unmarshal([]byte(a.body), &members); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return members
}

func (a answer) data(t *testing.T) object {
	t.Helper()
	data, ok := a.object(t)["Data"].(object)
	if !ok {
		t.Fatalf("no Data in %s", a.body)
	}
	return data
}

// do calls the API; headers come in pairs.
func (w *world) do(t *testing.T, method, path, token, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	must(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.http.Do(r)
	must(t, err)
	return read(t, response)
}

// quote lodges an intent and returns its id.
func (w *world) quote(t *testing.T, client, data string) string {
	t.Helper()
	a := w.do(t, http.MethodPost, "/quote", w.own(t, client, "quote"), `{"Data":`+data+`}`)
	if a.status != http.StatusCreated {
		t.Fatalf("POST /quote: %d %s", a.status, a.body)
	}
	return a.data(t)["QuoteId"].(string)
}
