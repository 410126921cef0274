// Package metadata serves the discovery document (OpenID Connect Discovery §4)
// and the JWK Set. Both are made once from what the server enforces: each list
// is a field of the profile or the algorithms of the keys, and nothing is
// listed that is not served.
//
//	discovery, err := metadata.Discovery(doc)
//	...
//	mux.Handle("/.well-known/openid-configuration", discovery)
//	mux.Handle("/oauth2/jwks", metadata.JWKS(ring))
package metadata

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Document is the discovery document of this release.
type Document struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	EndpointSet
	JWKS                  string   `json:"jwks_uri"`
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	ACRValues             []string `json:"acr_values_supported,omitempty"`
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	Claims                []string `json:"claims_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"`
	SignedRequestObject   bool     `json:"require_signed_request_object"`
	RegisteredRequestURI  bool     `json:"require_request_uri_registration,omitempty"`
	RequirePushed         bool     `json:"require_pushed_authorization_requests,omitempty"`
	RequestObjectAlgs     []string `json:"request_object_signing_alg_values_supported"`
	RequestObjectKeyEnc   []string `json:"request_object_encryption_alg_values_supported,omitempty"`
	RequestObjectEnc      []string `json:"request_object_encryption_enc_values_supported,omitempty"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	IDTokenKeyEnc         []string `json:"id_token_encryption_alg_values_supported,omitempty"`
	IDTokenEnc            []string `json:"id_token_encryption_enc_values_supported,omitempty"`
	UserInfoAlgs          []string `json:"userinfo_signing_alg_values_supported,omitempty"`
	UserInfoKeyEnc        []string `json:"userinfo_encryption_alg_values_supported,omitempty"`
	UserInfoEnc           []string `json:"userinfo_encryption_enc_values_supported,omitempty"`
	AuthorizationAlgs     []string `json:"authorization_signing_alg_values_supported,omitempty"`
	AuthorizationKeyEnc   []string `json:"authorization_encryption_alg_values_supported,omitempty"`
	AuthorizationEnc      []string `json:"authorization_encryption_enc_values_supported,omitempty"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs              []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionMethods  []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	IntrospectionAuthAlgs []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationMethods     []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	ResponseIss           bool     `json:"authorization_response_iss_parameter_supported"`
	BoundTokens           bool     `json:"tls_client_certificate_bound_access_tokens"`

	MTLSAliases *EndpointSet `json:"mtls_endpoint_aliases,omitempty"`
}

// EndpointSet are the endpoints that a client calls itself; they exist a
// second time where clients show certificates (RFC 8705 §5).
type EndpointSet struct {
	Token         string `json:"token_endpoint"`
	PushedRequest string `json:"pushed_authorization_request_endpoint,omitempty"`
	Registration  string `json:"registration_endpoint,omitempty"`
	Introspection string `json:"introspection_endpoint,omitempty"`
	Revocation    string `json:"revocation_endpoint,omitempty"`
	UserInfo      string `json:"userinfo_endpoint,omitempty"`
}

// Derive fills the lists of the document from the profile and the keys; the
// caller sets Issuer and the endpoints.
func Derive(p *profile.Profile, ring *key.Ring) Document {
	methods := names(p.ClientAuthMethods)
	doc := Document{
		Scopes:                scopes(p),
		ResponseTypes:         slices.Clone(p.ResponseTypes),
		ResponseModes:         slices.Clone(p.ResponseModes),
		GrantTypes:            grants(p),
		SubjectTypes:          subjects(p),
		ACRValues:             slices.Clone(p.ACRValues),
		ClaimsParameter:       true,
		Claims:                claims(p),
		RequestParameter:      p.Delivers(profile.DeliverByValue),
		RequestURIParameter:   p.Delivers(profile.DeliverByPAR), // its default is true, so it is always said
		RegisteredRequestURI:  p.Delivers(profile.DeliverByPAR), // no other request_uri than one of PAR's
		RequirePushed:         !p.Delivers(profile.DeliverByValue),
		SignedRequestObject:   true,
		RequestObjectAlgs:     p.Algs(),
		IDTokenAlgs:           bothNames(ring.Algs()),
		AuthMethods:           methods,
		AuthAlgs:              p.Algs(),
		IntrospectionMethods:  slices.Clone(methods),
		IntrospectionAuthAlgs: p.Algs(),
		RevocationMethods:     slices.Clone(methods),
		RevocationAuthAlgs:    p.Algs(),
		ChallengeMethods:      []string{"S256"},
		ResponseIss:           true,
		BoundTokens:           true,
	}
	doc.encryption(p, ring)
	return doc
}

