package registration_test

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/strategy/credential"
)

// principal is for whom the buyer acts, and delegations is where it publishes
// which delegations it revoked.
const (
	principal   = "did:web:sp.buyer.example"
	delegations = "https://sp.buyer.example/status/1"
)

// withPrincipal makes the principal known, with these delegations revoked.
func withPrincipal(revoked ...uint64) func(*world) {
	return func(w *world) {
		w.web[principal] = documentOf(principal, callback)
		l := credential.List{URL: delegations, Purpose: credential.Revocation, Bits: credential.NewBits(0)}
		for _, index := range revoked {
			if err := l.Bits.Set(index, true); err != nil {
				panic(err)
			}
		}
		w.web[delegations] = must(party(principal, "k1").StatusList(l))
	}
}

// ofPrincipal is the principal's entity credential, of this trust domain.
func ofPrincipal(domain string) string {
	return entity(func(c *credential.Credential) {
		c.ID, c.Subject, c.Status[0].Index = "https://registry.example/credentials/12", principal, 12
		c.Claims = object{"legalName": "SP Inc.", "trustDomain": domain}
	})
}

// delegation lets the buyer act for the issuer, unless changed.
func delegation(issuer *credential.Issuer, change func(*credential.Credential)) string {
	c := credential.Credential{
		ID: issuer.ID + "?delegation=1", Type: "DelegationCredential", Subject: buyer, Until: now.Add(12 * time.Hour), Claims: object{"trustDomain": "buyer.example"},
		Status: []credential.StatusEntry{{Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: delegations, Index: 5}},
	}
	if change != nil {
		change(&c)
	}
	return must(issuer.Credential(c))
}

// acting is a presentation of the buyer's with the principal's entity, a
// delegation and others.
func acting(others ...string) object {
	return presenting(func(p *credential.Presentation) {
		p.Credentials = append([]string{ofPrincipal("buyer.example"), delegation(party(principal, "k1"), nil)}, others...)
	})
}

// actsFor is the client that a stored one acts for.
func (w *world) actsFor(t testing.TB, id string) string {
	t.Helper()
	return must(w.store.GetRegistration(t.Context(), id)).Client.ActsFor
}

func TestActsFor(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    object
		entity  string // whose it is
		legally string
	}{
		{"MEF-R5/with the delegator's entity", ofDID(acting()), principal, "SP Inc."},
		{"MEF-R58/with an entity of its own", ofDID(acting(entity(nil))), buyer, "Buyer Inc."},
		{"MEF-R58/a client without a DID", metadata(acting()), principal, "SP Inc."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, open, withPrincipal())
			a := w.registered(t, c.body)
			if a.text("acts_for") != principal || a.text("trust_domain") != "buyer.example" || a.text("legal_entity_name") != c.legally {
				t.Errorf("%v", a.body)
			}
			stored := must(w.store.GetRegistration(t.Context(), a.text("client_id")))
			b := registration.BindingOf(stored.Entity)
			if stored.Client.ActsFor != principal || b.Identifier != c.entity || b.Client() != buyer || b.Delegator != principal ||
				b.DelegationID != principal+"?delegation=1" || !b.Expires.Equal(now.Add(12*time.Hour)) {
				t.Errorf("%+v %+v", stored.Client, b)
			}
			if got := w.own(http.MethodGet, a, nil, a.text("registration_access_token")); !reflect.DeepEqual(got.body, a.body) {
				t.Errorf("%v, want %v", got.body, a.body)
			}
		})
	}
}

func TestActsForRefused(t *testing.T) {
	with := func(credentials ...string) object {
		return presenting(func(p *credential.Presentation) { p.Credentials = credentials })
	}
	delegating := func(change func(*credential.Credential)) object {
		return with(ofPrincipal("buyer.example"), delegation(party(principal, "k1"), change))
	}
	forged := &credential.Issuer{ID: principal, Kid: principal + "#k1", Alg: "ES256", Key: party(stranger, "k1").Key}
	inTheName := func(change object) object { return edit(change, object{"client_id": principal}) }
	for _, c := range []refusal{
		{"MEF-R5/no delegation", with(ofPrincipal("buyer.example")), "MEF-R5", codeStatement, nil},
		{"MEF-R10/no delegation, in the delegator's name", inTheName(with(ofPrincipal("buyer.example"))), "MEF-R10", codeUnapproved, nil},
		{"MEF-R10/in the delegator's name", inTheName(acting()), "MEF-R58", codeStatement, nil},
		{"MEF-R58/delegator of another trust domain", with(ofPrincipal("other.example"), delegation(party(principal, "k1"), nil), entity(nil)), "MEF-R58", codeStatement, nil},
		{"MEF-R58/delegation of another trust domain", delegating(func(c *credential.Credential) { c.Claims = object{"trustDomain": "other.example"} }), "MEF-R58", codeStatement, nil},
		{"MEF-R58/statement of another trust domain", edit(acting(), object{"software_statement": statement(object{"client_id": buyer, "trust_domain": "other.example"})}), "MEF-R58", codeStatement, nil},
		{"MEF-R58/to another", delegating(func(c *credential.Credential) { c.Subject = stranger }), "MEF-R58", codeStatement, nil},
		{"MEF-R58/signed by a stranger", with(ofPrincipal("buyer.example"), delegation(forged, nil)), "MEF-R4", codeStatement, nil},
		{"MEF-R58/of a stranger", with(ofPrincipal("buyer.example"), delegation(party(stranger, "k1"), nil)), "MEF-R5", codeStatement, nil},
		{"MEF-R58/expired", delegating(func(c *credential.Credential) { c.Until = now.Add(-time.Hour) }), "MEF-R4", codeStatement, nil},
		{"MEF-R58/revoked", acting(), "MEF-R8", codeStatement, withPrincipal(5)},
		{"MEF-R58/delegate of a delegate", acting(delegation(party(stranger, "k1"), nil)), "MEF-R58", codeStatement, nil},
	} {
		server := c.server
		c.server = func(w *world) {
			withPrincipal()(w)
			if server != nil {
				server(w)
			}
		}
		c.run(t, ofDID)
	}
}

