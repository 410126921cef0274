package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// Endpoint wraps Fosite's token endpoint. It is safe for concurrent use.
type Endpoint struct {
	Profile *profile.Profile
	Inner   fosite.OAuth2Provider
	Intents *intent.Register
	Once    storage.Once
	Tokens  oauth2.CoreStrategy
	// Encrypter encrypts ID Tokens; it is here to find its keys in time.
	Encrypter *key.Encrypter
	Atomic    atomic.Run
	// Certificates finds the certificate that tokens are bound to; nil means
	// FromTLS.
	Certificates mtls.Source
	Audit        audit.Sink
	Clock        func() time.Time
}

// Request is an access request with what Bind found behind it.
type Request struct {
	*fosite.AccessRequest
	*found
}

const (
	ruleGrant   profile.Rule = "RFC6749-5.2"
	ruleUsed    profile.Rule = "BASE-5.2.2-13"
	ruleRefresh profile.Rule = "RFC6749-6"
)

// NewAccessRequest judges a token request. The requester is usable for
// WriteAccessError even with an error. It changes nothing but the client
// assertion, which is used up once the client is authenticated.
func (e *Endpoint) NewAccessRequest(ctx context.Context, r *http.Request, session fosite.Session) (_ fosite.AccessRequester, err error) {
	ctx, s := span.Start(ctx, "token.Endpoint.NewAccessRequest")
	defer span.End(s, &err)
	f := &found{issues: true}
	inner, err := e.newAccessRequest(context.WithValue(ctx, foundKey{}, f), r, session)
	request := &Request{AccessRequest: inner, found: f}
	if err != nil {
		e.audit(ctx, request, err)
	}
	return request, err
}

func (e *Endpoint) newAccessRequest(ctx context.Context, r *http.Request, session fosite.Session) (*fosite.AccessRequest, error) {
	nothing := fosite.NewAccessRequest(nil)
	form, err := ReadForm(r)
	if err != nil {
		return nothing, err
	}
	if _, err := storage.SessionOf(session); err != nil {
		return nothing, profile.ServerError("The session cannot be used.", err)
	}
	if err := complete(form); err != nil {
		return nothing, err
	}
	if foundIn(ctx).chain, err = chainOf(e.Certificates, r); err != nil {
		return nothing, err
	}
	requester, err := e.Inner.NewAccessRequest(ctx, e.rewrite(r, form), session)
	request, ok := requester.(*fosite.AccessRequest)
	if !ok || request == nil { // Fosite: no handler served the grant
		return nothing, ruleGrant.Refuse("unsupported_grant_type", "The grant type is not supported.").Because(err)
	}
	return request, aboutTheGrant(request.GetGrantTypes(), err)
}

// maxList bounds the scope and the audience, in bytes: Fosite compares each
// entry with all before it.
const maxList = 2 << 10

// complete: the grant has what it lives on (RFC 6749 §4.1.3 and §6).
func complete(form url.Values) error {
	if len(form.Get("scope")) > maxList || len(form.Get("audience")) > maxList {
		return ruleForm.InvalidScope("The scope or audience is too long.")
	}
	needs := map[string]string{"authorization_code": "code", "refresh_token": "refresh_token"}
	if name, ok := needs[form.Get("grant_type")]; ok && form.Get(name) == "" {
		return ruleGrant.InvalidRequest("The grant's code or refresh token is missing.")
	}
	return nil
}

// rewrite gives Fosite the form with the scopes in canonical spelling.
func (e *Endpoint) rewrite(r *http.Request, form url.Values) *http.Request {
	if scope := form.Get("scope"); scope != "" {
		form = cloneForm(form)
		form.Set("scope", strings.Join(e.Profile.ParseScope(scope), " "))
	}
	clone := r.WithContext(r.Context()) // a copy with the same headers
	clone.Form, clone.PostForm = form, form
	return clone
}

func cloneForm(form url.Values) url.Values {
	clone := make(url.Values, len(form))
	for name, values := range form {
		clone[name] = values
	}
	return clone
}

// aboutGrant are the errors that Fosite wraps when a code or refresh token is
// not valid.
var aboutGrant = []error{
	fosite.ErrInvalidatedAuthorizeCode, fosite.ErrTokenExpired, fosite.ErrTokenSignatureMismatch,
	fosite.ErrInvalidTokenFormat, fosite.ErrInactiveToken, fosite.ErrNotFound,
}

// aboutTheGrant gives errors about a code or refresh token the code that
// RFC 6749 §5.2 has for them; Fosite calls some of them invalid_request. A
// storage that lost against another transaction says of a refresh token that
// somebody else has used it, and of everything else to try again.
func aboutTheGrant(grants fosite.Arguments, err error) error {
	var violation *profile.Violation
	if err == nil || errors.As(err, &violation) {
		return err
	}
	busy := errors.Is(err, fosite.ErrSerializationFailure)
	if busy && !grants.ExactOne("refresh_token") {
		return profile.Unavailable(err)
	}
	if grants.ExactOne("client_credentials") {
		return named(err)
	}
	invalid := busy || slices.ContainsFunc(aboutGrant, func(about error) bool { return errors.Is(err, about) })
	switch {
	case errors.Is(err, fosite.ErrInvalidatedAuthorizeCode):
		return ruleUsed.InvalidGrant("The code has been used before.").Because(err)
	case invalid:
		return ruleRefresh.InvalidGrant("The code or refresh token is not valid.").Because(err)
	}
	return named(err)
}

