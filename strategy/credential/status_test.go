package credential_test

import (
	"errors"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// What the list says, and whatever is wrong with it, is refused alike.
func TestMEFR8_StatusRefused(t *testing.T) {
	for _, test := range statusRefusals {
		t.Run(test.name, func(t *testing.T) {
			a := newAttempt(t)
			test.change(a)
			err := a.run(t)
			wantViolation(t, err, "MEF-R8", isInvalid)
			if !errors.Is(err, test.why) {
				t.Errorf("got %v, want it to wrap %v", err, test.why)
			}
		})
	}
}

// listWith publishes another list, listSigned the same with other claims or
// another's signature.
func listWith(change func(*credential.List), set ...uint64) func(a *attempt) {
	return func(a *attempt) { a.w.publishList(change, set...) }
}

func listSigned(by *credential.Issuer, change map[string]any) func(a *attempt) {
	return func(a *attempt) { a.w.lists.put(listURL, resign(by, a.w.lists.page[listURL], "vc+jwt", change)) }
}

var statusRefusals = []struct {
	name   string
	change func(a *attempt)
	why    error
}{
	{"revoked", listWith(nil, position), credential.ErrRevoked},
	{"suspended", func(a *attempt) {
		l := credential.List{URL: listURL + "/suspension", Purpose: credential.Suspension, Bits: credential.NewBits(0)}
		if err := l.Bits.Set(position, true); err != nil {
			panic(err)
		}
		a.w.lists.put(l.URL, must(party(registry, "k1").StatusList(l)))
		c := entity(credential.V2)
		c.Status = append(c.Status, c.Status[0])
		c.Status[1].Purpose, c.Status[1].List = l.Purpose, l.URL
		a.vc = must(party(registry, "k1").Credential(c))
	}, credential.ErrSuspended},
	{"not found", func(a *attempt) { clear(a.w.lists.page) }, credential.ErrStatusUnavailable},
	{"no JWS", func(a *attempt) { a.w.lists.put(listURL, "<html>") }, credential.ErrStatusUnavailable},
	{"tampered", func(a *attempt) { a.w.lists.put(listURL, tamper(a.w.lists.page[listURL])) }, credential.ErrStatusUnavailable},
	{"by another issuer", listSigned(party(agency, "k1"), map[string]any{"issuer": agency}), credential.ErrStatusUnavailable},
	{"with another issuer's key", listSigned(party(agency, "k1"), nil), credential.ErrStatusUnavailable},
	{"another purpose", listWith(func(l *credential.List) { l.Purpose = credential.Suspension }), credential.ErrStatusUnavailable},
	{"another kind", listWith(func(l *credential.List) { l.Type = credential.StatusList2021 }), credential.ErrStatusUnavailable},
	{"another id", listWith(func(l *credential.List) { l.URL += "0" }), credential.ErrStatusUnavailable},
	{"expired", listWith(func(l *credential.List) { l.Until = now.Add(-time.Hour) }), credential.ErrStatusUnavailable},
	{"not valid yet", listWith(func(l *credential.List) { l.From = now.Add(time.Hour) }), credential.ErrStatusUnavailable},
	{"too short", listWith(func(l *credential.List) { l.Bits = l.Bits[:len(l.Bits)-1] }), credential.ErrStatusUnavailable},
	{"not packed", listSigned(party(registry, "k1"), map[string]any{"credentialSubject.encodedList": "uAAAA"}), credential.ErrStatusUnavailable},
	{"not base64", listSigned(party(registry, "k1"), map[string]any{"credentialSubject.encodedList": "u!"}), credential.ErrStatusUnavailable},
	{"no list", listSigned(party(registry, "k1"), map[string]any{"credentialSubject.encodedList": nil}), credential.ErrStatusUnavailable},
	{"no StatusLists", func(a *attempt) { a.w.verifier.Status = nil }, credential.ErrStatusUnavailable},
	{"index beyond", func(a *attempt) {
		c := entity(credential.V2)
		c.Status[0].Index = credential.MinBits
		a.vc = must(party(registry, "k1").Credential(c))
	}, credential.ErrStatusUnavailable},
}

// An entry that is not understood may be the one that says revoked.
func TestMEFR8_EntryRefused(t *testing.T) {
	good := claimsOf(newAttempt(t).vc)["credentialStatus"].([]any)[0].(map[string]any)
	for name, change := range map[string]map[string]any{
		"type": {"type": "RevocationList2020Status"}, "no type": {"type": nil}, "purpose": {"statusPurpose": "eviction"},
		"no purpose": {"statusPurpose": nil}, "no list": {"statusListCredential": nil}, "list over http": {"statusListCredential": "http://registry.example/status/3"},
		"index a number": {"statusListIndex": 94567}, "index negative": {"statusListIndex": "-1"}, "index huge": {"statusListIndex": "99999999999999999999"},
		"no index": {"statusListIndex": nil}, "status of two bits": {"statusSize": 2},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt(t)
			entry := map[string]any{}
			for k, v := range good {
				set(entry, k, v)
			}
			for k, v := range change {
				set(entry, k, v)
			}
			a.with(map[string]any{"credentialStatus": []any{good, entry}})
			wantViolation(t, a.run(t), "MEF-R8", isInvalid)
		})
	}
	refusal{"too many", func(a *attempt) {
		a.with(map[string]any{"credentialStatus": []any{good, good, good, good, good}})
	}, "MEF-R8", isInvalid}.run(t)
}

func TestMEFR8_Delegate(t *testing.T) {
	const delegate = "did:web:delegate.example"
	a := newAttempt(t)
	i := party(delegate, "k1")
	a.w.keys.publish(i, credential.AssertionMethod)
	a.w.lists.put(listURL, must(i.StatusList(credential.List{URL: listURL, Purpose: credential.Revocation, Bits: credential.NewBits(0)})))
	if err := a.run(t); err != nil {
		t.Error(err)
	}
}
