package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// The discovery document lists what the server does, and nothing else: each
// list is compared with what the server accepts and refuses, in every profile.

var presets = map[string]func() profile.Profile{
	"mef-lso": profile.MEFLSO, "mef-lso-128": profile.MEFLSO128, "fapi1-advanced": profile.FAPI1Advanced,
	"nz-banking": profile.NZBanking, "uk-ob": profile.UKOpenBanking,
}

// truth is a server of a profile and what it says of itself.
type truth struct {
	*harness.Host
	b        *harness.Buyer
	profile  profile.Profile
	document harness.Claims
}

// keysFor are signing keys for each algorithm of the profile, and decryption
// keys where it has them.
func keysFor(t *testing.T, p profile.Profile) key.Source {
	t.Helper()
	var keys []any
	for _, alg := range p.SigningAlgs {
		keys = append(keys, harness.NewBuyer(t, "op", string(alg), harness.Issuer).Key)
	}
	if p.AcceptJWE {
		rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
		keys = append(keys, key.Decryption{Alg: profile.RSAOAEP256, Key: rsaKey})
	}
	return key.Signing(keys...)
}

func eachProfile(t *testing.T, test func(t *testing.T, h truth)) {
	t.Helper()
	for name, preset := range presets {
		t.Run(name, func(t *testing.T) {
			p := preset()
			h := harness.StartHost(t, p, nil, func(c *compose.Config) {
				c.PairwiseSalt = harness.Secret
				c.Keys = keysFor(t, p)
			})
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			b.Speak(p)
			h.Register(t, b, everyType)
			response, err := h.HTTP.Get(h.Issuer + "/.well-known/openid-configuration")
			if err != nil {
				t.Fatal(err)
			}
			test(t, truth{h, b, p, harness.ReadJSON(t, response).Body})
		})
	}
}

var everyType = harness.Set("response_types", []string{"code id_token", "code", "token", "id_token", "code token", "code id_token token"})

func (h truth) lists(name string) []string {
	var all []string
	values, _ := h.document[name].([]any)
	for _, v := range values {
		all = append(all, v.(string))
	}
	return all
}

// ask sends a request object with the changes and reports whether a code came.
func (h truth) ask(t *testing.T, b *harness.Buyer, changes ...harness.Change) bool {
	t.Helper()
	answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), changes...)))
	return answer.Params.Get("code") != "" || answer.Params.Get("response") != "" && !strings.Contains(answer.Params.Get("response"), "error") && !isError(t, answer)
}

func isError(t *testing.T, answer harness.Answer) bool {
	t.Helper()
	_, claims := harness.Decode(t, answer.Params.Get("response"))
	return claims["error"] != nil
}

// shownBy are the requirements that a list shows.
var shownBy = map[string]string{
	"response_types_supported": "C-03/MEF-R13/FAPI-5.2.2-2/", "response_modes_supported": "FAPI-5.2.2-2/SLIDES-30/", "acr_values_supported": "C-06/MEF-R28/",
	"code_challenge_methods_supported": "BASE-5.2.2-7/SLIDES-05/", "request_object_signing_alg_values_supported": "C-01/FAPI-8.6-1/SLIDES-28/",
	"token_endpoint_auth_signing_alg_values_supported": "C-01/FAPI-8.6-1/SLIDES-28/", "id_token_signing_alg_values_supported": "C-01/FAPI-5.2.2.1-2/SLIDES-28/",
}

// compare plays each value and wants it accepted exactly if it is listed.
func (h truth) compare(t *testing.T, list string, universe []string, accepted func(value string) bool) {
	t.Helper()
	t.Run(shownBy[list]+list, func(t *testing.T) {
		listed := h.lists(list)
		for _, value := range listed {
			if !slices.Contains(universe, value) {
				t.Errorf("%q is listed, which is not known here", value)
			}
		}
		for _, value := range universe {
			if got, want := accepted(value), slices.Contains(listed, value); got != want {
				t.Errorf("%q is listed: %v, accepted: %v", value, want, got)
			}
		}
	})
}

