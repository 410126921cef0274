package relyingparty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// AuthorizationRequest is what a user is asked to approve.
type AuthorizationRequest struct {
	// IntentID names the intent, as the Seller's API returned it; it is empty
	// where the profile has no intents, and nowhere else.
	IntentID string
	// Scopes are asked for in this order behind openid, which is always asked
	// for and need not be given.
	Scopes []string
	// ACR lists the wanted authentication context classes, the preferred one
	// first; the Seller may use another of Config.ACRValues unless
	// EssentialACR insists on these.
	ACR          []string
	EssentialACR bool
	// MaxAge is how long ago the user may have logged in, in whole seconds; 0
	// means any time.
	MaxAge time.Duration
}

const (
	objectLifetime    = 5 * time.Minute
	assertionLifetime = time.Minute
)

// Begin returns the URL to send the user's browser to, with 303 See Other, and
// the login to remember. The URL is good for five minutes, or, where the
// request is pushed, for as long as the Seller says, which may be a few
// seconds; and for one authorization. To ask again, begin again with the same
// intent. A refusal of a pushed request is an *OAuthError, and an answer that
// cannot be used an *Abort.
func (c *Client) Begin(ctx context.Context, request AuthorizationRequest) (string, *Login, error) {
	if err := request.check(c.config.Profile); err != nil {
		return "", nil, err
	}
	login, err := c.newLogin(&request)
	if err != nil {
		return "", nil, err
	}
	object, err := c.requestObject(login)
	if err != nil {
		return "", nil, err
	}
	if object, err = c.encrypt(ctx, object); err != nil {
		return "", nil, err
	}
	if !c.config.PAR {
		return c.authorizationURL(c.byValue(login, object)), login, nil
	}
	reference, err := c.push(ctx, object)
	if err != nil {
		return "", nil, err
	}
	// FAPI 1.0 Advanced §5.2.3-16: these two and nothing else.
	return c.authorizationURL(url.Values{"client_id": {login.ClientID}, "request_uri": {reference}}), login, nil
}

func (c *Client) newLogin(request *AuthorizationRequest) (*Login, error) {
	login := &Login{
		Issuer: c.config.Issuer.Issuer, ClientID: c.config.ClientID,
		RedirectURI: c.config.RedirectURI, IntentID: request.IntentID, Scopes: withOpenID(request.Scopes),
		ACR: slices.Clone(request.ACR), EssentialACR: request.EssentialACR, MaxAge: int64(request.MaxAge / time.Second),
		JARM: c.config.JARM, CreatedAt: c.config.Clock().UTC(),
	}
	if c.config.wantsPKCE() {
		if err := c.identifiers(&login.CodeVerifier); err != nil {
			return nil, err
		}
	}
	return login, c.identifiers(&login.State, &login.Nonce)
}

func (r *AuthorizationRequest) check(p *profile.Profile) error {
	switch {
	case r.IntentID == "" && p.RequireIntent:
		return errors.New("relyingparty: IntentID is empty")
	case r.IntentID != "" && p.IntentClaim == "":
		return errors.New("relyingparty: there is an IntentID, but the profile has no intents")
	case r.EssentialACR && len(r.ACR) == 0:
		return errors.New("relyingparty: EssentialACR without ACR")
	case r.MaxAge != 0 && r.MaxAge < time.Second:
		return errors.New("relyingparty: MaxAge is below a second")
	case slices.ContainsFunc(slices.Concat(r.Scopes, r.ACR), func(v string) bool { return v == "" || strings.ContainsAny(v, " ,") }):
		return errors.New("relyingparty: a scope or acr value is empty or more than one")
	}
	return nil
}

func withOpenID(scopes []string) []string {
	rest := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" })
	return append([]string{"openid"}, rest...)
}

// requestObject holds every parameter (FAPI 1.0 Advanced §5.2.3-8). It has no
// sub, so that it never serves as a client assertion (RFC 9101 §10.8).
func (c *Client) requestObject(login *Login) (string, error) {
	payload := map[string]any{
		"response_type": c.config.responseType(),
		"client_id":     login.ClientID,
		"redirect_uri":  login.RedirectURI,
		"scope":         strings.Join(login.Scopes, " "),
		"state":         login.State,
		"nonce":         login.Nonce,
		"nbf":           login.CreatedAt.Unix(),
	}
	if mode := c.config.responseMode(); mode != "" {
		payload["response_mode"] = mode
	}
	if login.CodeVerifier != "" {
		payload["code_challenge"], payload["code_challenge_method"] = challenge(login.CodeVerifier), "S256"
	}
	if claims := c.wantedClaims(login); len(claims) > 0 {
		payload["claims"] = map[string]any{"id_token": claims}
	}
	if len(login.ACR) > 0 && !login.EssentialACR {
		payload["acr_values"] = strings.Join(login.ACR, " ")
	}
	if login.MaxAge > 0 {
		payload["max_age"] = login.MaxAge
	}
	return c.sign("oauth-authz-req+jwt", payload, login.Issuer, objectLifetime)
}

func (c *Client) wantedClaims(login *Login) map[string]any {
	claims := map[string]any{}
	if login.IntentID != "" {
		claims[c.config.Profile.IntentClaim] = map[string]any{"value": login.IntentID, "essential": true}
	}
	if login.EssentialACR {
		claims["acr"] = map[string]any{"values": login.ACR, "essential": true}
	}
	return claims
}

// Assertion makes a client assertion for the audience, with which a client
// authenticates itself once, within a minute (RFC 7523 §3). An empty audience
// is the issuer, which every endpoint of the server takes.
func (c *Client) Assertion(audience string) (string, error) {
	if audience == "" {
		audience = c.config.Issuer.Issuer
	}
	return c.sign("JWT", map[string]any{"sub": c.config.ClientID}, audience, assertionLifetime)
}

// sign adds the claims that every JWT of the client has.
func (c *Client) sign(typ string, payload map[string]any, audience string, lifetime time.Duration) (string, error) {
	id, err := c.identifier()
	if err != nil {
		return "", err
	}
	now := c.config.Clock()
	payload["iss"], payload["aud"], payload["jti"] = c.config.ClientID, audience, id
	payload["iat"], payload["exp"] = now.Unix(), now.Add(lifetime).Unix()
	body, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	token, err := jose.Sign(c.signer, typ, body)
	if err != nil {
		return "", fmt.Errorf("relyingparty: the key does not sign: %w", err)
	}
	return token, nil
}

// byValue repeats outside the object what OAuth demands there (FAPI 1.0
// Advanced §5.2.3-9).
func (c *Client) byValue(login *Login, object string) url.Values {
	return url.Values{
		"response_type": {c.config.responseType()},
		"client_id":     {login.ClientID},
		"scope":         {strings.Join(login.Scopes, " ")},
		"request":       {object},
	}
}

func (c *Client) authorizationURL(query url.Values) string {
	separator := "?"
	if strings.Contains(c.config.Issuer.AuthorizationEndpoint, "?") {
		separator = "&"
	}
	return c.config.Issuer.AuthorizationEndpoint + separator + strings.ReplaceAll(query.Encode(), "+", "%20")
}
