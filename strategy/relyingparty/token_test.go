package relyingparty_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// login plays a login up to the code.
func login(t testing.TB, s *seller, c *relyingparty.Client) (*attempt, *relyingparty.Detached) {
	t.Helper()
	a := newAttempt(t, s, c)
	d, err := a.finish(c)
	if err != nil {
		t.Fatal(err)
	}
	return a, d
}

// answer is a good one of the token endpoint; idToken has its claims.
func (a *attempt) answer() (body, idToken object) {
	idToken = maps.Clone(a.claims)
	delete(idToken, "c_hash")
	delete(idToken, "s_hash")
	idToken["at_hash"] = a.s.hash(access)
	return object{"access_token": access, "token_type": "bearer", "expires_in": 540, "scope": "openid quote"}, idToken
}

func TestExchange(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	a, d := login(t, s, c)
	body, idToken := a.answer()
	body["refresh_token"] = "refresh"
	body["id_token"] = s.sign(s.header(), idToken)
	s.tokens(200, body)
	tokens, err := c.Exchange(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AccessToken != access || tokens.IntentID != intentID || tokens.Subject != intentID || tokens.RefreshToken != "refresh" ||
		!tokens.ExpiresAt.Equal(start.Add(540*time.Second)) || !slices.Equal(tokens.Scopes, []string{"openid", "quote"}) {
		t.Errorf("%+v", tokens)
	}
	want := map[string]string{
		"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "client_id": clientID,
		"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
	}
	for name, value := range want {
		if s.form.Get(name) != value {
			t.Errorf("%s = %q, want %q", name, s.form.Get(name), value)
		}
	}
	first := s.form.Get("client_assertion")
	_, assertion := decodeJWT(t, first)
	if assertion["aud"] != s.issuer {
		t.Errorf("aud %v, want the issuer", assertion["aud"])
	}
	if _, err := c.Exchange(t.Context(), d); err == nil || s.tokenRequests.Load() != 1 {
		t.Errorf("the code was sent twice: %v", err)
	}
}

func TestExchangeRefuses(t *testing.T) {
	claims := func(name string, value any) func(object, object) { return func(_, c object) { put(c, name, value) } }
	member := func(name string, value any) func(object, object) { return func(b, _ object) { put(b, name, value) } }
	for _, test := range []struct {
		name   string
		reason relyingparty.Reason
		change func(body, claims object)
	}{
		{"other subject", relyingparty.ReasonSub, claims("sub", "mallory")},
		{"no subject", relyingparty.ReasonSub, claims("sub", nil)},
		{"other iss", relyingparty.ReasonIss, claims("iss", "https://evil.example")},
		{"other aud", relyingparty.ReasonAud, claims("aud", "c-other")},
		{"other azp", relyingparty.ReasonAzp, claims("azp", "c-other")},
		{"expired", relyingparty.ReasonExp, claims("exp", start.Unix()-31)},
		{"old", relyingparty.ReasonIat, claims("iat", start.Unix()-1000)},
		{"other nonce", relyingparty.ReasonNonce, claims("nonce", "x")},
		{"no nonce", relyingparty.ReasonNonce, claims("nonce", nil)},
		{"other intent", relyingparty.ReasonIntent, claims("meflso_intent_id", "urn:acme:intent:1")},
		{"no intent", relyingparty.ReasonIntent, claims("meflso_intent_id", nil)},
		{"other at_hash", relyingparty.ReasonTokenHash, claims("at_hash", "x")},
		{"other c_hash", relyingparty.ReasonCodeHash, claims("c_hash", "x")},
		{"other s_hash", relyingparty.ReasonStateHash, claims("s_hash", "x")},
		{"other acr", relyingparty.ReasonACR, claims("acr", "urn:meflso:ca")},
		{"no acr", relyingparty.ReasonACR, claims("acr", nil)},
		{"no auth_time", relyingparty.ReasonAuthTime, claims("auth_time", nil)},
		{"old auth_time", relyingparty.ReasonAuthTime, claims("auth_time", start.Unix()-4000)},
		{"no ID Token", relyingparty.ReasonMissing, member("id_token", "")},
		{"ID Token none", relyingparty.ReasonAlg, member("id_token", encode(object{"alg": "none", "kid": "as-sig-1"})+"."+encode(object{})+".")},
		{"no access token", relyingparty.ReasonAccessToken, member("access_token", nil)},
		{"access token as number", relyingparty.ReasonForm, member("access_token", 5)},
		{"MAC", relyingparty.ReasonTokenType, member("token_type", "mac")},
		{"no type", relyingparty.ReasonTokenType, member("token_type", nil)},
		{"more scopes", relyingparty.ReasonScope, member("scope", "openid quote payments")},
		{"scope as list", relyingparty.ReasonScope, member("scope", []string{"openid"})},
		{"expires_in below zero", relyingparty.ReasonForm, member("expires_in", -1)},
		{"expires_in as text", relyingparty.ReasonForm, member("expires_in", "soon")},
	} {
		s := newSeller(t, "ES256")
		c := s.client(t, nil)
		a, d := login(t, s, c)
		body, idToken := a.answer()
		test.change(body, idToken)
		if _, set := body["id_token"]; !set {
			body["id_token"] = s.sign(s.header(), idToken)
		}
		s.tokens(200, body)
		tokens, err := c.Exchange(t.Context(), d)
		t.Run(ruleOf(err)+"/"+test.name, func(t *testing.T) {
			wantAbort(t, err, test.reason)
			if tokens != nil {
				t.Error("there are tokens all the same")
			}
		})
	}
}

func TestExchangeAccepts(t *testing.T) {
	for name, change := range map[string]func(body, claims object){
		"no at_hash":         func(_, c object) { delete(c, "at_hash") },
		"both hashes":        func(_, c object) { c["c_hash"] = (&seller{alg: "ES256"}).hash(code) },
		"no scope":           func(b, _ object) { delete(b, "scope") },
		"no expires_in":      func(b, _ object) { delete(b, "expires_in") },
		"expires_in as text": func(b, _ object) { b["expires_in"] = "540" },
		"more claims":        func(_, c object) { c["name"] = "Alice" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeller(t, "ES256")
			c := s.client(t, nil)
			a, d := login(t, s, c)
			body, idToken := a.answer()
			change(body, idToken)
			body["id_token"] = s.sign(s.header(), idToken)
			s.tokens(200, body)
			tokens, err := c.Exchange(t.Context(), d)
			if err != nil || !slices.Equal(tokens.Scopes, []string{"openid", "quote"}) {
				t.Error(tokens, err)
			}
		})
	}
}

