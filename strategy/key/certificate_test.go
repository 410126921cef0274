package key

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
)

func publicKey(t testing.TB) crypto.PublicKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private.Public()
}

func setOf(t testing.TB, public crypto.PublicKey, use string) string {
	t.Helper()
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: public, KeyID: "k", Use: use}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(set)
}

func TestHoldsByValue(t *testing.T) {
	keys, own := NewClientKeys(ClientKeysConfig{}), publicKey(t)
	for name, c := range map[string]struct {
		m    *storage.ClientMetadata
		want bool
	}{
		"own key":            {&storage.ClientMetadata{JWKS: json.RawMessage(setOf(t, own, "sig"))}, true},
		"own key, any use":   {&storage.ClientMetadata{JWKS: json.RawMessage(setOf(t, own, ""))}, true},
		"key for encryption": {&storage.ClientMetadata{JWKS: json.RawMessage(setOf(t, own, "enc"))}, false},
		"another key":        {&storage.ClientMetadata{JWKS: json.RawMessage(setOf(t, publicKey(t), "sig"))}, false},
		"no keys":            {&storage.ClientMetadata{}, false},
		"no metadata":        {nil, false},
	} {
		if got, err := keys.Holds(t.Context(), "buyer", c.m, own); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, m := range map[string]*storage.ClientMetadata{
		"both": {JWKS: json.RawMessage(setOf(t, own, "sig")), JWKSURI: "https://buyer.example/jwks"}, "no set": {JWKS: json.RawMessage(`[]`)},
	} {
		if got, err := keys.Holds(t.Context(), "buyer", m, own); got || err == nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := keys.Holds(t.Context(), "buyer", &storage.ClientMetadata{JWKS: json.RawMessage(setOf(t, own, ""))}, "not a key"); got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// A certificate for a new key is taken as soon as the client publishes it.
func TestHoldsByURL(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, keys *ClientKeys) {
		before, after := publicKey(t), publicKey(t)
		m := &storage.ClientMetadata{JWKSURI: "https://buyer.example/jwks"}
		holds := func(public crypto.PublicKey) bool {
			t.Helper()
			got, err := keys.Holds(context.Background(), "buyer", m, public)
			if err != nil {
				t.Error(err)
			}
			return got
		}
		w.serve(setOf(t, before, "sig"))
		if !holds(before) || holds(after) {
			t.Error("before the rotation")
		}
		w.serve(setOf(t, after, "sig"))
		time.Sleep(31 * time.Second)
		if !holds(after) || holds(before) {
			t.Error("after the rotation")
		}
		fetches := w.count()
		for range 10 {
			holds(publicKey(t))
		}
		if w.count() > fetches {
			t.Errorf("strange keys cost %d fetches", w.count()-fetches)
		}
		w.fail()
		time.Sleep(2 * time.Hour)
		if got, err := keys.Holds(context.Background(), "buyer", m, after); got || err == nil {
			t.Errorf("without a set: %v, %v", got, err)
		}
	})
}

func TestNamesCertificate(t *testing.T) {
	for set, want := range map[string]bool{
		`{"keys":[{"kty":"EC","x5c":["AAAA"]}]}`: true, `{"keys":[{"kty":"EC"},{"kty":"EC","x5c":["AAAA"]}]}`: true,
		`{"keys":[{"kty":"EC","x5c":[]}]}`: false, `{"keys":[{"kty":"EC"}]}`: false, `{}`: false, `x`: false, ``: false,
	} {
		if got := NamesCertificate(json.RawMessage(set)); got != want {
			t.Errorf("%s: %v", set, got)
		}
	}
}

func TestHasCertificate(t *testing.T) {
	for set, want := range map[string]bool{
		`{"keys":[{"x5c":["AAEC"]}]}`: true, `{"keys":[{"kty":"EC"},{"x5c":["AAEC","AAAA"],"use":"sig"}]}`: true,
		`{"keys":[{"x5c":["AAAA","AAEC"]}]}`: false, `{"keys":[{"x5c":["AAEC"],"use":"enc"}]}`: false, `{"keys":[{"x5c":["aaec"]}]}`: false,
		`{"keys":[{"x5c":[]}]}`: false, `{"keys":[{"x5c":[""]}]}`: false, `x`: false, ``: false,
	} {
		if got := HasCertificate(json.RawMessage(set), []byte{0, 1, 2}); got != want {
			t.Errorf("RFC7517-4.7/%s: %v", set, got)
		}
	}
}

// What the keys that verify do not read is no certificate either: names are
// exact and stand once.
func TestCertificatesAreReadStrictly(t *testing.T) {
	for _, set := range []string{
		`{"KEYS":[{"x5c":["AAEC"]}]}`, `{"keys":[{"X5C":["AAEC"]}]}`, `{"keys":[{"x5c":["AAEC"]}],"keys":[{"x5c":["AAEC"]}]}`,
		`{"keys":[{"x5c":["AAEC"],"x5c":["AAEC"]}]}`, `{"keys":[{"x5c":["AAEC"],"use":"enc","use":"sig"}]}`, `{"keys":[{"x5c":["AAEC"],"use":1}]}`,
		`{"keys":[{"x5c":"AAEC"}]}`, `{"keys":[{"x5c":["AAEC",null]}]}`, `{"keys":[{"x5c":null}]}`, `{"keys":[null,["AAEC"]]}`, `{"keys":{"x5c":["AAEC"]}}`,
		`{"keys":[{"x5c":["AAAA"]}],"KEYS":[{"x5c":["AAEC"]}]}`, `{"keys":[{"x5c":["AAEC"],"use":"enc","USE":"sig"}]}`,
	} {
		if HasCertificate(json.RawMessage(set), []byte{0, 1, 2}) {
			t.Errorf("RFC7517-4.7/%s: it has the certificate", set)
		}
	}
	// Another key of the set is not spoiled.
	set := json.RawMessage(`{"keys":[{"x5c":"AAEC"},{"x5c":["AAEC"]}]}`)
	if !HasCertificate(set, []byte{0, 1, 2}) || !NamesCertificate(set) {
		t.Error("the second key has it")
	}
}
