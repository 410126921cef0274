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
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// ClientAuth authenticates the client of a request at an endpoint for clients.
// Its Authenticate is a fosite.ClientAuthenticationStrategy.
type ClientAuth struct {
	Clients   fosite.ClientManager
	Metadata  storage.MetadataFunc
	Profile   *profile.Profile
	Assertion *clientauth.Assertion
	// Certificates finds the certificate of a request; Certificate verifies it.
	Certificates mtls.Source
	Certificate  *clientauth.Certificate
	// Secrets compares a client secret with the client's hash, where the
	// profile has methods with a secret.
	Secrets fosite.Hasher
	// Standing tells whether the client may still act.
	Standing clientauth.Standing
	Audit    audit.Sink
	Clock    func() time.Time
}

const (
	ruleMethod    profile.Rule = "FAPI-5.2.2-14"
	rulePublic    profile.Rule = "FAPI-5.2.2-16"
	ruleMismatch  profile.Rule = "BASE-5.2.2-19"
	ruleUnknown   profile.Rule = "MEF-R16"
	ruleTokenTLS  profile.Rule = "NZ-5.2.2-3"
	ruleTLSClient profile.Rule = "NZ-5.2.2-5c"
)

var errUnknown = ruleUnknown.InvalidClient(clientauth.Refused)

// Authenticate returns the client that the request proves by exactly one
// method, which is the one that the client registered. At the token endpoint
// of a profile with TokenEndpointMTLS, a certificate must be there too. Every
// error wraps a *profile.Violation: invalid_request for two methods at once, and
// where a certificate is missing to bind the tokens to; else invalid_client.
func (a *ClientAuth) Authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	at := &attempt{}
	client, err := a.authenticate(ctx, r, form, at)
	event := audit.Event{Time: a.Clock(), Action: audit.ClientAuthentication, Detail: string(at.method)}
	if client != nil {
		event.Client = client.GetID()
		foundIn(ctx).client = client // for the endpoint's own event
	}
	audit.Judge(ctx, a.Audit, event, err)
	switch {
	case err == nil:
		return client, nil
	case at.way == byBasic:
		return nil, challenged{err}
	}
	return nil, err
}

// challenged is the refusal of a client that used the Authorization header,
// which the answer must name (RFC 6749 §5.2).
type challenged struct{ error }

func (c challenged) Unwrap() error { return c.error }

func (a *ClientAuth) authenticate(ctx context.Context, r *http.Request, form url.Values, at *attempt) (fosite.Client, error) {
	if err := at.read(r, form); err != nil {
		return nil, err
	}
	if err := a.findCertificate(ctx, r, at); err != nil {
		return nil, err
	}
	client, metadata, err := a.find(ctx, at.clientID)
	if err != nil {
		return nil, err
	}
	method := registered(metadata)
	if at.way == byCertificate {
		at.method = method
	}
	if !at.way.is(method) || !a.Profile.AuthMethods(method) {
		return client, ruleMethod.InvalidClient(clientauth.Refused).Because(errAnotherMethod)
	}
	if err := a.verify(ctx, client, metadata, at); err != nil {
		return client, err
	}
	// Only the client itself learns how it stands.
	if err := a.Standing.Check(ctx, client); err != nil {
		return client, err
	}
	foundIn(ctx).metadata = metadata
	return client, nil
}

// errAnotherMethod is for operators: a client that asks learns nothing of the
// registration.
var errAnotherMethod = errors.New("token: the client is registered for another authentication method")

// registered: private_key_jwt is the default.
func registered(m *storage.ClientMetadata) profile.AuthMethod {
	if m.TokenEndpointAuthMethod == "" {
		return profile.PrivateKeyJWT
	}
	return profile.AuthMethod(m.TokenEndpointAuthMethod)
}

// findCertificate refuses a request without a certificate that needs one. The
// answer depends on the request alone, and not on whether there is such a
// client.
func (a *ClientAuth) findCertificate(ctx context.Context, r *http.Request, at *attempt) (err error) {
	f := foundIn(ctx)
	switch {
	case f.issues: // Endpoint has looked already
		at.chain = f.chain
	case at.way == byAssertion:
		return nil
	default:
		if at.chain, err = chainOf(a.Certificates, r); err != nil {
			return err
		}
	}
	switch {
	case len(at.chain) > 0:
		return nil
	case at.way != byAssertion:
		return ruleMethod.InvalidClient("The request has no client authentication.")
	case !a.Profile.TokenEndpointMTLS:
		return nil
	case a.Profile.SenderConstraint == profile.ConstrainToClient:
		return ruleTokenTLS.InvalidClient("The token endpoint needs a client certificate.")
	}
	return ruleBound.InvalidRequest(needsCertificate)
}

// verify checks what the request proves.
func (a *ClientAuth) verify(ctx context.Context, client fosite.Client, m *storage.ClientMetadata, at *attempt) error {
	switch at.way {
	case byCertificate:
		return a.Certificate.Authenticate(ctx, at.method, client.GetID(), m, at.chain)
	case byAssertion:
		return a.verifyAssertion(ctx, client, m, at)
	}
	if err := a.isTLSClient(ctx, client, m, at); err != nil {
		return err
	}
	return a.compareSecret(ctx, client, at.secret)
}

// verifyAssertion looks at the certificate between the signature, so that only
// the client itself makes it verify a chain, and the jti, so that a refused
// assertion was not used up.
func (a *ClientAuth) verifyAssertion(ctx context.Context, client fosite.Client, m *storage.ClientMetadata, at *attempt) error {
	verified, err := a.Assertion.Verify(ctx, at.assertion, m)
	if err != nil {
		return err
	}
	if err := a.isTLSClient(ctx, client, m, at); err != nil {
		return err
	}
	if err := a.Assertion.UseUp(ctx, verified); err != nil {
		return err
	}
	audit.Weak(ctx, a.Audit, a.Clock(), at.assertion.Alg(), client.GetID(), "client assertion")
	return nil
}

// isTLSClient: where the profile binds to the client of the TLS session, that
// client is the authenticated one. A client with a secret must have registered
// its certificate; one with an assertion need not.
func (a *ClientAuth) isTLSClient(ctx context.Context, client fosite.Client, m *storage.ClientMetadata, at *attempt) error {
	if at.way == byAssertion && (a.Profile.SenderConstraint != profile.ConstrainToClient || len(at.chain) == 0 || !clientauth.Identified(m)) {
		return nil
	}
	if err := a.Certificate.Registered(ctx, client.GetID(), m, at.chain); err != nil {
		return ruleTLSClient.InvalidClient(clientauth.Refused).Because(err)
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
		return nil, nil, rulePublic.InvalidClient(clientauth.Refused)
	}
	return client, metadata, nil
}
