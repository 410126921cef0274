package registration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"reflect"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

var (
	goodKey       = jwk(party("tpp", "tpp-sig-1").Key, "k1")
	unknownKey    = object{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "k9"}
	encryptionKey = edit(jwk(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), "k2"), object{"use": "enc"})
)

// What is accepted, and in which form it is registered.
var registeredAs = map[string]struct {
	change, want object
	server       func(*world)
}{
	"MEF-R13 defaults": {object{"response_types": nil, "grant_types": nil, "scope": nil, "token_endpoint_auth_method": nil},
		object{"response_types": []any{"code"}, "grant_types": []any{"authorization_code"}, "scope": "openid", "token_endpoint_auth_method": "private_key_jwt"}, nil},
	"MEF-R13 the profile's default": {object{"response_types": nil}, object{"response_types": []any{"code id_token"}}, func(w *world) { w.profile.ResponseTypes = []string{"code id_token"} }},
	"RFC7591-2.1 client_credentials alone": {object{"grant_types": []string{"client_credentials"}, "response_types": nil, "redirect_uris": nil},
		object{"grant_types": []any{"client_credentials"}, "response_types": nil, "redirect_uris": nil}, nil},
	"RFC7591-2.1 implicit of the hybrid flow": {object{"grant_types": []string{"authorization_code", "implicit"}}, object{"grant_types": []any{"authorization_code"}}, nil},
	"RFC7591-2.1 a grant of the server's":     {object{"grant_types": []string{"urn:openid:params:grant-type:ciba", "refresh_token"}, "response_types": nil}, object{"response_types": nil}, func(w *world) { w.endpoint.GrantTypes = []string{"urn:openid:params:grant-type:ciba"} }},
	"RFC8705-2.1.2 tls_client_auth":           {object{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=tpp,O=Buyer"}, object{"tls_client_auth_subject_dn": "CN=tpp,O=Buyer"}, authorities},
	"RFC8705-2.2 self_signed_tls_client_auth": {object{"token_endpoint_auth_method": "self_signed_tls_client_auth"}, object{}, nil},
	"RFC8705-3.4 bound where all are":         {object{"tls_client_certificate_bound_access_tokens": false}, object{"tls_client_certificate_bound_access_tokens": true}, func(w *world) { w.profile.SenderConstraint = profile.ConstrainAlways }},
	"RFC7591-2 MEF's spelling of scopes":      {object{"scope": "openid,POST /quote,GET /quote/{id}"}, object{"scope": "openid POST:/quote GET:/quote"}, nil},
	"RFC7591-2 a scope of the server's":       {object{"scope": "openid POST:/hub"}, object{"scope": "openid POST:/hub"}, nil},
	"FAPI-8.9-0 jwks by value":                {byValue(goodKey, unknownKey), object{"jwks_uri": nil}, nil},
	"FAPI-8.6 Ed25519 is EdDSA":               {object{"request_object_signing_alg": "Ed25519", "id_token_signed_response_alg": "Ed25519"}, object{"id_token_signed_response_alg": "Ed25519"}, func(w *world) { w.endpoint.SigningAlgs = func() []string { return []string{"EdDSA"} } }},
	"FAPI-8.6 RS256 where it is on":           {object{"request_object_signing_alg": "RS256"}, object{"request_object_signing_alg": "RS256"}, func(w *world) { w.profile.AllowRS256 = true }},
	"FAPI-8.6.1 encrypted answers":            {edit(byValue(goodKey, encryptionKey), object{"id_token_encrypted_response_alg": "ECDH-ES", "request_object_encryption_alg": "RSA-OAEP-256"}), object{"id_token_encrypted_response_alg": "ECDH-ES"}, nil},
	"RFC7591-2 unknown members":               {object{"logo_uri": "x", "SCOPE": "payments", "application_type": 7}, object{"scope": allScopes, "logo_uri": nil}, nil},
}

func TestRegisteredAs(t *testing.T) {
	for name, c := range registeredAs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open)
			if c.server != nil {
				c.server(w)
			}
			a := w.registered(t, plain(c.change))
			for member, want := range c.want {
				if !reflect.DeepEqual(a.body[member], want) {
					t.Errorf("%s is %v, want %v", member, a.body[member], want)
				}
			}
		})
	}
}
