package compose

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/token/jwt"

	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// settings is the copy of the host's fosite.Config under the profile. Fosite
// reads it at every request; nothing in it is filled lazily, because Fosite
// does that without a lock.
type settings struct {
	*fosite.Config
	tokenURLs []string
}

var _ fosite.Configurator = (*settings)(nil)

// GetTokenURLs returns the audiences of client assertions.
func (s *settings) GetTokenURLs(context.Context) []string { return s.tokenURLs }

// GetRefreshTokenScopes lets the kind of the intent decide.
func (s *settings) GetRefreshTokenScopes(ctx context.Context) []string {
	return token.RefreshScopes(ctx)
}

// GetTokenEndpointHandlers leaves out those of Fosite's own handlers that have
// nothing to do: each would say so with a stack trace. A host's is always asked.
func (s *settings) GetTokenEndpointHandlers(ctx context.Context) fosite.TokenEndpointHandlers {
	request, ok := ctx.Value(fosite.AccessRequestContextKey).(fosite.AccessRequester)
	if !ok {
		return s.TokenEndpointHandlers
	}
	_, answering := ctx.Value(fosite.AccessResponseContextKey).(fosite.AccessResponder)
	asked := make(fosite.TokenEndpointHandlers, 0, len(s.TokenEndpointHandlers))
	for _, h := range s.TokenEndpointHandlers {
		idle := false
		switch h.(type) {
		case *oauth2.AuthorizeExplicitGrantHandler, *oauth2.ClientCredentialsGrantHandler, *oauth2.RefreshTokenGrantHandler, *openid.OpenIDConnectRefreshHandler:
			idle = !h.CanHandleTokenEndpointRequest(ctx, request)
		case *openid.OpenIDConnectExplicitHandler: // it adds to the answer alone
			idle = !answering || !h.CanHandleTokenEndpointRequest(ctx, request)
		}
		if !idle {
			asked = append(asked, h)
		}
	}
	return asked
}

// newSettings applies the profile to a copy of the host's configuration.
func newSettings(host *fosite.Config, issuer string, p *profile.Profile, audiences []string) *settings {
	c := *host
	c.IDTokenIssuer, c.AccessTokenIssuer, c.TokenURL = issuer, issuer, audiences[len(audiences)-1]
	c.AuthorizeCodeLifespan = shorter(c.AuthorizeCodeLifespan, p.TTL.Code)
	c.AccessTokenLifespan = shorter(c.AccessTokenLifespan, p.MaxAccessToken()) // Bind shortens those that are not bound
	c.RefreshTokenLifespan = shorter(c.RefreshTokenLifespan, p.TTL.RefreshToken)
	c.IDTokenLifespan = shorter(c.IDTokenLifespan, p.TTL.IDToken)
	c.ScopeStrategy = p.Covers
	if c.AudienceMatchingStrategy == nil {
		c.AudienceMatchingStrategy = fosite.ExactAudienceMatchingStrategy
	}
	c.RedirectSecureChecker = func(_ context.Context, u *url.URL) bool { return u.Scheme == "https" }
	c.OmitRedirectScopeParam, c.DisableRefreshTokenValidation = true, true
	c.MinParameterEntropy = 1 // the rules for state and nonce are the profile's
	c.JWKSFetcherStrategy = noFetch{}
	if c.ClientSecretsHasher == nil {
		c.ClientSecretsHasher = &fosite.BCrypt{Config: &c}
	}
	c.AuthorizeEndpointHandlers, c.TokenEndpointHandlers, c.TokenIntrospectionHandlers = nil, nil, nil
	c.RevocationHandlers, c.PushedAuthorizeEndpointHandlers = nil, nil
	return &settings{Config: &c, tokenURLs: audiences}
}

func shorter(host, limit time.Duration) time.Duration {
	if host > 0 && host < limit {
		return host
	}
	return limit
}

// noFetch is what stands behind Fosite's default paths, which the library
// never takes: they would fetch without guard.
type noFetch struct{}

func (noFetch) Resolve(context.Context, string, bool) (*jose.JSONWebKeySet, error) {
	return nil, errors.New("compose: Fosite's own key fetching is off")
}

