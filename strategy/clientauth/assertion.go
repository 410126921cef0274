// Package clientauth authenticates clients: [Assertion] by private_key_jwt
// (RFC 7523, OpenID Connect Core §9), [Certificate] by tls_client_auth and
// self_signed_tls_client_auth (RFC 8705 §2).
//
//	verifier := &clientauth.Assertion{Profile: &p, Audiences: audiences, Keys: keys, Once: records, Clock: time.Now}
//	presented, err := clientauth.Present(assertion) // tells the client, unverified
//	err = verifier.Authenticate(ctx, presented, metadata)
//
// The assertion's jti is consumed by one atomic statement, last of all, so that
// an assertion which is refused was not used up. Who has something else to
// check before that calls [Assertion.Verify] and [Assertion.UseUp].
//
// Deliberately absent: client_secret_jwt, since the library verifies no HMAC.
package clientauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// AssertionType is the client_assertion_type of RFC 7523 §2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// MaxBytes bounds a client assertion.
const MaxBytes = 8 << 10

// Assertion verifies client assertions. It is safe for concurrent use.
type Assertion struct {
	Profile *profile.Profile
	// Audiences are the values of which aud must contain one: the issuer and
	// the URLs of the endpoints that authenticate clients.
	Audiences []string
	Keys      key.Resolver
	Once      storage.Once
	Clock     func() time.Time
}

const (
	ruleMethod    profile.Rule = "FAPI-5.2.2-14"
	ruleAlg       profile.Rule = "FAPI-8.6-1"
	ruleHeader    profile.Rule = "FAPI-8.9-2"
	ruleKid       profile.Rule = "MEF-R42"
	ruleExpired   profile.Rule = "MEF-R41"
	ruleSignature profile.Rule = "RFC7523-3-9"
	ruleIss       profile.Rule = "RFC7523-3-1"
	ruleSub       profile.Rule = "RFC7523-3-2"
	ruleAud       profile.Rule = "RFC7523-3-3"
	ruleExp       profile.Rule = "RFC7523-3-4"
	ruleNbf       profile.Rule = "RFC7523-3-5"
	ruleIat       profile.Rule = "RFC7523-3-6"
	ruleJTI       profile.Rule = "RFC7523-3-7"
)

// Presented is a client assertion that somebody presents, not verified yet.
type Presented struct {
	signed *jose.Signed
	// ClientID is the client that it speaks for. It tells whose keys to look
	// for, and nothing else.
	ClientID string
}

// Alg returns the algorithm in the assertion's header.
func (p *Presented) Alg() string { return p.signed.Alg }

// Present looks at the form of an assertion and whom it speaks for.
func Present(assertion string) (*Presented, error) {
	signed, err := jose.ParseSigned(assertion, MaxBytes)
	if err != nil {
		return nil, refuseForm(err)
	}
	claims, err := signed.Unverified()
	if err != nil {
		return nil, refuseForm(err)
	}
	sub, err := claims.String("sub")
	if err != nil || sub == "" || !profile.IsVisible(sub) {
		return nil, ruleSub.InvalidClient("The client assertion has no sub.").Because(err)
	}
	return &Presented{signed, sub}, nil
}

// Authenticate verifies the assertion for its client, whose metadata are m,
// and uses up its jti. Its errors are those of Verify and UseUp.
func (a *Assertion) Authenticate(ctx context.Context, p *Presented, m *storage.ClientMetadata) error {
	v, err := a.Verify(ctx, p, m)
	if err != nil {
		return err
	}
	return a.UseUp(ctx, v)
}

// Verified is a client assertion that is the client's and in its time. It
// proves nothing until UseUp took it.
type Verified struct {
	clientID, jti string
	exp           time.Time
}