// named gives a refusal of Fosite's own the rule that the audit log shows.
func named(err error) error {
	shown := profile.Registered(err)
	refusal := ruleGrant.Refuse(shown.ErrorField, shown.DescriptionField)
	refusal.OAuth.CodeField = shown.CodeField
	return refusal.Because(err)
}

// NewAccessResponse claims what the grant may be used for once and issues the
// tokens, in one transaction where the store allows it.
func (e *Endpoint) NewAccessResponse(ctx context.Context, requester fosite.AccessRequester) (_ fosite.AccessResponder, err error) {
	ctx, s := span.Start(ctx, "token.Endpoint.NewAccessResponse")
	defer span.End(s, &err)
	request, ok := requester.(*Request)
	if !ok {
		return nil, profile.ServerError("The request did not come through the provider's NewAccessRequest.", nil)
	}
	ctx = context.WithValue(ctx, foundKey{}, request.found)
	ctx, err = e.ready(ctx, request)
	if err != nil {
		e.audit(ctx, request, err)
		return nil, err
	}
	var response fosite.AccessResponder
	err = e.Atomic(ctx, func(ctx context.Context) (err error) {
		if err := e.claim(ctx, request); err != nil {
			return err
		}
		response, err = e.Inner.NewAccessResponse(withRefresh(ctx, e.mayRefresh(request)), request)
		return err
	})
	err = aboutTheGrant(request.GetGrantTypes(), err)
	e.audit(ctx, request, err)
	if err != nil {
		return nil, err
	}
	response.SetTokenType("Bearer")
	return response, nil
}

// ready finds the key to which the ID Token will be encrypted, so that nothing
// is fetched while the storage's transaction is open.
func (e *Endpoint) ready(ctx context.Context, request *Request) (context.Context, error) {
	if request.metadata == nil || request.GetGrantTypes().ExactOne("client_credentials") { // no ID Token
		return ctx, nil
	}
	ctx, err := e.Encrypter.Ready(ctx, request.GetClient().GetID(), request.metadata, key.IDToken)
	if err != nil {
		return ctx, profile.ServerError("The ID Token cannot be encrypted to the client.", err)
	}
	return ctx, nil
}

// claim makes sure that a code or refresh token is redeemed once, whatever the
// host's storage does: through its intent, or else through its own mark. A
// token may be spelled in more than one way; its signature is what the storage
// finds it by.
func (e *Endpoint) claim(ctx context.Context, request *Request) error {
	form := request.GetRequestForm()
	switch {
	case request.GetGrantTypes().ExactOne("authorization_code"):
		if request.intent != nil {
			return e.Intents.Exchange(ctx, request.intent)
		}
		return e.once(ctx, "code:", e.Tokens.AuthorizeCodeSignature(ctx, form.Get("code")), e.Profile.TTL.Code+time.Minute)
	case request.GetGrantTypes().ExactOne("refresh_token"):
		if request.intent != nil {
			return e.Intents.Refresh(ctx, request.intent)
		}
		// The host's storage knows a used one; the mark is for those that come
		// at once.
		return e.once(ctx, "refresh:", e.Tokens.RefreshTokenSignature(ctx, form.Get("refresh_token")), time.Minute)
	}
	return nil
}

func (e *Endpoint) once(ctx context.Context, kind, signature string, life time.Duration) error {
	sum := sha256.Sum256([]byte(signature))
	key := kind + base64.RawURLEncoding.EncodeToString(sum[:])
	fresh, err := atomic.UseOnce(ctx, e.Once, key, e.Clock().Add(life))
	switch {
	case err != nil:
		return profile.Unavailable(err)
	case !fresh:
		return ruleUsed.InvalidGrant("The code or refresh token has been used before.")
	}
	return nil
}

func (e *Endpoint) mayRefresh(request *Request) bool {
	return e.Profile.RefreshTokens && (request.intent == nil || request.intent.Kind == storage.IntentRepeated)
}

func (e *Endpoint) audit(ctx context.Context, request *Request, err error) {
	event := audit.Event{Time: e.Clock(), Action: audit.TokenIssue, Detail: grantOf(request)}
	if request.client != nil {
		event.Client = request.client.GetID()
	}
	if request.intent != nil {
		event.Intent = request.intent.ID
	}
	event.TokenHash = audit.Hash(request.GetRequestForm().Get("code"))
	audit.Judge(ctx, e.Audit, event, err)
}

// grantOf names the grant if it is a known one: the event is safe to log.
func grantOf(request *Request) string {
	for _, grant := range []string{"authorization_code", "client_credentials", "refresh_token"} {
		if request.GetGrantTypes().ExactOne(grant) {
			return grant
		}
	}
	return ""
}

type refreshKey struct{}

func withRefresh(ctx context.Context, may bool) context.Context {
	return context.WithValue(ctx, refreshKey{}, may)
}

// RefreshScopes is Fosite's RefreshTokenScopes for this request: none needed,
// or one that nobody can have where no refresh token may be issued.
func RefreshScopes(ctx context.Context) []string {
	if may, decided := ctx.Value(refreshKey{}).(bool); decided && !may {
		return []string{"\x00"}
	}
	return []string{}
}
