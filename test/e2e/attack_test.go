package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// longLived is a host's client with lifespans of its own.
type longLived struct{ *storage.Client }

func (longLived) GetEffectiveLifespan(fosite.GrantType, fosite.TokenType, time.Duration) time.Duration {
	return 1000 * time.Hour
}

// hooked is a store with a hook before a token is stored, and other clients.
type hooked struct {
	*memory.Store
	wrap   func(*storage.Client) fosite.Client
	before func(ctx context.Context, requestID string)
}

func (s *hooked) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	client, err := s.Store.GetClient(ctx, id)
	if err != nil || s.wrap == nil {
		return client, err
	}
	return s.wrap(client.(*storage.Client)), nil
}

func (s *hooked) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	if hook := s.before; hook != nil {
		s.before = nil
		hook(context.WithoutCancel(context.Background()), r.GetID())
	}
	return s.Store.CreateAccessTokenSession(ctx, signature, r)
}

func startHooked(t *testing.T) (*harness.Host, *harness.Buyer, *hooked) {
	t.Helper()
	store := &hooked{Store: memory.New(memory.Config{NewSession: harness.NewSession})}
	h := harness.StartHost(t, profile.MEFLSO(), store, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	return h, b, store
}

// BASE-5.2.2-21: a client's own lifespans do not prolong the profile's.
func TestClientLifespansAreHeldToTheProfile(t *testing.T) {
	h, b, store := startHooked(t)
	store.wrap = func(c *storage.Client) fosite.Client { return longLived{c} }
	answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "repeated"))))
	_, front := harness.Decode(t, answer.Params.Get("id_token"))
	tokens := h.Redeem(t, b, answer.Params.Get("code"))
	refreshed := h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Body["refresh_token"].(string)}}))
	own := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
	for name, life := range map[string]any{"code": tokens.Body["expires_in"], "refresh": refreshed.Body["expires_in"], "own behalf": own.Body["expires_in"]} {
		if life.(float64) > 540 {
			t.Errorf("%s: expires_in %v", name, life)
		}
	}
	if life := front["exp"].(float64) - front["iat"].(float64); life > 300 {
		t.Errorf("the ID Token lives %v s", life)
	}
}

// An intent that is revoked while its token is refreshed leaves no token.
func TestRevocationWhileRefreshing(t *testing.T) {
	h, b, store := startHooked(t)
	code, in := code(t, h, b, "repeated")
	token := h.Redeem(t, b, code).Body["refresh_token"].(string)
	store.before = func(ctx context.Context, _ string) {
		if err := h.Provider.Intents.Revoke(ctx, in); err != nil {
			t.Error(err)
		}
	}
	refresh := func(token string) harness.Response {
		return h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
	}
	r := refresh(token)
	if access, ok := r.Body["access_token"].(string); ok {
		if seen := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {access}})); seen.Body["active"] != false {
			t.Errorf("a token survived the revocation: %s", seen.Raw)
		}
		token = r.Body["refresh_token"].(string)
	}
	refused(t, refresh(token), 400, "invalid_grant")
}

// A host that tries NewAuthorizeResponse again after a failure does not lose
// the challenge on the way.
func TestRetryKeepsTheChallenge(t *testing.T) {
	store := &failing{memory.New(memory.Config{NewSession: harness.NewSession}), map[string]bool{"code": true}}
	h := harness.StartHost(t, profile.MEFLSO(), store, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
		session := storage.NewSession()
		session.Subject, session.Claims.AuthenticationContextClassReference = "alice", h.ACR
		for _, scope := range ar.GetRequestedScopes() {
			ar.GrantScope(scope)
		}
		if _, err := h.Provider.NewAuthorizeResponse(r.Context(), ar, session); err == nil {
			t.Error("the store did not fail")
		}
		delete(store.broken, "code")
		h.Finish(rw, r, ar)
	}
	challenge := harness.Set("code_challenge", strings.Repeat("c", 43))
	answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), challenge, harness.Set("code_challenge_method", "S256"))))
	refused(t, h.Redeem(t, b, answer.Params.Get("code")), 400, "invalid_grant")
}

// Fosite takes a code without its prefix; it is the same code, once.
func TestCodeInAnotherSpelling(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	code, _ := code(t, h, b, "once")
	if r := h.Redeem(t, b, strings.TrimPrefix(code, "ory_ac_")); r.Status != 200 || r.Body["id_token"] == nil {
		t.Errorf("the first spelling: %s", r.Raw)
	}
	refused(t, h.Redeem(t, b, code), 400, "invalid_grant")
}

// MEF-R58: nobody takes another client's tokens back with its spent code or
// refresh token.
func TestSpentCodeOfAnotherClient(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	evil := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, evil)
	code, _ := code(t, h, b, "repeated")
	tokens := h.Redeem(t, b, code)
	spent := tokens.Body["refresh_token"].(string)
	tokens = h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {spent}}))
	_, signature, _ := strings.Cut(code, ".")
	for _, form := range []url.Values{
		{"grant_type": {"authorization_code"}, "code": {"x." + signature}, "redirect_uri": {b.Redirect}},
		{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {b.Redirect}},
		{"grant_type": {"refresh_token"}, "refresh_token": {spent}},
	} {
		refused(t, h.Post(t, h.Token, evil.Authenticated(form)), 400, "invalid_grant")
	}
	if seen := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {tokens.Body["access_token"].(string)}})); seen.Body["active"] != true {
		t.Errorf("another client took the token back: %s", seen.Raw)
	}
}

