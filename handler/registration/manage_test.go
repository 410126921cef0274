package registration_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
)

func encoded(o object) []byte { return must(json.Marshal(o)) }

// back is what the server answered, as a client sends it back (RFC 7592 §2.2).
func back(a answer, change object) object {
	o := maps.Clone(a.body)
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_id_issued_at"} {
		delete(o, name)
	}
	return edit(o, change)
}

// RFC 7592 §2: one answer for a wrong token and an unknown client.
func TestWrongToken(t *testing.T) {
	w := newWorld(t)
	first := w.registered(t, metadata(nil))
	second := w.registered(t, metadata(object{"software_statement": statement(object{"software_id": "other"})}))
	unknown := answer{body: object{"registration_client_uri": issuer + "/register/c-unknown"}}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		want := w.own(method, unknown, back(first, nil), "wrong")
		for _, got := range []answer{
			want, w.own(method, first, back(first, nil), "wrong"), w.own(method, first, back(first, nil), ""),
			w.own(method, first, back(first, nil), second.text("registration_access_token")),
		} {
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %d %v %v", method, got.status, got.header, got.body)
			}
		}
	}
	if w.store.writes != 2 {
		t.Errorf("%d writes", w.store.writes)
	}
	if a := w.own(http.MethodPatch, first, nil, first.text("registration_access_token")); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, PUT, DELETE" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestRead(t *testing.T) {
	w := newWorld(t)
	a := w.registered(t, metadata(nil))
	got := w.own(http.MethodGet, a, nil, a.text("registration_access_token"))
	if got.status != http.StatusOK || !reflect.DeepEqual(got.body, a.body) || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// A client replaces all that it said, with the statement that it has, though
// that has expired; what the operator said stays.
func TestUpdate(t *testing.T) {
	w := newWorld(t)
	a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
	id, token := a.text("client_id"), a.text("registration_access_token")
	stored := must(w.store.GetRegistration(t.Context(), id))
	stored.Client.Audience = []string{"https://api.seller.example"}
	if err := w.store.Store.ReplaceClient(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	w.clock = now.Add(48 * time.Hour)
	for _, change := range []object{
		{"request_object_signing_alg": "PS256", "grant_types": []string{"authorization_code"}},
		{"request_object_signing_alg": nil, "software_statement": nil},
	} {
		got := w.own(http.MethodPut, a, back(a, change), token)
		if got.status != http.StatusOK || got.text("registration_access_token") != token ||
			got.text("request_object_signing_alg") != (answer{body: change}).text("request_object_signing_alg") ||
			got.body["client_id_issued_at"] != a.body["client_id_issued_at"] || got.text("software_statement") != a.text("software_statement") {
			t.Fatalf("%d %v", got.status, got.body)
		}
		now := must(w.store.GetRegistration(t.Context(), id))
		if len(now.Client.Audience) != 1 || now.Entity == nil || now.Client.LegalEntityName != "Buyer Inc." || !now.UpdatedAt.Equal(w.clock) {
			t.Errorf("%+v", now)
		}
	}
	if e := w.audit.last(); e.Detail != "update" || e.Client != id || e.Outcome != audit.Granted {
		t.Errorf("%+v", e)
	}
}

func TestUpdateRefused(t *testing.T) {
	for _, c := range []refusal{
		{"RFC7592-2.2 no client_id", object{"client_id": nil}, "RFC7592-2.2", codeMetadata, nil},
		{"RFC7592-2.2 another client_id", object{"client_id": "c-other"}, "RFC7592-2.2", codeMetadata, nil},
		{"RFC7592-2.2 becomes a DID", object{"client_id": buyer}, "RFC7592-2.2", codeMetadata, nil},
		{"RFC7592-2.2 another software_id", object{"software_statement": statement(object{"software_id": "other"})}, "RFC7592-2.2", codeMetadata, nil},
		{"RFC7592-2.2 another organisation", object{"software_statement": statement(object{"org_id": "mef/other"})}, "RFC7592-2.2", codeMetadata, nil},
		{"RFC7591-2.3 tampered statement", object{"software_statement": tampered(statement(nil))}, "RFC7591-2.3", codeStatement, nil},
		{"RFC7591-2.3 a redirect URI beside", byURI("https://tpp.buyer.example/cb2"), "RFC7591-2.3", codeRedirect, nil},
		{"RFC7591-3.2.2 directory is no longer accepted", nil, "RFC7591-3.2.2", codeUnapproved, func(w *world) { w.endpoint.Statements.Anchors = nil }},
		{"FAPI-5.2.2-16 becomes public", object{"token_endpoint_auth_method": "none"}, "FAPI-5.2.2-16", codeMetadata, nil},
		{"MEF-R58 another trust domain", object{"software_statement": statement(object{"trust_domain": "other.example"})}, "MEF-R58", codeStatement, nil},
		{"MEF-R5 somebody else's credential", object{"lso_entity_presentation": must(party(stranger, "sig-1").Present(presentationOf(stranger)))}, "MEF-R5", codeStatement, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
			if c.server != nil {
				c.server(w)
			}
			w.refuses(t, w.own(http.MethodPut, a, back(a, c.change), a.text("registration_access_token")), 1, c.rule, c.code)
			if e := w.audit.last(); e.Client != a.text("client_id") {
				t.Errorf("%+v", e)
			}
		})
	}
	w := newWorld(t, open) // where nobody vouches for the software_id
	a := w.registered(t, plain(object{"software_id": "mine"}))
	w.refuses(t, w.own(http.MethodPut, a, back(a, object{"software_id": "other"}), a.text("registration_access_token")), 1, "RFC7592-2.2", codeMetadata)
}

