package credential

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// What is decoded is within the bounds, and comes back the same.
func FuzzStatusList(f *testing.F) {
	bits := NewBits(0)
	_ = bits.Set(94567, true)
	encoded, err := bits.Encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "u", encoded, encoded[1:], encoded + "=", encoded[:20], "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA",
	} {
		f.Add(seed, uint64(94567))
	}
	f.Fuzz(func(t *testing.T, encoded string, index uint64) {
		bits, err := DecodeBits(encoded)
		if err != nil {
			return
		}
		if len(bits)*8 < MinBits || len(bits) > maxListBytes {
			t.Fatalf("%d bytes", len(bits))
		}
		on, err := bits.Get(index)
		if beyond := index >= uint64(len(bits))*8; beyond != (err != nil) || beyond && on {
			t.Errorf("bit %d of %d: %v, %v", index, len(bits)*8, on, err)
		}
		again, err := bits.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := DecodeBits(again); err != nil || !bytes.Equal(same, bits) {
			t.Errorf("encoded and decoded it is another: %v", err)
		}
	})
}

// fuzzer signs whatever JSON it is given, so that the fuzzer gets beyond the
// signature.
type fuzzer struct{ *Issuer }

func newFuzzer(id string) fuzzer {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(len(id))}, ed25519.SeedSize))
	return fuzzer{&Issuer{ID: id, Kid: id + "#k", Alg: "EdDSA", Key: key}}
}

func (f fuzzer) wrap(typ, payload string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(`{"alg":"EdDSA","kid":"`+f.Kid+`","typ":"`+typ+`"}`)) + "." + b64([]byte(payload))
	return input + "." + b64(ed25519.Sign(f.Key.(ed25519.PrivateKey), []byte(input)))
}

// Keys has one key for every relationship.
func (f fuzzer) Keys(_ context.Context, party, kid string, _ Relationship) ([]Key, error) {
	if party != f.ID {
		return nil, ErrNoKey
	}
	return []Key{{ID: kid, Public: f.Key.Public()}}, nil
}

var fuzzTypes = []string{"JWT", "vc+jwt", "vp+jwt", "vc+ld+json+jwt", "x"}

func payloadOf(token string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	return string(raw)
}

const fuzzDID = "did:web:a.example"

func fuzzCredential(v Version) string {
	token, err := newFuzzer(fuzzDID).Credential(Credential{
		Version: v, ID: "https://a.example/1", Subject: fuzzDID, Claims: map[string]any{"legalName": "A"}, From: time.Unix(1e9, 0),
		Status: []StatusEntry{{Type: StatusList2021, Purpose: Revocation, List: "https://a.example/list", Index: 7}},
	})
	if err != nil {
		panic(err)
	}
	return token
}

// A credential that is read has an issuer, one subject and an identifier that
// resolves, and its status entries can be checked.
func FuzzCredential(f *testing.F) {
	for typ, v := range []Version{V1, V2} {
		f.Add(uint8(typ), payloadOf(fuzzCredential(v)))
	}
	for _, seed := range []string{
		`{}`, `{"vc":{}}`, `{"vc":null,"vp":1}`, `{"@context":[],"type":[]}`, `{"issuer":{"id":null}}`,
		`{"@context":"https://www.w3.org/ns/credentials/v2","type":["VerifiableCredential"],"issuer":"did:a:b","credentialSubject":[{"id":"x"}],"id":"did:a:b?c#d","iat":"2010-01-01T19:23:24Z","credentialStatus":[]}`,
	} {
		f.Add(uint8(1), seed)
	}
	signer := newFuzzer(fuzzDID)
	f.Fuzz(func(t *testing.T, typ uint8, payload string) {
		token := signer.wrap(fuzzTypes[int(typ)%len(fuzzTypes)], payload)
		_, _ = parseList(token, "StatusList2021", "https://a.example/list")
		c, err := parseVC(token, maxCredential)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if !isParty(c.issuer) || c.subject == "" || !isHTTPS(c.id) && !isDIDURL(c.id) || len(token) > maxCredential || c.digest == "" {
			t.Errorf("accepted %q as %+v", payload, c)
		}
		if c.version == V2 && (c.claims.Has("vc") || c.claims.Has("vp")) {
			t.Errorf("accepted %q with claims of 1.1", payload)
		}
		for _, e := range c.status {
			if e.Issuer != c.issuer || !isHTTPS(e.List) || e.Purpose != Revocation && e.Purpose != Suspension || len(c.status) > maxEntries {
				t.Errorf("accepted %q with the status %+v", payload, e)
			}
		}
	})
}

