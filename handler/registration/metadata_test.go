package registration_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// byURI is a registration of a client with this redirect URI.
func byURI(uri string) object { return object{"redirect_uris": []string{uri}} }

func TestRedirectURIRefused(t *testing.T) {
	for _, c := range []refusal{
		{"MEF-R18 none", object{"redirect_uris": nil}, "MEF-R18", codeRedirect, nil},
		{"MEF-R18 empty list", object{"redirect_uris": []string{}}, "MEF-R18", codeRedirect, nil},
		{"MEF-R18 twice", object{"redirect_uris": []string{callback, callback}}, "MEF-R18", codeRedirect, nil},
		{"MEF-R18 fragment", byURI(callback + "#x"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 empty fragment", byURI(callback + "#"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 wildcard host", byURI("https://*.buyer.example/cb"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 wildcard path", byURI(callback + "/*"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 user", byURI("https://tpp.buyer.example@evil.example/cb"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 backslash", byURI(`https://tpp.buyer.example/\evil.example`), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 space", byURI("https://tpp.buyer.example/c b"), "MEF-R18", codeRedirect, nil},
		{"MEF-R18 too long", byURI(callback + strings.Repeat("x", 2048)), "MEF-R18", codeRedirect, nil},
		{"BASE-5.2.2-20 http", byURI("http://tpp.buyer.example/cb"), "BASE-5.2.2-20", codeRedirect, nil},
		{"BASE-5.2.2-20 no host", byURI("https:///cb"), "BASE-5.2.2-20", codeRedirect, nil},
		{"BASE-5.2.2-20 relative", byURI("/cb"), "BASE-5.2.2-20", codeRedirect, nil},
		{"BASE-5.2.2-20 DID URL", byURI(buyer + "#oauth"), "BASE-5.2.2-20", codeRedirect, nil},
		{"BASE-7.5-1 private-use scheme", byURI("com.buyer.app:/cb"), "BASE-5.2.2-20", codeRedirect, nil},
		{"BASE-7.5-2 localhost", byURI("https://localhost/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 name below localhost", byURI("https://app.LocalHost.:8443/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 127.0.0.1", byURI("https://127.0.0.1:8080/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 127.1", byURI("https://127.1/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 ::1", byURI("https://[::1]/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 mapped", byURI("https://[::ffff:127.0.0.1]/cb"), "BASE-7.5-2", codeRedirect, nil},
		{"BASE-7.5-2 any", byURI("https://0.0.0.0/cb"), "BASE-7.5-2", codeRedirect, nil},
	} {
		c.run(t, plain)
	}
}

func method(name string) object {
	return object{"token_endpoint_auth_method": name}
}

var metadataRefused = []refusal{
	{"RFC7591-3.1 wrong type", object{"redirect_uris": callback}, "RFC7591-3.1", codeMetadata, nil},
	{"RFC7591-3.1 number", object{"client_name": 5}, "RFC7591-3.1", codeMetadata, nil},
	{"RFC7591-2.1 password", object{"grant_types": []string{"authorization_code", "password"}}, "RFC7591-2.1", codeMetadata, nil},
	{"MEF-R58 token exchange", object{"grant_types": []string{"urn:ietf:params:oauth:grant-type:token-exchange"}}, "RFC7591-2.1", codeMetadata, nil},
	{"RFC7591-2.1 implicit alone", object{"grant_types": []string{"implicit"}}, "RFC7591-2.1", codeMetadata, nil},
	{"RFC7591-2.1 a grant twice", object{"grant_types": []string{"authorization_code", "authorization_code"}}, "RFC7591-2.1", codeMetadata, nil},
	{"RFC7591-2.1 refresh of nothing", object{"grant_types": []string{"client_credentials", "refresh_token"}}, "RFC7591-2.1", codeMetadata, nil},
	{"RFC7591-2.1 refresh where there is none", nil, "RFC7591-2.1", codeMetadata, func(w *world) { w.profile.RefreshTokens = false }},
	{"RFC7591-2.1 response type without its grant", object{"grant_types": []string{"client_credentials"}}, "RFC7591-2.1", codeMetadata, nil},
	{"MEF-R13 token", object{"response_types": []string{"code id_token token"}}, "MEF-R13", codeMetadata, nil},
	{"MEF-R13 twice", object{"response_types": []string{"code", "code"}}, "MEF-R13", codeMetadata, nil},
	{"MEF-R13 not in the profile", object{"response_types": []string{"code"}}, "MEF-R13", codeMetadata, func(w *world) { w.profile.ResponseTypes = []string{"code id_token"} }},
	{"FAPI-5.2.2-16 none", method("none"), "FAPI-5.2.2-16", codeMetadata, nil},
	{"FAPI-5.2.2-14 client_secret_basic", method("client_secret_basic"), "FAPI-5.2.2-14", codeMetadata, nil},
	{"FAPI-5.2.2-14 client_secret_post", method("client_secret_post"), "FAPI-5.2.2-14", codeMetadata, nil},
	{"FAPI-5.2.2-14 client_secret_jwt", method("client_secret_jwt"), "FAPI-5.2.2-14", codeMetadata, nil},
	{"FAPI-5.2.2-14 unknown", method("attest"), "FAPI-5.2.2-14", codeMetadata, nil},
	{"FAPI-5.2.2-14 secrets of the profile", method("client_secret_basic"), "FAPI-5.2.2-14", codeMetadata, func(w *world) {
		w.profile.ClientAuthMethods = append(w.profile.ClientAuthMethods, profile.ClientSecretBasic)
	}},
	{"RFC8705-2.1 no authorities", method("tls_client_auth"), "RFC8705-2.1", codeMetadata, nil},
	{"RFC8705-2.1.2 no subject", method("tls_client_auth"), "RFC8705-2.1.2", codeMetadata, authorities},
	{"RFC8705-2.1.2 two subjects", object{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=tpp", "tls_client_auth_san_dns": "tpp.buyer.example"}, "RFC8705-2.1.2", codeMetadata, authorities},
	{"RFC8705-2.1.2 unreadable subject", object{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "tpp"}, "RFC8705-2.1.2", codeMetadata, authorities},
	{"FCIBA-3 push", object{"backchannel_token_delivery_mode": "push"}, "FCIBA-3", codeMetadata, nil},
	{"RFC7591-2 name that shows as another", object{"client_name": "Buyer\u202eknaB"}, "RFC7591-2", codeMetadata, nil},
	{"RFC7591-2 unknown scope", object{"scope": "openid payments"}, "RFC7591-2", codeMetadata, nil},
	{"RFC7591-2 long scope", object{"scope": strings.Repeat("quote ", 400)}, "RFC7591-2", codeMetadata, nil},
	{"FAPI-8.6 RS256", object{"request_object_signing_alg": "RS256"}, "FAPI-8.6", codeMetadata, nil},
	{"FAPI-8.6 none", object{"id_token_signed_response_alg": "none"}, "FAPI-8.6", codeMetadata, nil},
	{"FAPI-8.6 HMAC", object{"token_endpoint_auth_signing_alg": "HS256"}, "FAPI-8.6", codeMetadata, nil},
	{"FAPI-8.6 JARM", object{"authorization_signed_response_alg": "RS256"}, "FAPI-8.6", codeMetadata, nil},
	{"FAPI-8.6 no key of the server", object{"userinfo_signed_response_alg": "PS256"}, "FAPI-8.6", codeMetadata, func(w *world) {
		w.endpoint.SigningAlgs = func() []string { return []string{"ES256"} }
	}},
	{"FAPI-8.6.1 RSA1_5", object{"id_token_encrypted_response_alg": "RSA1_5"}, "FAPI-8.6.1", codeMetadata, nil},
	{"FAPI-8.6.1 enc without alg", object{"userinfo_encrypted_response_enc": "A256GCM"}, "FAPI-8.6.1", codeMetadata, nil},
	{"FAPI-8.6.1 request object", object{"request_object_encryption_alg": "dir"}, "FAPI-8.6.1", codeMetadata, nil},
	{"FAPI-8.6.1 enc of the request object", object{"request_object_encryption_enc": "A256GCM"}, "FAPI-8.6.1", codeMetadata, nil},
	{"FAPI-8.6.1 no key for it", object{"id_token_encrypted_response_alg": "RSA-OAEP-256"}, "FAPI-8.6.1", codeMetadata, nil},
	{"FAPI-8.6.1 no encryption", object{"id_token_encrypted_response_alg": "ECDH-ES"}, "FAPI-8.6.1", codeMetadata, func(w *world) { w.profile.AcceptJWE = false }},
}

func TestMetadataRefused(t *testing.T) {
	for _, c := range metadataRefused {
		c.run(t, plain)
	}
}

func authorities(w *world) { w.endpoint.TLSClientAuth = true }

// byValue is a registration with these keys.
func byValue(keys ...object) object {
	return object{"jwks_uri": nil, "jwks": jsonOf(jwks(keys...))}
}

func TestKeysRefused(t *testing.T) {
	good := jwk(party("tpp", "tpp-sig-1").Key, "k1")
	small := edit(jwk(must(rsa.GenerateKey(rand.Reader, 1024)), "k2"), nil)
	for _, c := range []refusal{
		{"MEF-R2 no keys", object{"jwks_uri": nil}, "MEF-R2", codeMetadata, nil},
		{"MEF-R2 both", object{"jwks": jsonOf(jwks(good))}, "MEF-R2", codeMetadata, nil},
		{"MEF-R2 null", object{"jwks_uri": nil, "jwks": any(nil)}, "MEF-R2", codeMetadata, nil},
		{"MEF-R2 empty set", byValue(), "MEF-R2", codeMetadata, nil},
		{"MEF-R2 no set", object{"jwks_uri": nil, "jwks": "x"}, "MEF-R2", codeMetadata, nil},
		{"MEF-R2 no kid", byValue(edit(good, object{"kid": nil})), "MEF-R2", codeMetadata, nil},
		{"MEF-R2 no key that verifies", byValue(edit(good, object{"use": "enc"})), "MEF-R2", codeMetadata, nil},
		{"BASE-5.2.2-6 P-224", byValue(edit(good, object{"crv": "P-224"})), "MEF-R2", codeMetadata, nil},
		{"BASE-5.2.2-6 secp256k1", byValue(edit(good, object{"crv": "secp256k1"})), "MEF-R2", codeMetadata, nil},
		{"BASE-5.2.2-5 RSA 1024", byValue(small), "BASE-5.2.2-5", codeMetadata, nil},
		{"BASE-5.2.2-5 RSA 1024 beside", byValue(good, small), "BASE-5.2.2-5", codeMetadata, nil},
		{"FAPI-8.9-3 one kid twice", byValue(good, good), "FAPI-8.9-3", codeMetadata, nil},
		{"RFC7591-2 private key", byValue(edit(good, object{"d": "AAAA"})), "RFC7591-2", codeMetadata, nil},
		{"RFC7591-2 symmetric key", byValue(good, object{"kty": "oct", "k": "AAAA", "kid": "k3"}), "RFC7591-2", codeMetadata, nil},
		{"FAPI-8.9-1 http", object{"jwks_uri": "http://tpp.buyer.example/jwks"}, "FAPI-8.9-1", codeMetadata, nil},
		{"FAPI-8.9-1 user", object{"jwks_uri": "https://a:b@tpp.buyer.example/jwks"}, "FAPI-8.9-1", codeMetadata, nil},
		{"MEF-R3 unreachable", object{"jwks_uri": "https://tpp.buyer.example/none"}, "MEF-R3", codeMetadata, nil},
		{"MEF-R2 jwks_uri without keys", nil, "MEF-R2", codeMetadata, func(w *world) { w.web[jwksURI] = "<html>" }},
		{"BASE-5.2.2-5 RSA 1024 at the jwks_uri", nil, "BASE-5.2.2-5", codeMetadata, func(w *world) { w.web[jwksURI] = jwks(good, small) }},
		{"MEF-R2 jwks_uri with a private key", nil, "RFC7591-2", codeMetadata, func(w *world) { w.web[jwksURI] = jwks(edit(good, object{"d": "AAAA"})) }},
	} {
		c.run(t, plain)
	}
}
