package embed_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"
	_ "modernc.org/sqlite"

	host "github.com/meflso/fosite-meflso/example/embed/after"
	"github.com/meflso/fosite-meflso/storage"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/test/harness"
)

const (
	issuer   = "https://lso.example.com" // httptest's clients reach *.example.com
	password = "correct horse"
	sca      = "urn:meflso:sca"
)

var secret = []byte("the secret of the host afterwards")

// site is the host with the library in it, over a database file.
type site struct {
	harness.Target
	server *host.Server
	db     *sql.DB
}

// openDB returns a database with the tables of the host and of the library,
// and with the account of alice.
func openDB(t *testing.T) *sql.DB {
	t.Helper()
	const pragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "op.db")+pragmas)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, host.CreateTables(t.Context(), db))
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	alice := &host.User{ID: "alice", Tenant: "acme", ACR: sca}
	must(t, host.AddUser(t.Context(), db, alice, hash(t, password)))
	return db
}

func start(t *testing.T) *site {
	t.Helper()
	return startOver(t, openDB(t), secret)
}

func startOver(t *testing.T, db *sql.DB, secret []byte) *site {
	t.Helper()
	server, err := host.New(issuer, db, newKey(t), secret)
	must(t, err)
	s := &site{server: server, db: db, Target: target(t, issuer, server.Handler())}
	s.NewIntent = s.newIntent
	return s
}

// target serves the handler over TLS.
func target(t *testing.T, issuer string, handler http.Handler) harness.Target {
	t.Helper()
	ts := httptest.NewTLSServer(handler)
	t.Cleanup(ts.Close)
	client := ts.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return harness.Target{
		Issuer: issuer, Authorize: issuer + "/oauth2/auth", Token: issuer + "/oauth2/token",
		Introspect: issuer + "/oauth2/introspect", Revoke: issuer + "/oauth2/revoke", UserInfo: issuer + "/userinfo",
		HTTP: client, User: "alice", Password: password,
	}
}

// newIntent is the line that the team's quote API has.
func (s *site) newIntent(t testing.TB, b *harness.Buyer, kind string) string {
	t.Helper()
	client := &host.Client{ID: b.ID}
	in, err := s.server.Provider.Intents.Create(t.Context(), client, storage.IntentKind(kind), json.RawMessage(`{"quote":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return in.ID
}

// buyer registers a client with a key of its own.
func (s *site) buyer(t *testing.T, id, alg string) *harness.Buyer {
	t.Helper()
	b := harness.NewBuyer(t, id, alg, issuer)
	must(t, host.AddClient(t.Context(), s.db, client(b)))
	return b
}

func client(b *harness.Buyer) *host.Client {
	return &host.Client{
		ID: b.ID, JWKS: b.JWKS(), RedirectURIs: []string{b.Redirect},
		GrantTypes:    []string{"authorization_code", "client_credentials", "refresh_token"},
		ResponseTypes: []string{"code id_token"}, Scopes: []string{"openid", "quote"},
	}
}

// checkState compares the intent's state with what its client would see.
func (s *site) checkState(t *testing.T, b *harness.Buyer, intent, want string) {
	t.Helper()
	in, err := s.server.Provider.Intents.Owned(t.Context(), &host.Client{ID: b.ID}, intent)
	must(t, err)
	if got := s.server.Provider.Intents.State(in); got != want {
		t.Errorf("the intent is %s, want %s", got, want)
	}
}

// authorize gets a code for a new intent.
func (s *site) authorize(t *testing.T, b *harness.Buyer, kind string, changes ...harness.Change) (code, intent string) {
	t.Helper()
	intent = s.NewIntent(t, b, kind)
	answer := s.Approve(t, s.URL(b, b.Object(intent, changes...)))
	if code = answer.Params.Get("code"); code == "" {
		t.Fatalf("no code: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return code, intent
}

// tokens gets the tokens for a new intent.
func (s *site) tokens(t *testing.T, b *harness.Buyer, kind string) harness.Claims {
	t.Helper()
	code, _ := s.authorize(t, b, kind)
	return checkTokens(t, s.Redeem(t, b, code))
}

func (s *site) refresh(t *testing.T, b *harness.Buyer, token any) harness.Response {
	t.Helper()
	return s.Post(t, s.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}}))
}

func (s *site) introspect(t *testing.T, b *harness.Buyer, token any) harness.Claims {
	t.Helper()
	r := s.Post(t, s.Introspect, b.Authenticated(url.Values{"token": {token.(string)}}))
	if r.Status != http.StatusOK {
		t.Fatalf("introspection: %d %s", r.Status, r.Raw)
	}
	return r.Body
}

func checkTokens(t *testing.T, r harness.Response) harness.Claims {
	t.Helper()
	if r.Status != http.StatusOK || r.Body["access_token"] == nil {
		t.Fatalf("no tokens: %d %s", r.Status, r.Raw)
	}
	return r.Body
}

// checkError wants this error and no token.
func checkError(t *testing.T, r harness.Response, status int, code string) {
	t.Helper()
	if r.Status != status || r.Body["error"] != code || r.Body["access_token"] != nil {
		t.Errorf("answer %d %s, want %d %s", r.Status, r.Raw, status, code)
	}
}

func checkMembers(t *testing.T, got, want harness.Claims) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s = %v, want %v", name, got[name], value)
		}
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func hash(t *testing.T, password string) []byte {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain silences the audit log of the host.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}
