package harness

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// OP is the example server as a program of its own.
type OP struct {
	Target
	// Resource is the base of its resource API.
	Resource string
	Process  *os.Process
}

// StartOP builds and starts example/op with the buyers as its clients, in a
// temporary folder, and stops it with the test. More flags may follow.
func StartOP(t testing.TB, clients []Claims, flags ...string) *OP {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "op")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/meflso/fosite-meflso/example/op").CombinedOutput(); err != nil {
		t.Fatalf("building op: %v\n%s", err, out)
	}
	data, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "clients.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	pages, api := port(t), port(t)
	issuer, resource := "https://localhost:"+pages, "https://localhost:"+api
	command := exec.Command(program, append([]string{
		"-listen", "127.0.0.1:" + pages, "-mtls-listen", "127.0.0.1:" + api, "-issuer", issuer, "-mtls-base", resource,
		"-clients", file, "-allow-loopback",
	}, flags...)...)
	command.Dir = dir
	command.Stderr = io.Discard
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("op ended with %v", err)
		}
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
		t.Fatalf("op said %q, %v", line, err)
	}
	o := &OP{Resource: resource, Process: command.Process}
	o.Target = Target{
		Issuer: issuer, Authorize: issuer + "/oauth2/auth", Token: issuer + "/oauth2/token", Introspect: issuer + "/oauth2/introspect",
		Revoke: issuer + "/oauth2/revoke", UserInfo: issuer + "/userinfo", Registration: issuer + "/oauth2/register", HTTP: trusting(t, filepath.Join(dir, "lso-tls-cert.pem")),
		NewIntent: o.newIntent, User: "alice", Password: "alice",
	}
	return o
}

func port(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

func trusting(t testing.TB, file string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("op's certificate cannot be read")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: stay, Timeout: 30 * time.Second}
}

// newIntent lodges a quote, as a Buyer does.
func (o *OP) newIntent(t testing.TB, b *Buyer, kind string) string {
	t.Helper()
	token := o.Post(t, o.Token, b.Authenticated(map[string][]string{"grant_type": {"client_credentials"}, "scope": {"quote"}}))
	access, _ := token.Body["access_token"].(string)
	r := o.Call(t, http.MethodPost, "/quote", access, Claims{"Data": Claims{"Kind": kind, "Purpose": "test"}})
	data, _ := r.Body["Data"].(map[string]any)
	id, _ := data["QuoteId"].(string)
	if r.Status != http.StatusCreated || id == "" {
		t.Fatalf("POST /quote: %d %s (token: %s)", r.Status, r.Raw, token.Raw)
	}
	return id
}

// Call sends a request to the resource API.
func (o *OP) Call(t testing.TB, method, path, token string, body Claims) Response {
	t.Helper()
	var reader io.Reader
	if body != nil {
		reader = strings.NewReader(string(encode(body)))
	}
	r, err := http.NewRequest(method, o.Resource+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := o.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return ReadJSON(t, response)
}
