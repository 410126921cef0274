package authorization

import (
	"context"

	"github.com/ory/fosite"
)

// Finisher is the last Fosite handler of the authorization endpoint.
type Finisher struct{ Issuer string }

var _ fosite.AuthorizeEndpointHandler = (*Finisher)(nil)

// HandleAuthorizeEndpointRequest drops the empty state that Fosite adds where
// none was sent, and adds iss (RFC 9207).
func (f *Finisher) HandleAuthorizeEndpointRequest(_ context.Context, ar fosite.AuthorizeRequester, response fosite.AuthorizeResponder) error {
	if ar.GetState() == "" {
		response.GetParameters().Del("state")
	}
	response.GetParameters().Set("iss", f.Issuer)
	return nil
}
