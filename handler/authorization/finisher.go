package authorization

import (
	"context"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Finisher is the last Fosite handler of the authorization endpoint.
type Finisher struct{ *Endpoint }

var _ fosite.AuthorizeEndpointHandler = (*Finisher)(nil)

// HandleAuthorizeEndpointRequest drops the empty state that Fosite adds where
// none was sent, and makes the answer one that the client can check: by JARM
// where that was asked for, here because the signature may still fail; else by
// iss (RFC 9207).
func (f *Finisher) HandleAuthorizeEndpointRequest(ctx context.Context, ar fosite.AuthorizeRequester, response fosite.AuthorizeResponder) error {
	params := response.GetParameters()
	if ar.GetState() == "" {
		params.Del("state")
	}
	if !profile.IsJWTMode(string(ar.GetResponseMode())) {
		params.Set("iss", f.Issuer)
		return nil
	}
	encoded, err := f.encode(ctx, ar, params)
	if err != nil {
		return err
	}
	clear(params)
	params.Set("response", encoded)
	return nil
}
