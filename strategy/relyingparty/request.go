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
)

// AuthorizationRequest is what a user is asked to approve.
type AuthorizationRequest struct {
	// IntentID names the intent, as the Seller's API returned it.
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
// the login to remember. The URL is good for five minutes and one
// authorization; to ask again, begin again with the same intent.
func (c *Client) Begin(_ context.Context, request AuthorizationRequest) (string, *Login, error) {
	if err := request.check(); err != nil {
		return "", nil, err
	}
	state, err := c.identifier()
	if err != nil {
		return "", nil, err
	}
	nonce, err := c.identifier()
	if err != nil {
		return "", nil, err
	}
	login := &Login{
		Issuer: c.config.Issuer.Issuer, ClientID: c.config.ClientID, State: state, Nonce: nonce,
		RedirectURI: c.config.RedirectURI, IntentID: request.IntentID, Scopes: withOpenID(request.Scopes),
		ACR: slices.Clone(request.ACR), EssentialACR: request.EssentialACR, MaxAge: int64(request.MaxAge / time.Second),
		CreatedAt: c.config.Clock().UTC(),
	}
	object, err := c.requestObject(login)
	if err != nil {
		return "", nil, err
	}
	return c.authorizationURL(login, object), login, nil
}

func (r *AuthorizationRequest) check() error {
	switch {
	case r.IntentID == "":
		return errors.New("relyingparty: IntentID is empty")
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
		"response_type": "code id_token",
		"client_id":     login.ClientID,
		"redirect_uri":  login.RedirectURI,
		"scope":         strings.Join(login.Scopes, " "),
		"state":         login.State,
		"nonce":         login.Nonce,
		"claims":        map[string]any{"id_token": c.wantedClaims(login)},
	}
	if len(login.ACR) > 0 && !login.EssentialACR {
		payload["acr_values"] = strings.Join(login.ACR, " ")
	}
	if login.MaxAge > 0 {
		payload["max_age"] = login.MaxAge
	}
	payload["nbf"] = login.CreatedAt.Unix()
	return c.sign("oauth-authz-req+jwt", payload, login.Issuer, objectLifetime)
}

func (c *Client) wantedClaims(login *Login) map[string]any {
	claims := map[string]any{c.config.IntentClaim: map[string]any{"value": login.IntentID, "essential": true}}
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

// authorizationURL repeats outside the object what OAuth demands there (FAPI
// 1.0 Advanced §5.2.3-9).
func (c *Client) authorizationURL(login *Login, object string) string {
	query := url.Values{
		"response_type": {"code id_token"},
		"client_id":     {login.ClientID},
		"scope":         {strings.Join(login.Scopes, " ")},
		"request":       {object},
	}
	separator := "?"
	if strings.Contains(c.config.Issuer.AuthorizationEndpoint, "?") {
		separator = "&"
	}
	return c.config.Issuer.AuthorizationEndpoint + separator + strings.ReplaceAll(query.Encode(), "+", "%20")
}
