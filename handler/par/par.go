// Package par is the pushed authorization request endpoint (RFC 9126; FAPI 1.0
// Advanced §5.2.2-11): a client posts its signed request object and sends the
// browser with the reference that it gets back. compose.New puts it together,
// and Provider.Endpoints serves it:
//
//	mux.Handle("/oauth2/par", provider.Endpoints())
//
// Fosite's own is not used: it stores the client's credentials with the
// request, forgets the request at the first look, and takes an expired one.
package par

import (
	"context"
	"net/http"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Endpoint is the pushed authorization request endpoint. It is safe for
// concurrent use.
type Endpoint struct {
	Authenticate fosite.ClientAuthenticationStrategy
	Requests     *authorization.Endpoint
}

// NewPushedAuthorizeRequest authenticates the client and judges its request
// object. It changes nothing but the client assertion, which is used up. Every
// error is a *profile.Violation.
func (e *Endpoint) NewPushedAuthorizeRequest(ctx context.Context, r *http.Request) (*authorization.Pushed, error) {
	form, err := token.ReadForm(r)
	if err != nil {
		audit.Judge(ctx, e.Requests.Audit, audit.Event{Time: e.Requests.Clock(), Action: audit.PushedRequest}, err)
		return nil, err
	}
	client, err := e.Authenticate(ctx, r, form)
	if err != nil {
		return nil, err
	}
	return e.Requests.Push(ctx, client, form)
}

// NewPushedAuthorizeResponse stores the request and uses its object up.
func (e *Endpoint) NewPushedAuthorizeResponse(ctx context.Context, pushed *authorization.Pushed) (*fosite.PushedAuthorizeResponse, error) {
	requestURI, lifetime, err := e.Requests.StorePushed(ctx, pushed)
	if err != nil {
		return nil, err
	}
	response := &fosite.PushedAuthorizeResponse{Header: http.Header{}, Extra: map[string]any{}}
	response.SetRequestURI(requestURI)
	response.SetExpiresIn(int(lifetime.Seconds()))
	return response, nil
}

// WriteError writes an error as JSON. What the authorization endpoint would
// redirect with another meaning is status 400 here (RFC 9126 §2.3).
func WriteError(rw http.ResponseWriter, err error) {
	if shown := profile.Registered(err); shown.CodeField == http.StatusForbidden {
		shown.CodeField = http.StatusBadRequest
		err = shown
	}
	token.WriteError(rw, err)
}
