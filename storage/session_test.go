package storage_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/token/jwt"

	"github.com/meflso/fosite-meflso/storage"
)

// full is a session in which nothing is empty.
func full() *storage.DefaultSession {
	at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	return &storage.DefaultSession{
		DefaultSession: &openid.DefaultSession{
			Claims: &jwt.IDTokenClaims{
				Subject: "s", Nonce: "n", AuthTime: at, AuthenticationContextClassReference: "acr",
				AuthenticationMethodsReferences: []string{"hwk"}, Extra: map[string]any{"list": []any{"a"}, "object": map[string]any{"b": "c"}},
			},
			Headers: &jwt.Headers{Extra: map[string]any{"kid": "k"}}, ExpiresAt: map[fosite.TokenType]time.Time{fosite.AccessToken: at}, Username: "u", Subject: "s",
		},
		Binding: storage.Binding{
			Issuer: "https://seller.example", IntentClaim: "claim", IntentID: "i", SHash: "h", CodeChallenge: "c",
			RequestedClaims: json.RawMessage(`{"id_token":{}}`),
		},
	}
}

func TestSessionJSON(t *testing.T) {
	data, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	read := storage.NewSession()
	if err := json.Unmarshal(data, read); err != nil {
		t.Fatal(err)
	}
	if want := full(); !reflect.DeepEqual(read.Binding, want.Binding) || !reflect.DeepEqual(read.Claims, want.Claims) ||
		!reflect.DeepEqual(read.ExpiresAt, want.ExpiresAt) || read.Subject != "s" || read.Username != "u" {
		t.Errorf("got %s", data)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members["lso"] == nil || members["id_token_claims"] == nil {
		t.Errorf("got %s", data)
	}
}

// A store that reads an old record over a session loses nothing of it, and the
// Binding does not swallow the host's own fields.
func TestHostSessionJSON(t *testing.T) {
	s := &host{DefaultSession: full().DefaultSession, Binding: full().Binding, Tenant: "acme"}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read := &host{DefaultSession: openid.NewDefaultSession()}
	if err := json.Unmarshal(data, read); err != nil {
		t.Fatal(err)
	}
	if read.Tenant != "acme" || read.IntentID != "i" || read.Subject != "s" {
		t.Errorf("got %s", data)
	}
	if err := json.Unmarshal([]byte(`{"lso":{"intent_id":"j"},"subject":"s"}`), read); err != nil {
		t.Fatal(err)
	}
	if read.Issuer != "https://seller.example" || read.IntentID != "j" || read.Tenant != "acme" {
		t.Errorf("something was lost: %+v", read.Binding)
	}
	if empty, err := json.Marshal(storage.Binding{}); err != nil || string(empty) != "{}" {
		t.Errorf("an empty Binding is %s, %v", empty, err)
	}
}

// Promoted methods would hide those of the host's session.
func TestBindingPromotesNothing(t *testing.T) {
	var b any = &storage.Binding{}
	switch b.(type) {
	case json.Marshaler, json.Unmarshaler, fmt.Stringer, error, interface{ Clone() fosite.Session }:
		t.Error("Binding has a method that must not be promoted")
	}
}

func TestCloneIsDeep(t *testing.T) {
	s := full()
	c, ok := s.Clone().(*storage.DefaultSession)
	if !ok || !reflect.DeepEqual(s, c) {
		t.Fatalf("got %+v", c)
	}
	c.Claims.Subject, c.Headers.Extra["kid"], c.IntentID = "x", "x", "x"
	c.Claims.Extra["list"].([]any)[0], c.Claims.Extra["object"].(map[string]any)["b"] = "x", "x"
	c.Claims.AuthenticationMethodsReferences[0] = "x"
	c.SetExpiresAt(fosite.AccessToken, time.Time{})
	c.RequestedClaims[0] = 'x'
	if want := full(); !reflect.DeepEqual(s, want) {
		t.Errorf("a change of the copy is in the original: %+v", s)
	}
}

func TestCloneOfNothing(t *testing.T) {
	if c := (*storage.DefaultSession)(nil).Clone(); c != nil {
		t.Errorf("got %v", c)
	}
	c, ok := (&storage.DefaultSession{Binding: storage.Binding{IntentID: "i"}}).Clone().(*storage.DefaultSession)
	if !ok || c.DefaultSession != nil || c.IntentID != "i" {
		t.Errorf("got %+v", c)
	}
}

func TestGetExtraClaims(t *testing.T) {
	for _, c := range []struct {
		binding storage.Binding
		want    map[string]any
	}{
		{storage.Binding{}, map[string]any{}},
		{full().Binding, map[string]any{"iss": "https://seller.example", "claim": "i"}},
		{storage.Binding{Issuer: "https://seller.example"}, map[string]any{"iss": "https://seller.example"}},
		{storage.Binding{IntentID: "i"}, map[string]any{}},
		{storage.Binding{IntentClaim: "claim"}, map[string]any{}},
	} {
		var session fosite.ExtraClaimsSession = &storage.DefaultSession{DefaultSession: openid.NewDefaultSession(), Binding: c.binding}
		got := session.GetExtraClaims()
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
		got["x"] = "x" // is nobody else's
		if len(session.GetExtraClaims()) != len(c.want) {
			t.Error("the claims are shared")
		}
	}
}

func TestIntentClone(t *testing.T) {
	in := &storage.Intent{ID: "i", Details: json.RawMessage(`{"a":1}`), Version: 3}
	c := in.Clone()
	if !reflect.DeepEqual(in, c) {
		t.Fatalf("got %+v", c)
	}
	c.Details[0], c.State = 'x', storage.IntentRevoked
	if string(in.Details) != `{"a":1}` || in.State != "" {
		t.Errorf("a change of the copy is in the original: %+v", in)
	}
}

func TestIntentJSONLeavesOutWhatDidNotCome(t *testing.T) {
	data, err := json.Marshal(&storage.Intent{ID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authorized_until", "exchanged_at", "request_id", "details"} {
		if strings.Contains(string(data), name) {
			t.Errorf("%s is in %s", name, data)
		}
	}
}
