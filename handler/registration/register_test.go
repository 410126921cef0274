package registration_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// RFC 7591 §3.2.1: all that was registered comes back, and the statement as it
// was.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	body := metadata(nil)
	a := w.registered(t, body)
	for _, name := range []string{
		"software_statement", "redirect_uris", "response_types", "grant_types", "token_endpoint_auth_method",
		"token_endpoint_auth_signing_alg", "request_object_signing_alg", "id_token_signed_response_alg",
		"tls_client_certificate_bound_access_tokens", "jwks_uri", "scope",
	} {
		if want := jsonOf(string(must(json.Marshal(object{name: body[name]})))); !reflect.DeepEqual(a.body[name], want[name]) {
			t.Errorf("%s is %v, want %v", name, a.body[name], want[name])
		}
	}
	id, token := a.text("client_id"), a.text("registration_access_token")
	if !strings.HasPrefix(id, "c-") || len(id) < 20 || a.text("registration_client_uri") != issuer+"/register/"+id {
		t.Errorf("client_id %q at %q", id, a.text("registration_client_uri"))
	}
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 {
		t.Errorf("the token is %q", token)
	}
	if a.body["client_id_issued_at"] != float64(now.Unix()) || a.body["client_name"] != "Buyer TPP" || a.body["trust_domain"] != "buyer.example" {
		t.Errorf("%v", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.header)
	}
	stored := must(w.store.GetRegistration(t.Context(), id))
	sum := sha256.Sum256([]byte(token))
	if stored.TokenHash != base64.RawURLEncoding.EncodeToString(sum[:]) || strings.Contains(string(must(json.Marshal(stored))), token) {
		t.Error("the token is stored otherwise than by its hash")
	}
	if e := w.audit.last(); e.Action != audit.Registration || e.Outcome != audit.Granted || e.Client != id || e.Detail != "register" {
		t.Errorf("%+v", e)
	}
}

// refusal is a registration and what becomes of it.
type refusal struct {
	name   string
	change object
	rule   profile.Rule
	code   string
	server func(*world)
}

const (
	codeStatement  = "invalid_software_statement"
	codeUnapproved = "unapproved_software_statement"
	codeMetadata   = "invalid_client_metadata"
	codeRedirect   = "invalid_redirect_uri"
)

func requirements(err error) func(context.Context, *storage.Registration) error {
	return func(context.Context, *storage.Registration) error { return err }
}

func requirementsDo(do func(*storage.Registration)) func(context.Context, *storage.Registration) error {
	return func(_ context.Context, r *storage.Registration) error {
		do(r)
		return nil
	}
}

func open(w *world) { w.endpoint.RequireStatement = false }

func (c refusal) run(t *testing.T, body func(object) object) {
	t.Run(c.name, func(t *testing.T) {
		w := newWorld(t, open)
		if c.server != nil {
			c.server(w)
		}
		w.refuses(t, w.register(body(c.change)), 0, c.rule, c.code)
	})
}

func tampered(token string) string {
	head, tail, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(tail, ".")
	claims := string(must(base64.RawURLEncoding.DecodeString(payload)))
	return head + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(claims, "1.4.0", "1.4.1", 1))) + "." + signature
}

func TestStatementRefused(t *testing.T) {
	strict := func(w *world) { w.endpoint.RequireStatement = true }
	for _, c := range []refusal{
		{"RFC7591-2.3 none though required", object{"software_statement": nil}, "RFC7591-2.3", codeStatement, strict},
		{"RFC7591-2.3 not a string", object{"software_statement": 5}, "RFC7591-2.3", codeStatement, nil},
		{"RFC7591-2.3 not a JWT", object{"software_statement": "x"}, "RFC7591-2.3", codeStatement, nil},
		{"RFC7591-2.3 tampered", object{"software_statement": tampered(statement(nil))}, "RFC7591-2.3", codeStatement, nil},
		{"RFC7591-2.3 expired", object{"software_statement": statement(object{"exp": now.Unix() - 3600})}, "RFC7591-2.3", codeStatement, nil},
		{"RFC7591-3.2.2 of a stranger", object{"software_statement": must(party(stranger, "k1").Statement(object{}))}, "RFC7591-3.2.2", codeUnapproved, nil},
		{"RFC7591-3.2.2 nobody is accepted", nil, "RFC7591-3.2.2", codeUnapproved, func(w *world) { w.endpoint.Statements = nil }},
		{"RFC7591-2.3 a redirect URI beside", object{"redirect_uris": []string{"https://tpp.buyer.example/cb2"}}, "RFC7591-2.3", codeRedirect, nil},
		{"MEF-7.3-1 requirements", nil, "MEF-7.3-1", codeUnapproved, func(w *world) {
			w.endpoint.Requirements = requirements(errors.New("not on the list"))
		}},
		{"MEF-7.3-1 requirements by name", nil, "X-1", codeStatement, func(w *world) {
			w.endpoint.Requirements = requirements(profile.Rule("X-1").Refuse(codeStatement, "The release is not certified."))
		}},
	} {
		c.run(t, metadata)
	}
}

