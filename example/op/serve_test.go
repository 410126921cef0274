package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	workDir(t)
	o := start(t, []object{})
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := o.get(t, o.origin+path); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	must(t, o.app.db.close())
	if a := o.get(t, o.origin+"/readyz"); a.status != http.StatusServiceUnavailable {
		t.Errorf("readyz without store: %d", a.status)
	}
	if a := o.get(t, o.origin+"/healthz"); a.status != http.StatusOK {
		t.Errorf("healthz without store: %d", a.status)
	}
	must(t, o.stop())
	if got, want := o.stdout.String(), fmt.Sprintf("ready issuer=%s mtls=%s profile=mef-lso store=sqlite:./lso.db\n", o.issuer, o.api); got != want {
		t.Errorf("stdout: %q, want %q", got, want)
	}
}

func TestTLS(t *testing.T) {
	workDir(t)
	o := start(t, []object{}, "-store", "memory")
	dial := func(base string, change func(*tls.Config)) (tls.ConnectionState, error) {
		config := o.http.Transport.(*http.Transport).TLSClientConfig.Clone()
		change(config)
		conn, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), config)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	for _, base := range []string{o.issuer, o.api} {
		if _, err := dial(base, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }); err == nil {
			t.Error("TLS 1.1 is accepted")
		}
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			allowed := suite.ID == tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 || suite.ID == tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
			_, err := dial(base, func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite.ID} })
			if suite.SupportedVersions[0] <= tls.VersionTLS12 && (err == nil) != allowed {
				t.Errorf("%s in TLS 1.2: %v", suite.Name, err)
			}
		}
	}
	for base, want := range map[string]bool{o.issuer: false, o.api: true} {
		asked := false
		_, err := dial(base, func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return selfSigned(t), nil
			}
		})
		if err != nil || asked != want {
			t.Errorf("%s: asked for a certificate: %v; %v", base, asked, err)
		}
	}
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestShutdown: a request whose body is still on its way is answered.
func TestShutdown(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	body, writer := io.Pipe()
	sent := make(chan struct{})
	trace := &httptrace.ClientTrace{WroteHeaders: func() { close(sent) }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, o.issuer+tokenPath, body)
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status := make(chan int, 1)
	go func() {
		response, err := o.http.Do(r)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-sent
	time.Sleep(100 * time.Millisecond) // until the handler waits for the body
	stopped := make(chan error, 1)
	go func() { stopped <- o.stop() }()
	time.Sleep(100 * time.Millisecond)
	_, _ = writer.Write([]byte("grant_type=none"))
	must(t, writer.Close())
	if got := <-status; got != http.StatusUnauthorized && got != http.StatusBadRequest {
		t.Errorf("in-flight request: %d", got)
	}
	must(t, <-stopped)
}

// TestBinary runs the program itself, twice with the same files.
func TestBinary(t *testing.T) {
	source, err := os.Getwd()
	must(t, err)
	t.Chdir(t.TempDir())
	program := filepath.Join(t.TempDir(), "op")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := newBuyer(t, "buyer-a")
	writeClients(t, []object{b.metadata()})
	o := &op{issuer: "https://localhost:" + freePort(t), api: "https://localhost:" + freePort(t)}
	args := []string{"-listen", strings.TrimPrefix(o.issuer, "https://"), "-mtls-listen", strings.TrimPrefix(o.api, "https://"), "-issuer", o.issuer, "-mtls-base", o.api}

	stop := runBinary(t, o, program, append(args, "-clients", "clients.json")...)
	token, keys := o.ownToken(t, b), o.get(t, o.issuer+"/oauth2/jwks").body
	id := o.quote(t, b, someQuote)
	stop(syscall.SIGTERM)

	stop = runBinary(t, o, program, args...)
	if got := o.get(t, o.issuer+"/oauth2/jwks").body; got != keys {
		t.Errorf("other keys after a restart: %s", got)
	}
	if a := o.call(t, token, "/quote/"+id, ""); a.status != http.StatusOK {
		t.Errorf("a token from before the restart: %d %s", a.status, a.body)
	}
	o.ownToken(t, b) // the client is still there
	stop(os.Interrupt)

	for args, want := range map[string]int{"-profile oidc-ciba": 2, "-unknown": 2, "-clients nothing.json": 1, "-h": 0} {
		command := exec.Command(program, strings.Fields(args)...)
		_ = command.Run()
		if got := command.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit status %d, want %d", args, got, want)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	defer listener.Close()
	return port(listener)
}

// runBinary waits for the ready line; what it returns stops the program and
// checks that it said nothing else and ended well.
func runBinary(t *testing.T, o *op, program string, args ...string) func(os.Signal) {
	t.Helper()
	command := exec.Command(program, args...)
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	must(t, err)
	command.Stderr = stderr
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	reader := bufio.NewReader(out)
	line, err := reader.ReadString('\n')
	if err != nil || line != "ready issuer="+o.issuer+" mtls="+o.api+" profile=mef-lso store=sqlite:./lso.db\n" {
		t.Fatalf("ready line: %q, %v", line, err)
	}
	certificate, err := os.ReadFile(madeCert)
	must(t, err)
	block, _ := pem.Decode(certificate)
	o.http = newClient(block.Bytes)
	return func(signal os.Signal) {
		t.Helper()
		must(t, command.Process.Signal(signal))
		rest, _ := io.ReadAll(reader)
		if err := command.Wait(); err != nil || len(rest) > 0 {
			t.Errorf("after %v: %v, stdout %q", signal, err, rest)
		}
		log, err := os.ReadFile(stderr.Name())
		must(t, err)
		if strings.Contains(string(log), `"ERROR"`) || !strings.HasPrefix(string(log), "{") {
			t.Errorf("the log: %s", log)
		}
	}
}

// TestJWKSURI: with -allow-loopback the keys of a client may lie on this
// machine, without they may not.
func TestJWKSURI(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	pair, err := loadCertificate(&options{})
	must(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/jwk-set+json")
		_ = json.NewEncoder(rw).Encode(b.jwks(false))
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	metadata := b.metadata()
	delete(metadata, "jwks")
	metadata["jwks_uri"] = "https://localhost:" + port(listener) + "/jwks"

	for _, allowed := range []bool{true, false} {
		o := start(t, []object{metadata}, "-store", "memory", fmt.Sprintf("-allow-loopback=%v", allowed))
		a := o.token(t, b, url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}})
		if (a.status == http.StatusOK) != allowed {
			t.Errorf("allow-loopback=%v: %d %s", allowed, a.status, a.body)
		}
	}
}
