package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
)

type object = map[string]any

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made are the files that take long to make.
var made = sync.OnceValues(func() ([]byte, []byte) {
	keys, err1 := makeKeys()
	private, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil {
		panic("no keys")
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	return keys, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
})

// workDir moves the test into a fresh directory with key files in it.
func workDir(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	keys, tlsKey := made()
	for _, name := range []string{"lso-keys.json", "lso.db.keys.json"} {
		must(t, os.WriteFile(name, keys, 0o600))
	}
	must(t, os.WriteFile(madeKey, tlsKey, 0o600))
}

// op is a running server.
type op struct {
	app         *app
	issuer, api string
	metrics     string       // the page, if the flag is set
	origin      string       // of the issuer
	http        *http.Client // follows no redirect, keeps no cookie
	stdout      *bytes.Buffer
	stop        func() error
}

// start runs the server in this process with a client file, on free ports.
func start(t *testing.T, clients []object, args ...string) *op {
	t.Helper()
	return startBelow(t, "", clients, args...)
}

// startBelow runs it with a path in both URLs.
func startBelow(t *testing.T, path string, clients []object, args ...string) *op {
	t.Helper()
	pages, api := listen(t), listen(t)
	o := &op{origin: "https://localhost:" + port(pages), stdout: &bytes.Buffer{}}
	o.issuer, o.api = o.origin+path, "https://localhost:"+port(api)+path
	args = append([]string{"-issuer", o.issuer, "-mtls-base", o.api, "-clients", writeClients(t, clients)}, args...)
	opts, err := parseFlags(args, io.Discard)
	must(t, err)
	o.app, err = newApp(t.Context(), opts, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	l := listeners{pages: pages, api: api}
	if opts.metrics != "" {
		l.metrics = listen(t)
		o.metrics = "http://" + l.metrics.Addr().String() + "/metrics"
	}
	go func() { done <- o.app.serve(ctx, l, o.stdout) }()
	o.stop = sync.OnceValue(func() error {
		o.http.CloseIdleConnections() // HTTP/2 connections end slowly
		cancel()
		err := <-done
		if closed := o.app.close(); err == nil {
			err = closed
		}
		return err
	})
	t.Cleanup(func() { must(t, o.stop()) })
	o.http = newClient(o.app.cert.Certificate[0])
	return o
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return listener
}

func port(listener net.Listener) string {
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func newClient(certificate []byte) *http.Client {
	pool := x509.NewCertPool()
	if leaf, err := x509.ParseCertificate(certificate); err == nil {
		pool.AddCert(leaf)
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

func writeClients(t testing.TB, clients []object) string {
	t.Helper()
	data, err := json.Marshal(clients)
	must(t, err)
	must(t, os.WriteFile("clients.json", data, 0o600))
	return "clients.json"
}

// buyer is a client of the server.
type buyer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newBuyer(t testing.TB, id string) *buyer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return &buyer{id, key}
}

func (b *buyer) redirect() string { return "https://" + b.id + ".example.org/cb" }

func (b *buyer) jwks(private bool) jose.JSONWebKeySet {
	jwk := jose.JSONWebKey{Key: b.key, KeyID: b.id + "-key", Use: "sig", Algorithm: "ES256"}
	if !private {
		jwk = jwk.Public()
	}
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}}
}

func (b *buyer) metadata() object {
	return object{
		"client_id": b.id, "client_name": "Buyer " + b.id, "legal_entity_name": "Example Networks Ltd.",
		"redirect_uris": []string{b.redirect()}, "response_types": []string{"code id_token"},
		"grant_types": []string{"authorization_code", "client_credentials", "refresh_token"},
		"scope":       "openid quote", "token_endpoint_auth_method": "private_key_jwt", "jwks": b.jwks(false),
	}
}

func (b *buyer) sign(claims object) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: b.key, KeyID: b.id + "-key"}}, nil)
	if err != nil {
		panic(err)
	}
	payload, _ := json.Marshal(claims)
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	token, _ := signed.CompactSerialize()
	return token
}

// request makes an authorization URL for the intent.
func (o *op) request(b *buyer, intent string, changes object) string {
	now := time.Now().Unix()
	claims := object{
		"iss": b.id, "aud": o.issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text(),
		"response_type": "code id_token", "client_id": b.id, "redirect_uri": b.redirect(),
		"scope": "openid quote", "state": "state-" + rand.Text(), "nonce": "nonce-" + rand.Text(),
		"claims": object{"id_token": object{"meflso_intent_id": object{"value": intent, "essential": true}}},
	}
	for name, value := range changes {
		claims[name] = value
	}
	return o.issuer + authorizePath + "?" + url.Values{"client_id": {b.id}, "request": {b.sign(claims)}}.Encode()
}

