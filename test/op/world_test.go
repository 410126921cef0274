package op_test

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/test/harness"
)

// world is a process with a profile and a store in memory, and two clients with
// certificates: one that authenticates by it, and one by assertions.
type world struct {
	profile, dir, issuer, api string
	ports                     [2]string
	tls, jwt                  *client
	command                   *exec.Cmd
	stdout                    *bufio.Reader
}

// client is one client's way to the server.
type client struct {
	harness.Target // with its certificate; the endpoints are the aliases
	*harness.Buyer
	byCertificate bool
	certificate   *tls.Certificate
}

// startProfile makes certificates, keys and clients, and starts the process.
func startProfile(t *testing.T, profile string, flags ...string) *world {
	t.Helper()
	w := &world{profile: profile, dir: t.TempDir(), ports: [2]string{freePort(t), freePort(t)}}
	w.issuer, w.api = "https://localhost:"+w.ports[0], "https://localhost:"+w.ports[1]
	ca := newAuthority(t)
	must(t, os.WriteFile(filepath.Join(w.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600))
	w.tls, w.jwt = w.newClient(t, ca, "tpp-tls"), w.newClient(t, ca, "tpp-jwt")
	w.tls.byCertificate = true
	byCertificate, byAssertion := w.tls.metadata(), w.jwt.metadata()
	byCertificate["token_endpoint_auth_method"], byCertificate["tls_client_auth_subject_dn"] = "tls_client_auth", "CN=tpp-tls,O=Test"
	byAssertion["tls_client_auth_san_dns"] = "tpp-jwt.example.org"
	clients, err := json.Marshal([]harness.Claims{byCertificate, byAssertion})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(w.dir, "clients.json"), clients, 0o600))
	w.run(t, flags...)
	return w
}

func (w *world) newClient(t *testing.T, ca *authority, id string) *client {
	t.Helper()
	return &client{Buyer: harness.NewBuyer(t, id, "PS256", w.issuer), certificate: ca.issue(t, id)}
}

func (c *client) metadata() harness.Claims {
	m := c.Metadata()
	m["scope"], m["response_types"], m["legal_entity_name"] = "openid accounts quote", []string{"code id_token", "code"}, "Example Money Ltd."
	return m
}

// run starts the process, once more if it was stopped.
func (w *world) run(t *testing.T, flags ...string) {
	t.Helper()
	path, err := program()
	must(t, err)
	w.command = exec.Command(path, append([]string{
		"-profile", w.profile, "-store", "memory", "-clients", "clients.json", "-client-ca", "ca.pem", "-issuer", w.issuer, "-mtls-base", w.api,
		"-listen", "127.0.0.1:" + w.ports[0], "-mtls-listen", "127.0.0.1:" + w.ports[1],
	}, flags...)...)
	log, err := os.Create(filepath.Join(w.dir, "stderr"))
	must(t, err)
	defer log.Close()
	w.command.Dir, w.command.Stderr = w.dir, log
	out, err := w.command.StdoutPipe()
	must(t, err)
	must(t, w.command.Start())
	t.Cleanup(func() { _ = w.command.Process.Kill() })
	w.stdout = bufio.NewReader(out)
	line, err := w.stdout.ReadString('\n')
	if want := "ready issuer=" + w.issuer + " mtls=" + w.api + " profile=" + w.profile + " store=memory\n"; err != nil || line != want {
		t.Fatalf("ready line %q, %v, want %q; the log:\n%s", line, err, want, w.log(t))
	}
	for _, c := range []*client{w.tls, w.jwt} {
		c.Target = harness.Target{
			Issuer: w.issuer, Authorize: w.issuer + "/oauth2/auth", Token: w.api + "/oauth2/token", PAR: w.api + "/oauth2/par",
			Introspect: w.api + "/oauth2/introspect", Revoke: w.api + "/oauth2/revoke", UserInfo: w.api + "/userinfo",
			HTTP: w.client(t, c.certificate), User: "alice", Password: "alice",
		}
	}
}

func (w *world) log(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "stderr"))
	must(t, err)
	return string(data)
}

// stop ends the process in order.
func (w *world) stop(t *testing.T) {
	t.Helper()
	must(t, w.command.Process.Signal(syscall.SIGTERM))
	rest, _ := io.ReadAll(w.stdout)
	if err := w.command.Wait(); err != nil || len(rest) > 0 || strings.Contains(w.log(t), `"ERROR"`) {
		t.Errorf("it ended with %v, stdout %q, the log:\n%s", err, rest, w.log(t))
	}
}

// client shows the certificate to whoever asks; nil shows none.
func (w *world) client(t *testing.T, certificate *tls.Certificate) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: w.roots(t)}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second,
	}
}

func (w *world) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	made, err := os.ReadFile(filepath.Join(w.dir, "lso-tls-cert.pem"))
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(made)
	return pool
}

// authority issues certificates for clients.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert, key}
}

func (a *authority) issue(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Test"}},
		DNSNames: []string{name + ".example.org"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// authenticated completes a form by the client's method.
func (c *client) authenticated(form url.Values) url.Values {
	if c.byCertificate {
		form.Set("client_id", c.ID)
		return form
	}
	return c.Authenticated(form)
}

// ask asks the token endpoint.
func (c *client) ask(t *testing.T, form url.Values) harness.Response {
	t.Helper()
	return c.Post(t, c.Token, c.authenticated(form))
}

// granted asks for tokens that there must be.
func (c *client) granted(t *testing.T, form url.Values) harness.Response {
	t.Helper()
	r := c.ask(t, form)
	if token, _ := r.Body["access_token"].(string); r.Status != http.StatusOK || token == "" {
		t.Fatalf("no tokens: %d %s", r.Status, r.Raw)
	}
	return r
}

func (c *client) redeem(t *testing.T, code string) harness.Response {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirect}}
	if c.Verifier != "" {
		form.Set("code_verifier", c.Verifier)
	}
	return c.granted(t, form)
}

// call calls an API; a body makes it a POST.
func call(t *testing.T, through *http.Client, address, token, body string) harness.Response {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("x-fapi-interaction-id", interaction)
	response, err := through.Do(r)
	must(t, err)
	answer := harness.ReadJSON(t, response)
	if got := answer.Header.Get("x-fapi-interaction-id"); got != interaction {
		t.Errorf("%s: interaction id %q", address, got)
	}
	return answer
}

const interaction = "93bac548-d2de-4546-b106-880a5018460d"