// MEF-R58: whom a client acts for is not its own to say, nor its directory's.
func TestActsForSmuggled(t *testing.T) {
	sent := object{"acts_for": principal, "ActsFor": principal, "ACTS_FOR": principal}
	for name, body := range map[string]object{
		"MEF-R58/in the body":      edit(ofDID(nil), sent),
		"MEF-R58/in the statement": ofDID(object{"software_statement": statement(edit(sent, object{"client_id": buyer}))}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open, withPrincipal())
			a := w.registered(t, body)
			got := w.own(http.MethodPut, a, edit(back(a, nil), sent), a.text("registration_access_token"))
			if a.body["acts_for"] != nil || got.status != http.StatusOK || got.body["acts_for"] != nil || w.actsFor(t, buyer) != "" {
				t.Errorf("%v; %d %v", a.body, got.status, got.body)
			}
		})
	}
}

// A registration keeps whom its client acts for until a presentation says
// otherwise, and stays that of one legal entity.
func TestActsForUpdate(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second object
		want          string
	}{
		{"MEF-R58/kept", acting(), object{"lso_entity_presentation": nil}, principal},
		{"MEF-R58/kept as it was, whatever is sent", acting(), object{"lso_entity_presentation": nil, "acts_for": stranger}, principal},
		{"MEF-R58/presented again", acting(), acting(), principal},
		{"MEF-R58/added", nil, acting(entity(nil)), principal},
		{"MEF-R58/taken away", acting(entity(nil)), presenting(nil), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, open, withPrincipal())
			a := w.registered(t, ofDID(c.first))
			got := w.own(http.MethodPut, a, back(a, c.second), a.text("registration_access_token"))
			if got.status != http.StatusOK || got.text("acts_for") != c.want || w.actsFor(t, buyer) != c.want {
				t.Errorf("%d %v", got.status, got.body)
			}
			if e := must(w.store.GetRegistration(t.Context(), buyer)).Entity; e.Delegator != c.want || (e.DelegationID == "") != (c.want == "") {
				t.Errorf("%+v", e)
			}
		})
	}
	for _, c := range []struct {
		name          string
		first, second object
	}{
		{"MEF-R5/becomes the delegator", presenting(nil), acting()},
		{"MEF-R5/becomes itself", acting(), presenting(nil)},
		{"MEF-R5/becomes another delegator", acting(), presenting(func(p *credential.Presentation) {
			other := entity(func(c *credential.Credential) { c.ID, c.Subject = "https://registry.example/credentials/13", stranger })
			p.Credentials = []string{other, delegation(party(stranger, "k1"), func(c *credential.Credential) { c.Status[0].List = delegations + "0" })}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, open, withPrincipal())
			w.web[delegations+"0"] = must(party(stranger, "k1").StatusList(credential.List{
				URL: delegations + "0", Purpose: credential.Revocation, Bits: credential.NewBits(0),
			}))
			a := w.registered(t, ofDID(c.first))
			w.refuses(t, w.own(http.MethodPut, a, back(a, c.second), a.text("registration_access_token")), 1, "MEF-R5", codeStatement)
		})
	}
}

// MEF-R58: an operator who takes the right away has taken it.
func TestActsForWithdrawn(t *testing.T) {
	w := newWorld(t, open, withPrincipal())
	a := w.registered(t, ofDID(acting()))
	stored := must(w.store.GetRegistration(t.Context(), buyer))
	stored.Client.ActsFor = ""
	if err := w.store.Store.ReplaceClient(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	got := w.own(http.MethodPut, a, back(a, nil), a.text("registration_access_token"))
	if got.status != http.StatusOK || w.actsFor(t, buyer) != "" {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// MEF-R58: what was stored is found revoked when it is looked at again.
func TestActsForRechecked(t *testing.T) {
	w := newWorld(t, open, withPrincipal())
	w.registered(t, ofDID(acting()))
	binding := registration.BindingOf(must(w.store.GetRegistration(t.Context(), buyer)).Entity)
	w.clock = now.Add(20 * time.Minute)
	again, err := w.endpoint.Entities.Recheck(t.Context(), binding)
	if err != nil {
		t.Fatal(err)
	}
	withPrincipal(5)(w)
	w.clock = w.clock.Add(20 * time.Minute)
	if _, err = w.endpoint.Entities.Recheck(t.Context(), again); !errors.Is(err, credential.ErrSupportRevoked) || errors.Is(err, credential.ErrRevoked) {
		t.Errorf("got %v", err)
	}
}
