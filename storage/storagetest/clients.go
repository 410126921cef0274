package storagetest

import (
	"encoding/json"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

var clientChecks = []check[Store]{
	{"a client comes back as it was stored", clientRoundTrip},
	{"a client is replaced", clientReplace},
	{"an unknown client is not found", clientUnknown},
	{"a deleted client takes its codes and tokens along", clientDelete},
	{"a deleted client takes its intents along", clientDeleteIntents},
	{"a client assertion is valid until it was used", assertionOnce},
	{"a used client assertion is not in the store", assertionHidden},
}

func newClient() *storage.Client {
	return &storage.Client{
		ID:            "buyer",
		RedirectURIs:  []string{"https://buyer.example/cb"},
		GrantTypes:    []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code id_token"},
		Scope:         "openid quote",
		Audience:      []string{"https://api.example"},
		ClientMetadata: storage.ClientMetadata{
			ClientName:      "Buyer & Sons",
			JWKS:            json.RawMessage(`{"keys":[]}`),
			LegalEntityName: "Buyer Ltd",
			TrustDomain:     "domain",
			ActsFor:         "did:web:delegator.example",
		},
	}
}

func clientRoundTrip(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	got, err := s.GetClient(t.Context(), "buyer")
	must(t, err)
	wantJSON(t, "client", got, newClient())
}

func clientReplace(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	must(t, s.CreateAccessTokenSession(t.Context(), "access-1", newRequest()))
	client := newClient()
	client.ClientName = "renamed"
	must(t, s.PutClient(t.Context(), client))
	client.ClientName = "changed after it was stored"
	r, err := s.GetAccessTokenSession(t.Context(), "access-1", nil)
	must(t, err)
	wantEqual(t, "name", r.GetClient().(*storage.Client).ClientName, "renamed")
}

func clientUnknown(t *testing.T, s Store) {
	_, err := s.GetClient(t.Context(), "unknown")
	wantError(t, err, fosite.ErrNotFound)
	if err := s.CreateAccessTokenSession(t.Context(), "access-1", newRequest()); err == nil {
		t.Fatal("a token of an unknown client was stored")
	}
	must(t, s.DeleteClient(t.Context(), "unknown"))
}

func clientDelete(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	must(t, s.CreateAuthorizeCodeSession(t.Context(), "code-1", newRequest()))
	must(t, s.CreateAccessTokenSession(t.Context(), "access-1", newRequest()))
	must(t, s.DeleteClient(t.Context(), "buyer"))
	_, err := s.GetClient(t.Context(), "buyer")
	wantError(t, err, fosite.ErrNotFound)
	must(t, s.PutClient(t.Context(), newClient()))
	_, err = s.GetAuthorizeCodeSession(t.Context(), "code-1", nil)
	wantError(t, err, fosite.ErrNotFound)
	_, err = s.GetAccessTokenSession(t.Context(), "access-1", nil)
	wantError(t, err, fosite.ErrNotFound)
}

func clientDeleteIntents(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	foreign := newIntent()
	foreign.ID, foreign.ClientID = "intent-2", "other"
	must(t, s.CreateIntent(t.Context(), newIntent()))
	must(t, s.CreateIntent(t.Context(), foreign))
	must(t, s.DeleteClient(t.Context(), "buyer"))
	must(t, s.PutClient(t.Context(), newClient()))
	_, err := s.GetIntent(t.Context(), "intent-1")
	wantError(t, err, storage.ErrNotFound)
	_, err = s.GetIntent(t.Context(), "intent-2")
	must(t, err)
}

func assertionOnce(t *testing.T, s Store) {
	must(t, s.ClientAssertionJWTValid(t.Context(), "jti-1"))
	must(t, s.SetClientAssertionJWT(t.Context(), "jti-1", soon()))
	wantError(t, s.ClientAssertionJWTValid(t.Context(), "jti-1"), fosite.ErrJTIKnown)
	wantError(t, s.SetClientAssertionJWT(t.Context(), "jti-1", soon()), fosite.ErrJTIKnown)
	must(t, s.ClientAssertionJWTValid(t.Context(), "jti-2"))
}

func assertionHidden(t *testing.T, s Store) {
	must(t, s.SetClientAssertionJWT(t.Context(), "raw-jti-value", soon()))
	wantHidden(t, s, "raw-jti-value")
}
