package credential

import (
	"strings"
	"time"
	"unicode"
)

// Binding is what a verified entity credential says of a client, to be kept
// with it. It is a value and safe to store as JSON.
type Binding struct {
	// Identifier is the entity credential's subject: the client, or its
	// delegator. Holder is who presented it, mostly the same.
	Identifier string `json:"identifier"`
	Holder     string `json:"holder"`
	// Delegator is the identifier, a DID, on whose behalf the client may act,
	// and DelegationID the credential that says so; both are empty if there is
	// none.
	Delegator    string `json:"delegator,omitempty"`
	DelegationID string `json:"delegation_id,omitempty"`
	// LegalName is shown to the user at consent. LEI is a Legal Entity
	// Identifier (ISO 17442) whose check digits are right. Those after it are
	// as the issuer says. All but LegalName may be empty.
	LegalName   string `json:"legal_name"`
	LEI         string `json:"lei,omitempty"`
	TrustDomain string `json:"trust_domain,omitempty"`
	MEFID       string `json:"mef_id,omitempty"`
	// CredentialID is the entity credential's identifier, and Digest the
	// SHA-256 of its token without the signature, base64url.
	CredentialID string `json:"credential_id"`
	Digest       string `json:"digest"`
	// Issuer issued the entity credential. Anchor is the accepted issuer at
	// the end of the chain, empty for a self-issued one.
	Issuer string `json:"issuer"`
	Anchor string `json:"anchor,omitempty"`
	// Status are the status entries of all credentials of the chain, and of the
	// delegation and its issuer's chain.
	Status []StatusEntry `json:"status,omitempty"`
	// Expires is when the first of these credentials expires, zero for never.
	// NextCheck is when Recheck asks for the status again.
	Expires   time.Time `json:"expires,omitzero"`
	NextCheck time.Time `json:"next_check"`
	// Algs are the algorithms of the presentation and of each of these
	// credentials, for an audit.
	Algs []string `json:"-"`
}

// Client is the identifier of the client itself. One that has no entity
// credential but its delegator's is the holder.
func (b Binding) Client() string {
	if b.Identifier == b.Delegator {
		return b.Holder
	}
	return b.Identifier
}

// bind reads the entity credential. The credentials have verified; the last
// one ends the entity's chain.
func (v *Verifier) bind(p *vp, e *evidence, credentials []*vc) (Binding, error) {
	entity, end := e.entity, credentials[len(credentials)-1]
	b := Binding{
		Identifier: entity.subject, Holder: p.holder, CredentialID: entity.id, Digest: entity.digest,
		Issuer: entity.issuer, Algs: []string{p.signed.Alg},
	}
	if v.isAnchor(end.issuer) { // else it issued its credential itself
		b.Anchor = end.issuer
	}
	for _, c := range credentials {
		b.Status = append(b.Status, c.status...)
		b.Algs = append(b.Algs, c.signed.Alg)
		if until := c.valid.until; b.Expires.IsZero() || !until.IsZero() && until.Before(b.Expires) {
			b.Expires = until
		}
	}
	if err := v.readEntity(&b, entity); err != nil {
		return b, err
	}
	return b, b.bindDelegation(e)
}

const maxClaim = 256 // bytes of a name, a domain or an id

func (v *Verifier) readEntity(b *Binding, entity *vc) error {
	for name, member := range map[string]*string{
		"legalName": &b.LegalName, "lei": &b.LEI, "trustDomain": &b.TrustDomain, "mefId": &b.MEFID,
	} {
		text, err := entity.about.String(name)
		if err != nil || len(text) > maxClaim || strings.ContainsFunc(text, unprintable) {
			return invalid(ruleEntity, "A member of the entity credential is not a printable string, or too long.")
		}
		*member = text
	}
	switch {
	case strings.TrimSpace(b.LegalName) == "":
		return invalid(ruleEntity, "The entity credential names no legal entity.")
	case b.LEI == "" && v.Policy.RequireLEI:
		return invalid(ruleLEI, "The entity credential has no LEI.")
	case b.LEI != "" && !ValidLEI(b.LEI):
		return invalid(ruleLEI, "The entity credential's LEI is wrong.")
	}
	return nil
}

// unprintable: a name is shown to people who decide by it. Control and format
// characters would let it show as another.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// ValidLEI reports whether s is a Legal Entity Identifier: 18 digits and
// capital letters and two check digits, by which it is 1 modulo 97
// (ISO 17442-1 §4, ISO 7064).
func ValidLEI(s string) bool {
	if len(s) != 20 {
		return false
	}
	remainder := 0
	for i, r := range []byte(s) {
		switch {
		case r >= '0' && r <= '9':
			remainder = (remainder*10 + int(r-'0')) % 97
		case r >= 'A' && r <= 'Z' && i < 18:
			remainder = (remainder*100 + int(r-'A') + 10) % 97
		default:
			return false
		}
	}
	return remainder == 1
}