func TestDiscoveryOfRequests(t *testing.T) {
	eachProfile(t, func(t *testing.T, h truth) {
		jarm := func(kind string) harness.Change {
			if kind == "code" {
				return harness.Set("response_mode", "jwt")
			}
			return harness.Set("response_mode", nil)
		}
		h.compare(t, "response_types_supported", []string{"code id_token", "code", "code token", "id_token", "token", "code id_token token", "none"}, func(v string) bool {
			return h.ask(t, h.b, harness.Set("response_type", v), jarm(v))
		})
		h.compare(t, "response_modes_supported", []string{"fragment", "query", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}, func(v string) bool {
			return h.ask(t, h.b, harness.Set("response_mode", v))
		})
		h.compare(t, "acr_values_supported", []string{
			"urn:meflso:sca", "urn:meflso:ca", "urn:openbanking:nz:sca", "urn:openbanking:nz:ca", "urn:openbanking:psd2:sca", "urn:openbanking:psd2:ca",
			"urn:mef:lso:security:oidc:acr:sca", "urn:mef:lso:security:oidc:acr:ca",
		}, func(v string) bool {
			if len(h.lists("acr_values_supported")) == 0 || strings.HasPrefix(h.document["acr_values_supported"].([]any)[0].(string), "urn:me") {
				return slices.Contains(h.lists("acr_values_supported"), v) // any, or an alias of the other MEF vocabulary
			}
			return h.ask(t, h.b, harness.Set("acr_values", v))
		})
		h.compare(t, "code_challenge_methods_supported", []string{"S256", "plain"}, func(v string) bool {
			return h.ask(t, h.b, harness.Set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), harness.Set("code_challenge_method", v))
		})
	})
}

var algorithms = []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256", "HS256", "none"}

// signed gives a registered client that signs with the algorithm; for the last
// two it only says so.
func (h truth) signed(t *testing.T, alg string, changes ...harness.Change) *harness.Buyer {
	t.Helper()
	b := harness.NewBuyer(t, "buyer-"+alg, alg, h.Issuer)
	b.Speak(h.profile)
	h.Register(t, b, append(changes, everyType)...)
	return b
}

func TestDiscoveryOfAlgorithms(t *testing.T) {
	eachProfile(t, func(t *testing.T, h truth) {
		h.compare(t, "request_object_signing_alg_values_supported", algorithms, func(alg string) bool {
			return h.ask(t, h.signed(t, alg), harness.Header("alg", alg))
		})
		for _, list := range []string{"introspection_endpoint_auth_signing_alg_values_supported", "revocation_endpoint_auth_signing_alg_values_supported"} {
			h.compare(t, list, algorithms, func(alg string) bool { return h.authenticates(t, h.signed(t, alg)) })
		}
		h.compare(t, "token_endpoint_auth_signing_alg_values_supported", algorithms, func(alg string) bool { return h.authenticates(t, h.signed(t, alg)) })
		h.compare(t, "id_token_signing_alg_values_supported", algorithms, func(alg string) bool {
			return h.ask(t, h.b2(t, harness.Set("id_token_signed_response_alg", alg)))
		})
		if len(h.lists("authorization_signing_alg_values_supported")) > 0 {
			h.compare(t, "authorization_signing_alg_values_supported", algorithms, func(alg string) bool {
				return h.ask(t, h.b2(t, harness.Set("authorization_signed_response_alg", alg)), harness.Set("response_type", "code"), harness.Set("response_mode", "jwt"))
			})
		}
	})
}

// b2 registers the buyer again with another registration.
func (h truth) b2(t *testing.T, change harness.Change) *harness.Buyer {
	t.Helper()
	h.Register(t, h.b, change, everyType)
	return h.b
}

// authenticates: an unknown token is inactive to a client that is who it says.
func (h truth) authenticates(t *testing.T, b *harness.Buyer) bool {
	t.Helper()
	return h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {"x"}})).Status == http.StatusOK
}

func TestDiscoveryOfEndpoints(t *testing.T) {
	eachProfile(t, func(t *testing.T, h truth) {
		for name, path := range map[string]string{
			"authorization_endpoint": h.Authorize, "token_endpoint": h.Token, "pushed_authorization_request_endpoint": h.PAR,
			"introspection_endpoint": h.Introspect, "revocation_endpoint": h.Revoke, "userinfo_endpoint": h.UserInfo, "jwks_uri": h.Issuer + "/oauth2/jwks",
		} {
			response, err := h.HTTP.Get(path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if served := response.StatusCode != http.StatusNotFound; served != (h.document[name] == path) {
				t.Errorf("%s is %v, served at %s: %v", name, h.document[name], path, served)
			}
		}
		for _, grant := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba"} {
			if slices.Contains(h.lists("grant_types_supported"), grant) {
				t.Errorf("grant %s is listed", grant)
			}
		}
		byValue := h.document["request_parameter_supported"] == true
		if byValue != h.ask(t, h.b) {
			t.Errorf("request_parameter_supported is %v", byValue)
		}
		_, pushes := h.document["pushed_authorization_request_endpoint"]
		if h.document["request_uri_parameter_supported"] != pushes || h.document["require_signed_request_object"] != true || h.document["tls_client_certificate_bound_access_tokens"] != true {
			t.Errorf("document %v", h.document)
		}
	})
}
