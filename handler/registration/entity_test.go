package registration_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// MEF W128 D1, D4: a DID that is the client's own is its client_id.
func TestDIDClient(t *testing.T) {
	w := newWorld(t, open)
	a := w.registered(t, ofDID(nil))
	if a.text("client_id") != buyer || a.text("legal_entity_name") != "Buyer Inc." || a.text("trust_domain") != "buyer.example" || a.body["lso_entity_presentation"] != nil {
		t.Errorf("%v", a.body)
	}
	stored := must(w.store.GetRegistration(t.Context(), buyer))
	if stored.DID != buyer || stored.Entity == nil || stored.Entity.LEI != "5493001KJTIIGC8Y1R12" || !stored.Entity.CheckedAt.Equal(now) {
		t.Errorf("%+v", stored)
	}
	if b := registration.BindingOf(stored.Entity); b.Identifier != buyer || len(b.Status) != 1 || b.Status[0].Index != 94567 || b.Anchor != registry {
		t.Errorf("%+v", b)
	}
	w.refuses(t, w.register(ofDID(nil)), 1, "MEF-R1", codeMetadata)
	if got := w.own(http.MethodGet, a, nil, a.text("registration_access_token")); !reflect.DeepEqual(got.body, a.body) {
		t.Errorf("%v, want %v", got.body, a.body)
	}
}

