package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v3"
)

// RegistrationConfig names those by whose word the server lets clients register
// themselves. The engine speaks for them, so they are of the test environment.
type RegistrationConfig struct {
	// Directory signs software statements under its issuer.
	Directory PartyConfig `json:"directory"`
	// Registry signs credentials of legal entities under its DID; without it,
	// nobody presents one.
	Registry *PartyConfig `json:"registry"`
	// Scope is what clients ask for when they register; empty is that of the
	// configured clients.
	Scope string `json:"scope"`
	// Web is where the engine publishes documents that the server fetches;
	// without it, the server is told to fetch only what it must not.
	Web *WebConfig `json:"web"`
}

// PartyConfig is somebody who signs, with private keys; the first one signs.
// Under a DID, each kid is a DID URL of it.
type PartyConfig struct {
	Issuer string             `json:"issuer"`
	JWKS   jose.JSONWebKeySet `json:"jwks"`
}

// WebConfig is a web server of the engine's own. A did:web of its host, and a
// directory's jwks_uri at /directory/jwks, are published there.
type WebConfig struct {
	Listen      string `json:"listen"`
	URL         string `json:"url"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// directory is a RegistrationConfig that is ready.
type directory struct {
	issuer, registry *Client // registry is nil where there is none
	web              *web    // nil where there is none
}

func (p *PartyConfig) party() (*Client, error) {
	if p.Issuer == "" || len(p.JWKS.Keys) == 0 {
		return nil, fmt.Errorf("the party %q has no name or no key", p.Issuer)
	}
	return &Client{ClientConfig: ClientConfig{ID: p.Issuer}, keys: p.JWKS.Keys}, nil
}

// open makes the parties, and publishes what the server must know of them.
func (c *RegistrationConfig) open() (d *directory, err error) {
	d = &directory{}
	if d.issuer, err = c.Directory.party(); err != nil {
		return nil, err
	}
	if c.Registry != nil {
		if d.registry, err = c.Registry.party(); err != nil {
			return nil, err
		}
	}
	if c.Web == nil {
		return d, nil
	}
	if d.web, err = newWeb(c.Web); err != nil {
		return nil, err
	}
	d.web.put("/directory/jwks", "application/jwk-set+json", encode(publicKeys(d.issuer)))
	if d.registry != nil {
		d.web.publish(d.registry.ID, documentOf(d.registry))
	}
	return d, nil
}

func publicKeys(c *Client) jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for i := range c.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: c.keys[i].Public().Key, KeyID: c.keys[i].KeyID, Use: "sig"})
	}
	return set
}

// documentOf is the DID document of a party, with its keys for both ways of
// signing and the URIs as a service.
func documentOf(c *Client, uris ...string) *members {
	var methods []map[string]any
	var kids []string
	for i := range c.keys {
		kids = append(kids, c.keys[i].KeyID)
		methods = append(methods, map[string]any{
			"id": c.keys[i].KeyID, "type": "JsonWebKey2020", "controller": c.ID, "publicKeyJwk": jose.JSONWebKey{Key: c.keys[i].Public().Key},
		})
	}
	d := object(
		"@context", []string{"https://www.w3.org/ns/did/v1"}, "id", c.ID,
		"verificationMethod", methods, "authentication", kids, "assertionMethod", kids,
	)
	if len(uris) > 0 {
		d.set("service", encode([]map[string]any{{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": uris}}))
	}
	return d
}

// didOf is the did:web whose document is below the URL, under the name.
func didOf(base, name string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	return "did:web:" + strings.Replace(u.Host, ":", "%3A", 1) + ":" + name, nil
}

// didJWK is the DID that a public key is by itself (did:jwk).
func didJWK(key *jose.JSONWebKey) (string, error) {
	data, err := jose.JSONWebKey{Key: key.Public().Key}.MarshalJSON()
	return "did:jwk:" + b64.EncodeToString(data), err
}
