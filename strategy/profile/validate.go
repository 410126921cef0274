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
	check(oneOf(p.EdDSAHash, SHA512, SHA3256) || p.EdDSAHash == "" && !slices.Contains(p.SigningAlgs, EdDSA), "EdDSAHash %q is neither %q nor %q", p.EdDSAHash, SHA512, SHA3256)
	p.validateEncryption(check)
}

func (p *Profile) validateEncryption(check checker) {
	check(p.AcceptJWE == (len(p.KeyEncAlgs) > 0) && p.AcceptJWE == (len(p.ContentEncAlgs) > 0), "AcceptJWE is %v with %d KeyEncAlgs and %d ContentEncAlgs", p.AcceptJWE, len(p.KeyEncAlgs), len(p.ContentEncAlgs))
	for _, a := range p.KeyEncAlgs {
		check(oneOf(a, RSAOAEP256, RSAOAEP, ECDHES, ECDHESA128KW, ECDHESA256KW), "KeyEncAlgs has %q, which the library does not have (FAPI-8.6.1-1: no RSA1_5)", a)
	}
	for _, a := range p.ContentEncAlgs {
		check(oneOf(a, A256GCM, A128GCM, A256CBCHS512, A128CBCHS256), "ContentEncAlgs has %q, which is no AEAD of the library (MEF-R53)", a)
	}
}

func (p *Profile) validateRequests(check checker) {
	p.validateResponses(check)
	check(len(p.RequestDelivery) > 0, "RequestDelivery is empty")
	for _, d := range p.RequestDelivery {
		check(oneOf(d, DeliverByValue, DeliverByPAR), "RequestDelivery has %q; only %q and %q are taken", d, DeliverByValue, DeliverByPAR)
	}
	check(!p.Delivers(DeliverByPAR) || p.RequirePKCE != PKCEOptional, "RequirePKCE is optional, but pushed requests need it (FAPI-5.2.2-18)")
	check(oneOf(p.OuterParams, IgnoreOuter, MatchOuter), "OuterParams %q is unknown", p.OuterParams)
	check(p.RequireNonce, "RequireNonce is false, but openid demands a nonce (BASE-5.2.2.2-1)")
	check(oneOf(p.RequirePKCE, PKCEOptional, PKCEWithPAR, PKCEAlways), "RequirePKCE %q is unknown", p.RequirePKCE)
	check(oneOf(p.ScopeDelimiters, SpaceDelimited, SpaceOrCommaDelimited), "ScopeDelimiters %q is unknown", p.ScopeDelimiters)
	check(!p.RequireIntent || slices.Contains(p.RequiredScopes, "openid"), "RequiredScopes lacks openid, though the ID Token carries the intent (MEF-R21)")
	check(!slices.Contains(p.ScopeUmbrellas, ""), "ScopeUmbrellas has an empty name")
	check(!slices.Contains(p.ScopeUmbrellas, "openid"), "ScopeUmbrellas has openid; nothing covers openid")
	r := p.RequestObject
	check(r.MaxLifetime > 0 && r.MaxLifetime <= time.Hour, "RequestObject.MaxLifetime %v is not within 60 min (FAPI-5.2.2-13)", r.MaxLifetime)
	check(r.MaxNbfAge > 0 && r.MaxNbfAge <= time.Hour, "RequestObject.MaxNbfAge %v is not within 60 min (FAPI-5.2.2-17)", r.MaxNbfAge)
	check(r.Skew >= 0 && r.Skew <= time.Minute, "RequestObject.Skew %v is not within 60 s", r.Skew)
}

