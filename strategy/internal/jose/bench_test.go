package jose

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"encoding/base64"
	"strings"
	"testing"
)

var payload = []byte(`{"iss":"buyer","sub":"buyer","aud":"https://seller.example/oauth2/token","exp":1594140151,"iat":1594140091,"jti":"4vBctMSkK4wfuOui9Cyc"}`)

// Verify through the gate beside the primitive alone.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		s := newSigner(b, alg)
		keys := []Key{public(s)}
		token, err := Sign(s, "JWT", payload)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg+"/gate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				signed, err := ParseSigned(token, limit)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := signed.Verify(keys, 2048); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"/bare", func(b *testing.B) {
			end := strings.LastIndexByte(token, '.')
			signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if !algorithms[alg].verify(keys[0].Public, []byte(token[:end]), signature) {
					b.Fatal("not verified")
				}
			}
		})
	}
}

// Sign through the gate beside the primitive alone.
func BenchmarkSign(b *testing.B) {
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		s := newSigner(b, alg)
		b.Run(alg+"/gate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Sign(s, "JWT", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.sign(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseObject(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseObject(payload); err != nil {
			b.Fatal(err)
		}
	}
}

// What the most costly tokens cost that need no key to be refused: dots, a
// header of many members, a long text under a bad tag length, and a point of
// the largest curve, which is looked at before our key's curve is known.
func BenchmarkRefuseJWE(b *testing.B) {
	jws, _ := signedToken(b)
	p521, err := ecdh.P521().NewPrivateKey(append(make([]byte, 65), 7))
	if err != nil {
		b.Fatal(err)
	}
	token := nest(b, publicOf(b, newDecrypter(b, "k", "ECDH-ES", p521)), "A256GCM", jws)
	own := newDecrypter(b, "k", "ECDH-ES", ecKey(b, elliptic.P256()))
	var members strings.Builder
	for i := range 300 {
		members.WriteString(`,"` + strings.Repeat("m", 3) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":1`)
	}
	for name, token := range map[string]string{
		"dots": strings.Repeat(".", limit), "six parts": strings.Repeat("A", limit-5) + ".....",
		"members":  setPart(token, 0, b64(`{"alg":"ECDH-ES"`+members.String()+`}`)),
		"text":     setPart(setPart(token, 3, strings.Repeat("A", limit/2)), 4, ""),
		"P-521":    token,
		"accepted": nest(b, publicOf(b, own), "A256GCM", jws),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decryptWith(token, own); (err == nil) != (name == "accepted") {
					b.Fatal(err)
				}
			}
		})
	}
}
