package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args string
		want string // in the message
	}{
		{"-profile oidc-ciba", "not available in this release"},
		{"-store postgres://user:hunter2@db:port/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:hunter2@db/op?sslmode=hunter2", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12/hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12?hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12#hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres:user:hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-auto-ciba", "not available in this release"},
		{"-status-max-age 61m", "within an hour"},
		{"-status-max-age 0", "within an hour"},
		{"-ephemeral redis://host", "not available in this release"},
		{"-payload-signing required", "not available in this release"},
		{"-payload-signing maybe", "none of"},
		{"-profile none", "unknown"},
		{"-store oracle", "none of"},
		{"-store sqlite:", "path"},
		{"-store sqlite::memory:", "path"},
		{"-issuer http://localhost", "https"},
		{"-issuer https://localhost/", "https"},
		{"-mtls-base https://localhost?a=b", "https"},
		{"-listen localhost", "port"},
		{"-metrics :9100", "loopback"},
		{"-metrics 192.0.2.1:9100", "loopback"},
		{"-metrics localhost", "loopback"},
		{"-tls-cert cert.pem", "together"},
		{"-auto-ciba=perhaps", "invalid boolean"},
		{"-unknown", "not defined"},
		{"argument", "unexpected"},
	} {
		var out, message bytes.Buffer
		status := report(run(t.Context(), strings.Fields(test.args), &out, &message), &message)
		if status != 2 || strings.Count(message.String(), "\n") != 1 || !strings.Contains(message.String(), test.want) || out.Len() > 0 {
			t.Errorf("%s: status %d, %q, %q", test.args, status, message.String(), out.String())
		}
		if strings.Contains(message.String(), "hunter2") {
			t.Errorf("a password is shown: %s", message.String())
		}
	}
	var help bytes.Buffer
	if status := report(run(t.Context(), []string{"-h"}, &help, io.Discard), io.Discard); status != 0 || !strings.Contains(help.String(), "-mtls-listen") {
		t.Errorf("-h: status %d, %s", status, help.String())
	}
}

// TestStoreShown: what the ready line says of a store, and where its keys lie.
func TestStoreShown(t *testing.T) {
	for flag, want := range map[string][2]string{
		"memory":                  {"memory", "lso-keys.json"},
		"sqlite:data/op.db":       {"sqlite:data/op.db", "data/op.db.keys.json"},
		"postgres://op@db/lso":    {"postgres://op@db/lso", "lso-keys.json"},
		"postgresql://db:5433/":   {"postgres://db:5433/", "lso-keys.json"},
		"postgres://o%20p@db/lso": {"postgres://o%20p@db/lso", "lso-keys.json"},
		"postgres://op:hunter2@db/lso?sslmode=disable&application_name=op": {"postgres://op@db/lso", "lso-keys.json"},
		"postgres://db/lso?user=op&password=hunter2":                       {"postgres://db/lso", "lso-keys.json"},
		"postgres://op:hunter%40%2f%3f@db/lso":                             {"postgres://op@db/lso", "lso-keys.json"},
	} {
		spec, err := parseStore(flag)
		must(t, err)
		if spec.String() != want[0] || spec.beside("keys.json") != want[1] {
			t.Errorf("%s: %s, %s", flag, spec, spec.beside("keys.json"))
		}
	}
}

