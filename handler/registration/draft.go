package registration

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The error codes of RFC 7591 §3.2.2 beside those of package credential.
const (
	codeMetadata    = "invalid_client_metadata"
	codeRedirectURI = "invalid_redirect_uri"
)

func invalid(rule profile.Rule, description string) *profile.Violation {
	return rule.Refuse(codeMetadata, description)
}

// draft is a registration that is being judged.
type draft struct {
	*Endpoint
	stored *storage.Registration // nil for a new client

	sent      members
	signed    string                // the body as a JWS, if it is one
	statement *credential.Statement // nil if there is none
	wanted    members               // what was sent, and the statement over it
	document  *did.Document         // of a DID client
	proven    bool                  // the client showed that the DID is its own
	shown     *credential.Checked   // the presentation, if there is a good one
	keys      []key.Public          // of the client, those that can be used
	fetched   map[string]json.RawMessage

	reg  *storage.Registration
	once string // what must not have been used before, until expires
	till time.Time
	algs []string // of the signatures that were believed
}

// rules are in the order in which a registration is judged. First comes who
// speaks, then what is asked for, so that a stranger costs no fetch of what he
// names. Nothing is used up before the registration is stored.
var rules = []func(*draft, context.Context) error{
	(*draft).checkStatement, (*draft).checkIdentifier, (*draft).checkSignature, (*draft).merge, (*draft).checkUpdate,
	(*draft).checkStranger, (*draft).checkDocument, (*draft).checkGrantTypes, (*draft).checkResponseTypes, (*draft).checkRedirectURIs, (*draft).checkServiceEndpoints,
	(*draft).checkAuthMethod, (*draft).checkCertificate, (*draft).checkDelivery, (*draft).checkName,
	(*draft).checkKeySource, (*draft).checkKeys, (*draft).checkSigningAlgs, (*draft).checkEncryption, (*draft).checkScope,
	(*draft).checkEntity, (*draft).checkControl, (*draft).checkSubject, (*draft).checkRequirements, (*draft).checkDomain,
	(*draft).makeUnique,
}

func (d *draft) judge(ctx context.Context) error {
	for _, rule := range rules {
		if err := rule(d, ctx); err != nil {
			return err
		}
	}
	return nil
}

// aliases are the names that directories of UK Open Banking have for metadata.
var aliases = map[string]string{
	"software_redirect_uris": "redirect_uris", "software_jwks_endpoint": "jwks_uri", "software_client_name": "client_name",
	"org_name": "legal_entity_name",
}

// claims are the metadata in the statement, under the names of RFC 7591.
func (d *draft) claims() members {
	claims := members{}
	if d.statement == nil {
		return claims
	}
	for name, value := range d.statement.Claims {
		if known, ok := aliases[name]; ok && string(value) != "null" {
			claims[known] = value
		}
	}
	for name, value := range d.statement.Claims {
		if string(value) != "null" {
			claims[name] = value
		}
	}
	return claims
}

// merge puts the statement over what the client sent (RFC 7591 §2.3) and makes
// the registration of it. The redirect URIs are the client's choice among the
// statement's.
func (d *draft) merge(context.Context) error {
	claims := d.claims()
	d.wanted = maps.Clone(d.sent)
	maps.Copy(d.wanted, claims)
	switch { // the two are one choice
	case len(claims["jwks_uri"]) > 0 && len(claims["jwks"]) == 0:
		delete(d.wanted, "jwks")
	case len(claims["jwks"]) > 0 && len(claims["jwks_uri"]) == 0:
		delete(d.wanted, "jwks_uri")
	}
	if d.reg.DID != "" && claims.text("client_id") == d.reg.DID { // the directory knows both; the DID has the keys
		delete(d.wanted, "jwks")
		delete(d.wanted, "jwks_uri")
	}
	if uris, there := d.sent["redirect_uris"]; there {
		d.wanted["redirect_uris"] = uris
	}
	client, err := d.wanted.client()
	if err != nil {
		// Without the cause, which would put what was sent into the log.
		return invalid(ruleBody, "A member of the metadata has the wrong type.")
	}
	client.LegalEntityName, client.TrustDomain = claims.text("legal_entity_name"), claims.text("trust_domain")
	client.ID = d.reg.DID
	d.reg.Client = client
	d.reg.SoftwareID, d.reg.OrgID = d.wanted.text("software_id"), claims.text("org_id")
	if len(d.reg.SoftwareID) > maxName {
		return invalid(ruleBody, "The software_id is too long.")
	}
	d.keep()
	return nil
}

