package credential

import (
	"cmp"
	"context"
	"time"
)

// Policy says whose credentials are accepted, and for what. The zero value
// accepts nobody's. Its functions must be safe for concurrent use; an error of
// one means that it cannot tell now, and refuses with temporarily_unavailable.
type Policy struct {
	// Anchors are the issuers, by DID or https URL, that are accepted outright.
	Anchors []string
	// Types are the types of which an entity credential must have one; none
	// means LegalEntityCredential.
	Types []string
	// AccreditationTypes are the types of which a credential must have one to
	// make its subject an issuer; none means IssuerAccreditationCredential.
	// An entity credential does not: every legal entity could then issue.
	AccreditationTypes []string
	// DelegationTypes are the types of which a credential must have one to let
	// its subject act for its issuer, within one trust domain; none means
	// DelegationCredential.
	DelegationTypes []string
	// MaxChain bounds how many credentials lead from the entity credential to
	// one that an anchor issued, both counted; 0 means 3, and 1 accepts the
	// anchors' own alone.
	MaxChain int
	// StatusOptional accepts credentials that cannot be revoked. Without it
	// only a self-issued one needs no status for revocation (MEF W128 R4, R8).
	StatusOptional bool
	// RequireLEI refuses an entity without a Legal Entity Identifier
	// (MEF 128.1 R6).
	RequireLEI bool
	// RequireNonce refuses a presentation that answers no challenge. It needs
	// Verifier.TakeNonce.
	RequireNonce bool
	// StatusMaxAge is how long a binding holds at most before Recheck asks
	// again; 0 means 15 minutes. It holds no longer than its status lists say.
	StatusMaxAge time.Duration

	// AcceptSelfIssued decides about a credential that its own subject issued;
	// nil refuses.
	AcceptSelfIssued func(ctx context.Context, b Binding) (bool, error)
	// Onboarded tells whether the holder, who presents the credential of
	// another, is known to the server in that trust domain (MEF W128 R10); nil
	// means that nobody is.
	Onboarded func(ctx context.Context, holder, trustDomain string) (bool, error)
	// Resolve looks whether the identifier of a credential, an https URL or a
	// DID URL, leads somewhere; nil believes it.
	Resolve func(ctx context.Context, id string) (bool, error)
	// Unique tells whether the issuer's identifier was never seen with another
	// digest, and remembers it. It is asked last, of credentials that are
	// accepted otherwise. Nil compares within one presentation only (MEF W128
	// R7).
	Unique func(ctx context.Context, issuer, id, digest string) (bool, error)
}

const (
	defaultType          = "LegalEntityCredential"
	defaultAccreditation = "IssuerAccreditationCredential"
	defaultDelegation    = "DelegationCredential"
	defaultMaxChain      = 3
	defaultStatusMaxAge  = 15 * time.Minute
)

func (p *Policy) types() []string {
	if len(p.Types) == 0 {
		return []string{defaultType}
	}
	return p.Types
}

func (p *Policy) accreditations() []string {
	if len(p.AccreditationTypes) == 0 {
		return []string{defaultAccreditation}
	}
	return p.AccreditationTypes
}

func (p *Policy) delegations() []string {
	if len(p.DelegationTypes) == 0 {
		return []string{defaultDelegation}
	}
	return p.DelegationTypes
}

func (p *Policy) maxChain() int { return cmp.Or(p.MaxChain, defaultMaxChain) }

// nextCheck is when a binding that holds now is to be looked at again.
func (p *Policy) nextCheck(b *Binding, now time.Time) time.Time {
	next := now.Add(cmp.Or(p.StatusMaxAge, defaultStatusMaxAge))
	if !b.Expires.IsZero() && b.Expires.Before(next) {
		return b.Expires
	}
	return next
}