// encryption fills what concerns answers that are made for one client.
func (d *Document) encryption(p *profile.Profile, ring *key.Ring) {
	alg, enc := names(p.KeyEncAlgs), names(p.ContentEncAlgs)
	d.UserInfoAlgs = d.IDTokenAlgs
	if p.AcceptJWE {
		d.IDTokenKeyEnc, d.IDTokenEnc, d.UserInfoKeyEnc, d.UserInfoEnc = alg, enc, alg, enc
	}
	if p.HasJARM() {
		d.AuthorizationAlgs = d.IDTokenAlgs
		if p.AcceptJWE {
			d.AuthorizationKeyEnc, d.AuthorizationEnc = alg, enc
		}
	}
	// Clients encrypt to what there is a key for.
	if own := ring.DecryptionAlgs(); p.AcceptJWE && len(own) > 0 {
		d.RequestObjectKeyEnc, d.RequestObjectEnc = own, enc
	}
}

// names are the values as the strings that they are.
func names[S ~string](values []S) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

func grants(p *profile.Profile) []string {
	grants := []string{"authorization_code", "client_credentials"}
	if p.RefreshTokens {
		grants = append(grants, "refresh_token")
	}
	return grants
}

func subjects(p *profile.Profile) []string {
	if p.SubjectMode == profile.SubjectUser {
		return []string{"pairwise"}
	}
	return []string{"public"}
}

func claims(p *profile.Profile) []string {
	claims := []string{"sub", "acr", "auth_time"}
	if p.IntentClaim != "" {
		claims = append(claims, p.IntentClaim)
	}
	return claims
}

// scopes lists what the profile knows by itself; a host adds its own.
func scopes(p *profile.Profile) []string {
	scopes := slices.Clone(p.RequiredScopes)
	if !slices.Contains(scopes, "openid") {
		scopes = append(scopes, "openid")
	}
	for _, umbrella := range p.ScopeUmbrellas {
		scopes = append(scopes, umbrella)
		for _, path := range []string{umbrella, umbrella + "-submissions"} {
			scopes = append(scopes, "POST:/"+path, "GET:/"+path)
		}
	}
	return scopes
}

// Discovery serves the document.
func Discovery(d Document) (http.Handler, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return document("application/json", func() ([]byte, error) { return body, nil }), nil
}

// JWKS serves the ring's public keys (RFC 7517 §8.5.1), as they are now.
func JWKS(ring *key.Ring) http.Handler { return document("application/jwk-set+json", ring.JWKS) }

func document(contentType string, body func() ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			rw.Header().Set("Allow", "GET, HEAD")
			rw.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		data, err := body()
		if err != nil {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", contentType)
		rw.Header().Set("Cache-Control", "public, max-age=300")
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(data))
	})
}

// bothNames lists both names of EdDSA: a client that registered Ed25519 gets
// that name in the header, any other EdDSA (RFC 9864).
func bothNames(algs []string) []string {
	var both []string
	for _, alg := range algs {
		names := []string{alg}
		if profile.Alg(alg).Canonical() == profile.EdDSA {
			names = []string{string(profile.EdDSA), string(profile.Ed25519)}
		}
		for _, name := range names {
			if !slices.Contains(both, name) {
				both = append(both, name)
			}
		}
	}
	return both
}
