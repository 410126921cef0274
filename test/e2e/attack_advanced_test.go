package e2e

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ory/fosite"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// watched is a store that tells whether a transaction is open.
type watched struct {
	*memory.Store
	open atomic.Int32
}

func (s *watched) BeginTX(ctx context.Context) (context.Context, error) {
	s.open.Add(1)
	return s.Store.BeginTX(ctx)
}

func (s *watched) Commit(ctx context.Context) error {
	s.open.Add(-1)
	return s.Store.Commit(ctx)
}

func (s *watched) Rollback(ctx context.Context) error {
	s.open.Add(-1)
	return s.Store.Rollback(ctx)
}

var _ fositestorage.Transactional = (*watched)(nil)

// A client's server is slow as it likes: nobody waits for it while the
// storage's transaction is open.
func TestNoFetchInsideATransaction(t *testing.T) {
	store := &watched{Store: memory.New(memory.Config{NewSession: harness.NewSession})}
	var jwks atomic.Value
	var inside atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if store.open.Load() > 0 {
			inside.Add(1)
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(jwks.Load().(json.RawMessage))
	}))
	defer server.Close()
	h := harness.StartHost(t, profile.MEFLSO(), store, func(c *compose.Config) {
		c.Outbound = outbound.InsecureLoopback()
		c.Outbound.RootCAs = x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(server.Certificate())
	})
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	jwks.Store(b.JWKS()) // no key to encrypt to: it would be asked for again
	in := h.NewIntent(t, register(t, h, b), "once")
	code := h.Approve(t, h.URL(b, b.Object(in))).Params.Get("code")
	h.Register(t, b, harness.Set("jwks", nil), harness.Set("jwks_uri", server.URL), harness.Set("id_token_encrypted_response_alg", "RSA-OAEP-256"))
	refused := h.Redeem(t, b, code)
	if refused.Status != 500 || refused.Body["error"] != "server_error" {
		t.Errorf("no key to encrypt to: %d %s", refused.Status, refused.Raw)
	}
	if own := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))); own.Status != 200 {
		t.Errorf("a token without ID Token: %d %s", own.Status, own.Raw)
	}
	h.Register(t, b)
	if tokens := h.Redeem(t, b, code); tokens.Status != 200 {
		t.Errorf("the refusal used up the code: %d %s", tokens.Status, tokens.Raw)
	}
	if inside.Load() > 0 {
		t.Errorf("%d fetches while a transaction was open", inside.Load())
	}
}

func register(t *testing.T, h *harness.Host, b *harness.Buyer) *harness.Buyer {
	t.Helper()
	h.Register(t, b)
	return b
}

// racy is a host's storage that reads a refresh token and rotates it later,
// with nothing in between.
type racy struct{ *memory.Store }

func (s racy) GetRefreshTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	request, err := s.Store.GetRefreshTokenSession(ctx, signature, session)
	time.Sleep(5 * time.Millisecond)
	return request, err
}

func (s racy) RotateRefreshToken(ctx context.Context, requestID, signature string) error {
	_ = s.Store.RotateRefreshToken(ctx, requestID, signature)
	return nil
}

// A refresh token without an intent is redeemed once, whatever the host's
// storage makes of twenty that come at once.
func TestTwentyRefreshesWithoutIntent(t *testing.T) {
	p := profile.MEFLSO()
	p.RequireIntent, p.IntentClaim, p.SubjectMode = false, "", profile.SubjectUser
	records := memory.New(memory.Config{NewSession: harness.NewSession})
	store := racy{memory.New(memory.Config{NewSession: harness.NewSession})}
	h := harness.StartHost(t, p, store, func(c *compose.Config) { c.Records, c.PairwiseSalt = records, harness.Secret })
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	b.IntentClaim = ""
	h.Register(t, b)
	tokens := h.Redeem(t, b, h.Approve(t, h.URL(b, b.Object(""))).Params.Get("code"))
	if tokens.Status != 200 || tokens.Body["refresh_token"] == nil {
		t.Fatalf("tokens %d %s", tokens.Status, tokens.Raw)
	}
	answers := twenty(func(int) harness.Response {
		return h.Post(t, h.Token, b.Authenticated(refreshing(tokens.Body["refresh_token"])))
	})
	won := 0
	for _, answer := range answers {
		if answer.Status == 200 {
			won++
		} else if answer.Body["error"] != "invalid_grant" {
			t.Errorf("a loser got %d %s", answer.Status, answer.Raw)
		}
	}
	if won != 1 {
		t.Errorf("%d refreshes succeeded", won)
	}
}

