package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args string
		want string // in the message
	}{
		{"-profile nz-banking", "not available in this release"},
		{"-profile uk-ob", "not available in this release"},
		{"-profile fapi1-advanced", "not available in this release"},
		{"-profile oidc-ciba", "not available in this release"},
		{"-store postgres://user:hunter2@db:port/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:hunter2@db/op?sslmode=hunter2", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12/hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12?hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres://user:12#hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-store postgres:user:hunter2@db/op", "no URL of a PostgreSQL database"},
		{"-client-ca ca.pem", "not available in this release"},
		{"-auto-ciba", "not available in this release"},
		{"-trust-anchors file", "not available in this release"},
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
		"no client file":   func(*testing.T) []string { return []string{"-clients", "nothing.json"} },
		"no key file":      func(*testing.T) []string { return []string{"-keys", "nothing.json"} },
		"no database":      func(*testing.T) []string { return []string{"-store", "postgres://user:hunter2@127.0.0.1:1/op"} },
		"no store folder":  func(*testing.T) []string { return []string{"-store", "sqlite:nowhere/lso.db"} },
		"bad secret":       func(t *testing.T) []string { must(t, os.WriteFile("lso-secret", []byte("x"), 0o600)); return nil },
		"bad keys":         func(t *testing.T) []string { must(t, os.WriteFile("lso-keys.json", []byte("x"), 0o600)); return nil },
		"bad TLS key":      func(t *testing.T) []string { must(t, os.WriteFile(madeKey, []byte("x"), 0o600)); return nil },
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

// TestKeepOnce: of several processes at once, all work with the same file.
func TestKeepOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	var group sync.WaitGroup
	got := make([]string, 20)
	for i := range got {
		group.Go(func() {
			data, err := keep("file", 0o600, func() ([]byte, error) { return []byte(strconv.Itoa(i)), nil })
			if err != nil {
				t.Error(err)
			}
			got[i] = string(data)
		})
	}
	group.Wait()
	for _, data := range got {
		if data == "" || data != got[0] {
			t.Fatalf("different files: %q", got)
		}
	}
}

func TestProfileChoosesKeys(t *testing.T) {
	for profile, want := range map[string]int{"mef-lso": 3, "mef-lso-128": 2} {
		workDir(t)
		o := start(t, []object{}, "-store", "memory", "-profile", profile)
		keys := o.get(t, o.issuer+"/oauth2/jwks").json(t)["keys"].([]any)
		if len(keys) != want {
			t.Errorf("%s: %d keys", profile, len(keys))
		}
	}
}

func TestClientRules(t *testing.T) {
	b := newBuyer(t, "buyer-a")
	with := func(name string, value any) object {
		m := b.metadata()
		if m[name] = value; value == nil {
			delete(m, name)
		}
		return m
	}
	both := with("jwks_uri", "https://buyer.example/jwks")
	byReference := with("jwks", nil)
	byReference["jwks_uri"] = "https://buyer.example/jwks"
	plain := with("jwks", nil)
	plain["jwks_uri"] = "http://buyer.example/jwks"
	for _, test := range []struct {
		clients []object
		want    string // in the error; empty: accepted
	}{
		{[]object{b.metadata()}, ""},
		{[]object{byReference}, ""},
		{[]object{with("redirect_uris", []string{"https://127.0.0.1:8443/cb", "https://localhost/cb"})}, ""},
		{[]object{with("token_endpoint_auth_method", nil)}, ""},
		{[]object{with("client_id", nil)}, "client_id"},
		{[]object{with("client_id", "a\u00e4")}, "ASCII"},
		{[]object{b.metadata(), b.metadata()}, "twice"},
		{[]object{with("jwks", nil)}, "neither"},
		{[]object{both}, "both"},
		{[]object{plain}, "jwks_uri"},
		{[]object{with("jwks", b.jwks(true))}, "private"},
		{[]object{with("jwks", object{"keys": []object{{"kty": "oct", "k": "c2VjcmV0"}}})}, "private"},
		{[]object{with("jwks", object{"keys": []object{}})}, "no JWK Set"},
		{[]object{with("redirect_uris", []string{"http://localhost/cb"})}, "redirect_uri"},
		{[]object{with("redirect_uris", []string{"https://a.example/cb#x"})}, "redirect_uri"},
		{[]object{with("redirect_uris", []string{"buyer:/cb"})}, "redirect_uri"},
		{[]object{with("token_endpoint_auth_method", "client_secret_basic")}, "private_key_jwt"},
		{[]object{with("token_endpoint_auth_method", "none")}, "private_key_jwt"},
	} {
		data, err := json.Marshal(test.clients)
		must(t, err)
		_, err = parseClients(data)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("want %q, got %v", test.want, err)
		}
	}
	for _, text := range []string{`{}`, `[null]`, `x`, ``} {
		if _, err := parseClients([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