// contradictions names what the host's configuration says aloud against the
// profile.
func contradictions(c *fosite.Config, issuer string, p *profile.Profile) []error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("compose: Fosite."+format, args...))
		}
	}
	longer := func(host, limit time.Duration) bool { return host < 0 || host > limit }
	const remove = "; leave it empty, the profile decides it"
	refuse(len(c.GlobalSecret) < 32, "GlobalSecret has %d bytes, want 32 or more, and another one than any other provider over this storage", len(c.GlobalSecret))
	for _, secret := range c.RotatedGlobalSecrets {
		refuse(len(secret) < 32, "RotatedGlobalSecrets has one of %d bytes, want 32 or more", len(secret))
	}
	refuse(c.TokenEntropy != 0 && c.TokenEntropy < 32, "TokenEntropy is %d bytes, below 32 (BASE-5.2.2-16)", c.TokenEntropy)
	refuse(c.IDTokenIssuer != "" && c.IDTokenIssuer != issuer, "IDTokenIssuer %q is not the Issuer", c.IDTokenIssuer)
	refuse(c.AccessTokenIssuer != "" && c.AccessTokenIssuer != issuer, "AccessTokenIssuer %q is not the Issuer", c.AccessTokenIssuer)
	refuse(longer(c.AuthorizeCodeLifespan, p.TTL.Code), "AuthorizeCodeLifespan %v is longer than the profile's TTL.Code %v", c.AuthorizeCodeLifespan, p.TTL.Code)
	refuse(longer(c.AccessTokenLifespan, p.MaxAccessToken()), "AccessTokenLifespan %v is longer than the profile's %v", c.AccessTokenLifespan, p.MaxAccessToken())
	refuse(longer(c.RefreshTokenLifespan, p.TTL.RefreshToken), "RefreshTokenLifespan %v is longer than the profile's TTL.RefreshToken %v", c.RefreshTokenLifespan, p.TTL.RefreshToken)
	refuse(longer(c.IDTokenLifespan, p.TTL.IDToken), "IDTokenLifespan %v is longer than the profile's TTL.IDToken %v", c.IDTokenLifespan, p.TTL.IDToken)
	refuse(c.SendDebugMessagesToClients, "SendDebugMessagesToClients is on; errors would tell clients of the inside")
	refuse(c.UseLegacyErrorFormat, "UseLegacyErrorFormat is on; errors would tell clients of the inside")
	refuse(c.EnablePKCEPlainChallengeMethod, "EnablePKCEPlainChallengeMethod is on; a challenge is S256 (FAPI-5.2.2-18)")
	refuse((c.EnforcePKCE || c.EnforcePKCEForPublicClients) && p.RequirePKCE != profile.PKCEAlways, "EnforcePKCE is on; set the profile's RequirePKCE to always instead")
	refuse(c.IsPushedAuthorizeEnforced && p.Delivers(profile.DeliverByValue), "IsPushedAuthorizeEnforced is on, but the profile's RequestDelivery has %q; take it out there", profile.DeliverByValue)
	refuse(c.ScopeStrategy != nil && !isFunc(c.ScopeStrategy, fosite.WildcardScopeStrategy), "ScopeStrategy is set%s", remove)
	refuse(c.RedirectSecureChecker != nil, "RedirectSecureChecker is set%s", remove)
	refuse(len(c.RefreshTokenScopes) > 0, "RefreshTokenScopes is set; the intent's kind decides who gets a refresh token")
	refuse(c.ClientAuthenticationStrategy != nil, "ClientAuthenticationStrategy is set%s", remove)
	refuse(len(c.SanitationWhiteList) > 0, "SanitationWhiteList is set%s", remove)
	refuse(c.ResponseModeHandlerExtension != nil, "ResponseModeHandlerExtension is set%s", remove)
	return errs
}

// isFunc: the wildcard strategy is what Fosite fills in by itself when another
// provider shares the configuration, and so says nothing.
func isFunc(a, b fosite.ScopeStrategy) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// noSigner is the jwt.Signer that Fosite's factories ask for. The library
// checks id_token_hint itself, so that nothing calls it.
type noSigner struct{}

var errNoSigner = errors.New("compose: Fosite's own JWT signer is off; set Config.Tokens for JWT access tokens")

func (noSigner) Generate(context.Context, jwt.MapClaims, jwt.Mapper) (string, string, error) {
	return "", "", errNoSigner
}
func (noSigner) Validate(context.Context, string) (string, error)   { return "", errNoSigner }
func (noSigner) Hash(context.Context, []byte) ([]byte, error)       { return nil, errNoSigner }
func (noSigner) Decode(context.Context, string) (*jwt.Token, error) { return nil, errNoSigner }
func (noSigner) GetSignature(context.Context, string) (string, error) {
	return "", errNoSigner
}
func (noSigner) GetSigningMethodLength(context.Context) int { return 0 }
