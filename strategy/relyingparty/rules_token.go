package relyingparty

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleForm      profile.Rule = "FAPI-5.2.3.1-2"
	ruleEncrypted profile.Rule = "FAPI-5.2.3.1-5"
	ruleAlg       profile.Rule = "FAPI-5.2.3.1-2"
	ruleKid       profile.Rule = "MEF-R42"
	ruleKey       profile.Rule = "MEF-D11"
	ruleSignature profile.Rule = "FAPI-5.2.3.1-3"
	ruleIss       profile.Rule = "MEF-R29"
	ruleAud       profile.Rule = "MEF-R33"
	ruleAzp       profile.Rule = "MEF-CR3"
	ruleExp       profile.Rule = "MEF-R34"
	ruleIat       profile.Rule = "MEF-R35"
	ruleNonce     profile.Rule = "MEF-R37"
)

const maxTokenAge = 10 * time.Minute // of a JWT that just came

// expected is what a JWT of the server has to be, and the requirements that
// say so.
type expected struct {
	name       string
	alg        profile.Alg
	encryption Encryption

	form, encrypted, algorithm, kid, key, signature, iss profile.Rule
}

func (c *Client) idToken() *expected {
	return &expected{
		name: "the ID Token", alg: c.config.IDTokenAlg, encryption: c.config.IDTokenEncryption,
		form: ruleForm, encrypted: ruleEncrypted, algorithm: ruleAlg, kid: ruleKid, key: ruleKey, signature: ruleSignature, iss: ruleIss,
	}
}

func (a *answer) refuse(reason Reason, rule profile.Rule, text string) *Abort {
	return abort(reason, rule, a.expected.name+text)
}

// checkAlg: a signed token, and with the one registered algorithm. A token
// without kid is refused here too, as the gate never looks without one.
func (c *Client) checkAlg(_ context.Context, a *answer) error {
	signed, err := c.open(a)
	if signed != nil && signed.Alg != "" && profile.Alg(signed.Alg).Canonical() != a.expected.alg.Canonical() {
		return a.refuse(ReasonAlg, a.expected.algorithm, "'s alg is not the registered one")
	}
	var refused *Abort
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, jose.ErrAlg):
		return a.refuse(ReasonAlg, a.expected.algorithm, " has no alg")
	case errors.Is(err, jose.ErrKid):
		return a.refuse(ReasonKey, a.expected.kid, " has no kid")
	case err != nil:
		return a.refuse(ReasonForm, a.expected.form, " is no JWS in compact serialization").because(err)
	}
	if err := signed.CheckTyp(); err != nil {
		return a.refuse(ReasonForm, a.expected.form, "'s typ is another's").because(err)
	}
	a.signed = signed
	return nil
}

// findKey looks in the issuer's key set, which is fetched again, once, for an
// unknown kid.
func (c *Client) findKey(ctx context.Context, a *answer) error {
	keys, err := c.keys.Keys(ctx, c.config.Issuer.Issuer, c.jwks, a.signed.Kid)
	switch {
	case errors.Is(err, key.ErrNoKey):
		return a.refuse(ReasonKey, a.expected.key, " is signed with no key that the issuer publishes")
	case err != nil:
		return a.refuse(ReasonKey, a.expected.key, " cannot be verified: the issuer's keys cannot be had now").because(err)
	}
	a.keys = keys
	return nil
}

func (c *Client) checkSignature(_ context.Context, a *answer) error {
	claims, err := a.signed.Verify(a.keys, minRSABits)
	switch {
	case errors.Is(err, jose.ErrPayload):
		return a.refuse(ReasonForm, a.expected.form, "'s payload is no JSON object without duplicate members")
	case err != nil:
		return a.refuse(ReasonSignature, a.expected.signature, " is verified by no key of the issuer").because(err)
	}
	a.claims = claims
	return nil
}

// checkIss keeps the answers of two servers apart (mix-up).
func (c *Client) checkIss(_ context.Context, a *answer) error {
	iss, err := a.claims.String("iss")
	if err != nil || iss != a.login.Issuer || a.login.Issuer != c.config.Issuer.Issuer {
		return a.refuse(ReasonIss, a.expected.iss, "'s iss is not the issuer of the login")
	}
	return nil
}

func (c *Client) checkAud(_ context.Context, a *answer) error {
	aud, err := a.claims.Strings("aud")
	if err != nil || !slices.Contains(aud, c.config.ClientID) || a.login.ClientID != c.config.ClientID {
		return abort(ReasonAud, ruleAud, "the ID Token is for another client")
	}
	if len(aud) > 1 && !a.claims.Has("azp") {
		return abort(ReasonAud, ruleAud, "the ID Token has several audiences and no azp")
	}
	return nil
}

func (c *Client) checkAzp(_ context.Context, a *answer) error {
	if azp, err := a.claims.String("azp"); err != nil || a.claims.Has("azp") && azp != c.config.ClientID {
		return abort(ReasonAzp, ruleAzp, "the ID Token's azp is another client")
	}
	return nil
}

func (c *Client) checkExp(_ context.Context, a *answer) error {
	exp, err := a.claims.Time("exp")
	if err != nil || !exp.After(a.now.Add(-c.config.Skew)) {
		return abort(ReasonExp, ruleExp, "the ID Token has no exp or has expired")
	}
	return nil
}

func (c *Client) checkIat(_ context.Context, a *answer) error {
	iat, err := a.claims.Time("iat")
	if err != nil || iat.After(a.now.Add(c.config.Skew)) || iat.Before(a.now.Add(-maxTokenAge-c.config.Skew)) {
		return abort(ReasonIat, ruleIat, "the ID Token's iat is missing, ahead or more than ten minutes ago")
	}
	return nil
}

// checkNonce: a refreshed token need not have one (OpenID Connect Core §12.2).
func (c *Client) checkNonce(_ context.Context, a *answer) error {
	if a.refreshed && !a.claims.Has("nonce") {
		return nil
	}
	if nonce, err := a.claims.String("nonce"); err != nil || nonce == "" || !equal(nonce, a.login.Nonce) {
		return abort(ReasonNonce, ruleNonce, "the ID Token's nonce is not that of the login")
	}
	return nil
}
