package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// decryption are the server's keys, one for each algorithm.
func decryption(t *testing.T) map[profile.KeyEncAlg]any {
	t.Helper()
	keys := map[profile.KeyEncAlg]any{}
	for _, alg := range profile.MEFLSO().KeyEncAlgs {
		var err error
		if strings.HasPrefix(string(alg), "RSA") {
			keys[alg], err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			keys[alg], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// startEncrypting gives a host that publishes a key for each JWE algorithm.
func startEncrypting(t *testing.T) (*harness.Host, *harness.Buyer) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []any{signer}
	for alg, k := range decryption(t) {
		keys = append(keys, key.Decryption{ID: "enc-" + string(alg), Alg: alg, Key: k})
	}
	h := harness.StartHost(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.Keys = key.Signing(keys...) })
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b, everyType)
	return h, b
}

// published is the server's key as anybody finds it.
func published(t *testing.T, h *harness.Host, kid string) gojose.JSONWebKey {
	t.Helper()
	response, err := h.HTTP.Get(h.Issuer + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set gojose.JSONWebKeySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	keys := set.Key(kid)
	if len(keys) != 1 || keys[0].Use != "enc" || !keys[0].IsPublic() {
		t.Fatalf("kid %s: %v", kid, keys)
	}
	return keys[0]
}

// encrypt is go-jose's.
func encrypt(t *testing.T, to gojose.JSONWebKey, alg, enc, text string, contentType gojose.ContentType) string {
	t.Helper()
	recipient := gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: to.Key, KeyID: to.KeyID}
	encrypter, err := gojose.NewEncrypter(gojose.ContentEncryption(enc), recipient, (&gojose.EncrypterOptions{}).WithContentType(contentType))
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestEncryptedRequestObjects(t *testing.T) {
	h, b := startEncrypting(t)
	p := profile.MEFLSO()
	for _, alg := range p.KeyEncAlgs {
		to := published(t, h, "enc-"+string(alg))
		for _, enc := range p.ContentEncAlgs {
			t.Run("C-09/FAPI-9/MEF-R50/MEF-R53/"+string(alg)+"/"+string(enc), func(t *testing.T) {
				object := encrypt(t, to, string(alg), string(enc), b.Object(h.NewIntent(t, b, "once")), "JWT")
				if answer := h.Approve(t, h.URL(b, object)); answer.Params.Get("code") == "" {
					t.Errorf("got %d %v %s", answer.Status, answer.Params, answer.Body)
				}
			})
		}
	}
}

// A profile without JWE takes none, whatever the client does.
func TestNoJWE(t *testing.T) {
	t.Run("NZ-P-request/no JWE", noJWE)
}

func noJWE(t *testing.T) {
	h, b := startEncrypting(t)
	to := published(t, h, "enc-RSA-OAEP-256")
	nz := harness.StartHost(t, profile.NZBanking(), nil, nil)
	b.Speak(profile.NZBanking())
	nz.Register(t, b)
	object := encrypt(t, to, "RSA-OAEP-256", "A256GCM", b.Object(nz.NewIntent(t, b, "once")), "JWT")
	if answer := nz.Approve(t, nz.URL(b, object)); answer.Status != 400 || answer.Location != nil {
		t.Errorf("got %d %v", answer.Status, answer.Params)
	}
}

// reader is a client that registered for encryption to a key of its own.
func reader(t *testing.T, h *harness.Host, b *harness.Buyer, alg, enc string, prefixes ...string) any {
	t.Helper()
	private, jwk := any(nil), gojose.JSONWebKey{KeyID: "buyer-enc", Use: "enc"}
	if strings.HasPrefix(alg, "RSA") {
		k, _ := rsa.GenerateKey(rand.Reader, 2048)
		private, jwk.Key = k, k.Public()
	} else {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		private, jwk.Key = k, k.Public()
	}
	sig := gojose.JSONWebKey{Key: b.Key.Public(), KeyID: b.Kid, Use: "sig"}
	changes := []harness.Change{everyType, harness.Set("jwks", gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{sig, jwk}})}
	for _, prefix := range prefixes {
		changes = append(changes, harness.Set(prefix+"_encrypted_response_alg", alg), harness.Set(prefix+"_encrypted_response_enc", enc))
	}
	h.Register(t, b, changes...)
	return private
}

