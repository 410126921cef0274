package op_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

// TestProfiles: what each profile has in common, and what its discovery says.
func TestProfiles(t *testing.T) {
	for _, profile := range []struct {
		name   string
		scopes []string
		types  []string
		par    bool
		bare   string // the error for a token request without certificate
	}{
		{"mef-lso", []string{"openid", "quote"}, []string{"code id_token", "code"}, true, ""},
		{"mef-lso-128", []string{"openid", "quote"}, []string{"code id_token", "code"}, true, ""},
		{"fapi1-advanced", []string{"openid"}, []string{"code id_token", "code"}, true, "invalid_request"},
		{"nz-banking", []string{"openid", "accounts", "payments"}, []string{"code id_token"}, false, "invalid_client"},
		{"uk-ob", []string{"openid", "accounts", "payments"}, []string{"code id_token"}, false, "invalid_request"},
	} {
		t.Run(profile.name, func(t *testing.T) {
			w := startProfile(t, profile.name)
			plain := w.client(t, nil)
			doc := fetch(t, plain, w.issuer+"/.well-known/openid-configuration").Body
			lists(t, doc, "scopes_supported", profile.scopes...)
			lists(t, doc, "response_types_supported", profile.types...)
			lists(t, doc, "token_endpoint_auth_methods_supported", "private_key_jwt", "tls_client_auth")
			if _, ok := doc["pushed_authorization_request_endpoint"]; ok != profile.par || doc["issuer"] != w.issuer || doc["tls_client_certificate_bound_access_tokens"] != true {
				t.Errorf("discovery: %v", doc)
			}
			checkAliases(t, w, doc)
			checkTLS(t, w)
			checkBare(t, w, plain, profile.bare)
			checkOwn(t, w, plain)
			w.stop(t)
		})
	}
}

// checkOwn: what both clients get for themselves is good for what is their own.
func checkOwn(t *testing.T, w *world, plain *http.Client) {
	t.Helper()
	for _, c := range []*client{w.tls, w.jwt} {
		token, _ := c.granted(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}).Body["access_token"].(string)
		if r := call(t, c.HTTP, w.api+"/resource", token, ""); r.Status != http.StatusForbidden {
			t.Errorf("/resource with a token of its own: %d %s", r.Status, r.Raw)
		}
		if r := call(t, plain, w.api+"/resource", token, ""); r.Status != http.StatusUnauthorized {
			t.Errorf("/resource without the certificate: %d %s", r.Status, r.Raw)
		}
	}
}

// fetch reads a public document.
func fetch(t *testing.T, through *http.Client, address string) harness.Response {
	t.Helper()
	response, err := through.Get(address)
	must(t, err)
	return harness.ReadJSON(t, response)
}

func lists(t *testing.T, doc harness.Claims, name string, want ...string) {
	t.Helper()
	values, _ := doc[name].([]any)
	for _, value := range want {
		first := slices.Index(values, any(value))
		if first < 0 || slices.Contains(values[first+1:], any(value)) {
			t.Errorf("%s has %q not once: %v", name, value, values)
		}
	}
}

// checkAliases: each endpoint for clients has its second address (RFC 8705 §5),
// and answers there with JSON.
func checkAliases(t *testing.T, w *world, doc harness.Claims) {
	t.Helper()
	aliases, _ := doc["mtls_endpoint_aliases"].(map[string]any)
	for name, alias := range aliases {
		address, _ := alias.(string)
		if first, ok := doc[name].(string); !ok || !strings.HasPrefix(address, w.api+"/") || strings.TrimPrefix(address, w.api) != strings.TrimPrefix(first, w.issuer) {
			t.Errorf("%s: alias %v of %v", name, alias, doc[name])
		}
		r := w.tls.Post(t, address, url.Values{"client_id": {w.tls.ID}})
		if revocation := name == "revocation_endpoint"; r.Status >= 500 || r.Status == http.StatusNotFound || (r.Body["error"] == nil) != revocation && r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", address, r.Status, r.Raw)
		}
	}
	for _, name := range []string{"token_endpoint", "introspection_endpoint", "revocation_endpoint", "userinfo_endpoint"} {
		if aliases[name] == nil {
			t.Errorf("no alias of %s in %v", name, aliases)
		}
	}
}

// checkTLS is FAPI 1.0 Advanced §8.5 on both listeners.
func checkTLS(t *testing.T, w *world) {
	t.Helper()
	dial := func(port string, lowest, highest, suite uint16) error {
		config := &tls.Config{RootCAs: w.roots(t), ServerName: "localhost", MinVersion: lowest, MaxVersion: highest} // #nosec G402 -- to be refused
		if suite != 0 {
			config.CipherSuites = []uint16{suite}
		}
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, config)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	for _, port := range w.ports {
		for _, old := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			if dial(port, old, old, 0) == nil {
				t.Errorf("%s is accepted", tls.VersionName(old))
			}
		}
		if err := dial(port, tls.VersionTLS13, tls.VersionTLS13, 0); err != nil {
			t.Errorf("TLS 1.3: %v", err)
		}
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if suite.SupportedVersions[0] == tls.VersionTLS13 {
				continue
			}
			allowed := suite.ID == tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 || suite.ID == tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
			if err := dial(port, tls.VersionTLS12, tls.VersionTLS12, suite.ID); (err == nil) != allowed {
				t.Errorf("%s in TLS 1.2: %v", suite.Name, err)
			}
		}
	}
}

// checkBare: a token request without certificate gets JSON at either address,
// and no TLS alert: an error, or in a profile that allows it a token.
func checkBare(t *testing.T, w *world, plain *http.Client, want string) {
	t.Helper()
	for _, base := range []string{w.issuer, w.api} {
		response, err := plain.PostForm(base+"/oauth2/token", w.jwt.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}))
		must(t, err)
		r := harness.ReadJSON(t, response)
		if got, _ := r.Body["error"].(string); got != want || (r.Status == http.StatusOK) != (want == "") {
			t.Errorf("without certificate at %s: %d %s", base, r.Status, r.Raw)
		}
	}
}
