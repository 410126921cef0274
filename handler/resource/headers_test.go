package resource_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// anyToken is active, whatever it is.
type anyToken struct{ token.Active }

func (a anyToken) Introspect(context.Context, string) (*token.Active, error) { return &a.Active, nil }

func newGuard(p profile.Profile, active token.Active) *resource.Guard {
	return &resource.Guard{
		Tokens: anyToken{active}, Holder: &token.Holder{Profile: &p}, Profile: &p, Audit: audit.Discard,
		Clock: func() time.Time { return now }, Rand: rand.Reader,
	}
}

func serve(guard *resource.Guard, op resource.Operation, method string, headers ...string) (*httptest.ResponseRecorder, *resource.Grant) {
	var grant *resource.Grant
	handler := guard.Protect(op, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { grant = resource.Of(r.Context()) }))
	r := httptest.NewRequest(method, "https://seller.example/quote", nil)
	r.Header.Set("Authorization", "Bearer token")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder, grant
}

var own = token.Active{ClientID: "buyer", Subject: "buyer", Scopes: []string{"quote"}}

var read = resource.Operation{Scope: "quote", OwnBehalf: true}

// C-24: the time header of MEF W128 has no offset in its examples.
func TestLastLogin(t *testing.T) {
	want := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	for value, ok := range map[string]bool{
		"2025-03-04T05:06:07": true, "2025-03-04T05:06:07Z": true, "2025-03-04T18:06:07+13:00": true,
		"Tue, 04 Mar 2025 05:06:07 GMT": false, "2025-03-04": false,
	} {
		_, grant := serve(newGuard(profile.MEFLSO(), own), read, "GET", "x-fapi-buyer-last-logged-time", value)
		if grant.Customer.LastLogin.Equal(want) != ok || grant.Customer.LastLogin.IsZero() == ok {
			t.Errorf("MEF %q: %v", value, grant.Customer.LastLogin)
		}
	}
	for value, ok := range map[string]bool{"Tue, 04 Mar 2025 05:06:07 GMT": true, "2025-03-04T05:06:07Z": false} {
		p := profile.MEFLSO()
		p.Headers.LastLoginFormat = profile.HTTPDate
		_, grant := serve(newGuard(p, own), read, "GET", "x-fapi-buyer-last-logged-time", value)
		if grant.Customer.LastLogin.Equal(want) != ok {
			t.Errorf("FAPI %q: %v", value, grant.Customer.LastLogin)
		}
	}
}

// BASE-6.2.1-11: what is no UUID is not reflected, and errors have an id too.
func TestInteractionID(t *testing.T) {
	p := profile.MEFLSO()
	p.Headers.InteractionID = "x-correlation"
	const id = "93bac548-d2de-4546-b106-880a5018460d"
	denied := resource.Operation{Scope: "other"}
	for _, op := range []resource.Operation{read, denied} {
		if rw, _ := serve(newGuard(p, own), op, "GET", "x-correlation", id); rw.Header().Get("x-correlation") != id || rw.Header().Get("x-fapi-interaction-id") != "" {
			t.Errorf("got %v", rw.Header())
		}
		for _, sent := range []string{"", "hello", "{" + id + "}", "urn:uuid:" + id} {
			rw, _ := serve(newGuard(p, own), op, "GET", "x-correlation", sent)
			if got := rw.Header().Get("x-correlation"); got == sent || uuid.Validate(got) != nil {
				t.Errorf("%q gave %q", sent, got)
			}
		}
	}
}

func TestIntentsMustBeKnown(t *testing.T) {
	bound := token.Active{ClientID: "buyer", Subject: "urn:1", Scopes: []string{"quote"}, IntentID: "urn:1"}
	guard := newGuard(profile.MEFLSO(), bound)
	if rw, _ := serve(guard, read, "GET"); rw.Code != 200 {
		t.Errorf("reading: %d", rw.Code)
	}
	rw, _ := serve(guard, read, "POST")
	if rw.Code != 403 || rw.Header().Get("WWW-Authenticate") != `Bearer error="insufficient_scope"` {
		t.Errorf("without a register: %d %v", rw.Code, rw.Header())
	}
	guard.Intents = resource.UncheckedIntents
	if rw, grant := serve(guard, read, "POST"); rw.Code != 200 || grant.IntentID != "urn:1" {
		t.Errorf("unchecked: %d", rw.Code)
	}
}
