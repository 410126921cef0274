package storage

import (
	"encoding/json"

	"github.com/ory/fosite/handler/openid"
)

// Binding is what an authorization is bound to. A host embeds it by value in
// its own session type, beside *openid.DefaultSession. Every field is
// omitempty, so that a store which unmarshals over a session loses nothing.
//
// Binding has no MarshalJSON, UnmarshalJSON, Clone, String or Error, and must
// never get one: an embedded method is promoted and would swallow the fields of
// the host's own session.
type Binding struct {
	// Issuer is the issuer identifier of the provider that made the session.
	// A code or token whose session lacks it was made by another provider
	// over the same storage and is refused.
	Issuer string `json:"issuer,omitempty"`
	// IntentClaim is the name of the claim that carries IntentID.
	IntentClaim string `json:"intent_claim,omitempty"`
	// IntentID is the intent that the user authorized; empty for a token that
	// a client got on its own behalf.
	IntentID string `json:"intent_id,omitempty"`
	// Confirmation is the thumbprint of the certificate that the tokens are
	// bound to (RFC 8705 §3.1), empty where they are not. It is set at the
	// token endpoint alone.
	Confirmation string `json:"x5t#S256,omitempty"`
	// SHash is the s_hash claim of the front-channel ID Token
	// (FAPI 1.0 Advanced §5.2.2.1-5).
	SHash string `json:"s_hash,omitempty"`
	// CodeChallenge is the S256 challenge of RFC 7636, if one was sent.
	CodeChallenge string `json:"code_challenge,omitempty"`
	// RequestedClaims is the claims parameter of the request object
	// (OpenID Connect Core §5.5), a JSON object.
	RequestedClaims json.RawMessage `json:"requested_claims,omitempty"`
}

// LSOBinding returns b itself; it is how the library finds the Binding inside
// a host's session.
func (b *Binding) LSOBinding() *Binding { return b }

// GetExtraClaims returns the members that the introspection response shows
// beside the standard ones (RFC 7662 §2.2). It implements
// fosite.ExtraClaimsSession.
func (b *Binding) GetExtraClaims() map[string]any {
	claims := map[string]any{}
	if b.Issuer != "" {
		claims["iss"] = b.Issuer
	}
	if b.IntentID != "" && b.IntentClaim != "" {
		claims[b.IntentClaim] = b.IntentID
	}
	if b.Confirmation != "" {
		claims["cnf"] = map[string]any{"x5t#S256": b.Confirmation}
	}
	return claims
}

// Session is the session that the library needs: an OpenID Connect session of
// Fosite's which also carries a Binding. A type that embeds
// *openid.DefaultSession and Binding, and has its own Clone, implements it.
type Session interface {
	openid.Session
	LSOBinding() *Binding
}
