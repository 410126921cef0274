package token

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// Introspection is the introspection endpoint's half of the provider
// (RFC 7662). It is safe for concurrent use.
type Introspection struct {
	Profile      *profile.Profile
	Issuer       string
	Inner        fosite.OAuth2Provider
	Authenticate fosite.ClientAuthenticationStrategy
	Metadata     storage.MetadataFunc
	// Standing tells whether the token's client may still act.
	Standing clientauth.Standing
	Audit    audit.Sink
	Clock    func() time.Time
}

const (
	ruleToken    profile.Rule = "RFC6750-3.1"
	ruleRelation profile.Rule = "RFC7662-4"
	maxToken                  = 8 << 10
)

func errInactive(cause error) error {
	v := ruleToken.Refuse("invalid_token", "The token is not active.")
	v.OAuth.CodeField = http.StatusUnauthorized
	return v.Because(cause)
}

// IntrospectToken is Fosite's, for access tokens of this provider whose client
// may still act. It costs one read of the token and one of its client.
func (i *Introspection) IntrospectToken(ctx context.Context, token string, session fosite.Session, scopes ...string) (fosite.AccessRequester, error) {
	request, err := i.find(ctx, token, session, scopes...)
	if err != nil {
		return nil, err
	}
	if err := i.stands(ctx, request.GetClient()); err != nil {
		return nil, err
	}
	return request, nil
}

// find is IntrospectToken without asking how the client stands.
func (i *Introspection) find(ctx context.Context, token string, session fosite.Session, scopes ...string) (_ fosite.AccessRequester, err error) {
	ctx, s := span.Start(ctx, "token.Introspection.IntrospectToken")
	defer span.End(s, &err)
	if _, err := storage.SessionOf(session); err != nil {
		return nil, profile.ServerError("The session cannot be used.", err)
	}
	if len(token) > maxToken {
		return nil, errInactive(nil)
	}
	_, request, err := i.Inner.IntrospectToken(ctx, token, fosite.AccessToken, session, scopes...)
	if err != nil {
		return nil, failed(err)
	}
	bound, err := storage.SessionOf(request.GetSession())
	if err != nil || bound.LSOBinding().Issuer != i.Issuer {
		return nil, errInactive(errors.New("token: made by another provider"))
	}
	metadata, err := i.Metadata(ctx, request.GetClient())
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	if metadata.Suspended {
		return nil, errInactive(errors.New("token: the client is suspended"))
	}
	return request, nil
}

// stands: a token is worth what its client is.
func (i *Introspection) stands(ctx context.Context, client fosite.Client) error {
	err := i.Standing.Check(ctx, client)
	if errors.Is(err, fosite.ErrInvalidClient) {
		return errInactive(err)
	}
	return err
}

// failed tells a token that is not active from a storage that failed: Fosite
// wraps both in one error.
func failed(err error) error {
	var cause error
	if rfc := fosite.ErrorToRFC6749Error(err); errors.Is(rfc, fosite.ErrRequestUnauthorized) {
		cause = rfc.Unwrap()
	}
	if cause == nil || errors.Is(cause, fosite.ErrNotFound) || errors.Is(cause, fosite.ErrInactiveToken) {
		return errInactive(err)
	}
	return profile.Unavailable(cause)
}

// NewIntrospectionRequest authenticates the caller and looks at the token. A
// token that is not the caller's to see is inactive, and no error.
func (i *Introspection) NewIntrospectionRequest(ctx context.Context, r *http.Request, session fosite.Session) (_ fosite.IntrospectionResponder, err error) {
	ctx, s := span.Start(ctx, "token.Introspection.NewIntrospectionRequest")
	defer span.End(s, &err)
	inactive := &fosite.IntrospectionResponse{}
	form, err := ReadForm(r)
	if err != nil {
		audit.Judge(ctx, i.Audit, audit.Event{Time: i.Clock(), Action: audit.Introspection}, err)
		return inactive, err
	}
	caller, err := i.Authenticate(ctx, r, form)
	if err != nil {
		return inactive, err
	}
	token := form.Get("token")
	if token == "" {
		return inactive, ruleForm.InvalidRequest("The parameter token is missing.")
	}
	request, err := i.look(ctx, caller, token, session)
	audit.Judge(ctx, i.Audit, audit.Event{
		Time: i.Clock(), Action: audit.Introspection, Client: caller.GetID(), TokenHash: audit.Hash(token),
	}, err)
	if err != nil {
		return inactive, hideInactive(err)
	}
	return &fosite.IntrospectionResponse{
		Active: true, AccessRequester: request, TokenUse: fosite.AccessToken, AccessTokenType: "Bearer",
	}, nil
}

