package op_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/test/harness"
)

// TestEncryptedRequests: a client encrypts its request object to each of the
// keys that the server made.
func TestEncryptedRequests(t *testing.T) {
	w := startProfile(t, "fapi1-advanced")
	keys := w.encryptionKeys(t)
	if len(keys) != 2 {
		t.Fatalf("%d encryption keys", len(keys))
	}
	for _, key := range keys {
		answer := w.tls.Approve(t, w.tls.URL(w.tls.Buyer, encrypt(t, key, w.tls.Object("", advanced))))
		code := answer.Params.Get("code")
		if code == "" {
			t.Fatalf("%s: %d %v %s", key.Algorithm, answer.Status, answer.Params, answer.Body)
		}
		w.tls.redeem(t, code)
	}
	w.stop(t)
}

// TestEncryptedAnswers: a client that registered for it gets its ID Tokens
// encrypted, in front and at the token endpoint, and its JARM response.
func TestEncryptedAnswers(t *testing.T) {
	w := startProfile(t, "fapi1-advanced")
	w.stop(t)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	w.register(t, func(m harness.Claims) {
		m["id_token_encrypted_response_alg"], m["id_token_encrypted_response_enc"] = "RSA-OAEP-256", "A256GCM"
		m["authorization_encrypted_response_alg"], m["authorization_encrypted_response_enc"] = "RSA-OAEP-256", "A256GCM"
		m["jwks"] = gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{
			{Key: w.tls.Key.Public(), KeyID: w.tls.Kid, Use: "sig"},
			{Key: own.Public(), KeyID: "enc", Algorithm: "RSA-OAEP-256", Use: "enc"},
		}}
	})
	w.run(t)
	answer := w.tls.Approve(t, w.tls.URL(w.tls.Buyer, w.tls.Object("", advanced)))
	front := decrypt(t, own, answer.Params.Get("id_token"))
	tokens := w.tls.redeem(t, answer.Params.Get("code"))
	if back := decrypt(t, own, tokens.Body["id_token"]); front["sub"] == nil || front["sub"] != back["sub"] {
		t.Errorf("in front %v, at the token endpoint %v", front, back)
	}
	jarm := w.tls.Object("", advanced, harness.Set("response_type", "code"), harness.Set("response_mode", "jwt"))
	answer = w.tls.Approve(t, w.tls.URL(w.tls.Buyer, jarm))
	if response := decrypt(t, own, answer.Params.Get("response")); response["code"] == nil {
		t.Errorf("JARM: %v", response)
	}
	w.stop(t)
}

func decrypt(t *testing.T, key *rsa.PrivateKey, token any) harness.Claims {
	t.Helper()
	text, _ := token.(string)
	encrypted, err := gojose.ParseEncrypted(text)
	if err != nil {
		t.Errorf("%v: %q", err, text)
		return nil
	}
	inner, err := encrypted.Decrypt(key)
	must(t, err)
	_, payload := harness.Decode(t, string(inner))
	return payload
}

// register changes the first client of the file.
func (w *world) register(t *testing.T, change func(harness.Claims)) {
	t.Helper()
	path := filepath.Join(w.dir, "clients.json")
	data, err := os.ReadFile(path)
	must(t, err)
	var clients []harness.Claims
	must(t, json.Unmarshal(data, &clients))
	change(clients[0])
	data, err = json.Marshal(clients)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o600))
}

// encryptionKeys are those that the server publishes for clients to encrypt to.
func (w *world) encryptionKeys(t *testing.T) []gojose.JSONWebKey {
	t.Helper()
	response, err := w.client(t, nil).Get(w.issuer + "/oauth2/jwks")
	must(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(t, err)
	var set gojose.JSONWebKeySet
	must(t, json.Unmarshal(data, &set))
	var keys []gojose.JSONWebKey
	for _, key := range set.Keys {
		if key.Use == "enc" {
			keys = append(keys, key)
		}
	}
	return keys
}

func encrypt(t *testing.T, key gojose.JSONWebKey, signed string) string {
	t.Helper()
	options := (&gojose.EncrypterOptions{}).WithContentType("JWT")
	encrypter, err := gojose.NewEncrypter(gojose.A256GCM, gojose.Recipient{Algorithm: gojose.KeyAlgorithm(key.Algorithm), Key: key.Key, KeyID: key.KeyID}, options)
	must(t, err)
	object, err := encrypter.Encrypt([]byte(signed))
	must(t, err)
	compact, err := object.CompactSerialize()
	must(t, err)
	return compact
}
