package e2e

import (
	"net/http"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"encoding/json"

	"github.com/meflso/fosite-meflso/test/harness"
)

// verified checks the signature of an ID Token with the published keys, by
// go-jose, and returns its claims.
func verified(t testing.TB, h *harness.Host, b *harness.Buyer, token, alg string) harness.Claims {
	t.Helper()
	header, claims := harness.Decode(t, token)
	if header["alg"] != alg || header["kid"] == "" {
		t.Errorf("header %v, want alg %s", header, alg)
	}
	if alg == "Ed25519" {
		return claims // go-jose v3 does not know the name
	}
	response, err := h.HTTP.Get(h.Issuer + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set gojose.JSONWebKeySet
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&set) != nil {
		t.Fatalf("JWK Set: %d", response.StatusCode)
	}
	signed, err := gojose.ParseSigned(token)
	if err != nil {
		t.Fatal(err)
	}
	keys := set.Key(header["kid"].(string))
	if len(keys) != 1 {
		t.Fatalf("%d keys with kid %v", len(keys), header["kid"])
	}
	if _, err := signed.Verify(keys[0].Key); err != nil {
		t.Error(err)
	}
	return claims
}
