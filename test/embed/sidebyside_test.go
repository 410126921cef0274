package embed_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	host "github.com/meflso/fosite-meflso/example/embed/after"
	plain "github.com/meflso/fosite-meflso/example/embed/before"
	"github.com/meflso/fosite-meflso/test/harness"
)

const (
	oldIssuer    = "https://op.example.com"
	clientSecret = "buyer-secret"
)

var oldSecret = []byte("the secret of the host beforehand")

// sides are the host as it was and with the library, over one database. The
// client is on its way from one to the other: it has a secret and keys.
type sides struct {
	old   harness.Target
	new   *site
	buyer *harness.Buyer
}

func startBoth(t *testing.T, newSecret []byte) *sides {
	t.Helper()
	db := openDB(t)
	server, err := plain.New(oldIssuer, db, newKey(t), oldSecret)
	must(t, err)
	b := harness.NewBuyer(t, "buyer-a", "ES256", issuer)
	c := client(b)
	c.Secret = hash(t, clientSecret)
	c.ResponseTypes = append(c.ResponseTypes, "code")
	c.Scopes = append(c.Scopes, "offline")
	must(t, host.AddClient(t.Context(), db, c))
	return &sides{old: target(t, oldIssuer, server.Handler()), new: startOver(t, db, newSecret), buyer: b}
}

// postOld sends a form to the old host as the client does there.
func (s *sides) postOld(t *testing.T, address string, form url.Values) harness.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(t, err)
	r.SetBasicAuth(s.buyer.ID, clientSecret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.old.HTTP.Do(r)
	must(t, err)
	return harness.ReadJSON(t, response)
}

func (s *sides) redeemOld(t *testing.T, code string) harness.Response {
	t.Helper()
	return s.postOld(t, s.old.Token, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {s.buyer.Redirect}})
}

func (s *sides) refreshOld(t *testing.T, token any) harness.Response {
	t.Helper()
	return s.postOld(t, s.old.Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}})
}

func (s *sides) activeOld(t *testing.T, token any) any {
	t.Helper()
	return s.postOld(t, s.old.Introspect, url.Values{"token": {token.(string)}}).Body["active"]
}

// authorizeOld gets a code as plain OAuth has it.
func (s *sides) authorizeOld(t *testing.T) string {
	t.Helper()
	answer := s.old.Approve(t, s.old.URL(s.buyer, "", "response_type", "code", "redirect_uri", s.buyer.Redirect,
		"scope", "openid offline quote", "state", "state-of-the-buyer", "nonce", "nonce-of-the-buyer"))
	if !answer.Params.Has("code") {
		t.Fatalf("no code of old: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return answer.Params.Get("code")
}

func (s *sides) tokensOld(t *testing.T) harness.Claims {
	t.Helper()
	return checkTokens(t, s.redeemOld(t, s.authorizeOld(t)))
}

// TestTokensSideBySide: each side knows its own tokens and no others.
func TestTokensSideBySide(t *testing.T) {
	s := startBoth(t, secret)
	old, young := s.tokensOld(t), s.new.tokens(t, s.buyer, "repeated")
	for range 2 {
		if s.activeOld(t, old["access_token"]) != true || s.activeOld(t, young["access_token"]) != false {
			t.Error("the old side does not know its own, or knows others")
		}
		checkMembers(t, s.new.introspect(t, s.buyer, old["access_token"]), harness.Claims{"active": false, "sub": nil})
		checkMembers(t, s.new.introspect(t, s.buyer, young["access_token"]), harness.Claims{"active": true})
		checkError(t, s.new.refresh(t, s.buyer, old["refresh_token"]), bad, "invalid_grant")
		// Fosite alone has this code for a refresh token of another secret.
		checkError(t, s.refreshOld(t, young["refresh_token"]), bad, "invalid_request")
	}
	checkTokens(t, s.refreshOld(t, old["refresh_token"]))
	checkTokens(t, s.new.refresh(t, s.buyer, young["refresh_token"]))
}

// TestCodesSideBySide: a code is good at home alone, also after it was tried
// on the other side.
func TestCodesSideBySide(t *testing.T) {
	s := startBoth(t, secret)
	old := s.authorizeOld(t)
	young, intent := s.new.authorize(t, s.buyer, "once")
	for range 2 {
		checkError(t, s.new.Redeem(t, s.buyer, old), bad, "invalid_grant")
		checkError(t, s.redeemOld(t, young), bad, "invalid_grant")
	}
	s.new.checkState(t, s.buyer, intent, "Authorized")
	if token := checkTokens(t, s.redeemOld(t, old))["access_token"]; s.activeOld(t, token) != true {
		t.Error("the code of old gave a token that is not active")
	}
	token := checkTokens(t, s.new.Redeem(t, s.buyer, young))["access_token"]
	checkMembers(t, s.new.introspect(t, s.buyer, token), harness.Claims{"active": true, "sub": intent})
}

// TestSecretSideBySide: the client's secret is good at the old side alone.
func TestSecretSideBySide(t *testing.T) {
	s := startBoth(t, secret)
	form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}} }
	if s.activeOld(t, checkTokens(t, s.postOld(t, s.old.Token, form()))["access_token"]) != true {
		t.Error("the client of old got a token that is not active")
	}
	checkTokens(t, s.new.Post(t, s.new.Token, s.buyer.Authenticated(form())))

	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.new.Token, strings.NewReader(form().Encode()))
	must(t, err)
	r.SetBasicAuth(s.buyer.ID, clientSecret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.new.HTTP.Do(r)
	must(t, err)
	checkError(t, harness.ReadJSON(t, response), http.StatusUnauthorized, "invalid_client")
	posted := form()
	posted.Set("client_id", s.buyer.ID)
	posted.Set("client_secret", clientSecret)
	checkError(t, s.new.Post(t, s.new.Token, posted), http.StatusUnauthorized, "invalid_client")
}

// TestSameSecret: a team that gave both sides one secret, which the
// documentation tells it not to do, is not open on the new side.
func TestSameSecret(t *testing.T) {
	s := startBoth(t, oldSecret)
	tokens, code := s.tokensOld(t), s.authorizeOld(t)
	checkMembers(t, s.new.introspect(t, s.buyer, tokens["access_token"]), harness.Claims{"active": false, "sub": nil})
	checkError(t, s.new.refresh(t, s.buyer, tokens["refresh_token"]), bad, "invalid_grant")
	checkError(t, s.new.Redeem(t, s.buyer, code), bad, "invalid_grant")
	checkTokens(t, s.redeemOld(t, code))
	checkTokens(t, s.refreshOld(t, tokens["refresh_token"]))
}

// TestRequestObjectOfOld shows what the new side closes: the old one does not
// even look at a request object where the scope outside lacks openid.
func TestRequestObjectOfOld(t *testing.T) {
	s := startBoth(t, secret)
	params := []string{"response_type", "code", "redirect_uri", s.buyer.Redirect, "scope", "quote", "state", "state-of-the-buyer"}
	if answer := s.old.Approve(t, s.old.URL(s.buyer, "garbage.not.jwt", params...)); !answer.Params.Has("code") {
		t.Errorf("the old side looks at request objects now: %d %v", answer.Status, answer.Params)
	}
	checkPage(t, s.new.Approve(t, s.new.URL(s.buyer, "garbage.not.jwt", params...)), "invalid_request_object")
}
