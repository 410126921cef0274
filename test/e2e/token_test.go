package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

func ownBehalf(scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
}

func refused(t testing.TB, r harness.Response, status int, code string) {
	t.Helper()
	if r.Status != status || r.Body["error"] != code || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("got %d %s %v, want %d %s", r.Status, r.Raw, r.Header, status, code)
	}
}

func TestClientCredentials(t *testing.T) {
	for _, alg := range []string{"ES256", "PS256", "EdDSA", "Ed25519"} {
		t.Run(alg, func(t *testing.T) {
			h := harness.StartHost(t, profile.MEFLSO(), nil, nil)
			b := harness.NewBuyer(t, "buyer-a", alg, h.Issuer)
			h.Register(t, b, harness.Set("token_endpoint_auth_signing_alg", strings.Replace(alg, "Ed25519", "EdDSA", 1)))
			r := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
			if r.Status != 200 || r.Body["token_type"] != "Bearer" || r.Body["scope"] != "quote" || r.Body["refresh_token"] != nil || r.Body["id_token"] != nil {
				t.Fatalf("%d %s", r.Status, r.Raw)
			}
			if life := r.Body["expires_in"].(float64); life > 540 || life < 530 {
				t.Errorf("expires_in %v", life)
			}
			seen := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {r.Body["access_token"].(string)}}))
			if seen.Body["sub"] != b.ID || seen.Body["client_id"] != b.ID || seen.Body["meflso_intent_id"] != nil {
				t.Errorf("introspection %s", seen.Raw)
			}
		})
	}
}

func TestClientCredentialsScopes(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for scope, granted := range map[string]string{"quote": "quote", "POST /quote, GET /quote": "POST:/quote GET:/quote", "GET:/quote-submissions": "GET:/quote-submissions"} {
		if r := h.Post(t, h.Token, b.Authenticated(ownBehalf(scope))); r.Body["scope"] != granted {
			t.Errorf("%q gave %s", scope, r.Raw)
		}
	}
	for _, scope := range []string{"openid", "openid quote", "admin", "QUOTE", "POST:/quotes", "POST:/admin"} {
		refused(t, h.Post(t, h.Token, b.Authenticated(ownBehalf(scope))), 400, "invalid_scope")
	}
}

// assertionCases are client assertions that must be refused; none of them may
// use up its jti.
func assertionCases() map[string][]harness.Change {
	return map[string][]harness.Change{
		"FAPI-8.6-1/RS256":              {harness.Header("alg", "RS256")},
		"MEF-R51/none":                  {harness.Header("alg", "none")},
		"MEF-R39/HS256":                 {harness.Header("alg", "HS256")},
		"MEF-R42/no kid":                {harness.Header("kid", nil)},
		"MEF-R44/kid of no key":         {harness.Header("kid", "another")},
		"FAPI-8.9-2/jku":                {harness.Header("jku", "https://a.example.org")},
		"RFC8725-3.11/request object":   {harness.Header("typ", "oauth-authz-req+jwt")},
		"RFC7523-3-1/iss":               {harness.Set("iss", "somebody")},
		"RFC7523-3-1/iss missing":       {harness.Set("iss", nil)},
		"RFC7523-3-2/sub missing":       {harness.Set("sub", nil)},
		"RFC7523-3-3/aud":               {harness.Set("aud", "https://other.example.org")},
		"RFC7523-3-3/aud missing":       {harness.Set("aud", nil)},
		"RFC7523-3-4/exp missing":       {harness.Set("exp", nil)},
		"RFC7523-3-4/exp zero":          {harness.Set("exp", 0)},
		"RFC7523-3-4/exp a string":      {harness.Set("exp", "2000000000")},
		"RFC7523-3-4/expired":           {harness.In("exp", -time.Minute)},
		"RFC7523-3-4/exp in a year":     {harness.In("exp", 365*24*time.Hour)},
		"RFC7523-3-5/nbf ahead":         {harness.In("nbf", 5*time.Minute)},
		"RFC7523-3-6/iat ahead":         {harness.In("iat", 5*time.Minute)},
		"RFC7523-3-6/lives too long":    {harness.In("iat", -10*time.Minute)},
		"RFC7523-3-7/jti missing":       {harness.Set("jti", nil)},
		"RFC7523-3-7/jti a number":      {harness.Set("jti", 5)},
		"MEF-R16/client unknown":        {harness.Set("iss", "nobody"), harness.Set("sub", "nobody")},
		"BASE-5.2.2-19/another client":  {harness.Set("iss", "buyer-b"), harness.Set("sub", "buyer-b")},
		"RFC7519-4.1.3/aud of numbers":  {harness.Set("aud", []int{1})},
		"RFC7515-4.1.11/unknown header": {harness.Header("crit", []string{"x"})},
	}
}

