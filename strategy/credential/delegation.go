package credential

import "slices"

// evidence are the credentials of a presentation by what they say.
type evidence struct {
	// entity says who stands behind the client: the client's own credential, or
	// that of its delegator, which is then both.
	entity, delegator *vc
	delegation        *vc // nil: the client acts for nobody
	accreditations    []*vc
}

// delegate assigns the entity credentials of a presentation with a delegation.
// Its issuer, the delegator, is a legal entity itself; its subject is the
// registering client, who presents it and nobody else. One who acts for another
// has no entity credential by that, and so cannot delegate on.
func (e *evidence) delegate(entities []*vc, client, holder string) error {
	d := e.delegation
	switch {
	case d.subject != client || holder != client:
		return invalid(ruleDomain, "The delegation credential is not about the registering client, or another presents it.")
	case d.selfIssued() || !isDID(d.issuer): // a DID is one party at every endpoint; another name is what a server made of it
		return invalid(ruleDomain, "The delegation credential is not issued by another client's DID.")
	}
	for _, c := range entities {
		switch {
		case c.subject == d.issuer && e.delegator == nil:
			e.delegator = c
		case c.subject == client && e.entity == nil:
			e.entity = c
		default:
			return invalid(ruleSubject, "An entity credential is about neither the registering client nor its delegator, or there are two.")
		}
	}
	if e.delegator == nil {
		return invalid(ruleSubject, "The entity presentation has no entity credential of the delegator.")
	}
	if e.entity == nil {
		e.entity = e.delegator
	}
	return nil
}

// needed returns every credential that has to be good, in the order opposite
// to that of verification; the last one is the end of the entity's chain.
// Nobody's key is looked up before somebody vouched for him: an anchor for the
// issuers, they for the delegator, and he for the delegation. A trust domain is
// a name that an anchor gives, or whom it accredited.
func (v *Verifier) needed(e *evidence) ([]*vc, error) {
	chain, err := v.chain(e.entity, e.accreditations)
	if err != nil || e.delegation == nil {
		return chain, err
	}
	others, err := v.chain(e.delegator, e.accreditations)
	if err != nil {
		return nil, err
	}
	anchor := chain[len(chain)-1].issuer
	if !v.isAnchor(anchor) || others[len(others)-1].issuer != anchor {
		return nil, unapproved(ruleDomain, "No anchor vouches for both the client and its delegator.")
	}
	others = slices.DeleteFunc(others, func(c *vc) bool { return slices.Contains(chain, c) })
	return slices.Concat([]*vc{e.delegation}, others, chain), nil
}

// bindDelegation: there is no delegation between trust domains, nor outside of
// any, and it says itself for which it is (MEF W128 R58).
func (b *Binding) bindDelegation(e *evidence) error {
	if e.delegation == nil {
		return nil
	}
	domain, err1 := e.delegator.about.String("trustDomain")
	named, err2 := e.delegation.about.String("trustDomain")
	if err1 != nil || err2 != nil || domain == "" || domain != b.TrustDomain || named != domain {
		return invalid(ruleDomain, "The client, its delegator and the delegation are not of one trust domain.")
	}
	b.Delegator, b.DelegationID = e.delegation.issuer, e.delegation.id
	return nil
}
