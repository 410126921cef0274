package credential

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// maxCredential bounds one credential, in bytes.
const maxCredential = 32 << 10

// vc is a credential whose signature was not looked at yet.
type vc struct {
	*document
	id, issuer, subject string
	about               jose.Object // credentialSubject
	valid               span
	status              []StatusEntry
	digest              string // of the token without its signature
}

// parseVC reads a credential of either version, up to limit bytes.
func parseVC(token string, limit int) (*vc, error) {
	d := credentialForm.parse(token, limit)
	if d == nil {
		return nil, invalid(ruleForm, "A credential is no JWT of VCDM 1.1 or 2.0, or not of the profile's form.")
	}
	c := &vc{document: d}
	var ok bool
	if c.valid, ok = d.span(); !ok {
		return nil, invalid(ruleForm, "A credential's dates cannot be read.")
	}
	iss, err1 := d.claims.String("iss")
	issuer, err2 := identifier(d.body, "issuer")
	if c.issuer = same(iss, err1, issuer, err2); !isParty(c.issuer) || d.version == V2 && issuer == "" {
		return nil, invalid(ruleEntity, "A credential names no issuer, or two.")
	}
	if err := c.readSubject(); err != nil {
		return nil, err
	}
	if err := c.readID(); err != nil {
		return nil, err
	}
	// Of what was signed: a signature of ECDSA has a second form.
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	c.digest = base64.RawURLEncoding.EncodeToString(sum[:])
	var err error
	c.status, err = parseStatus(d.body["credentialStatus"], c.id, c.issuer)
	return c, err
}

// readSubject: the credential is about exactly one subject, which sub and
// credentialSubject.id name alike.
func (c *vc) readSubject() error {
	subjects, ok := elements(c.body["credentialSubject"])
	if ok && len(subjects) == 1 {
		c.about = object(jose.Object{"": subjects[0]}, "")
	}
	sub, err1 := c.claims.String("sub")
	id, err2 := c.about.String("id")
	if c.subject = same(sub, err1, id, err2); c.about == nil || c.subject == "" || len(c.subject) > maxIdentifier {
		return invalid(ruleSubject, "A credential names no subject, or two.")
	}
	return nil
}

// readID: the identifier is the credential's own and can be resolved; a urn:uuid
// cannot, and that of its issuer or subject is not its own.
func (c *vc) readID() error {
	jti, err1 := c.claims.String("jti")
	id, err2 := c.body.String("id")
	if c.id = same(jti, err1, id, err2); !isHTTPS(c.id) && !isDIDURL(c.id) || isDID(c.id) || c.id == c.issuer || c.id == c.subject {
		return invalid(ruleID, "A credential has no identifier that is an https URL or a DID URL.")
	}
	return nil
}

func (c *vc) isOf(types []string) bool {
	return slices.ContainsFunc(c.types, func(t string) bool { return slices.Contains(types, t) })
}

func (c *vc) selfIssued() bool { return c.issuer == c.subject }
