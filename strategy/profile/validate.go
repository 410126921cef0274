package profile

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Validate names every contradiction in p, or returns nil. compose.New calls
// it.
func (p *Profile) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("profile %q: "+format, append([]any{p.Name}, args...)...))
		}
	}
	check(p.Name != "", "Name is empty; start from a preset such as profile.MEFLSO()")
	p.validateAlgs(check)
	p.validateRequests(check)
	p.validateIdentity(check)
	p.validateLifetimes(check)
	return errors.Join(errs...)
}

type checker func(ok bool, format string, args ...any)

func (p *Profile) validateAlgs(check checker) {
	known := []Alg{ES256, ES384, ES512, PS256, PS384, PS512, EdDSA}
	check(len(p.SigningAlgs) > 0, "SigningAlgs is empty")
	for i, a := range p.SigningAlgs {
		check(!slices.Contains(p.SigningAlgs[:i], a), "SigningAlgs has %q twice", a)
		check(a != RS256, "RS256 in SigningAlgs; it is turned on by AllowRS256 alone, so that nobody lists it by habit (FAPI-8.6-1)")
		check(a == RS256 || slices.Contains(known, a), "SigningAlgs has %q; only %v are signatures that the library verifies (MEF-R39, MEF-R51: no none, no HMAC)", a, known)
	}
	check(slices.Contains(p.SigningAlgs, p.PreferredSigningAlg.Canonical()), "PreferredSigningAlg %q is not in SigningAlgs", p.PreferredSigningAlg)
	check(p.MinRSABits >= 2048, "MinRSABits is %d, below 2048 (BASE-5.2.2-5)", p.MinRSABits)
	check(p.EdDSAHash == SHA512 || p.EdDSAHash == SHA3256, "EdDSAHash %q is neither %q nor %q", p.EdDSAHash, SHA512, SHA3256)
}

func (p *Profile) validateRequests(check checker) {
	check(slices.Equal(p.ResponseTypes, []string{"code id_token"}), "ResponseTypes %q; only \"code id_token\" is safe without JARM (FAPI-5.2.2-2)", p.ResponseTypes)
	check(slices.Equal(p.ResponseModes, []string{"fragment"}), "ResponseModes %q; code id_token is answered in the fragment (FAPI-5.2.2-2)", p.ResponseModes)
	check(slices.Equal(p.RequestDelivery, []Delivery{DeliverByValue}), "RequestDelivery %q; this release takes request objects by value", p.RequestDelivery)
	check(oneOf(p.OuterParams, IgnoreOuter, MatchOuter), "OuterParams %q is unknown", p.OuterParams)
	check(p.RequireNonce, "RequireNonce is false, but code id_token demands a nonce (BASE-5.2.2.2-1)")
	check(oneOf(p.RequirePKCE, PKCEOptional, PKCEWithPAR, PKCEAlways), "RequirePKCE %q is unknown", p.RequirePKCE)
	check(oneOf(p.ScopeDelimiters, SpaceDelimited, SpaceOrCommaDelimited), "ScopeDelimiters %q is unknown", p.ScopeDelimiters)
	check(slices.Contains(p.RequiredScopes, "openid"), "RequiredScopes lacks openid (MEF-R21)")
	check(!slices.Contains(p.ScopeUmbrellas, ""), "ScopeUmbrellas has an empty name")
	check(!slices.Contains(p.ScopeUmbrellas, "openid"), "ScopeUmbrellas has openid; nothing covers openid")
	r := p.RequestObject
	check(r.MaxLifetime > 0 && r.MaxLifetime <= time.Hour, "RequestObject.MaxLifetime %v is not within 60 min (FAPI-5.2.2-13)", r.MaxLifetime)
	check(r.MaxNbfAge > 0 && r.MaxNbfAge <= time.Hour, "RequestObject.MaxNbfAge %v is not within 60 min (FAPI-5.2.2-17)", r.MaxNbfAge)
	check(r.Skew >= 0 && r.Skew <= time.Minute, "RequestObject.Skew %v is not within 60 s", r.Skew)
}

func (p *Profile) validateIdentity(check checker) {
	check(!p.RequireIntent || p.IntentClaim != "", "RequireIntent is set but IntentClaim is empty (MEF-R26)")
	check(!slices.Contains(takenClaims, p.IntentClaim), "IntentClaim %q is a claim with another meaning", p.IntentClaim)
	check(oneOf(p.SubjectMode, SubjectIntent, SubjectUser), "SubjectMode %q is unknown", p.SubjectMode)
	check(p.SubjectMode != SubjectIntent || p.RequireIntent, "SubjectMode is intent, but intents are not required")
	check(len(p.ACRValues) > 0, "ACRValues is empty, but the acr claim must be present (MEF-R38)")
	for alias, own := range p.ACRAliases {
		check(!slices.Contains(p.ACRValues, alias), "ACRAliases has %q, which is in ACRValues itself", alias)
		check(slices.Contains(p.ACRValues, own), "ACRAliases maps %q to %q, which is not in ACRValues", alias, own)
	}
	check(oneOf(p.UnmetEssentialACR, UnmetACRError, UnmetACRReturnActual), "UnmetEssentialACR %q is unknown", p.UnmetEssentialACR)
	check(slices.Equal(p.ClientAuthMethods, []AuthMethod{PrivateKeyJWT}), "ClientAuthMethods %q; this release authenticates clients by private_key_jwt (FAPI-5.2.2-14)", p.ClientAuthMethods)
}

// takenClaims are claims of the ID Token that an intent must not take the place
// of.
var takenClaims = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp",
	"c_hash", "s_hash", "at_hash", "cnf", "active", "scope", "client_id", "token_type",
}

func (p *Profile) validateLifetimes(check checker) {
	ttl := p.TTL
	check(ttl.Code > 0 && ttl.Code <= 10*time.Minute, "TTL.Code %v is not within 10 min (MEF-10.3.3.1)", ttl.Code)
	check(ttl.AccessToken > 0 && ttl.AccessToken < 10*time.Minute, "TTL.AccessToken %v is not below 10 min, though tokens are not sender-constrained (BASE-5.2.2-21)", ttl.AccessToken)
	check(ttl.IDToken >= time.Minute, "TTL.IDToken %v is below 1 min", ttl.IDToken)
	check(!p.RefreshTokens || ttl.RefreshToken > 0, "TTL.RefreshToken is missing")
	check(ttl.Assertion >= time.Minute && ttl.Assertion <= time.Hour, "TTL.Assertion %v is not between 1 and 60 min", ttl.Assertion)
	check(!p.RequireIntent || ttl.Intent > 0, "TTL.Intent is missing")
	check(ttl.AuthorizeSession >= time.Minute && ttl.AuthorizeSession <= time.Hour, "TTL.AuthorizeSession %v is not between 1 and 60 min", ttl.AuthorizeSession)
}

func oneOf[T comparable](v T, set ...T) bool { return slices.Contains(set, v) }
