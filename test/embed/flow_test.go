package embed_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	host "github.com/meflso/fosite-meflso/example/embed/after"
	"github.com/meflso/fosite-meflso/test/harness"
)

func TestClientCredentials(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	tokens := checkTokens(t, s.Post(t, s.Token, b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}})))
	checkMembers(t, tokens, harness.Claims{"token_type": "Bearer", "scope": "quote", "refresh_token": nil, "id_token": nil})
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{
		"active": true, "client_id": b.ID, "sub": b.ID, "scope": "quote", "iss": issuer, "meflso_intent_id": nil,
	})
}

// TestFlow walks the whole way: request object, login, consent, code, tokens,
// introspection, UserInfo, refresh.
func TestFlow(t *testing.T) {
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			s := start(t)
			b := s.buyer(t, "buyer-a", alg)
			intent := s.NewIntent(t, b, "repeated")

			answer := s.checkPages(t, b, intent)
			s.checkState(t, b, intent, "Authorized")
			tokens := checkTokens(t, s.Redeem(t, b, answer.Params.Get("code")))
			checkMembers(t, tokens, harness.Claims{"token_type": "Bearer", "scope": "openid quote"})
			back := s.verify(t, tokens["id_token"])
			checkMembers(t, back, harness.Claims{"iss": issuer, "sub": intent, "acr": sca, "meflso_intent_id": intent})

			s.checkToken(t, b, intent, tokens["access_token"])
			refreshed := checkTokens(t, s.refresh(t, b, tokens["refresh_token"]))
			s.checkToken(t, b, intent, refreshed["access_token"])
			if refreshed["refresh_token"] == nil || refreshed["refresh_token"] == tokens["refresh_token"] {
				t.Error("the refresh token was not rotated")
			}
			checkError(t, s.refresh(t, b, tokens["refresh_token"]), http.StatusBadRequest, "invalid_grant")
			checkMembers(t, s.introspect(t, b, refreshed["access_token"]), harness.Claims{"active": false})
		})
	}
}

// checkPages approves in a fresh browser and checks what it sees, up to the
// answer in the fragment.
func (s *site) checkPages(t *testing.T, b *harness.Buyer, intent string) harness.Answer {
	t.Helper()
	payload := b.Payload(intent)
	object := b.Sign(harness.Claims{"alg": b.Alg, "kid": b.Kid}, payload)
	browser := s.Browser(t)
	trail := &trail{next: browser.Transport}
	browser.Transport = trail
	answer := s.Visit(t, browser, s.URL(b, object), "approve")

	want := []string{"GET /oauth2/auth 303", "GET /login 200", "POST /login 303", "GET /oauth2/auth 200", "POST /oauth2/auth 303"}
	if !slices.Equal(trail.steps, want) {
		t.Errorf("the browser saw %q, want %q", trail.steps, want)
	}
	for _, shown := range []string{"alice", b.ID, "repeated", intent, "<li>quote</li>"} {
		if !strings.Contains(trail.page, shown) {
			t.Errorf("the consent page does not show %q: %s", shown, trail.page)
		}
	}
	if strings.Contains(trail.page+strings.Join(trail.addresses[1:], " "), object) {
		t.Error("the request object travels on after the first request")
	}
	if names := slices.Sorted(maps.Keys(answer.Params)); !answer.Fragment || !slices.Equal(names, []string{"code", "id_token", "iss", "state"}) {
		t.Fatalf("the answer has %v, fragment %v: %s", names, answer.Fragment, answer.Body)
	}
	if !strings.HasPrefix(answer.Location.String(), b.Redirect+"#") || answer.Params.Get("iss") != issuer {
		t.Errorf("the answer goes to %v", answer.Location)
	}
	claims := s.verify(t, answer.Params.Get("id_token"))
	checkMembers(t, claims, harness.Claims{
		"iss": issuer, "sub": intent, "nonce": payload["nonce"], "acr": sca, "meflso_intent_id": intent,
		"s_hash": leftHalf(answer.Params.Get("state")), "c_hash": leftHalf(answer.Params.Get("code")),
	})
	if claims["auth_time"] == nil || answer.Params.Get("state") != payload["state"] {
		t.Errorf("auth_time %v, state %q", claims["auth_time"], answer.Params.Get("state"))
	}
	return answer
}

// trail notes what a browser sees.
type trail struct {
	next             http.RoundTripper
	steps, addresses []string
	page             string // the last one
}

func (tr *trail) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := tr.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if response.StatusCode == http.StatusOK {
		tr.page = string(body)
	}
	tr.steps = append(tr.steps, fmt.Sprint(r.Method, " ", r.URL.Path, " ", response.StatusCode))
	tr.addresses = append(tr.addresses, r.URL.String())
	return response, nil
}

// verify checks an ID Token with the keys that discovery leads to.
func (s *site) verify(t *testing.T, token any) (claims harness.Claims) {
	t.Helper()
	var discovery struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	s.get(t, issuer+"/.well-known/openid-configuration", &discovery)
	var keys gojose.JSONWebKeySet
	s.get(t, discovery.JWKS, &keys)
	signed, err := gojose.ParseSigned(token.(string))
	must(t, err)
	found := keys.Key(signed.Signatures[0].Header.KeyID)
	if discovery.Issuer != issuer || len(found) != 1 {
		t.Fatalf("discovery is of %q and leads to %d keys", discovery.Issuer, len(found))
	}
	payload, err := signed.Verify(found[0])
	must(t, err)
	must(t, json.Unmarshal(payload, &claims))
	return claims
}

