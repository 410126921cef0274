package idtoken_test

import (
	"encoding/json"
	"os"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func TestLeftHalf(t *testing.T) {
	var vectors []map[string]string
	readJSON(t, "testdata/left-half.json", &vectors)
	if len(vectors) != 4 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, c := range []struct {
		alg, digest string
		eddsa       profile.Hash
	}{
		{"ES256", "sha256", profile.SHA512}, {"PS256", "sha256", profile.SHA512}, {"RS256", "sha256", profile.SHA512}, {"ES256", "sha256", profile.SHA3256},
		{"ES384", "sha384", profile.SHA512}, {"PS384", "sha384", profile.SHA3256},
		{"ES512", "sha512", profile.SHA512}, {"PS512", "sha512", profile.SHA3256},
		{"EdDSA", "sha512", profile.SHA512}, {"Ed25519", "sha512", profile.SHA512},
		{"EdDSA", "sha3-256", profile.SHA3256}, {"Ed25519", "sha3-256", profile.SHA3256},
	} {
		for _, v := range vectors {
			t.Run(c.alg+"/"+c.digest+"/"+v["name"], func(t *testing.T) {
				if got := idtoken.LeftHalf(c.alg, v["input"], c.eddsa); got != v[c.digest] {
					t.Errorf("got %s, want %s", got, v[c.digest])
				}
			})
		}
	}
}

// The ID Token of FAPI 1.0 Advanced, Appendix A.2, answers the state of A.1.
func TestFAPIAppendixA2(t *testing.T) {
	var v struct {
		JWKS   gojose.JSONWebKeySet `json:"jwks"`
		Tokens map[string]string    `json:"tokens"`
	}
	readJSON(t, "../internal/jose/testdata/fapi-appendix-a.json", &v)
	signed, err := gojose.ParseSigned(v.Tokens["A.2"])
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(v.JWKS.Key("server-2020-08-28")[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	const state, want = "VgSUIEnflnDxTe1vAtr54o", "9s6CBbOxiKE65d9-Qr0QIQ"
	if got := idtoken.LeftHalf("PS256", state, profile.SHA512); got != want || claims["s_hash"] != want {
		t.Errorf("got %s, and the token has %v, want %s", got, claims["s_hash"], want)
	}
}
