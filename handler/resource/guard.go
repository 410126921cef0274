// Package resource is the resource server's half: it stands before a Seller's
// API and lets through what a token of this provider allows (FAPI 1.0 Baseline
// §6.2.1, RFC 6750, MEF W128 §7.3).
//
//	guard := provider.ResourceGuard()
//	mux.Handle("POST /quote", guard.Protect(resource.Operation{Scope: "POST:/quote", OwnBehalf: true}, createQuote))
//	mux.Handle("POST /quote-submissions", guard.Protect(resource.Operation{Scope: "POST:/quote-submissions"}, submitQuote))
//
// An API in a process of its own introspects over the network, see [Remote].
//
// Inside, Of(ctx) tells who acts for what. A token that is bound to an intent
// reads as long as it lives; it changes something only while its intent is
// Authorized.
package resource

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Introspector looks at an access token; token.InProcess and Remote are two.
// It must be safe for concurrent use.
type Introspector interface {
	// Introspect returns what an active token says. The error is a
	// *profile.Violation: invalid_token for one that is not active, or
	// temporarily_unavailable where that cannot be known.
	Introspect(ctx context.Context, bearer string) (*token.Active, error)
}

// Intents tells whether an intent may be acted on; the provider's register is
// one.
type Intents interface {
	// Usable returns the intent that a token of this client and authorization
	// may act on; the client is nil where the token was introspected over the
	// network. The error is a *profile.Violation with access_denied if there is
	// none.
	Usable(ctx context.Context, client fosite.Client, intentID, requestID string) (*storage.Intent, error)
}

// UncheckedIntents lets every token of an intent act on it as long as it is
// active. It is for an API that keeps its intents itself and looks at their
// state in its own handlers.
var UncheckedIntents Intents = unchecked{}

type unchecked struct{}

func (unchecked) Usable(_ context.Context, _ fosite.Client, intentID, requestID string) (*storage.Intent, error) {
	return &storage.Intent{ID: intentID, RequestID: requestID}, nil
}

// Guard protects operations. It is safe for concurrent use.
type Guard struct {
	Tokens Introspector
	// Holder checks the certificate that a token is bound to.
	Holder *token.Holder
	// Intents is needed where tokens are bound to intents: with nil, nothing
	// but reading is allowed to them.
	Intents Intents
	Profile *profile.Profile
	Audit   audit.Sink
	Clock   func() time.Time
	Rand    io.Reader
}

// Operation is what a route does.
type Operation struct {
	// Scope must be in the token, or under an umbrella that is.
	Scope string
	// OwnBehalf also lets through a token that the client got for itself.
	// Without it, only one that a user's authorization gave will do: of an
	// intent, where the profile wants intents.
	OwnBehalf bool
}

// Grant is what the token allows, and what the client says of its user.
type Grant struct {
	*token.Active
	Customer Customer
	// InteractionID is the one in the answer.
	InteractionID string
}

type grantKey struct{}

// Of returns the grant of the request that Protect let through.
func Of(ctx context.Context) *Grant {
	grant, _ := ctx.Value(grantKey{}).(*Grant)
	return grant
}

const (
	ruleToken  profile.Rule = "BASE-6.2.1-2"
	ruleQuery  profile.Rule = "BASE-6.2.1-3"
	ruleScope  profile.Rule = "BASE-6.2.1-5"
	ruleIntent profile.Rule = "MEF-7.3-5"
)

// Protect lets a request through to next if its token allows the operation and
// comes from its holder, and answers with the MEF error body otherwise. Every
// answer has an interaction id: the caller's, if it is a UUID, else a fresh
// one.
func (g *Guard) Protect(op Operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		interaction := g.interaction(r)
		rw.Header().Set(g.Profile.Headers.InteractionID, interaction)
		rw.Header().Set("Cache-Control", "no-store")
		active, err := g.check(r, op)
		event := audit.Event{
			Time: g.Clock(), Action: audit.ResourceAccess, Detail: op.Scope, Interaction: interaction,
			TokenHash: audit.Hash(token.BearerToken(r)),
		}
		if active != nil {
			event.Client, event.Intent = active.ClientID, active.IntentID
		}
		audit.Judge(r.Context(), g.Audit, event, err)
		if err != nil {
			refuse(rw, op, err)
			return
		}
		grant := &Grant{Active: active, Customer: g.customer(r, event), InteractionID: interaction}
		next.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), grantKey{}, grant)))
	})
}

func (g *Guard) check(r *http.Request, op Operation) (*token.Active, error) {
	bearer := token.BearerToken(r)
	if r.URL.Query().Has("access_token") && bearer != "" {
		return nil, ruleQuery.InvalidRequest("The token was sent in two ways.")
	}
	if bearer == "" {
		return nil, ruleToken.Refuse(missing, "The Authorization header has no bearer token.")
	}
	active, err := g.Tokens.Introspect(r.Context(), bearer)
	if err != nil {
		return nil, err
	}
	if err := g.Holder.Check(r, active); err != nil {
		return active, err
	}
	return active, g.allows(r, op, active)
}

func (g *Guard) allows(r *http.Request, op Operation, active *token.Active) error {
	if !g.Profile.Covers(active.Scopes, op.Scope) {
		return ruleScope.Refuse("insufficient_scope", "The token's scope does not cover the operation.")
	}
	if active.IntentID == "" {
		if !op.OwnBehalf && (g.Profile.RequireIntent || active.OwnBehalf()) {
			return ruleIntent.AccessDenied("The token was not issued by a user's authorization.")
		}
		return nil
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if g.Intents == nil {
		return ruleIntent.AccessDenied("The state of the token's intent is not known here.")
	}
	_, err := g.Intents.Usable(r.Context(), active.Client, active.IntentID, active.RequestID)
	return err
}
