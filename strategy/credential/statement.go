package credential

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// MaxStatement bounds a software statement, in bytes.
const MaxStatement = 64 << 10

// Statements verifies software statements: JWTs in which a directory says what
// a client is (RFC 7591 §2.3). It is safe for concurrent use.
type Statements struct {
	Profile *profile.Profile
	// Anchors are the issuers that the server accepts, by their iss.
	Anchors []string
	// Keys finds the keys of the anchors: in a JWK Set with KeySets, or the
	// assertionMethod of a DID.
	Keys Keys
	// MaxAge bounds now - iat. With 0, every statement must have an exp;
	// otherwise one without lives that long: the directories of UK Open
	// Banking issue such.
	MaxAge time.Duration
	Clock  func() time.Time
}

// Statement is a software statement that verified.
type Statement struct {
	// Issuer, ID and the times are iss, jti, iat and exp; Expires is zero if
	// there is none.
	Issuer, ID      string
	Issued, Expires time.Time
	// The members that the library itself looks at; empty if absent.
	SoftwareID, SoftwareVersion, OrgID, TrustDomain string
	// Alg is the JWS algorithm that it was signed with.
	Alg string
	// Claims has every member, client metadata among them. Those win over what
	// the client asks for itself.
	Claims map[string]json.RawMessage
}

// Verify returns the claims of a statement that an anchor signed. Every error
// is a *profile.Violation: CodeUnapproved if the issuer is no anchor, else
// CodeInvalid. No statement at all is invalid.
func (v *Statements) Verify(ctx context.Context, statement string) (*Statement, error) {
	if statement == "" {
		return nil, invalid(ruleStatement, "A software statement is required.")
	}
	signed, err := jose.ParseSigned(statement, MaxStatement)
	if err == nil {
		err = signed.CheckTyp()
	}
	if err != nil {
		return nil, refuseSignature(ruleStatement, "The software statement is no JWT of that use.", err)
	}
	claims, err := signed.Unverified()
	if err != nil {
		return nil, invalid(ruleStatement, "The software statement's payload is malformed.").Because(err)
	}
	for _, member := range []string{"vc", "vp", "credentialSubject"} {
		if claims.Has(member) { // a directory may issue those with the same key
			return nil, invalid(ruleUse, "The software statement is a credential or a presentation.")
		}
	}
	issuer, err := claims.String("iss")
	if err != nil || issuer == "" {
		return nil, invalid(ruleStatement, "The software statement has no iss.")
	}
	if !slices.Contains(v.Anchors, issuer) {
		return nil, unapproved(ruleDirectory, "The software statement's issuer is not accepted.")
	}
	if err := verify(ctx, v.Profile, v.Keys, signed, issuer, AssertionMethod); err != nil {
		return nil, refuseSignature(ruleStatement, "The software statement is not signed by its issuer as the profile wants.", err)
	}
	s := &Statement{Issuer: issuer, Alg: signed.Alg, Claims: claims}
	if err := s.read(claims); err != nil {
		return nil, err
	}
	if err := v.checkTimes(s, claims); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Statement) read(claims jose.Object) error {
	for name, member := range map[string]*string{
		"jti": &s.ID, "software_id": &s.SoftwareID, "software_version": &s.SoftwareVersion,
		"org_id": &s.OrgID, "trust_domain": &s.TrustDomain,
	} {
		text, err := claims.String(name)
		if err != nil || len(text) > maxIdentifier {
			return invalid(ruleStatement, "A member of the software statement is not a string, or too long.")
		}
		*member = text
	}
	if s.ID == "" {
		return invalid(ruleStatement, "The software statement has no jti.")
	}
	return nil
}

func (v *Statements) checkTimes(s *Statement, claims jose.Object) error {
	now, skew := v.Clock(), v.Profile.RequestObject.Skew
	var err error
	if s.Issued, err = claims.Time("iat"); err != nil || s.Issued.IsZero() || s.Issued.After(now.Add(skew)) {
		return invalid(ruleStatement, "The software statement's iat is not a date in the past.")
	}
	if nbf, err := claims.Time("nbf"); err != nil || nbf.After(now.Add(skew)) {
		return invalid(ruleStatement, "The software statement is not valid yet.")
	}
	if s.Expires, err = claims.Time("exp"); err != nil || s.Expires.IsZero() && (claims.Has("exp") || v.MaxAge == 0) {
		return invalid(ruleStatement, "The software statement has no exp.")
	}
	expired := !s.Expires.IsZero() && !s.Expires.After(now.Add(-skew))
	if expired || v.MaxAge > 0 && now.Sub(s.Issued) > v.MaxAge+skew {
		return invalid(ruleStatement, "The software statement has expired.")
	}
	return nil
}