func (p *Profile) validateResponses(check checker) {
	check(len(p.ResponseTypes) > 0, "ResponseTypes is empty")
	for _, t := range p.ResponseTypes {
		check(oneOf(t, "code id_token", "code"), "ResponseTypes has %q; only \"code id_token\" and \"code\" are safe (FAPI-5.2.2-2)", t)
	}
	for _, m := range p.ResponseModes {
		check(oneOf(m, "fragment", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"), "ResponseModes has %q, in which an answer is not protected (FAPI-5.2.2-2)", m)
	}
	check(!slices.Contains(p.ResponseTypes, "code id_token") || slices.Contains(p.ResponseModes, "fragment"), "ResponseModes lacks fragment, in which code id_token is answered")
	check(!slices.Contains(p.ResponseTypes, "code") || p.HasJARM(), "ResponseTypes has code, but ResponseModes has no mode of JARM (FAPI-5.2.2-2)")
}

func (p *Profile) validateIdentity(check checker) {
	check(!p.RequireIntent || p.IntentClaim != "", "RequireIntent is set but IntentClaim is empty (MEF-R26)")
	check(!slices.Contains(takenClaims, p.IntentClaim), "IntentClaim %q is a claim with another meaning", p.IntentClaim)
	check(oneOf(p.SubjectMode, SubjectIntent, SubjectUser), "SubjectMode %q is unknown", p.SubjectMode)
	check(p.SubjectMode != SubjectIntent || p.RequireIntent, "SubjectMode is intent, but intents are not required")
	check(p.RequireIntent || p.IntentClaim == "", "IntentClaim is %q, but RequireIntent is false", p.IntentClaim)
	check(!p.RequireIntent || p.SubjectMode != SubjectUser || p.RequireACRClaim, "SubjectMode is user beside an intent, so RequireACRClaim must be true (NZ-5.2.2-9)")
	check(!p.RequireACRClaim || len(p.ACRValues) > 0, "ACRValues is empty, but RequireACRClaim is true (MEF-R38)")
	for alias, own := range p.ACRAliases {
		check(!slices.Contains(p.ACRValues, alias), "ACRAliases has %q, which is in ACRValues itself", alias)
		check(slices.Contains(p.ACRValues, own), "ACRAliases maps %q to %q, which is not in ACRValues", alias, own)
	}
	check(oneOf(p.UnmetEssentialACR, UnmetACRError, UnmetACRReturnActual), "UnmetEssentialACR %q is unknown", p.UnmetEssentialACR)
	p.validateClients(check)
}

func (p *Profile) validateClients(check checker) {
	check(len(p.ClientAuthMethods) > 0, "ClientAuthMethods is empty")
	for _, m := range p.ClientAuthMethods {
		switch m {
		case PrivateKeyJWT, TLSClientAuth, SelfSignedTLSClientAuth:
		case ClientSecretJWT, ClientSecretBasic, ClientSecretPost:
			check(p.SenderConstraint == ConstrainToClient, "ClientAuthMethods has %q, which only a profile with SenderConstraint %q takes (FAPI-5.2.2-14, NZ-5.2.2-5c)", m, ConstrainToClient)
		default:
			check(false, "ClientAuthMethods has %q, which is no method of a confidential client (FAPI-5.2.2-14, FAPI-5.2.2-16)", m)
		}
	}
	check(oneOf(p.SenderConstraint, ConstrainIfMTLS, ConstrainAlways, ConstrainToClient), "SenderConstraint %q is unknown", p.SenderConstraint)
	check(p.TokenEndpointMTLS == p.BindsAll(), "TokenEndpointMTLS is %v with SenderConstraint %q: a bound token needs the certificate at the token endpoint", p.TokenEndpointMTLS, p.SenderConstraint)
	p.validateEntities(check)
	check(p.Headers.InteractionID != "", "Headers.InteractionID is empty (BASE-6.2.1-11)")
	check(p.Headers.LastLogin == "" || oneOf(p.Headers.LastLoginFormat, HTTPDate, RFC3339), "Headers.LastLoginFormat %q is unknown", p.Headers.LastLoginFormat)
}

func (p *Profile) validateEntities(check checker) {
	check(oneOf(p.EntityCredential, EntityOff, EntityOptional, EntityRequired), "EntityCredential %q is unknown", p.EntityCredential)
	if p.EntityCredential == EntityOff {
		check(!p.RequireCredentialStatus && !p.ResolveCredentialID && p.MaxCredentialChain == 0 && p.TTL.StatusMaxAge == 0, "RequireCredentialStatus, ResolveCredentialID, MaxCredentialChain and TTL.StatusMaxAge are about credentials, and EntityCredential is off")
		return
	}
	check(p.MaxCredentialChain >= 1 && p.MaxCredentialChain <= 8, "MaxCredentialChain is %d, not within 1 and 8 (MEF-R6)", p.MaxCredentialChain)
	check(p.TTL.StatusMaxAge > 0 && p.TTL.StatusMaxAge <= time.Hour, "TTL.StatusMaxAge %v is not within an hour (MEF-R8)", p.TTL.StatusMaxAge)
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
	check(ttl.BoundAccessToken > 0, "TTL.BoundAccessToken is missing")
	check(!p.HasJARM() || ttl.JARM >= 10*time.Second && ttl.JARM <= 10*time.Minute, "TTL.JARM %v is not between 10 s and 10 min", ttl.JARM)
	check(!p.Delivers(DeliverByPAR) || ttl.PARRequestURI >= 5*time.Second && ttl.PARRequestURI <= 10*time.Minute, "TTL.PARRequestURI %v is not between 5 and 600 s (RFC 9126 2.2)", ttl.PARRequestURI)
	check(ttl.IDToken >= time.Minute, "TTL.IDToken %v is below 1 min", ttl.IDToken)
	check(!p.RefreshTokens || ttl.RefreshToken > 0, "TTL.RefreshToken is missing")
	check(ttl.Assertion >= time.Minute && ttl.Assertion <= time.Hour, "TTL.Assertion %v is not between 1 and 60 min", ttl.Assertion)
	check(!p.RequireIntent || ttl.Intent > 0, "TTL.Intent is missing")
	check(ttl.AuthorizeSession >= time.Minute && ttl.AuthorizeSession <= time.Hour, "TTL.AuthorizeSession %v is not between 1 and 60 min", ttl.AuthorizeSession)
}

func oneOf[T comparable](v T, set ...T) bool { return slices.Contains(set, v) }