func TestClientAssertionsRefused(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	h.Register(t, harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer))
	for name, changes := range assertionCases() {
		t.Run(name, func(t *testing.T) {
			jti := rand.Text()
			form := ownBehalf("quote")
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", b.Assertion(append([]harness.Change{harness.Set("jti", jti)}, changes...)...))
			refused(t, h.Post(t, h.Token, form), 401, "invalid_client")
			form.Set("client_assertion", b.Assertion(harness.Set("jti", jti)))
			if r := h.Post(t, h.Token, form); r.Status != 200 {
				t.Errorf("the refusal used up the jti: %s", r.Raw)
			}
		})
	}
}

func TestClientAssertionAudiences(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for _, aud := range []any{h.Issuer, h.Token, []string{"https://x.example.org", h.Issuer}, h.Introspect} {
		form := b.Authenticated(ownBehalf("quote"))
		form.Set("client_assertion", b.Assertion(harness.Set("aud", aud)))
		if r := h.Post(t, h.Token, form); r.Status != 200 {
			t.Errorf("aud %v: %s", aud, r.Raw)
		}
	}
}

func TestClientAuthenticationRefused(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	other := harness.NewBuyer(t, "buyer-tls", "ES256", h.Issuer)
	h.Register(t, other, harness.Set("token_endpoint_auth_method", "tls_client_auth"))
	suspended := harness.NewBuyer(t, "buyer-suspended", "ES256", h.Issuer)
	h.Register(t, suspended, harness.Set("suspended", true))
	form := func(change func(url.Values)) url.Values {
		f := b.Authenticated(ownBehalf("quote"))
		change(f)
		return f
	}
	refused(t, h.Post(t, h.Token, ownBehalf("quote")), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Del("client_assertion_type") })), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("client_id", "somebody") })), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("client_secret", "secret") })), 400, "invalid_request")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Add("scope", "quote") })), 400, "invalid_request")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("client_assertion", strings.Repeat("a", 20_000)) })), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("padding", strings.Repeat("a", 100_000)) })), 400, "invalid_request")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("grant_type", "password") })), 400, "unsupported_grant_type")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange") })), 400, "unsupported_grant_type")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Set("grant_type", "authorization_code client_credentials") })), 400, "unsupported_grant_type")
	refused(t, h.Post(t, h.Token, form(func(f url.Values) { f.Del("grant_type") })), 400, "invalid_request")
	refused(t, h.Post(t, h.Token, other.Authenticated(ownBehalf("quote"))), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, suspended.Authenticated(ownBehalf("quote"))), 401, "invalid_client")
	page := h.Approve(t, h.URL(suspended, suspended.Object("urn:x")))
	if page.Status != 400 || !strings.Contains(page.Body, "unauthorized_client") {
		t.Errorf("suspended client at authorize: %d %s", page.Status, page.Body)
	}
}

func TestTokenEndpointWantsPOST(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	response, err := h.HTTP.Get(h.Token + "?" + b.Authenticated(ownBehalf("quote")).Encode())
	if err != nil {
		t.Fatal(err)
	}
	if r := harness.ReadJSON(t, response); r.Status != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %s", r.Status, r.Raw)
	}
	response, err = h.HTTP.Post(h.Token, "application/json", strings.NewReader(`{"grant_type":"client_credentials"}`))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, harness.ReadJSON(t, response), 400, "invalid_request")
}

