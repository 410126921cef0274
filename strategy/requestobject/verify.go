package requestobject

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// MaxBytes bounds a request object.
const MaxBytes = 32 << 10

// Verifier checks request objects. It is safe for concurrent use.
type Verifier struct {
	Profile *profile.Profile
	Issuer  string
	Keys    key.Resolver
	Clock   func() time.Time
	// Own has the server's decryption keys; nil means that no encrypted object
	// can be opened.
	Own *key.Ring
}

// Object is a request object whose signature verified.
type Object struct {
	members jose.Object
	// Alg is the JWS algorithm it was signed with.
	Alg string
	// ID is its jti, "" if it has none; Expires is set by CheckTimes.
	ID      string
	Expires time.Time
}

// Open looks at the form of the object and its header, decrypts it if it is a
// JWE and the profile accepts that, finds the client's key by kid, verifies the signature, and checks that the object is this client's
// own and refers to no other. Every error is a *profile.Violation; none of
// them may be redirected.
func (v *Verifier) Open(ctx context.Context, raw, clientID string, m *storage.ClientMetadata) (*Object, error) {
	signed, err := v.parse(raw, m)
	if err != nil {
		return nil, err
	}
	if err := v.checkHeader(signed, m); err != nil {
		return nil, err
	}
	keys, err := v.Keys.Keys(ctx, clientID, m, signed.Kid)
	if err != nil {
		rule := ruleKey
		if errors.Is(err, key.ErrExpired) {
			rule = ruleExpired
		}
		return nil, rule.InvalidRequestObject("The request object is not signed with a key of the client.").Because(err)
	}
	members, err := signed.Verify(keys, v.Profile.MinRSABits)
	if err != nil {
		return nil, refuseForm(err)
	}
	object := &Object{members: members, Alg: signed.Alg}
	return object, v.checkSender(object, clientID)
}

const (
	ruleJWS       profile.Rule = "MEF-R24"
	rulePayload   profile.Rule = "MEF-R25"
	ruleSignature profile.Rule = "MEF-R39"
	ruleKid       profile.Rule = "MEF-R42"
	ruleAlg       profile.Rule = "MEF-R43"
	ruleNone      profile.Rule = "MEF-R51"
	ruleRS256     profile.Rule = "FAPI-8.6-1"
	ruleKey       profile.Rule = "MEF-R44"
	ruleExpired   profile.Rule = "MEF-R41"
	ruleSub       profile.Rule = "RFC9101-10.8"
	ruleHeader    profile.Rule = "FAPI-8.9-2"
	ruleTyp       profile.Rule = "RFC8725-3.11"
	ruleClientID  profile.Rule = "MEF-R14"
	ruleIss       profile.Rule = "C-19"
	ruleNested    profile.Rule = "RFC9101-4"
	ruleExp       profile.Rule = "FAPI-5.2.2-13"
	ruleAud       profile.Rule = "FAPI-5.2.2-15"
	ruleNbf       profile.Rule = "FAPI-5.2.2-17"
	ruleIat       profile.Rule = "RFC7519-4.1.6"
	ruleType      profile.Rule = "RFC9101-4"
)

// refuseForm maps what the gate found to the rule that says so.
func refuseForm(err error) error {
	rule, text := ruleJWS, "The request object is not a JWS in compact serialization."
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		text = "The request object is too large."
	case errors.Is(err, jose.ErrHeader):
		rule, text = ruleHeader, "The request object's header has a member that is not accepted."
	case errors.Is(err, jose.ErrAlg):
		rule, text = ruleAlg, "The request object's alg is missing."
	case errors.Is(err, jose.ErrKid):
		rule, text = ruleKid, "The request object's header has no kid."
	case errors.Is(err, jose.ErrTyp):
		rule, text = ruleTyp, "The request object's typ is not one of a request object."
	case errors.Is(err, jose.ErrSignature):
		rule, text = ruleSignature, "The request object is not signed with a key of the client."
	case errors.Is(err, jose.ErrPayload):
		rule, text = rulePayload, "The request object's payload is not one JSON object without duplicate members."
	}
	return rule.InvalidRequestObject(text).Because(err)
}

