package credential_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// principal is for whom the buyer acts. Both are of one trust domain.
const principal = "did:web:sp.buyer.example"

// entityOf is a credential of the subject's legal entity, changed.
func entityOf(issuer, subject string, change func(*credential.Credential)) string {
	c := entity(credential.V2)
	c.ID, c.Subject = "https://registry.example/credentials/"+subject, subject
	c.Status[0].List, c.Status[0].Index = listOf(issuer), 11
	if change != nil {
		change(&c)
	}
	return must(party(issuer, "k1").Credential(c))
}

func inDomain(domain any) func(*credential.Credential) {
	return func(c *credential.Credential) { set(c.Claims, "trustDomain", domain) }
}

// delegationBy is a credential by which the issuer lets the buyer act for it,
// changed.
func delegationBy(issuer *credential.Issuer, change func(*credential.Credential)) string {
	c := credential.Credential{
		ID: "https://sp.buyer.example/delegations/1", Type: "DelegationCredential", Subject: buyer, Claims: map[string]any{"trustDomain": "buyer.example"},
		From: now.Add(-time.Hour), Until: now.Add(12 * time.Hour),
		Status: []credential.StatusEntry{{Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: listOf(issuer.ID), Index: 5}},
	}
	if change != nil {
		change(&c)
	}
	return must(issuer.Credential(c))
}

func delegation(change func(*credential.Credential)) string {
	return delegationBy(party(principal, "k1"), change)
}

// revoke publishes the principal's list with the bits set.
func (w *world) revoke(set ...uint64) {
	l := credential.List{URL: listOf(principal), Purpose: credential.Revocation, Bits: credential.NewBits(0)}
	for _, index := range set {
		if err := l.Bits.Set(index, true); err != nil {
			panic(err)
		}
	}
	w.lists.put(l.URL, must(party(principal, "k1").StatusList(l)))
}

// newDelegate is a buyer that registers with nothing but the principal's entity
// credential and a delegation.
func newDelegate(t testing.TB) *attempt {
	a := newAttempt(t)
	a.w.establish(principal)
	a.vp.Credentials = []string{entityOf(registry, principal, nil), delegation(nil)}
	return a
}

// withOwn adds the buyer's own entity credential.
func (a *attempt) withOwn() { a.vp.Credentials = append(a.vp.Credentials, a.vc) }

func (a *attempt) accepted(t testing.TB) credential.Binding {
	t.Helper()
	a.request.Presentation = must(a.holder.Present(a.vp))
	b, err := a.w.verifier.Verify(t.Context(), a.request)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDelegationAccepted(t *testing.T) {
	for _, test := range []struct {
		name       string
		change     func(a *attempt)
		identifier string // whose legal entity it is
		status     int
	}{
		{"MEF-R5/the delegator's entity", func(*attempt) {}, principal, 2},
		{"MEF-R5/in the other order", func(a *attempt) { slices.Reverse(a.vp.Credentials) }, principal, 2},
		{"MEF-R5/a client without an identifier", func(a *attempt) { a.request.Identifier = "" }, principal, 2},
		{"MEF-R58/its own entity beside", (*attempt).withOwn, buyer, 3},
		{"MEF-R58/the delegation names the domain", func(a *attempt) { a.vp.Credentials[1] = delegation(inDomain("buyer.example")) }, principal, 2},
		{"MEF-R58/one anchor by one agency", func(a *attempt) {
			a.w.establish(agency)
			a.vc = entityBy(agency)
			a.vp.Credentials[0] = entityOf(agency, principal, nil)
			a.vp.Credentials = append(a.vp.Credentials, accredit(registry, agency))
			a.withOwn()
		}, buyer, 4}, // the accreditation's once
		{"MEF-R58/one anchor by an agency and not", func(a *attempt) {
			a.w.establish(agency)
			a.vp.Credentials[0] = entityOf(agency, principal, nil)
			a.vp.Credentials = append(a.vp.Credentials, accredit(registry, agency))
			a.withOwn()
		}, buyer, 4},
		{"MEF-R58/another type by policy", func(a *attempt) {
			a.w.verifier.Policy.DelegationTypes = []string{"Mandate"}
			a.vp.Credentials[1] = delegation(func(c *credential.Credential) { c.Type = "Mandate" })
		}, principal, 2},
		{"MEF-R58/VCDM 1.1", func(a *attempt) {
			a.vp.Version = credential.V1
			a.vp.Credentials[1] = delegation(func(c *credential.Credential) { c.Version = credential.V1 })
		}, principal, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newDelegate(t)
			test.change(a)
			b := a.accepted(t)
			if b.Identifier != test.identifier || b.Client() != buyer || b.Holder != buyer || b.Anchor != registry || b.TrustDomain != "buyer.example" {
				t.Errorf("got %+v", b)
			}
			if b.Delegator != principal || b.DelegationID != "https://sp.buyer.example/delegations/1" {
				t.Errorf("acts for %q by %q", b.Delegator, b.DelegationID)
			}
			if len(b.Status) != test.status || len(b.Algs) != test.status+1 || !b.Expires.Equal(now.Add(12*time.Hour)) {
				t.Errorf("status %+v, algs %v, expires %v", b.Status, b.Algs, b.Expires)
			}
		})
	}
}

