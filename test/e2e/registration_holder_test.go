package e2e

import (
	"net/http"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// presentedBy has the applicant's credential presented by another holder.
func presentedBy(other *harness.Applicant, credentials ...string) string {
	token, err := other.Holder.Present(credential.Presentation{
		Audience: other.Issuer, ID: "urn:uuid:by-another", Issued: other.Now(), Expires: other.Now().Add(4 * 60e9), Credentials: credentials,
	})
	if err != nil {
		panic(err)
	}
	return token
}

// MEF W128 R10: a holder who is not the client is one whom the server knows in
// the same trust domain.
func TestRegistrationHolder(t *testing.T) {
	onboarded := func(changes ...harness.Change) func(t *testing.T, w *applying, other *harness.Applicant) {
		return func(t *testing.T, w *applying, other *harness.Applicant) {
			t.Helper()
			w.Register(t, other.Buyer, append([]harness.Change{harness.Set("jwks", nil), harness.Set("trust_domain", "buyer.example")}, changes...)...)
		}
	}
	for name, c := range map[string]struct {
		known func(t *testing.T, w *applying, other *harness.Applicant)
		ok    bool
	}{
		"nobody knows him":          {nil, false},
		"known in the trust domain": {onboarded(), true},
		"known in another":          {onboarded(harness.Set("trust_domain", "seller.example")), false},
		"known in no domain":        {onboarded(harness.Set("trust_domain", nil)), false},
		"suspended":                 {onboarded(harness.Set("suspended", true)), false},
		"registered with a statement's word alone": {func(t *testing.T, w *applying, other *harness.Applicant) {
			t.Helper()
			body := w.Registry.Application(t, other)
			delete(body, "lso_entity_presentation")
			answer := w.SendRaw(t, http.MethodPost, w.Registration, "", "application/jose", w.signedBody(t, other.Holder, body))
			if answer.Status != http.StatusCreated || answer.Body["trust_domain"] != "buyer.example" {
				t.Fatalf("%d %s", answer.Status, answer.Raw)
			}
			w.taken++
		}, false},
		"registered itself beside him": {func(t *testing.T, w *applying, other *harness.Applicant) {
			t.Helper()
			w.Registry.Registered(t, &w.Target, other)
			w.taken++
		}, true},
	} {
		t.Run("MEF-R10/"+name, func(t *testing.T) {
			w := startApplying(t, profile.MEFLSO())
			other := w.Registry.NewApplicant(t, "other", w.Issuer)
			if c.known != nil {
				c.known(t, w, other)
			}
			body := ofDID(t, w)
			good := body["lso_entity_presentation"]
			body["lso_entity_presentation"] = presentedBy(other, w.a.Credential)
			if c.ok {
				want(t, w.takes(t, body).Body, harness.Claims{"client_id": w.a.ID})
				w.accessToken(t, w.a.Buyer)
				return
			}
			w.refuses(t, w.send(t, body), "MEF-R10", unapproved)
			body["lso_entity_presentation"] = good
			w.takes(t, body)
		})
	}
	t.Run("MEF-R10/MEF-R8/known, but his own credential was revoked since", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		other := w.Registry.NewApplicant(t, "other", w.Issuer)
		w.Registry.Registered(t, &w.Target, other)
		w.taken++
		w.Registry.Revoke(t, other.Index, true)
		w.late.Add(2)
		body := ofDID(t, w)
		body["lso_entity_presentation"] = presentedBy(other, w.a.Credential)
		w.refuses(t, w.send(t, body), "MEF-R10", unapproved)
		w.takes(t, ofDID(t, w))
	})
	t.Run("MEF-R5/MEF-D4/a credential of another does not make his DID mine", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		other := w.Registry.NewApplicant(t, "other", w.Issuer)
		body := ofDID(t, w)
		body["lso_entity_presentation"] = presentedBy(other, other.Credential)
		w.refuses(t, w.send(t, body), "MEF-R5", badStatement)
	})
}
