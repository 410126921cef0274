package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	_ "modernc.org/sqlite"

	host "github.com/meflso/fosite-meflso/example/embed/before"
)

const (
	issuer       = "https://op.example.com"
	clientID     = "buyer"
	clientSecret = "buyer-secret"
	redirectURI  = "https://buyer.example.org/callback"
)

func TestCodeFlow(t *testing.T) {
	op := start(t)
	authorize := authorizeURL("openid offline quotes")

	answer := op.decide(op.logIn(authorize), "approve")
	if got := answer.Get("state"); got != "state-of-the-buyer" {
		t.Errorf("state = %q", got)
	}
	tokens := op.post("/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {redirectURI},
	})
	op.checkActive(tokens, "alice", "openid offline quotes")
	claims := claimsOf(t, tokens["id_token"])
	if claims["iss"] != issuer || claims["sub"] != "alice" || claims["auth_time"] == nil {
		t.Errorf("ID token has the claims %v", claims)
	}
	if got := op.tenant(); got != "acme" {
		t.Errorf("the token's session has the tenant %q", got)
	}

	t.Run("refresh", func(t *testing.T) {
		refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}
		op.checkActive(op.post("/oauth2/token", refresh), "alice", "openid offline quotes")
		if got := op.post("/oauth2/token", refresh)["error"]; got != "invalid_grant" {
			t.Errorf("a refresh token used twice: error = %v", got)
		}
	})
}

func TestCodeIsSpent(t *testing.T) {
	op := start(t)
	answer := op.decide(op.logIn(authorizeURL("openid quotes")), "approve")
	exchange := url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {redirectURI},
	}
	tokens := op.post("/oauth2/token", exchange)
	if got := op.post("/oauth2/token", exchange)["error"]; got != "invalid_grant" {
		t.Errorf("a code used twice: error = %v", got)
	}
	if got := op.introspect(tokens)["active"]; got != false {
		t.Errorf("the token of a code used twice: active = %v", got)
	}
}

func TestDecline(t *testing.T) {
	op := start(t)
	answer := op.decide(op.logIn(authorizeURL("openid quotes")), "decline")
	if got := answer.Get("error"); got != "access_denied" {
		t.Errorf("error = %q", got)
	}
}

func TestClientCredentials(t *testing.T) {
	op := start(t)
	tokens := op.post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"quotes"}})
	op.checkActive(tokens, nil, "quotes")
}

func TestClientWithoutSecret(t *testing.T) {
	op := start(t)
	check(t, host.AddClient(t.Context(), op.db, &host.Client{
		ID:         "keys-only",
		JWKS:       json.RawMessage(`{"keys":[]}`),
		GrantTypes: []string{"client_credentials"},
	}))
	req := op.request(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	req.SetBasicAuth("keys-only", "")
	if resp, body := op.do(req); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an empty secret: status %d: %s", resp.StatusCode, body)
	}
}

func TestConsentNeedsCSRFToken(t *testing.T) {
	op := start(t)
	authorize := authorizeURL("openid quotes")
	op.logIn(authorize)
	resp, body := op.send(http.MethodPost, authorize, url.Values{"decision": {"approve"}, "csrf": {"guessed"}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `id="cancel_button"`) {
		t.Errorf("a forged approval: status %d, want the consent page again", resp.StatusCode)
	}
}

func TestLogin(t *testing.T) {
	op := start(t)
	for next, want := range map[string]string{
		"/oauth2/auth?client_id=buyer": "/oauth2/auth?client_id=buyer",
		"//evil.example.org":           "/",
		`/\evil.example.org`:           "/",
		"https://evil.example.org":     "/",
		"":                             "/",
	} {
		resp, _ := op.send(http.MethodPost, "/login?next="+url.QueryEscape(next), credentials("correct horse"))
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("after the login, next=%q leads to %q, want %q", next, got, want)
		}
		for _, c := range resp.Cookies() {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("login cookie: %v", c)
			}
		}
	}
	resp, body := op.send(http.MethodPost, "/login", credentials("wrong"))
	if len(resp.Cookies()) != 0 || !strings.Contains(body, "Wrong name or password") {
		t.Errorf("a wrong password: cookies %v", resp.Cookies())
	}
}

// provider is a running provider, with a browser that keeps cookies.
type provider struct {
	t       *testing.T
	db      *sql.DB
	browser *http.Client
}