func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var v *profile.Violation
	if !errors.As(err, &v) || v.OAuth.ErrorField != CodeInvalid && v.OAuth.ErrorField != CodeUnapproved {
		t.Errorf("got %v", err)
	}
}

// addPresentations adds seeds that are accepted, and some that are not.
func addPresentations(f *testing.F, signer fuzzer) {
	for typ, v := range []Version{V1, V2} {
		token, err := signer.Present(Presentation{
			Version: v, Audience: "https://as.example", ID: "1", Expires: time.Unix(1790000100, 0), Credentials: []string{fuzzCredential(v)},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(typ*2), payloadOf(token), payloadOf(fuzzCredential(v)))
	}
	bare := `{"@context":"https://www.w3.org/ns/credentials/v2","type":["VerifiableCredential","LegalEntityCredential"],"issuer":"did:web:a.example","id":"https://a.example/1","credentialSubject":{"id":"did:web:a.example","legalName":"A"}}`
	f.Add(uint8(2), `{"verifiableCredential":"VC"}`, `{}`)
	f.Add(uint8(12), `{"@context":"https://www.w3.org/ns/credentials/v2","type":"VerifiablePresentation","holder":"did:web:a.example","aud":"https://as.example","exp":1790000100,"jti":"1","verifiableCredential":{"type":"EnvelopedVerifiableCredential","id":"data:application/vc+jwt,VC"}}`, bare)
	f.Add(uint8(0), `{"iss":"did:web:a.example","aud":"https://as.example","exp":1790000100,"jti":"1","vp":{"@context":"https://www.w3.org/2018/credentials/v1","type":"VerifiablePresentation","verifiableCredential":"VC"}}`,
		payloadOf(fuzzCredential(V1)))
}

// A presentation that is accepted names its holder, was meant for the server,
// and binds the holder to an entity that somebody accepted.
func FuzzPresentation(f *testing.F) {
	signer := newFuzzer(fuzzDID)
	addPresentations(f, signer)
	p := profile.MEFLSO()
	verifier := &Verifier{
		Profile: &p, Audience: "https://as.example", Keys: signer, Clock: func() time.Time { return time.Unix(1790000000, 0) },
		UseOnce: func(context.Context, string, time.Time) (bool, error) { return true, nil },
		Policy:  Policy{Anchors: []string{fuzzDID}, StatusOptional: true},
	}
	f.Fuzz(func(t *testing.T, typ uint8, payload, inner string) {
		// The fuzzer cannot sign: VC in the payload becomes a signed credential.
		vc := signer.wrap(fuzzTypes[int(typ/8)%len(fuzzTypes)], inner)
		token := signer.wrap(fuzzTypes[int(typ)%len(fuzzTypes)], strings.ReplaceAll(payload, `VC"`, vc+`"`))
		if opened, err := verifier.open(token); err != nil {
			wantRefusal(t, err)
			return
		} else if !isParty(opened.holder) || len(opened.credentials) == 0 || len(opened.credentials) > MaxCredentials {
			t.Errorf("opened %q as %+v", payload, opened)
		}
		b, err := verifier.Verify(t.Context(), Request{Presentation: token})
		if err != nil {
			wantRefusal(t, err)
		} else if b.Holder != fuzzDID || b.Identifier == "" || b.LegalName == "" || b.Issuer == "" || b.CredentialID == "" {
			t.Errorf("bound %q as %+v", payload, b)
		}
	})
}