// An object that expires while its users are at it completes one
// authorization all the same.
func TestObjectExpiresWhilePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := profile.MEFLSO()
		h := harness.StartDirect(t, p, memory.New(memory.Config{NewSession: harness.NewSession}), nil)
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		h.Register(t, b)
		var handles []string
		h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
			if r.URL.Query().Has("pending") {
				h.Finish(rw, r, ar)
				return
			}
			handles = append(handles, authorization.Of(ar).Handle)
		}
		jti := harness.Set("jti", "the-same-jti")
		for range 2 { // two objects with one jti, for two intents
			h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), jti)))
		}
		time.Sleep(7 * time.Minute)
		if first := h.Approve(t, h.Authorize+"?pending="+handles[0]); !first.Params.Has("code") {
			t.Fatalf("got %v %s", first.Params, first.Body)
		}
		denied(t, h.Approve(t, h.Authorize+"?pending="+handles[1]), "invalid_request_object")
	})
}

// What a database would choke on is refused before it gets there.
func TestIdentifiersAreVisibleASCII(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for _, id := range []string{"\x00", "\xff\xfe", "a b", "a\u202eb", strings.Repeat("x", 600)} {
		page := h.Approve(t, h.Authorize+"?"+url.Values{"client_id": {id}, "request": {"x"}}.Encode())
		if page.Status != 400 || !strings.Contains(page.Body, "invalid_request") {
			t.Errorf("%q: %d %s", id, page.Status, page.Body)
		}
		form := ownBehalf("quote")
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", b.Assertion(harness.Set("sub", id), harness.Set("iss", id)))
		refused(t, h.Post(t, h.Token, form), 401, "invalid_client")
	}
	denied(t, h.Approve(t, h.URL(b, b.Object("urn:\x00"))), "invalid_request_object")
}

// Fosite compares each scope with all before it.
func TestLongScopeLists(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	var list strings.Builder
	for c := 'a'; c <= 'z'; c++ {
		for d := 'a'; d <= 'z'; d++ {
			list.WriteString(string(c) + string(d) + " ")
		}
	}
	long := list.String() + list.String()
	refused(t, h.Post(t, h.Token, ownBehalf(long)), 400, "invalid_scope")
	denied(t, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), harness.Set("scope", "openid "+long)))), "invalid_scope")
}

func TestOddMembersOfTheObject(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	acr := func(value any) harness.Change {
		return func(_, p harness.Claims) {
			p["claims"].(harness.Claims)["id_token"].(harness.Claims)["acr"] = harness.Claims{"essential": true, "values": value}
		}
	}
	h.ACR = "urn:meflso:ca"
	denied(t, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), acr([]any{"urn:meflso:sca", 1})))), "invalid_request_object")
	h.ACR = "urn:meflso:sca"
	// Two scopes in one, under an umbrella.
	odd := harness.Set("scope", "openid,POST:/quote/x POST:/quote-submissions")
	denied(t, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), odd))), "invalid_scope")
	// A parameter of the token endpoint.
	answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), harness.Set("grant_type", "refresh_token"))))
	_, claims := harness.Decode(t, answer.Params.Get("id_token"))
	if nonce, _ := claims["nonce"].(string); !strings.HasPrefix(nonce, "nonce-") {
		t.Errorf("the nonce is %v", claims["nonce"])
	}
	denied(t, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), harness.Set("nonce", "x\x00y")))), "invalid_request")
}

// A trust domain is not the same as a client's id.
func TestTrustDomainNamedAsAClient(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	spy := harness.NewBuyer(t, "spy", "ES256", h.Issuer)
	h.Register(t, spy, harness.Set("trust_domain", b.ID), harness.Set("introspect_trust_domain", true))
	token := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
	if seen := h.Post(t, h.Introspect, spy.Authenticated(url.Values{"token": {token}})); seen.Body["active"] != false {
		t.Errorf("the spy saw %s", seen.Raw)
	}
}

// The second of two approvals, after a double click, does not reach the client
// in place of the first.
func TestSecondAnswerIsAPage(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	var again []fosite.AuthorizeRequester
	h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
		again = append(again, ar)
		if r.URL.Query().Has("pending") {
			h.Finish(rw, r, again[0])
			return
		}
		h.Finish(rw, r, ar)
	}
	if !h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once")))).Params.Has("code") {
		t.Fatal("no code")
	}
	r, err := http.NewRequest(http.MethodGet, h.Authorize, nil)
	if err != nil {
		t.Fatal(err)
	}
	second := harness.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { h.Finish(rw, r, again[0]) }), r)
	if second.Status != 400 || second.Header.Get("Location") != "" {
		t.Errorf("got %d %v", second.Status, second.Header)
	}
}

func TestHEADShowsNothingAndDoesNothing(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	response, err := h.HTTP.Head(h.URL(b, b.Object(in)))
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != 400 || state(t, h, in) != "Pending" {
		t.Errorf("got %d, the intent is %s", response.StatusCode, state(t, h, in))
	}
}
