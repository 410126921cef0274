package credential_test

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// accredit is a credential by which one issuer vouches for another.
func accredit(by, whom string) string {
	return must(party(by, "k1").Credential(credential.Credential{
		ID: "https://registry.example/accreditations/" + by + whom, Type: "IssuerAccreditationCredential", Subject: whom,
		Until:  now.AddDate(1, 0, 0),
		Status: []credential.StatusEntry{{Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: listOf(by), Index: 1}},
	}))
}

func listOf(issuer string) string {
	if issuer == registry {
		return listURL
	}
	return "https://lists.example/" + issuer
}

// entityBy is the buyer's credential by somebody else than the registry.
func entityBy(issuer string) string {
	c := entity(credential.V2)
	c.Status[0].List = listOf(issuer)
	return must(party(issuer, "k1").Credential(c))
}

// establish publishes the issuer's key and its status list.
func (w *world) establish(issuer string) {
	i := party(issuer, "k1")
	w.keys.publish(i, credential.AssertionMethod)
	w.lists.put(listOf(issuer), must(i.StatusList(credential.List{
		URL: listOf(issuer), Purpose: credential.Revocation, Bits: credential.NewBits(0),
	})))
}

func middle(n int) string { return "did:web:middle" + strconv.Itoa(n) + ".example" }

func TestMEFR6_Accredited(t *testing.T) {
	a := newAttempt(t)
	a.w.establish(agency)
	a.vp.Credentials = []string{accredit(registry, agency), entityBy(agency)}
	a.request.Presentation = must(a.holder.Present(a.vp))
	b, err := a.w.verifier.Verify(t.Context(), a.request)
	if err != nil {
		t.Fatal(err)
	}
	if b.Issuer != agency || b.Anchor != registry || len(b.Status) != 2 || len(b.Algs) != 3 {
		t.Errorf("got %+v", b)
	}
	// Whose accreditation is revoked later is no issuer any more.
	a.w.publishList(nil, 1)
	a.w.clock.Add(16 * 60)
	_, err = a.w.verifier.Recheck(t.Context(), b)
	wantViolation(t, err, "MEF-R8", "invalid_client")
}

// Who is not anchored is refused, and costs no fetch of a key.
func TestMEFR6_IssuerRefused(t *testing.T) {
	for _, r := range []refusal{
		{"no anchor", func(a *attempt) { a.w.verifier.Policy.Anchors = nil }, "MEF-R6", isUnapproved},
		{"issuer not anchored", func(a *attempt) { a.vc = entityBy(agency) }, "MEF-R6", isUnapproved},
		{"accredited by a stranger", func(a *attempt) {
			a.vp.Credentials = []string{entityBy(agency), accredit(middle(1), agency)}
		}, "MEF-R6", isUnapproved},
		{"accreditation of another", func(a *attempt) {
			a.vp.Credentials = []string{entityBy(agency), accredit(registry, middle(1))}
		}, "MEF-R6", isUnapproved},
		{"chain too long", func(a *attempt) {
			a.vp.Credentials = []string{entityBy(middle(1)), accredit(middle(2), middle(1)), accredit(middle(3), middle(2)), accredit(registry, middle(3))}
		}, "MEF-R6", isUnapproved},
		{"chain of one only", func(a *attempt) {
			a.w.verifier.Policy.MaxChain = 1
			a.vp.Credentials = []string{entityBy(agency), accredit(registry, agency)}
		}, "MEF-R6", isUnapproved},
		{"circle", func(a *attempt) {
			a.vp.Credentials = []string{entityBy(middle(1)), accredit(middle(2), middle(1)), accredit(middle(1), middle(2))}
		}, "MEF-R6", isUnapproved},
		{"accredits itself", func(a *attempt) {
			a.vp.Credentials = []string{entityBy(agency), accredit(agency, agency)}
		}, "MEF-R6", isUnapproved},
		{"self-issued", func(a *attempt) { a.vc = selfIssued() }, "MEF-R6", isUnapproved},
	} {
		t.Run(r.name, func(t *testing.T) {
			a := newAttempt(t)
			r.change(a)
			wantViolation(t, a.run(t), r.rule, r.code)
			if n := len(a.w.keys.lookups); n != 0 {
				t.Errorf("keys of %d parties were looked up, for whom nobody vouched: %v", n, a.w.keys.lookups)
			}
		})
	}
}

// An accreditation is judged as any credential.
func TestMEFR6_AccreditationRefused(t *testing.T) {
	for _, r := range []refusal{
		{"tampered", func(a *attempt) { a.vp.Credentials[1] = tamper(a.vp.Credentials[1]) }, "MEF-R4", isInvalid},
		{"expired", func(a *attempt) {
			a.vp.Credentials[1] = resign(party(registry, "k1"), a.vp.Credentials[1], "vc+jwt", map[string]any{"validUntil": "2026-01-01T00:00:00Z"})
		}, "MEF-R4", isInvalid},
		{"revoked", func(a *attempt) { a.w.publishList(nil, 1) }, "MEF-R8", isInvalid},
		{"not of the type", func(a *attempt) {
			a.vp.Credentials[1] = resign(party(registry, "k1"), a.vp.Credentials[1], "vc+jwt", map[string]any{"type": []string{"VerifiableCredential", "LegalEntityCredential"}})
		}, "MEF-R4", isInvalid},
	} {
		t.Run(r.name, func(t *testing.T) {
			a := newAttempt(t)
			a.w.establish(agency)
			a.vp.Credentials = []string{entityBy(agency), accredit(registry, agency)}
			r.change(a)
			wantViolation(t, a.run(t), r.rule, r.code)
		})
	}
}

