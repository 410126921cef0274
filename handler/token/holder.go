package token

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Active is what an active access token says, whoever looked at it.
type Active struct {
	ClientID, Subject string
	Scopes            []string
	// IntentID and RequestID are empty for a client's own token, and RequestID
	// where the token was introspected over the network.
	IntentID, RequestID string
	// Confirmation is the thumbprint of the certificate that the token is
	// bound to; empty for one that is bound to none.
	Confirmation string
	// Client is the host's own value; nil where the token was introspected
	// over the network.
	Client fosite.Client
}

// OwnBehalf reports whether the client got the token for itself, and not from
// a user's authorization.
func (a *Active) OwnBehalf() bool {
	return a.IntentID == "" && (a.Subject == "" || a.Subject == a.ClientID)
}

func activeOf(request fosite.AccessRequester) (*Active, error) {
	session, err := storage.SessionOf(request.GetSession())
	if err != nil {
		return nil, profile.ServerError("The session cannot be used.", err)
	}
	binding := session.LSOBinding()
	active := &Active{
		ClientID: request.GetClient().GetID(), Client: request.GetClient(), Subject: session.IDTokenClaims().Subject,
		Scopes: slices.Clone(request.GetGrantedScopes()), Confirmation: binding.Confirmation,
	}
	if binding.IntentID != "" {
		active.IntentID, active.RequestID = binding.IntentID, request.GetID()
	}
	return active, nil
}

// InProcess introspects without a network. It is safe for concurrent use.
type InProcess struct {
	*Introspection
	NewSession func() storage.Session
}

// Introspect returns what the token says, at the cost of one read of the token
// with its client. The error is a *profile.Violation: invalid_token, or
// temporarily_unavailable when the storage failed.
func (p InProcess) Introspect(ctx context.Context, bearer string) (*Active, error) {
	request, err := p.IntrospectToken(ctx, bearer, p.NewSession())
	if err != nil {
		return nil, err
	}
	return activeOf(request)
}

// Holder checks that whoever sends a token is the one it is bound to (RFC 8705
// §3, FAPI 1.0 Advanced §6.2.1-2). It is safe for concurrent use.
type Holder struct {
	Profile *profile.Profile
	// Certificates finds the certificate of a request; nil means FromTLS.
	Certificates mtls.Source
	// Certificate and Metadata tell which certificates are registered for a
	// client, for SenderConstraint mtls-client; without them that is the one
	// that the token is bound to alone.
	Certificate *clientauth.Certificate
	Metadata    storage.MetadataFunc
}

const (
	ruleHolder  profile.Rule = "FAPI-6.2.1-2"
	ruleUnbound profile.Rule = "FAPI-8.2"
)

// Check returns nil if the request may use the token, else a
// *profile.Violation with invalid_token. It verifies no signature unless the
// certificate is another than the one in the token, and SenderConstraint is
// mtls-client.
func (h *Holder) Check(r *http.Request, t *Active) error {
	if t.Confirmation == "" {
		if h.Profile.BindsAll() {
			return refuseToken(ruleUnbound, "The token is not bound to a certificate.", nil)
		}
		return nil
	}
	chain, err := chainOf(h.Certificates, r)
	if err != nil || len(chain) == 0 {
		return refuseToken(ruleHolder, "The token is bound to a certificate, which the request does not have.", err)
	}
	if mtls.Confirms(chain[0], t.Confirmation) {
		return nil
	}
	err = errNotRegistered
	if h.Profile.SenderConstraint == profile.ConstrainToClient {
		err = h.registered(r.Context(), t, chain)
	}
	if err != nil {
		return refuseToken(ruleHolder, "The token is bound to another certificate.", err)
	}
	return nil
}

var errNotRegistered = errors.New("token: the certificate is not registered for the token's client")

// registered: a certificate that was renewed keeps its tokens (NZ Banking
// §6.2.1-2).
func (h *Holder) registered(ctx context.Context, t *Active, chain []*x509.Certificate) error {
	if h.Certificate == nil || h.Metadata == nil || t.Client == nil {
		return errNotRegistered
	}
	m, err := h.Metadata(ctx, t.Client)
	if err != nil {
		return err
	}
	if !clientauth.Identified(m) {
		return errNotRegistered
	}
	return h.Certificate.Registered(ctx, t.ClientID, m, chain)
}

func refuseToken(rule profile.Rule, text string, cause error) error {
	v := rule.Refuse("invalid_token", text)
	v.OAuth.CodeField = http.StatusUnauthorized
	return v.Because(cause)
}