// answer is an HTTP answer that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func read(t testing.TB, response *http.Response, err error) answer {
	t.Helper()
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (a answer) json(t testing.TB) object {
	t.Helper()
	var members object
	if err := json.Unmarshal([]byte(a.body), &members); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return members
}

// fragment returns the parameters of an answer to the client.
func (a answer) fragment(t testing.TB) url.Values {
	t.Helper()
	_, fragment, ok := strings.Cut(a.header.Get("Location"), "#")
	if !ok {
		t.Fatalf("no answer to the client, but %d %q", a.status, a.body)
	}
	values, err := url.ParseQuery(fragment)
	must(t, err)
	return values
}

func (o *op) get(t testing.TB, address string) answer {
	t.Helper()
	response, err := o.http.Get(address)
	return read(t, response, err)
}

// token asks the token endpoint with a fresh client assertion.
func (o *op) token(t testing.TB, b *buyer, form url.Values) answer {
	t.Helper()
	now := time.Now().Unix()
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", b.sign(object{"iss": b.id, "sub": b.id, "aud": o.issuer, "iat": now, "exp": now + 60, "jti": rand.Text()}))
	response, err := o.http.PostForm(o.issuer+tokenPath, form)
	return read(t, response, err)
}

func (o *op) ownToken(t testing.TB, b *buyer) string {
	t.Helper()
	a := o.token(t, b, url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}})
	token, ok := a.json(t)["access_token"].(string)
	if !ok || a.status != http.StatusOK {
		t.Fatalf("no token: %d %s", a.status, a.body)
	}
	return token
}

func (o *op) redeem(t testing.TB, b *buyer, code string) answer {
	t.Helper()
	return o.token(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {b.redirect()}})
}

// call calls the resource API; a body makes it a POST.
func (o *op) call(t testing.TB, token, path, body string) answer {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.api+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := o.http.Do(r)
	return read(t, response, err)
}

// quote lodges an intent and returns its id.
func (o *op) quote(t testing.TB, b *buyer, body string) string {
	t.Helper()
	a := o.call(t, o.ownToken(t, b), "/quote", body)
	if a.status != http.StatusCreated {
		t.Fatalf("POST /quote: %d %s", a.status, a.body)
	}
	return a.json(t)["Data"].(object)["QuoteId"].(string)
}

const someQuote = `{"Data":{"description":"Two access lines"}}`

// browser keeps cookies and looks at pages.
type browser struct {
	*http.Client
	origin string
}

func (o *op) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	c := *o.http
	c.Jar = jar
	return &browser{&c, o.origin}
}

func (b *browser) open(t testing.TB, address string) answer {
	t.Helper()
	response, err := b.Get(address)
	return read(t, response, err)
}

var (
	actionAttr = regexp.MustCompile(`action="([^"]+)"`)
	hiddenTag  = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]+)">`)
)

// form returns where the page's form goes and its hidden fields.
func (b *browser) form(t testing.TB, page answer) (string, url.Values) {
	t.Helper()
	action := actionAttr.FindStringSubmatch(page.body)
	if action == nil {
		t.Fatalf("no form in %d %q", page.status, page.body)
	}
	fields := url.Values{}
	for _, m := range hiddenTag.FindAllStringSubmatch(page.body, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	return b.origin + html.UnescapeString(action[1]), fields
}

// send sends the page's form with more fields.
func (b *browser) send(t testing.TB, page answer, more ...string) answer {
	t.Helper()
	action, fields := b.form(t, page)
	for i := 0; i+1 < len(more); i += 2 {
		fields.Set(more[i], more[i+1])
	}
	response, err := b.PostForm(action, fields)
	return read(t, response, err)
}

// logIn sends the login page and opens the page that follows.
func (b *browser) logIn(t testing.TB, page answer, user string) answer {
	t.Helper()
	a := b.send(t, page, "username", user, "password", user)
	if a.status != http.StatusSeeOther {
		t.Fatalf("login: %d %s", a.status, a.body)
	}
	return b.open(t, b.origin+a.header.Get("Location"))
}

func has(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

func isLogin(a answer) bool   { return strings.Contains(a.body, `id="username"`) }
func isConsent(a answer) bool { return strings.Contains(a.body, `id="cancel_button"`) }
