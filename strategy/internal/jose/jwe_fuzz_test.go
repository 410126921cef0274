package jose

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// fixedDecrypter is the same at every run.
func fixedDecrypter(t testing.TB, alg string) *Decrypter {
	t.Helper()
	private, err := ecdh.P256().NewPrivateKey(append(make([]byte, 31), 7))
	if err != nil {
		t.Fatal(err)
	}
	return newDecrypter(t, "k", alg, private)
}

// Nothing panics; what parses has the sizes that its algorithms have, and one
// spelling; what decrypts is a JWS.
func FuzzDecrypt(f *testing.F) {
	jws, _ := signedToken(f)
	owns := []*Decrypter{fixedDecrypter(f, "ECDH-ES"), fixedDecrypter(f, "ECDH-ES+A256KW")}
	for _, own := range owns {
		for _, enc := range contentAlgs {
			for _, text := range []string{jws, "a.b.c.d.e", "{}", ""} {
				token := nest(f, publicOf(f, own), enc, text)
				f.Add(token)
				f.Add(setPart(token, 1, ""))
				f.Add(setPart(token, 3, ""))
				f.Add(setPart(token, 0, b64(`{"alg":"ECDH-ES","enc":"A128GCM","kid":"k","cty":"JWT","epk":`+epkOf(token)+`,"apu":"AA"}`)))
			}
		}
	}
	for _, seed := range []string{"", "....", "a.b.c.d.e", strings.Repeat(".", 100), `{"protected":"","ciphertext":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		e, err := ParseEncrypted(token, 8192)
		if err != nil {
			return
		}
		if e.Kid == "" || len(e.iv) != e.content.ivBytes || len(e.tag) != e.content.tagBytes || len(e.text) == 0 || len(token) > 8192 {
			t.Errorf("accepted %+v", e)
		}
		again := []string{e.protected}
		for _, raw := range [][]byte{e.encryptedKey, e.iv, e.text, e.tag} {
			again = append(again, base64.RawURLEncoding.EncodeToString(raw))
		}
		if strings.Join(again, ".") != token {
			t.Errorf("another spelling than %q", token)
		}
		for _, own := range owns {
			signed, err := e.Decrypt(own)
			if err == nil && (signed.Alg == "" || signed.Kid == "") {
				t.Errorf("decrypted to %+v", signed)
			}
			if err != nil && !errors.Is(err, ErrDecrypt) && own.Alg != e.Alg {
				t.Errorf("a key of another alg gave %v", err)
			}
		}
	})
}
