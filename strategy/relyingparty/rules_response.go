package relyingparty

import (
	"context"
	"crypto/subtle"
	"net/url"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleRedirectURI profile.Rule = "BASE-5.2.3-4"
	ruleState       profile.Rule = "BASE-5.2.3-6"
	ruleDelivery    profile.Rule = "OIDC-3.3.2.5"
	ruleError       profile.Rule = "OIDC-3.3.2.6"
	rulePresent     profile.Rule = "FAPI-5.2.3.1-3"
	ruleAccessToken profile.Rule = "MEF-10.3.2.1"
	ruleIssParam    profile.Rule = "RFC9207-2.4"
)

// equal compares in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (c *Client) checkRedirectURI(_ context.Context, a *answer) error {
	if a.redirectURI != a.login.RedirectURI {
		return abort(ReasonRedirectURI, ruleRedirectURI, "the answer came to another redirect URI than the login was begun with")
	}
	return nil
}

func (c *Client) checkDelivery(_ context.Context, a *answer) error {
	if a.delivery != Fragment {
		return abort(ReasonDelivery, ruleDelivery, "the answer did not come in the fragment")
	}
	return nil
}

// checkState: one state, that of a login which nobody finished.
func (c *Client) checkState(_ context.Context, a *answer) error {
	if states := a.params["state"]; len(states) != 1 || !equal(states[0], a.login.State) {
		return abort(ReasonState, ruleState, "the state is not that of the login")
	}
	if a.spent != nil {
		return abort(ReasonState, ruleState, "the login cannot be finished").because(a.spent)
	}
	return nil
}

// checkError believes an error only from the issuer of the login (RFC 9207
// §2.4), for no ID Token vouches for it. A signed response has its iss.
func (c *Client) checkError(ctx context.Context, a *answer) error {
	if !a.params.Has("error") {
		return nil
	}
	if err := c.checkIssParameter(ctx, a); err != nil {
		return err
	}
	refused := abort(ReasonError, ruleError, "the server answered with an error")
	refused.OAuth = oauthError(a.params)
	return refused
}

func oauthError(params url.Values) *OAuthError {
	return &OAuthError{Code: printable(params.Get("error")), Description: printable(params.Get("error_description"))}
}

func (c *Client) checkAccessToken(_ context.Context, a *answer) error {
	if a.params.Has("access_token") {
		return abort(ReasonAccessToken, ruleAccessToken, "the answer has an access token, which nobody asked for")
	}
	return nil
}

func (c *Client) checkPresent(_ context.Context, a *answer) error {
	for _, name := range []string{"code", "id_token"} {
		if values := a.params[name]; len(values) != 1 || values[0] == "" {
			return abort(ReasonMissing, rulePresent, name+" is not there exactly once")
		}
	}
	return nil
}

// checkIssParameter: the iss parameter must be there if the server announces
// it, and must never be another's.
func (c *Client) checkIssParameter(_ context.Context, a *answer) error {
	announced := c.config.Issuer.ResponseIss && len(a.params["iss"]) == 0
	foreign := slices.ContainsFunc(a.params["iss"], func(iss string) bool { return iss != a.login.Issuer })
	if announced || foreign || len(a.params["iss"]) > 1 {
		return abort(ReasonIss, ruleIssParam, "the iss parameter is not the issuer of the login")
	}
	return nil
}
