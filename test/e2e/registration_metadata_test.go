package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// uris asks for these redirect URIs, which the directory lists.
func uris(uris ...string) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		body["redirect_uris"] = uris
		return stating(harness.Set("redirect_uris", uris))(t, w, body)
	}
}

// clientKey is a public key as a JWK, changed.
func clientKey(public any, kid string, changes ...harness.Change) harness.Claims {
	data, err := json.Marshal(gojose.JSONWebKey{Key: public, KeyID: kid})
	if err != nil {
		panic(err)
	}
	var jwk harness.Claims
	if err := json.Unmarshal(data, &jwk); err != nil {
		panic(err)
	}
	for _, change := range changes {
		change(nil, jwk)
	}
	return jwk
}

// goodKey is a key like every client's.
func goodKey(kid string, changes ...harness.Change) harness.Claims {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return clientKey(private.Public(), kid, changes...)
}

// smallKey is an RSA key of 1024 bits. Nobody has its other half.
func smallKey(kid string) harness.Claims {
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	return clientKey(&rsa.PublicKey{N: n.Add(n, big.NewInt(3)), E: 65537}, kid)
}

// RFC 7591, the redirect URIs.
func TestRegistrationRedirectURIRefused(t *testing.T) {
	cb := "https://tpp.example.org/cb"
	for _, c := range []rejected{
		{"BASE-5.2.2-20/http", uris("http://tpp.example.org/cb"), "BASE-5.2.2-20", badRedirect, nil},
		{"BASE-5.2.2-20/one of two is http", uris(cb, "http://tpp.example.org/cb"), "BASE-5.2.2-20", badRedirect, nil},
		{"BASE-5.2.2-20/a scheme of an app's own", uris("com.buyer.app:/cb"), "BASE-5.2.2-20", badRedirect, nil},
		{"BASE-5.2.2-20/no host", uris("https:///cb"), "BASE-5.2.2-20", badRedirect, nil},
		{"C-18/a DID URL", uris("did:web:tpp.example.org#oauth"), "BASE-5.2.2-20", badRedirect, nil},
		{"MEF-R18/relative", uris("/cb"), "BASE-5.2.2-20", badRedirect, nil},
		{"MEF-R18/a fragment", uris(cb + "#x"), "MEF-R18", badRedirect, nil},
		{"MEF-R18/an empty fragment", uris(cb + "#"), "MEF-R18", badRedirect, nil},
		{"MEF-R18/a wildcard", uris("https://*.example.org/cb"), "MEF-R18", badRedirect, nil},
		{"MEF-R18/a user", uris("https://tpp@example.org/cb"), "MEF-R18", badRedirect, nil},
		{"MEF-R18/none", uris(), "MEF-R18", badRedirect, nil},
		{"MEF-R18/the same twice", uris(cb, cb), "MEF-R18", badRedirect, nil},
		{"BASE-5.2.2-8/a slash more than the statement has", with("redirect_uris", []string{cb + "/"}), "RFC7591-2.3", badRedirect, nil},
		{"BASE-5.2.2-8/another case than the statement has", with("redirect_uris", []string{"https://tpp.example.org/CB"}), "RFC7591-2.3", badRedirect, nil},
	} {
		c.run(t, profile.MEFLSO(), plain)
	}
}

func TestRegistrationMetadataRefused(t *testing.T) {
	method := func(name string) spoil { return with("token_endpoint_auth_method", name) }
	for _, c := range []rejected{
		{"FAPI-5.2.2-16/none", method("none"), "FAPI-5.2.2-16", badMetadata, nil},
		{"FAPI-5.2.2-14/client_secret_basic", method("client_secret_basic"), "FAPI-5.2.2-14", badMetadata, nil},
		{"FAPI-5.2.2-14/client_secret_post", method("client_secret_post"), "FAPI-5.2.2-14", badMetadata, nil},
		{"FAPI-5.2.2-14/client_secret_jwt", method("client_secret_jwt"), "FAPI-5.2.2-14", badMetadata, nil},
		{"FAPI-5.2.2-14/tls_client_auth without authorities", method("tls_client_auth"), "FAPI-5.2.2-14", badMetadata, nil},
		{"FAPI-8.6-1/FAPI-8.6-2/RS256 for the client's own", with("token_endpoint_auth_signing_alg", "RS256"), "FAPI-8.6", badMetadata, nil},
		{"FAPI-8.6-1/FAPI-8.6-2/RS256 for request objects", with("request_object_signing_alg", "RS256"), "FAPI-8.6", badMetadata, nil},
		{"FAPI-8.6-1/FAPI-8.6-2/RS256 for ID Tokens", with("id_token_signed_response_alg", "RS256"), "FAPI-8.6", badMetadata, nil},
		{"FAPI-8.6-3/none for request objects", with("request_object_signing_alg", "none"), "FAPI-8.6", badMetadata, nil},
		{"FAPI-5.2.2-2/a response type that the profile does not have", with("response_types", []string{"token"}), "MEF-R13", badMetadata, nil},
		{"FAPI-5.2.2-2/the implicit grant", with("grant_types", []string{"implicit"}), "RFC7591-2.1", badMetadata, nil},
		{"RFC7591-2/an unknown scope", with("scope", "openid payments"), "RFC7591-2", badMetadata, nil},
		{"FCIBA-3/push", with("backchannel_token_delivery_mode", "push"), "FCIBA-3", badMetadata, nil},
		{"FCIBA-3/push that the directory asks for", stating(harness.Set("backchannel_token_delivery_mode", "push")), "FCIBA-3", badMetadata, nil},
	} {
		c.run(t, profile.MEFLSO(), plain)
	}
}

