package registration

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleGrants       profile.Rule = "RFC7591-2.1"
	ruleResponseType profile.Rule = "MEF-R13"
	ruleAuthMethod   profile.Rule = "FAPI-5.2.2-14"
	rulePublic       profile.Rule = "FAPI-5.2.2-16"
	ruleTLS          profile.Rule = "RFC8705-2.1"
	ruleSubject      profile.Rule = "RFC8705-2.1.2"
	ruleName         profile.Rule = "RFC7591-2"
	rulePush         profile.Rule = "FCIBA-3"
	ruleScope        profile.Rule = "RFC7591-2"
	rulePolicy       profile.Rule = "MEF-7.3-1"
)

const maxName = 256 // bytes of a name or an identifier

// checkGrantTypes: those that the server has. The implicit grant is what OpenID
// Connect Registration §2 asks of clients of the hybrid flow; there is no such
// grant here, so it is taken and not registered.
func (d *draft) checkGrantTypes(context.Context) error {
	grants := slices.Clone(d.reg.Client.GrantTypes)
	if len(grants) == 0 {
		grants = []string{"authorization_code"}
	}
	hybrid := func(responseType string) bool { return strings.Contains(responseType, "id_token") }
	if slices.ContainsFunc(d.reg.Client.ResponseTypes, hybrid) && slices.Contains(grants, "authorization_code") {
		grants = slices.DeleteFunc(grants, func(g string) bool { return g == "implicit" })
	}
	known := append([]string{"authorization_code", "client_credentials"}, d.GrantTypes...)
	if d.Profile.RefreshTokens {
		known = append(known, "refresh_token")
	}
	lone := true
	for i, grant := range grants {
		if !slices.Contains(known, grant) || slices.Contains(grants[:i], grant) {
			return invalid(ruleGrants, "A grant type is not supported, or there twice.")
		}
		lone = lone && (grant == "refresh_token" || grant == "client_credentials")
	}
	if lone && slices.Contains(grants, "refresh_token") {
		return invalid(ruleGrants, "No grant type of the client issues refresh tokens.")
	}
	d.reg.Client.GrantTypes = grants
	return nil
}

// checkResponseTypes: those of the profile, where there is a grant for them.
func (d *draft) checkResponseTypes(context.Context) error {
	client := &d.reg.Client
	if !slices.Contains(client.GrantTypes, "authorization_code") {
		if len(client.ResponseTypes) > 0 {
			return invalid(ruleGrants, "Response types need the grant type authorization_code.")
		}
		return nil
	}
	if len(client.ResponseTypes) == 0 { // code, where the profile has it
		client.ResponseTypes = []string{"code"}
		if !slices.Contains(d.Profile.ResponseTypes, "code") {
			client.ResponseTypes = slices.Clone(d.Profile.ResponseTypes[:min(1, len(d.Profile.ResponseTypes))])
		}
	}
	for i, responseType := range client.ResponseTypes {
		if !slices.Contains(d.Profile.ResponseTypes, responseType) || slices.Contains(client.ResponseTypes[:i], responseType) {
			return invalid(ruleResponseType, "A response type is not supported, or there twice.")
		}
	}
	return nil
}

// checkAuthMethod: no client secret is ever given out, so that the methods that
// need one are not registered here even where the profile has them.
func (d *draft) checkAuthMethod(context.Context) error {
	client := &d.reg.Client
	if client.TokenEndpointAuthMethod == "" {
		client.TokenEndpointAuthMethod = string(profile.PrivateKeyJWT)
	}
	method := profile.AuthMethod(client.TokenEndpointAuthMethod)
	switch method {
	case "none":
		return invalid(rulePublic, "Public clients are not supported.")
	case profile.PrivateKeyJWT, profile.SelfSignedTLSClientAuth, profile.TLSClientAuth:
		if d.Profile.AuthMethods(method) {
			break
		}
		fallthrough
	default:
		return invalid(ruleAuthMethod, "The client authentication method is not supported.")
	}
	if method == profile.TLSClientAuth && !d.TLSClientAuth {
		return invalid(ruleTLS, "The server has no authorities for tls_client_auth.")
	}
	return nil
}

