package compose

import (
	"context"
	"net/http"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/par"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// Provider is a fosite.OAuth2Provider that enforces the profile. It is safe
// for concurrent use.
type Provider struct {
	fosite.OAuth2Provider
	// Intents is the register of intents, for the Seller's API.
	Intents *intent.Register
	// Keys is the server's signing keys; Keys.Reload rotates them.
	Keys *key.Ring

	config        *Config
	holder        *token.Holder
	authorize     *authorization.Endpoint
	pushed        *par.Endpoint
	tokens        *token.Endpoint
	introspection *token.Introspection
	revocation    *token.Revocation
	registered    *registrations // nil where clients do not register themselves
	encrypter     *key.Encrypter
	atomic        atomic.Run
	endpoints     http.Handler
}

var _ fosite.OAuth2Provider = (*Provider)(nil)

// NewAuthorizeRequest judges an authorization request, or brings the one back
// that the query parameter pending names. authorization.Of tells the pages what
// they show of it.
func (p *Provider) NewAuthorizeRequest(ctx context.Context, r *http.Request) (fosite.AuthorizeRequester, error) {
	return p.authorize.NewAuthorizeRequest(ctx, r)
}

// NewAuthorizeResponse answers with a code and an ID Token after the host
// granted the scopes on the request. The session is the host's, with its
// subject, auth_time and acr; the profile fixes the rest in it. An error is
// for WriteAuthorizeError, and then nothing was used up or stored; see
// atomic.New for stores without a common transaction.
func (p *Provider) NewAuthorizeResponse(ctx context.Context, ar fosite.AuthorizeRequester, session fosite.Session) (response fosite.AuthorizeResponder, err error) {
	ctx, s := span.Start(ctx, "compose.Provider.NewAuthorizeResponse")
	defer span.End(s, &err)
	ctx, err = p.authorize.Ready(ctx, ar)
	if err == nil {
		err = p.atomic(ctx, func(ctx context.Context) (err error) {
			response, err = p.OAuth2Provider.NewAuthorizeResponse(ctx, ar, session)
			return err
		})
	}
	event := audit.Event{Time: p.config.Clock(), Action: audit.AuthorizationResponse}
	if pending := authorization.Of(ar); pending != nil {
		event.Client = ar.GetClient().GetID()
		if pending.Intent != nil {
			event.Intent = pending.Intent.ID
		}
	}
	if err == nil {
		event.TokenHash = audit.Hash(response.GetCode())
	}
	audit.Judge(ctx, p.config.Audit, event, err)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// WriteAuthorizeResponse sends the browser back to the client.
func (p *Provider) WriteAuthorizeResponse(ctx context.Context, rw http.ResponseWriter, ar fosite.AuthorizeRequester, response fosite.AuthorizeResponder) {
	p.authorize.WriteAuthorizeResponse(ctx, rw, ar, response)
}

// WriteAuthorizeError sends the browser back to the client with an error, or
// shows a page if nothing proves that the client sent the request. With
// fosite.ErrAccessDenied it is the user's no: the intent is Rejected.
func (p *Provider) WriteAuthorizeError(ctx context.Context, rw http.ResponseWriter, ar fosite.AuthorizeRequester, err error) {
	p.authorize.WriteAuthorizeError(ctx, rw, ar, err)
}

// NewAccessRequest judges a token request. The session is an empty one of the
// host's.
func (p *Provider) NewAccessRequest(ctx context.Context, r *http.Request, session fosite.Session) (fosite.AccessRequester, error) {
	return p.tokens.NewAccessRequest(ctx, r, session)
}

// NewAccessResponse redeems the grant and issues the tokens.
func (p *Provider) NewAccessResponse(ctx context.Context, request fosite.AccessRequester) (fosite.AccessResponder, error) {
	return p.tokens.NewAccessResponse(ctx, request)
}

// WriteAccessError writes an error of the token endpoint (RFC 6749 §5.2).
func (p *Provider) WriteAccessError(_ context.Context, rw http.ResponseWriter, _ fosite.AccessRequester, err error) {
	token.WriteError(rw, err)
}

// IntrospectToken looks at an access token of this provider.
func (p *Provider) IntrospectToken(ctx context.Context, bearer string, _ fosite.TokenUse, session fosite.Session, scopes ...string) (fosite.TokenUse, fosite.AccessRequester, error) {
	request, err := p.introspection.IntrospectToken(ctx, bearer, session, scopes...)
	if err != nil {
		return "", nil, err
	}
	return fosite.AccessToken, request, nil
}

// NewIntrospectionRequest answers a request to the introspection endpoint; the
// caller authenticates as at the token endpoint.
func (p *Provider) NewIntrospectionRequest(ctx context.Context, r *http.Request, session fosite.Session) (fosite.IntrospectionResponder, error) {
	return p.introspection.NewIntrospectionRequest(ctx, r, session)
}

// WriteIntrospectionError writes an error of the introspection request.
func (p *Provider) WriteIntrospectionError(ctx context.Context, rw http.ResponseWriter, err error) {
	p.introspection.WriteIntrospectionError(ctx, rw, err)
}

// WriteIntrospectionResponse writes what introspection found.
func (p *Provider) WriteIntrospectionResponse(ctx context.Context, rw http.ResponseWriter, response fosite.IntrospectionResponder) {
	p.introspection.WriteIntrospectionResponse(ctx, rw, response)
}

// NewRevocationRequest revokes a token of the client that authenticates.
func (p *Provider) NewRevocationRequest(ctx context.Context, r *http.Request) error {
	return p.revocation.NewRevocationRequest(ctx, r)
}

// WriteRevocationResponse answers a revocation request.
func (p *Provider) WriteRevocationResponse(ctx context.Context, rw http.ResponseWriter, err error) {
	p.revocation.WriteRevocationResponse(ctx, rw, err)
}

// NewPushedAuthorizeRequest authenticates the client and judges the request
// object that it pushes. Endpoints serves the whole of it.
func (p *Provider) NewPushedAuthorizeRequest(ctx context.Context, r *http.Request) (fosite.AuthorizeRequester, error) {
	pushed, err := p.pushed.NewPushedAuthorizeRequest(ctx, r)
	if err != nil {
		return fosite.NewAuthorizeRequest(), err
	}
	return pushed, nil
}

// NewPushedAuthorizeResponse stores a request that NewPushedAuthorizeRequest
// returned. The session is not used: there is no user yet.
func (p *Provider) NewPushedAuthorizeResponse(ctx context.Context, ar fosite.AuthorizeRequester, _ fosite.Session) (fosite.PushedAuthorizeResponder, error) {
	pushed, ok := ar.(*authorization.Pushed)
	if !ok {
		return nil, profile.ServerError("The request did not come through the provider's NewPushedAuthorizeRequest.", nil)
	}
	response, err := p.pushed.NewPushedAuthorizeResponse(ctx, pushed)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// WritePushedAuthorizeError writes an error as JSON (RFC 9126 §2.3).
func (p *Provider) WritePushedAuthorizeError(_ context.Context, rw http.ResponseWriter, _ fosite.AuthorizeRequester, err error) {
	par.WriteError(rw, err)
}

// ResourceGuard returns the guard for a Seller's API in the same process.
func (p *Provider) ResourceGuard() *resource.Guard {
	return &resource.Guard{
		Tokens: token.InProcess{Introspection: p.introspection, NewSession: p.config.NewSession}, Holder: p.holder,
		Intents: p.Intents, Profile: &p.config.Profile,
		Audit: p.config.Audit, Clock: p.config.Clock, Rand: p.config.Rand,
	}
}
