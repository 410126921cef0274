package credential_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	isInvalid    = credential.CodeInvalid
	isUnapproved = credential.CodeUnapproved
)

// attempt is a registration that must be refused. Its parts are as in the one
// that is accepted, until change makes them wrong.
type attempt struct {
	w       *world
	vc      string // by the registry
	vp      credential.Presentation
	holder  *credential.Issuer
	request credential.Request
	resign  func(vp string) string // nil: as it is
}

func newAttempt(t testing.TB) *attempt {
	a := &attempt{w: newWorld(t), vc: must(party(registry, "k1").Credential(entity(credential.V2))), holder: party(buyer, "sig-1")}
	a.vp = presentation(credential.V2)
	a.request = credential.Request{Identifier: buyer, TrustDomain: "buyer.example"}
	return a
}

func (a *attempt) run(t testing.TB) error {
	if a.vp.Credentials == nil {
		a.vp.Credentials = []string{a.vc}
	}
	if a.request.Presentation == "" {
		a.request.Presentation = must(a.holder.Present(a.vp))
		if a.resign != nil {
			a.request.Presentation = a.resign(a.request.Presentation)
		}
	}
	b, err := a.w.verifier.Verify(t.Context(), a.request)
	if err != nil && b.Identifier != "" {
		t.Error("a binding beside an error")
	}
	return err
}

// with signs the buyer's credential anew as the registry, with other claims.
func (a *attempt) with(change map[string]any) {
	a.vc = resign(party(registry, "k1"), a.vc, "vc+jwt", change)
}

// vpWith signs the presentation anew with other claims.
func (a *attempt) vpWith(change map[string]any) {
	a.resign = func(vp string) string { return resign(a.holder, vp, "vp+jwt", change) }
}

// about changes the claims about the entity.
func (a *attempt) about(name string, value any) {
	a.with(map[string]any{"credentialSubject." + name: value})
}

type refusal struct {
	name   string
	change func(a *attempt)
	rule   profile.Rule
	code   string
}

func (r refusal) run(t *testing.T) {
	a := newAttempt(t)
	r.change(a)
	wantViolation(t, a.run(t), r.rule, r.code)
	a.w.used.Range(func(key, _ any) bool {
		t.Errorf("%v was used up", key)
		return true
	})
}

// What is wrong with a presentation.
func TestMEFR9_PresentationRefused(t *testing.T) {
	for _, r := range presentationRefusals {
		t.Run(r.name, r.run)
	}
}

