package relyingparty

import (
	"fmt"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Reason tells which part of an answer was wrong.
type Reason string

// The reasons.
const (
	ReasonMetadata    Reason = "metadata"     // the discovery document cannot be used
	ReasonRedirectURI Reason = "redirect_uri" // the answer came to another redirect URI
	ReasonDelivery    Reason = "delivery"     // not in the part of the URL that was asked for
	ReasonResponse    Reason = "response"     // not the one parameter response of JARM
	ReasonState       Reason = "state"        // no such login, an old or finished one, or another state
	ReasonError       Reason = "error"        // the server answered with an OAuth error: Abort.OAuth
	ReasonMissing     Reason = "missing"      // code or id_token not there exactly once
	ReasonAccessToken Reason = "access_token" // an access token in the front channel, or none from the token endpoint
	ReasonRequestURI  Reason = "request_uri"  // none that can be used from the pushed authorization request endpoint
	ReasonForm        Reason = "form"         // a JWT or a JSON answer is malformed
	ReasonEncryption  Reason = "encryption"   // not encrypted as registered, or not to us
	ReasonAlg         Reason = "alg"
	ReasonKey         Reason = "key" // the issuer publishes no key with the token's kid
	ReasonSignature   Reason = "signature"
	ReasonIss         Reason = "iss"
	ReasonAud         Reason = "aud"
	ReasonAzp         Reason = "azp"
	ReasonExp         Reason = "exp"
	ReasonIat         Reason = "iat"
	ReasonNonce       Reason = "nonce"
	ReasonCodeHash    Reason = "c_hash"
	ReasonStateHash   Reason = "s_hash"
	ReasonTokenHash   Reason = "at_hash"
	ReasonIntent      Reason = "intent"
	ReasonACR         Reason = "acr"
	ReasonAuthTime    Reason = "auth_time"
	ReasonSub         Reason = "sub"
	ReasonTokenType   Reason = "token_type"
	ReasonScope       Reason = "scope"
)

// Abort is the end of a login: nothing that came with the answer may be used,
// and the login is spent.
type Abort struct {
	Reason Reason
	// Rule is the requirement that was broken.
	Rule profile.Rule
	// Text is one sentence for a log. It quotes nothing of the answer.
	Text string
	// OAuth is the server's error where Reason is ReasonError. With
	// ReasonResponse it is one that nobody vouches for: it may be shown.
	OAuth *OAuthError
	// Cause is what lies behind it; often nil.
	Cause error
}

// Error names the reason, the rule and what is wrong.
func (a *Abort) Error() string {
	text := fmt.Sprintf("relyingparty: %s (%s): %s", a.Reason, a.Rule, a.Text)
	switch {
	case a.OAuth != nil:
		return text + ": " + a.OAuth.Error()
	case a.Cause != nil:
		return text + ": " + a.Cause.Error()
	}
	return text
}

// Unwrap gives the OAuth error and the cause.
func (a *Abort) Unwrap() []error {
	var errs []error
	if a.OAuth != nil {
		errs = append(errs, a.OAuth)
	}
	if a.Cause != nil {
		errs = append(errs, a.Cause)
	}
	return errs
}

func abort(reason Reason, rule profile.Rule, text string) *Abort {
	return &Abort{Reason: reason, Rule: rule, Text: text}
}

func (a *Abort) because(cause error) *Abort {
	a.Cause = cause
	return a
}

// OAuthError is an error that the server answered with, at the redirect URI
// or at an endpoint for clients (RFC 6749 §4.1.2.1, §5.2; RFC 9126 §2.3).
type OAuthError struct {
	// Status is the HTTP status, 0 at the redirect URI.
	Status int
	// Code and Description are cut to 300 printable ASCII characters.
	Code, Description string
}

// Error gives the code and the description.
func (e *OAuthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

const maxErrorText = 300

// printable keeps somebody else's text from breaking a log line.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if isUnprintable(r) {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), maxErrorText)]
}

func isUnprintable(r rune) bool { return r < ' ' || r > '~' }
