package credential_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// What is wrong with a credential: its signature, its subject, its identifier or
// its claims.
func TestMEFR4_CredentialRefused(t *testing.T) {
	for _, r := range credentialRefusals {
		t.Run(r.name, r.run)
	}
}

var credentialRefusals = []refusal{
	{"tampered", func(a *attempt) { a.vc = tamper(a.vc) }, "MEF-R4", isInvalid},
	{"signed by the subject", func(a *attempt) { a.vc = resign(party(buyer, "assert-1"), a.vc, "vc+jwt", nil) }, "MEF-R4", isInvalid},
	{"signed with an authentication key", func(a *attempt) {
		a.w.keys.publish(party(registry, "login"), credential.Authentication)
		a.vc = resign(party(registry, "login"), a.vc, "vc+jwt", nil)
	}, "MEF-R4", isInvalid},
	{"expired", func(a *attempt) { a.with(map[string]any{"validUntil": "2026-09-21T10:00:00Z"}) }, "MEF-R4", isInvalid},
	{"expired by exp", func(a *attempt) { a.with(map[string]any{"exp": now.Add(-time.Hour).Unix()}) }, "MEF-R4", isInvalid},
	{"not valid yet", func(a *attempt) { a.with(map[string]any{"validFrom": "2027-01-01T00:00:00Z"}) }, "MEF-R4", isInvalid},
	{"unreadable date", func(a *attempt) { a.with(map[string]any{"validUntil": "tomorrow"}) }, "MEF-D2", isInvalid},
	{"empty date", func(a *attempt) { a.with(map[string]any{"validUntil": ""}) }, "MEF-D2", isInvalid},
	{"exp as text", func(a *attempt) { a.with(map[string]any{"exp": "2030-01-01T00:00:00Z"}) }, "MEF-D2", isInvalid},
	{"vc and vp in 2.0", func(a *attempt) { a.with(map[string]any{"vc": "oops", "vp": "nooo"}) }, "MEF-D2", isInvalid},
	{"typ of another use", func(a *attempt) { a.vc = resign(party(registry, "k1"), a.vc, "bad+typ", nil) }, "MEF-D2", isInvalid},
	{"2.0 typ of a presentation", func(a *attempt) { a.vc = resign(party(registry, "k1"), a.vc, "vp+jwt", nil) }, "MEF-D2", isInvalid},
	{"2.0 without typ", func(a *attempt) { a.vc = resign(party(registry, "k1"), a.vc, "", nil) }, "MEF-D2", isInvalid},
	{"1.1 in an envelope", func(a *attempt) { a.vc = must(party(registry, "k1").Credential(entity(credential.V1))) }, "MEF-D2", isInvalid},
	{"context of 1.1", func(a *attempt) {
		a.with(map[string]any{"@context": []string{"https://www.w3.org/2018/credentials/v1"}})
	}, "MEF-D2", isInvalid},
	{"no base type", func(a *attempt) { a.with(map[string]any{"type": "LegalEntityCredential"}) }, "MEF-D2", isInvalid},
	{"no JWS in the envelope", func(a *attempt) { a.vc = "not-a-credential" }, "MEF-D2", isInvalid},
	{"another type", func(a *attempt) {
		a.with(map[string]any{"type": []string{"VerifiableCredential", "ExampleAlumniCredential"}})
	}, "MEF-R4", isInvalid},
	{"accreditation alone", func(a *attempt) {
		a.with(map[string]any{"type": []string{"VerifiableCredential", "IssuerAccreditationCredential"}})
	}, "MEF-R4", isInvalid},
	{"two issuers", func(a *attempt) { a.with(map[string]any{"iss": agency}) }, "MEF-R4", isInvalid},
	{"no issuer", func(a *attempt) { a.with(map[string]any{"issuer": nil, "iss": registry}) }, "MEF-R4", isInvalid},
	{"issuer no DID", func(a *attempt) { a.with(map[string]any{"issuer": "urn:registry"}) }, "MEF-R4", isInvalid},
	{"two entity credentials", func(a *attempt) {
		second := entity(credential.V2)
		second.ID += "2"
		a.vp.Credentials = []string{a.vc, must(party(registry, "k1").Credential(second))}
	}, "MEF-R4", isInvalid},
	{"MEF-R5 another subject", func(a *attempt) { a.with(map[string]any{"credentialSubject.id": "did:web:other.example"}) }, "MEF-R5", isInvalid},
	{"MEF-R5 sub differs", func(a *attempt) { a.with(map[string]any{"sub": "did:web:other.example"}) }, "MEF-R5", isInvalid},
	{"MEF-R5 no subject", func(a *attempt) { a.with(map[string]any{"credentialSubject.id": nil}) }, "MEF-R5", isInvalid},
	{"MEF-R5 two subjects", func(a *attempt) {
		a.with(map[string]any{"credentialSubject": []any{map[string]any{"id": buyer}, map[string]any{"id": buyer}}})
	}, "MEF-R5", isInvalid},
	{"MEF-R5 another client registers", func(a *attempt) { a.request.Identifier = "did:web:other.example" }, "MEF-R5", isInvalid},
	{"MEF-R7 no id", func(a *attempt) { a.with(map[string]any{"id": nil}) }, "MEF-R7", isInvalid},
	{"MEF-R7 urn:uuid", func(a *attempt) { a.with(map[string]any{"id": "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5"}) }, "MEF-R7", isInvalid},
	{"MEF-R7 http", func(a *attempt) { a.with(map[string]any{"id": "http://university.example/credentials/1872"}) }, "MEF-R7", isInvalid},
	{"MEF-R7 relative", func(a *attempt) { a.with(map[string]any{"id": "/credentials/1872"}) }, "MEF-R7", isInvalid},
	{"MEF-R7 jti differs", func(a *attempt) { a.with(map[string]any{"jti": "https://registry.example/credentials/1"}) }, "MEF-R7", isInvalid},
	{"MEF-R7 one id, two credentials", func(a *attempt) {
		other := entity(credential.V2)
		other.Until = other.Until.Add(time.Hour)
		a.vp.Credentials = []string{a.vc, must(party(registry, "k1").Credential(other))}
	}, "MEF-R7", isInvalid},
	{"MEF-R7 does not resolve", func(a *attempt) { a.w.verifier.Policy.Resolve = says(false, nil) }, "MEF-R7", isInvalid},
	{"MEF-R7 cannot be resolved now", func(a *attempt) { a.w.verifier.Policy.Resolve = says(false, errors.New("down")) }, "RFC6749-4.1.2.1", "temporarily_unavailable"},
	{"MEF-R7 seen with another", func(a *attempt) { a.w.verifier.Policy.Unique = says3(false, nil) }, "MEF-R7", isInvalid},
	{"MEF-R7 cannot be told now", func(a *attempt) { a.w.verifier.Policy.Unique = says3(false, errors.New("down")) }, "RFC6749-4.1.2.1", "temporarily_unavailable"},
	{"MEF-R7 the issuer's own id", func(a *attempt) { a.with(map[string]any{"id": registry}) }, "MEF-R7", isInvalid},
	{"MEF-R7 the subject's own id", func(a *attempt) { a.with(map[string]any{"id": buyer}) }, "MEF-R7", isInvalid},
	{"MEF-R7 a bare DID", func(a *attempt) { a.with(map[string]any{"id": "did:web:other.example"}) }, "MEF-R7", isInvalid},
	{"a date before all time", func(a *attempt) { a.with(map[string]any{"validUntil": "0001-01-01T00:00:00Z"}) }, "MEF-D2", isInvalid},
	{"C-16 a suspension alone", func(a *attempt) {
		c := entity(credential.V2)
		c.Status[0].Purpose = credential.Suspension
		a.vc = must(party(registry, "k1").Credential(c))
	}, "C-16", isInvalid},
	{"C-16 no status", func(a *attempt) { a.with(map[string]any{"credentialStatus": nil}) }, "C-16", isInvalid},
	{"ISO17442-1 LEI", func(a *attempt) { a.about("lei", "5493001KJTIIGC8Y1R13") }, "ISO17442-1", isInvalid},
	{"ISO17442-1 no LEI though wanted", func(a *attempt) { a.w.verifier.Policy.RequireLEI = true; a.about("lei", nil) }, "ISO17442-1", isInvalid},
	{"no legal name", func(a *attempt) { a.about("legalName", " ") }, "MEF-R4", isInvalid},
	{"a name that shows as another", func(a *attempt) { a.about("legalName", "Buyer\u202ecnI") }, "MEF-R4", isInvalid},
	{"a name no string", func(a *attempt) { a.about("legalName", []string{"Buyer Inc."}) }, "MEF-R4", isInvalid},
	{"MEF-R58 trust domain", func(a *attempt) { a.about("trustDomain", "other.example") }, "MEF-R58", isInvalid},
}

func says(yes bool, err error) func(context.Context, string) (bool, error) {
	return func(context.Context, string) (bool, error) { return yes, err }
}

func says2(yes bool, err error) func(context.Context, string, string) (bool, error) {
	return func(context.Context, string, string) (bool, error) { return yes, err }
}

func says3(yes bool, err error) func(context.Context, string, string, string) (bool, error) {
	return func(context.Context, string, string, string) (bool, error) { return yes, err }
}
