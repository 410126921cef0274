package jose

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
)

// Every token here is refused before anybody looks for a key.
func TestParseSignedRefuses(t *testing.T) {
	const good = `{"alg":"ES256","kid":"k"}`
	header, payload, signature := b64(good), b64(`{"sub":"buyer"}`), b64("signature")
	with := func(header string) string { return b64(header) + "." + payload + "." + signature }
	if _, err := ParseSigned(with(good), limit); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"nothing", "", ErrForm},
		{"one part", header, ErrForm},
		{"MEF-R24 two parts", header + "." + payload, ErrForm},
		{"four parts", header + "." + payload + "." + signature + ".", ErrForm},
		{"five parts, a JWE", header + "." + b64("key") + "." + b64("iv") + "." + payload + "." + b64("tag"), ErrForm},
		{"dots alone", strings.Repeat(".", 1000), ErrForm},
		{"two dots", "..", ErrForm},
		{"no header", "." + payload + "." + signature, ErrForm},
		{"RFC7797 detached payload", header + ".." + signature, ErrForm},
		{"JSON serialization", `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`, ErrForm},
		{"padded header", header + "=." + payload + "." + signature, ErrForm},
		{"padded signature", header + "." + payload + "." + signature + "=", ErrForm},
		{"newline in the header", header[:4] + "\n" + header[4:] + "." + payload + "." + signature, ErrForm},
		{"carriage return in the signature", header + "." + payload + "." + signature[:4] + "\r" + signature[4:], ErrForm},
		{"newline at the end", header + "." + payload + "." + signature + "\n", ErrForm},
		{"space in front", " " + header + "." + payload + "." + signature, ErrForm},
		{"standard alphabet", header + "." + payload + ".-+/_", ErrForm},
		{"stray bits in the header", strayBits(good+" ") + "." + payload + "." + signature, ErrForm},
		{"stray bits in the signature", header + "." + payload + ".AB", ErrForm},
		{"signature of one character", header + "." + payload + ".A", ErrForm},

		{"header is no JSON", with("alg"), ErrHeader},
		{"header is an array", with(`["alg"]`), ErrHeader},
		{"header is null", with("null"), ErrHeader},
		{"header is not UTF-8", with("{\"alg\":\"ES256\",\"kid\":\"\xff\"}"), ErrHeader},
		{"data behind the header", with(good + "{}"), ErrHeader},
		{"RFC7515-4 alg twice", with(`{"alg":"none","alg":"ES256","kid":"k"}`), ErrHeader},
		{"alg twice, once escaped", with(`{"alg":"ES256","\u0061lg":"none","kid":"k"}`), ErrHeader},
		{"a member of a member twice", with(`{"alg":"ES256","kid":"k","x":[{"a":1,"a":2}]}`), ErrHeader},
		{"deep header", with(`{"alg":"ES256","kid":"k","x":` + nested(maxDepth+1) + `}`), ErrHeader},
		{"FAPI-8.9-2 jku", with(`{"alg":"ES256","kid":"k","jku":"https://evil.example/"}`), ErrHeader},
		{"FAPI-8.9-2 x5u", with(`{"alg":"ES256","kid":"k","x5u":"https://evil.example/"}`), ErrHeader},
		{"jwk", with(`{"alg":"ES256","kid":"k","jwk":{"kty":"EC"}}`), ErrHeader},
		{"jwk, null", with(`{"alg":"ES256","kid":"k","jwk":null}`), ErrHeader},
		{"jwk, escaped", with(`{"alg":"ES256","kid":"k","\u006awk":{}}`), ErrHeader},
		{"RFC7515-4.1.11 crit", with(`{"alg":"ES256","kid":"k","crit":["b64"]}`), ErrHeader},
		{"crit, empty", with(`{"alg":"ES256","kid":"k","crit":[]}`), ErrHeader},
		{"RFC7797 b64", with(`{"alg":"ES256","kid":"k","b64":true}`), ErrHeader},
		{"zip", with(`{"alg":"ES256","kid":"k","zip":"DEF"}`), ErrHeader},
		{"enc", with(`{"alg":"ES256","kid":"k","enc":"A256GCM"}`), ErrHeader},
		{"epk", with(`{"alg":"ES256","kid":"k","epk":{}}`), ErrHeader},
		{"p2s", with(`{"alg":"ES256","kid":"k","p2s":"AAAA"}`), ErrHeader},
		{"p2c", with(`{"alg":"ES256","kid":"k","p2c":1000000000}`), ErrHeader},

		{"MEF-R43 no alg", with(`{"kid":"k"}`), ErrAlg},
		{"alg empty", with(`{"alg":"","kid":"k"}`), ErrAlg},
		{"alg null", with(`{"alg":null,"kid":"k"}`), ErrAlg},
		{"alg a list", with(`{"alg":["ES256"],"kid":"k"}`), ErrAlg},
		{"alg in the wrong case", with(`{"Alg":"ES256","kid":"k"}`), ErrAlg},
		{"MEF-R42 no kid", with(`{"alg":"ES256"}`), ErrKid},
		{"kid empty", with(`{"alg":"ES256","kid":""}`), ErrKid},
		{"kid null", with(`{"alg":"ES256","kid":null}`), ErrKid},
		{"kid a number", with(`{"alg":"ES256","kid":7}`), ErrKid},
		{"kid in the wrong case", with(`{"alg":"ES256","KID":"k"}`), ErrKid},
		{"kid of 513 bytes", with(`{"alg":"ES256","kid":"` + strings.Repeat("k", maxKid+1) + `"}`), ErrKid},
		{"typ a number", with(`{"alg":"ES256","kid":"k","typ":1}`), ErrTyp},
		{"typ null", with(`{"alg":"ES256","kid":"k","typ":null}`), ErrTyp},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSigned(c.token, limit)
			wantError(t, err, c.want)
		})
	}
}

