package credential_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

func TestMEFR4_Accepted(t *testing.T) {
	for _, v := range []credential.Version{credential.V1, credential.V2} {
		t.Run(string(v), func(t *testing.T) {
			w := newWorld(t)
			if v == credential.V1 {
				w.publishList(func(l *credential.List) { l.Version, l.Type = v, credential.StatusList2021 })
			}
			b, err := w.verifier.Verify(t.Context(), present(v, must(party(registry, "k1").Credential(entity(v)))))
			if err != nil {
				t.Fatal(err)
			}
			kind := entity(v).Status[0].Type
			want := credential.Binding{
				Identifier: buyer, Holder: buyer, LegalName: "Buyer Inc.", LEI: "5493001KJTIIGC8Y1R12", TrustDomain: "buyer.example",
				MEFID: "mef/2021/011", CredentialID: "https://registry.example/credentials/4711", Digest: b.Digest,
				Issuer: registry, Anchor: registry, Expires: now.Add(24 * time.Hour), NextCheck: now.Add(5 * time.Minute),
				Status: []credential.StatusEntry{{Credential: "https://registry.example/credentials/4711", Issuer: registry, Type: kind, Purpose: credential.Revocation, List: listURL, Index: position}},
				Algs:   []string{"ES256", "ES256"},
			}
			if !reflect.DeepEqual(b, want) || len(b.Digest) != 43 {
				t.Errorf("got %+v\nwant %+v", b, want)
			}
		})
	}
}

// A binding is stored as JSON and comes back whole, but for what an audit took.
func TestBindingJSON(t *testing.T) {
	w := newWorld(t)
	b := must(w.verifier.Verify(t.Context(), present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))))
	var again credential.Binding
	if err := json.Unmarshal(must(json.Marshal(b)), &again); err != nil {
		t.Fatal(err)
	}
	b.Algs = nil
	if !reflect.DeepEqual(again, b) {
		t.Errorf("got %+v, want %+v", again, b)
	}
}

// Each spelling that the two versions allow is accepted.
func TestMEFD2_Variants(t *testing.T) {
	for name, test := range variants() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if claimsOf(test.token)["vc"] != nil {
				w.publishList(func(l *credential.List) { l.Type = credential.StatusList2021 })
			}
			if _, err := w.verifier.Verify(t.Context(), present(test.version, test.token)); err != nil {
				t.Error(err)
			}
		})
	}
}

type variant struct {
	version credential.Version // of the presentation
	token   string
}

func variants() map[string]variant {
	r := party(registry, "k1")
	v1, v2 := must(r.Credential(entity(credential.V1))), must(r.Credential(entity(credential.V2)))
	about := claimsOf(v2)["credentialSubject"]
	return map[string]variant{
		"issuer as an object":       {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"issuer": map[string]any{"id": registry, "name": "R"}})},
		"older typ":                 {credential.V2, resign(r, v2, "vc+ld+json+jwt", nil)},
		"typ as media type":         {credential.V2, resign(r, v2, "application/VC+JWT", nil)},
		"iss, sub and jti as well":  {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"iss": registry, "sub": buyer, "jti": entity("").ID})},
		"iat as text":               {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"iat": "2010-01-01T19:23:24Z"})},
		"one subject in a list":     {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"credentialSubject": []any{about}})},
		"context as text":           {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"@context": "https://www.w3.org/ns/credentials/v2"})},
		"unknown members":           {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"badExtension": map[string]any{"huh": "what?"}})},
		"1.1 without typ":           {credential.V1, resign(r, v1, "", nil)},
		"1.1 without ids inside":    {credential.V1, resign(r, v1, "JWT", map[string]any{"vc.id": nil, "vc.issuer": nil})},
		"1.1 with dates inside":     {credential.V1, resign(r, v1, "JWT", map[string]any{"nbf": nil, "exp": nil, "vc.issuanceDate": "2020-01-01T00:00:00Z"})},
		"2.0 in a 1.1 presentation": {credential.V1, v2},
		"DID URL as id":             {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"id": registry + "?service=vc&relativeRef=/4711"})},
		"a message beside": {credential.V2, resign(r, v2, "vc+jwt", map[string]any{"credentialStatus": []any{
			claimsOf(v2)["credentialStatus"].([]any)[0],
			map[string]any{"type": "BitstringStatusListEntry", "statusPurpose": "message", "statusSize": 2},
		}})},
	}
}

// The same credential twice is one; a challenge stands in for a jti.
func TestPresentationVariants(t *testing.T) {
	w := newWorld(t)
	vc := must(party(registry, "k1").Credential(entity(credential.V2)))
	if _, err := w.verifier.Verify(t.Context(), present(credential.V2, vc, vc)); err != nil {
		t.Error(err)
	}
	r := present(credential.V2, vc)
	r.Identifier, r.TrustDomain = "", ""
	if _, err := w.verifier.Verify(t.Context(), r); err != nil {
		t.Errorf("a client without an identifier of its own: %v", err)
	}
	p := claimsOf(r.Presentation)
	one := p["verifiableCredential"].([]any)[0]
	r.Presentation = resign(party(buyer, "sig-1"), r.Presentation, "vp+ld+json+jwt", map[string]any{
		"jti": "other", "verifiableCredential": one, "aud": []string{server}, "holder": map[string]any{"id": buyer},
	})
	if _, err := w.verifier.Verify(t.Context(), r); err != nil {
		t.Error(err)
	}
}
