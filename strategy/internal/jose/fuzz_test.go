package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	gojose "github.com/go-jose/go-jose/v3"
)

// fixedSigner signs the same token at every run.
func fixedSigner() *Signer {
	return &Signer{ID: "k", Alg: "EdDSA", Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
}

// What is accepted is what is written: there is one spelling of a token. What
// verifies is what was signed.
func FuzzParseSigned(f *testing.F) {
	token, err := Sign(fixedSigner(), "JWT", []byte(`{"sub":"buyer"}`))
	if err != nil {
		f.Fatal(err)
	}
	input := token[:strings.LastIndexByte(token, '.')]
	for _, header := range []string{
		`{"alg":"none","kid":"k"}`, `{"alg":"HS256","kid":"k"}`, `{"alg":"EdDSA"}`, `{"alg":"EdDSA","kid":"k","jwk":{}}`,
		`{"alg":"EdDSA","alg":"none","kid":"k"}`, `{"alg":"Ed25519","kid":"k","typ":"at+jwt"}`, `{"\u0061lg":"ES256","kid":"\ud800"}`,
	} {
		f.Add(b64(header) + token[strings.IndexByte(token, '.'):])
	}
	for _, seed := range []string{"", "..", token, token + "=", token + "\n", input + ".", input, "a." + token, strings.ReplaceAll(token, "-", "+")} {
		f.Add(seed)
	}
	keys := []Key{public(fixedSigner())}
	f.Fuzz(func(t *testing.T, token string) {
		signed, err := ParseSigned(token, 4096)
		if err != nil {
			return
		}
		if signed.Alg == "" || signed.Kid == "" || len(signed.Kid) > maxKid || len(token) > 4096 {
			t.Errorf("accepted %+v", signed)
		}
		if signed.input+"."+base64.RawURLEncoding.EncodeToString(signed.signature) != token {
			t.Errorf("the signature has another spelling than %q", token)
		}
		header, _, _ := strings.Cut(token, ".")
		raw, err := base64.RawURLEncoding.DecodeString(header)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != header {
			t.Errorf("the header has another spelling than %q", header)
		}
		if _, err := signed.Verify(keys, 2048); err == nil && signed.input != input {
			t.Errorf("verified %q", token)
		}
		_ = signed.CheckTyp("at+jwt")
	})
}

// The scanner accepts what encoding/json accepts, except for what the gate
// refuses on purpose, and both see the same members.
func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "a" : 1 , "b":[ ] } `, `{"a":1,"A":2}`, `{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `{"a":{"b":[{"c":1,"c":2}]}}`,
		`{"a":"\ud83d\ude00\ud800\"\\\/"}`, `{"\ud800":1,"\udfff":2}`, `{"exp":-0.0e+1}`, `{"exp":01}`, `{"exp":1.}`, `{"exp":+1}`, `{"exp":.1}`,
		`{"a":tru}`, `{"a":truex}`, `{"a":nul}`, `[{}]`, `null`, `{}{}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{'a':1}`, "{\"a\":\"\x01\"}",
		"{\"a\":\"\\\x01\"}", "{\"\xff\":1}", "\uFEFF{}", `{"aud":["a",null,1],"exp":1e999,"iat":"1"}`, `{"a":` + nested(maxDepth) + `}`,
		`{"a":` + nested(maxDepth+1) + `}`, `{"a":"\`, `{"a":"\"}`, `{"a":[1,]}`, `{"a":[,]}`, "{\"a\":1}\x00", "{\f}", `{"":""}`,
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"a":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := ParseObject(data)
		want, ok := oracle(data)
		if (err == nil) != ok {
			t.Fatalf("%q: got %v, encoding/json accepts: %v", data, err, ok)
		}
		if err != nil {
			wantError(t, err, ErrPayload)
			return
		}
		if len(object) != len(want) {
			t.Fatalf("%q: got %s, want %s", data, object, want)
		}
		for name, raw := range want {
			if !bytes.Equal(object[name], raw) {
				t.Errorf("%q: member %q is %s, want %s", data, name, object[name], raw)
			}
			readAs(t, object, name)
		}
		again, err := json.Marshal(object)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if same, err := ParseObject(again); err != nil || len(same) != len(object) {
			t.Errorf("%q became %s: %v", data, again, err)
		}
	})
}

