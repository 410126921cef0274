package did

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// slow is far beyond what any document takes (BenchmarkWorstDocument: 30 ms),
// to leave room for the race detector and a busy machine.
const slow = 5 * time.Second

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// many makes a document of n members of one kind.
func many(n int, list, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(format, "%d", fmt.Sprint(i))
	}
	return document(`"` + list + `":[` + strings.Join(items, ",") + `]`)
}

var refusedDocuments = map[string]string{
	"empty":                      "",
	"not JSON":                   "<html>",
	"an array":                   "[]",
	"not UTF-8":                  document("\"x\":\"\xff\""),
	"trailing text":              document(`"x":1`) + "{}",
	"no id":                      `{"verificationMethod":[]}`,
	"id in capitals":             `{"ID":"` + buyer + `"}`,
	"id mismatch":                strings.ReplaceAll(whole, "buyer", "thief"),
	"id with a slash":            `{"id":"` + buyer + `/"}`,
	"id in a list":               `{"id":["` + buyer + `"]}`,
	"two ids":                    document(`"id":"` + buyer + `"`),
	"two ids, one escaped":       document(`"\u0069d":"` + buyer + `"`),
	"duplicate member below":     authenticating(`{"id":"#k","id":"#l"}`),
	"1 MB":                       document(`"x":"` + strings.Repeat("a", 1<<20) + `"`),
	"64 KiB and a byte":          document(`"x":"` + strings.Repeat("a", maxDocument-len(document(`"x":""`))+1) + `"`),
	"deep":                       document(`"x":` + nested(21)),
	"very deep":                  document(`"x":` + nested(30_000)),
	"101 methods":                many(101, "verificationMethod", `{"id":"#%d"}`),
	"thousands of methods":       many(5000, "verificationMethod", `{"id":"#%d"}`),
	"thousands of references":    many(5000, "authentication", `"#%d"`),
	"thousands of services":      many(5000, "service", `{}`),
	"methods no array":           document(`"verificationMethod":{}`),
	"methods null":               document(`"verificationMethod":null`),
	"a method is null":           document(`"verificationMethod":[null]`),
	"a method is a reference":    document(`"verificationMethod":["#k"]`),
	"relationship no array":      document(`"authentication":"#k"`),
	"relationship with a number": document(`"authentication":[1]`),
	"endpoints, mixed and many":  document(`"service":[{"type":"T","serviceEndpoint":[{}` + strings.Repeat(`,"a"`, 100) + `]}]`),
	"101 endpoints":              document(`"service":[{"type":"T","serviceEndpoint":["a"` + strings.Repeat(`,"a"`, 100) + `]}]`),
	"101 endpoints, one by one":  document(`"service":[{"type":"T","serviceEndpoint":["a","b"]}` + strings.Repeat(`,{"type":"T","serviceEndpoint":"a"}`, 99) + `]`),
	"101 endpoints in maps":      document(`"service":[{"type":"T","serviceEndpoint":{"a":["a"` + strings.Repeat(`,"a"`, 60) + `],"b":["a"` + strings.Repeat(`,"a"`, 39) + `]}}]`),
	"101 types":                  document(`"service":[{"type":["T"` + strings.Repeat(`,"T"`, 100) + `],"serviceEndpoint":"a"}]`),
	"101 types, one by one":      document(`"service":[{"type":["T","U"]}` + strings.Repeat(`,{"type":"T"}`, 99) + `]`),
	"services no array":          document(`"service":{}`),
	"private JWK":                authenticating(jwkMethod("#k", private)),
	"private JWK, embedded":      document(`"authentication":[` + jwkMethod("#k", private) + `]`),
	"private JWK, unknown type":  authenticating(`{"id":"#k","type":"X","publicKeyJwk":` + private + `}`),
	"symmetric JWK":              authenticating(jwkMethod("#k", `{"kty":"oct","k":"AAAA"}`)),
	"secretKeyMultibase":         authenticating(with(textMethod("#k", "Multikey", edText), `"secretKeyMultibase":"z3u2"`)),
	"two methods of one id":      authenticating(jwkMethod("#good", jwkEd25519)),
	"one id in both forms":       authenticating(jwkMethod(buyer+"#good", jwkEd25519)),
	"one id, embedded":           document(`"verificationMethod":[` + jwkMethod("#k", jwkP256) + `],"authentication":[` + jwkMethod("#k", jwkEd25519) + `]`),
	"deactivated no boolean":     document(`"deactivated":"true"`),
}