var presentationRefusals = []refusal{
	{"MEF-R4 missing", func(a *attempt) { a.request.Presentation = ""; a.resign = func(string) string { return "" } }, "MEF-R4", isInvalid},
	{"unsigned", func(a *attempt) {
		a.resign = func(vp string) string { return "eyJhbGciOiJub25lIn0." + strings.Split(vp, ".")[1] + "." }
	}, "MEF-R9", isInvalid},
	{"bad signature", func(a *attempt) { a.resign = tamper }, "MEF-R9", isInvalid},
	{"signed with the issuer's key", func(a *attempt) {
		a.resign = func(vp string) string { return resign(party(registry, "k1"), vp, "vp+jwt", nil) }
	}, "MEF-R9", isInvalid},
	{"assertionMethod only", func(a *attempt) { a.holder = party(buyer, "assert-1") }, "MEF-R9", isInvalid},
	{"key of nobody", func(a *attempt) { a.holder = party(buyer, "sig-9") }, "MEF-R9", isInvalid},
	{"kid of another DID", func(a *attempt) {
		a.holder = &credential.Issuer{ID: buyer, Kid: "did:web:tpp.buyer.example.evil.example#sig-1", Alg: "ES256", Key: party(buyer, "sig-1").Key}
	}, "MEF-R9", isInvalid},
	{"kid relative", func(a *attempt) {
		a.holder = &credential.Issuer{ID: buyer, Kid: "#sig-1", Alg: "ES256", Key: party(buyer, "sig-1").Key}
	}, "MEF-R9", isInvalid},
	{"MEF-R43 alg not of the profile", func(a *attempt) { a.w.profile.SigningAlgs = []profile.Alg{profile.PS256} }, "MEF-R43", isInvalid},
	{"iss is not the holder", func(a *attempt) { a.vpWith(map[string]any{"iss": registry}) }, "MEF-R9", isInvalid},
	{"no holder", func(a *attempt) { a.vpWith(map[string]any{"iss": nil, "holder": nil}) }, "MEF-R9", isInvalid},
	{"holder no identifier", func(a *attempt) { a.vpWith(map[string]any{"iss": "buyer", "holder": "buyer"}) }, "MEF-R9", isInvalid},
	{"wrong aud", func(a *attempt) { a.vp.Audience = "https://other.example" }, "MEF-R9", isInvalid},
	{"several audiences", func(a *attempt) { a.vpWith(map[string]any{"aud": []string{"https://other.example", server}}) }, "MEF-R9", isInvalid},
	{"no aud", func(a *attempt) { a.vpWith(map[string]any{"aud": nil}) }, "MEF-R9", isInvalid},
	{"expired", func(a *attempt) { a.vp.Issued, a.vp.Expires = now.Add(-10*time.Minute), now.Add(-6*time.Minute) }, "MEF-R9", isInvalid},
	{"no exp", func(a *attempt) { a.vp.Expires = time.Time{} }, "MEF-R9", isInvalid},
	{"exp far ahead", func(a *attempt) { a.vp.Issued, a.vp.Expires = time.Time{}, now.Add(time.Hour) }, "MEF-R9", isInvalid},
	{"lives too long", func(a *attempt) { a.vp.Issued = now.Add(-time.Minute) }, "MEF-R9", isInvalid},
	{"issued in the future", func(a *attempt) { a.vp.Issued = now.Add(4 * time.Minute) }, "MEF-R9", isInvalid},
	{"not valid yet", func(a *attempt) { a.vpWith(map[string]any{"nbf": now.Add(4 * time.Minute).Unix()}) }, "MEF-R9", isInvalid},
	{"iat as text", func(a *attempt) { a.vpWith(map[string]any{"iat": "2026-09-21T13:33:20Z"}) }, "MEF-R9", isInvalid},
	{"no jti", func(a *attempt) { a.vp.ID = "" }, "MEF-R9", isInvalid},
	{"jti no string", func(a *attempt) { a.vpWith(map[string]any{"jti": 1}) }, "MEF-R9", isInvalid},
	{"no challenge though wanted", func(a *attempt) { a.w.verifier.Policy.RequireNonce = true }, "MEF-R9", isInvalid},
	{"challenge of nobody", func(a *attempt) {
		a.vp.Nonce = "n"
		a.w.verifier.TakeNonce = func(context.Context, string) (bool, error) { return false, nil }
	}, "MEF-R9", isInvalid},
	{"typ of another use", func(a *attempt) { a.resign = func(vp string) string { return resign(a.holder, vp, "bad+typ", nil) } }, "MEF-R9", isInvalid},
	{"2.0 without typ", func(a *attempt) { a.resign = func(vp string) string { return resign(a.holder, vp, "", nil) } }, "MEF-R9", isInvalid},
	{"a credential for a presentation", func(a *attempt) { a.resign = func(string) string { return a.vc } }, "MEF-R9", isInvalid},
	{"a vp claim in 2.0", func(a *attempt) { a.vpWith(map[string]any{"vp": map[string]any{}}) }, "MEF-R9", isInvalid},
	{"another context", func(a *attempt) { a.vpWith(map[string]any{"@context": []string{"https://evil.example"}}) }, "MEF-R9", isInvalid},
	{"no context", func(a *attempt) { a.vpWith(map[string]any{"@context": nil}) }, "MEF-R9", isInvalid},
	{"no credential", func(a *attempt) { a.vpWith(map[string]any{"verifiableCredential": nil}) }, "MEF-R4", isInvalid},
	{"the store fails", func(a *attempt) {
		a.w.verifier.UseOnce = func(context.Context, string, time.Time) (bool, error) { return false, errors.New("down") }
	}, "RFC6749-4.1.2.1", "temporarily_unavailable"},
	{"no store", func(a *attempt) { a.w.verifier.UseOnce = nil }, "RFC6749-4.1.2.1", "server_error"},
}

// tamper changes the signature.
func tamper(token string) string {
	at := strings.LastIndexByte(token, '.') + 5
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}

func TestMEFR9_Replay(t *testing.T) {
	w := newWorld(t)
	vc := must(party(registry, "k1").Credential(entity(credential.V2)))
	r := present(credential.V2, vc)
	if _, err := w.verifier.Verify(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, err := w.verifier.Verify(t.Context(), r)
	wantViolation(t, err, "MEF-R9", isInvalid)

	// A challenge is taken once, whatever the jti.
	open := map[string]bool{"n-1": true}
	w.verifier.TakeNonce = func(_ context.Context, nonce string) (bool, error) {
		was := open[nonce]
		delete(open, nonce)
		return was, nil
	}
	w.verifier.Policy.RequireNonce = true
	for _, want := range []bool{true, false} {
		p := presentation(credential.V2, vc)
		p.Nonce = "n-1"
		r.Presentation = must(party(buyer, "sig-1").Present(p))
		if _, err := w.verifier.Verify(t.Context(), r); (err == nil) != want {
			t.Errorf("got %v, want accepted: %v", err, want)
		}
	}
}
