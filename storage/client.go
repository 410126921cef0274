package storage

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/ory/fosite"
)

// ClientMetadata is what the library must know of a client beyond the methods
// of fosite.Client: the client metadata of RFC 7591 §2, OpenID Connect Dynamic
// Registration §2 and JARM §3, and a few members of the LSO profile.
type ClientMetadata struct {
	// ClientName is shown to the user at consent.
	ClientName string `json:"client_name,omitempty"`
	// JWKS is the client's JWK Set by value, exclusive with JWKSURI.
	JWKS json.RawMessage `json:"jwks,omitempty"`
	// JWKSURI is the https URL of the client's JWK Set.
	JWKSURI string `json:"jwks_uri,omitempty"`
	// TokenEndpointAuthMethod is the one method that the client uses;
	// empty means private_key_jwt.
	TokenEndpointAuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// TokenEndpointAuthSigningAlg, if set, is the only alg that its client
	// assertions may have.
	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`
	// RequestObjectSigningAlg, if set, is the only alg that its request
	// objects may have.
	RequestObjectSigningAlg string `json:"request_object_signing_alg,omitempty"`
	// RequestObjectEncryptionAlg, if set, is the only JWE alg that its request
	// objects may have, and RequestObjectEncryptionEnc the only enc. Where the
	// server has a key for that alg, they must be encrypted, which is stricter
	// than OpenID Connect Registration §2.
	RequestObjectEncryptionAlg string `json:"request_object_encryption_alg,omitempty"`
	RequestObjectEncryptionEnc string `json:"request_object_encryption_enc,omitempty"`

	// IDTokenSignedResponseAlg is the alg of ID Tokens for this client; empty
	// means the profile's preferred one. AuthorizationSignedResponseAlg is that
	// of its JWT-secured authorization responses (JARM §3), and
	// UserInfoSignedResponseAlg that of UserInfo, which empty is plain JSON.
	IDTokenSignedResponseAlg       string `json:"id_token_signed_response_alg,omitempty"`
	AuthorizationSignedResponseAlg string `json:"authorization_signed_response_alg,omitempty"`
	UserInfoSignedResponseAlg      string `json:"userinfo_signed_response_alg,omitempty"`
	// The encryption of each, after signing: alg is a JWE key management
	// algorithm, empty for none; enc is the content encryption, empty for
	// A128CBC-HS256.
	IDTokenEncryptedResponseAlg       string `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptedResponseEnc       string `json:"id_token_encrypted_response_enc,omitempty"`
	AuthorizationEncryptedResponseAlg string `json:"authorization_encrypted_response_alg,omitempty"`
	AuthorizationEncryptedResponseEnc string `json:"authorization_encrypted_response_enc,omitempty"`
	UserInfoEncryptedResponseAlg      string `json:"userinfo_encrypted_response_alg,omitempty"`
	UserInfoEncryptedResponseEnc      string `json:"userinfo_encrypted_response_enc,omitempty"`

	// RequirePushedAuthorizationRequests refuses request objects of this
	// client that were not pushed (RFC 9126 §6).
	RequirePushedAuthorizationRequests bool `json:"require_pushed_authorization_requests,omitempty"`

	// TLSClientAuthSubjectDN is the subject of the client's certificates, a
	// distinguished name of RFC 4514. Of this and the four after it, a client
	// of tls_client_auth has exactly one (RFC 8705 §2.1.2).
	TLSClientAuthSubjectDN string `json:"tls_client_auth_subject_dn,omitempty"`
	TLSClientAuthSANDNS    string `json:"tls_client_auth_san_dns,omitempty"`
	TLSClientAuthSANURI    string `json:"tls_client_auth_san_uri,omitempty"`
	TLSClientAuthSANIP     string `json:"tls_client_auth_san_ip,omitempty"`
	TLSClientAuthSANEmail  string `json:"tls_client_auth_san_email,omitempty"`
	// CertificateBoundAccessTokens refuses the client access tokens that are
	// not bound to its certificate (RFC 8705 §3.4).
	CertificateBoundAccessTokens bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`

	// LegalEntityName is the client's legal entity, shown at consent.
	LegalEntityName string `json:"legal_entity_name,omitempty"`
	// TrustDomain groups the clients of one legal entity; empty means that
	// the client stands alone (MEF W128 R58).
	TrustDomain string `json:"trust_domain,omitempty"`
	// ActsFor is the client_id of the client whose intents this client may use
	// as its own, because a delegation credential says so; empty for none. The
	// two are of one trust domain (MEF W128 R58). Codes and tokens stay those of
	// whom they were issued to.
	ActsFor string `json:"acts_for,omitempty"`
	// IntrospectTrustDomain lets the client introspect the tokens of all
	// clients of its trust domain, not only its own: a resource server.
	IntrospectTrustDomain bool `json:"introspect_trust_domain,omitempty"`
	// Suspended refuses the client everywhere until it is cleared.
	Suspended bool `json:"suspended,omitempty"`
}

// MetadataFunc tells the metadata of a client that the host's GetClient
// returned. It is called at every request and must be safe for concurrent use.
type MetadataFunc func(context.Context, fosite.Client) (*ClientMetadata, error)

// Domain returns the trust domain of the client with this id and metadata:
// the registered one, else one that is the client's own.
func (m *ClientMetadata) Domain(clientID string) string {
	if m.TrustDomain != "" {
		return m.TrustDomain
	}
	return DomainOfClient + clientID // not the bare id, which could be registered as somebody's domain
}

// DomainOfClient begins the trust domain of a client that stands alone; its
// client_id follows.
const DomainOfClient = "client_id="

// Client is the ready-made fosite.Client, in the JSON form of RFC 7591 with
// the member client_id. It is read-only after it was made.
type Client struct {
	ID            string   `json:"client_id"`
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty"`
	// Scope is the registered scopes, separated by spaces.
	Scope    string   `json:"scope,omitempty"`
	Audience []string `json:"audience,omitempty"`
	ClientMetadata
}

var _ fosite.Client = (*Client)(nil)

// GetID returns the client identifier.
func (c *Client) GetID() string { return c.ID }

// GetHashedSecret returns nil: no client of the profile has a secret.
func (c *Client) GetHashedSecret() []byte { return nil }

// GetRedirectURIs returns the registered redirect URIs.
func (c *Client) GetRedirectURIs() []string { return c.RedirectURIs }

// GetGrantTypes returns the registered grant types; RFC 7591 §2 gives
// authorization_code to a client that registered none.
func (c *Client) GetGrantTypes() fosite.Arguments {
	if len(c.GrantTypes) == 0 {
		return fosite.Arguments{"authorization_code"}
	}
	return c.GrantTypes
}

// GetResponseTypes returns the registered response types; RFC 7591 §2 gives
// code to a client that registered none.
func (c *Client) GetResponseTypes() fosite.Arguments {
	if len(c.ResponseTypes) == 0 {
		return fosite.Arguments{"code"}
	}
	return c.ResponseTypes
}

// GetScopes returns the registered scopes.
func (c *Client) GetScopes() fosite.Arguments { return strings.Fields(c.Scope) }

// IsPublic returns false: the profiles know confidential clients only
// (FAPI 1.0 Advanced §5.2.2-16).
func (c *Client) IsPublic() bool { return false }

// GetAudience returns the audiences that the client may ask for.
func (c *Client) GetAudience() fosite.Arguments { return c.Audience }

// LSOMetadata returns the client's metadata; it is how the library finds it
// where no MetadataFunc is configured.
func (c *Client) LSOMetadata() *ClientMetadata { return &c.ClientMetadata }
