package compose

import (
	"net/http"
	"net/url"

	"github.com/meflso/fosite-meflso/handler/metadata"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/key"
)

// Endpoints serves what needs no page of the host's: discovery, JWK Set,
// introspection, revocation and UserInfo, below the issuer's path. Authorize
// and token stay routes of the host.
func (p *Provider) Endpoints() http.Handler { return p.endpoints }

func (p *Provider) serve(doc metadata.Document, ring *key.Ring) error {
	c := p.config
	doc.Issuer, doc.Scopes = c.Issuer, append(doc.Scopes, c.Scopes...)
	doc.Authorization, doc.Token = c.Issuer+c.Paths.Authorize, c.Issuer+c.Paths.Token
	doc.Introspection, doc.Revocation = c.Issuer+c.Paths.Introspect, c.Issuer+c.Paths.Revoke
	doc.UserInfo, doc.JWKS = c.Issuer+c.Paths.UserInfo, c.Issuer+c.Paths.JWKS
	discovery, err := metadata.Discovery(doc)
	if err != nil {
		return err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(issuer.Path+"/.well-known/openid-configuration", discovery)
	mux.Handle(issuer.Path+c.Paths.JWKS, metadata.JWKS(ring))
	mux.HandleFunc(issuer.Path+c.Paths.Introspect, p.introspect)
	mux.HandleFunc(issuer.Path+c.Paths.Revoke, p.revoke)
	mux.Handle(issuer.Path+c.Paths.UserInfo, &token.UserInfo{Introspection: p.introspection, NewSession: c.NewSession, Claims: c.UserInfo})
	p.endpoints = mux
	return nil
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