// strayBits encodes text of 3n+2 bytes and sets the bits that nobody reads.
func strayBits(text string) string {
	encoded := []byte(b64(text))
	encoded[len(encoded)-1]++
	return string(encoded)
}

// nested is an array in an array, n levels.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestParseSignedLimit(t *testing.T) {
	token := forge(t, newSigner(t, "EdDSA"), b64(`{"alg":"EdDSA","kid":"k"}`), b64(`{}`))
	if _, err := ParseSigned(token, len(token)); err != nil {
		t.Error(err)
	}
	_, err := ParseSigned(token, len(token)-1)
	wantError(t, err, ErrTooLarge)
}

// Members that the gate does not know, and names in another case than its
// own, mean nothing.
func TestHeaderOfUnknownMembers(t *testing.T) {
	s := newSigner(t, "ES256")
	for _, header := range []string{
		`{"alg":"ES256","kid":"k","JWK":{},"Crit":["x"],"JKU":"https://evil.example/"}`,
		`{"alg":"ES256","kid":"k","ALG":"none","KID":"other"}`,
		`{"alg":"ES256","kid":"k","x5t#S256":"AAAA","iat":1}`,
		" {\t\"kid\" : \"k\" ,\n\"alg\":\"ES256\"} ",
	} {
		if _, err := open(forge(t, s, b64(header), b64(`{}`)), public(s)); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestCheckTyp(t *testing.T) {
	for _, c := range []struct {
		typ  string
		want error
	}{
		{"", nil}, {"JWT", nil}, {"jwt", nil}, {"application/JWT", nil}, {"Application/jwt", nil},
		{"oauth-authz-req+jwt", nil}, {"OAuth-Authz-Req+JWT", nil}, {"application/oauth-authz-req+jwt", nil},
		{"at+jwt", ErrTyp}, {"client-authentication+jwt", ErrTyp}, {"application/", ErrTyp},
		{"application/application/jwt", ErrTyp}, {"JWT ", ErrTyp}, {"text/jwt", ErrTyp},
	} {
		signed := &Signed{typ: c.typ}
		if err := signed.CheckTyp("oauth-authz-req+jwt"); err != c.want {
			t.Errorf("typ %q: got %v, want %v", c.typ, err, c.want)
		}
	}
}

// MEF-R51, FAPI-8.6-3: whatever the profile says, the gate itself has no such
// algorithm.
func TestVerifyRefusesAlgorithms(t *testing.T) {
	s := newSigner(t, "PS256")
	payload := b64(`{"sub":"buyer"}`)
	der, err := x509.MarshalPKIXPublicKey(s.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "RS384", "RS512", "RS1", "ES256K", "Ed448",
		"RSA-OAEP", "RSA1_5", "dir", "PBES2-HS256+A128KW", "es256", "ES256 ", "PS256\x00",
	} {
		t.Run(alg, func(t *testing.T) {
			header := b64(`{"alg":` + quoted(alg) + `,"kid":"k"}`)
			mac := hmac.New(sha256.New, der)
			mac.Write([]byte(header + "." + payload))
			for _, token := range []string{
				header + "." + payload + ".",
				forge(t, s, header, payload),
				header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
			} {
				_, err := open(token, public(s))
				wantError(t, err, ErrAlg)
			}
		})
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, "\x00", `\u0000`) + `"` }

// The signature is good and the payload is not.
func TestVerifyRefusesPayloads(t *testing.T) {
	s := newSigner(t, "EdDSA")
	for _, c := range []struct{ name, payload string }{
		{"nothing but space", b64(" ")},
		{"an array", b64(`[]`)},
		{"an object in an array", b64(`[{"sub":"buyer"}]`)},
		{"null", b64(`null`)},
		{"a string", b64(`"sub"`)},
		{"a number", b64(`1`)},
		{"no JSON", b64(`sub=buyer`)},
		{"cut short", b64(`{"sub":"buyer"`)},
		{"MEF-R25 a second object", b64(`{"sub":"buyer"}{"sub":"evil"}`)},
		{"a byte behind the object", b64("{}\x00")},
		{"not UTF-8", b64("{\"sub\":\"\xc3\x28\"}")},
		{"a byte order mark", b64("\uFEFF{}")},
		{"RFC7519-4 a claim twice", b64(`{"sub":"buyer","sub":"evil"}`)},
		{"twice, once escaped", b64(`{"sub":"buyer","\u0073ub":"evil"}`)},
		{"twice in an object", b64(`{"claims":{"id_token":{"acr":1,"acr":2}}}`)},
		{"twice in an object in a list", b64(`{"a":[1,[{"b":1,"b":1}]]}`)},
		{"deep objects", b64(strings.Repeat(`{"a":`, maxDepth+2) + "1" + strings.Repeat("}", maxDepth+2))},
		{"deep arrays", b64(`{"a":` + nested(10_000) + `}`)},
		{"deep and open", b64(`{"a":` + strings.Repeat("[", 20_000))},
		{"padding", b64(`{"a":1}`) + "="},
		{"newline", b64(`{"sub"`) + "\n" + b64(`:"buyer"}`)},
		{"stray bits", strayBits(`{"ab":1}`)},
		{"another alphabet", "eyJhIjoi+/8ifQ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(forge(t, s, b64(headerOf(s)), c.payload), public(s))
			wantError(t, err, ErrPayload)
		})
	}
}

func TestVerifyReturnsThePayload(t *testing.T) {
	s := newSigner(t, "ES256")
	claims, err := open(forge(t, s, b64(headerOf(s)), b64(`{"sub":"buyer","SUB":"evil","n":1}`)), public(s))
	if err != nil {
		t.Fatal(err)
	}
	if sub, err := claims.String("sub"); sub != "buyer" || err != nil || len(claims) != 3 {
		t.Errorf("got %s, %v", claims, err)
	}
}

// A signature over other bytes is none over these, even if they mean the same.
func TestVerifyRefusesChangedTokens(t *testing.T) {
	for _, alg := range algs {
		t.Run(alg, func(t *testing.T) {
			s, other := newSigner(t, alg), newSigner(t, alg)
			other.Key = newOther(t, s)
			token := forge(t, s, b64(headerOf(s)), b64(`{"sub":"buyer"}`))
			parts := strings.Split(token, ".")
			signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
			input := parts[0] + "." + parts[1]
			signed := func(b []byte) string { return input + "." + base64.RawURLEncoding.EncodeToString(b) }
			flipped := append([]byte(nil), signature...)
			flipped[len(flipped)/2] ^= 1
			for name, changed := range map[string]string{
				"payload":            parts[0] + "." + b64(`{"sub":"evil!"}`) + "." + parts[2],
				"space in payload":   parts[0] + "." + b64(`{"sub":"buyer"} `) + "." + parts[2],
				"header":             b64(headerOf(s)+" ") + "." + parts[1] + "." + parts[2],
				"no signature":       signed(nil),
				"one bit":            signed(flipped),
				"one byte less":      signed(signature[:len(signature)-1]),
				"one byte more":      signed(append(signature[:len(signature):len(signature)], 0)),
				"a zero in front":    signed(append([]byte{0}, signature...)),
				"all zero":           signed(make([]byte, len(signature))),
				"another's":          forge(t, other, parts[0], parts[1]),
				"signature of twice": signed(append(signature[:len(signature):len(signature)], signature...)),
			} {
				if _, err := open(changed, public(s)); err != ErrSignature {
					t.Errorf("%s: got %v, want ErrSignature", name, err)
				}
			}
			if _, err := open(token, public(s)); err != nil {
				t.Error(err)
			}
		})
	}
}
