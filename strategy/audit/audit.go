// Package audit carries what a security team wants to know: every decision,
// granted or refused, as a typed [Event] with the rule behind it and without
// any secret.
//
//	cfg.Audit = audit.Slog(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
//
// A team with its own pipeline implements the one method of [Sink].
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Outcome is how a decision went.
type Outcome string

// The outcomes. Failed is a fault of the server, not of the request.
const (
	Granted Outcome = "granted"
	Refused Outcome = "refused"
	Failed  Outcome = "failed"
)

// Action is what was decided on.
type Action string

// The actions.
const (
	AuthorizationRequest  Action = "authorization_request"  // a request object was judged
	PushedRequest         Action = "pushed_request"         // a pushed request object was judged
	AuthorizationResponse Action = "authorization_response" // a code was issued, or not
	UserDecline           Action = "user_decline"           // the user said no
	ClientAuthentication  Action = "client_authentication"
	TokenIssue            Action = "token_issue"
	Introspection         Action = "introspection"
	Revocation            Action = "revocation"
	UserInfo              Action = "userinfo"
	IntentChange          Action = "intent_change" // an intent was created, consumed or revoked
	ResourceAccess        Action = "resource_access"
	HeaderIgnored         Action = "header_ignored" // a header about the customer cannot be read
	WeakAlgorithm         Action = "weak_algorithm" // RS256 was used because the profile allows it
	Registration          Action = "registration"   // a client registered, or read, replaced or removed its registration
)

// Event is one decision. Every string in it is safe to log: identifiers that
// the server knows, never a token, code, key or claim value of the client.
type Event struct {
	Time    time.Time
	Action  Action
	Outcome Outcome
	// Rule is the requirement that was broken; empty when granted.
	Rule profile.Rule
	// Error is the OAuth error code that the client was told.
	Error string
	// Cause is the internal reason, for operators; it names no secret.
	Cause string
	// Client is a registered client_id; empty if none was established.
	Client string
	// Intent is the id of an intent of that client.
	Intent string
	// TokenHash identifies a token or code without revealing it: see Hash.
	TokenHash string
	// Interaction is the interaction id of a call of the resource server: a
	// UUID, the caller's or ours (FAPI 1.0 Baseline §6.2.1-12).
	Interaction string
	// Detail says more where the action alone does not: a grant type, a state.
	Detail string
}

// Sink takes the events. Record must not block for long and must be safe for
// concurrent use; it has no error, since no answer depends on it.
type Sink interface {
	Record(ctx context.Context, event Event)
}

// Discard is a Sink that drops every event.
var Discard Sink = discard{}

type discard struct{}

func (discard) Record(context.Context, Event) {}

// Slog returns a Sink that writes structured log records: Info when granted,
// Warn when refused, Error when the server failed.
func Slog(logger *slog.Logger) Sink { return slogSink{logger} }

type slogSink struct{ logger *slog.Logger }

var levels = map[Outcome]slog.Level{Granted: slog.LevelInfo, Refused: slog.LevelWarn, Failed: slog.LevelError}

func (s slogSink) Record(ctx context.Context, e Event) {
	attrs := []slog.Attr{slog.String("outcome", string(e.Outcome))}
	for _, a := range []struct{ key, value string }{
		{"rule", string(e.Rule)}, {"error", e.Error}, {"cause", e.Cause}, {"client_id", e.Client},
		{"intent_id", e.Intent}, {"token_hash", e.TokenHash}, {"detail", e.Detail}, {"interaction_id", e.Interaction},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	s.logger.LogAttrs(ctx, levels[e.Outcome], "lso."+string(e.Action), attrs...)
}

// Weak records that a client used RS256, which only a profile with AllowRS256
// takes; what was signed goes into Detail. Other algorithms are not recorded.
func Weak(ctx context.Context, sink Sink, now time.Time, alg, client, what string) {
	if alg == string(profile.RS256) {
		sink.Record(ctx, Event{Time: now, Action: WeakAlgorithm, Outcome: Granted, Client: client, Detail: what})
	}
}

// Hash returns the SHA-256 of a token or code, base64url, for TokenHash; the
// hash of nothing is nothing.
func Hash(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	var text [43]byte // on the stack, unlike EncodeToString's
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// Judge completes the event with the outcome that err stands for and records
// it: nil is Granted, a server_error or temporarily_unavailable is Failed,
// everything else is Refused. Fosite's own refusals have no rule.
func Judge(ctx context.Context, sink Sink, event Event, err error) {
	event.Outcome = Granted
	if err != nil {
		event.Outcome, event.Error = Refused, profile.Registered(err).ErrorField
		event.Rule, event.Cause = reason(err)
		if event.Error == "server_error" || event.Error == "temporarily_unavailable" {
			event.Outcome = Failed
		}
	}
	sink.Record(ctx, event)
}

// reason is the rule that was broken and what lies behind it. Causes are errors
// of ours, of Fosite's and of the storage; none of them quotes a credential.
func reason(err error) (rule profile.Rule, cause string) {
	var violation *profile.Violation
	if !errors.As(err, &violation) {
		return "", deepest(err)
	}
	if violation.Cause != nil {
		cause = violation.Cause.Error()
	}
	return violation.Rule, cause
}

// deepest is the text of the innermost error: Fosite's own texts are no more
// than the OAuth code.
func deepest(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}
