package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const opPackage = "github.com/meflso/fosite-meflso/example/op"

// build puts the example provider's program into the folder.
func build(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	command := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "op"), opPackage) //nolint:gosec // a folder of our own
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", opPackage, err, output)
	}
	return nil
}

// server is the example provider in a process of its own.
type server struct {
	dir, issuer, api string
	listen, mtls     string
	roots            *x509.CertPool // its certificate and nothing else
	cmd              *exec.Cmd
	log              tail
}

func newServer(ctx context.Context, dir string) (*server, error) {
	s := &server{dir: dir, roots: x509.NewCertPool()}
	var ports [2]string
	for i := range ports {
		// Both stay open until both are known, so that they differ.
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		_, ports[i], _ = net.SplitHostPort(listener.Addr().String())
	}
	s.listen, s.mtls = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	s.issuer, s.api = "https://localhost:"+ports[0], "https://localhost:"+ports[1]
	return s, s.makeCertificate()
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *server) makeCertificate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.roots.AppendCertsFromPEM(certificate)
	return errors.Join(
		os.WriteFile(s.path("tls-cert.pem"), certificate, 0o600),
		os.WriteFile(s.path("tls-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// transport trusts the server's certificate and no other.
func (s *server) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
}

// start runs the program with these clients and waits until it is ready.
func (s *server) start(ctx context.Context, parties ...*party) error {
	var clients []any
	for _, p := range parties {
		clients = append(clients, p.registration())
	}
	data, err := json.MarshalIndent(clients, "", "  ")
	if err == nil {
		err = os.WriteFile(s.path("clients.json"), data, 0o600)
	}
	if err != nil {
		return err
	}
	s.cmd = exec.CommandContext(ctx, s.path("op"), //nolint:gosec // what build has put there
		"-listen", s.listen, "-mtls-listen", s.mtls, "-issuer", s.issuer, "-mtls-base", s.api,
		"-store", "sqlite:"+s.path("lso.db"), "-clients", s.path("clients.json"),
		"-tls-cert", s.path("tls-cert.pem"), "-tls-key", s.path("tls-key.pem"))
	s.cmd.Dir = s.dir
	s.cmd.Stderr = &s.log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	s.cmd.WaitDelay = 5 * time.Second
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	return s.awaitReady(stdout)
}

func (s *server) awaitReady(stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready ") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return nil
		}
	}
	return errors.Join(errors.New("the provider did not become ready"), s.cmd.Wait())
}

// stop ends the server, politely at first.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(os.Interrupt) // Wait tells if it was gone before
	force := time.AfterFunc(25*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer force.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the provider did not end well: %w", err)
	}
	return nil
}

// lastWords are the end of the server's log, to be put behind an error.
func (s *server) lastWords() string {
	if text := s.log.String(); text != "" {
		return "\nthe provider's last words:\n" + text
	}
	return ""
}

// tail keeps the last lines that are written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const maxTail = 4 << 10

func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, data...)
	if len(t.data) > maxTail {
		t.data = t.data[len(t.data)-maxTail:]
		if newline := bytes.IndexByte(t.data, '\n'); newline >= 0 {
			t.data = t.data[newline+1:]
		}
	}
	return len(data), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
