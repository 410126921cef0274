package jose

import (
	"encoding/json"
	"os"
	"testing"
)

// vectors are the examples of FAPI 1.0 Advanced, Appendix A.
type vectors struct {
	JWKS   json.RawMessage   `json:"jwks"`
	Tokens map[string]string `json:"tokens"`
}

func readVectors(t *testing.T) ([]Key, map[string]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/fapi-appendix-a.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(v.JWKS)
	if err != nil || len(keys) != 2 || len(v.Tokens) != 5 {
		t.Fatalf("%d keys, %d tokens, %v", len(keys), len(v.Tokens), err)
	}
	return keys, v.Tokens
}

func TestFAPIAppendixA(t *testing.T) {
	keys, tokens := readVectors(t)
	for _, c := range []struct{ token, kid, claim, want string }{
		{"A.1", "client-2020-08-28", "client_id", "52480754053"},
		{"A.2", "server-2020-08-28", "s_hash", "9s6CBbOxiKE65d9-Qr0QIQ"},
		{"A.4", "server-2020-08-28", "iss", "https://fapi-as.example.com/"},
		{"A.5", "client-2020-08-28", "aud", "https://fapi-as.example.com/api/token"},
	} {
		t.Run(c.token, func(t *testing.T) {
			signed, err := ParseSigned(tokens[c.token], limit)
			if err != nil {
				t.Fatal(err)
			}
			if signed.Alg != "PS256" || signed.Kid != c.kid {
				t.Errorf("got %s, %s", signed.Alg, signed.Kid)
			}
			claims, err := signed.Verify(keys, 2048)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := claims.String(c.claim); err != nil || got != c.want {
				t.Errorf("%s: got %q, %v, want %q", c.claim, got, err, c.want)
			}
			// The other party's key under this kid does not do.
			swapped := []Key{keys[0], keys[1]}
			swapped[0].ID, swapped[1].ID = swapped[1].ID, swapped[0].ID
			_, err = signed.Verify(swapped, 2048)
			wantError(t, err, ErrSignature)
		})
	}
}
