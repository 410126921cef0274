package metadata_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/handler/metadata"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

func newRing(t testing.TB, p *profile.Profile, more ...any) *key.Ring {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := key.NewRing(t.Context(), key.Signing(append([]any{ec}, more...)...), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// write is the document as a client reads it.
func write(t *testing.T, d metadata.Document) map[string]any {
	t.Helper()
	handler, err := metadata.Discovery(d)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	var members map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// list is a JSON array of these strings.
func list(words string) []any {
	var l []any
	for _, w := range strings.Split(words, "|") {
		l = append(l, w)
	}
	return l
}

const (
	methods = "private_key_jwt|tls_client_auth|self_signed_tls_client_auth"
	keyEnc  = "RSA-OAEP-256|RSA-OAEP|ECDH-ES|ECDH-ES+A128KW|ECDH-ES+A256KW"
	enc     = "A256GCM|A128GCM|A256CBC-HS512|A128CBC-HS256"
)

// What every profile's document says (OpenID Connect Discovery §3).
func common() map[string]any {
	return map[string]any{
		"issuer": "https://seller.example", "authorization_endpoint": "https://seller.example/authorize",
		"token_endpoint": "https://seller.example/token", "jwks_uri": "https://seller.example/jwks",
		"scopes_supported":                               list("openid|quote|POST:/quote|GET:/quote|POST:/quote-submissions|GET:/quote-submissions"),
		"response_types_supported":                       list("code id_token|code"),
		"response_modes_supported":                       list("fragment|jwt"),
		"grant_types_supported":                          list("authorization_code|client_credentials|refresh_token"),
		"subject_types_supported":                        list("public"),
		"claims_parameter_supported":                     true,
		"claims_supported":                               list("sub|acr|auth_time|meflso_intent_id"),
		"request_parameter_supported":                    true,
		"request_uri_parameter_supported":                true,
		"require_request_uri_registration":               true,
		"tls_client_certificate_bound_access_tokens":     true,
		"require_signed_request_object":                  true,
		"token_endpoint_auth_methods_supported":          list(methods),
		"introspection_endpoint_auth_methods_supported":  list(methods),
		"revocation_endpoint_auth_methods_supported":     list(methods),
		"code_challenge_methods_supported":               list("S256"),
		"authorization_response_iss_parameter_supported": true,
		"id_token_signing_alg_values_supported":          list("ES256"),
		"acr_values_supported":                           list("urn:meflso:sca|urn:meflso:ca"),
	}
}

// without is what a profile has that cannot do all.
func without(members ...string) map[string]any {
	want := map[string]any{
		"response_types_supported": list("code id_token"), "response_modes_supported": list("fragment"), "request_uri_parameter_supported": false,
	}
	for _, name := range members {
		want[name] = nil
	}
	return want
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var algMembers = []string{
	"request_object_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported",
	"introspection_endpoint_auth_signing_alg_values_supported", "revocation_endpoint_auth_signing_alg_values_supported",
}

// Each list is what the profile enforces, in presets and in changed copies.
func TestDerive(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		preset func() profile.Profile
		change func(*profile.Profile)
		keys   []any
		algs   string
		want   map[string]any
	}{
		{"MEFLSO", profile.MEFLSO, nil, nil, "ES256|PS256|EdDSA|Ed25519", nil},
		{"MEFLSO128", profile.MEFLSO128, nil, nil, "ES256|PS256", map[string]any{
			"acr_values_supported": list("urn:mef:lso:security:oidc:acr:sca|urn:mef:lso:security:oidc:acr:ca"),
		}},
		{"with RS256", profile.MEFLSO128, func(p *profile.Profile) { p.AllowRS256 = true }, nil, "ES256|PS256|RS256", map[string]any{
			"acr_values_supported": list("urn:mef:lso:security:oidc:acr:sca|urn:mef:lso:security:oidc:acr:ca"),
		}},
		{"with an EdDSA key", profile.MEFLSO, nil, []any{ed}, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"id_token_signing_alg_values_supported": list("ES256|EdDSA|Ed25519"),
		}},
		{"ES256 alone", profile.MEFLSO, func(p *profile.Profile) { p.SigningAlgs = []profile.Alg{profile.ES256} }, nil, "ES256", nil},
		{"no refresh tokens", profile.MEFLSO, func(p *profile.Profile) { p.RefreshTokens = false }, nil, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"grant_types_supported": list("authorization_code|client_credentials"),
		}},
		{"MEF-R30 users", profile.MEFLSO, func(p *profile.Profile) { p.SubjectMode = profile.SubjectUser }, nil, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"subject_types_supported": list("pairwise"),
		}},
		{"no intents", profile.MEFLSO, func(p *profile.Profile) {
			p.SubjectMode, p.RequireIntent, p.IntentClaim = profile.SubjectUser, false, ""
		}, nil, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"subject_types_supported": list("pairwise"), "claims_supported": list("sub|acr|auth_time"),
		}},
		{"no JARM, PAR and JWE", profile.MEFLSO, func(p *profile.Profile) {
			p.ResponseTypes, p.ResponseModes, p.RequestDelivery = []string{"code id_token"}, []string{"fragment"}, []profile.Delivery{profile.DeliverByValue}
			p.AcceptJWE, p.KeyEncAlgs, p.ContentEncAlgs = false, nil, nil
		}, nil, "ES256|PS256|EdDSA|Ed25519", without(
			"id_token_encryption_alg_values_supported", "id_token_encryption_enc_values_supported", "userinfo_encryption_alg_values_supported",
			"userinfo_encryption_enc_values_supported", "authorization_encryption_alg_values_supported", "authorization_encryption_enc_values_supported",
			"authorization_signing_alg_values_supported", "require_request_uri_registration")},
		{"a key to encrypt to", profile.MEFLSO, nil, []any{key.Decryption{Key: newRSA(t)}}, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"request_object_encryption_alg_values_supported": list("RSA-OAEP-256"), "request_object_encryption_enc_values_supported": list(enc),
		}},
		{"other names", profile.MEFLSO, func(p *profile.Profile) {
			p.ScopeUmbrellas, p.IntentClaim, p.ACRValues = nil, "order_id", []string{"urn:x"}
		}, nil, "ES256|PS256|EdDSA|Ed25519", map[string]any{
			"scopes_supported": list("openid"), "claims_supported": list("sub|acr|auth_time|order_id"), "acr_values_supported": list("urn:x"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.preset()
			if c.change != nil {
				c.change(&p)
			}
			d := metadata.Derive(&p, newRing(t, &p, c.keys...))
			d.Issuer, d.JWKS = "https://seller.example", "https://seller.example/jwks"
			d.Authorization, d.Token = "https://seller.example/authorize", "https://seller.example/token"
			want := common()
			for _, name := range algMembers {
				want[name] = list(c.algs)
			}
			for _, answer := range []string{"id_token", "userinfo", "authorization"} {
				want[answer+"_encryption_alg_values_supported"], want[answer+"_encryption_enc_values_supported"] = list(keyEnc), list(enc)
			}
			for name, value := range c.want {
				want[name] = value
			}
			for _, answer := range []string{"userinfo", "authorization"} {
				if value, ok := c.want[answer+"_signing_alg_values_supported"]; !ok || value != nil {
					want[answer+"_signing_alg_values_supported"] = want["id_token_signing_alg_values_supported"]
				}
			}
			maps.DeleteFunc(want, func(_ string, value any) bool { return value == nil })
			got := write(t, d)
			for name := range want {
				if !reflect.DeepEqual(got[name], want[name]) {
					t.Errorf("%s: got %v, want %v", name, got[name], want[name])
				}
			}
			for name := range got {
				if _, ok := want[name]; !ok {
					t.Errorf("%s is there: %v", name, got[name])
				}
			}
		})
	}
}

