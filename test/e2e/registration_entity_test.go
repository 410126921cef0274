package e2e

import (
	"maps"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// versions are the forms of a credential and of its presentation.
var versions = map[string]credential.Version{"vc+jwt": credential.V2, "VCDM 1.1": credential.V1}

// entity signs the credential of the applicant's legal entity, changed.
func (w *applying) entity(t *testing.T, v credential.Version, changes ...func(*credential.Credential)) string {
	t.Helper()
	c, _ := w.Registry.Entity(w.a.ID)
	c.Version = v
	for _, change := range changes {
		change(&c)
	}
	return signed(t, w.Registry.Issuer, c)
}

func signed(t *testing.T, i *credential.Issuer, c credential.Credential) string {
	t.Helper()
	token, err := i.Credential(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// presents sends a presentation of what it is given.
func (w *applying) presents(t *testing.T, v credential.Version, credentials ...string) string {
	t.Helper()
	return w.a.PresentAs(t, func(p *credential.Presentation) { p.Version, p.Credentials = v, credentials })
}

// shows is a registration with a changed credential.
func shows(v credential.Version, change func(*credential.Credential)) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		body["lso_entity_presentation"] = w.presents(t, v, w.entity(t, v, change))
		return nil
	}
}

// rewrites is one with a credential that no good issuer would sign: its JWT is
// changed, and signed with the issuer's key all the same.
func rewrites(v credential.Version, changes ...harness.Change) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		token := resigned(t, w.Registry.Issuer, w.entity(t, v), changes...)
		body["lso_entity_presentation"] = w.presents(t, v, token)
		return nil
	}
}

// inVC changes a member of the credential itself.
func inVC(name string, value any) harness.Change {
	return func(_, payload harness.Claims) {
		if vc, ok := payload["vc"].(map[string]any); ok {
			payload = vc
		}
		harness.Set(name, value)(nil, payload)
	}
}

func claim(name string, value any) func(*credential.Credential) {
	return func(c *credential.Credential) { c.Claims = maps.Clone(c.Claims); c.Claims[name] = value }
}

// MEF W128 R4, R5, R7, R8: a credential that does not do.
func TestRegistrationCredentialRefused(t *testing.T) {
	for version, v := range versions {
		t.Run(version, func(t *testing.T) {
			for _, c := range credentialsRefused(v) {
				c.run(t, profile.MEFLSO(), ofDID)
			}
		})
	}
}

