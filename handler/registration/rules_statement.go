package registration

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleStatement profile.Rule = "RFC7591-2.3"
	ruleDirectory profile.Rule = "RFC7591-3.2.2"
	ruleSigned    profile.Rule = "MEF-7.3-1"
	ruleDID       profile.Rule = "MEF-D1"
	ruleResolve   profile.Rule = "MEF-R3"
	ruleControl   profile.Rule = "MEF-D4"
	ruleUse       profile.Rule = "RFC8725-3.12"
)

// notRegistration are claims of what a client signs for other uses under the
// same typ: assertions and request objects. None must serve as a registration;
// that credentials and presentations do not is seen to by credential.Statements.
var notRegistration = []string{"sub", "response_type"}

// checkStatement: who registers brings a statement of a directory that the
// server accepts. A registration keeps the one that it has; it was valid when
// it was used and may have expired since.
func (d *draft) checkStatement(ctx context.Context) (err error) {
	sent := d.sent.text("software_statement")
	if len(d.sent["software_statement"]) > 0 && sent == "" {
		return ruleStatement.Refuse(credential.CodeInvalid, "The software statement is not a string.")
	}
	kept := d.stored != nil && d.stored.SoftwareStatement != "" && (sent == "" || sent == d.stored.SoftwareStatement)
	switch {
	case kept:
		sent = d.stored.SoftwareStatement
		d.statement, err = d.known(sent)
	case sent == "" && d.RequireStatement:
		err = ruleStatement.Refuse(credential.CodeInvalid, "A software statement is required.")
	case sent == "":
	case d.Statements == nil:
		err = ruleDirectory.Refuse(credential.CodeUnapproved, "The software statement's issuer is not accepted.")
	default:
		d.statement, err = d.verified(ctx, sent)
	}
	d.reg.SoftwareStatement = sent
	return err
}

// verified: a statement says of which software it is. Other JWTs of a directory
// do not.
func (d *draft) verified(ctx context.Context, statement string) (*credential.Statement, error) {
	s, err := d.Statements.Verify(ctx, statement)
	if err != nil {
		return nil, err
	}
	if s.SoftwareID == "" {
		return nil, ruleStatement.Refuse(credential.CodeInvalid, "The software statement has no software_id.")
	}
	d.algs = append(d.algs, s.Alg)
	return s, nil
}

// known reads a statement that was verified when it was stored.
func (d *draft) known(statement string) (*credential.Statement, error) {
	claims, err := parseMembers(payloadOf(statement))
	if err != nil {
		return nil, profile.ServerError("The stored software statement cannot be read.", err)
	}
	s := &credential.Statement{
		Issuer: claims.text("iss"), SoftwareID: claims.text("software_id"), OrgID: claims.text("org_id"),
		TrustDomain: claims.text("trust_domain"), Claims: claims,
	}
	if d.Statements == nil || !slices.Contains(d.Statements.Anchors, s.Issuer) {
		return nil, ruleDirectory.Refuse(credential.CodeUnapproved, "The software statement's issuer is not accepted any more.")
	}
	return s, nil
}

// checkIdentifier: a client_id that is a DID is the client's own. Any other that
// a new client sends is none of its business. What the statement says of it is
// whom the statement is about, and not who sent it.
func (d *draft) checkIdentifier(context.Context) error {
	vouched := d.claims().text("client_id")
	wanted := cmp.Or(vouched, d.sent.text("client_id"))
	if d.stored != nil {
		if wanted = d.stored.DID; strings.HasPrefix(vouched, "did:") && vouched != wanted {
			return ruleStatement.Refuse(credential.CodeInvalid, "The software statement is about another client.")
		}
		d.proven = true
	}
	if !strings.HasPrefix(wanted, "did:") {
		return nil
	}
	if !d.AllowDIDClients || d.DIDs == nil {
		return invalid(ruleDID, "The server takes no DID as client_id.")
	}
	id, err := did.Parse(wanted)
	if err != nil {
		return invalid(ruleDID, "The client_id is no DID.").Because(err)
	}
	d.reg.DID = id.String()
	return nil
}

// checkDocument: the DID leads to a document.
func (d *draft) checkDocument(ctx context.Context) error {
	if d.reg.DID == "" || d.document != nil {
		return nil
	}
	id, err := did.Parse(d.reg.DID)
	if err == nil {
		d.document, err = d.resolve(ctx, id)
	}
	if err != nil {
		return invalid(ruleResolve, "The DID cannot be resolved.").Because(err)
	}
	return nil
}

// fresh is what a did.Cache has beside Resolve.
type fresh interface {
	ResolveFor(ctx context.Context, id did.DID, fits func(*did.Document) bool) (*did.Document, error)
}

