// Package didweb writes the documents of the DID method web.
package didweb

import (
	"crypto"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/did"
)

var errBase = errors.New("didweb: want an https URL of a host alone, without trailing slash")

// Of returns the DID of the host at an https URL; a port is a part of it
// (did:web Method, Method-specific identifier).
func Of(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || base != "https://"+u.Host {
		return "", errBase
	}
	id, err := did.Parse("did:web:" + strings.Replace(u.Host, ":", "%3A", 1))
	return id.String(), err
}

// Document is a DID document (DID Core §4).
type Document struct {
	ID   string
	Keys []Key
	// RedirectURIs are the endpoints of a service OAuth2RedirectURI (MEF W128
	// R19); without any there is no service.
	RedirectURIs []string
}

// Key is a key with its id, a DID URL, and what it is for.
type Key struct {
	ID     string
	Public crypto.PublicKey
	For    []did.Relationship
}

// Handler answers with the document. The error is one of a key that has no
// form as a JWK.
func (d Document) Handler() (http.Handler, error) {
	body, err := json.MarshalIndent(d.members(), "", "  ")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/did+json")
		rw.Header().Set("Cache-Control", "max-age=300")
		_, _ = rw.Write(body) // the connection is gone if this fails
	}), nil
}

func (d Document) members() map[string]any {
	m := map[string]any{
		"@context": []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"}, "id": d.ID,
	}
	var methods []map[string]any
	for _, key := range d.Keys {
		methods = append(methods, map[string]any{
			"id": key.ID, "type": "JsonWebKey2020", "controller": d.ID, "publicKeyJwk": jose.JSONWebKey{Key: key.Public, Use: "sig"},
		})
		for _, relationship := range key.For {
			ids, _ := m[string(relationship)].([]string)
			m[string(relationship)] = append(ids, key.ID)
		}
	}
	m["verificationMethod"] = methods
	if len(d.RedirectURIs) > 0 {
		m["service"] = []map[string]any{{"id": d.ID + "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": d.RedirectURIs}}
	}
	return m
}