func credentialsRefused(v credential.Version) []rejected {
	statement := func(name string, rule profile.Rule, s spoil) rejected {
		return rejected{name, s, rule, badStatement, nil}
	}
	index := func(i uint64) func(*credential.Credential) {
		return func(c *credential.Credential) { c.Status[0].Index = i }
	}
	id := func(id string) func(*credential.Credential) { return func(c *credential.Credential) { c.ID = id } }
	return []rejected{
		statement("MEF-R4/a tampered credential", "MEF-R4", func(t *testing.T, w *applying, body harness.Claims) func() {
			body["lso_entity_presentation"] = w.presents(t, v, forged(t, w.entity(t, v), inVC("name", "x")))
			return nil
		}),
		statement("MEF-R4/the issuer's key is for authentication alone", "MEF-R4", func(t *testing.T, w *applying, _ harness.Claims) func() {
			document := harness.Document(w.Registry.Issuer)
			delete(document, "assertionMethod")
			w.Registry.Publish(t, "registry", document)
			return func() { w.Registry.Publish(t, "registry", harness.Document(w.Registry.Issuer)) }
		}),
		statement("MEF-R4/the kid of another DID", "MEF-R4", rewrites(v, harness.Header("kid", "did:web:other.example#sig-1"))),
		statement("MEF-R4/alg none", "MEF-R43", rewrites(v, harness.Header("alg", "none"))),
		statement("MEF-R4/an expired credential", "MEF-R4", shows(v, func(c *credential.Credential) { c.Until = time.Now().Add(-time.Hour) })),
		statement("MEF-R4/a credential of tomorrow", "MEF-R4", shows(v, func(c *credential.Credential) { c.From = time.Now().Add(time.Hour) })),
		statement("MEF-R4/no legal name", "MEF-R4", shows(v, claim("legalName", " "))),
		statement("MEF-R4/a credential of another type", "MEF-R4", shows(v, func(c *credential.Credential) { c.Type = "UniversityDegreeCredential" })),
		statement("MEF-D2/another context", "MEF-D2", rewrites(v, inVC("@context", "https://example.org/v1"))),
		statement("MEF-D2/not a verifiable credential", "MEF-D2", rewrites(v, inVC("type", "LegalEntityCredential"))),
		statement("MEF-R5/another subject", "MEF-R5", shows(v, func(c *credential.Credential) { c.Subject = "did:web:other.example" })),
		statement("MEF-R5/sub and credentialSubject differ", "MEF-R5", rewrites(v, harness.Set("sub", "did:web:other.example"))),
		statement("MEF-R5/two subjects", "MEF-R5", rewrites(v, inVC("credentialSubject", []harness.Claims{{"id": "did:web:a"}, {"id": "did:web:b"}}))),
		statement("MEF-R7/no identifier", "MEF-R7", rewrites(v, inVC("id", nil), harness.Set("jti", nil))),
		statement("MEF-R7/urn:uuid", "MEF-R7", shows(v, id("urn:uuid:6d4bd2ea-8a1f-4a33-9f2a-3a0d5f3c0f11"))),
		statement("MEF-R7/http", "MEF-R7", shows(v, id("http://registry.example/credentials/1"))),
		statement("MEF-R7/jti and id differ", "MEF-R7", rewrites(v, inVC("id", "https://registry.example/credentials/1"), harness.Set("jti", "https://registry.example/credentials/2"))),
		statement("MEF-R8/C-16/MEF-R4/no status", "C-16", shows(v, func(c *credential.Credential) { c.Status = nil })),
		statement("MEF-R8/an index beyond the list", "MEF-R8", shows(v, index(1<<40))),
		statement("MEF-R8/a list at an http URL", "MEF-R8", shows(v, func(c *credential.Credential) { c.Status[0].List = "http://registry.example/status/1" })),
		statement("MEF-R8/a list that is not there", "MEF-R8", shows(v, func(c *credential.Credential) { c.Status[0].List += "/none" })),
		statement("MEF-R8/a list of another purpose", "MEF-R8", shows(v, func(c *credential.Credential) {
			c.Status = append(c.Status, c.Status[0])
			c.Status[1].Purpose = credential.Suspension
		})),
		statement("C-16/a suspension alone", "C-16", shows(v, func(c *credential.Credential) { c.Status[0].Purpose = credential.Suspension })),
		statement("MEF-R8/a list of another kind", "MEF-R8", shows(v, func(c *credential.Credential) { c.Status[0].Type = credential.StatusList2021 })),
		statement("MEF-R8/a kind that nobody knows", "MEF-R8", rewrites(v, inVC("credentialStatus", harness.Claims{"type": "RevocationList2020Status"}))),
		statement("ISO17442-1/wrong check digits", "ISO17442-1", shows(v, claim("lei", "5493001KJTIIGC8Y1R13"))),
		statement("ISO17442-1/too short", "ISO17442-1", shows(v, claim("lei", "5493001KJTIIGC8Y1R1"))),
		statement("MEF-R58/another trust domain than the statement's", "MEF-R58", shows(v, claim("trustDomain", "seller.example"))),
	}
}

