package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
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

const buyerID = "buyer-a"

// world is a server with a Buyer and a browser.
type world struct {
	harness.Target
	op     *harness.OP // nil where the server is another one
	chrome *chrome
	site   *site
	buyer  *harness.Buyer
	// state is the state of an intent as its client sees it.
	state func(t *testing.T, intent string) string
	// shown is what the consent page must tell, beside the intent.
	shown []string
}

// startExample runs the example server as a program.
func startExample(t *testing.T) *world {
	t.Helper()
	find(t) // skip before anything is built
	s := startSite(t)
	b := harness.NewBuyer(t, buyerID, "ES256", "")
	client := b.Metadata()
	client["client_name"], client["legal_entity_name"] = "Northern Carrier", "Northern Carrier Ltd."
	op := harness.StartOP(t, []harness.Claims{client}, "-store", "memory")
	b.Issuer = op.Issuer
	w := &world{Target: op.Target, op: op, site: s, buyer: b, shown: []string{
		"Northern Carrier", "Northern Carrier Ltd.", buyerID, "alice", "buyer-a.example.org", "Once: one submission uses it up",
		"Learn that you approved", "openid", "Work with quotes", "quote", "Purpose",
	}}
	w.state = w.quoteStatus
	w.chrome = launch(t, map[string]string{"*.example.org": s.address})
	return w
}

// ownToken is a token of the Buyer's own.
func (w *world) ownToken(t *testing.T) string {
	t.Helper()
	r := w.Post(t, w.Token, w.buyer.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}}))
	token, _ := r.Body["access_token"].(string)
	if token == "" {
		t.Fatalf("no token: %d %s", r.Status, r.Raw)
	}
	return token
}

func (w *world) quoteStatus(t *testing.T, intent string) string {
	t.Helper()
	r := w.op.Call(t, http.MethodGet, "/quote/"+intent, w.ownToken(t), nil)
	data, _ := r.Body["Data"].(map[string]any)
	status, _ := data["Status"].(string)
	return status
}

// startEmbedded runs the host that has the library in it.
func startEmbedded(t *testing.T) *world {
	t.Helper()
	find(t)
	const password = "correct horse"
	s := startSite(t)
	b := harness.NewBuyer(t, buyerID, "ES256", harness.Issuer)
	db := openDB(t, b, password)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	server, err := host.New(harness.Issuer, db, key, harness.Secret)
	must(t, err)
	ts := serve(t, server.Handler())
	client := ts.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w := &world{site: s, buyer: b, shown: []string{buyerID, "alice", "once", "openid", "quote"}}
	w.Target = harness.Target{
		Issuer: harness.Issuer, Authorize: harness.Issuer + "/oauth2/auth", Token: harness.Issuer + "/oauth2/token",
		HTTP: client, User: "alice", Password: password,
		NewIntent: func(t testing.TB, b *harness.Buyer, kind string) string {
			in, err := server.Provider.Intents.Create(t.Context(), &host.Client{ID: b.ID}, storage.IntentKind(kind), json.RawMessage(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			return in.ID
		},
	}
	w.state = func(t *testing.T, intent string) string {
		in, err := server.Provider.Intents.Owned(t.Context(), &host.Client{ID: b.ID}, intent)
		must(t, err)
		return server.Provider.Intents.State(in)
	}
	issuer, err := url.Parse(harness.Issuer)
	must(t, err)
	w.chrome = launch(t, map[string]string{"*.example.org": s.address, issuer.Host: ts.Listener.Addr().String()})
	return w
}

// openDB returns the host's database with the user alice and the Buyer.
func openDB(t *testing.T, b *harness.Buyer, password string) *sql.DB {
	t.Helper()
	const pragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "op.db")+pragmas)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, host.CreateTables(t.Context(), db))
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	must(t, host.AddUser(t.Context(), db, &host.User{ID: "alice", Tenant: "acme", ACR: "urn:meflso:sca"}, hash))
	must(t, host.AddClient(t.Context(), db, &host.Client{
		ID: b.ID, JWKS: b.JWKS(), RedirectURIs: []string{b.Redirect}, GrantTypes: []string{"authorization_code", "client_credentials"},
		ResponseTypes: []string{"code id_token"}, Scopes: []string{"openid", "quote"},
	}))
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain silences the audit log of the embedding host.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}
