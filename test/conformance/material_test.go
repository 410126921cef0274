package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// testMaterial is made once, since that takes a while.
var testMaterial = sync.OnceValues(makeMaterial)

// testSession is a plan in a temporary folder.
func testSession(t *testing.T, plan, variant string) *session {
	t.Helper()
	all, err := targets(plan, variant)
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseFlags([]string{"-dir", t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := testMaterial()
	if err != nil {
		t.Fatal(err)
	}
	return &session{options: o, target: all[0], keys: keys, out: t.Output()}
}

func TestMaterialIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "material.json")
	made, err := loadMaterial(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadMaterial(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range made.Clients {
		if again.Clients[i].Key.KeyID != p.Key.KeyID || again.Clients[i].Cert != p.Cert {
			t.Errorf("client %d changed", i)
		}
	}
}

func TestServerGetsNoPrivateKeyOfAClient(t *testing.T) {
	s := testSession(t, fapiPlan, "")
	if err := s.writeFiles(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path("clients.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`} {
		if strings.Contains(string(data), member+":") {
			t.Errorf("clients.json has %s", member)
		}
	}
}

func TestClientCertificatesChainToTheCA(t *testing.T) {
	m := testSession(t, configPlan, "").keys
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(m.CA)) {
		t.Fatal("the CA cannot be read")
	}
	for _, p := range m.Clients {
		pair, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.CertKey))
		if err != nil {
			t.Fatal(err)
		}
		usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: usages}); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
		if got := pair.Leaf.Subject.String(); got != p.SubjectDN {
			t.Errorf("subject %q, registered as %q", got, p.SubjectDN)
		}
	}
}

func TestPlanConfigHasWhatTheSuiteAsksFor(t *testing.T) {
	data, err := json.Marshal(testSession(t, fapiPlan, "").planConfig())
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Client, Client2 struct {
			JWKS struct{ Keys []map[string]string }
		}
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	first, second := config.Client.JWKS.Keys[0], config.Client2.JWKS.Keys[0]
	for _, key := range []map[string]string{first, second} {
		if key["kid"] == "" || key["alg"] != "PS256" || key["use"] != "sig" || key["d"] == "" {
			t.Errorf("want a private key with kid, alg and use, got kid %q, alg %q, use %q", key["kid"], key["alg"], key["use"])
		}
	}
	if first["n"] == second["n"] {
		t.Error("both clients have the same key")
	}
}

func TestServerFlags(t *testing.T) {
	for _, c := range []struct {
		name, variant, profile string
		clientCA               bool
	}{
		{"plain", "", "fapi1-advanced", false},
		{"mtls", "client_auth_type=mtls", "fapi1-advanced", true},
		{"uk", "fapi_profile=openbanking_uk", "uk-ob", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testSession(t, fapiPlan, c.variant)
			args := s.opArgs()
			if i := slices.Index(args, "-profile"); args[i+1] != c.profile {
				t.Errorf("-profile %s, want %s", args[i+1], c.profile)
			}
			if slices.Contains(args, "-client-ca") != c.clientCA {
				t.Errorf("-client-ca is there: %t, want %t", !c.clientCA, c.clientCA)
			}
			if i := slices.Index(args, "-clients"); !filepath.IsAbs(args[i+1]) {
				t.Errorf("-clients %s is relative to the server's folder", args[i+1])
			}
		})
	}
}

func TestClientMetadataFollowsTheVariant(t *testing.T) {
	s := testSession(t, fapiPlan, "client_auth_type=mtls,fapi_response_mode=jarm")
	m := s.metadata(s.keys.Clients[0])
	if m["token_endpoint_auth_method"] != "tls_client_auth" || m["tls_client_auth_subject_dn"] != "CN=conformance-client-1" {
		t.Errorf("authentication: %v, %v", m["token_endpoint_auth_method"], m["tls_client_auth_subject_dn"])
	}
	if types, _ := m["response_types"].([]string); !slices.Equal(types, []string{"code"}) {
		t.Errorf("response_types: %v", types)
	}
}
