package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// issuer publishes a party that may issue, with a status list of its own.
func (w *applying) issuer(t *testing.T, name string) *credential.Issuer {
	t.Helper()
	i := harness.Party(t, w.Registry.DID(t, name), "")
	w.Registry.Publish(t, name, harness.Document(i))
	list, err := i.StatusList(credential.List{URL: w.listOf(i), Purpose: credential.Revocation, Bits: credential.NewBits(0), TTL: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	w.Registry.Put("/status/"+name, "application/vc+jwt", []byte(list))
	return i
}

func (w *applying) listOf(i *credential.Issuer) string {
	return w.Registry.Base + "/status/" + i.ID[len(w.Registry.Issuer.ID)-len("registry"):]
}

// by has the credential's status with its own issuer.
func (w *applying) by(i *credential.Issuer) func(*credential.Credential) {
	return func(c *credential.Credential) {
		if i != w.Registry.Issuer {
			c.Status[0].List = w.listOf(i)
		}
	}
}

// from is the applicant's entity credential by this issuer.
func (w *applying) from(t *testing.T, i *credential.Issuer, v credential.Version) string {
	t.Helper()
	c, _ := w.Registry.Entity(w.a.ID)
	c.Version = v
	w.by(i)(&c)
	return signed(t, i, c)
}

// accredits is what one issuer says of another.
func (w *applying) accredits(t *testing.T, i, other *credential.Issuer, v credential.Version, changes ...func(*credential.Credential)) string {
	t.Helper()
	c, _ := w.Registry.Entity(other.ID)
	c.Version, c.Type = v, "IssuerAccreditationCredential"
	w.by(i)(&c)
	for _, change := range changes {
		change(&c)
	}
	return signed(t, i, c)
}

// chained is a registration with a presentation of these credentials.
func chained(v credential.Version, credentials func(t *testing.T, w *applying) []string) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		body["lso_entity_presentation"] = w.presents(t, v, credentials(t, w)...)
		return nil
	}
}

// chain is an entity credential with accreditations up to the anchor: so many
// credentials in all.
func (w *applying) chain(t *testing.T, length int, v credential.Version) []string {
	t.Helper()
	issuer := w.Registry.Issuer
	var above []string
	for n := range length - 1 {
		next := w.issuer(t, "issuer-"+string(rune('a'+n)))
		above = append(above, w.accredits(t, issuer, next, v))
		issuer = next
	}
	return append(above, w.from(t, issuer, v))
}

// MEF W128 R6: the chain of issuers ends at an accepted one.
func TestRegistrationIssuers(t *testing.T) {
	for version, v := range versions {
		for name, length := range map[string]int{"an anchor": 1, "accredited by an anchor": 2, "as long as the profile allows": 3} {
			t.Run("MEF-R6/"+version+"/"+name, func(t *testing.T) {
				w := startApplying(t, profile.MEFLSO())
				body := ofDID(t, w)
				body["lso_entity_presentation"] = w.presents(t, v, w.chain(t, length, v)...)
				w.takes(t, body)
				r, err := w.clients.GetRegistration(t.Context(), w.a.ID)
				if err != nil || r.Entity.Anchor != w.Registry.Issuer.ID || len(r.Entity.Status) != length {
					t.Errorf("%v, the entity is %+v", err, r.Entity)
				}
			})
		}
		t.Run(version, func(t *testing.T) {
			for _, c := range issuersRefused(v) {
				c.run(t, profile.MEFLSO(), ofDID)
			}
		})
	}
}

