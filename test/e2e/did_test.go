package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

const buyerDID = "did:web:buyer.example"

// published is a DID document as its owner publishes it at the moment.
type registry struct{ document atomic.Value }

func (r *registry) Resolve(_ context.Context, id did.DID) (*did.Document, error) {
	data, _ := r.document.Load().([]byte)
	if data == nil {
		return nil, did.ErrNotFound
	}
	return did.ParseDocument(id, data)
}

// publish makes the buyer's document with its key under the relationship.
func (r *registry) publish(t *testing.T, b *harness.Buyer, relationship string, changes ...harness.Change) {
	t.Helper()
	document := harness.Claims{
		"@context": []string{"https://www.w3.org/ns/did/v1"}, "id": buyerDID,
		"verificationMethod": []harness.Claims{{
			"id": b.Kid, "type": "JsonWebKey2020", "controller": buyerDID, "publicKeyJwk": gojose.JSONWebKey{Key: b.Key.Public()},
		}},
		relationship: []string{b.Kid},
		"service":    []harness.Claims{{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": []string{b.Redirect}}},
	}
	for _, change := range changes {
		change(nil, document)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	r.document.Store(data)
}

func startDID(t *testing.T) (*harness.Host, *harness.Buyer, *registry) {
	t.Helper()
	documents := &registry{}
	h := harness.StartDirect(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.DIDs = did.Mux{"web": documents} })
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	b.ID, b.Kid = buyerDID, buyerDID+"#sig-1"
	h.Register(t, b, harness.Set("jwks", nil))
	documents.publish(t, b, "authentication")
	return h, b, documents
}

func TestDIDClient(t *testing.T) {
	t.Run("MEF-D1/MEF-D4/a DID is the client_id from end to end", func(t *testing.T) {
		h, b, _ := startDID(t)
		in := h.NewIntent(t, b, "once")
		answer := h.Approve(t, h.URL(b, b.Object(in)))
		tokens := h.Redeem(t, b, answer.Params.Get("code"))
		if tokens.Status != http.StatusOK {
			t.Fatalf("answer %v, tokens %s", answer.Params, tokens.Raw)
		}
		idToken, _ := tokens.Body["id_token"].(string)
		_, claims := harness.Decode(t, idToken)
		want(t, claims, harness.Claims{"aud": buyerDID, "meflso_intent_id": in})
	})
	for _, c := range []struct {
		name   string
		change func(t *testing.T, r *registry, b *harness.Buyer)
	}{
		{"a key under assertionMethod alone", func(t *testing.T, r *registry, b *harness.Buyer) { r.publish(t, b, "assertionMethod") }},
		{"a kid of another DID", func(_ *testing.T, _ *registry, b *harness.Buyer) { b.Kid = "did:web:other.example#sig-1" }},
		{"a document of another DID", func(t *testing.T, r *registry, b *harness.Buyer) {
			r.publish(t, b, "authentication", harness.Set("id", "did:web:other.example"))
		}},
		{"a deactivated document", func(t *testing.T, r *registry, b *harness.Buyer) {
			r.publish(t, b, "authentication", harness.Set("deactivated", true))
		}},
		{"no document", func(_ *testing.T, r *registry, _ *harness.Buyer) { r.document.Store([]byte(nil)) }},
	} {
		t.Run("MEF-R3/"+c.name, func(t *testing.T) {
			h, b, documents := startDID(t)
			in := h.NewIntent(t, b, "once")
			c.change(t, documents, b)
			token := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote")))
			if token.Status != 401 || token.Body["error"] != "invalid_client" {
				t.Errorf("token: %d %s", token.Status, token.Raw)
			}
			answer := h.Approve(t, h.URL(b, b.Object(in)))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, "invalid_request_object") {
				t.Errorf("authorize: %d %v", answer.Status, answer.Params)
			}
			if state(t, h, in) != "Pending" {
				t.Errorf("the intent is %s", state(t, h, in))
			}
		})
	}
}

func TestDIDRedirectURI(t *testing.T) {
	for name, endpoint := range map[string]any{
		"another one": "https://buyer-a.example.org/cb/", "none": []string{}, "in another member": harness.Claims{"uri": "https://buyer-a.example.org/cb?x"},
	} {
		t.Run("MEF-R19/"+name, func(t *testing.T) {
			h, b, documents := startDID(t)
			documents.publish(t, b, "authentication", harness.Set("service", []harness.Claims{{"id": "#x", "type": "X", "serviceEndpoint": endpoint}}))
			answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, "invalid_request") {
				t.Errorf("got %d %v", answer.Status, answer.Params)
			}
		})
	}
}

// A new key counts as soon as it is used, an old one until the document is
// read again.
func TestDIDRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, b, documents := startDID(t)
		authenticates := func(b *harness.Buyer) bool {
			return h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Status == 200
		}
		if !authenticates(b) {
			t.Fatal("the first key is refused")
		}
		rotated := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		rotated.ID, rotated.Kid = buyerDID, buyerDID+"#sig-2"
		documents.publish(t, rotated, "authentication")
		time.Sleep(31 * time.Second)
		if !authenticates(rotated) {
			t.Error("the new key is refused")
		}
		if authenticates(b) {
			t.Error("the removed key still authenticates after the document was read again")
		}
	})
}

// A profile without DID clients resolves nothing.
func TestNoDIDClients(t *testing.T) {
	documents := &registry{}
	h := harness.StartDirect(t, profile.FAPI1Advanced(), nil, func(c *compose.Config) {
		c.DIDs, c.PairwiseSalt = documents, harness.Secret
	})
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	b.ID, b.Kid = buyerDID, buyerDID+"#sig-1"
	b.Speak(profile.FAPI1Advanced())
	h.Register(t, b, harness.Set("jwks", nil))
	documents.publish(t, b, "authentication")
	if answer := h.Approve(t, h.URL(b, b.Object(""))); answer.Status != 400 || !strings.Contains(answer.Body, "invalid_request_object") {
		t.Errorf("got %d %v", answer.Status, answer.Params)
	}
}