// Of several changes at once, none is lost without a word.
func TestUpdateConflict(t *testing.T) {
	w := newWorld(t)
	a := w.registered(t, metadata(nil))
	w.endpoint.Requirements = requirementsDo(func(r *storage.Registration) {
		other := must(w.store.GetRegistration(t.Context(), r.Client.ID))
		other.Client.Suspended = true
		if err := w.store.Store.ReplaceClient(t.Context(), other); err != nil {
			t.Error(err)
		}
	})
	got := w.own(http.MethodPut, a, back(a, nil), a.text("registration_access_token"))
	if got.status != http.StatusServiceUnavailable || got.text("error") != "temporarily_unavailable" {
		t.Errorf("%d %v", got.status, got.body)
	}
	if !must(w.store.GetRegistration(t.Context(), a.text("client_id"))).Client.Suspended {
		t.Error("the suspension was lost")
	}
}

// RFC 7592 §2.3: after DELETE the token is worth nothing; of two at once, one
// removes.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	a := w.registered(t, metadata(nil))
	token := a.text("registration_access_token")
	got := w.own(http.MethodDelete, a, nil, token)
	if got.status != http.StatusNoContent || got.body != nil || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", got.status, got.body)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		if again := w.own(method, a, back(a, nil), token); again.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %v", method, again.status, again.body)
		}
	}
	if _, err := w.store.GetClient(t.Context(), a.text("client_id")); err == nil {
		t.Error("the client is still there")
	}
}

// MEF-R1: of the same registration many times at once, one is stored.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, func(w *world) { w.endpoint.Audit = audit.Discard })
	w.endpoint.Clients = w.store.Store // which counts nothing
	body := metadata(nil)
	var group sync.WaitGroup
	statuses := make(chan int, 8)
	for range cap(statuses) {
		group.Go(func() { statuses <- w.register(body).status })
	}
	group.Wait()
	close(statuses)
	created := 0
	for status := range statuses {
		if status == http.StatusCreated {
			created++
		} else if status != http.StatusBadRequest {
			t.Error(status)
		}
	}
	if created != 1 {
		t.Errorf("%d were created", created)
	}
}
