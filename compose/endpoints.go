package compose

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/meflso/fosite-meflso/handler/metadata"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Endpoints serves what needs no page of the host's: discovery, JWK Set, pushed
// requests, registration, introspection, revocation and UserInfo, below the issuer's path and
// that of MTLSBase. Authorize and token stay routes of the host.
func (p *Provider) Endpoints() http.Handler { return p.endpoints }

func (p *Provider) serve(doc metadata.Document, ring *key.Ring) error {
	c := p.config
	doc.Issuer = c.Issuer
	for _, scope := range c.Scopes {
		if !slices.Contains(doc.Scopes, scope) {
			doc.Scopes = append(doc.Scopes, scope)
		}
	}
	doc.Authorization, doc.JWKS = c.Issuer+c.Paths.Authorize, c.Issuer+c.Paths.JWKS
	doc.EndpointSet = c.endpoints(c.Issuer)
	if c.MTLSBase != "" {
		aliases := c.endpoints(c.MTLSBase)
		doc.MTLSAliases = &aliases
	}
	discovery, err := metadata.Discovery(doc)
	if err != nil {
		return err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return err
	}
	aliases, err := url.Parse(c.MTLSBase)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(issuer.Path+"/.well-known/openid-configuration", discovery)
	mux.Handle(issuer.Path+c.Paths.JWKS, metadata.JWKS(ring))
	p.serveClients(mux, issuer.Path)
	if c.MTLSBase != "" && aliases.Path != issuer.Path {
		p.serveClients(mux, aliases.Path)
	}
	p.endpoints = mux
	return nil
}

// serveClients hangs in what clients call themselves.
func (p *Provider) serveClients(mux *http.ServeMux, base string) {
	c := p.config
	if c.Profile.Delivers(profile.DeliverByPAR) {
		mux.HandleFunc(base+c.Paths.PAR, p.push)
	}
	if p.registered != nil {
		p.registered.endpoint.Routes(mux, base+c.Paths.Register)
	}
	mux.HandleFunc(base+c.Paths.Introspect, p.introspect)
	mux.HandleFunc(base+c.Paths.Revoke, p.revoke)
	mux.Handle(base+c.Paths.UserInfo, &token.UserInfo{
		Introspection: p.introspection, NewSession: c.NewSession, Holder: p.holder, Claims: c.UserInfo, Keys: p.Keys, Encrypter: p.encrypter,
	})
}

// endpoints are those that clients call themselves, below one of their two
// bases.
func (c *Config) endpoints(base string) metadata.EndpointSet {
	set := metadata.EndpointSet{
		Token: base + c.Paths.Token, Introspection: base + c.Paths.Introspect,
		Revocation: base + c.Paths.Revoke, UserInfo: base + c.Paths.UserInfo,
	}
	if c.Profile.Delivers(profile.DeliverByPAR) {
		set.PushedRequest = base + c.Paths.PAR
	}
	if c.Registration != nil {
		set.Registration = base + c.Paths.Register
	}
	return set
}

func (p *Provider) push(rw http.ResponseWriter, r *http.Request) {
	pushed, err := p.NewPushedAuthorizeRequest(r.Context(), r)
	if err != nil {
		p.WritePushedAuthorizeError(r.Context(), rw, pushed, err)
		return
	}
	response, err := p.NewPushedAuthorizeResponse(r.Context(), pushed, nil)
	if err != nil {
		p.WritePushedAuthorizeError(r.Context(), rw, pushed, err)
		return
	}
	p.WritePushedAuthorizeResponse(r.Context(), rw, pushed, response)
}

func (p *Provider) introspect(rw http.ResponseWriter, r *http.Request) {
	response, err := p.NewIntrospectionRequest(r.Context(), r, p.config.NewSession())
	if err != nil {
		p.WriteIntrospectionError(r.Context(), rw, err)
		return
	}
	p.WriteIntrospectionResponse(r.Context(), rw, response)
}

func (p *Provider) revoke(rw http.ResponseWriter, r *http.Request) {
	p.WriteRevocationResponse(r.Context(), rw, p.NewRevocationRequest(r.Context(), r))
}
