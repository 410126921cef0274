package credential

import (
	"cmp"
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
	// reports whether it was fresh. UseUp asks it and TakeNonce, with its context.
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
	// credential that names another is refused.
	TrustDomain string
}

// Checked is a presentation that is good, and not used up yet.
type Checked struct {
	// Binding is what the client is bound to once the presentation is used up.
	Binding     Binding
	vp          *vp
	credentials []*vc
}

// Verify is Check and UseUp: only a presentation that is accepted is used up.
// The errors are those of both.
func (v *Verifier) Verify(ctx context.Context, r Request) (Binding, error) {
	c, err := v.Check(ctx, r)
	if err == nil {
		err = v.UseUp(ctx, c)
	}
	if err != nil {
		return Binding{}, err
	}
	return c.Binding, nil
}

// Check checks the presentation, every credential that it needs, who issued
// them and whether they still hold. It changes nothing.
//
// Every error is a *profile.Violation: with CodeUnapproved if the server does
// not accept those behind a well-formed presentation, with
// temporarily_unavailable if a function of the policy or a store failed, else
// with CodeInvalid. A status that cannot be had is CodeInvalid and wraps
// ErrStatusUnavailable (MEF W128 R4–R10).
func (v *Verifier) Check(ctx context.Context, r Request) (*Checked, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	p, err := v.open(r.Presentation)
	if err != nil {
		return nil, err
	}
	b, credentials, err := v.verifyEntity(ctx, p, r)
	if err != nil {
		return nil, err
	}
	if err := v.approve(ctx, p, &b, r); err != nil {
		return nil, err
	}
	if err := v.checkStatus(ctx, &b); err != nil {
		return nil, invalid(ruleStatus, "Entity credential: "+statusText(err)).Because(err)
	}
	return &Checked{b, p, credentials}, nil
}

// UseUp makes sure that nobody shows the presentation again, and remembers the
// identifiers of its credentials. The errors are those of Check. It belongs into
// the step in which the binding is stored.
func (v *Verifier) UseUp(ctx context.Context, c *Checked) error {
	for _, credential := range c.credentials {
		if err := v.checkUnique(ctx, credential); err != nil {
			return err
		}
	}
	return v.useUp(ctx, c.vp)
}

// verifyEntity finds the chain and verifies it from the anchor down, so that
// no key of an issuer is fetched before somebody vouched for it.
func (v *Verifier) verifyEntity(ctx context.Context, p *vp, r Request) (Binding, []*vc, error) {
	if r.Identifier == "" {
		r.Identifier = p.holder
	}
	e, err := v.evidence(p, r.Identifier)
	if err != nil {
		return Binding{}, nil, err
	}
	credentials, err := v.needed(e)
	if err != nil {
		return Binding{}, nil, err
	}
	for _, c := range slices.Backward(credentials) {
		if err := v.checkCredential(ctx, c); err != nil {
			return Binding{}, nil, err
		}
	}
	b, err := v.bind(p, e, credentials)
	return b, credentials, err
}

// approve is what the server's policy says to what is true. The holder's key is
// looked up only for credentials that are good, and nobody else is asked before
// it signed.
func (v *Verifier) approve(ctx context.Context, p *vp, b *Binding, r Request) error {
	if b.TrustDomain != "" && r.TrustDomain != "" && b.TrustDomain != r.TrustDomain {
		return invalid(ruleDomain, "The entity credential's trust domain is not the software statement's.")
	}
	if err := verify(ctx, v.Profile, v.Keys, p.signed, p.holder, Authentication); err != nil {
		return refuseSignature(ruleHolder, "The entity presentation is not signed by its holder as the profile wants.", err)
	}
	if err := v.approveHolder(ctx, b); err != nil || b.Anchor != "" {
		return err
	}
	return ask(func() (bool, error) { return v.Policy.AcceptSelfIssued(ctx, *b) },
		unapproved(ruleIssuer, "The self-issued entity credential is not accepted."))
}

// approveHolder: the holder is the client, or known in the trust domain that the
// credential names; what the client's own statement says of that is not asked
// here.
func (v *Verifier) approveHolder(ctx context.Context, b *Binding) error {
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
	var bad error
	for _, e := range b.Status {
		until, err := v.status(ctx, e)
		switch {
		case err == nil && until.Before(next):
			next = until
		case errors.Is(err, ErrRevoked) && e.Credential == b.CredentialID:
			return err // whatever else is bad, this is for good
		case errors.Is(err, ErrRevoked):
			bad = cmp.Or(bad, fmt.Errorf("%w: %s", ErrSupportRevoked, e.Credential))
		case err != nil:
			bad = cmp.Or(bad, err)
		}
	}
	if bad == nil {
		b.NextCheck = next
	}
	return bad
}

func (v *Verifier) status(ctx context.Context, e StatusEntry) (until time.Time, err error) {
	if v.Status == nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrStatusUnavailable, errNoStatus)
	}
	return v.Status.check(ctx, e)
}

func statusText(err error) string {
	switch {
	case errors.Is(err, ErrRevoked), errors.Is(err, ErrSupportRevoked):
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
// be kept. It fails closed: what Verify would not have returned is refused.
//
// Every error is a *profile.Violation with invalid_client, as the token
// endpoint answers, and wraps ErrRevoked, ErrSupportRevoked, ErrSuspended,
// ErrStatusUnavailable, ErrExpired or ErrNotAnchored; or it has
// temporarily_unavailable where a function of the policy failed. Only ErrRevoked
// is for good (MEF W128 R8).
func (v *Verifier) Recheck(ctx context.Context, b Binding) (Binding, error) {
	now := v.Clock()
	switch {
	case now.Before(b.NextCheck) && !b.NextCheck.After(v.Policy.nextCheck(&b, now)):
		return b, nil
	case !(span{until: b.Expires}).contains(now, v.Profile.RequestObject.Skew):
		return b, ruleEntity.InvalidClient("The client's entity credential has expired.").Because(ErrExpired)
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	if err := v.stillAccepted(ctx, b); err != nil {
		return b, err
	}
	if err := v.checkStatus(ctx, &b); err != nil {
		return b, ruleStatus.InvalidClient("Entity credential: " + statusText(err)).Because(err)
	}
	return b, nil
}

// stillAccepted: the policy may have changed since.
func (v *Verifier) stillAccepted(ctx context.Context, b Binding) error {
	refusal := ruleIssuer.InvalidClient("The client's entity credential is not accepted.").Because(ErrNotAnchored)
	switch {
	case b.CredentialID == "", b.Anchor != "" && !v.isAnchor(b.Anchor), b.Anchor == "" && v.Policy.AcceptSelfIssued == nil:
		return refusal
	case b.Anchor == "":
		return ask(func() (bool, error) { return v.Policy.AcceptSelfIssued(ctx, b) }, refusal)
	case !v.Policy.StatusOptional && b.Issuer != b.Identifier && !revocable(b.Status):
		return ruleRevocable.InvalidClient("Entity credential: status unavailable.").Because(ErrStatusUnavailable)
	}
	return nil
}