// keep takes over from a stored registration what its client does not decide.
func (d *draft) keep() {
	old, reg := d.stored, d.reg
	if old == nil {
		return
	}
	reg.Client.ID, reg.Client.Audience = old.Client.ID, old.Client.Audience
	reg.Client.Suspended, reg.Client.IntrospectTrustDomain = old.Client.Suspended, old.Client.IntrospectTrustDomain
	reg.Client.ActsFor = old.Client.ActsFor
	reg.TokenHash, reg.IssuedAt, reg.Version, reg.Entity = old.TokenHash, old.IssuedAt, old.Version, old.Entity
	switch {
	case reg.SoftwareStatement == old.SoftwareStatement: // what the operator made of it since stays
		reg.Client.LegalEntityName, reg.Client.TrustDomain = old.Client.LegalEntityName, old.Client.TrustDomain
	case old.Entity != nil:
		reg.Client.LegalEntityName, reg.Client.TrustDomain = old.Entity.LegalName, cmp.Or(old.Entity.TrustDomain, reg.Client.TrustDomain)
	}
}

const (
	ruleUpdate profile.Rule = "RFC7592-2.2"
	ruleUnique profile.Rule = "MEF-R1"
)

// checkUpdate: who replaces a registration says whose it is, and does not turn
// it into that of another software or legal entity.
func (d *draft) checkUpdate(context.Context) error {
	old := d.stored
	switch {
	case old == nil:
		return nil
	case d.sent.text("client_id") != old.Client.ID:
		return invalid(ruleUpdate, "The client_id is not that of this registration.")
	case d.reg.SoftwareID != old.SoftwareID || d.reg.OrgID != old.OrgID:
		return invalid(ruleUpdate, "The software_id and its organisation cannot be changed.")
	}
	return nil
}

// makeUnique: a DID is one client, and one legal entity registers one software
// once, under whichever of its names. Where nobody names it, the directory stands
// in its place. A delegate does not take the names of the one that it acts for.
func (d *draft) makeUnique(context.Context) error {
	reg := d.reg
	if reg.DID != "" {
		reg.Unique = append(reg.Unique, reg.DID)
	}
	organisations := []string{reg.OrgID}
	switch e := reg.Entity; {
	case e != nil && e.Subject == e.Delegator:
		organisations = append(organisations, e.Holder)
	case e != nil:
		organisations = append(organisations, e.LEI, e.MEFID, e.Subject)
	case d.statement != nil && reg.OrgID == "":
		organisations = append(organisations, d.statement.Issuer)
	}
	for i, organisation := range organisations {
		if organisation == "" || reg.SoftwareID == "" || slices.Contains(organisations[:i], organisation) {
			continue
		}
		pair, err := json.Marshal([]string{organisation, reg.SoftwareID})
		if err != nil {
			return profile.ServerError("The registration cannot be stored.", err)
		}
		reg.Unique = append(reg.Unique, string(pair))
	}
	return nil
}

// store writes the registration, with what it uses up.
func (d *draft) store(ctx context.Context, write func(context.Context, *storage.Registration) error) error {
	run := d.Atomic
	if run == nil {
		run = func(ctx context.Context, do func(context.Context) error) error { return do(ctx) }
	}
	err := run(ctx, func(ctx context.Context) error {
		if err := d.useUp(ctx); err != nil {
			return err
		}
		return write(ctx, d.reg)
	})
	var violation *profile.Violation
	switch {
	case err == nil || errors.As(err, &violation):
		return err
	case errors.Is(err, storage.ErrExists):
		return invalid(ruleUnique, "The client is registered already, or was.").Because(err)
	case errors.Is(err, storage.ErrNotFound): // it was removed just now
		return unauthorized(ruleUpdate, err)
	}
	return profile.Unavailable(err) // ErrConflict among others: the client may try again
}