// opened decrypts with go-jose and checks the signature inside.
func opened(t *testing.T, h *harness.Host, b *harness.Buyer, private any, alg, enc, token string) harness.Claims {
	t.Helper()
	object, err := gojose.ParseEncrypted(token)
	if err != nil {
		t.Fatalf("%v: %s", err, token)
	}
	header := object.Header
	if header.Algorithm != alg || header.KeyID != "buyer-enc" || header.ExtraHeaders["cty"] != "JWT" || header.ExtraHeaders["enc"] != enc {
		t.Errorf("header %+v", header)
	}
	text, err := object.Decrypt(private)
	if err != nil {
		t.Fatal(err)
	}
	return verified(t, h, b, string(text), "ES256")
}

func TestEncryptedAnswers(t *testing.T) {
	h, b := startEncrypting(t)
	for _, c := range []struct{ alg, enc string }{
		{"RSA-OAEP-256", "A256GCM"}, {"RSA-OAEP", "A128GCM"}, {"ECDH-ES", "A256CBC-HS512"}, {"ECDH-ES+A128KW", "A128CBC-HS256"}, {"ECDH-ES+A256KW", "A256GCM"},
	} {
		t.Run("FAPI-5.2.2.1-3/FAPI-9/"+c.alg, func(t *testing.T) {
			private := reader(t, h, b, c.alg, c.enc, "id_token", "authorization", "userinfo")
			in := h.NewIntent(t, b, "once")
			answer := h.Approve(t, h.URL(b, b.Object(in, harness.Set("response_mode", "jwt"), harness.Set("response_type", "code id_token"))))
			claims := opened(t, h, b, private, c.alg, c.enc, answer.Params.Get("response"))
			idToken, _ := claims["id_token"].(string)
			want(t, opened(t, h, b, private, c.alg, c.enc, idToken), harness.Claims{"sub": in, "aud": b.ID})
			code, _ := claims["code"].(string)
			tokens := h.Redeem(t, b, code)
			back, _ := tokens.Body["id_token"].(string)
			want(t, opened(t, h, b, private, c.alg, c.enc, back), harness.Claims{"sub": in, "aud": b.ID})
			access, _ := tokens.Body["access_token"].(string)
			kind, userInfo := userInfo(t, h, access)
			if kind != "application/jwt" {
				t.Errorf("UserInfo is %s", kind)
			}
			want(t, opened(t, h, b, private, c.alg, c.enc, userInfo), harness.Claims{"sub": in, "iss": h.Issuer, "aud": b.ID})
		})
	}
}

func userInfo(t *testing.T, h *harness.Host, token string) (contentType, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.UserInfo, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := h.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Header.Get("Content-Type"), string(data)
}

func TestOIDC_5_3_2_SignedUserInfo(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	h.Register(t, b, harness.Set("userinfo_signed_response_alg", "ES256"))
	in := h.NewIntent(t, b, "once")
	answer := h.Approve(t, h.URL(b, b.Object(in)))
	access, _ := h.Redeem(t, b, answer.Params.Get("code")).Body["access_token"].(string)
	kind, body := userInfo(t, h, access)
	if kind != "application/jwt" {
		t.Fatalf("%s: %s", kind, body)
	}
	want(t, verified(t, h, b, body, "ES256"), harness.Claims{"sub": in, "iss": h.Issuer, "aud": b.ID, "meflso_intent_id": in})
}

// Without the client's key nothing goes out, least of all in the clear, and
// nothing is used up.
func TestNoKeyToEncryptTo(t *testing.T) {
	h, b := startEncrypting(t)
	h.Register(t, b, harness.Set("id_token_encrypted_response_alg", "RSA-OAEP-256"))
	in := h.NewIntent(t, b, "once")
	object := b.Object(in)
	answer := h.Approve(t, h.URL(b, object))
	if answer.Params.Get("error") != "server_error" || answer.Params.Has("code") || state(t, h, in) != "Pending" {
		t.Errorf("got %d %v, the intent is %s", answer.Status, answer.Params, state(t, h, in))
	}
	h.Register(t, b)
	if answer := h.Approve(t, h.URL(b, object)); answer.Params.Get("code") == "" {
		t.Errorf("afterwards: %d %v", answer.Status, answer.Params)
	}
}
