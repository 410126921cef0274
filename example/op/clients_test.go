package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

func TestClientRules(t *testing.T) {
	b, methods := newBuyer(t, "buyer-a"), []profile.AuthMethod{profile.PrivateKeyJWT, profile.TLSClientAuth}
	with := func(name string, value any) object {
		m := b.metadata()
		if m[name] = value; value == nil {
			delete(m, name)
		}
		return m
	}
	both := with("jwks_uri", "https://buyer.example/jwks")
	byReference := with("jwks", nil)
	byReference["jwks_uri"] = "https://buyer.example/jwks"
	plain := with("jwks", nil)
	plain["jwks_uri"] = "http://buyer.example/jwks"
	for _, test := range []struct {
		clients []object
		want    string // in the error; empty: accepted
	}{
		{[]object{b.metadata()}, ""},
		{[]object{byReference}, ""},
		{[]object{with("redirect_uris", []string{"https://127.0.0.1:8443/cb", "https://localhost/cb"})}, ""},
		{[]object{with("token_endpoint_auth_method", nil)}, ""},
		{[]object{with("client_id", nil)}, "client_id"},
		{[]object{with("client_id", "a\u00e4")}, "ASCII"},
		{[]object{b.metadata(), b.metadata()}, "twice"},
		{[]object{with("jwks", nil)}, "neither"},
		{[]object{both}, "both"},
		{[]object{plain}, "jwks_uri"},
		{[]object{with("jwks", b.jwks(true))}, "private"},
		{[]object{with("jwks", object{"keys": []object{{"kty": "oct", "k": "c2VjcmV0"}}})}, "private"},
		{[]object{with("jwks", object{"keys": []object{}})}, "no JWK Set"},
		{[]object{with("redirect_uris", []string{"http://localhost/cb"})}, "redirect_uri"},
		{[]object{with("redirect_uris", []string{"https://a.example/cb#x"})}, "redirect_uri"},
		{[]object{with("redirect_uris", []string{"buyer:/cb"})}, "redirect_uri"},
		{[]object{with("token_endpoint_auth_method", "client_secret_basic")}, "none of"},
		{[]object{with("token_endpoint_auth_method", "none")}, "none of"},
		{[]object{with("token_endpoint_auth_method", "self_signed_tls_client_auth")}, "none of"},
		{[]object{with("token_endpoint_auth_method", "tls_client_auth")}, "subject"},
		{[]object{with("tls_client_auth_subject_dn", "x")}, "subject"},
		{[]object{with("tls_client_auth_subject_dn", "CN=x")}, ""},
		{[]object{with("tls_client_auth_san_ip", "x")}, "subject"},
	} {
		data, err := json.Marshal(test.clients)
		must(t, err)
		_, err = parseClients(data, methods)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("want %q, got %v", test.want, err)
		}
	}
	if got := (&options{profile: profile.NZBanking()}).authMethods(); !slices.Equal(got, []profile.AuthMethod{profile.PrivateKeyJWT}) {
		t.Errorf("without -client-ca: %v", got)
	}
	for _, text := range []string{`{}`, `[null]`, `x`, ``} {
		if _, err := parseClients([]byte(text), methods); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