// RFC 7591 §2.3: the statement wins, also under the names of UK Open Banking.
func TestStatementWins(t *testing.T) {
	w := newWorld(t)
	body := metadata(object{
		"client_name": "Somebody Else", "scope": "openid", "jwks_uri": nil, "jwks": jsonOf(jwks(jwk(party("other", "k").Key, "k"))),
		"software_id": "another", "trust_domain": "seller.example", "suspended": false, "introspect_trust_domain": true,
		"legal_entity_name": "Bank of Everything", "org_id": "mef/0000", "audience": []string{"everything"}, "redirect_uris": nil,
		"software_statement": statement(object{"jwks_uri": nil, "software_jwks_endpoint": jwksURI, "redirect_uris": nil,
			"software_redirect_uris": []string{callback}, "org_name": "Buyer Inc."}),
	})
	a := w.registered(t, body)
	for name, want := range map[string]any{
		"client_name": "Buyer TPP", "scope": allScopes, "jwks_uri": jwksURI, "jwks": nil, "software_id": software, "org_id": "mef/2021/011",
		"trust_domain": "buyer.example", "legal_entity_name": "Buyer Inc.", "audience": nil, "introspect_trust_domain": nil,
		"redirect_uris": []any{callback},
	} {
		if !reflect.DeepEqual(a.body[name], want) {
			t.Errorf("%s is %v, want %v", name, a.body[name], want)
		}
	}
	if must(w.store.GetRegistration(t.Context(), a.text("client_id"))).Client.IntrospectTrustDomain {
		t.Error("a client made itself a resource server")
	}
}

// signed is a registration that the software signed itself, changed.
func signed(name string, change object) string {
	i := *party("tpp", "tpp-sig-1")
	i.ID = name
	return must(i.Statement(edit(metadata(object{
		"aud": issuer, "iat": now.Unix(), "exp": now.Unix() + 300, "jti": "reg-1", "note": "1.4.0",
	}), change)))
}

// A registration that fails does not use a signed body up; one that succeeds
// does.
func TestSignedBody(t *testing.T) {
	for _, mediaType := range []string{"application/jose", "application/jwt"} {
		w := newWorld(t)
		w.endpoint.Requirements = requirements(errors.New("not yet"))
		w.refuses(t, w.do(http.MethodPost, "/register", mediaType, signed(software, nil), ""), 0, "MEF-7.3-1", codeUnapproved)
		w.endpoint.Requirements = nil
		a := w.do(http.MethodPost, "/register", mediaType, signed(software, nil), "")
		if a.status != http.StatusCreated || a.text("client_name") != "Buyer TPP" {
			t.Fatalf("%d %v", a.status, a.body)
		}
		w.refuses(t, w.do(http.MethodPost, "/register", mediaType, signed(software, nil), ""), 1, "MEF-7.3-1", codeMetadata)
	}
}

func TestSignedBodyRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, code string }{
		"another audience": {signed(software, object{"aud": "https://other.example"}), codeMetadata},
		"expired":          {signed(software, object{"exp": now.Unix() - 300}), codeMetadata},
		"lives too long":   {signed(software, object{"exp": now.Unix() + 7200}), codeMetadata},
		"another software": {signed("another", nil), codeMetadata},
		"tampered":         {tampered(signed(software, nil)), codeMetadata},
		"no statement":     {signed(software, object{"software_statement": nil}), codeStatement},
	} {
		t.Run("MEF-7.3-1 "+name, func(t *testing.T) {
			w := newWorld(t, open)
			w.refuses(t, w.do(http.MethodPost, "/register", "application/jwt", c.body, ""), 0, "MEF-7.3-1", c.code)
		})
	}
}

// RFC 8725 §3.12: who vouches for clients and for legal entities with one key
// does not thereby make a public credential a software statement, nor a client
// any JWT of its own a registration.
func TestAnotherUse(t *testing.T) {
	for _, name := range []string{"vc", "vp"} {
		t.Run("RFC8725-3.12 a statement with "+name, func(t *testing.T) {
			w := newWorld(t)
			body := metadata(object{"software_statement": statement(object{name: object{"type": []string{"VerifiableCredential"}}})})
			w.refuses(t, w.register(body), 0, "RFC8725-3.12", codeStatement)
		})
	}
	for _, name := range []string{"vc", "vp"} {
		t.Run("MEF-7.3-1 a signed registration with "+name, func(t *testing.T) {
			w := newWorld(t)
			w.refuses(t, w.do(http.MethodPost, "/register", "application/jwt", signed(software, object{name: object{}}), ""), 0, "MEF-7.3-1", codeMetadata)
		})
	}
	for name, value := range map[string]any{"sub": software, "response_type": "code id_token"} {
		t.Run("RFC8725-3.12 a signed registration with "+name, func(t *testing.T) {
			w := newWorld(t)
			w.refuses(t, w.do(http.MethodPost, "/register", "application/jwt", signed(software, object{name: value}), ""), 0, "RFC8725-3.12", codeMetadata)
		})
	}
}

// MEF-R1: one legal entity registers one software once.
func TestUnique(t *testing.T) {
	w := newWorld(t)
	first := w.registered(t, metadata(nil))
	w.refuses(t, w.register(metadata(object{"software_statement": statement(object{"jti": "ssa-2"})})), 1, "MEF-R1", codeMetadata)
	w.registered(t, metadata(object{"software_statement": statement(object{"software_id": "other"})}))
	w.registered(t, metadata(object{"software_statement": statement(object{"org_id": "mef/other"})}))
	if a := w.own(http.MethodDelete, first, nil, first.text("registration_access_token")); a.status != http.StatusNoContent {
		t.Fatal(a.status)
	}
	if again := w.registered(t, metadata(nil)); again.text("client_id") == first.text("client_id") {
		t.Error("an identifier was given out twice")
	}
}
