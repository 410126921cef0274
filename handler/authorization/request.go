package authorization

import (
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// Request is an authorization request that passed every rule of the intake.
// Its type is the mark: the guard refuses any other requester.
type Request struct {
	*fosite.AuthorizeRequest
	pending Pending
	record  record
	claims  requestobject.Claims
}

// Pending is what the host's login and consent need to know of a request.
type Pending struct {
	// Handle brings the request back: send the browser to the authorize
	// endpoint with the query pending=Handle.
	Handle string
	// Client is the client's metadata: its name and legal entity.
	Client *storage.ClientMetadata
	// Intent is what the user is asked to authorize; nil where the profile
	// has no intents: a template asks {{with .Intent}} first. Its ClientID is
	// another's where the client acts for that (Client.ActsFor).
	Intent *storage.Intent
	// Scopes are the scopes that the client asks for.
	Scopes []string
	// ACR are the authentication context classes that the client wants, in
	// its order; EssentialACR tells that none but these will do.
	ACR          []string
	EssentialACR bool
	// MaxAge is how long ago the user may have logged in; nil if it does not
	// matter.
	MaxAge *time.Duration
	// Prompt is none, login, consent or select_account, any of them or empty.
	Prompt []string
	// RequestedAt is when the request came first, in whole seconds.
	RequestedAt time.Time
	// Expires is when the user's time for login and consent is over.
	Expires time.Time
}

// Of returns the pending authorization behind a requester that the provider's
// NewAuthorizeRequest returned, or nil for any other.
func Of(requester fosite.AuthorizeRequester) *Pending {
	if request, ok := requester.(*Request); ok {
		return &request.pending
	}
	return nil
}

// NeedsLogin reports whether a user who logged in at this time must do so
// again before this request can be answered.
func (p *Pending) NeedsLogin(authTime time.Time) bool {
	return !p.freshLogin(authTime) && (p.wantsLogin() || p.tooOld(authTime))
}

// freshLogin: the login happened for this request; auth_time has whole
// seconds, so does RequestedAt.
func (p *Pending) freshLogin(authTime time.Time) bool {
	return !authTime.Truncate(time.Second).Before(p.RequestedAt)
}

func (p *Pending) wantsLogin() bool { return slices.Contains(p.Prompt, "login") }

func (p *Pending) tooOld(authTime time.Time) bool {
	return p.MaxAge != nil && authTime.Truncate(time.Second).Add(*p.MaxAge).Before(p.RequestedAt)
}