func TestDelegationRefused(t *testing.T) {
	for _, r := range delegationRefusals {
		t.Run(r.name, func(t *testing.T) {
			a := newDelegate(t)
			r.change(a)
			wantViolation(t, a.run(t), r.rule, r.code)
			a.w.used.Range(func(key, _ any) bool {
				t.Errorf("%v was used up", key)
				return true
			})
		})
	}
}

// delegating is a refusal of a delegation credential that is changed.
func delegating(change func(*credential.Credential)) func(*attempt) {
	return func(a *attempt) { a.vp.Credentials[1] = delegation(change) }
}

// forging is one of a delegation credential that another has signed.
func forging(signer *credential.Issuer) func(*attempt) {
	return func(a *attempt) { a.vp.Credentials[1] = delegationBy(signer, nil) }
}

var delegationRefusals = []refusal{
	{"MEF-R5/no delegation", func(a *attempt) { a.vp.Credentials = a.vp.Credentials[:1] }, "MEF-R5", isInvalid},
	{"MEF-R10/in the delegator's name without one", func(a *attempt) {
		a.vp.Credentials, a.request.Identifier = a.vp.Credentials[:1], principal
	}, "MEF-R10", isUnapproved},
	{"MEF-R10/in the delegator's name", func(a *attempt) { a.request.Identifier = principal }, "MEF-R58", isInvalid},
	{"MEF-R10/presented by another", func(a *attempt) {
		a.holder = party(agency, "sig-1")
		a.w.keys.publish(a.holder, credential.Authentication)
		a.w.verifier.Policy.Onboarded = says2(true, nil)
	}, "MEF-R58", isInvalid},
	{"MEF-R58/to another", delegating(func(c *credential.Credential) { c.Subject = agency }), "MEF-R58", isInvalid},
	{"MEF-R58/to oneself", func(a *attempt) {
		a.vp.Credentials[1] = delegationBy(party(buyer, "assert-1"), nil)
		a.withOwn()
	}, "MEF-R58", isInvalid},
	{"MEF-R58/delegator no DID", forging(party("https://sp.buyer.example", "k1")), "MEF-R58", isInvalid},
	{"MEF-R58/delegator of another domain", func(a *attempt) {
		a.vp.Credentials[0] = entityOf(registry, principal, inDomain("other.example"))
		a.withOwn()
	}, "MEF-R58", isInvalid},
	{"MEF-R58/delegation of another domain", delegating(inDomain("other.example")), "MEF-R58", isInvalid},
	{"MEF-R58/domain of the delegation no string", delegating(inDomain([]string{"buyer.example"})), "MEF-R58", isInvalid},
	{"MEF-R58/no domain", func(a *attempt) { a.vp.Credentials[0] = entityOf(registry, principal, inDomain(nil)) }, "MEF-R58", isInvalid},
	{"MEF-R58/own entity of no domain", func(a *attempt) { a.about("trustDomain", nil); a.withOwn() }, "MEF-R58", isInvalid},
	{"MEF-R58/domain of another software statement", func(a *attempt) { a.request.TrustDomain = "other.example" }, "MEF-R58", isInvalid},
	{"MEF-R58/two delegations", func(a *attempt) {
		a.vp.Credentials = append(a.vp.Credentials, delegation(func(c *credential.Credential) { c.ID += "2" }))
	}, "MEF-R58", isInvalid},
	{"MEF-R58/delegate of a delegate", func(a *attempt) {
		toMiddle := delegation(func(c *credential.Credential) { c.Subject = middle(1) })
		a.vp.Credentials = []string{a.vp.Credentials[0], toMiddle, delegationBy(party(middle(1), "k1"), func(c *credential.Credential) { c.ID += "2" })}
	}, "MEF-R58", isInvalid},
	{"MEF-R58/by a delegate in the delegator's stead", forging(party(middle(1), "k1")), "MEF-R5", isInvalid},
	{"MEF-R58/another anchor", func(a *attempt) {
		a.w.verifier.Policy.Anchors = []string{registry, agency}
		a.w.establish(agency)
		a.vp.Credentials[0] = entityOf(agency, principal, nil)
		a.withOwn()
	}, "MEF-R58", isUnapproved},
	{"MEF-R58/self-issued delegator", func(a *attempt) {
		a.w.verifier.Policy.AcceptSelfIssued = func(context.Context, credential.Binding) (bool, error) { return true, nil }
		a.vp.Credentials[0] = entityOf(principal, principal, nil)
	}, "MEF-R58", isUnapproved},
	{"MEF-R58/delegator without an entity", func(a *attempt) { a.vp.Credentials[0] = a.vc }, "MEF-R5", isInvalid},
	{"MEF-R58/entity of a third", func(a *attempt) {
		a.vp.Credentials = append(a.vp.Credentials, entityOf(registry, agency, nil))
	}, "MEF-R5", isInvalid},
	{"MEF-R58/two entities of the delegator", func(a *attempt) {
		a.vp.Credentials = append(a.vp.Credentials, entityOf(registry, principal, func(c *credential.Credential) { c.ID += "2" }))
	}, "MEF-R5", isInvalid},
	{"MEF-R58/signed by a stranger", forging(&credential.Issuer{ID: principal, Kid: principal + "#k1", Alg: "ES256", Key: party(agency, "k1").Key}), "MEF-R4", isInvalid},
	{"MEF-R58/signed with an authentication key", func(a *attempt) {
		login := party(principal, "login")
		a.w.keys.publish(login, credential.Authentication)
		forging(login)(a)
	}, "MEF-R4", isInvalid},
	{"MEF-R58/tampered", func(a *attempt) { a.vp.Credentials[1] = tamper(a.vp.Credentials[1]) }, "MEF-R4", isInvalid},
	{"MEF-R58/expired", delegating(func(c *credential.Credential) { c.Until = now.Add(-time.Hour) }), "MEF-R4", isInvalid},
	{"MEF-R58/not valid yet", delegating(func(c *credential.Credential) { c.From = now.Add(time.Hour) }), "MEF-R4", isInvalid},
	{"MEF-R58/not revocable", delegating(func(c *credential.Credential) { c.Status = nil }), "C-16", isInvalid},
	{"MEF-R58/revoked", func(a *attempt) { a.w.revoke(5) }, "MEF-R8", isInvalid},
	{"MEF-R58/status unavailable", func(a *attempt) { delete(a.w.lists.page, listOf(principal)) }, "MEF-R8", isInvalid},
	{"MEF-R58/the delegator's entity revoked", func(a *attempt) { a.w.publishList(nil, 11); a.withOwn() }, "MEF-R8", isInvalid},
	{"MEF-R58/the delegator's entity expired", func(a *attempt) {
		a.vp.Credentials[0] = entityOf(registry, principal, func(c *credential.Credential) { c.Until = now.Add(-time.Hour) })
		a.withOwn()
	}, "MEF-R4", isInvalid},
	{"MEF-R7/no identifier that resolves", delegating(func(c *credential.Credential) { c.ID = "urn:uuid:1" }), "MEF-R7", isInvalid},
	{"MEF-R7/identifier of another credential", func(a *attempt) {
		a.vp.Credentials = append(a.vp.Credentials, delegation(func(c *credential.Credential) { c.Until = now.Add(time.Hour) }))
	}, "MEF-R7", isInvalid},
	{"MEF-R7/seen with another", func(a *attempt) {
		a.w.verifier.Policy.Unique = func(_ context.Context, _, id, _ string) (bool, error) {
			return id != "https://sp.buyer.example/delegations/1", nil
		}
	}, "MEF-R7", isInvalid},
	{"MEF-R58/type not wanted", func(a *attempt) { a.w.verifier.Policy.DelegationTypes = []string{"Mandate"} }, "MEF-R4", isInvalid},
}

