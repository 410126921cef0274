package e2e

import (
	"maps"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// presenting changes the presentation before its holder signs it.
func presenting(v credential.Version, change func(*credential.Presentation)) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		credentials := []string{w.entity(t, v)}
		body["lso_entity_presentation"] = w.a.PresentAs(t, func(p *credential.Presentation) {
			p.Version, p.Credentials = v, credentials
			change(p)
		})
		return nil
	}
}

// represented is a presentation that is changed and signed by somebody.
func represented(v credential.Version, by func(t *testing.T, w *applying) *credential.Issuer, changes ...harness.Change) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		token := w.presents(t, v, w.entity(t, v))
		body["lso_entity_presentation"] = resigned(t, by(t, w), token, changes...)
		return nil
	}
}

func holder(_ *testing.T, w *applying) *credential.Issuer { return w.a.Holder }

// second gives the applicant another key, under this relationship alone.
func (w *applying) second(t *testing.T, relationship string) *credential.Issuer {
	t.Helper()
	other := harness.Party(t, w.a.ID, w.a.ID+"#sig-2")
	document := harness.Document(w.a.Holder, w.a.Redirect)
	document["verificationMethod"] = append(document["verificationMethod"].([]harness.Claims), harness.Claims{
		"id": other.Kid, "type": "JsonWebKey2020", "controller": other.ID, "publicKeyJwk": gojose.JSONWebKey{Key: other.Key.Public()},
	})
	document[relationship] = append(document[relationship].([]string), other.Kid)
	w.Registry.Publish(t, w.a.Name, document)
	return other
}

func asserter(t *testing.T, w *applying) *credential.Issuer {
	t.Helper()
	return w.second(t, "assertionMethod")
}

// MEF W128 R9: a presentation that its holder did not sign for this server,
// now and once.
func TestRegistrationPresentationRefused(t *testing.T) {
	for version, v := range versions {
		t.Run(version, func(t *testing.T) {
			for _, c := range presentationsRefused(v) {
				c.run(t, profile.MEFLSO(), ofDID)
			}
		})
	}
}

func presentationsRefused(v credential.Version) []rejected {
	r9 := func(name string, s spoil) rejected { return rejected{"MEF-R9/" + name, s, "MEF-R9", badStatement, nil} }
	at := func(issued, life time.Duration) spoil {
		return presenting(v, func(p *credential.Presentation) {
			p.Issued = p.Issued.Add(issued)
			p.Expires = p.Issued.Add(life)
		})
	}
	registry := func(_ *testing.T, w *applying) *credential.Issuer { return w.Registry.Issuer }
	theirs := func(t *testing.T, w *applying) *credential.Issuer { t.Helper(); return harness.Party(t, w.a.ID, "") }
	return []rejected{
		r9("no JWT", with("lso_entity_presentation", "x")),
		{"MEF-R4/no string", with("lso_entity_presentation", harness.Claims{}), "MEF-R4", badStatement, nil},
		{"MEF-R9/unsigned", represented(v, holder, harness.Header("alg", "none")), "MEF-R43", badStatement, nil},
		{"MEF-R9/RS256", represented(v, holder, harness.Header("alg", "RS256")), "MEF-R43", badStatement, nil},
		r9("tampered", func(t *testing.T, w *applying, body harness.Claims) func() {
			body["lso_entity_presentation"] = forged(t, w.presents(t, v, w.entity(t, v)), harness.Set("jti", "urn:uuid:other"))
			return nil
		}),
		r9("signed with another key", represented(v, theirs)),
		r9("signed by the issuer", func(t *testing.T, w *applying, body harness.Claims) func() {
			return represented(v, registry, harness.Header("kid", w.Registry.Issuer.Kid))(t, w, body)
		}),
		r9("signed with a key for assertions alone", represented(v, asserter, func(header, payload harness.Claims) {
			header["kid"] = payload["iss"].(string) + "#sig-2"
		})),
		r9("the kid of another DID", represented(v, holder, harness.Header("kid", "did:web:other.example#sig-1"))),
		r9("iss and holder differ", represented(v, holder, func(_, payload harness.Claims) {
			if vp, ok := payload["vp"].(map[string]any); ok {
				payload = vp
			}
			payload["holder"] = "did:web:other.example"
		})),
		r9("another audience", presenting(v, func(p *credential.Presentation) { p.Audience = "https://other.example" })),
		r9("no audience", represented(v, holder, harness.Set("aud", nil))),
		r9("expired", at(-10*time.Minute, time.Minute)),
		r9("of tomorrow", at(24*time.Hour, time.Minute)),
		r9("an hour long", at(0, time.Hour)),
		r9("no exp", represented(v, holder, harness.Set("exp", nil))),
		r9("not valid yet", represented(v, holder, harness.Set("nbf", time.Now().Add(time.Hour).Unix()))),
		r9("no jti and no nonce", presenting(v, func(p *credential.Presentation) { p.ID = "" })),
		r9("a nonce that nobody gave out", presenting(v, func(p *credential.Presentation) { p.Nonce = "guessed" })),
		{"MEF-R4/no credential", represented(v, holder, inVP("verifiableCredential", []string{})), "MEF-R4", badStatement, nil},
		{"MEF-R4/two entities", func(t *testing.T, w *applying, body harness.Claims) func() {
			body["lso_entity_presentation"] = w.presents(t, v, w.entity(t, v), w.entity(t, v))
			return nil
		}, "MEF-R4", badStatement, nil},
		{"MEF-R7/two credentials with one identifier", func(t *testing.T, w *applying, body harness.Claims) func() {
			same := func(c *credential.Credential) { c.ID = "https://registry.example/credentials/1" }
			body["lso_entity_presentation"] = w.presents(t, v, w.entity(t, v, same), w.entity(t, v, same))
			return nil
		}, "MEF-R7", badStatement, nil},
	}
}