// readAs: a member is of one JSON type at most, and is read as it is.
func readAs(t *testing.T, object Object, name string) {
	t.Helper()
	text, notText := object.String(name)
	list, notList := object.Strings(name)
	_, notTime := object.Time(name)
	var want any
	if err := json.Unmarshal(object[name], &want); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
		t.Fatalf("member %q is no JSON: %v", name, err)
	}
	s, isText := want.(string)
	if isText != (notText == nil) || s != text || isText && (notList != nil || notTime == nil) {
		t.Errorf("member %q, %s: got %q %v, %q %v, %v", name, object[name], text, notText, list, notList, notTime)
	}
}

// oracle is the slow way: it walks the tokens of encoding/json.
func oracle(data []byte) (map[string]json.RawMessage, bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if !utf8.Valid(data) || !json.Valid(data) || !unique(dec, 0) {
		return nil, false
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, false
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	return members, err == nil && members != nil
}

func unique(dec *json.Decoder, depth int) bool {
	token, err := dec.Token()
	delim, composite := token.(json.Delim)
	if err != nil || composite && depth > maxDepth {
		return false
	}
	if !composite {
		return true
	}
	seen := map[string]bool{}
	for dec.More() {
		if delim == '{' {
			token, err := dec.Token()
			name, _ := token.(string)
			if err != nil || seen[name] {
				return false
			}
			seen[name] = true
		}
		if !unique(dec, depth+1) {
			return false
		}
	}
	_, err = dec.Token()
	return err == nil
}

// rfc8705 is the JWK of RFC 8705 Appendix A, which has no kid.
const rfc8705 = `{"kty":"EC","x":"1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q","y":"8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8","crv":"P-256","x5c":["` +
	"MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG" +
	"SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID" +
	`SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="]}`

// A key that is accepted has a kid and a public key of a known type, and is
// the same after it was written and read again.
func FuzzParseKeys(f *testing.F) {
	ed := jwk(f, fixedSigner().Key.Public(), "k")
	const ec = `{"kty":"EC","crv":"P-256","kid":"e","alg":"ES256","use":"sig","x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"}`
	const small = `{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}`
	for _, member := range []string{
		ed, ec, small, with(ec, "key_ops", `["verify"]`), with(ec, "d", `"AQ"`), with(ec, "x5c", `["AAAA"]`), with(ec, "x5u", `":"`),
		with(ec, "x5t", `"AAAA"`), with(ec, "kid", `"f"`), strings.Replace(ec, "P-256", "P-384", 1), strings.Replace(ed, `"x":"`, `"x":"AA`, 1),
		`{"kty":"RSA","kid":"r","n":"","e":""}`, `{"kty":"RSA","kid":"r","n":"AQAB","e":"__________8"}`, `{"kty":"oct","kid":"s","k":"AAAA"}`,
		`{"kty":"OKP","crv":"Ed25519","kid":"k","X":"AAAA"}`,
		`{"kty":"OKP","crv":"X25519","kid":"k","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`, `null`, `{}`,
		rfc8705, with(ec, "x5c", `["`+strings.Split(rfc8705, `"`)[19]+`"]`), with(rfc8705, "x5t#S256", `"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"`),
	} {
		f.Add(set(member))
		f.Add(set(member, ed, member))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseKeys(data)
		if err != nil {
			wantError(t, err, ErrKeySet)
			return
		}

		var written []string
		for _, k := range keys {
			if _, ok := k.Public.(*ecdh.PublicKey); ok {
				return // go-jose cannot write it
			}
			data, err := json.Marshal(gojose.JSONWebKey{Key: k.Public, KeyID: k.ID, Algorithm: k.Alg, Use: k.Use})
			if err != nil {
				t.Fatalf("%+v: %v", k, err)
			}
			written = append(written, string(data))
		}
		again, err := ParseKeys(set(written...))
		if err != nil || len(again) != len(keys) || len(keys) > maxKeys {
			t.Fatalf("%q: read %d keys, then %d, %v", data, len(keys), len(again), err)
		}
		for i, k := range keys {
			same := k.Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(again[i].Public)
			if c := k.Certificate; c != nil && (!k.Named(c.Thumbprint) || k.ValidAt(c.NotBefore) != !c.NotBefore.After(c.NotAfter)) {
				t.Errorf("%q: key %d has the certificate %+v", data, i, c)
			}
			if !same || k.ID == "" || k.ID != again[i].ID || k.Alg != again[i].Alg || k.Use != again[i].Use {
				t.Errorf("%q: key %d is %+v, then %+v", data, i, k, again[i])
			}
		}
	})
}