func TestDocumentsRefused(t *testing.T) {
	for name, text := range refusedDocuments {
		start := time.Now()
		wantRefused(t, text, ErrInvalid)
		if took := time.Since(start); took > slow {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
	wantRefused(t, document(`"deactivated":true`), ErrDeactivated)
	if _, err := ParseDocument(DID{}, []byte(`{"id":""}`)); err == nil {
		t.Error("the zero DID has a document")
	}
}

// 100 methods embedded in five relationships are 101 too many, though no list
// is too long.
func TestEmbeddedMethodsCount(t *testing.T) {
	var lists []string
	for _, r := range relationships {
		list := many(30, string(r), `{"id":"#`+string(r)+`%d"}`)
		lists = append(lists, strings.TrimSuffix(strings.TrimPrefix(list, `{"id":"`+buyer+`",`), "}"))
	}
	wantRefused(t, document(strings.Join(lists, ",")), ErrInvalid)
	parse(t, document(strings.Join(lists[:3], ",")))
}

func TestKeyDIDsRefused(t *testing.T) {
	for _, id := range []string{
		"did:key:z", "did:key:1", "did:key:z1", "did:key:z1111", "did:key:uAAAA", "did:key:Z6Mk", "did:key:z0OIl", "did:key:" + edText + "1", "did:key:z" + edText,
		"did:key:" + edText[:len(edText)-1], "did:key:1.1:" + edText, "did:key:z" + strings.Repeat("1", 1599), "did:key:z" + strings.Repeat("z", 1599),
		"did:key:z" + strings.Repeat("z", 2000), "did:key:" + encode("\xed\x81\x00"+strings.Repeat("k", 32)), "did:key:" + encode("\xed\x01"+strings.Repeat("k", 33)),
		"did:key:" + encode("\x80\x24\x04"+strings.Repeat("k", 64)), "did:key:" + encode("\x80\x24\x02"+strings.Repeat("\xff", 32)), "did:key:" + encode("\x80\x24\x00"),
	} {
		_, err := KeyMethod{}.Resolve(t.Context(), mustParse(t, id))
		if wantError(t, err, ErrInvalid); t.Failed() {
			t.Fatalf("%.60s", id)
		}
	}
}

func TestJWKDIDsRefused(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	for _, id := range []string{
		"", "A", "e30", "bm90IGpzb24", b64([]byte(private)), b64([]byte(`{"kty":"oct","k":"AAAA"}`)), b64([]byte(jwkP256)) + ".", "z" + b64([]byte(jwkP256)),
		b64([]byte(with(jwkP256, `"d":null`))), b64([]byte(with(jwkP256, `"kty":"EC"`))), b64([]byte(jwkP256 + " x")), b64([]byte(`[` + jwkP256 + `]`)),
		b64([]byte(`{"kty":"EC","crv":"secp256k1","x":"TEIJN9vnTq1EXMkqzo7yN_867-foKc2pREv45Fw_QA8","y":"9yymlzdxKCiRbYq7p-ArRB-C1ytjHE-eb7RDTi6rVBc"}`)),
		b64([]byte(jwkP256))[:20], b64([]byte(`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("z", 341) + `"}`)), b64([]byte(" "))[:1] + "B",
	} {
		parsed, err := Parse("did:jwk:" + id)
		if err == nil {
			_, err = JWKMethod{}.Resolve(t.Context(), parsed)
		}
		if wantError(t, err, ErrInvalid); t.Failed() {
			t.Fatalf("%.60s", id)
		}
	}
}

// rsaJWK has a modulus of 8192 bits, the longest that is read.
var rsaJWK = `{"kty":"RSA","e":"AQAB","n":"3` + strings.Repeat("z", 1364) + `w"}`

// worstDocuments are the most work in 64 KiB that was found, accepted or not.
func worstDocuments() map[string]string {
	return map[string]string{
		"100 P-256 keys, five relationships": document(strings.TrimPrefix(strings.TrimSuffix(many(100, "verificationMethod", jwkMethod("#%d", jwkP256)), "}"), `{"id":"`+buyer+`",`) +
			`,` + everywhere(100)),
		"P-521 Multikeys":    many(100, "verificationMethod", textMethod("#%d", "Multikey", "z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7")),
		"RSA keys":           many(42, "verificationMethod", jwkMethod("#%d", rsaJWK)),
		"refused, endpoints": document(`"service":[{"id":"#s","type":"T","serviceEndpoint":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 16_000), ",") + `]}]`),
		"many names":         document(strings.TrimSuffix(strings.TrimPrefix(many(5000, "x", `"%d":0`), `{"id":"`+buyer+`","x":[`), "]}")),
		"long base58":        many(39, "verificationMethod", textMethod("#%d", "Multikey", "z"+strings.Repeat("z", 1500))),
		"refused at 1 MB":    refusedDocuments["1 MB"],
	}
}

func everywhere(n int) string {
	var lists []string
	for _, r := range relationships {
		list := many(n, string(r), `"#%d"`)
		lists = append(lists, strings.TrimSuffix(strings.TrimPrefix(list, `{"id":"`+buyer+`",`), "}"))
	}
	return strings.Join(lists, ",")
}

func TestWorstDocumentsAreQuick(t *testing.T) {
	for name, text := range worstDocuments() {
		start := time.Now()
		_, err := ParseDocument(mustParse(t, buyer), []byte(text))
		if took := time.Since(start); took > slow {
			t.Errorf("%s: %v (%v)", name, took, err)
		}
		if (err != nil) != strings.HasPrefix(name, "refused") {
			t.Errorf("%s: %d bytes: %v", name, len(text), err)
		}
	}
}

func BenchmarkWorstDocument(b *testing.B) {
	for name, text := range worstDocuments() {
		b.Run(name, func(b *testing.B) {
			id, data := mustParse(b, buyer), []byte(text)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ParseDocument(id, data)
			}
		})
	}
}

func BenchmarkKeyMethod(b *testing.B) {
	var longest string
	for _, v := range readVectors(b, "did-key.json", nil) {
		if len(v.DID) > len(longest) {
			longest = v.DID
		}
	}
	for name, text := range map[string]string{"Ed25519": "did:key:" + edText, "RSA-4096": longest} {
		b.Run(name, func(b *testing.B) {
			id := mustParse(b, text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (KeyMethod{}).Resolve(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
