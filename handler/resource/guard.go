// Package resource is the resource server's half: it stands before a Seller's
// API and lets through what a token of this provider allows (FAPI 1.0 Baseline
// §6.2.1, RFC 6750, MEF W128 §7.3).
//
//	guard := provider.ResourceGuard()
//	mux.Handle("POST /quote", guard.Protect(resource.Operation{Scope: "POST:/quote", OwnBehalf: true}, createQuote))
//	mux.Handle("POST /quote-submissions", guard.Protect(resource.Operation{Scope: "POST:/quote-submissions"}, submitQuote))
//
// Inside, Of(ctx) tells who acts for what. A token that is bound to an intent
// reads as long as it lives; it changes something only while its intent is
// Authorized.
package resource

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Introspector looks at an access token; the provider's is in process.
type Introspector interface {
	IntrospectToken(ctx context.Context, token string, session fosite.Session, scopes ...string) (fosite.AccessRequester, error)
}

// Guard protects operations. It is safe for concurrent use.
type Guard struct {
	Tokens     Introspector
	NewSession func() storage.Session
	Intents    *intent.Register
	Profile    *profile.Profile
	Audit      audit.Sink
	Clock      func() time.Time
	Rand       io.Reader
}

// Operation is what a route does.
type Operation struct {
	// Scope must be in the token, or under an umbrella that is.
	Scope string
	// OwnBehalf also lets through a token that the client got for itself.
	// Without it, only one that a user's authorization of an intent gave will
	// do.
	OwnBehalf bool
}

// Grant is what the token allows.
type Grant struct {
	Client  fosite.Client
	Subject string
	Scopes  []string
	// IntentID and RequestID are empty for a client's own token.
	IntentID, RequestID string
}

type grantKey struct{}

// Of returns the grant of the request that Protect let through.
func Of(ctx context.Context) *Grant {
	grant, _ := ctx.Value(grantKey{}).(*Grant)
	return grant
}

// InteractionID is the header that ties a request to its answer.
const InteractionID = "x-fapi-interaction-id"

const (
	ruleToken  profile.Rule = "BASE-6.2.1-2"
	ruleQuery  profile.Rule = "BASE-6.2.1-3"
	ruleScope  profile.Rule = "BASE-6.2.1-5"
	ruleIntent profile.Rule = "MEF-7.3-5"
)

// Protect lets a request through to next if its token allows the operation,
// and answers with the MEF error body otherwise. Every answer has an
// interaction id: the caller's, if it is a UUID, else a fresh one.
func (g *Guard) Protect(op Operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set(InteractionID, g.interaction(r))
		rw.Header().Set("Cache-Control", "no-store")
		grant, err := g.check(r, op)
		event := audit.Event{Time: g.Clock(), Action: audit.ResourceAccess, Detail: op.Scope, TokenHash: audit.Hash(token.BearerToken(r))}
		if grant != nil {
			event.Client, event.Intent = grant.Client.GetID(), grant.IntentID
		}
		audit.Judge(r.Context(), g.Audit, event, err)
		if err != nil {
			refuse(rw, op, err)
			return
		}
		next.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), grantKey{}, grant)))
	})
}

// interaction never reflects what is not a UUID (FAPI 1.0 Baseline §6.2.1-11).
func (g *Guard) interaction(r *http.Request) string {
	sent := r.Header.Get(InteractionID)
	if _, err := uuid.Parse(sent); err == nil && len(sent) == 36 {
		return sent
	}
	id, err := uuid.NewRandomFromReader(g.Rand)
	if err != nil {
		return uuid.Nil.String()
	}
	return id.String()
}

func (g *Guard) check(r *http.Request, op Operation) (*Grant, error) {
	bearer := token.BearerToken(r)
	if r.URL.Query().Has("access_token") && bearer != "" {
		return nil, ruleQuery.InvalidRequest("The token was sent in two ways.")
	}
	if bearer == "" {
		return nil, ruleToken.Refuse(missing, "The Authorization header has no bearer token.")
	}
	request, err := g.Tokens.IntrospectToken(r.Context(), bearer, g.NewSession())
	if err != nil {
		return nil, err
	}
	session, err := storage.SessionOf(request.GetSession())
	if err != nil {
		return nil, profile.ServerError("The session cannot be used.", err)
	}
	grant := &Grant{Client: request.GetClient(), Subject: session.IDTokenClaims().Subject, Scopes: slices.Clone(request.GetGrantedScopes())}
	if binding := session.LSOBinding(); binding.IntentID != "" {
		grant.IntentID, grant.RequestID = binding.IntentID, request.GetID()
	}
	return grant, g.allows(r, op, grant)
}

func (g *Guard) allows(r *http.Request, op Operation, grant *Grant) error {
	if !g.Profile.Covers(grant.Scopes, op.Scope) {
		return ruleScope.Refuse("insufficient_scope", "The token's scope does not cover the operation.")
	}
	if grant.IntentID == "" {
		if !op.OwnBehalf && g.Profile.RequireIntent {
			return ruleIntent.AccessDenied("The token was not issued by a user's authorization of an intent.")
		}
		return nil
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	_, err := g.Intents.Usable(r.Context(), grant.IntentID, grant.RequestID)
	return err
}

// missing stands for a request without a token; RFC 6750 §3.1 gives it no code.
const missing = "missing_credentials"

// refuse writes the error with the header of RFC 6750 §3.
func refuse(rw http.ResponseWriter, op Operation, err error) {
	var violation *profile.Violation
	code := ""
	if errors.As(err, &violation) {
		code = violation.OAuth.ErrorField
	}
	switch code {
	case missing:
		rw.Header().Set("WWW-Authenticate", "Bearer")
		WriteError(rw, http.StatusUnauthorized, "missingCredentials", violation.OAuth.DescriptionField)
	case "invalid_token":
		rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		WriteError(rw, http.StatusUnauthorized, "invalidCredentials", violation.OAuth.DescriptionField)
	case "insufficient_scope":
		rw.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+op.Scope+`"`)
		WriteError(rw, http.StatusForbidden, "accessDenied", violation.OAuth.DescriptionField)
	case "invalid_request":
		rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_request"`)
		WriteError(rw, http.StatusBadRequest, "invalidQuery", violation.OAuth.DescriptionField)
	case "access_denied":
		WriteError(rw, http.StatusForbidden, "accessDenied", violation.OAuth.DescriptionField)
	default:
		shown := profile.Registered(err)
		WriteError(rw, shown.CodeField, "internalError", shown.DescriptionField)
	}
}