// checkCertificate: a client of tls_client_auth has exactly one subject, and
// another at most one. Tokens are bound where the profile binds all.
func (d *draft) checkCertificate(context.Context) error {
	metadata := &d.reg.Client.ClientMetadata
	metadata.CertificateBoundAccessTokens = metadata.CertificateBoundAccessTokens || d.Profile.BindsAll()
	if !mtls.HasSubject(metadata) && metadata.TokenEndpointAuthMethod != string(profile.TLSClientAuth) {
		return nil
	}
	// Of no certificate at all, it is told what is wrong with the registration.
	if err := mtls.MatchSubject(&x509.Certificate{}, metadata); errors.Is(err, mtls.ErrRegistration) {
		return invalid(ruleSubject, "There is not exactly one readable tls_client_auth subject.").Because(err)
	}
	return nil
}

// checkSubject: where a client's keys are somebody else's word, the statement's
// or a DID document's, only who shows that he has those keys adds a certificate
// to them, and not whoever has a copy of the statement, presents for another, or
// got hold of the registration token. Any method may be chosen later, so the
// subject counts whatever the method is.
func (d *draft) checkSubject(context.Context) error {
	claims, wanted := d.claims(), d.reg.Client.ClientMetadata
	named := d.reg.DID != "" || len(claims["jwks"]) > 0 || claims.text("jwks_uri") != ""
	shown := d.reg.DID != "" && d.shown != nil && d.shown.Binding.Holder == d.reg.DID
	if !named || shown || d.signed != "" || !mtls.HasSubject(&wanted) {
		return nil
	}
	// What was shown before stands, for the keys for which it was shown.
	if old := d.stored; old != nil && (d.reg.DID != "" || d.reg.SoftwareStatement == old.SoftwareStatement) && sameSubject(&wanted, &old.Client.ClientMetadata) {
		return nil
	}
	for _, name := range subjects {
		if claims.text(name) != "" {
			return nil // it wins over what the client sent, and is the only one
		}
	}
	return invalid(ruleSubject, "The certificate's subject is neither in the software statement nor signed with the client's keys.")
}

// subjects are the members that name a certificate (RFC 8705 §2.1.2).
var subjects = []string{
	"tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email",
}

func sameSubject(a, b *storage.ClientMetadata) bool {
	return a.TLSClientAuthSubjectDN == b.TLSClientAuthSubjectDN && a.TLSClientAuthSANDNS == b.TLSClientAuthSANDNS &&
		a.TLSClientAuthSANURI == b.TLSClientAuthSANURI && a.TLSClientAuthSANIP == b.TLSClientAuthSANIP &&
		a.TLSClientAuthSANEmail == b.TLSClientAuthSANEmail
}

// checkDelivery: nobody has tokens pushed to it.
func (d *draft) checkDelivery(context.Context) error {
	if d.wanted.text("backchannel_token_delivery_mode") == "push" {
		return invalid(rulePush, "The token delivery mode is not supported.")
	}
	return nil
}

// checkName: what is shown to a user who decides by it shows as it is.
func (d *draft) checkName(context.Context) error {
	for _, name := range []string{d.reg.Client.ClientName, d.reg.Client.LegalEntityName, d.reg.Client.TrustDomain} {
		if len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return invalid(ruleName, "A name is too long or not printable.")
		}
	}
	return nil
}

const maxScope = 2 << 10 // bytes

// checkScope: those that the server knows, in their canonical spelling. Without
// any, the client gets openid and what every request must have.
func (d *draft) checkScope(context.Context) error {
	client := &d.reg.Client
	base := []string{"openid"}
	for _, scope := range d.Profile.RequiredScopes {
		if !slices.Contains(base, scope) {
			base = append(base, scope)
		}
	}
	if len(client.Scope) > maxScope {
		return invalid(ruleScope, "The scope is too long.")
	}
	scopes := d.Profile.ParseScope(client.Scope)
	if len(scopes) == 0 {
		scopes = base
	}
	known := slices.Concat(base, d.Profile.ScopeUmbrellas, d.Scopes)
	for _, scope := range scopes {
		if !d.Profile.Covers(known, scope) {
			return invalid(ruleScope, "A scope is not known here.")
		}
	}
	client.Scope = strings.Join(scopes, " ")
	return nil
}

// checkRequirements asks the server's own policy.
func (d *draft) checkRequirements(ctx context.Context) error {
	if d.Requirements == nil {
		return nil
	}
	err := d.Requirements(ctx, d.reg)
	var violation *profile.Violation
	if err == nil || errors.As(err, &violation) {
		return err
	}
	return rulePolicy.Refuse(credential.CodeUnapproved, "The client does not meet the server's requirements.").Because(err)
}
