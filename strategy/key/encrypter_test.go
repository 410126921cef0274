package key

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

var b64 = base64.RawURLEncoding

func clientSet(t testing.TB, keys ...gojose.JSONWebKey) json.RawMessage {
	t.Helper()
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A client that registered an encryption gets its signed answer inside a JWE.
func TestEncrypt(t *testing.T) {
	p := profile.MEFLSO()
	private := ecSigner(t, elliptic.P256())
	e := &Encrypter{Profile: &p, Keys: NewClientKeys(ClientKeysConfig{})}
	ring := newRing(t, &p, ecSigner(t, elliptic.P256()))
	signed, err := ring.Sign("ES256", map[string]any{"sub": "s"})
	if err != nil {
		t.Fatal(err)
	}
	m := &storage.ClientMetadata{
		JWKS:                        clientSet(t, gojose.JSONWebKey{Key: private.Public(), KeyID: "c", Use: "enc"}),
		IDTokenEncryptedResponseAlg: "ECDH-ES", IDTokenEncryptedResponseEnc: "A256GCM",
		AuthorizationEncryptedResponseAlg: "ECDH-ES+A256KW",
	}
	for r, want := range map[Response]string{IDToken: "ECDH-ES A256GCM", Authorization: "ECDH-ES+A256KW A128CBC-HS256"} {
		token, err := e.Encrypt(t.Context(), r, "buyer", m, signed)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jose.ParseEncrypted(token, maxOwnToken)
		if err != nil || parsed.Alg+" "+parsed.Enc != want || parsed.Kid != "c" {
			t.Fatalf("%s: got %+v, %v", r, parsed, err)
		}
		own, err := jose.NewDecrypter("c", parsed.Alg, private, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if inner, err := parsed.Decrypt(own); err != nil || inner.Alg != "ES256" {
			t.Errorf("%s: %v", r, err)
		}
	}
	for name, c := range map[string]*Encrypter{"none registered": e, "no encrypter": nil} {
		if token, err := c.Encrypt(t.Context(), UserInfo, "buyer", m, signed); err != nil || token != signed {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
	}
	if err := e.Check(m); err != nil {
		t.Error(err)
	}
}

// What cannot be encrypted does not go out at all.
func TestEncryptRefuses(t *testing.T) {
	p := profile.UKOpenBanking()
	e := &Encrypter{Profile: &p, Keys: NewClientKeys(ClientKeysConfig{})}
	set := clientSet(t, gojose.JSONWebKey{Key: rsaSigner(t, 2048).Public(), KeyID: "c", Use: "enc"})
	nz := profile.NZBanking()
	for name, c := range map[string]struct {
		e        *Encrypter
		alg, enc string
		set      json.RawMessage
		checked  bool // by Check too
	}{
		"alg not the profile's": {e, "ECDH-ES", "A256GCM", set, true}, "FAPI-8.6.1-1 RSA1_5": {e, "RSA1_5", "A256GCM", set, true}, "dir": {e, "dir", "", set, true},
		"enc not the profile's": {e, "RSA-OAEP", "A256CBC-HS512", set, true}, "enc alone": {e, "", "A256GCM", set, true},
		"no encrypter": {nil, "RSA-OAEP", "A256GCM", set, true}, "no JWE in the profile": {&Encrypter{Profile: &nz, Keys: e.Keys}, "RSA-OAEP", "A256GCM", set, true},
		"no keys": {e, "RSA-OAEP", "A256GCM", nil, false}, "a signing key": {e, "RSA-OAEP", "A256GCM", clientSet(t, gojose.JSONWebKey{Key: rsaSigner(t, 2048).Public(), KeyID: "c", Use: "sig"}), false},
		"a small key": {e, "RSA-OAEP", "A256GCM", clientSet(t, gojose.JSONWebKey{Key: rsaSigner(t, 1024).Public(), KeyID: "c", Use: "enc"}), false},
	} {
		m := &storage.ClientMetadata{JWKS: c.set, UserInfoEncryptedResponseAlg: c.alg, UserInfoEncryptedResponseEnc: c.enc}
		if token, err := c.e.Encrypt(t.Context(), UserInfo, "buyer", m, "a.b.c"); err == nil || token != "" {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
		if err := c.e.Check(m); (err != nil) != c.checked {
			t.Errorf("%s: Check: %v", name, err)
		}
	}
	if token, err := e.Encrypt(t.Context(), "another", "buyer", &storage.ClientMetadata{}, "a.b.c"); err == nil || token != "" {
		t.Errorf("of an unknown kind: got %q, %v", token, err)
	}
}

// Of several keys that fit, the one that says most of itself is taken.
func TestEncryptionKeyPreference(t *testing.T) {
	public := func() crypto.PublicKey { return ecSigner(t, elliptic.P256()).Public() }
	jwk := func(kid, use, alg string) gojose.JSONWebKey {
		return gojose.JSONWebKey{Key: public(), KeyID: kid, Use: use, Algorithm: alg}
	}
	bare, named, enc, both := jwk("bare", "", ""), jwk("named", "", "ECDH-ES"), jwk("enc", "enc", ""), jwk("both", "enc", "ECDH-ES")
	others := []gojose.JSONWebKey{jwk("sig", "sig", "ES256"), jwk("es", "", "ES256"), jwk("kw", "enc", "ECDH-ES+A128KW"), {Key: rsaSigner(t, 2048).Public(), KeyID: "rsa", Use: "enc"}}
	c := NewClientKeys(ClientKeysConfig{})
	for _, tt := range []struct {
		keys []gojose.JSONWebKey
		want string
	}{
		{[]gojose.JSONWebKey{bare, named, enc, both}, "both"}, {[]gojose.JSONWebKey{bare, named, enc}, "enc"},
		{[]gojose.JSONWebKey{bare, named}, "named"}, {[]gojose.JSONWebKey{bare}, "bare"}, {[]gojose.JSONWebKey{both, jwk("second", "enc", "ECDH-ES")}, "both"},
	} {
		m := &storage.ClientMetadata{JWKS: clientSet(t, append(others[:4:4], tt.keys...)...)}
		if key, err := c.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); err != nil || key.ID != tt.want {
			t.Errorf("got %+v, %v, want %s", key, err, tt.want)
		}
	}
	m := &storage.ClientMetadata{JWKS: clientSet(t, others...)}
	if _, err := c.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); !errors.Is(err, ErrNoRecipient) {
		t.Errorf("got %v", err)
	}
	both.Key = public()
	m = &storage.ClientMetadata{JWKS: clientSet(t, both), JWKSURI: theURL}
	if _, err := c.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); err == nil || errors.Is(err, ErrNoRecipient) {
		t.Errorf("unusable metadata: %v", err)
	}
}

// A client that rotates its encryption key is asked again, but not often.
func TestEncryptionKeyByURL(t *testing.T) {
	inBubble(t, func(t *testing.T, w *web, c *ClientKeys) {
		m := &storage.ClientMetadata{JWKSURI: theURL}
		w.serve(`{"keys":[` + newJWK(t, "sig", "ES256") + `]}`)
		for range 3 {
			if _, err := c.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); !errors.Is(err, ErrNoRecipient) {
				t.Errorf("got %v", err)
			}
		}
		wantKeys(t, c, theURL, "sig", 1)
		wantFetches(t, w, 1)
		w.serve(`{"keys":[` + strings.Replace(newJWK(t, "e", "ECDH-ES"), `"sig"`, `"enc"`, 1) + `]}`)
		time.Sleep(forcedInterval)
		if key, err := c.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); err != nil || key.ID != "e" {
			t.Errorf("got %+v, %v", key, err)
		}
		wantFetches(t, w, 2)
	})
}
