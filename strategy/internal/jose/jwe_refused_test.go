package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
)

// watchedRSA and watchedEC count what a private key is asked to do.
type watchedRSA struct {
	crypto.Decrypter
	used *int
}

func (w watchedRSA) Decrypt(random io.Reader, text []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	*w.used++
	return w.Decrypter.Decrypt(random, text, opts)
}

type watchedEC struct {
	ecdh.KeyExchanger
	used *int
}

func (w watchedEC) ECDH(remote *ecdh.PublicKey) ([]byte, error) {
	*w.used++
	return w.KeyExchanger.ECDH(remote)
}

// sealed makes a token of any header, whose tag is right for the key.
func sealed(t testing.TB, content encryption, cek []byte, header, encryptedKey, text string) string {
	t.Helper()
	aead, err := content.aead(cek)
	if err != nil {
		t.Fatal(err)
	}
	iv := random(content.ivBytes)
	out := aead.Seal(nil, iv, []byte(text), []byte(b64(header)))
	end := len(out) - content.tagBytes
	return strings.Join([]string{b64(header), b64(encryptedKey), b64(string(iv)), b64(string(out[:end])), b64(string(out[end:]))}, ".")
}

// nest encrypts any text, as Encrypt would not.
func nest(t testing.TB, to *Key, enc, text string) string {
	t.Helper()
	header := &jweHeader{Alg: to.Alg, Enc: enc, Kid: to.ID, Cty: "JWT"}
	cek, encryptedKey, err := managements[to.Alg].newContentKey(to, encryptions[enc], header)
	if err != nil {
		t.Fatal(err)
	}
	token, err := seal(encryptions[enc], cek, encryptedKey, header, text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func part(token string, i int) string { return strings.Split(token, ".")[i] }

func setPart(token string, i int, value string) string {
	parts := strings.Split(token, ".")
	parts[i] = value
	return strings.Join(parts, ".")
}

func epkOf(token string) string {
	raw, _ := decode(part(token, 0))
	header, _ := ParseObject(raw)
	return string(header["epk"])
}

// Whatever can be seen without a key is refused before one is used.
func TestJWERefusedUnopened(t *testing.T) {
	jws, _ := signedToken(t)
	used := 0
	rsaOwn := newDecrypter(t, "r", "RSA-OAEP-256", watchedRSA{rsaKey(t, 2048), &used})
	exchanger, err := ecKey(t, elliptic.P256()).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	ecOwn := newDecrypter(t, "e", "ECDH-ES+A128KW", watchedEC{exchanger, &used})
	rsaToken, ecToken := nest(t, publicOf(t, rsaOwn), "A256GCM", jws), nest(t, publicOf(t, ecOwn), "A128CBC-HS256", jws)
	header := func(text string) string { return setPart(rsaToken, 0, b64(text)) }
	member := func(extra string) string {
		return header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"r","cty":"JWT",` + extra + `}`)
	}
	epk := func(jwk string) string {
		return setPart(ecToken, 0, b64(`{"alg":"ECDH-ES+A128KW","enc":"A128CBC-HS256","kid":"e","cty":"JWT","epk":`+jwk+`}`))
	}
	zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"FAPI-8.6.1-1 RSA1_5", header(`{"alg":"RSA1_5","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"dir", setPart(header(`{"alg":"dir","enc":"A256GCM","kid":"r","cty":"JWT"}`), 1, ""), ErrAlg},
		{"PBES2", header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"PBES2 with a count", member(`"p2s":"AAAA","p2c":2147483647`), ErrHeader},
		{"A128KW", header(`{"alg":"A128KW","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"A256GCMKW", header(`{"alg":"A256GCMKW","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"A256GCMKW's iv and tag", member(`"iv":"AAAA","tag":"AAAA"`), ErrHeader},
		{"MEF-R51 none", header(`{"alg":"none","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"MEF-R49 no alg", header(`{"enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"alg a number", header(`{"alg":1,"enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"alg of a signature", header(`{"alg":"ES256","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrAlg},
		{"two alg", member(`"alg":"RSA1_5"`), ErrHeader},
		{"two alg, one escaped", member(`"\u0061lg":"RSA1_5"`), ErrHeader},
		{"MEF-R54 no enc", header(`{"alg":"RSA-OAEP-256","kid":"r","cty":"JWT"}`), ErrEnc},
		{"MEF-R55 A192GCM", header(`{"alg":"RSA-OAEP-256","enc":"A192GCM","kid":"r","cty":"JWT"}`), ErrEnc},
		{"MEF-R49 no kid", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`), ErrKid},
		{"kid empty", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"","cty":"JWT"}`), ErrKid},
		{"kid long", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"` + strings.Repeat("k", maxKid+1) + `","cty":"JWT"}`), ErrKid},
		{"C-09 no cty", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"r"}`), ErrCty},
		{"C-09 another cty", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"r","cty":"JSON"}`), ErrCty},
		{"zip", member(`"zip":"DEF"`), ErrHeader},
		{"zip empty", member(`"zip":""`), ErrHeader},
		{"crit", member(`"crit":["exp"],"exp":1`), ErrHeader},
		{"jku", member(`"jku":"https://evil.example"`), ErrHeader},
		{"x5u", member(`"x5u":"https://evil.example"`), ErrHeader},
		{"jwk", member(`"jwk":{}`), ErrHeader},
		{"epk beside RSA", member(`"epk":` + epkOf(ecToken)), ErrHeader},
		{"header no JSON", header(`{"alg"`), ErrHeader},
		{"header no base64", setPart(rsaToken, 0, "%%%"), ErrForm},
		{"header empty", setPart(rsaToken, 0, ""), ErrForm},
		{"header large", member(`"x":"` + strings.Repeat("x", maxJWEHeader) + `"`), ErrForm},
		{"header of 1 MB", member(`"x":"` + strings.Repeat("x", 1<<20) + `"`), ErrTooLarge},
		{"four parts", strings.TrimSuffix(setPart(rsaToken, 4, ""), "."), ErrForm},
		{"six parts", rsaToken + ".", ErrForm},
		{"a thousand dots", strings.Repeat(".", 1000), ErrForm},
		{"MEF-D12 flattened JSON", `{"protected":"` + part(rsaToken, 0) + `","ciphertext":"` + part(rsaToken, 3) + `"}`, ErrForm},
		{"general JSON", generalJSON(t, jws), ErrForm},
		{"tag truncated", setPart(rsaToken, 4, part(rsaToken, 4)[:16]), ErrForm},
		{"tag empty", setPart(rsaToken, 4, ""), ErrForm},
		{"iv short", setPart(rsaToken, 2, "AAAA"), ErrForm},
		{"text empty", setPart(rsaToken, 3, ""), ErrForm},
		{"text no multiple of a block", setPart(ecToken, 3, "AAAA"), ErrForm},
		{"line break", rsaToken + "\n", ErrForm},
		{"padding", rsaToken + "==", ErrForm},
		{"no epk", setPart(ecToken, 0, b64(`{"alg":"ECDH-ES+A128KW","enc":"A128CBC-HS256","kid":"e","cty":"JWT"}`)), ErrHeader},
		{"epk null", epk(`null`), ErrHeader},
		{"epk empty", epk(`{}`), ErrHeader},
		{"epk symmetric", epk(`{"kty":"oct","k":"AAAA"}`), ErrHeader},
		{"epk off the curve", epk(`{"kty":"EC","crv":"P-256","x":"` + zeros[:42] + `E","y":"` + zeros[:42] + `E"}`), ErrHeader},
		{"epk at infinity", epk(`{"kty":"EC","crv":"P-256","x":"` + zeros + `","y":"` + zeros + `"}`), ErrHeader},
		{"epk without y", epk(`{"kty":"EC","crv":"P-256","x":"` + zeros + `"}`), ErrHeader},
		{"epk short", epk(`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`), ErrHeader},
		{"epk P-224", epk(`{"kty":"EC","crv":"P-224","x":"` + zeros + `","y":"` + zeros + `"}`), ErrHeader},
		{"epk with two x", epk(`{"kty":"EC","crv":"P-256","x":"AAAA","x":"` + zeros + `","y":"` + zeros + `"}`), ErrHeader},
		{"epk of P-384", epk(otherEPK(t, ecdh.P384())), ErrDecrypt},
		{"epk of X25519", epk(otherEPK(t, ecdh.X25519())), ErrDecrypt},
		{"encrypted key short", setPart(rsaToken, 1, "AAAA"), ErrDecrypt},
		{"encrypted key empty", setPart(rsaToken, 1, ""), ErrDecrypt},
		{"wrapped key short", setPart(ecToken, 1, "AAAA"), ErrDecrypt},
		{"wrapped key empty", setPart(ecToken, 1, ""), ErrDecrypt},
		{"another kid", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"x","cty":"JWT"}`), ErrDecrypt},
		{"another alg than the key's", header(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"r","cty":"JWT"}`), ErrDecrypt},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, own := range []*Decrypter{rsaOwn, ecOwn} {
				signed, err := decryptWith(c.token, own)
				if wantError(t, err, c.want); signed != nil || used > 0 {
					t.Errorf("got %+v; the private key was used %d times", signed, used)
				}
			}
		})
	}
	if _, err := decryptWith(rsaToken, nil); err != ErrDecrypt {
		t.Errorf("without a key: %v", err)
	}
}

func otherEPK(t *testing.T, curve ecdh.Curve) string {
	t.Helper()
	private, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jwkOf(private.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	return string(jwk)
}

func generalJSON(t *testing.T, jws string) string {
	t.Helper()
	one := gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: &rsaKey(t, 2048).PublicKey, KeyID: "r"}
	encrypter, err := gojose.NewMultiEncrypter(gojose.A256GCM, []gojose.Recipient{one, one}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(jws))
	if err != nil {
		t.Fatal(err)
	}
	return object.FullSerialize()
}