func TestTokenEndpointFails(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	answer := func(write func(http.ResponseWriter)) error {
		s.mu.Lock()
		s.answer = write
		s.mu.Unlock()
		_, err := c.ClientCredentials(t.Context(), []string{"quote"})
		if err == nil {
			t.Error("no error")
		}
		return err
	}
	err := answer(func(rw http.ResponseWriter) {
		write(rw, 400, object{"error": "invalid_grant", "error_description": "used\n before"})
	})
	var refusal *relyingparty.OAuthError
	if !errors.As(err, &refusal) || refusal.Status != 400 || refusal.Code != "invalid_grant" || refusal.Description != "used before" {
		t.Errorf("%#v", err)
	}
	answer(func(rw http.ResponseWriter) { write(rw, 500, object{}) })
	answer(func(rw http.ResponseWriter) { rw.WriteHeader(200) })
	answer(func(rw http.ResponseWriter) {
		write(rw, 200, object{"access_token": strings.Repeat("a", 300<<10), "token_type": "Bearer"})
	})
	wantAbort(t, answer(func(rw http.ResponseWriter) { write(rw, 200, []int{1}) }), relyingparty.ReasonForm)
	wantAbort(t, answer(func(rw http.ResponseWriter) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(`{"access_token":"a","access_token":"b","token_type":"Bearer"}`))
	}), relyingparty.ReasonForm)
	before := s.tokenRequests.Load()
	answer(func(rw http.ResponseWriter) {
		rw.Header().Set("Location", s.issuer+"/token")
		rw.WriteHeader(http.StatusTemporaryRedirect)
	})
	if n := s.tokenRequests.Load() - before; n != 1 {
		t.Errorf("the redirect was followed: %d requests", n)
	}
}