func inVP(name string, value any) harness.Change {
	return func(_, payload harness.Claims) {
		if vp, ok := payload["vp"].(map[string]any); ok {
			payload = vp
		}
		harness.Set(name, value)(nil, payload)
	}
}

// MEF W128 D2: both forms are taken, and a statement alone where credentials
// are optional.
func TestRegistrationPresentationForms(t *testing.T) {
	for version, v := range versions {
		t.Run("MEF-D2/MEF-R4/MEF-R5/MEF-R9/"+version, func(t *testing.T) {
			w := startApplying(t, profile.MEFLSO())
			body := ofDID(t, w)
			body["lso_entity_presentation"] = w.presents(t, v, w.entity(t, v))
			want(t, w.takes(t, body).Body, harness.Claims{
				"client_id": w.a.ID, "legal_entity_name": "Buyer Inc.", "trust_domain": "buyer.example", "lso_entity_presentation": nil, "jwks": nil,
			})
			w.accessToken(t, w.a.Buyer)
		})
	}
	t.Run("MEF-D2/MEF-D1/a statement alone", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		if answer := w.takes(t, plain(t, w)); answer.Body["legal_entity_name"] != nil {
			t.Errorf("%s", answer.Raw)
		}
	})
	t.Run("MEF-R4/a plain client with a credential of its DID", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := plain(t, w)
		body["lso_entity_presentation"] = w.a.Present(t)
		want(t, w.takes(t, body).Body, harness.Claims{"legal_entity_name": "Buyer Inc."})
	})
}

// MEF W128 R7, R9: what was shown once is not shown again.
func TestRegistrationReplay(t *testing.T) {
	other := func(t *testing.T, w *applying, body harness.Claims, software string) harness.Claims {
		t.Helper()
		again := maps.Clone(body)
		again["software_statement"] = w.Registry.Statement(t, w.a.Buyer, harness.Set("software_id", software))
		return again
	}
	t.Run("MEF-R9/a presentation twice", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := plain(t, w)
		body["lso_entity_presentation"] = w.a.Present(t)
		w.takes(t, body)
		w.refuses(t, w.send(t, other(t, w, body, "b")), "MEF-R9", badStatement)
		w.late.Add(301)
		w.refuses(t, w.send(t, other(t, w, body, "c")), "MEF-R9", badStatement)
	})
	t.Run("MEF-R7/an identifier with other content", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		show := func(name string) string {
			return w.presents(t, credential.V2, w.entity(t, credential.V2, claim("legalName", name), func(c *credential.Credential) { c.ID = "https://registry.example/1" }))
		}
		body := plain(t, w)
		body["lso_entity_presentation"] = show("Buyer Inc.")
		w.takes(t, body)
		again := other(t, w, body, "b")
		again["lso_entity_presentation"] = show("Seller Inc.")
		w.refuses(t, w.send(t, again), "MEF-R7", badStatement)
		again["lso_entity_presentation"] = w.a.Present(t)
		w.takes(t, again)
	})
	t.Run("MEF-R9/a challenge is answered once and in its time", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) { c.Registration.Credentials.RequireNonce = true })
		answering := func(nonce, software string) harness.Claims {
			body := other(t, w, plain(t, w), software)
			body["lso_entity_presentation"] = w.a.PresentAs(t, func(p *credential.Presentation) { p.ID, p.Nonce = "", nonce })
			return body
		}
		nonce := w.challenge(t)
		w.takes(t, answering(nonce, "a"))
		w.refuses(t, w.send(t, answering(nonce, "b")), "MEF-R9", badStatement)
		w.refuses(t, w.send(t, answering("", "b")), "MEF-R9", badStatement)
		late := w.challenge(t)
		w.late.Add(301)
		w.refuses(t, w.send(t, answering(late, "b")), "MEF-R9", badStatement)
		w.takes(t, answering(w.challenge(t), "b"))
	})
}