func code(t testing.TB, h *harness.Host, b *harness.Buyer, kind string, changes ...harness.Change) (code, intent string) {
	t.Helper()
	intent = h.NewIntent(t, b, kind)
	answer := h.Approve(t, h.URL(b, b.Object(intent, changes...)))
	if code = answer.Params.Get("code"); code == "" {
		t.Fatalf("no code: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return code, intent
}

func TestCodesRefused(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	thief := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, thief)
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := []harness.Change{
		harness.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])), harness.Set("code_challenge_method", "S256"),
	}
	for _, c := range []struct {
		name    string
		redeem  func(code string) harness.Response
		changes []harness.Change
		status  int
		error   string
		good    []string // what redeems the code afterwards
	}{
		{"MEF-R58/another client", func(code string) harness.Response { return h.Redeem(t, thief, code, "redirect_uri", b.Redirect) }, nil, 400, "invalid_grant", nil},
		{"RFC6749-4.1.3/redirect_uri differs", func(code string) harness.Response {
			return h.Redeem(t, b, code, "redirect_uri", "https://evil.example.org/cb")
		}, nil, 400, "invalid_grant", nil},
		{"RFC6749-4.1.3/code changed", func(code string) harness.Response { return h.Redeem(t, b, code[:7]+another(code[7:8])+code[8:]) }, nil, 400, "invalid_grant", nil},
		{"RFC6749-4.1.3/code missing", func(string) harness.Response { return h.Redeem(t, b, "") }, nil, 400, "invalid_request", nil},
		{"RFC7636-4.6/verifier missing", func(code string) harness.Response { return h.Redeem(t, b, code) }, challenge, 400, "invalid_grant", []string{"code_verifier", verifier}},
		{"RFC7636-4.6/verifier wrong", func(code string) harness.Response {
			return h.Redeem(t, b, code, "code_verifier", strings.Repeat("w", 43))
		}, challenge, 400, "invalid_grant", []string{"code_verifier", verifier}},
		{"RFC7636-4.6/verifier without challenge", func(code string) harness.Response { return h.Redeem(t, b, code, "code_verifier", verifier) }, nil, 400, "invalid_grant", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _ := code(t, h, b, "once", c.changes...)
			refused(t, c.redeem(code), c.status, c.error)
			if r := h.Redeem(t, b, code, c.good...); r.Status != 200 {
				t.Errorf("the refusal used up the code: %s", r.Raw)
			}
		})
	}
}

// BASE-5.2.2-13: a second use is refused and takes the tokens of the first back.
func TestCodeReuseRevokesTheTokens(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	code, _ := code(t, h, b, "repeated")
	first := h.Redeem(t, b, code)
	refused(t, h.Redeem(t, b, code), 400, "invalid_grant")
	seen := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {first.Body["access_token"].(string)}}))
	if strings.TrimSpace(seen.Raw) != `{"active":false}` {
		t.Errorf("the first token is still %s", seen.Raw)
	}
	refused(t, h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Body["refresh_token"].(string)}})), 400, "invalid_grant")
}

func TestRefresh(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	thief := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, thief)
	code, intent := code(t, h, b, "repeated")
	first := h.Redeem(t, b, code)
	token, _ := first.Body["refresh_token"].(string)
	if token == "" {
		t.Fatalf("no refresh token: %s", first.Raw)
	}
	refresh := func(by *harness.Buyer, token string) harness.Response {
		return h.Post(t, h.Token, by.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
	}
	refused(t, refresh(thief, token), 400, "invalid_grant")
	refused(t, refresh(b, "ory_rt_unknown.unknown"), 400, "invalid_grant")
	refused(t, refresh(b, ""), 400, "invalid_request")
	second := refresh(b, token)
	if second.Status != 200 || second.Body["refresh_token"] == token {
		t.Fatalf("refresh: %d %s", second.Status, second.Raw)
	}
	_, before := harness.Decode(t, first.Body["id_token"].(string))
	_, after := harness.Decode(t, second.Body["id_token"].(string))
	want(t, after, harness.Claims{"sub": before["sub"], "auth_time": before["auth_time"], "acr": before["acr"], "meflso_intent_id": intent, "nonce": nil, "s_hash": nil, "c_hash": nil})
	refused(t, refresh(b, token), 400, "invalid_grant")
	refused(t, refresh(b, second.Body["refresh_token"].(string)), 400, "invalid_grant") // reuse took the family back
}

