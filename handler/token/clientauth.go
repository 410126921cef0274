package token

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// ClientAuth authenticates the client of a request at the token,
// introspection or revocation endpoint. Its Authenticate is a
// fosite.ClientAuthenticationStrategy.
type ClientAuth struct {
	Clients   fosite.ClientManager
	Metadata  storage.MetadataFunc
	Profile   *profile.Profile
	Assertion *clientauth.Assertion
	Audit     audit.Sink
	Clock     func() time.Time
}

const (
	ruleMethod   profile.Rule = "FAPI-5.2.2-14"
	rulePublic   profile.Rule = "FAPI-5.2.2-16"
	ruleMismatch profile.Rule = "BASE-5.2.2-19"
	ruleUnknown  profile.Rule = "MEF-R16"
)

var errUnknown = ruleUnknown.InvalidClient("The client is not registered or not allowed here.")

// Authenticate returns the client that the form's credentials prove. Every
// error is a *profile.Violation; all that concern the client are invalid_client.
func (a *ClientAuth) Authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	client, err := a.authenticate(ctx, r, form)
	event := audit.Event{Time: a.Clock(), Action: audit.ClientAuthentication, Detail: string(profile.PrivateKeyJWT)}
	if client != nil {
		event.Client = client.GetID()
		note(ctx, client)
	}
	audit.Judge(ctx, a.Audit, event, err)
	if err != nil {
		return nil, err
	}
	return client, nil
}

// note tells the endpoint's own event which client it was.
func note(ctx context.Context, client fosite.Client) {
	if f, ok := ctx.Value(foundKey{}).(*found); ok {
		f.client = client
	}
}

func (a *ClientAuth) authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	if err := oneMethod(r, form); err != nil {
		return nil, err
	}
	presented, err := clientauth.Present(form.Get("client_assertion"))
	if err != nil {
		return nil, err
	}
	if outer := form.Get("client_id"); outer != "" && outer != presented.ClientID {
		return nil, ruleMismatch.InvalidClient("The client_id is not the one in the client assertion.")
	}
	client, metadata, err := a.find(ctx, presented.ClientID)
	if err != nil {
		return nil, err
	}
	method := profile.AuthMethod(metadata.TokenEndpointAuthMethod)
	if method != "" && method != profile.PrivateKeyJWT || !a.Profile.AuthMethods(profile.PrivateKeyJWT) {
		return client, ruleMethod.InvalidClient("The client is registered for another authentication method.")
	}
	if err := a.Assertion.Authenticate(ctx, presented, metadata); err != nil {
		return client, err
	}
	audit.Weak(ctx, a.Audit, a.Clock(), presented.Alg(), client.GetID(), "client assertion")
	return client, nil
}

// oneMethod: the form has a client assertion and no other credential is there
// (RFC 6749 §2.3).
func oneMethod(r *http.Request, form url.Values) error {
	other := form.Has("client_secret") || r.Header.Get("Authorization") != ""
	if form.Has("client_assertion") && other {
		return ruleMethod.InvalidRequest("The request uses more than one way of client authentication.")
	}
	if other || form.Get("client_assertion") == "" {
		return ruleMethod.InvalidClient("The request has no client assertion.")
	}
	if form.Get("client_assertion_type") != clientauth.AssertionType {
		return ruleMethod.InvalidClient("The client_assertion_type is not the one of a JWT.")
	}
	return nil
}

func (a *ClientAuth) find(ctx context.Context, id string) (fosite.Client, *storage.ClientMetadata, error) {
	client, err := a.Clients.GetClient(ctx, id)
	if errors.Is(err, fosite.ErrNotFound) {
		return nil, nil, errUnknown.Because(err)
	}
	if err != nil {
		return nil, nil, profile.Unavailable(err)
	}
	metadata, err := a.Metadata(ctx, client)
	if err != nil {
		return nil, nil, profile.Unavailable(err)
	}
	if metadata.Suspended {
		return nil, nil, errUnknown
	}
	if client.IsPublic() {
		return nil, nil, rulePublic.InvalidClient("The client is not registered or not allowed here.")
	}
	return client, metadata, nil
}