func TestClientCredentials(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	s.tokens(200, object{"access_token": access, "token_type": "Bearer", "expires_in": 540, "scope": "quote"})
	tokens, err := c.ClientCredentials(t.Context(), []string{"quote"})
	if err != nil || tokens.AccessToken != access || tokens.IntentID != "" {
		t.Fatal(tokens, err)
	}
	if s.form.Get("grant_type") != "client_credentials" || s.form.Get("scope") != "quote" || s.form.Has("code") {
		t.Errorf("%v", s.form)
	}
	first := s.form.Get("client_assertion")
	if _, err := c.ClientCredentials(t.Context(), []string{"quote"}); err != nil || s.form.Get("client_assertion") == first {
		t.Error("the assertion is not fresh", err)
	}
}

func TestRefresh(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	a, d := login(t, s, c)
	body, idToken := a.answer()
	body["refresh_token"], body["id_token"] = "first", s.sign(s.header(), idToken)
	s.tokens(200, body)
	tokens, err := c.Exchange(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := json.Marshal(tokens)
	old := &relyingparty.Tokens{}
	if err := json.Unmarshal(kept, old); err != nil {
		t.Fatal(err)
	}

	s.now.Add(24 * 60 * 60)
	again := object{"iss": s.issuer, "sub": intentID, "aud": clientID, "iat": s.clock().Unix(), "exp": s.clock().Unix() + 300,
		"auth_time": start.Unix() - 10, "meflso_intent_id": intentID, "at_hash": s.hash("second-at")}
	refresh := func(change func(object)) (*relyingparty.Tokens, error) {
		claims := maps.Clone(again)
		if change != nil {
			change(claims)
		}
		s.tokens(200, object{"access_token": "second-at", "token_type": "Bearer", "refresh_token": "second", "id_token": s.sign(s.header(), claims)})
		return c.Refresh(t.Context(), old)
	}
	renewed, err := refresh(nil)
	if err != nil || renewed.RefreshToken != "second" || renewed.IntentID != intentID || renewed.Nonce != old.Nonce || renewed.ACR != old.ACR {
		t.Fatal(renewed, err)
	}
	if s.form.Get("refresh_token") != "first" || s.form.Get("grant_type") != "refresh_token" {
		t.Errorf("%v", s.form)
	}
	if _, err := refresh(func(c object) { c["nonce"] = old.Nonce }); err != nil {
		t.Error(err)
	}
	_, err = refresh(func(c object) { c["nonce"] = "x" })
	wantAbort(t, err, relyingparty.ReasonNonce)
	_, err = refresh(func(c object) { c["sub"] = "mallory" })
	wantAbort(t, err, relyingparty.ReasonSub)
	_, err = refresh(func(c object) { c["meflso_intent_id"] = "urn:acme:intent:1" })
	wantAbort(t, err, relyingparty.ReasonIntent)

	_, err = refresh(func(c object) { c["acr"] = "urn:meflso:ca" })
	wantAbort(t, err, relyingparty.ReasonACR)
	if _, err := refresh(func(c object) { c["acr"] = old.ACR }); err != nil {
		t.Error(err)
	}

	s.tokens(200, object{"access_token": "third", "token_type": "Bearer"})
	if tokens, err := c.Refresh(t.Context(), old); err != nil || tokens.RefreshToken != "first" {
		t.Error("a server that keeps the refresh token:", tokens, err)
	}
	if _, err := c.Refresh(t.Context(), &relyingparty.Tokens{AccessToken: "x"}); err == nil {
		t.Error("refreshed without a refresh token")
	}
}

func TestMTLSAlias(t *testing.T) {
	s := newSeller(t, "ES256")
	s.metadata["token_endpoint"] = s.issuer + "/nowhere"
	s.metadata["mtls_endpoint_aliases"] = object{"token_endpoint": s.issuer + "/token"}
	s.tokens(200, object{"access_token": access, "token_type": "Bearer"})
	c := s.client(t, func(config *relyingparty.Config) { config.MTLS = true })
	if _, err := c.ClientCredentials(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := s.client(t, nil).ClientCredentials(t.Context(), nil); err == nil {
		t.Error("the alias was used without being asked for")
	}
}
