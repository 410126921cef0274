package storage_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// RFC 7591 §2: what a client that registered nothing has.
func TestClientDefaults(t *testing.T) {
	c := &storage.Client{ID: "buyer"}
	if !c.GetGrantTypes().ExactOne("authorization_code") || !c.GetResponseTypes().ExactOne("code") {
		t.Errorf("got %v, %v", c.GetGrantTypes(), c.GetResponseTypes())
	}
	if c.GetID() != "buyer" || c.GetHashedSecret() != nil || c.IsPublic() || len(c.GetScopes()) > 0 || len(c.GetRedirectURIs()) > 0 || len(c.GetAudience()) > 0 {
		t.Errorf("got %+v", c)
	}
	if got := c.LSOMetadata().Domain(c.ID); got != "client_id=buyer" {
		t.Errorf("stands alone as %q", got)
	}
	if m := c.LSOMetadata(); m.Suspended || m.IntrospectTrustDomain || m.JWKS != nil {
		t.Errorf("got %+v", m)
	}
}

func TestClient(t *testing.T) {
	const document = `{"client_id":"buyer","redirect_uris":["https://buyer.example/cb"],"grant_types":["authorization_code","refresh_token"],
		"response_types":["code id_token"],"scope":"openid  quote","audience":["https://seller.example"],"client_name":"Buyer",
		"jwks_uri":"https://buyer.example/jwks","token_endpoint_auth_signing_alg":"PS256","request_object_signing_alg":"ES256",
		"id_token_signed_response_alg":"EdDSA","legal_entity_name":"Buyer Ltd","trust_domain":"td","acts_for":"did:web:a.example","introspect_trust_domain":true,"suspended":true}`
	c := &storage.Client{}
	if err := json.Unmarshal([]byte(document), c); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.GetScopes(), fosite.Arguments{"openid", "quote"}) || !c.GetResponseTypes().Has("code id_token") ||
		!c.GetGrantTypes().Has("refresh_token") || len(c.GetRedirectURIs()) != 1 || len(c.GetAudience()) != 1 {
		t.Errorf("got %+v", c)
	}
	want := storage.ClientMetadata{
		ClientName: "Buyer", JWKSURI: "https://buyer.example/jwks", TokenEndpointAuthSigningAlg: "PS256", RequestObjectSigningAlg: "ES256",
		IDTokenSignedResponseAlg: "EdDSA", LegalEntityName: "Buyer Ltd", TrustDomain: "td", ActsFor: "did:web:a.example", IntrospectTrustDomain: true, Suspended: true,
	}
	if got := c.LSOMetadata(); !reflect.DeepEqual(*got, want) || got.Domain("buyer") != "td" {
		t.Errorf("got %+v", got)
	}
	written, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again := &storage.Client{}
	if err := json.Unmarshal(written, again); err != nil || !reflect.DeepEqual(c, again) {
		t.Errorf("got %s, %v", written, err)
	}
}