// What is said where the status speaks against the credential.
func TestRegistrationStatusRefused(t *testing.T) {
	bit := func(t *testing.T, w *applying, body harness.Claims) func() {
		w.Registry.Revoke(t, w.a.Index, true)
		return func() { w.Registry.Revoke(t, w.a.Index, false) }
	}
	foreign := func(t *testing.T, w *applying, _ harness.Claims) func() {
		own := *w.Registry.Issuer
		*w.Registry.Issuer = *harness.Party(t, w.Registry.DID(t, "foreign"), "")
		w.Registry.Publish(t, "foreign", harness.Document(w.Registry.Issuer))
		w.Registry.PublishStatus(t)
		*w.Registry.Issuer = own
		return func() { w.Registry.PublishStatus(t) }
	}
	expired := func(t *testing.T, w *applying, _ harness.Claims) func() {
		w.Registry.PublishStatus(t, func(l *credential.List) { l.Until = time.Now().Add(-time.Minute) })
		return func() { w.Registry.PublishStatus(t) }
	}
	hidden := func(t *testing.T, w *applying, _ harness.Claims) func() {
		w.Registry.HideStatus()
		return func() { w.Registry.PublishStatus(t) }
	}
	broken := func(t *testing.T, w *applying, _ harness.Claims) func() {
		w.Registry.Put("/status/1", "application/vc+jwt", []byte("<html>"))
		return func() { w.Registry.PublishStatus(t) }
	}
	for name, c := range map[string]struct {
		spoil spoil
		text  string
	}{
		"revoked": {bit, `status revoked`}, "the list is not there": {hidden, unavailable}, "the list is another's": {foreign, unavailable},
		"the list has expired": {expired, unavailable}, "the list is no list": {broken, unavailable},
	} {
		rejected{"MEF-R8/" + name, func(t *testing.T, w *applying, body harness.Claims) func() {
			mend := c.spoil(t, w, body)
			answer := w.send(t, body)
			text, _ := answer.Body["error_description"].(string)
			if !regexp.MustCompile(c.text).MatchString(text) {
				t.Errorf("described as %q, want %s", text, c.text)
			}
			return mend
		}, "MEF-R8", badStatement, nil}.run(t, profile.MEFLSO(), ofDID)
	}
	t.Run("MEF-R8/suspended", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		list := w.suspensions(t)
		list.set(t, 7, true)
		good := w.presents(t, credential.V2, w.entity(t, credential.V2, list.watched(7)))
		body := ofDID(t, w)
		body["lso_entity_presentation"] = good
		answer := w.send(t, body)
		w.refuses(t, answer, "MEF-R8", badStatement)
		list.set(t, 7, false)
		w.late.Add(2)
		w.takes(t, body)
	})
}

// unavailable is what a client is told where its status cannot be had.
const unavailable = `status (is )?unavailable`

// Where the profile asks for it, no presentation is no registration.
func TestRegistrationEntityRequired(t *testing.T) {
	p := profile.MEFLSO()
	p.EntityCredential = profile.EntityRequired
	for name, s := range map[string]spoil{
		"no presentation": with("lso_entity_presentation", nil), "an empty presentation": with("lso_entity_presentation", ""),
	} {
		rejected{"MEF-R4/" + name, s, "MEF-R4", badStatement, nil}.run(t, p, ofDID)
	}
	t.Run("MEF-R4/what is missing is said", func(t *testing.T) {
		w := startApplying(t, p, func(c *compose.Config) { c.Registration.StatementOptional = true })
		answer := w.send(t, plain(t, w))
		w.refuses(t, answer, "MEF-R4", badStatement)
		if answer.Body["error_description"] != "entity presentation required" {
			t.Errorf("described as %q", answer.Body["error_description"])
		}
	})
}

// MEF W128 D3, R7: the server can tell which credentials it accepted.
func TestAcceptedCredentialIsKept(t *testing.T) {
	t.Run("MEF-D3/MEF-R4/the accepted credential is known by its identifier", func(t *testing.T) {
		p := profile.MEFLSO()
		p.ResolveCredentialID = true
		w := startApplying(t, p)
		var id string
		token := w.entity(t, credential.V2, func(c *credential.Credential) { id = c.ID })
		w.Registry.Put(id[len(w.Registry.Base):], "application/vc+jwt", []byte(token))
		body := ofDID(t, w)
		body["lso_entity_presentation"] = w.presents(t, credential.V2, token)
		w.takes(t, body)
		r, err := w.clients.GetRegistration(t.Context(), w.a.ID)
		if err != nil || r.Entity == nil || r.Entity.ID != id || r.Entity.LEI != harness.LEI || r.Entity.Issuer != w.Registry.Issuer.ID {
			t.Errorf("%v, the entity is %+v", err, r.Entity)
		}
		if w.Registry.Gets(id[len(w.Registry.Base):]) == 0 {
			t.Error("nobody looked for the credential at its identifier")
		}
	})
	rejected{"MEF-R7/an identifier that leads nowhere", shows(credential.V2, func(c *credential.Credential) { c.ID += "0" }), "MEF-R7", badStatement, nil}.
		run(t, resolving(), func(t *testing.T, w *applying) harness.Claims {
			_, payload := harness.Decode(t, w.a.Credential)
			w.Registry.Handle(payload["id"].(string)[len(w.Registry.Base):], func(http.ResponseWriter, *http.Request) {})
			return ofDID(t, w)
		})
}

func resolving() profile.Profile {
	p := profile.MEFLSO()
	p.ResolveCredentialID = true
	return p
}
