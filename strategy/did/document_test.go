package did

import (
	"crypto"
	"crypto/ecdh"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	buyer      = "did:web:buyer.example"
	jwkP256    = `{"kty":"EC","crv":"P-256","x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"}`
	private    = `{"kty":"EC","crv":"P-256","x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM","d":"AA"}`
	jwkEd25519 = `{"kty":"OKP","crv":"Ed25519","x":"_eT7oDCtAC98L31MMx9J0T-w7HR-zuvsY08f9MvKne8"}`
	jwkX25519  = `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`
	edText     = "z6MkwYMhwTvsq376YBAcJHy3vyRWzBgn5vKfVqqDCgm7XVKU" // the same as jwkEd25519
	xText      = "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F"
)

func equal(a, b Key) bool {
	own, ok := a.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && a.ID == b.ID && own.Equal(b.Public)
}

// with adds a member to a JWK.
func with(jwk, member string) string { return strings.TrimSuffix(jwk, "}") + "," + member + "}" }

func jwkMethod(id, jwk string) string {
	return fmt.Sprintf(`{"id":%q,"type":"JsonWebKey2020","controller":%q,"publicKeyJwk":%s}`, id, buyer, jwk)
}

func textMethod(id, kind, key string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"controller":%q,"publicKeyMultibase":%q}`, id, kind, buyer, key)
}

func document(members string) string { return fmt.Sprintf(`{"id":%q,%s}`, buyer, members) }

func authenticating(method string) string {
	return document(`"verificationMethod":[` + method + `,` + jwkMethod("#good", jwkP256) + `],"authentication":["#k","#good"],"keyAgreement":["#k"]`)
}

func parse(t testing.TB, text string) *Document {
	t.Helper()
	doc, err := ParseDocument(mustParse(t, buyer), []byte(text))
	if err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
	return doc
}

func wantRefused(t *testing.T, text string, want error) {
	t.Helper()
	if doc, err := ParseDocument(mustParse(t, buyer), []byte(text)); !errors.Is(err, want) || doc != nil {
		t.Errorf("%.200s: %v, want %v", text, err, want)
	}
}

// The document of a Buyer, in every form that a reference and an id may have.
const whole = `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:web:buyer.example","alsoKnownAs":["did:web:other.example", 1],
"controller":"did:web:other.example","verificationMethod":[
{"id":"did:web:buyer.example#sig-1","type":"JsonWebKey2020","controller":"did:web:buyer.example","publicKeyJwk":` + jwkP256 + `},
{"id":"#enc-1","type":"JsonWebKey","controller":"did:web:buyer.example","publicKeyJwk":` + jwkX25519 + `},
{"id":"#ed-1","type":"Ed25519VerificationKey2020","controller":"did:web:buyer.example","publicKeyMultibase":"` + edText + `"},
{"id":"#enc-2","type":"Multikey","controller":"did:web:buyer.example","publicKeyMultibase":"` + xText + `"}],
"authentication":["#sig-1","did:web:buyer.example#sig-1","did:web:buyer.example#ed-1","#enc-1","did:web:other.example#k","#nowhere",
 {"id":"#embedded","type":"JsonWebKey2020","controller":"did:web:buyer.example","publicKeyJwk":` + jwkEd25519 + `}],