// resolve prefers a document that has the redirect URIs, which may be new.
func (d *draft) resolve(ctx context.Context, id did.DID) (*did.Document, error) {
	cache, ok := d.DIDs.(fresh)
	if !ok {
		return d.DIDs.Resolve(ctx, id)
	}
	uris, err := d.sent.texts("redirect_uris")
	if err != nil {
		uris = nil // another rule refuses them
	}
	return cache.ResolveFor(ctx, id, func(doc *did.Document) bool {
		return !slices.ContainsFunc(uris, func(uri string) bool { return !doc.HasServiceEndpoint(uri, d.ServiceTypes...) })
	})
}

// signers finds the keys of whoever signed the body, whatever they are for.
type signers func(ctx context.Context, kid string) ([]credential.Key, error)

// Keys implements credential.Keys.
func (s signers) Keys(ctx context.Context, _, kid string, _ credential.Relationship) ([]credential.Key, error) {
	return s(ctx, kid)
}

// maxRequestLife bounds exp - iat of a signed body.
const maxRequestLife = time.Hour

// checkSignature: a signed body is the software's own, signed with a key that
// its statement or its DID document names, for this server and once.
func (d *draft) checkSignature(ctx context.Context) error {
	if d.signed == "" {
		return nil
	}
	if err := d.checkDocument(ctx); err != nil { // has the keys
		return err
	}
	signer, find := d.signer(ctx)
	if signer == "" {
		return ruleSigned.Refuse(credential.CodeInvalid, "A signed registration needs a software statement that names the software and its keys.")
	}
	// A signed body has the form of a statement, by the software about itself.
	verifier := &credential.Statements{Profile: d.Profile, Anchors: []string{signer}, Keys: find, Clock: d.Clock}
	s, err := verifier.Verify(ctx, d.signed)
	if err != nil {
		return invalid(ruleSigned, "The registration is not signed by the software that it is for, or not in its time.").Because(err)
	}
	body := members(s.Claims)
	if slices.ContainsFunc(notRegistration, func(name string) bool { return len(body[name]) > 0 }) {
		return invalid(ruleUse, "The signed registration is a JWT of another use.")
	}
	audience, err := body.texts("aud")
	if err != nil {
		audience = []string{body.text("aud")}
	}
	ours := append([]string{d.Issuer, d.URL}, d.Audiences...)
	if !slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(ours, one) }) {
		return invalid(ruleSigned, "The signed registration is for another audience.")
	}
	if s.Expires.Sub(s.Issued) > maxRequestLife {
		return invalid(ruleSigned, "The signed registration lives longer than an hour.")
	}
	d.once, d.till = "registration:"+audit.Hash(signer+"\x00"+s.ID), s.Expires.Add(d.Profile.RequestObject.Skew)
	d.proven, d.algs = true, append(d.algs, s.Alg)
	return nil
}

// signer tells who must have signed the body, and where his keys are.
func (d *draft) signer(ctx context.Context) (string, signers) {
	if d.document != nil {
		return d.reg.DID, func(_ context.Context, kid string) ([]credential.Key, error) {
			return d.document.Keys(did.Authentication, kid), nil
		}
	}
	if d.statement == nil {
		return "", nil
	}
	claims := d.claims()
	set, err := d.keySet(ctx, claims["jwks"], claims.text("jwks_uri"))
	return d.statement.SoftwareID, func(ctx context.Context, kid string) ([]credential.Key, error) {
		if err != nil {
			return nil, err
		}
		return d.keysOf().Keys(ctx, "", &storage.ClientMetadata{JWKS: set}, kid)
	}
}

// useUp marks a presentation and a signed body as used.
func (d *draft) useUp(ctx context.Context) error {
	if d.shown != nil {
		if err := d.Entities.UseUp(ctx, d.shown); err != nil {
			return err
		}
	}
	if d.once == "" {
		return nil
	}
	fresh, err := atomic.UseOnce(ctx, d.Once, d.once, d.till)
	if err == nil && !fresh {
		err = invalid(ruleSigned, "The signed registration has been used before.")
	}
	return err
}

// checkControl: nobody registers the DID of another, whose registration he
// would then manage; but for a holder whom the policy lets present for another
// of his trust domain (MEF W128 R10).
func (d *draft) checkControl(context.Context) error {
	entity := d.reg.Entity
	if d.reg.DID == "" || d.proven || entity != nil && BindingOf(entity).Client() == d.reg.DID {
		return nil
	}
	return invalid(ruleControl, "Nothing shows that the DID is the client's own: an entity presentation or a signed registration would.")
}

// keySet is the JWK Set by value, else what is at the URL.
func (d *draft) keySet(ctx context.Context, byValue json.RawMessage, uri string) (json.RawMessage, error) {
	if len(byValue) > 0 {
		return byValue, nil
	}
	return d.fetch(ctx, uri)
}
