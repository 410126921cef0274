package jose

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Once a private key is at work, whatever is wrong looks the same.
func TestJWEOneError(t *testing.T) {
	jws, _ := signedToken(t)
	for _, alg := range keyAlgs {
		private := recipients(t, alg)[0].private
		own := newDecrypter(t, "k", alg, private)
		for _, enc := range contentAlgs {
			token := nest(t, publicOf(t, own), enc, jws)
			tokens := map[string]string{
				"header": setPart(token, 0, b64(strings.Replace(headerText(t, token), `{`, `{ `, 1))),
				"iv":     flipped(t, token, 2), "text": flipped(t, token, 3), "tag": flipped(t, token, 4),
				"key for another enc": withEnc(t, token, enc),
			}
			if part(token, 1) != "" {
				tokens["encrypted key"] = flipped(t, token, 1)
			}
			for name, altered := range tokens {
				signed, err := decryptWith(altered, own)
				if err != ErrDecrypt || signed != nil {
					t.Errorf("%s, %s, %s: got %v, want ErrDecrypt itself", alg, enc, name, err)
				}
			}
		}
	}
}

func headerText(t *testing.T, token string) string {
	t.Helper()
	raw, err := decode(part(token, 0))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// withEnc names an enc of other sizes, with an iv, text and tag that fit it.
func withEnc(t *testing.T, token, enc string) string {
	t.Helper()
	other := map[string]string{"A128GCM": "A256GCM", "A256GCM": "A128GCM", "A128CBC-HS256": "A256CBC-HS512", "A256CBC-HS512": "A128CBC-HS256"}[enc]
	token = setPart(token, 0, b64(strings.Replace(headerText(t, token), enc, other, 1)))
	return setPart(token, 4, b64(strings.Repeat("t", encryptions[other].tagBytes)))
}

func flipped(t *testing.T, token string, i int) string {
	t.Helper()
	raw, err := decode(part(token, i))
	if err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	return setPart(token, i, b64(string(raw)))
}

// What is inside must be a JWS, and its signature is another matter.
func TestJWEWithin(t *testing.T) {
	jws, s := signedToken(t)
	own := newDecrypter(t, "k", "ECDH-ES", ecKey(t, elliptic.P256()))
	to := publicOf(t, own)
	body := jws[strings.IndexByte(jws, '.'):]
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nested twice":  {nest(t, to, "A128GCM", jws), ErrForm},
		"claims":        {`{"iss":"buyer"}`, ErrForm},
		"two parts":     {strings.TrimPrefix(body, "."), ErrForm},
		"a JSON JWS":    {`{"payload":"e30","signatures":[]}`, ErrForm},
		"no alg inside": {b64(`{"kid":"k"}`) + body, ErrAlg},
		"no kid inside": {b64(`{"alg":"EdDSA"}`) + body, ErrKid},
		"zip inside":    {b64(`{"alg":"EdDSA","kid":"k","zip":"DEF"}`) + body, ErrHeader},
		"none inside":   {b64(`{"alg":"none","kid":"k"}`) + jws[strings.IndexByte(jws, '.'):strings.LastIndexByte(jws, '.')+1], ErrAlg},
		"HMAC inside":   {b64(`{"alg":"HS256","kid":"k"}`) + body, ErrAlg},
		"not verified":  {jws[:len(jws)-6] + "AAAAAA", ErrSignature},
	} {
		signed, err := decryptWith(nest(t, to, "A128GCM", c.text), own)
		if err == nil {
			_, err = signed.Verify([]Key{public(s)}, 2048)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		wantError(t, err, c.want)
	}
}

// go-jose's unpadding would panic at no text at all, with a tag that is right
// and so from anybody who has the public key.
func TestEmptyTextOfCBC(t *testing.T) {
	own := newDecrypter(t, "k", "RSA-OAEP", rsaKey(t, 2048))
	cek := random(32)
	encryptedKey, err := wrapRSA(own, cek)
	if err != nil {
		t.Fatal(err)
	}
	header := b64(`{"alg":"RSA-OAEP","enc":"A128CBC-HS256","kid":"k","cty":"JWT"}`)
	iv := random(16)
	_, err = decryptWith(strings.Join([]string{header, b64(string(encryptedKey)), b64(string(iv)), "", b64(emptyTag(cek, iv, header))}, "."), own)
	wantError(t, err, ErrForm)
}

func wrapRSA(d *Decrypter, cek []byte) ([]byte, error) {
	return rsa.EncryptOAEPWithOptions(rand.Reader, d.public.(*rsa.PublicKey), cek, managements[d.Alg].oaep())
}

// emptyTag is the tag over no text (RFC 7518 §5.2.2.1).
func emptyTag(cek, iv []byte, aad string) string {
	mac := hmac.New(sha256.New, cek[:16])
	mac.Write([]byte(aad))
	mac.Write(iv)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(8*len(aad))))
	return string(mac.Sum(nil)[:16])
}

// apu and apv change the key (RFC 7518 §4.6.2).
func TestPartyInfo(t *testing.T) {
	jws, _ := signedToken(t)
	d := newDecrypter(t, "enc-1", "ECDH-ES", ecKey(t, elliptic.P256()))
	token := withParties(t, d, jws, "QWxpY2U", "Qm9i")
	if signed, err := decryptWith(token, d); err != nil || signed.Kid != "k" {
		t.Errorf("got %v", err)
	}
	for _, wrong := range []string{`"A"`, `"QWxpY2U="`, `7`, `null`} {
		_, err := decryptWith(b64(`{"alg":"ECDH-ES","enc":"A128GCM","kid":"enc-1","cty":"JWT","apu":`+wrong+`,"epk":`+epkOf(token)+`}`)+token[strings.IndexByte(token, '.'):], d)
		wantError(t, err, ErrHeader)
	}
}

func withParties(t *testing.T, d *Decrypter, jws, apu, apv string) string {
	t.Helper()
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	z, err := ephemeral.ECDH(toECDH(d.public))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := decode(apu)
	v, _ := decode(apv)
	content := encryptions["A128GCM"]
	cek, err := managements["ECDH-ES"].derive(z, "ECDH-ES", "A128GCM", content, u, v)
	if err != nil {
		t.Fatal(err)
	}
	epk, _ := json.Marshal(jwkOf(ephemeral.PublicKey()))
	header := fmt.Sprintf(`{"alg":"ECDH-ES","enc":"A128GCM","kid":%q,"cty":"JWT","apu":%q,"apv":%q,"epk":%s}`, d.ID, apu, apv, epk)
	return sealed(t, content, cek, header, "", jws)
}
