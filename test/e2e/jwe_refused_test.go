package e2e

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/test/harness"
)

// crafted is a JWE whose tag is right, with any header and any key inside.
func crafted(t *testing.T, to gojose.JSONWebKey, header harness.Claims, cek []byte, text string) string {
	t.Helper()
	data, _ := json.Marshal(header)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to.Key.(*rsa.PublicKey), cek, nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	protected, iv := b64(data), make([]byte, gcm.NonceSize())
	sealed := gcm.Seal(nil, iv, []byte(text), []byte(protected))
	tag := len(sealed) - gcm.Overhead()
	return strings.Join([]string{protected, b64(wrapped), b64(iv), b64(sealed[:tag]), b64(sealed[tag:])}, ".")
}

func TestEncryptedRequestObjectsRefused(t *testing.T) {
	h, b := startEncrypting(t)
	to, ec := published(t, h, "enc-RSA-OAEP-256"), published(t, h, "enc-ECDH-ES")
	another, mixed := to, ec
	another.KeyID, mixed.KeyID = "enc-nobody", "enc-ECDH-ES+A128KW"
	signed := b.Object(h.NewIntent(t, b, "once"))
	craft := func(name string, value any) string {
		header := harness.Claims{"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": to.KeyID, "cty": "JWT"}
		harness.Set(name, value)(nil, header)
		return crafted(t, to, header, make([]byte, 32), signed)
	}
	short := crafted(t, to, harness.Claims{"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": to.KeyID, "cty": "JWT"}, make([]byte, 16), signed)
	good := encrypt(t, to, "RSA-OAEP-256", "A256GCM", signed, "JWT")
	for _, c := range []struct{ id, name, object, rule string }{
		{"FAPI-8.6.1-1", "RSA1_5", encrypt(t, to, "RSA1_5", "A256GCM", signed, "JWT"), "FAPI-8.6.1-1"},
		{"C-09", "no cty", encrypt(t, to, "RSA-OAEP-256", "A256GCM", signed, ""), "C-09"},
		{"MEF-R24", "no JWS inside", encrypt(t, to, "RSA-OAEP-256", "A256GCM", `{"client_id":"buyer-a"}`, "JWT"), "MEF-R24"},
		{"MEF-R24", "nested twice", encrypt(t, to, "RSA-OAEP-256", "A256GCM", good, "JWT"), "MEF-R24"},
		{"MEF-R46/C-09", "HS256 inside", encrypt(t, to, "RSA-OAEP-256", "A256GCM", b.Object("x", harness.Header("alg", "HS256")), "JWT"), "MEF-R39"},
		{"MEF-R46/MEF-R51", "unsigned inside", encrypt(t, to, "RSA-OAEP-256", "A256GCM", b.Object("x", harness.Header("alg", "none")), "JWT"), "MEF-R51"},
		{"MEF-R49", "no alg", craft("alg", nil), "MEF-R49"},
		{"MEF-R49", "no kid", craft("kid", nil), "MEF-R49"},
		{"MEF-R49/MEF-R54", "no enc", craft("enc", nil), "MEF-R54"},
		{"MEF-R50", "alg of a signature", craft("alg", "ES256"), "MEF-R50"},
		{"MEF-R50", "alg of another key", encrypt(t, to, "RSA-OAEP", "A256GCM", signed, "JWT"), "RFC7516-5.2"},
		{"MEF-R51", "alg none", craft("alg", "none"), "MEF-R51"},
		{"MEF-R52", "unknown kid", encrypt(t, another, "RSA-OAEP-256", "A256GCM", signed, "JWT"), "MEF-R52"},
		{"MEF-R52/MEF-D14", "kid of another key", encrypt(t, mixed, "ECDH-ES", "A256GCM", signed, "JWT"), "RFC7516-5.2"},
		{"MEF-R53", "CBC without MAC", craft("enc", "A256CBC"), "MEF-R55"},
		{"MEF-D15", "enc of nobody", craft("enc", "XX999"), "MEF-R55"},
		{"MEF-R55", "A192GCM", encrypt(t, to, "RSA-OAEP-256", "A192GCM", signed, "JWT"), "MEF-R55"},
		{"MEF-R56", "a key of half the length", short, "RFC7516-5.2"},
		{"RFC7516-5.2", "broken tag", good[:len(good)-4] + "AAAA", "RFC7516-5.2"},
	} {
		t.Run(c.id+"/"+c.name, func(t *testing.T) {
			answer := h.Approve(t, h.URL(b, c.object))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, "invalid_request_object") {
				t.Errorf("%d %v", answer.Status, answer.Params)
			}
			if rule := h.Rule(); rule != c.rule {
				t.Errorf("refused by %s, want %s", rule, c.rule)
			}
		})
	}
	t.Run("MEF-R49/MEF-R52/C-09/without accessjwk, after all refusals", func(t *testing.T) {
		if answer := h.Approve(t, h.URL(b, craft("x", nil))); answer.Params.Get("code") == "" {
			t.Errorf("%d %v %s", answer.Status, answer.Params, answer.Body)
		}
	})
}
