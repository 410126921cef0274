package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/go-jose/go-jose/v3"
)

const opPackage = "github.com/meflso/fosite-meflso/example/op"

// profileOf is the server's profile for the plan.
func (s *session) profileOf() string {
	switch {
	case s.profile != "":
		return s.profile
	case s.Variant[ecosystem] == uk:
		return "uk-ob"
	}
	return "fapi1-advanced"
}

// opArgs are the server's flags.
func (s *session) opArgs() []string {
	args := []string{
		"-profile", s.profileOf(), "-store", "memory", "-allow-loopback",
		"-issuer", s.issuer, "-listen", loopback(s.issuer),
		"-mtls-base", s.mtlsBase, "-mtls-listen", loopback(s.mtlsBase),
		"-clients", s.path("clients.json"), "-keys", s.path("op-keys.json"),
	}
	if s.Variant[authType] == mtls {
		args = append(args, "-client-ca", s.path("client-ca.pem"))
	}
	return args
}

// loopback is the address to listen at for the URL, whatever its host.
func loopback(base string) string {
	port := "443"
	if u, err := url.Parse(base); err == nil && u.Port() != "" {
		port = u.Port()
	}
	return "127.0.0.1:" + port
}

// writeFiles writes what the server reads, and the plan's configuration beside
// it for who wants to try the plan by hand.
func (s *session) writeFiles() error {
	return errors.Join(
		writeJSON(s.path("clients.json"), []metadata{s.metadata(s.keys.Clients[0]), s.metadata(s.keys.Clients[1])}),
		writeJSON(s.path("op-keys.json"), s.keys.OPKeys),
		os.WriteFile(s.path("client-ca.pem"), []byte(s.keys.CA), 0o600),
		writeJSON(s.path("plan.json"), s.planConfig()),
	)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}

// metadata is a client as RFC 7591 writes it.
type metadata map[string]any

func (s *session) metadata(p party) metadata {
	m := metadata{
		"client_id": p.ID, "client_name": p.ID, "redirect_uris": s.redirects(), "scope": s.scope,
		"grant_types":                     []string{"authorization_code", "refresh_token", "client_credentials"},
		"response_types":                  []string{s.responseType()},
		"jwks":                            jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.Key.Public()}},
		"token_endpoint_auth_method":      "private_key_jwt",
		"token_endpoint_auth_signing_alg": "PS256",
		"request_object_signing_alg":      "PS256",
		"id_token_signed_response_alg":    "PS256",

		"tls_client_certificate_bound_access_tokens": true,
	}
	if s.Variant[authType] == mtls {
		m["token_endpoint_auth_method"], m["tls_client_auth_subject_dn"] = "tls_client_auth", p.SubjectDN
		delete(m, "token_endpoint_auth_signing_alg")
	}
	if s.Variant[responseMode] == jarm {
		m["authorization_signed_response_alg"] = "PS256"
	}
	return m
}

// responseType is the one that the suite uses. It wants the other one refused.
func (s *session) responseType() string {
	if s.Variant[responseMode] == jarm {
		return "code"
	}
	return "code id_token"
}

// process is a server that this program started.
type process struct {
	*exec.Cmd
	log *os.File
}

// startOP builds and starts the server, and returns when it is ready.
func (s *session) startOP(ctx context.Context) (*process, error) {
	if s.program == "" {
		s.program = s.path("op")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.program, opPackage).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", opPackage, err, out)
		}
	}
	log, err := os.Create(s.path("op.log"))
	if err != nil {
		return nil, err
	}
	p := &process{exec.Command(s.program, s.opArgs()...), log}
	p.Dir, p.Stderr = s.dir, log
	stdout, err := p.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
		p.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("the server did not start: %s%s", line, said)
	}
	return p, nil
}

// stop ends the server. How it ends is not what is tested here.
func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
	_ = p.log.Close()
}

// quoted is a command line for a shell.
func quoted(args []string) string {
	quotes := slices.Clone(args)
	for i, arg := range quotes {
		if !strings.HasPrefix(arg, "-") {
			quotes[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quotes, " ")
}
