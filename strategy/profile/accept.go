package profile

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Algs returns the JWS algorithms that p accepts, in order of preference, with
// Ed25519 beside EdDSA and RS256 where AllowRS256 says so.
func (p *Profile) Algs() []string {
	var algs []string
	for _, a := range p.SigningAlgs {
		algs = append(algs, string(a))
		if a == EdDSA {
			algs = append(algs, string(Ed25519))
		}
	}
	if p.AllowRS256 {
		algs = append(algs, string(RS256))
	}
	return algs
}

// AcceptsAlg reports whether p accepts a signature with this alg from a client
// that registered the other one (or none: ""). EdDSA and Ed25519 are one.
func (p *Profile) AcceptsAlg(alg, registered string) bool {
	if registered != "" && canonicalAlg(registered) != canonicalAlg(alg) {
		return false
	}
	// As in Algs, without a list for each question.
	return slices.Contains(p.SigningAlgs, Alg(alg)) ||
		alg == string(Ed25519) && slices.Contains(p.SigningAlgs, EdDSA) ||
		alg == string(RS256) && p.AllowRS256
}

// Clone returns a copy that shares nothing with p.
func (p *Profile) Clone() Profile {
	c := *p
	c.SigningAlgs, c.ResponseTypes, c.ResponseModes = slices.Clone(p.SigningAlgs), slices.Clone(p.ResponseTypes), slices.Clone(p.ResponseModes)
	c.RequestDelivery, c.ScopeUmbrellas, c.RequiredScopes = slices.Clone(p.RequestDelivery), slices.Clone(p.ScopeUmbrellas), slices.Clone(p.RequiredScopes)
	c.KeyEncAlgs, c.ContentEncAlgs = slices.Clone(p.KeyEncAlgs), slices.Clone(p.ContentEncAlgs)
	c.ACRValues, c.ClientAuthMethods, c.ACRAliases = slices.Clone(p.ACRValues), slices.Clone(p.ClientAuthMethods), maps.Clone(p.ACRAliases)
	return c
}

// Canonical returns a with Ed25519 written as EdDSA.
func (a Alg) Canonical() Alg { return Alg(canonicalAlg(string(a))) }

func canonicalAlg(alg string) string {
	if alg == string(Ed25519) {
		return string(EdDSA)
	}
	return alg
}

// ACR returns the class of p's own vocabulary that value names, itself or
// through an alias, and whether there is one. Where p has no vocabulary, each
// value is a class of its own.
func (p *Profile) ACR(value string) (string, bool) {
	if len(p.ACRValues) == 0 {
		return value, value != ""
	}
	if own, ok := p.ACRAliases[value]; ok {
		value = own
	}
	return value, slices.Contains(p.ACRValues, value)
}

// Delivers reports whether request objects may come this way.
func (p *Profile) Delivers(d Delivery) bool { return slices.Contains(p.RequestDelivery, d) }

// AuthMethods reports whether clients may authenticate with this method.
func (p *Profile) AuthMethods(m AuthMethod) bool { return slices.Contains(p.ClientAuthMethods, m) }

// AcceptsKeyEnc reports whether p takes a JWE with this alg.
func (p *Profile) AcceptsKeyEnc(alg string) bool {
	return p.AcceptJWE && slices.Contains(p.KeyEncAlgs, KeyEncAlg(alg))
}

// AcceptsContentEnc reports whether p takes a JWE with this enc.
func (p *Profile) AcceptsContentEnc(enc string) bool {
	return p.AcceptJWE && slices.Contains(p.ContentEncAlgs, ContentEncAlg(enc))
}

// BindsAll reports whether every access token is bound to a certificate.
func (p *Profile) BindsAll() bool {
	return p.SenderConstraint == ConstrainAlways || p.SenderConstraint == ConstrainToClient
}

// MaxAccessToken returns the longest life of an access token.
func (p *Profile) MaxAccessToken() time.Duration {
	if p.BindsAll() {
		return p.TTL.BoundAccessToken
	}
	return max(p.TTL.AccessToken, p.TTL.BoundAccessToken)
}

// HasJARM reports whether some response mode is one of JARM.
func (p *Profile) HasJARM() bool { return slices.ContainsFunc(p.ResponseModes, IsJWTMode) }

// IsJWTMode reports whether a response_mode is one of JARM.
func IsJWTMode(mode string) bool { return mode == "jwt" || strings.HasSuffix(mode, ".jwt") }
