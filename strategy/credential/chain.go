package credential

import (
	"context"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// evidence finds the one credential that says who stands behind the client,
// which is named by its identifier. Without a delegation, that is the client
// itself: of two entity credentials, one could be chosen that it did not mean.
func (v *Verifier) evidence(p *vp, client string) (*evidence, error) {
	e, entities, err := v.sort(p.credentials)
	switch {
	case err != nil:
		return nil, err
	case e.delegation != nil:
		return e, e.delegate(entities, client, p.holder)
	case len(entities) > 1:
		return nil, invalid(ruleEntity, "The entity presentation has more than one entity credential.")
	case entities[0].subject != client:
		return nil, invalid(ruleSubject, "The entity credential's subject is not the registering client.")
	}
	e.entity = entities[0]
	return e, nil
}

// sort tells the credentials apart by their types, in this order.
func (v *Verifier) sort(credentials []*vc) (e *evidence, entities []*vc, err error) {
	e = &evidence{}
	for _, c := range credentials {
		switch {
		case c.isOf(v.Policy.types()):
			entities = append(entities, c)
		case c.isOf(v.Policy.accreditations()):
			e.accreditations = append(e.accreditations, c)
		case c.isOf(v.Policy.delegations()) && e.delegation == nil:
			e.delegation = c
		case c.isOf(v.Policy.delegations()): // nobody acts for two, nor for a delegate
			return nil, nil, invalid(ruleDomain, "The entity presentation has more than one delegation credential.")
		default:
			return nil, nil, invalid(ruleEntity, "The entity presentation has a credential of a type that is not wanted.")
		}
	}
	if len(entities) == 0 {
		return nil, nil, invalid(ruleEntity, "The entity presentation has no entity credential.")
	}
	return e, entities, nil
}

// chain returns the credentials from the entity's to one that an anchor
// issued; that of a self-issued credential, if the policy has an opinion on
// them, is the credential alone. Nothing is verified yet, and nothing is
// fetched for a stranger whom no anchor vouches for.
func (v *Verifier) chain(entity *vc, accreditations []*vc) ([]*vc, error) {
	s := search{policy: &v.Policy, accreditations: accreditations}
	if found := s.extend([]*vc{entity}); found != nil {
		return found, nil
	}
	switch {
	case entity.selfIssued() && v.Policy.AcceptSelfIssued != nil:
		return []*vc{entity}, nil
	case entity.selfIssued():
		return nil, unapproved(ruleIssuer, "A self-issued entity credential is not accepted.")
	case s.why != nil:
		return nil, s.why
	}
	return nil, unapproved(ruleIssuer, "The entity credential's issuer is not accepted.")
}

type search struct {
	policy         *Policy
	accreditations []*vc
	why            *profile.Violation
}

// extend is bounded by MaxCredentials: no issuer is visited twice.
func (s *search) extend(path []*vc) []*vc {
	issuer := path[len(path)-1].issuer
	if slices.Contains(s.policy.Anchors, issuer) {
		return path
	}
	for _, a := range s.accreditations {
		switch {
		case a.subject != issuer:
		case slices.ContainsFunc(path, func(c *vc) bool { return c.issuer == a.issuer }):
			s.why = unapproved(ruleIssuer, "The entity credential's issuers accredit each other.")
		case len(path) >= s.policy.maxChain():
			s.why = unapproved(ruleIssuer, "The entity credential's chain of issuers is too long.")
		default:
			if found := s.extend(append(slices.Clip(path), a)); found != nil {
				return found
			}
		}
	}
	return nil
}

// checkCredential is all about one credential but its status.
func (v *Verifier) checkCredential(ctx context.Context, c *vc) error {
	if err := verify(ctx, v.Profile, v.Keys, c.signed, c.issuer, AssertionMethod); err != nil {
		return refuseSignature(ruleEntity, "A credential is not signed by its issuer as the profile wants.", err)
	}
	if !c.valid.contains(v.Clock(), v.Profile.RequestObject.Skew) {
		return invalid(ruleEntity, "A credential has expired or is not valid yet.")
	}
	if !v.Policy.StatusOptional && !c.selfIssued() && !revocable(c.status) {
		return invalid(ruleRevocable, "A credential has no status by which it could be revoked.")
	}
	if v.Policy.Resolve == nil {
		return nil
	}
	return ask(func() (bool, error) { return v.Policy.Resolve(ctx, c.id) },
		invalid(ruleID, "A credential's identifier cannot be resolved."))
}

// checkUnique is asked of credentials that are good otherwise: a policy keeps
// what it sees.
func (v *Verifier) checkUnique(ctx context.Context, c *vc) error {
	if v.Policy.Unique == nil {
		return nil
	}
	return ask(func() (bool, error) { return v.Policy.Unique(ctx, c.issuer, c.id, c.digest) },
		invalid(ruleID, "A credential's identifier was seen with another credential."))
}

// ask turns the answer of a policy function into a refusal.
func ask(question func() (bool, error), refusal *profile.Violation) error {
	yes, err := question()
	switch {
	case err != nil:
		return profile.Unavailable(err)
	case !yes:
		return refusal
	}
	return nil
}