// A refresh token is never active at introspection.
func TestIntrospection(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	domain := harness.Set("trust_domain", "lei-1")
	h.Register(t, b, domain)
	gateway := harness.NewBuyer(t, "gateway", "ES256", h.Issuer)
	h.Register(t, gateway, domain, harness.Set("introspect_trust_domain", true))
	sibling := harness.NewBuyer(t, "sibling", "ES256", h.Issuer)
	h.Register(t, sibling, domain)
	stranger := harness.NewBuyer(t, "stranger", "ES256", h.Issuer)
	h.Register(t, stranger, harness.Set("trust_domain", "lei-2"), harness.Set("introspect_trust_domain", true))
	code, intent := code(t, h, b, "repeated")
	tokens := h.Redeem(t, b, code)
	look := func(by *harness.Buyer, token any) harness.Response {
		return h.Post(t, h.Introspect, by.Authenticated(url.Values{"token": {token.(string)}}))
	}
	for _, by := range []*harness.Buyer{b, gateway} {
		want(t, look(by, tokens.Body["access_token"]).Body, harness.Claims{
			"active": true, "client_id": b.ID, "sub": intent, "meflso_intent_id": intent, "iss": h.Issuer, "token_type": "Bearer", "scope": "openid quote",
		})
	}
	for name, r := range map[string]harness.Response{
		"sibling": look(sibling, tokens.Body["access_token"]), "stranger": look(stranger, tokens.Body["access_token"]),
		"refresh token": look(b, tokens.Body["refresh_token"]), "unknown": look(b, "unknown"), "code": look(b, code), "long": look(b, strings.Repeat("x", 20_000)),
	} {
		if r.Status != 200 || strings.TrimSpace(r.Raw) != `{"active":false}` {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	refused(t, h.Post(t, h.Introspect, url.Values{"token": {"x"}}), 401, "invalid_client")
	refused(t, h.Post(t, h.Introspect, b.Authenticated(url.Values{})), 400, "invalid_request")
}

func TestRevocation(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	thief := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, thief)
	code, _ := code(t, h, b, "repeated")
	tokens := h.Redeem(t, b, code)
	access := tokens.Body["access_token"].(string)
	revoke := func(by *harness.Buyer, token string) harness.Response {
		return h.Post(t, h.Revoke, by.Authenticated(url.Values{"token": {token}}))
	}
	active := func() any {
		return h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {access}})).Body["active"]
	}
	if r := revoke(thief, access); r.Status != 200 || r.Raw != "" || active() != true {
		t.Errorf("another client's token: %d %q, active %v", r.Status, r.Raw, active())
	}
	if r := revoke(b, "unknown"); r.Status != 200 {
		t.Errorf("unknown token: %d", r.Status)
	}
	refused(t, revoke(b, ""), 400, "invalid_request")
	refused(t, h.Post(t, h.Revoke, url.Values{"token": {access}}), 401, "invalid_client")
	if r := revoke(b, tokens.Body["refresh_token"].(string)); r.Status != 200 || active() != false {
		t.Errorf("own token: %d, active %v", r.Status, active())
	}
}

func TestUserInfo(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	code, intent := code(t, h, b, "once")
	token := h.Redeem(t, b, code).Body["access_token"].(string)
	ask := func(url, authorization string) harness.Response {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		response, err := h.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return harness.ReadJSON(t, response)
	}
	want(t, ask(h.UserInfo, "Bearer "+token).Body, harness.Claims{"sub": intent, "meflso_intent_id": intent})
	want(t, ask(h.UserInfo, "bearer "+token).Body, harness.Claims{"sub": intent})
	for _, c := range []struct{ url, auth, challenge string }{
		{h.UserInfo, "", "Bearer"}, {h.UserInfo + "?access_token=" + token, "", "Bearer"}, {h.UserInfo, "Bearer unknown", `Bearer error="invalid_token"`},
	} {
		if r := ask(c.url, c.auth); r.Status != 401 || r.Header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %s", c.auth, r.Status, r.Header.Get("WWW-Authenticate"))
		}
	}
	own := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
	if r := ask(h.UserInfo, "Bearer "+own); r.Status != 403 || r.Body["error"] != "insufficient_scope" {
		t.Errorf("token without openid: %d %s", r.Status, r.Raw)
	}
}

// another is one character that is not this one.
func another(c string) string {
	if c == "x" {
		return "y"
	}
	return "x"
}
