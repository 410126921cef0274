// Package interop lets a relying party that others wrote, and that is
// certified for FAPI, work with the example server; and has DIDs, credentials,
// status lists and software statements read by the packages of others, and
// theirs by ours.
package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/test/harness"
)

// steps are what relyingparty.mjs does, in its order.
var steps = []string{
	"discovery", "client_credentials", "quote", "request_object", "authorization", "second_flow",
	"tampered_state_refused", "swapped_code_refused", "swapped_id_token_refused", "wrong_nonce_refused",
	"code", "userinfo", "submission", "refresh", "introspection", "revocation", "inactive", "second_exchange_refused",
}

// TestRelyingParty runs openid-client with a client of each algorithm.
func TestRelyingParty(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	folder := install(t)
	var buyers []*harness.Buyer
	var clients []harness.Claims
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		b := harness.NewBuyer(t, "buyer-"+strings.ToLower(alg), alg, "")
		buyers, clients = append(buyers, b), append(clients, registration(b))
	}
	op := harness.StartOP(t, clients, "-store", "memory", "-auto-approve", "alice")
	certificate := certificateOf(t, op)
	for _, b := range buyers {
		t.Run(b.Alg, func(t *testing.T) {
			play(t, folder, "relyingparty.mjs", certificate, instructions(op, b), steps)
		})
	}
}

// registration ties the client to its algorithm in all that it signs and gets.
func registration(b *harness.Buyer) harness.Claims {
	client := b.Metadata()
	client["jwks"] = gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{jwk(b).Public()}}
	for _, name := range []string{"token_endpoint_auth_signing_alg", "request_object_signing_alg", "id_token_signed_response_alg"} {
		client[name] = b.Alg
	}
	return client
}

func jwk(b *harness.Buyer) *gojose.JSONWebKey {
	return &gojose.JSONWebKey{Key: b.Key, KeyID: b.Kid, Use: "sig", Algorithm: b.Alg}
}

func instructions(op *harness.OP, b *harness.Buyer) map[string]any {
	return map[string]any{
		"name": b.Alg, "issuer": op.Issuer, "resource": op.Resource, "clientId": b.ID, "redirectUri": b.Redirect, "alg": b.Alg, "jwk": jwk(b),
	}
}

// play runs a program, which has to report these steps and no others.
func play(t *testing.T, folder, program, certificate string, instructions map[string]any, steps []string) {
	t.Helper()
	wantSteps(t, run(t, folder, program, certificate, instructions), instructions["name"], steps)
}

// wantSteps: the lines report these steps and no others.
func wantSteps(t *testing.T, got []string, name any, steps []string) {
	t.Helper()
	for i, step := range steps {
		t.Run(step, func(t *testing.T) {
			if want := fmt.Sprintf("ok %s %s", name, step); i >= len(got) || got[i] != want {
				t.Errorf("no line %q", want)
			}
		})
	}
	if len(got) > len(steps) {
		t.Errorf("lines of no step: %q", got[len(steps):])
	}
}

// wantMade is wantSteps for a program that hands something over before it
// reports its last step.
func wantMade(t *testing.T, got []string, name any, steps []string, made any) {
	t.Helper()
	at := slices.IndexFunc(got, func(line string) bool { return strings.HasPrefix(line, "{") })
	if at < 0 {
		wantSteps(t, got, name, steps)
		t.Fatal("the program handed nothing over")
	}
	must(t, json.Unmarshal([]byte(got[at]), made))
	wantSteps(t, slices.Delete(slices.Clone(got), at, at+1), name, steps)
}

// run runs a program and returns the lines that it printed.
func run(t *testing.T, folder, program, certificate string, instructions map[string]any) []string {
	t.Helper()
	data, err := json.Marshal(instructions)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", program)
	command.Dir = folder
	command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+certificate)
	command.Stdin = bytes.NewReader(data)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Errorf("%s: %v\n%s", program, err, &stderr)
	}
	return strings.Split(strings.TrimSpace(stdout.String()), "\n")
}

// install copies the programs into a temporary folder, with the packages that
// its lock file names.
func install(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("node", "--version").Output()
	if major := majorOf(string(out)); err != nil || major < 18 {
		missing(t, "Node.js 18 or newer is not installed (Debian: apt-get install nodejs npm)")
	}
	folder := t.TempDir()
	programs, err := filepath.Glob("*.mjs")
	must(t, err)
	for _, name := range append(programs, "package.json", "package-lock.json") {
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = folder
	if out, err := npm.CombinedOutput(); err != nil {
		missing(t, "the packages of package-lock.json cannot be installed: "+err.Error()+"\n"+string(out))
	}
	return folder
}

// majorOf reads v20.1.2.
func majorOf(version string) int {
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, _ := strconv.Atoi(major)
	return n
}

// missing skips the test, or fails it with CI=true.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// certificateOf writes the server's certificate to a file.
func certificateOf(t *testing.T, op *harness.OP) string {
	t.Helper()
	response, err := op.HTTP.Get(op.Issuer + "/healthz")
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("healthz: %s", response.Status)
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: response.TLS.PeerCertificates[0].Raw}
	file := filepath.Join(t.TempDir(), "op.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