// A DID with a port has a percent sign, in the path of its own endpoint too.
func TestDIDWithPort(t *testing.T) {
	const id = "did:web:tpp.buyer.example%3A8443"
	w := newWorld(t, open)
	w.web[id] = documentOf(id, callback)
	body := ofDID(object{
		"client_id": id, "lso_entity_presentation": nil, "aud": issuer, "iat": now.Unix(), "exp": now.Unix() + 60, "jti": "r-1",
		"software_statement": statement(object{"client_id": id}), // and the directory's jwks_uri stands for nothing
	})
	w.refuses(t, w.register(edit(body, object{"aud": nil, "iat": nil, "exp": nil, "jti": nil})), 0, "MEF-D4", codeMetadata)
	a := w.do(http.MethodPost, "/register", "application/jwt", must(party(id, "sig-1").Statement(body)), "")
	if a.status != http.StatusCreated {
		t.Fatalf("%d %v", a.status, a.body)
	}
	if got := w.own(http.MethodGet, a, nil, a.text("registration_access_token")); got.status != http.StatusOK || got.text("client_id") != id || got.body["jwks_uri"] != nil {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// A body signed with the DID's key shows that it is the client's own.
func TestDIDSigned(t *testing.T) {
	signed := func(name string) string {
		body := ofDID(object{"lso_entity_presentation": nil, "aud": issuer, "iat": now.Unix(), "exp": now.Unix() + 60, "jti": "r-1"})
		return must(party(buyer, name).Statement(body))
	}
	w := newWorld(t, open)
	w.refuses(t, w.do(http.MethodPost, "/register", "application/jwt", signed("k1"), ""), 0, "MEF-7.3-1", codeMetadata)
	if a := w.do(http.MethodPost, "/register", "application/jwt", signed("sig-1"), ""); a.status != http.StatusCreated || a.text("client_id") != buyer {
		t.Errorf("%d %v", a.status, a.body)
	}
}

func TestDIDRefused(t *testing.T) {
	document := func(change object) func(*world) {
		return func(w *world) { w.web[buyer] = string(encoded(edit(jsonOf(documentOf(buyer, callback)), change))) }
	}
	for _, c := range []refusal{
		{"MEF-D1 not allowed", nil, "MEF-D1", codeMetadata, func(w *world) { w.endpoint.AllowDIDClients = false }},
		{"MEF-D1 no DID", object{"client_id": "did:web:"}, "MEF-D1", codeMetadata, nil},
		{"MEF-R3 unresolvable", object{"client_id": "did:web:nobody.example"}, "MEF-R3", codeMetadata, nil},
		{"MEF-R3 id mismatch", nil, "MEF-R3", codeMetadata, document(object{"id": stranger})},
		{"MEF-R3 deactivated", nil, "MEF-R3", codeMetadata, document(object{"deactivated": true})},
		{"MEF-R2 no authentication key", nil, "MEF-R2", codeMetadata, document(object{"authentication": nil})},
		{"MEF-R2 keys beside", object{"jwks_uri": jwksURI}, "MEF-R2", codeMetadata, nil},
		{"MEF-R19 no service endpoint", byURI(callback + "/"), "MEF-R19", codeRedirect, nil},
		{"MEF-R19 no services", nil, "MEF-R19", codeRedirect, document(object{"service": nil})},
		{"MEF-R19 a service of another type", nil, "MEF-R19", codeRedirect, func(w *world) { w.endpoint.ServiceTypes = []string{"LinkedDomains"} }},
		{"MEF-D4 somebody else's DID", object{"lso_entity_presentation": nil}, "MEF-D4", codeMetadata, nil},
		{"MEF-D4 presentations are off", nil, "MEF-D4", codeMetadata, func(w *world) { w.profile.EntityCredential = profile.EntityOff }},
	} {
		c.run(t, ofDID)
	}
}

// presenting is a registration with this presentation.
func presenting(change func(*credential.Presentation)) object {
	return object{"lso_entity_presentation": present(change)}
}

// showing is one with this credential, changed.
func showing(change func(*credential.Credential)) object {
	return presenting(func(p *credential.Presentation) { p.Credentials = []string{entity(change)} })
}

// by is one whose presentation is signed by another.
func by(signer *credential.Issuer) object {
	vp := must(signer.Present(credential.Presentation{Audience: issuer, ID: "urn:uuid:1", Issued: now, Expires: now.Add(time.Minute), Credentials: []string{entity(nil)}}))
	return object{"lso_entity_presentation": vp}
}

func TestEntityRefused(t *testing.T) {
	of := func(signer *credential.Issuer) object {
		c := must(signer.Credential(credential.Credential{ID: "https://x.example/1", Subject: buyer, Claims: object{"legalName": "B"}, Until: now.Add(time.Hour)}))
		return presenting(func(p *credential.Presentation) { p.Credentials = []string{c} })
	}
	claims := func(name, value string) object {
		return showing(func(c *credential.Credential) { c.Claims[name] = value })
	}
	for _, c := range []refusal{
		{"MEF-R4 required", object{"lso_entity_presentation": nil}, "MEF-R4", codeStatement, func(w *world) { w.profile.EntityCredential = profile.EntityRequired }},
		{"MEF-R4 not a string", object{"lso_entity_presentation": object{}}, "MEF-R4", codeStatement, nil},
		{"MEF-R9 not a JWT", object{"lso_entity_presentation": "x"}, "MEF-R9", codeStatement, nil},
		{"MEF-R9 key of another relationship", by(party(buyer, "k1")), "MEF-R9", codeStatement, nil},
		{"MEF-R9 audience", presenting(func(p *credential.Presentation) { p.Audience = "https://other.example" }), "MEF-R9", codeStatement, nil},
		{"MEF-R9 expired", presenting(func(p *credential.Presentation) { p.Issued, p.Expires = now.Add(-time.Hour), now.Add(-time.Hour) }), "MEF-R9", codeStatement, nil},
		{"MEF-R9 nonce of nobody", presenting(func(p *credential.Presentation) { p.Nonce = "guessed" }), "MEF-R9", codeStatement, nil},
		{"MEF-R10 holder is a stranger", by(party(stranger, "sig-1")), "MEF-R10", codeUnapproved, nil},
		{"MEF-R5 subject", showing(func(c *credential.Credential) { c.Subject = stranger }), "MEF-R5", codeStatement, nil},
		{"MEF-R4 expired", showing(func(c *credential.Credential) { c.Until = now.Add(-time.Hour) }), "MEF-R4", codeStatement, nil},
		{"MEF-R7 id", showing(func(c *credential.Credential) { c.ID = "urn:uuid:1" }), "MEF-R7", codeStatement, nil},
		{"C-16 no status", showing(func(c *credential.Credential) { c.Status = nil }), "C-16", codeStatement, nil},
		{"MEF-R8 revoked", showing(func(c *credential.Credential) { c.Status[0].Index = 7 }), "MEF-R8", codeStatement, nil},
		{"MEF-R8 status unavailable", nil, "MEF-R8", codeStatement, func(w *world) { delete(w.web, listURL) }},
		{"MEF-R6 not anchored", of(party(stranger, "k1")), "MEF-R6", codeUnapproved, nil},
		{"MEF-R6 self-issued", of(party(buyer, "k1")), "MEF-R6", codeUnapproved, nil},
		{"ISO17442-1 LEI", claims("lei", "5493001KJTIIGC8Y1R13"), "ISO17442-1", codeStatement, nil},
		{"MEF-R58 trust domain", object{"software_statement": statement(object{"client_id": buyer, "trust_domain": "seller.example"})}, "MEF-R58", codeStatement, nil},
	} {
		c.run(t, ofDID)
	}
}

// A client that has shown nothing is told what is missing.
func TestEntityRequiredText(t *testing.T) {
	w := newWorld(t, open, func(w *world) { w.profile.EntityCredential = profile.EntityRequired })
	if a := w.register(metadata(nil)); a.text("error_description") != "entity presentation required" {
		t.Errorf("%d %v", a.status, a.body)
	}
}

// MEF-R9: a presentation serves once, and one of another is none of ours.
func TestPresentationOnce(t *testing.T) {
	w := newWorld(t)
	vp := present(nil)
	w.registered(t, metadata(object{"lso_entity_presentation": vp}))
	again := metadata(object{"lso_entity_presentation": vp, "software_statement": statement(object{"software_id": "other"})})
	w.refuses(t, w.register(again), 1, "MEF-R9", codeStatement)
}

// Where presentations are off, the member is one that nobody knows.
func TestEntityOff(t *testing.T) {
	w := newWorld(t, func(w *world) { w.profile.EntityCredential = profile.EntityOff })
	a := w.registered(t, metadata(object{"lso_entity_presentation": "x"}))
	if must(w.store.GetRegistration(t.Context(), a.text("client_id"))).Entity != nil {
		t.Error("there is an entity")
	}
}

// A nonce is one that the server made, whole and as it was.
func TestChallengeForged(t *testing.T) {
	w := newWorld(t)
	own, other := *w.endpoint.Challenges, *w.endpoint.Challenges
	other.Secret = []byte("a secret of thirty-two bytes 0003")
	nonce := must(own.New())
	forged := []string{"", "x", nonce[:74], nonce + "A", nonce + "\r\n", nonce[:5] + "\n" + nonce[5:], must(other.New())}
	for i := range nonce {
		replacement := byte('A')
		if nonce[i] == 'A' {
			replacement = 'B'
		}
		forged = append(forged, nonce[:i]+string(replacement)+nonce[i+1:])
	}
	for _, f := range forged {
		if open, err := own.Take(t.Context(), f); open || err != nil {
			t.Errorf("%q: %v, %v", f, open, err)
		}
	}
	for _, want := range []bool{true, false} {
		if open, err := own.Take(t.Context(), nonce); open != want || err != nil {
			t.Errorf("got %v, %v, want %v", open, err, want)
		}
	}
}

// A challenge is fresh, is answered once and within its time.
func TestChallenge(t *testing.T) {
	w := newWorld(t, func(w *world) { w.endpoint.Entities.Policy.RequireNonce = true })
	challenge := func() string {
		a := w.do(http.MethodGet, "/register/challenge", "", "", "")
		if a.status != http.StatusOK || a.body["expires_in"] != 300.0 || a.header.Get("Cache-Control") != "no-store" || len(a.text("nonce")) != 75 {
			t.Fatalf("%d %v", a.status, a.body)
		}
		return a.text("nonce")
	}
	answering := func(nonce, software string) object {
		return edit(metadata(presenting(func(p *credential.Presentation) {
			p.Nonce, p.ID, p.Issued, p.Expires = nonce, "", w.clock, w.clock.Add(time.Minute)
		})), object{"software_statement": statement(object{"software_id": software})})
	}
	nonce := challenge()
	if nonce == challenge() {
		t.Error("two challenges are one")
	}
	w.registered(t, answering(nonce, "a"))
	w.refuses(t, w.register(answering(nonce, "b")), 1, "MEF-R9", codeStatement)
	late := challenge()
	w.clock = now.Add(5 * time.Minute)
	w.refuses(t, w.register(answering(late, "c")), 1, "MEF-R9", codeStatement)
	if a := w.do(http.MethodPost, "/register/challenge", "", "", ""); a.status != http.StatusMethodNotAllowed {
		t.Error(a.status)
	}
}
