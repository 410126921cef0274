package main

import "github.com/go-jose/go-jose/v3"

// planConfig is the configuration of a plan, in the suite's JSON. It tells the
// suite what it must know of the server, and gives it the private keys of the
// clients whom it plays.
type planConfig struct {
	Alias       string              `json:"alias"`
	Description string              `json:"description"`
	Options     map[string]bool     `json:"options"`
	Server      map[string]string   `json:"server"`
	Client      planClient          `json:"client"`
	Client2     planClient          `json:"client2"`
	MTLS        planTLS             `json:"mtls"`
	MTLS2       planTLS             `json:"mtls2"`
	Resource    map[string]string   `json:"resource"`
	Browser     []visit             `json:"browser"`
	Override    map[string]override `json:"override"`
}

type planClient struct {
	ID    string             `json:"client_id"`
	Scope string             `json:"scope"`
	JWKS  jose.JSONWebKeySet `json:"jwks"` // private
}

type planTLS struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
	CA   string `json:"ca"`
}

// override is what is different for one module.
type override struct {
	Browser []visit `json:"browser"`
}

func (s *session) planConfig() planConfig {
	// UK Open Banking appends the path of its two resources to the base.
	banking := s.mtlsBase + "/open-banking/v3.1/aisp/"
	b := browser{issuer: s.issuer, callback: s.redirects()[0]}
	return planConfig{
		Alias: s.alias, Description: s.String(),
		// The pages need no style sheets to be used.
		Options: map[string]bool{"browsercontrol_css_enable": false},
		Server:  map[string]string{"discoveryUrl": s.issuer + "/.well-known/openid-configuration"},
		Client:  s.planClient(0), Client2: s.planClient(1),
		MTLS: s.planTLS(0), MTLS2: s.planTLS(1),
		Resource: map[string]string{
			"resourceUrl":                s.mtlsBase + "/resource",
			"resourceUrlAccountRequests": banking, "resourceUrlAccountsResource": banking,
		},
		Browser: b.approving(), Override: b.overrides(),
	}
}

func (s *session) planClient(i int) planClient {
	p := s.keys.Clients[i]
	return planClient{ID: p.ID, Scope: s.scope, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.Key}}}
}

func (s *session) planTLS(i int) planTLS {
	p := s.keys.Clients[i]
	return planTLS{Cert: p.Cert, Key: p.CertKey, CA: s.keys.CA}
}
