package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-jose/go-jose/v3"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program builds the example server once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "attack-op")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "op")
	build := exec.Command("go", "build", "-o", path, "github.com/meflso/fosite-meflso/example/op")
	if out, err := build.CombinedOutput(); err != nil {
		return path, fmt.Errorf("building op: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if path, _ := program(); path != "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// world is a running server and the configuration to attack it.
type world struct {
	profile, dir, file string
	alone              bool // it fetches nothing from this machine
	log                bytes.Buffer
	target             *Target // that was played last
}

type claims = map[string]any

// startWorld starts the server of a profile with two clients, and a third that
// authenticates by its certificate. It stops with the test.
func startWorld(t *testing.T, profile string, approval Approval, changes ...func(*world)) *world {
	t.Helper()
	path, err := program()
	must(t, err)
	w := &world{profile: profile, dir: t.TempDir()}
	for _, change := range changes {
		change(w)
	}
	pages, api := freePort(t), freePort(t)
	issuer, base := "https://localhost:"+pages, "https://localhost:"+api
	config, registered := w.config(t, issuer, base, approval)
	w.write(t, "clients.json", registered)
	args := []string{
		"-profile", profile, "-store", "memory", "-clients", "clients.json", "-client-ca", "clients-ca.pem", "-trust-anchors", "anchors.json",
		"-listen", "127.0.0.1:" + pages, "-mtls-listen", "127.0.0.1:" + api, "-issuer", issuer, "-mtls-base", base,
	}
	if !w.alone {
		args = append(args, "-allow-loopback")
	}
	if approval.Auto {
		args = append(args, "-auto-approve", "alice")
	}
	w.start(t, path, args)
	w.file = w.write(t, "attack.json", config)
	return w
}

func (w *world) start(t *testing.T, path string, args []string) {
	t.Helper()
	command := exec.Command(path, args...)
	command.Dir, command.Stderr = w.dir, &w.log
	stdout, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("op ended with %v\n%s", err, w.log.String())
		}
		if strings.Contains(w.log.String(), "panic") {
			t.Errorf("op panicked\n%s", w.log.String())
		}
		if w.target != nil && slices.ContainsFunc(w.target.tokens, func(token string) bool { return strings.Contains(w.log.String(), token) }) {
			t.Error("the token of a registration is in the log")
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready ") {
		t.Fatalf("op said %q, %v", line, err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func (w *world) write(t *testing.T, name string, content any) string {
	t.Helper()
	data, ok := content.([]byte)
	if !ok {
		var err error
		data, err = json.MarshalIndent(content, "", "  ")
		must(t, err)
	}
	file := filepath.Join(w.dir, name)
	must(t, os.WriteFile(file, data, 0o600))
	return file
}

// identity is a client: what it knows, and what the server knows of it.
func (w *world) identity(t *testing.T, id, scope string, ca *authority) (ClientConfig, claims) {
	t.Helper()
	private, public := keysOf(t, id)
	cert, key := ca.issue(t, id)
	w.write(t, id+".pem", cert)
	w.write(t, id+"-key.pem", key)
	own := ClientConfig{
		ID: id, RedirectURI: "https://" + id + ".example.org/cb", Scope: scope,
		JWKS: private, Certificate: id + ".pem", Key: id + "-key.pem",
	}
	registered := claims{
		"client_id": id, "client_name": id, "redirect_uris": []string{own.RedirectURI}, "scope": scope, "jwks": public,
		"grant_types": []string{"authorization_code", "client_credentials", "refresh_token"}, "response_types": []string{"code id_token", "code"},
		"token_endpoint_auth_method": "private_key_jwt", "authorization_signed_response_alg": "ES256",
	}
	return own, registered
}

// registration makes those by whose word clients register themselves, and tells
// the server to take it. Where it fetches nothing from here, they are known
// without that.
func (w *world) registration(t *testing.T) claims {
	t.Helper()
	base := "https://localhost:" + freePort(t)
	private, public := keysOf(t, "directory")
	anchor := claims{"issuer": base, "jwks_uri": base + "/directory/jwks"}
	config := claims{"directory": claims{"issuer": base, "jwks": private}}
	if w.alone {
		anchor = claims{"issuer": base, "jwks": public}
	} else {
		config["web"] = claims{"listen": strings.Replace(base, "https://localhost", "127.0.0.1", 1), "url": base, "certificate": "lso-tls-cert.pem", "key": "lso-tls-key.pem"}
	}
	anchors := []any{anchor}
	if w.profile == "fapi1-advanced" {
		config["scope"] = "openid" // the others' scopes come with their APIs
	}
	if isMEF(w.profile) {
		registry := w.registry(t, base)
		anchors, config["registry"] = append(anchors, registry.Issuer), registry
	}
	w.write(t, "anchors.json", anchors)
	return config
}

// registry signs under a did:web, or one that needs no document.
func (w *world) registry(t *testing.T, base string) PartyConfig {
	t.Helper()
	key, err := newECKey("")
	must(t, err)
	did, err := didOf(base, "registry")
	key.KeyID = did + "#sig-1"
	if w.alone {
		did, err = didJWK(&key)
		key.KeyID = did + "#0"
	}
	must(t, err)
	return PartyConfig{Issuer: did, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}}
}

// keysOf makes keys for more algorithms than each profile accepts, so that only
// its rules can refuse them.
func keysOf(t *testing.T, id string) (private, public json.RawMessage) {
	t.Helper()
	var own, shown jose.JSONWebKeySet
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		key := jose.JSONWebKey{Key: newKey(t, alg), KeyID: id + "-" + alg, Use: "sig", Algorithm: alg}
		own.Keys, shown.Keys = append(own.Keys, key), append(shown.Keys, withoutAlg(key.Public()))
	}
	private, err := json.Marshal(own)
	must(t, err)
	public, err = json.Marshal(shown)
	must(t, err)
	return private, public
}

// withoutAlg lets the server judge RS256 by its profile, not by the key.
func withoutAlg(key jose.JSONWebKey) jose.JSONWebKey {
	key.Algorithm = ""
	return key
}

func newKey(t *testing.T, alg string) any {
	t.Helper()
	var key any
	var err error
	switch alg {
	case "PS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	must(t, err)
	return key
}

// authority issues the clients' certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := newKey(t, "ES256").(*ecdsa.PrivateKey)
	ca := template("Test Directory")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage, ca.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	der, err := selfMade(key, key, ca, nil)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{key, cert}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private := newKey(t, "ES256").(*ecdsa.PrivateKey)
	der, err := selfMade(private, a.key, template(name), a.cert)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
