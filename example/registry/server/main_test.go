package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test's own binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv("REGISTRY_ARGS") == "" {
		os.Exit(m.Run())
	}
	os.Args = append([]string{"registry"}, strings.Split(os.Getenv("REGISTRY_ARGS"), " ")...)
	main()
	os.Exit(0)
}

func program(t *testing.T, dir, args string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "REGISTRY_ARGS="+args)
	return cmd
}

// freeAddress is one that was free just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The program says when it is ready, serves both sides, ends on a signal, and
// knows at the next start what it knew.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	listen, admin := freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(listen)
	base := "https://localhost:" + port
	var documents []string
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd := program(t, dir, "-listen "+listen+" -base "+base+" -admin "+admin)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if want := "ready did=did:web:localhost%3A" + port + " base=" + base + " admin=http://" + admin + " store=./registry.json\n"; line != want {
			t.Errorf("stdout: %q, want %q, %v", line, want, err)
		}
		documents = append(documents, get(t, trusting(t, dir), base+"/.well-known/did.json"))
		res, err := http.Post("http://"+admin+"/statements", "application/json", strings.NewReader(`{"software_id":"s"}`))
		if err != nil || res.StatusCode != http.StatusCreated {
			t.Fatal(res, err)
		}
		res.Body.Close()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v", signal, err)
		}
	}
	if documents[0] != documents[1] || !strings.Contains(documents[0], "assertionMethod") {
		t.Errorf("another key: %v", documents)
	}
}

// trusting trusts the certificate that the program made.
func trusting(t *testing.T, dir string) *http.Client {
	t.Helper()
	data, err := os.ReadFile(dir + "/lso-tls-cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	// TLS 1.2 is the more exacting: its suites are of RSA.
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}}}
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer client.CloseIdleConnections()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return string(body)
}

func TestExitStatus(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for args, want := range map[string]int{
		"-help": 0, "-wrong": 2, "more": 2, "-admin 0.0.0.0:9451": 2, "-admin registry.example:9451": 2, "-base http://localhost": 2,
		"-base https://localhost/a": 2, "-store none/registry.json": 1, "-tls-cert x.pem -tls-key none/x.pem": 1, "-listen " + busy.Addr().String(): 1,
		"-listen 127.0.0.1:0 -admin " + busy.Addr().String(): 1,
	} {
		t.Run(args, func(t *testing.T) {
			cmd := program(t, t.TempDir(), args)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != want || (want == 0) != (stderr.Len() == 0) {
				t.Errorf("exit status %d, want %d: %s", got, want, &stderr)
			}
		})
	}
}