// hosted puts the client's keys at a URL of the registry's web.
func hosted(path string, keys ...harness.Claims) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		t.Helper()
		data, err := json.Marshal(harness.Claims{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		w.Registry.Put("/tpp/jwks", "application/jwk-set+json", data)
		delete(body, "jwks")
		body["jwks_uri"] = w.Registry.Base + path
		return nil
	}
}

func TestRegistrationKeysRefused(t *testing.T) {
	at := func(url string) spoil {
		return func(_ *testing.T, _ *applying, body harness.Claims) func() {
			delete(body, "jwks")
			body["jwks_uri"] = url
			return nil
		}
	}
	for _, c := range []rejected{
		{"MEF-R2/no keys", with("jwks", nil), "MEF-R2", badMetadata, nil},
		{"MEF-R2/jwks and jwks_uri", with("jwks_uri", "https://tpp.example.org/jwks"), "MEF-R2", badMetadata, nil},
		{"MEF-R2/an empty set", keyed(), "MEF-R2", badMetadata, nil},
		{"MEF-R2/a key for encryption alone", keyed(goodKey("k1", harness.Set("use", "enc"))), "MEF-R2", badMetadata, nil},
		{"MEF-R2/a key without a kid", keyed(goodKey("")), "MEF-R2", badMetadata, nil},
		{"MEF-R2/a private key", keyed(goodKey("k1", harness.Set("d", "AAAA"))), "RFC7591-2", badMetadata, nil},
		{"MEF-R2/a secret", keyed(goodKey("k1"), harness.Claims{"kty": "oct", "k": "AAAA", "kid": "k2"}), "RFC7591-2", badMetadata, nil},
		{"BASE-5.2.2-5/RSA with 1024 bits", keyed(smallKey("k1")), "BASE-5.2.2-5", badMetadata, nil},
		{"BASE-5.2.2-5/RSA with 1024 bits beside a good key", keyed(goodKey("k1"), smallKey("k2")), "BASE-5.2.2-5", badMetadata, nil},
		{"BASE-5.2.2-5/RSA with 1024 bits at the jwks_uri", hosted("/tpp/jwks", goodKey("k1"), smallKey("k2")), "BASE-5.2.2-5", badMetadata, nil},
		{"BASE-5.2.2-6/P-224", keyed(goodKey("k1", harness.Set("crv", "P-224"))), "MEF-R2", badMetadata, nil},
		{"BASE-5.2.2-6/secp256k1", keyed(goodKey("k1", harness.Set("crv", "secp256k1"))), "MEF-R2", badMetadata, nil},
		{"FAPI-8.9-1/http", at("http://tpp.example.org/jwks"), "FAPI-8.9-1", badMetadata, nil},
		{"FAPI-8.9-3/one kid twice", keyed(goodKey("k1"), goodKey("k1")), "FAPI-8.9-3", badMetadata, nil},
		{"FAPI-8.9-3/one kid twice at the jwks_uri", hosted("/tpp/jwks", goodKey("k1"), goodKey("k1")), "FAPI-8.9-3", badMetadata, nil},
		{"MEF-R3/a jwks_uri that leads nowhere", hosted("/nowhere"), "MEF-R3", badMetadata, nil},
		{"MEF-R3/a jwks_uri on an internal network", at("https://10.0.0.1/jwks"), "MEF-R3", badMetadata, nil},
		{"MEF-R3/a jwks_uri at a metadata service", at("https://169.254.169.254/jwks"), "MEF-R3", badMetadata, nil},
	} {
		c.run(t, profile.MEFLSO(), plain)
	}
}

// A client's keys are where it said, by value or by URL.
func TestRegistrationKeys(t *testing.T) {
	authenticates := func(t *testing.T, w *applying, answer harness.Response) {
		t.Helper()
		b := *w.a.Buyer
		b.ID, _ = answer.Body["client_id"].(string)
		w.accessToken(t, &b)
	}
	t.Run("MEF-R2/MEF-R3/FAPI-8.9-0/jwks", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		answer := w.takes(t, plain(t, w))
		if answer.Body["jwks"] == nil || answer.Body["jwks_uri"] != nil {
			t.Errorf("%s", answer.Raw)
		}
		authenticates(t, w, answer)
	})
	t.Run("MEF-R2/MEF-R3/FAPI-8.9-0/FAPI-8.9-1/jwks_uri", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := plain(t, w)
		hosted("/tpp/jwks", clientKey(w.a.Key.Public(), w.a.Kid))(t, w, body)
		answer := w.takes(t, body)
		if answer.Body["jwks"] != nil || answer.Body["jwks_uri"] != w.Registry.Base+"/tpp/jwks" {
			t.Errorf("%s", answer.Raw)
		}
		authenticates(t, w, answer)
	})
}

// Only what was registered is redirected to, byte by byte.
func TestRegisteredRedirectURI(t *testing.T) {
	w := startApplying(t, profile.MEFLSO())
	w.takes(t, ofDID(t, w))
	for name, uri := range map[string]string{
		"a slash more": w.a.Redirect + "/", "a port": "https://tpp.example.org:443/cb", "another case": strings.ToUpper(w.a.Redirect), "a query": w.a.Redirect + "?x",
	} {
		t.Run("BASE-5.2.2-8/MEF-R18/"+name, func(t *testing.T) {
			page := w.Approve(t, w.URL(w.a.Buyer, w.a.Object(w.NewIntent(t, w.a.Buyer, "once"), harness.Set("redirect_uri", uri))))
			if page.Status != http.StatusBadRequest || page.Location != nil || !strings.Contains(page.Body, "invalid_request") {
				t.Errorf("%d %v %s", page.Status, page.Location, page.Body)
			}
		})
	}
}
