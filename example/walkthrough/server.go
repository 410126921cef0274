package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/localtls"
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
	cert             tls.Certificate
	roots            *x509.CertPool // its certificate and nothing else
	anchors          []string       // whom it trusts to vouch for clients
	cmd              *exec.Cmd
	log              tail
}

func newServer(dir string) (*server, error) {
	s := &server{dir: dir, roots: x509.NewCertPool()}
	return s, s.makeCertificate()
}

// choosePorts finds two that are free. The program opens them itself, so nobody
// else here may open any in between.
func (s *server) choosePorts(ctx context.Context) error {
	var ports [2]string
	for i := range ports {
		// Both stay open until both are known, so that they differ.
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		_, ports[i], _ = net.SplitHostPort(listener.Addr().String())
	}
	s.listen, s.mtls = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	s.issuer, s.api = "https://localhost:"+ports[0], "https://localhost:"+ports[1]
	return nil
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

// makeCertificate makes one for everybody who serves something here.
func (s *server) makeCertificate() error {
	var err error
	if s.cert, err = localtls.Load(s.path("tls-cert.pem"), s.path("tls-key.pem")); err != nil {
		return err
	}
	s.roots.AddCert(s.cert.Leaf)
	return nil
}

// transport trusts the server's certificate and no other.
func (s *server) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
}

// write puts a value into a file, as JSON.
func (s *server) write(name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(name), data, 0o600)
}

// start runs the program with these clients and waits until it is ready.
func (s *server) start(ctx context.Context, parties ...*party) error {
	var clients []any
	for _, p := range parties {
		clients = append(clients, p.registration())
	}
	if err := errors.Join(s.write("clients.json", clients), s.write("anchors.json", s.anchors)); err != nil {
		return err
	}
	s.cmd = exec.CommandContext(ctx, s.path("op"), //nolint:gosec // what build has put there
		"-listen", s.listen, "-mtls-listen", s.mtls, "-issuer", s.issuer, "-mtls-base", s.api,
		"-store", "sqlite:"+s.path("lso.db"), "-clients", s.path("clients.json"),
		"-tls-cert", s.path("tls-cert.pem"), "-tls-key", s.path("tls-key.pem"),
		"-trust-anchors", s.path("anchors.json"), "-status-max-age", statusLife.String(), "-allow-loopback")
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
