package registration

import (
	"cmp"
	"context"
	"strings"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleEntity profile.Rule = "MEF-R4"
	ruleLegal  profile.Rule = "MEF-R5"
	ruleDomain profile.Rule = "MEF-R58"
)

// presentation is our name for the member; the draft leaves the transport open.
const presentation = "lso_entity_presentation"

// checkStranger: for whom neither a statement nor the server's own word speaks
// yet shows who he is before what he names is fetched. A DID document is needed
// for that itself.
func (d *draft) checkStranger(ctx context.Context) error {
	if d.statement != nil || d.stored != nil || d.Admit != nil || d.reg.DID != "" {
		return nil
	}
	return d.checkEntity(ctx)
}

// checkEntity links the client to its legal entity. A registration keeps the
// one that it has.
func (d *draft) checkEntity(ctx context.Context) error {
	if d.Profile.EntityCredential == profile.EntityOff {
		return nil
	}
	token := d.sent.text(presentation)
	switch {
	case d.shown != nil: // by checkStranger
	case token != "" && d.Entities != nil:
		return d.present(ctx, token)
	case len(d.sent[presentation]) > 0:
		return ruleEntity.Refuse(credential.CodeInvalid, "The entity presentation cannot be verified.")
	case d.reg.Entity == nil && d.Profile.EntityCredential == profile.EntityRequired:
		return ruleEntity.Refuse(credential.CodeInvalid, "entity presentation required")
	}
	if entity := d.reg.Entity; entity != nil && d.statement != nil && entity.TrustDomain != "" &&
		d.statement.TrustDomain != "" && d.statement.TrustDomain != entity.TrustDomain {
		return ruleDomain.Refuse(credential.CodeInvalid, "The software statement's trust domain is not the entity credential's.")
	}
	return nil
}

func (d *draft) present(ctx context.Context, token string) error {
	request := credential.Request{Presentation: token, Identifier: d.reg.DID}
	if d.reg.Entity != nil { // the stored one
		request.Identifier = BindingOf(d.reg.Entity).Client() // not another's
	}
	if d.statement != nil {
		request.TrustDomain = d.statement.TrustDomain
	}
	var err error
	if d.shown, err = d.Entities.Check(ctx, request); err != nil {
		return err
	}
	b := d.shown.Binding
	if old := d.reg.Entity; old != nil && old.Subject != b.Identifier {
		return ruleLegal.Refuse(credential.CodeInvalid, "The entity credential is about another legal entity than that of the registration.")
	}
	d.reg.Entity = d.entityOf(&b)
	d.reg.Client.LegalEntityName, d.reg.Client.ActsFor = b.LegalName, b.Delegator
	// A credential that names no domain leaves the statement's word.
	d.reg.Client.TrustDomain = cmp.Or(b.TrustDomain, request.TrustDomain)
	d.algs = append(d.algs, b.Algs...)
	return nil
}

func (d *draft) entityOf(b *credential.Binding) *storage.EntityCredential {
	entity := &storage.EntityCredential{
		ID: b.CredentialID, Digest: b.Digest, Subject: b.Identifier, Holder: b.Holder, Issuer: b.Issuer, Anchor: b.Anchor,
		Delegator: b.Delegator, DelegationID: b.DelegationID,
		LegalName: b.LegalName, LEI: b.LEI, TrustDomain: b.TrustDomain, MEFID: b.MEFID,
		CheckedAt: d.now(), NextCheck: b.NextCheck, ExpiresAt: b.Expires,
	}
	for _, s := range b.Status {
		entity.Status = append(entity.Status, storage.CredentialStatus{
			ID: s.Credential, Issuer: s.Issuer, StatusType: string(s.Type), StatusPurpose: string(s.Purpose),
			StatusListCredential: s.List, StatusListIndex: s.Index,
		})
	}
	return entity
}

// BindingOf is a stored entity credential as a credential.Verifier rechecks it.
func BindingOf(e *storage.EntityCredential) credential.Binding {
	b := credential.Binding{
		Identifier: e.Subject, Holder: e.Holder, Delegator: e.Delegator, DelegationID: e.DelegationID,
		LegalName: e.LegalName, LEI: e.LEI, TrustDomain: e.TrustDomain, MEFID: e.MEFID,
		CredentialID: e.ID, Digest: e.Digest, Issuer: e.Issuer, Anchor: e.Anchor, Expires: e.ExpiresAt, NextCheck: e.NextCheck,
	}
	for _, s := range e.Status {
		b.Status = append(b.Status, credential.StatusEntry{
			Credential: s.ID, Issuer: s.Issuer, Type: credential.StatusType(s.StatusType), Purpose: credential.StatusPurpose(s.StatusPurpose),
			List: s.StatusListCredential, Index: s.StatusListIndex,
		})
	}
	return b
}

// checkDomain: no domain is spelled as that of a client which stands alone, and
// a client that gets into another domain introspects no tokens there.
func (d *draft) checkDomain(context.Context) error {
	client := &d.reg.Client
	if strings.HasPrefix(client.TrustDomain, storage.DomainOfClient) {
		return ruleDomain.Refuse(credential.CodeInvalid, "The trust domain is none.")
	}
	if d.stored != nil && d.stored.Client.TrustDomain != client.TrustDomain {
		client.IntrospectTrustDomain = false
	}
	return nil
}
