package e2e

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/storage/storagetest"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

// counted is a store that notes each method that is one statement.
type counted struct {
	storagetest.Store
	mu    sync.Mutex
	calls []string
}

func (c *counted) note(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, name)
}

// take returns the calls since the last time.
func (c *counted) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *counted) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	c.note("GetClient")
	return c.Store.GetClient(ctx, id)
}

func (c *counted) GetIntent(ctx context.Context, id string) (*storage.Intent, error) {
	c.note("GetIntent")
	return c.Store.GetIntent(ctx, id)
}

func (c *counted) SwapIntent(ctx context.Context, in *storage.Intent) error {
	c.note("SwapIntent")
	return c.Store.SwapIntent(ctx, in)
}

func (c *counted) PutOnce(ctx context.Context, key string, value []byte, until time.Time) error {
	c.note("PutOnce")
	return c.Store.PutOnce(ctx, key, value, until)
}

func (c *counted) GetOnce(ctx context.Context, key string) ([]byte, error) {
	c.note("GetOnce")
	return c.Store.GetOnce(ctx, key)
}

func (c *counted) TakeOnce(ctx context.Context, key string) ([]byte, error) {
	c.note("TakeOnce")
	return c.Store.TakeOnce(ctx, key)
}

func (c *counted) UseOnce(ctx context.Context, key string, until time.Time) error {
	c.note("UseOnce")
	return c.Store.UseOnce(ctx, key, until)
}

func (c *counted) CreateAuthorizeCodeSession(ctx context.Context, code string, r fosite.Requester) error {
	c.note("CreateCode")
	return c.Store.CreateAuthorizeCodeSession(ctx, code, r)
}

func (c *counted) GetAuthorizeCodeSession(ctx context.Context, code string, s fosite.Session) (fosite.Requester, error) {
	c.note("GetCode")
	return c.Store.GetAuthorizeCodeSession(ctx, code, s)
}

func (c *counted) InvalidateAuthorizeCodeSession(ctx context.Context, code string) error {
	c.note("InvalidateCode")
	return c.Store.InvalidateAuthorizeCodeSession(ctx, code)
}

func (c *counted) CreateOpenIDConnectSession(ctx context.Context, code string, r fosite.Requester) error {
	c.note("CreateOpenID")
	return c.Store.CreateOpenIDConnectSession(ctx, code, r)
}

func (c *counted) GetOpenIDConnectSession(ctx context.Context, code string, r fosite.Requester) (fosite.Requester, error) {
	c.note("GetOpenID")
	return c.Store.GetOpenIDConnectSession(ctx, code, r)
}

func (c *counted) DeleteOpenIDConnectSession(ctx context.Context, code string) error {
	c.note("DeleteOpenID")
	return c.Store.DeleteOpenIDConnectSession(ctx, code)
}

func (c *counted) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	c.note("CreateAccess")
	return c.Store.CreateAccessTokenSession(ctx, signature, r)
}

func (c *counted) GetAccessTokenSession(ctx context.Context, signature string, s fosite.Session) (fosite.Requester, error) {
	c.note("GetAccess")
	return c.Store.GetAccessTokenSession(ctx, signature, s)
}

func (c *counted) CreateRefreshTokenSession(ctx context.Context, signature, access string, r fosite.Requester) error {
	c.note("CreateRefresh")
	return c.Store.CreateRefreshTokenSession(ctx, signature, access, r)
}

func (c *counted) GetRefreshTokenSession(ctx context.Context, signature string, s fosite.Session) (fosite.Requester, error) {
	c.note("GetRefresh")
	return c.Store.GetRefreshTokenSession(ctx, signature, s)
}

func (c *counted) RotateRefreshToken(ctx context.Context, id, signature string) error {
	c.note("RotateRefresh")
	return c.Store.RotateRefreshToken(ctx, id, signature)
}

// TestStorageRoundTrips pins what each flow asks of the store, on every store:
// each call is one statement. Beginning and ending a transaction come on top,
// once where something is issued.
func TestStorageRoundTrips(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) storagetest.Store{
		"memory": func(*testing.T) storagetest.Store { return memory.New(memory.Config{NewSession: harness.NewSession}) },
		"sqlite": func(t *testing.T) storagetest.Store {
			return sql.New(harness.SQLite(t), sql.SQLite, harness.NewSession)
		},
		"postgres": func(t *testing.T) storagetest.Store {
			db := pgtest.Database(t, pgtest.Server(t))
			if err := sql.Migrate(t.Context(), db, sql.Postgres); err != nil {
				t.Fatal(err)
			}
			return sql.New(db, sql.Postgres, harness.NewSession)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &counted{Store: open(t)}
			h := harness.StartHost(t, profile.MEFLSO(), store, nil)
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			h.Register(t, b)
			roundTrips(t, h, b, store)
		})
	}
}

func roundTrips(t *testing.T, h *harness.Host, b *harness.Buyer, store *counted) {
	t.Helper()
	in := h.NewIntent(t, b, "repeated")
	expect := func(flow, want string) {
		t.Helper()
		if got := strings.Join(store.take(), " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", flow, got, want)
		}
	}
	store.take()
	answer := h.Approve(t, h.URL(b, b.Object(in)))
	// The replay mark, the pending authorization and the intent are read, then
	// taken.
	expect("authorize", "GetClient GetOnce GetIntent GetOnce PutOnce TakeOnce UseOnce SwapIntent CreateCode")
	tokens := h.Redeem(t, b, answer.Params.Get("code"))
	expect("code", "GetClient UseOnce GetCode GetIntent SwapIntent InvalidateCode CreateAccess CreateRefresh")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Body["refresh_token"].(string)}}
	tokens = h.Post(t, h.Token, b.Authenticated(form))
	expect("refresh", "GetClient UseOnce GetRefresh GetIntent SwapIntent RotateRefresh CreateAccess CreateRefresh")
	h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
	expect("client credentials", "GetClient UseOnce CreateAccess")
	access := tokens.Body["access_token"].(string)
	h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {access}}))
	expect("introspection", "GetClient UseOnce GetAccess")
	if _, _, err := h.Provider.IntrospectToken(t.Context(), access, fosite.AccessToken, harness.NewSession()); err != nil {
		t.Fatal(err)
	}
	expect("a token in process", "GetAccess")
}