// FAPI-8.6-1, MEF-R51: what is listed is what is accepted, and neither none nor
// HMAC is.
func TestListedIsAccepted(t *testing.T) {
	for _, preset := range []func() profile.Profile{profile.MEFLSO, profile.MEFLSO128} {
		p := preset()
		d := metadata.Derive(&p, newRing(t, &p))
		for _, alg := range []string{
			"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA", "Ed25519", "HS256", "HS384", "HS512", "none",
		} {
			accepts := p.AcceptsAlg(alg, "")
			if slices.Contains(d.RequestObjectAlgs, alg) != accepts || slices.Contains(d.AuthAlgs, alg) != accepts {
				t.Errorf("%s, %s: accepted %v, listed %v", p.Name, alg, accepts, d.AuthAlgs)
			}
		}
	}
}

// A host may add to the document's lists without changing the profile's.
func TestScopesAreACopy(t *testing.T) {
	p := profile.MEFLSO()
	d := metadata.Derive(&p, newRing(t, &p))
	d.Scopes[0] = "x"
	if p.RequiredScopes[0] != "openid" {
		t.Error("the profile was changed")
	}
}

func TestHandlers(t *testing.T) {
	p := profile.MEFLSO()
	ring := newRing(t, &p)
	discovery, err := metadata.Discovery(metadata.Derive(&p, ring))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, contentType string
		handler           http.Handler
	}{{"discovery", "application/json", discovery}, {"JWKS", "application/jwk-set+json", metadata.JWKS(ring)}} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"} {
			t.Run(c.name+"/"+method, func(t *testing.T) {
				recorder := httptest.NewRecorder()
				c.handler.ServeHTTP(recorder, &http.Request{Method: method, Header: http.Header{}})
				response := recorder.Result()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				if method != "GET" && method != "HEAD" {
					if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" || len(body) > 0 {
						t.Errorf("got %d, %v, %s", response.StatusCode, response.Header, body)
					}
					return
				}
				if response.StatusCode != 200 || response.Header.Get("Content-Type") != c.contentType ||
					response.Header.Get("Cache-Control") != "public, max-age=300" || (len(body) > 0) != (method == "GET") {
					t.Errorf("got %d, %v, %s", response.StatusCode, response.Header, body)
				}
			})
		}
	}
}

func TestJWKS(t *testing.T) {
	p := profile.MEFLSO()
	ring := newRing(t, &p)
	recorder := httptest.NewRecorder()
	metadata.JWKS(ring).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/oauth2/jwks", nil))
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(recorder.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 || !set.Keys[0].IsPublic() {
		t.Errorf("got %s, %v", recorder.Body, err)
	}
}