func (s *site) get(t *testing.T, address string, into any) {
	t.Helper()
	response, err := s.HTTP.Get(address)
	must(t, err)
	defer response.Body.Close()
	must(t, json.NewDecoder(response.Body).Decode(into))
}

// leftHalf is the hash of OpenID Connect Core §3.3.2.11 for ES256.
func leftHalf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// checkToken looks at an access token from all sides: the client's, the
// user's, and that of the team's own API, which finds its session's own field.
func (s *site) checkToken(t *testing.T, b *harness.Buyer, intent string, token any) {
	t.Helper()
	shown := s.introspect(t, b, token)
	checkMembers(t, shown, harness.Claims{
		"active": true, "client_id": b.ID, "sub": intent, "scope": "openid quote", "token_type": "Bearer", "iss": issuer,
		"acr": sca, "meflso_intent_id": intent,
	})
	if shown["exp"] == nil || shown["iat"] == nil {
		t.Errorf("introspection without times: %v", shown)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.UserInfo, nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token.(string))
	response, err := s.HTTP.Do(r)
	must(t, err)
	checkMembers(t, harness.ReadJSON(t, response).Body, harness.Claims{"sub": intent, "meflso_intent_id": intent})

	if got := s.sessionOf(t, token).Tenant; got != "acme" {
		t.Errorf("the session's own field is %q", got)
	}
}

func (s *site) sessionOf(t *testing.T, token any) *host.Session {
	t.Helper()
	blank := &host.Session{DefaultSession: openid.NewDefaultSession()}
	_, request, err := s.server.Provider.IntrospectToken(t.Context(), token.(string), fosite.AccessToken, blank, "quote")
	must(t, err)
	return request.GetSession().(*host.Session)
}

func TestOnceHasNoRefreshToken(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	if tokens := s.tokens(t, b, "once"); tokens["refresh_token"] != nil {
		t.Error("an intent of kind once got a refresh token")
	}
}

func TestDecline(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	intent := s.NewIntent(t, b, "once")
	address := s.URL(b, b.Object(intent, harness.Set("state", "state-of-the-buyer")))

	answer := s.Visit(t, s.Browser(t), address, "decline")
	want := url.Values{"error": {"access_denied"}, "state": {"state-of-the-buyer"}, "iss": {issuer}, "error_description": answer.Params["error_description"]}
	if !answer.Fragment || answer.Params.Encode() != want.Encode() {
		t.Errorf("the answer is %v, fragment %v, want %v", answer.Params, answer.Fragment, want)
	}
	s.checkState(t, b, intent, "Rejected")

	for _, again := range []struct{ name, address, want string }{
		{"same object", address, "invalid_request_object"},
		{"new object", s.URL(b, b.Object(intent)), "access_denied"},
	} {
		if answer := s.Approve(t, again.address); answer.Params.Get("error") != again.want || answer.Params.Has("code") {
			t.Errorf("%s after a decline: %d %v", again.name, answer.Status, answer.Params)
		}
	}
	s.checkState(t, b, intent, "Rejected")
}

// TestReload: the user may reload and come back as long as nothing is decided;
// after that, the object is used up.
func TestReload(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	address := s.URL(b, b.Object(s.NewIntent(t, b, "once")))
	for range 2 {
		response, err := s.Browser(t).Get(address)
		must(t, err)
		response.Body.Close()
		if response.StatusCode != http.StatusSeeOther {
			t.Fatalf("reload: %d", response.StatusCode)
		}
	}
	if answer := s.Approve(t, address); !answer.Params.Has("code") {
		t.Fatalf("no code: %v", answer.Params)
	}
	if answer := s.Approve(t, address); answer.Params.Get("error") != "invalid_request_object" {
		t.Errorf("the same object after its authorization: %d %v", answer.Status, answer.Params)
	}
}

// TestLoginAgain: prompt=login leads a user who is logged in to the login.
func TestLoginAgain(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	browser := s.Browser(t)
	s.Visit(t, browser, s.URL(b, b.Object(s.NewIntent(t, b, "once"))), "approve")
	_, err := s.db.Exec(`UPDATE logins SET auth_time = auth_time - 100`)
	must(t, err)
	for _, c := range []struct {
		name  string
		value any
		steps int
	}{{"max_age", 1000, 2}, {"max_age", 10, 5}, {"prompt", "login", 5}} {
		_, err := s.db.Exec(`UPDATE logins SET auth_time = auth_time - 100`)
		must(t, err)
		trail := &trail{next: s.HTTP.Transport}
		browser.Transport = trail
		answer := s.Visit(t, browser, s.URL(b, b.Object(s.NewIntent(t, b, "once"), harness.Set(c.name, c.value))), "approve")
		if !answer.Params.Has("code") || len(trail.steps) != c.steps {
			t.Errorf("%s %v: %v after %q", c.name, c.value, answer.Params, trail.steps)
		}
	}
}