func (v *Verifier) checkHeader(signed *jose.Signed, m *storage.ClientMetadata) error {
	if !v.Profile.AcceptsAlg(signed.Alg, m.RequestObjectSigningAlg) {
		return ruleOf(signed.Alg).InvalidRequestObject("The request object's alg is not accepted from this client.")
	}
	if err := signed.CheckTyp("oauth-authz-req+jwt"); err != nil {
		return refuseForm(err)
	}
	return nil
}

// ruleOf names the requirement that the algorithm breaks.
func ruleOf(alg string) profile.Rule {
	switch {
	case alg == "none":
		return ruleNone
	case strings.HasPrefix(alg, "HS"):
		return ruleSignature
	case alg == string(profile.RS256):
		return ruleRS256
	}
	return ruleAlg
}

// checkSender: the object names the client that sent it, is not a JWT for
// another use, and refers to no other object.
func (v *Verifier) checkSender(o *Object, clientID string) error {
	if id, err := o.members.String("client_id"); err != nil || id != clientID {
		return ruleClientID.InvalidRequestObject("The request object's client_id is not that of the request.")
	}
	iss, err := o.members.String("iss")
	if err != nil || (iss != clientID && (o.members.Has("iss") || v.Profile.RequestObject.RequireIss)) {
		return ruleIss.InvalidRequestObject("The request object's iss is not the client_id.")
	}
	if o.members.Has("request") || o.members.Has("request_uri") {
		return ruleNested.InvalidRequestObject("The request object refers to another request object.")
	}
	// RFC 9101 §10.8: an object with sub = client_id would serve as a client
	// assertion as well.
	if sub, err := o.members.String("sub"); err != nil || sub == clientID {
		return ruleSub.InvalidRequestObject("The request object has the sub of a client assertion.")
	}
	return nil
}

// CheckTimes checks aud, exp, nbf, iat and the form of jti against the
// verifier's clock, and notes Expires and ID. Every error is a
// *profile.Violation.
func (v *Verifier) CheckTimes(o *Object) error {
	now := v.Clock()
	for _, check := range []func(*Object, time.Time) error{v.checkAud, v.checkExp, v.checkNbf, v.checkIat} {
		if err := check(o, now); err != nil {
			return err
		}
	}
	id, err := o.members.String("jti")
	if err != nil || len(id) > maxJTI {
		return ruleType.InvalidRequestObject("The request object's jti is not a string of at most 512 bytes.")
	}
	o.ID = id
	return nil
}

const maxJTI = 512

func (v *Verifier) checkAud(o *Object, _ time.Time) error {
	aud, err := o.members.Strings("aud")
	if err != nil || !slices.Contains(aud, v.Issuer) {
		return ruleAud.InvalidRequestObject("The request object's aud does not contain the issuer.")
	}
	return nil
}

func (v *Verifier) checkExp(o *Object, now time.Time) error {
	exp, err := o.members.Time("exp")
	if err != nil || exp.IsZero() {
		return ruleExp.InvalidRequestObject("The request object has no exp.")
	}
	if !exp.After(now.Add(-v.Profile.RequestObject.Skew)) {
		return ruleExp.InvalidRequestObject("The request object has expired.")
	}
	o.Expires = exp
	return nil
}

func (v *Verifier) checkNbf(o *Object, now time.Time) error {
	rules := v.Profile.RequestObject
	nbf, err := o.members.Time("nbf")
	switch {
	case err != nil || nbf.IsZero():
		return ruleNbf.InvalidRequestObject("The request object has no nbf.")
	case nbf.After(now.Add(rules.Skew)):
		return ruleNbf.InvalidRequestObject("The request object is not valid yet.")
	case nbf.Before(now.Add(-rules.MaxNbfAge)):
		return ruleNbf.InvalidRequestObject("The request object's nbf is too long ago.")
	case o.Expires.Sub(nbf) > rules.MaxLifetime:
		return ruleExp.InvalidRequestObject("The request object lives too long.")
	}
	return nil
}

// checkIat: iat is optional, but one that is there must be a date that is not
// ahead.
func (v *Verifier) checkIat(o *Object, now time.Time) error {
	iat, err := o.members.Time("iat")
	if err != nil || iat.After(now.Add(v.Profile.RequestObject.Skew)) {
		return ruleIat.InvalidRequestObject("The request object's iat is not a date in the past.")
	}
	return nil
}