func (i *Introspection) look(ctx context.Context, caller fosite.Client, token string, session fosite.Session) (fosite.AccessRequester, error) {
	request, err := i.find(ctx, token, session)
	if err != nil {
		return nil, err
	}
	if err := i.mayRead(ctx, caller, request.GetClient()); err != nil {
		return nil, err
	}
	if err := i.stands(ctx, request.GetClient()); err != nil {
		return nil, err
	}
	return request, nil
}

// mayRead: a client reads its own tokens; one whose metadata allows it, those
// of its trust domain.
func (i *Introspection) mayRead(ctx context.Context, caller, owner fosite.Client) error {
	if caller.GetID() == owner.GetID() {
		return nil
	}
	callers, err := i.Metadata(ctx, caller)
	if err != nil {
		return profile.Unavailable(err)
	}
	owners, err := i.Metadata(ctx, owner)
	if err != nil {
		return profile.Unavailable(err)
	}
	if !callers.IntrospectTrustDomain || callers.Domain(caller.GetID()) != owners.Domain(owner.GetID()) {
		return ruleRelation.Refuse("invalid_token", "The token is not the caller's to see.")
	}
	return nil
}

// hideInactive: that a token is unknown, expired or somebody else's is an
// answer, not an error.
func hideInactive(err error) error {
	if profile.Registered(err).ErrorField == "invalid_token" {
		return nil
	}
	return err
}

// WriteIntrospectionError writes an error of the request itself.
func (i *Introspection) WriteIntrospectionError(_ context.Context, rw http.ResponseWriter, err error) {
	WriteError(rw, err)
}

// WriteIntrospectionResponse writes {"active":false}, or the members of
// RFC 7662 §2.2 with the binding's.
func (i *Introspection) WriteIntrospectionResponse(_ context.Context, rw http.ResponseWriter, response fosite.IntrospectionResponder) {
	body := map[string]any{"active": false}
	if response.IsActive() {
		body = i.describe(response.GetAccessRequester())
	}
	writeJSON(rw, http.StatusOK, body)
}

func (i *Introspection) describe(request fosite.AccessRequester) map[string]any {
	body := map[string]any{}
	session, err := storage.SessionOf(request.GetSession())
	if err != nil {
		return map[string]any{"active": false}
	}
	if host, ok := session.(fosite.ExtraClaimsSession); ok { // the host's own, if it has them
		maps.Copy(body, host.GetExtraClaims())
	}
	// What a token is bound to is the library's word alone.
	for _, name := range []string{"cnf", "iss", "nbf", "exp", i.Profile.IntentClaim} {
		delete(body, name)
	}
	maps.Copy(body, session.LSOBinding().GetExtraClaims())
	claims := session.IDTokenClaims()
	body["active"] = true
	body["client_id"] = request.GetClient().GetID()
	body["sub"] = claims.Subject
	body["scope"] = strings.Join(request.GetGrantedScopes(), " ")
	body["token_type"] = "Bearer"
	body["iat"] = request.GetRequestedAt().Unix()
	if exp := session.GetExpiresAt(fosite.AccessToken); !exp.IsZero() {
		body["exp"] = exp.Unix()
	}
	if aud := request.GetGrantedAudience(); len(aud) > 0 {
		body["aud"] = aud
	}
	if claims.AuthenticationContextClassReference != "" {
		body["acr"] = claims.AuthenticationContextClassReference
	}
	return body
}

// WriteError writes an OAuth error as JSON (RFC 6749 §5.2). It has a
// WWW-Authenticate header only where a client used the Authorization header.
func WriteError(rw http.ResponseWriter, err error) {
	shown := profile.Registered(err)
	var basic challenged
	if shown.CodeField == http.StatusUnauthorized && errors.As(err, &basic) {
		rw.Header().Set("WWW-Authenticate", "Basic")
	}
	if shown.CodeField == http.StatusMethodNotAllowed {
		rw.Header().Set("Allow", http.MethodPost)
	}
	writeJSON(rw, shown.CodeField, map[string]any{"error": shown.ErrorField, "error_description": shown.DescriptionField})
}

func writeJSON(rw http.ResponseWriter, status int, body map[string]any) {
	rw.Header().Set("Content-Type", "application/json;charset=UTF-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Pragma", "no-cache")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body) // the connection is gone if this fails
}