// UserInfo that was to be encrypted does not go out in the clear because half
// of the registration is missing.
func TestHalfRegisteredUserInfo(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	tokens := h.Redeem(t, b, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once")))).Params.Get("code"))
	h.Register(t, b, harness.Set("userinfo_encrypted_response_enc", "A256GCM"))
	access, _ := tokens.Body["access_token"].(string)
	if kind, body := userInfo(t, h, access); !strings.Contains(body, "server_error") || strings.Contains(body, "sub") {
		t.Errorf("%s %s", kind, body)
	}
}

// No JWT that the server signs passes for an ID Token but an ID Token.
func TestUserInfoIsNoIDToken(t *testing.T) {
	p := profile.MEFLSO()
	h := harness.StartHost(t, p, nil, func(c *compose.Config) {
		c.UserInfo = func(context.Context, fosite.AccessRequester) (map[string]any, error) {
			return map[string]any{"name": "Alice", "nonce": "n", "exp": 1 << 40, "iat": 1, "acr": "x", "azp": "y", "iss": "https://evil.example"}, nil
		}
	})
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b, harness.Set("userinfo_signed_response_alg", "ES256"))
	tokens := h.Redeem(t, b, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once")))).Params.Get("code"))
	access, _ := tokens.Body["access_token"].(string)
	_, jwt := userInfo(t, h, access)
	_, claims := harness.Decode(t, jwt)
	want(t, claims, harness.Claims{"name": "Alice", "iss": h.Issuer, "nonce": nil, "exp": nil, "iat": nil, "acr": nil, "azp": nil})
	idToken, _ := tokens.Body["id_token"].(string)
	other := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, other)
	for name, c := range map[string]struct {
		b    *harness.Buyer
		hint string
		ok   bool
	}{"UserInfo": {b, jwt, false}, "another client's": {other, idToken, false}, "its own": {b, idToken, true}} {
		answer := h.Approve(t, h.URL(c.b, c.b.Object(h.NewIntent(t, c.b, "once"), harness.Set("id_token_hint", c.hint))))
		if answer.Params.Has("code") != c.ok {
			t.Errorf("%s as id_token_hint: %v", name, answer.Params)
		}
	}
}

// claiming is a host's session that says of its tokens what is not its to say.
type claiming struct{ *storage.DefaultSession }

func (c *claiming) GetExtraClaims() map[string]any {
	return map[string]any{"cnf": map[string]any{"x5t#S256": "x"}, "meflso_intent_id": "urn:x", "iss": "https://evil.example", "tenant": "t"}
}

func (c *claiming) Clone() fosite.Session {
	return &claiming{c.DefaultSession.Clone().(*storage.DefaultSession)}
}

func TestHostsClaimsDoNotBind(t *testing.T) {
	h := harness.StartHost(t, profile.MEFLSO(), memory.New(memory.Config{NewSession: newClaiming}), func(c *compose.Config) { c.NewSession = newClaiming })
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	token, _ := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
	seen := h.Post(t, h.Introspect, b.Authenticated(map[string][]string{"token": {token}}))
	want(t, seen.Body, harness.Claims{"active": true, "iss": h.Issuer, "cnf": nil, "meflso_intent_id": nil, "tenant": "t"})
}

func newClaiming() storage.Session { return &claiming{storage.NewSession()} }
