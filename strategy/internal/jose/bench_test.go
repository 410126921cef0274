package jose

import (
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