func issuersRefused(v credential.Version) []rejected {
	r6 := func(name string, credentials func(t *testing.T, w *applying) []string) rejected {
		return rejected{"MEF-R6/" + name, chained(v, credentials), "MEF-R6", unapproved, nil}
	}
	middle := func(name string, rule profile.Rule, code string, change func(t *testing.T, w *applying) func(*credential.Credential)) rejected {
		return rejected{"MEF-R6/" + name, chained(v, func(t *testing.T, w *applying) []string {
			a := w.issuer(t, "issuer-a")
			return []string{w.from(t, a, v), w.accredits(t, w.Registry.Issuer, a, v, change(t, w))}
		}), rule, code, nil}
	}
	return []rejected{
		r6("an issuer that nobody accredits", func(t *testing.T, w *applying) []string {
			return []string{w.from(t, w.issuer(t, "issuer-a"), v)}
		}),
		r6("accredited by somebody who is no anchor", func(t *testing.T, w *applying) []string {
			a, b := w.issuer(t, "issuer-a"), w.issuer(t, "issuer-b")
			return []string{w.from(t, a, v), w.accredits(t, b, a, v)}
		}),
		r6("two who accredit each other", func(t *testing.T, w *applying) []string {
			a, b := w.issuer(t, "issuer-a"), w.issuer(t, "issuer-b")
			return []string{w.from(t, a, v), w.accredits(t, b, a, v), w.accredits(t, a, b, v)}
		}),
		r6("one who accredits itself", func(t *testing.T, w *applying) []string {
			a := w.issuer(t, "issuer-a")
			return []string{w.from(t, a, v), w.accredits(t, a, a, v)}
		}),
		r6("a chain that is too long", func(t *testing.T, w *applying) []string { return w.chain(t, 4, v) }),
		r6("self-issued", func(t *testing.T, w *applying) []string { return []string{w.from(t, w.a.Holder, v)} }),
		// The anchor vouches for a legal entity, not for an issuer.
		{"MEF-R6/an entity credential in place of an accreditation", chained(v, func(t *testing.T, w *applying) []string {
			a := w.issuer(t, "issuer-a")
			return []string{w.from(t, a, v), w.accredits(t, w.Registry.Issuer, a, v, func(c *credential.Credential) { c.Type = "" })}
		}), "MEF-R4", badStatement, nil},
		middle("an accreditation that has expired", "MEF-R4", badStatement, func(*testing.T, *applying) func(*credential.Credential) {
			return func(c *credential.Credential) { c.Until = time.Now().Add(-time.Hour) }
		}),
		middle("an accreditation that was revoked", "MEF-R8", badStatement, func(t *testing.T, w *applying) func(*credential.Credential) {
			w.Registry.Revoke(t, 3, true)
			return func(c *credential.Credential) { c.Status[0].Index = 3 }
		}),
		middle("an accreditation without status", "C-16", badStatement, func(*testing.T, *applying) func(*credential.Credential) {
			return func(c *credential.Credential) { c.Status = nil }
		}),
	}
}

func selfIssued(decide func(credential.Binding) (bool, error)) func(*compose.Config) {
	return func(c *compose.Config) {
		c.Registration.Credentials.AcceptSelfIssued = func(_ context.Context, b credential.Binding) (bool, error) { return decide(b) }
	}
}

var errPolicy = errors.New("the policy is not there")

// Who issues his own credential is for the server to judge; it needs no status.
func TestRegistrationSelfIssued(t *testing.T) {
	known := func(b credential.Binding) (bool, error) { return b.LegalName == "Buyer Inc.", nil }
	for _, name := range []string{"with a status", "without a status"} {
		t.Run("MEF-R6/C-16/"+name, func(t *testing.T) {
			w := startApplying(t, profile.MEFLSO(), selfIssued(known))
			c, _ := w.Registry.Entity(w.a.ID)
			c.Status[0].List = w.Registry.Base + "/status/tpp"
			list, err := w.a.Holder.StatusList(credential.List{URL: c.Status[0].List, Purpose: credential.Revocation, Bits: credential.NewBits(0)})
			if err != nil {
				t.Fatal(err)
			}
			w.Registry.Put("/status/tpp", "application/vc+jwt", []byte(list))
			if name == "without a status" {
				c.Status = nil
			}
			body := ofDID(t, w)
			body["lso_entity_presentation"] = w.presents(t, credential.V2, signed(t, w.a.Holder, c))
			w.takes(t, body)
			w.late.Add(901) // its status is stale
			w.accessToken(t, w.a.Buyer)
		})
	}
	strange := chained(credential.V2, func(t *testing.T, w *applying) []string {
		c, _ := w.Registry.Entity(w.a.ID)
		c.Status, c.Claims = nil, harness.Claims{"legalName": "Bank of Everything"}
		return []string{signed(t, w.a.Holder, c)}
	})
	rejected{"MEF-R6/self-issued and not known", strange, "MEF-R6", unapproved, selfIssued(known)}.run(t, profile.MEFLSO(), ofDID)
	t.Run("MEF-R6/the policy cannot tell", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), selfIssued(func(credential.Binding) (bool, error) { return true, errPolicy }))
		body := ofDID(t, w)
		strange(t, w, body)
		if answer := w.send(t, body); answer.Status != http.StatusServiceUnavailable || answer.Body["error"] != "temporarily_unavailable" || w.clients.created.Load() != 0 {
			t.Errorf("got %d %s", answer.Status, answer.Raw)
		}
		if event := w.Events.Last(audit.Registration); event.Outcome != audit.Failed {
			t.Errorf("the log has %+v", event)
		}
	})
}