"assertionMethod":["#ed-1","#embedded"],
"keyAgreement":["#enc-1","#sig-1","#ed-1","#enc-2"],
"service":[{"id":"#oauth","type":"OAuth2RedirectURI","serviceEndpoint":["https://tpp.buyer.example/cb"]}]}`

func TestDocument(t *testing.T) {
	doc := parse(t, whole)
	for r, want := range map[Relationship]string{
		Authentication: "#sig-1 #ed-1 #embedded", AssertionMethod: "#ed-1", KeyAgreement: "#enc-1 #sig-1 #enc-2", CapabilityInvocation: "",
	} {
		var got []string
		for _, key := range doc.AllKeys(r) {
			got = append(got, strings.TrimPrefix(key.ID, buyer))
			if r == KeyAgreement != (key.Use == "enc") || key.Use == "" {
				t.Errorf("%s: %s is for %q", r, key.ID, key.Use)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", r, got, want)
		}
	}
	if doc.ID().String() != buyer || !doc.HasServiceEndpoint("https://tpp.buyer.example/cb") {
		t.Error("the id or the service is not there")
	}
}

func TestKeysByKid(t *testing.T) {
	doc := parse(t, whole)
	for kid, alg := range map[string]string{buyer + "#sig-1": "ES256", "#sig-1": "ES256", buyer + "#ed-1": "EdDSA", "#embedded": "EdDSA"} {
		keys := doc.Keys(Authentication, kid)
		if len(keys) != 1 || keys[0].ID != kid || keys[0].Alg != alg || keys[0].Use != "sig" {
			t.Errorf("%s: %+v", kid, keys)
		}
	}
	for _, kid := range []string{"", "#", "sig-1", "did:web:other.example#sig-1", buyer, buyer + "#", "#enc-1", buyer + "#SIG-1", buyer + "#sig-1#"} {
		if keys := doc.Keys(Authentication, kid); len(keys) != 0 {
			t.Errorf("%s: %+v", kid, keys)
		}
	}
	agree := doc.Keys(KeyAgreement, "#sig-1")
	if len(agree) != 1 || agree[0].Alg != "" || !agree[0].FitsEncryption("ECDH-ES", 2048) {
		t.Errorf("got %+v", agree)
	}
	if key := doc.Keys(KeyAgreement, "#enc-1")[0]; !key.FitsEncryption("ECDH-ES+A256KW", 2048) {
		t.Errorf("got %+v", key)
	}
	if _, ok := doc.Keys(KeyAgreement, "#enc-2")[0].Public.(*ecdh.PublicKey); !ok {
		t.Error("X25519 in multibase is no key to agree with")
	}
}

// Each first method is one that cannot be used; the other can.
func TestMethodsThatDoNotCount(t *testing.T) {
	for name, method := range map[string]string{
		"unknown type":       `{"id":"#k","type":"Bls12381G1Key2020","controller":"` + buyer + `","publicKeyBase58":"abc"}`,
		"no type":            `{"id":"#k","controller":"` + buyer + `","publicKeyJwk":` + jwkP256 + `}`,
		"type a list":        `{"id":"#k","type":["JsonWebKey"],"controller":"` + buyer + `","publicKeyJwk":` + jwkP256 + `}`,
		"secp256k1":          jwkMethod("#k", `{"kty":"EC","crv":"secp256k1","x":"TEIJN9vnTq1EXMkqzo7yN_867-foKc2pREv45Fw_QA8","y":"9yymlzdxKCiRbYq7p-ArRB-C1ytjHE-eb7RDTi6rVBc"}`),
		"secp256k1 Multikey": textMethod("#k", "Multikey", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"),
		"point off curve":    jwkMethod("#k", strings.Replace(jwkP256, "igrF", "igrG", 1)),
		"weak RSA":           jwkMethod("#k", `{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("z", 341)+`"}`),
		"huge RSA":           jwkMethod("#k", `{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("z", 1367)+`"}`),
		"short Ed25519":      jwkMethod("#k", `{"kty":"OKP","crv":"Ed25519","x":"_eT7"}`),
		"key a string":       jwkMethod("#k", `"x"`),
		"no key":             `{"id":"#k","type":"JsonWebKey2020","controller":"` + buyer + `"}`,
		"two keys":           with(jwkMethod("#k", jwkP256), `"publicKeyMultibase":"`+edText+`"`),
		"key of other type":  with(strings.Replace(textMethod("#k", "JsonWebKey", edText), "JsonWebKey2020", "JsonWebKey", 1), `"x":1`),
		"P-256 as Ed25519":   textMethod("#k", "Ed25519VerificationKey2020", "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv"),
		"X25519 as Ed25519":  textMethod("#k", "Ed25519VerificationKey2020", xText),
		"Ed25519 as X25519":  textMethod("#k", "X25519KeyAgreementKey2020", edText),
		"not base58":         textMethod("#k", "Multikey", "z0OIl"),
		"other base":         textMethod("#k", "Multikey", "uAAAA"),
		"other controller":   strings.Replace(jwkMethod("#k", jwkP256), `"controller":"`+buyer, `"controller":"did:web:other.example`, 1),
		"no controller":      `{"id":"#k","type":"JsonWebKey","publicKeyJwk":` + jwkP256 + `}`,
		"two controllers":    `{"id":"#k","type":"JsonWebKey","controller":["` + buyer + `"],"publicKeyJwk":` + jwkP256 + `}`,
		"id of another DID":  jwkMethod("did:web:other.example#k", jwkP256),
		"id with a path":     jwkMethod(buyer+"/p#k", jwkP256),
		"id without #":       jwkMethod(buyer, jwkP256),
		"id empty":           jwkMethod("", jwkP256),
		"id a number":        strings.Replace(jwkMethod("#k", jwkP256), `"#k"`, "1", 1),
	} {
		doc := parse(t, authenticating(method))
		if len(doc.Keys(Authentication, "#k")) != 0 || len(doc.Keys(KeyAgreement, "#k")) != 0 || len(doc.Keys(Authentication, "#good")) != 1 {
			t.Errorf("%s: %+v", name, doc.AllKeys(Authentication))
		}
	}
}

