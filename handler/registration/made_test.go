package registration_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var generated = map[string]crypto.Signer{}

// party has one key under each name. Of a DID, the name is a fragment.
func party(id, name string) *credential.Issuer {
	kid := name
	if strings.HasPrefix(id, "did:") {
		kid = id + "#" + name
	}
	if generated[id+" "+name] == nil {
		generated[id+" "+name] = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	return &credential.Issuer{ID: id, Kid: kid, Alg: "ES256", Key: generated[id+" "+name]}
}

// jwk is the public half of the key.
func jwk(k crypto.Signer, kid string) object {
	return jsonOf(string(must(json.Marshal(gojose.JSONWebKey{Key: k.Public(), KeyID: kid}))))
}

func jwks(keys ...object) string { return string(must(json.Marshal(object{"keys": keys}))) }

func jsonOf(text string) object {
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	return o
}

// documentOf has the key sig-1 for authentication and k1 for assertions.
func documentOf(id string, endpoints ...string) string {
	method := func(name string) object {
		return object{"id": id + "#" + name, "type": "JsonWebKey2020", "controller": id, "publicKeyJwk": jwk(party(id, name).Key, name)}
	}
	return string(must(json.Marshal(object{
		"id": id, "verificationMethod": []object{method("sig-1"), method("k1")},
		"authentication": []string{"#sig-1"}, "assertionMethod": []string{"#k1"},
		"service": []object{{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": endpoints}},
	})))
}

// edit changes a copy of the object; nil takes a member away.
func edit(o object, change object) object {
	o = maps.Clone(o)
	for name, value := range change {
		if o[name] = value; value == nil {
			delete(o, name)
		}
	}
	return o
}

const allScopes = "openid quote POST:/quote GET:/quote POST:/quote-submissions GET:/quote-submissions"

// statement is the directory's, changed.
func statement(change object) string {
	return must(party(directory, "dir-1").Statement(edit(object{
		"iat": now.Unix() - 60, "exp": now.Unix() + 86400, "jti": "ssa-91c2", "software_id": software, "software_version": "1.4.0",
		"client_name": "Buyer TPP", "redirect_uris": []string{callback}, "jwks_uri": jwksURI, "scope": allScopes,
		"org_id": "mef/2021/011", "trust_domain": "buyer.example",
	}, change)))
}

// metadata is a registration with a statement, changed.
func metadata(change object) object {
	return edit(object{
		"software_statement": statement(nil), "redirect_uris": []string{callback}, "response_types": []string{"code id_token"},
		"grant_types": []string{"authorization_code", "client_credentials", "refresh_token"}, "application_type": "web",
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"request_object_signing_alg": "ES256", "id_token_signed_response_alg": "ES256",
		"tls_client_certificate_bound_access_tokens": true, "jwks_uri": jwksURI, "scope": allScopes,
	}, change)
}

// plain is a registration of a client that no directory knows, changed.
func plain(change object) object {
	return edit(metadata(object{"software_statement": nil, "client_name": "Buyer TPP"}), change)
}

// ofDID is a registration of the buyer's DID, with a presentation, changed.
func ofDID(change object) object {
	return edit(plain(object{"client_id": buyer, "jwks_uri": nil, "lso_entity_presentation": present(nil)}), change)
}

// entity is the buyer's credential by the registry.
func entity(change func(*credential.Credential)) string {
	c := credential.Credential{
		ID: "https://registry.example/credentials/4711", Subject: buyer, From: now.Add(-time.Hour), Until: now.Add(24 * time.Hour),
		Claims: object{"legalName": "Buyer Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "buyer.example", "mefId": "mef/2021/011"},
		Status: []credential.StatusEntry{{Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: listURL, Index: 94567}},
	}
	if change != nil {
		change(&c)
	}
	return must(party(registry, "k1").Credential(c))
}

// presentationOf is one with a credential of somebody else's.
func presentationOf(subject string) credential.Presentation {
	return credential.Presentation{
		Audience: issuer, ID: "urn:uuid:" + rand.Text(), Issued: now, Expires: now.Add(5 * time.Minute),
		Credentials: []string{entity(func(c *credential.Credential) { c.Subject = subject })},
	}
}

// present is a presentation of the buyer's, changed.
func present(change func(*credential.Presentation)) string {
	p := credential.Presentation{
		Audience: issuer, ID: "urn:uuid:" + rand.Text(), Issued: now, Expires: now.Add(5 * time.Minute), Credentials: []string{entity(nil)},
	}
	if change != nil {
		change(&p)
	}
	return must(party(buyer, "sig-1").Present(p))
}