// Verify verifies the assertion for its client, whose metadata are m, and
// changes nothing. Every error is a *profile.Violation with invalid_client.
func (a *Assertion) Verify(ctx context.Context, p *Presented, m *storage.ClientMetadata) (*Verified, error) {
	if !a.Profile.AcceptsAlg(p.signed.Alg, m.TokenEndpointAuthSigningAlg) {
		return nil, ruleAlg.InvalidClient("The client assertion's alg is not accepted from this client.")
	}
	if err := p.signed.CheckTyp("client-authentication+jwt"); err != nil {
		return nil, refuseForm(err)
	}
	keys, err := a.Keys.Keys(ctx, p.ClientID, m, p.signed.Kid)
	if err != nil {
		rule := ruleSignature
		if errors.Is(err, key.ErrExpired) {
			rule = ruleExpired
		}
		return nil, rule.InvalidClient("The client assertion is not signed with a key of the client.").Because(err)
	}
	claims, err := p.signed.Verify(keys, a.Profile.MinRSABits)
	if err != nil {
		return nil, refuseForm(err)
	}
	return a.checkClaims(claims, p.ClientID)
}

func refuseForm(err error) error {
	rule := ruleMethod
	switch {
	case errors.Is(err, jose.ErrHeader), errors.Is(err, jose.ErrTyp):
		rule = ruleHeader
	case errors.Is(err, jose.ErrAlg):
		rule = ruleAlg
	case errors.Is(err, jose.ErrKid):
		rule = ruleKid
	case errors.Is(err, jose.ErrSignature):
		rule = ruleSignature
	}
	return rule.InvalidClient("The client assertion is malformed or not signed with a key of the client.").Because(err)
}

func (a *Assertion) checkClaims(claims jose.Object, clientID string) (*Verified, error) {
	if iss, err := claims.String("iss"); err != nil || iss != clientID {
		return nil, ruleIss.InvalidClient("The client assertion's iss is not the client_id.")
	}
	if sub, err := claims.String("sub"); err != nil || sub != clientID {
		return nil, ruleSub.InvalidClient("The client assertion's sub is not the client_id.")
	}
	if aud, err := claims.Strings("aud"); err != nil || !slices.ContainsFunc(aud, a.isAudience) {
		return nil, ruleAud.InvalidClient("The client assertion is for another audience.")
	}
	exp, err := a.checkTimes(claims)
	if err != nil {
		return nil, err
	}
	jti, err := claims.String("jti")
	if err != nil || jti == "" || len(jti) > maxJTI {
		return nil, ruleJTI.InvalidClient("The client assertion has no jti.")
	}
	return &Verified{clientID, jti, exp}, nil
}

func (a *Assertion) isAudience(aud string) bool { return slices.Contains(a.Audiences, aud) }

func (a *Assertion) checkTimes(claims jose.Object) (time.Time, error) {
	now, skew, longest := a.Clock(), a.Profile.RequestObject.Skew, a.Profile.TTL.Assertion
	exp, err := claims.Time("exp")
	if err != nil || exp.IsZero() || !exp.After(now.Add(-skew)) || exp.After(now.Add(longest+skew)) {
		return exp, ruleExp.InvalidClient("The client assertion's exp is missing, past or too far ahead.")
	}
	if nbf, err := claims.Time("nbf"); err != nil || nbf.After(now.Add(skew)) {
		return exp, ruleNbf.InvalidClient("The client assertion is not valid yet.")
	}
	iat, err := claims.Time("iat")
	if err != nil || iat.After(now.Add(skew)) || (!iat.IsZero() && exp.Sub(iat) > longest) {
		return exp, ruleIat.InvalidClient("The client assertion's iat is not a date in the past, or it lives too long.")
	}
	return exp, nil
}

const maxJTI = 512

// UseUp remembers the jti per client, so that no client can use up the
// identifiers of another, until nobody would take the assertion any more. Every
// error is a *profile.Violation: invalid_client if the jti was used before,
// temporarily_unavailable when the store failed.
func (a *Assertion) UseUp(ctx context.Context, v *Verified) error {
	sum := sha256.Sum256([]byte(v.clientID + "\x00" + v.jti))
	err := a.Once.UseOnce(ctx, "assertion:"+base64.RawURLEncoding.EncodeToString(sum[:]), v.exp.Add(a.Profile.RequestObject.Skew))
	switch {
	case errors.Is(err, storage.ErrUsed):
		return ruleJTI.InvalidClient("The client assertion has been used before.")
	case err != nil:
		return profile.Unavailable(err)
	}
	return nil
}