func start(t *testing.T) *provider {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "op.db") + "?_txlock=immediate&_pragma=busy_timeout(5000)"
	db, err := sql.Open("sqlite", dsn)
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	check(t, host.CreateTables(t.Context(), db))
	check(t, host.AddUser(t.Context(), db, &host.User{ID: "alice", Tenant: "acme"}, hash(t, "correct horse")))
	check(t, host.AddClient(t.Context(), db, &host.Client{
		ID:            clientID,
		Secret:        hash(t, clientSecret),
		RedirectURIs:  []string{redirectURI},
		GrantTypes:    []string{"authorization_code", "client_credentials", "refresh_token"},
		ResponseTypes: []string{"code"},
		Scopes:        []string{"openid", "offline", "quotes"},
	}))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)

	server, err := host.New(issuer, db, key, []byte("a secret that has 32 bytes, at least"))
	check(t, err)
	ts := httptest.NewTLSServer(server.Handler())
	t.Cleanup(ts.Close)
	browser := ts.Client() // reaches ts as *.example.com
	browser.Jar, err = cookiejar.New(nil)
	check(t, err)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &provider{t: t, db: db, browser: browser}
}

func hash(t *testing.T, password string) []byte {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	check(t, err)
	return h
}

func authorizeURL(scope string) string {
	return "/oauth2/auth?" + url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI},
		"scope": {scope}, "state": {"state-of-the-buyer"}, "nonce": {"nonce-of-the-buyer"},
	}.Encode()
}

func credentials(password string) url.Values {
	return url.Values{"username": {"alice"}, "password": {password}}
}

// logIn follows an authorize request through the login. It returns the
// address of the consent page, which is that of the request.
func (p *provider) logIn(authorize string) string {
	p.t.Helper()
	resp, _ := p.send(http.MethodGet, authorize, nil)
	login := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(login, "/login?next=") {
		p.t.Fatalf("authorize: status %d, Location %q", resp.StatusCode, login)
	}
	if _, body := p.send(http.MethodGet, login, nil); !strings.Contains(body, `id="password"`) {
		p.t.Fatalf("login page: %s", body)
	}
	resp, _ = p.send(http.MethodPost, login, credentials("correct horse"))
	consent := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || consent != authorize {
		p.t.Fatalf("login: status %d, Location %q", resp.StatusCode, consent)
	}
	return consent
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]+)">`)
	csrfField  = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
)

// decide opens the consent page and sends it with the given decision. It
// returns the parameters of the answer that goes to the client.
func (p *provider) decide(consent, decision string) url.Values {
	p.t.Helper()
	_, body := p.send(http.MethodGet, consent, nil)
	action, csrf := formAction.FindStringSubmatch(body), csrfField.FindStringSubmatch(body)
	if action == nil || csrf == nil || !strings.Contains(body, clientID) || !strings.Contains(body, "<li>quotes</li>") {
		p.t.Fatalf("consent page: %s", body)
	}
	form := url.Values{"decision": {decision}, "csrf": {html.UnescapeString(csrf[1])}}
	resp, body := p.send(http.MethodPost, html.UnescapeString(action[1]), form)
	answer, err := resp.Location()
	if err != nil || !strings.HasPrefix(answer.String(), redirectURI+"?") {
		p.t.Fatalf("consent: status %d, Location %v: %s", resp.StatusCode, answer, body)
	}
	return answer.Query()
}

// post sends a form as the client and returns the JSON of the answer.
func (p *provider) post(path string, form url.Values) map[string]any {
	p.t.Helper()
	req := p.request(http.MethodPost, path, form)
	req.SetBasicAuth(clientID, clientSecret)
	_, body := p.do(req)
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		p.t.Fatalf("POST %s: %v: %s", path, err, body)
	}
	return answer
}

func (p *provider) introspect(tokens map[string]any) map[string]any {
	p.t.Helper()
	token, ok := tokens["access_token"].(string)
	if !ok {
		p.t.Fatalf("no access token: %v", tokens)
	}
	return p.post("/oauth2/introspect", url.Values{"token": {token}})
}

func (p *provider) checkActive(tokens map[string]any, sub any, scope string) {
	p.t.Helper()
	got := p.introspect(tokens)
	if got["active"] != true || got["client_id"] != clientID || got["sub"] != sub || got["scope"] != scope {
		p.t.Errorf("introspection: %v, want sub %v and scope %q", got, sub, scope)
	}
}

// tenant reads the tenant that the access token is stored with.
func (p *provider) tenant() (tenant string) {
	p.t.Helper()
	check(p.t, p.db.QueryRow(`SELECT CAST(request AS TEXT) ->> '$.session.tenant'
		FROM requests WHERE kind = 'access'`).Scan(&tenant))
	return tenant
}

func (p *provider) send(method, path string, form url.Values) (*http.Response, string) {
	p.t.Helper()
	return p.do(p.request(method, path, form))
}

func (p *provider) request(method, path string, form url.Values) *http.Request {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, issuer+path, strings.NewReader(form.Encode()))
	check(p.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (p *provider) do(req *http.Request) (*http.Response, string) {
	p.t.Helper()
	resp, err := p.browser.Do(req)
	check(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(p.t, err)
	return resp, string(body)
}

// claimsOf reads the claims of a JWT that came from the provider over TLS.
func claimsOf(t *testing.T, token any) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token.(string), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	check(t, json.Unmarshal(payload, &claims))
	return claims
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