// What a JWK says of itself counts (RFC 7517 §4.2–4.5).
func TestJWKFacts(t *testing.T) {
	for member, want := range map[string]struct {
		sig, enc int
		alg      string
	}{
		`"use":"sig"`:                     {1, 0, "ES256"},
		`"use":"enc"`:                     {0, 1, ""},
		`"use":"tls"`:                     {0, 0, ""},
		`"alg":"ECDH-ES"`:                 {1, 1, "ECDH-ES"}, // and so it verifies nothing
		`"kid":"other"`:                   {1, 1, "ES256"},
		`"key_ops":["verify"],"kid":null`: {1, 1, "ES256"},
		`"key_ops":"verify"`:              {0, 0, ""},
	} {
		doc := parse(t, authenticating(jwkMethod("#k", with(jwkP256, member))))
		sig, enc := doc.Keys(Authentication, "#k"), doc.Keys(KeyAgreement, "#k")
		if len(sig) != want.sig || len(enc) != want.enc || len(sig) == 1 && sig[0].Alg != want.alg {
			t.Errorf("%s: %+v, %+v", member, sig, enc)
		}
	}
}

func TestServiceEndpoints(t *testing.T) {
	doc := parse(t, document(`"service":[
		{"id":"#a","type":"A","serviceEndpoint":"https://a.example/cb"},
		{"id":"#b","type":["B","C"],"serviceEndpoint":["https://b.example/1",{"uri":"https://b.example/2"},["https://b.example/3"],null,1]},
		{"id":"#c","type":"C","serviceEndpoint":{"origins":["https://c.example/1"],"x":{"uri":"https://c.example/2"},"n":1}},
		{"id":"#d","type":1,"serviceEndpoint":"https://d.example"}, "https://e.example", {"id":"#f","type":"F"}, {"type":"G","serviceEndpoint":["","https:\/\/g.example"]}]`))
	for uri, has := range map[string]bool{
		"https://a.example/cb": true, "https://a.example/cb/": false, "https://A.example/cb": false, "https://a.example": false, "https://a.example/cb?": false,
		"https://b.example/1": true, "https://b.example/2": true, "https://b.example/3": false, "https://c.example/1": true, "https://c.example/2": false,
		"https://d.example": false, "https://e.example": false, "https://g.example": true, "": false, "A": false, "#a": false,
	} {
		if doc.HasServiceEndpoint(uri) != has {
			t.Errorf("%s: want %v", uri, has)
		}
	}
	if !doc.HasServiceEndpoint("https://b.example/1", "X", "C") || doc.HasServiceEndpoint("https://b.example/1", "A") {
		t.Error("the type of the service does not count")
	}
}