func TestStartFailures(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T) []string{
		"no client file":     func(*testing.T) []string { return []string{"-clients", "nothing.json"} },
		"no key file":        func(*testing.T) []string { return []string{"-keys", "nothing.json"} },
		"no database":        func(*testing.T) []string { return []string{"-store", "postgres://user:hunter2@127.0.0.1:1/op"} },
		"no store folder":    func(*testing.T) []string { return []string{"-store", "sqlite:nowhere/lso.db"} },
		"bad secret":         func(t *testing.T) []string { must(t, os.WriteFile("lso-secret", []byte("x"), 0o600)); return nil },
		"bad keys":           func(t *testing.T) []string { must(t, os.WriteFile("lso-keys.json", []byte("x"), 0o600)); return nil },
		"bad TLS key":        func(t *testing.T) []string { must(t, os.WriteFile(madeKey, []byte("x"), 0o600)); return nil },
		"no client CA file":  func(*testing.T) []string { return []string{"-client-ca", "nothing.pem"} },
		"empty client CAs":   func(t *testing.T) []string { return []string{"-client-ca", writeFile(t, "ca.pem", "no PEM")} },
		"a key as client CA": func(*testing.T) []string { return []string{"-client-ca", madeKey} },
		"a client without subject": func(t *testing.T) []string {
			b := newBuyer(t, "x").metadata()
			b["token_endpoint_auth_method"] = "tls_client_auth"
			return []string{"-client-ca", writeFile(t, "ca.pem", string(certificatePEM(t))), "-clients", writeClients(t, []object{b})}
		},
		"no anchor file": func(*testing.T) []string { return []string{"-trust-anchors", "nothing.json"} },
		"no anchors":     func(t *testing.T) []string { return []string{"-trust-anchors", writeFile(t, "a.json", "[]")} },
		"an anchor without key": func(t *testing.T) []string {
			return []string{"-trust-anchors", writeFile(t, "a.json", `[{"issuer":"https://directory.example"}]`)}
		},
		"an anchor without name": func(t *testing.T) []string {
			return []string{"-trust-anchors", writeFile(t, "a.json", `[{"jwks_uri":"https://directory.example/jwks"}]`)}
		},
		"an unknown member": func(t *testing.T) []string {
			return []string{"-trust-anchors", writeFile(t, "a.json", `[{"issuer":"did:web:a.example","trust":"all"}]`)}
		},
		"public keys only": func(t *testing.T) []string { return []string{"-keys", writePublic(t)} },
		"metrics port taken": func(t *testing.T) []string {
			taken := listen(t)
			t.Cleanup(func() { must(t, taken.Close()) })
			return []string{"-listen", "127.0.0.1:0", "-mtls-listen", "127.0.0.1:0", "-metrics", taken.Addr().String()}
		},
		"no such interface": func(*testing.T) []string { return []string{"-listen", "192.0.2.1:1"} },
	} {
		t.Run(name, func(t *testing.T) {
			workDir(t)
			args := append([]string{"-store", "memory"}, prepare(t)...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // in case it serves
			defer cancel()
			var message bytes.Buffer
			if status := report(run(ctx, args, io.Discard, &message), &message); status != 1 || message.Len() == 0 {
				t.Errorf("status %d, %s", status, message.String())
			}
			if strings.Contains(message.String(), "hunter2") {
				t.Errorf("a password is shown: %s", message.String())
			}
		})
	}
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	must(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func certificatePEM(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t).Certificate[0]})
}

func writePublic(t *testing.T) string {
	t.Helper()
	data, err := json.Marshal(newBuyer(t, "x").jwks(false))
	must(t, err)
	must(t, os.WriteFile("public.json", data, 0o600))
	return "public.json"
}

func TestMadeFiles(t *testing.T) {
	for _, test := range []struct {
		store string
		files map[string]fs.FileMode
	}{
		{"memory", map[string]fs.FileMode{"lso-keys.json": 0o600, "lso-secret": 0o600, madeKey: 0o600, madeCert: 0o644}},
		{"sqlite:a b?c%.db", map[string]fs.FileMode{"a b?c%.db.keys.json": 0o600, "a b?c%.db.secret": 0o600, "a b?c%.db": 0o644}},
	} {
		t.Run(test.store, func(t *testing.T) {
			t.Chdir(t.TempDir())
			o := start(t, []object{}, "-store", test.store)
			must(t, o.stop())
			for name, mode := range test.files {
				info, err := os.Stat(name)
				must(t, err)
				if info.Mode() != mode {
					t.Errorf("%s has mode %v", name, info.Mode())
				}
			}
			if left, _ := fs.Glob(os.DirFS("."), ".*"); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestProfileChoosesKeys(t *testing.T) {
	for profile, want := range map[string]string{
		"mef-lso": "ES256 PS256  RSA-OAEP-256 ECDH-ES", "mef-lso-128": "ES256 PS256 RSA-OAEP-256 ECDH-ES",
		"fapi1-advanced": "ES256 PS256 RSA-OAEP-256 ECDH-ES", "nz-banking": "ES256 PS256", "uk-ob": "ES256 PS256 RSA-OAEP-256",
	} {
		workDir(t)
		o := start(t, []object{}, "-store", "memory", "-profile", profile)
		var algs []string
		for _, key := range o.get(t, o.issuer+"/oauth2/jwks").json(t)["keys"].([]any) {
			alg, _ := key.(object)["alg"].(string) // EdDSA has none
			algs = append(algs, alg)
		}
		if got := strings.Join(algs, " "); got != want {
			t.Errorf("%s: keys for %q, want %q", profile, got, want)
		}
	}
}