// selfIssued is signed with the buyer's own assertion key, and has no status.
func selfIssued() string {
	c := entity(credential.V2)
	c.Status = nil
	return must(party(buyer, "assert-1").Credential(c))
}

// C-16, MEF-R6: a policy may accept it, without a status.
func TestMEFR6_SelfIssued(t *testing.T) {
	for name, test := range map[string]struct {
		accept func(context.Context, credential.Binding) (bool, error)
		code   string
	}{
		"accepted": {func(context.Context, credential.Binding) (bool, error) { return true, nil }, ""},
		"refused":  {func(context.Context, credential.Binding) (bool, error) { return false, nil }, isUnapproved},
		"fails":    {func(context.Context, credential.Binding) (bool, error) { return true, errors.New("down") }, "temporarily_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt(t)
			a.w.verifier.Policy.AcceptSelfIssued = test.accept
			a.vc = selfIssued()
			wantPolicy(t, a.run(t), "MEF-R6", test.code)
		})
	}
	a := newAttempt(t)
	a.w.verifier.Policy.AcceptSelfIssued = func(_ context.Context, b credential.Binding) (bool, error) {
		return b.Anchor == "" && b.Issuer == buyer, nil
	}
	a.vc = tamper(selfIssued())
	wantViolation(t, a.run(t), "MEF-R4", isInvalid)
	a = newAttempt(t)
	a.w.verifier.Policy.Anchors = []string{buyer}
	a.vc = selfIssued()
	if err := a.run(t); err != nil {
		t.Errorf("an anchor that is its own subject: %v", err)
	}
}

// wantPolicy: no error, a refusal under the rule, or a failure to tell.
func wantPolicy(t *testing.T, err error, rule profile.Rule, code string) {
	t.Helper()
	switch code {
	case "":
		if err != nil {
			t.Error(err)
		}
	case isUnapproved:
		wantViolation(t, err, rule, code)
	default:
		wantViolation(t, err, "RFC6749-4.1.2.1", code)
	}
}

// MEF-R10: the holder is the client, or onboarded in the same trust domain.
func TestMEFR10_Holder(t *testing.T) {
	const delegate = "did:web:delegate.example"
	newDelegate := func(t *testing.T) *attempt {
		a := newAttempt(t)
		a.holder = party(delegate, "sig-1")
		a.w.keys.publish(a.holder, credential.Authentication)
		return a
	}
	for name, test := range map[string]struct {
		onboarded func(context.Context, string, string) (bool, error)
		domain    any
		code      string
	}{
		"nobody is":       {nil, "buyer.example", isUnapproved},
		"not there":       {says2(false, nil), "buyer.example", isUnapproved},
		"no domain":       {says2(true, nil), nil, isUnapproved},
		"cannot be asked": {says2(true, errors.New("down")), "buyer.example", "temporarily_unavailable"},
		"onboarded": {func(_ context.Context, holder, domain string) (bool, error) {
			return holder == delegate && domain == "buyer.example", nil
		}, "buyer.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newDelegate(t)
			a.w.verifier.Policy.Onboarded = test.onboarded
			a.about("trustDomain", test.domain)
			a.request.TrustDomain = ""
			wantPolicy(t, a.run(t), "MEF-R10", test.code)
		})
	}
}

// MEF-R7: the identifiers of what is refused are not remembered, and a second
// form of a signature is not another credential.
func TestMEFR7_Remembered(t *testing.T) {
	seen := map[string]string{}
	watch := func(a *attempt) {
		a.w.verifier.Policy.Unique = func(_ context.Context, issuer, id, digest string) (bool, error) {
			known, there := seen[issuer+"\n"+id]
			seen[issuer+"\n"+id] = digest
			return !there || known == digest, nil
		}
	}
	for name, change := range map[string]func(a *attempt){
		"revoked":            listWith(nil, position),
		"another's":          func(a *attempt) { a.holder = party("did:web:stranger.example", "k1") },
		"for another client": func(a *attempt) { a.request.Identifier = "did:web:stranger.example" },
		"not signed by the holder": func(a *attempt) {
			a.resign = func(vp string) string { return tamper(vp) }
		},
		"self-issued, and not accepted": func(a *attempt) {
			a.w.verifier.Policy.AcceptSelfIssued = func(context.Context, credential.Binding) (bool, error) { return false, nil }
			a.vc = selfIssued()
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt(t)
			watch(a)
			change(a)
			if err := a.run(t); err == nil || len(seen) != 0 {
				t.Errorf("got %v, remembered %v", err, seen)
			}
		})
	}
	a := newAttempt(t)
	watch(a)
	for _, vc := range []string{a.vc, otherForm(a.vc)} {
		a.vp.Credentials, a.vp.ID, a.request.Presentation = []string{vc}, rand.Text(), ""
		if err := a.run(t); err != nil || len(seen) != 1 {
			t.Errorf("got %v, remembered %v", err, seen)
		}
	}
}

// otherForm is the token with the signature (r, n-s), which verifies as well.
func otherForm(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	signature := must(base64.RawURLEncoding.DecodeString(token[at:]))
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return token[:at] + base64.RawURLEncoding.EncodeToString(signature)
}