// Whoever nobody vouches for costs no fetch of a key, delegator or not.
func TestDelegatorNotVouchedFor(t *testing.T) {
	for name, change := range map[string]func(a *attempt){
		"MEF-R6/instead of the client": func(*attempt) {}, "MEF-R6/beside the client": (*attempt).withOwn,
	} {
		t.Run(name, func(t *testing.T) {
			a := newDelegate(t)
			a.vp.Credentials[0] = entityOf(middle(1), principal, nil)
			change(a)
			wantViolation(t, a.run(t), "MEF-R6", isUnapproved)
			if n := len(a.w.keys.lookups); n != 0 {
				t.Errorf("keys of %d parties were looked up, for whom nobody vouched: %v", n, a.w.keys.lookups)
			}
		})
	}
}

// A delegation ends with its own credential and with its issuer's.
func TestDelegationRecheck(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(w *world)
		minutes int64
		why     error
		rule    profile.Rule
	}{
		{"MEF-R58/still good", func(*world) {}, 15, nil, ""},
		{"MEF-R58/revoked", func(w *world) { w.revoke(5) }, 15, credential.ErrSupportRevoked, "MEF-R8"},
		{"MEF-R58/the delegator's entity revoked", func(w *world) { w.publishList(nil, 11) }, 15, credential.ErrSupportRevoked, "MEF-R8"},
		{"MEF-R8/revoked, and the client's own too", func(w *world) { w.revoke(5); w.publishList(nil, position) }, 15, credential.ErrRevoked, "MEF-R8"},
		{"MEF-R58/unavailable", func(w *world) { delete(w.lists.page, listOf(principal)) }, 15, credential.ErrStatusUnavailable, "MEF-R8"},
		{"MEF-R58/expired", func(*world) {}, 13 * 60, credential.ErrExpired, "MEF-R4"},
		{"MEF-R58/anchor dropped", func(w *world) { w.verifier.Policy.Anchors = nil }, 15, credential.ErrNotAnchored, "MEF-R6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newDelegate(t)
			a.withOwn()
			b := a.accepted(t)
			test.change(a.w)
			a.w.clock.Add(test.minutes * 60)
			again, err := a.w.verifier.Recheck(t.Context(), b)
			if test.why == nil {
				if err != nil || again.Delegator != principal {
					t.Errorf("got %+v, %v", again, err)
				}
				return
			}
			wantViolation(t, err, test.rule, "invalid_client")
			if !errors.Is(err, test.why) || errors.Is(err, credential.ErrRevoked) != errors.Is(test.why, credential.ErrRevoked) {
				t.Errorf("got %v, want it to wrap %v", errors.Unwrap(err), test.why)
			}
		})
	}
}
