package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Verifier verifies entity presentations. It is safe for concurrent use once
// its fields are set; all but TakeNonce are required.
type Verifier struct {
	// Profile has the algorithms, the least RSA size and the clocks' skew.
	Profile *profile.Profile
	// Audience is the issuer of the authorization server.
	Audience string
	Policy   Policy
	// Keys finds the keys of holders and issuers.
	Keys Keys
	// Status answers for the status of the credentials; with nil, a status is
	// never available.
	Status *StatusLists
	// TakeNonce takes back a challenge that the server issued, in one atomic
	// step, and reports whether it was an open one. With nil, a nonce is not
	// looked at, and the jti counts.
	TakeNonce func(ctx context.Context, nonce string) (open bool, err error)
	// UseOnce marks key as used until the given time, in one atomic step, and
	// reports whether it was fresh.
	UseOnce func(ctx context.Context, key string, until time.Time) (fresh bool, err error)
	Clock   func() time.Time
}

// Request is what a client presents when it registers.
type Request struct {
	// Presentation is the compact JWS.
	Presentation string
	// Identifier is that of the registering client, which the credential must
	// be about, or a delegation credential of the one that it is about; empty
	// means that the client has no other than the holder's.
	Identifier string
	// TrustDomain is what the client's software statement says, if anything. A
	// credential that names none gets it; one that names another is refused.
	TrustDomain string
}

// Verify checks the presentation, every credential that it needs, who issued
// them and whether they still hold, and returns what the client is bound to.
// Only a presentation that is accepted is used up.
//
// Every error is a *profile.Violation: with CodeUnapproved if the server does
// not accept those behind a well-formed presentation, with
// temporarily_unavailable if a function of the policy or a store failed, else
// with CodeInvalid. A status that cannot be had is CodeInvalid and wraps
// ErrStatusUnavailable (MEF W128 R4–R10).
func (v *Verifier) Verify(ctx context.Context, r Request) (Binding, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	p, err := v.open(ctx, r.Presentation)
	if err != nil {
		return Binding{}, err
	}
	b, err := v.verifyEntity(ctx, p, r)
	if err != nil {
		return Binding{}, err
	}
	if err := v.approve(ctx, &b, r); err != nil {
		return Binding{}, err
	}
	if err := v.checkStatus(ctx, &b); err != nil {
		return Binding{}, invalid(ruleStatus, "Entity credential: "+statusText(err)).Because(err)
	}
	if err := v.useUp(ctx, p); err != nil {
		return Binding{}, err
	}
	return b, nil
}

// verifyEntity finds the chain and verifies it from the anchor down, so that
// no key of an issuer is fetched before somebody vouched for it.
func (v *Verifier) verifyEntity(ctx context.Context, p *vp, r Request) (Binding, error) {
	if r.Identifier == "" {
		r.Identifier = p.holder
	}
	e, err := v.evidence(p, r.Identifier)
	if err != nil {
		return Binding{}, err
	}
	credentials, err := v.needed(e)
	if err != nil {
		return Binding{}, err
	}
	for _, c := range slices.Backward(credentials) {
		if err := v.checkCredential(ctx, c); err != nil {
			return Binding{}, err
		}
	}
	return v.bind(p, e, credentials)
}

// approve is what the server's policy says to what is true.
func (v *Verifier) approve(ctx context.Context, b *Binding, r Request) error {
	if b.TrustDomain != "" && r.TrustDomain != "" && b.TrustDomain != r.TrustDomain {
		return invalid(ruleDomain, "The entity credential's trust domain is not the software statement's.")
	}
	if b.TrustDomain == "" {
		b.TrustDomain = r.TrustDomain
	}
	if b.Anchor == "" {
		err := ask(func() (bool, error) { return v.Policy.AcceptSelfIssued(ctx, *b) },
			unapproved(ruleIssuer, "The self-issued entity credential is not accepted."))
		if err != nil {
			return err
		}
	}
	if b.Holder == b.Client() {
		return nil
	}
	refusal := unapproved(ruleOnboarded, "The holder is not the registering client, nor onboarded in its trust domain.")
	if v.Policy.Onboarded == nil || b.TrustDomain == "" {
		return refusal
	}
	return ask(func() (bool, error) { return v.Policy.Onboarded(ctx, b.Holder, b.TrustDomain) }, refusal)
}

func (v *Verifier) isAnchor(issuer string) bool { return slices.Contains(v.Policy.Anchors, issuer) }

var errNoStatus = errors.New("the Verifier has no StatusLists")

// checkStatus asks for the status of every credential, and notes until when the
// answers hold.
func (v *Verifier) checkStatus(ctx context.Context, b *Binding) error {
	next := v.Policy.nextCheck(b, v.Clock())
	for _, e := range b.Status {
		if v.Status == nil {
			return fmt.Errorf("%w: %w", ErrStatusUnavailable, errNoStatus)
		}
		until, err := v.Status.check(ctx, e)
		if err != nil {
			return err
		}
		if until.Before(next) {
			next = until
		}
	}
	b.NextCheck = next
	return nil
}

func statusText(err error) string {
	switch {
	case errors.Is(err, ErrRevoked):
		return "status revoked."
	case errors.Is(err, ErrSuspended):
		return "status suspended."
	}
	return "status unavailable."
}

// ErrExpired and ErrNotAnchored are the other reasons for which Recheck
// refuses: a credential of the chain has run out, or the server no longer
// accepts its anchor.
var (
	ErrExpired     = errors.New("credential: expired")
	ErrNotAnchored = errors.New("credential: the anchor is not accepted any more")
)

// Recheck returns b as it is before its NextCheck. After that it asks whether
// the credentials still hold, and returns b with a later NextCheck, which is to
// be kept. It fails closed.
//
// Every error is a *profile.Violation with invalid_client, as the token
// endpoint answers, and wraps ErrRevoked, ErrSuspended, ErrStatusUnavailable,
// ErrExpired or ErrNotAnchored. Only ErrRevoked is for good (MEF W128 R8).
func (v *Verifier) Recheck(ctx context.Context, b Binding) (Binding, error) {
	now := v.Clock()
	switch {
	case now.Before(b.NextCheck):
		return b, nil
	case !(span{until: b.Expires}).contains(now, v.Profile.RequestObject.Skew):
		return b, ruleEntity.InvalidClient("The client's entity credential has expired.").Because(ErrExpired)
	case b.Anchor == "" && v.Policy.AcceptSelfIssued == nil, b.Anchor != "" && !v.isAnchor(b.Anchor):
		return b, ruleIssuer.InvalidClient("The client's entity credential is not accepted.").Because(ErrNotAnchored)
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	if err := v.checkStatus(ctx, &b); err != nil {
		return b, ruleStatus.InvalidClient("Entity credential: " + statusText(err)).Because(err)
	}
	return b, nil
}
