package relyingparty

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Tokens is what the token endpoint issued. As JSON it can be kept for
// Refresh; it holds credentials.
type Tokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Scopes       []string  `json:"scopes"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero if the Seller did not say
	// IntentID is the intent in the validated ID Token: the one to send with
	// the submission. Like what follows it is empty for a client's own token.
	IntentID string `json:"intent_id,omitempty"`
	Subject  string `json:"sub,omitempty"`
	ACR      string `json:"acr,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	// IDToken is the validated one as it came, which may be encrypted.
	IDToken string `json:"id_token,omitempty"`
}

const (
	ruleTokenAnswer profile.Rule = "RFC6749-5.1"
	ruleTokenType   profile.Rule = "RFC6749-7.1"
	ruleScope       profile.Rule = "BASE-5.2.3-10"
	ruleIDToken     profile.Rule = "OIDC-3.1.3.3"
)

// Exchange sends the code and validates what comes back. An answer that breaks
// a rule is an *Abort, a refusal of the server an *OAuthError. The code is
// good for one attempt.
func (c *Client) Exchange(ctx context.Context, d *Detached) (*Tokens, error) {
	if d == nil || d.code == "" {
		return nil, errors.New("relyingparty: a Detached comes from Finish")
	}
	if d.sent.Swap(true) {
		// The server would revoke the tokens of the first use (RFC 6749 §4.1.2).
		return nil, errors.New("relyingparty: the code was sent before")
	}
	form := url.Values{
		"grant_type":   {"authorization_code"},
		"code":         {d.code},
		"redirect_uri": {d.login.RedirectURI},
	}
	if d.login.CodeVerifier != "" {
		form.Set("code_verifier", d.login.CodeVerifier)
	}
	tokens, err := c.fetch(ctx, d.login.Scopes, form)
	if err != nil {
		return nil, err
	}
	if tokens.IDToken == "" {
		return nil, abort(ReasonMissing, ruleIDToken, "the token endpoint issued no ID Token")
	}
	rules := tokenRules
	if d.login.JARM {
		rules = firstTokenRules
	}
	a := &answer{login: &d.login, front: d, code: d.code}
	if err := c.checkIDToken(ctx, rules, tokens, a); err != nil {
		return nil, err
	}
	return tokens, nil
}

// Refresh gets new tokens for those of Exchange. If the server rotates refresh
// tokens, the old one is dead: keep the new Tokens.
func (c *Client) Refresh(ctx context.Context, old *Tokens) (*Tokens, error) {
	if old == nil || old.RefreshToken == "" {
		return nil, errors.New("relyingparty: there is no refresh token")
	}
	tokens, err := c.fetch(ctx, old.Scopes, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {old.RefreshToken},
	})
	if err != nil {
		return nil, err
	}
	if tokens.RefreshToken == "" {
		tokens.RefreshToken = old.RefreshToken
	}
	if tokens.IDToken != "" {
		login := &Login{Issuer: c.config.Issuer.Issuer, ClientID: c.config.ClientID, Nonce: old.Nonce, IntentID: old.IntentID}
		a := &answer{login: login, front: &Detached{Subject: old.Subject, ACR: old.ACR}, refreshed: true}
		if err := c.checkIDToken(ctx, tokenRules, tokens, a); err != nil {
			return nil, err
		}
	}
	tokens.IntentID, tokens.Subject, tokens.ACR, tokens.Nonce = old.IntentID, old.Subject, old.ACR, old.Nonce
	return tokens, nil
}

// ClientCredentials gets a token of the client's own, for what needs no user:
// lodging an intent, reading its state.
func (c *Client) ClientCredentials(ctx context.Context, scopes []string) (*Tokens, error) {
	return c.fetch(ctx, scopes, url.Values{
		"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")},
	})
}

func (c *Client) checkIDToken(ctx context.Context, rules []rule, tokens *Tokens, a *answer) error {
	a.expected, a.raw, a.accessToken, a.now = c.idToken(), tokens.IDToken, tokens.AccessToken, c.config.Clock()
	if err := c.apply(ctx, rules, a); err != nil {
		return err
	}
	tokens.IntentID, tokens.Nonce = a.login.IntentID, a.login.Nonce
	tokens.Subject, _ = a.claims.String("sub")
	tokens.ACR, _ = a.claims.String("acr")
	return nil
}

// fetch makes one token request and reads the answer; scopes are the most
// that may come back.
func (c *Client) fetch(ctx context.Context, scopes []string, form url.Values) (*Tokens, error) {
	object, err := c.ask(ctx, c.tokenEndpoint(), form)
	if err != nil {
		return nil, err
	}
	return c.readTokens(object, scopes)
}

func (c *Client) readTokens(object jose.Object, scopes []string) (*Tokens, error) {
	tokens := &Tokens{Scopes: scopes}
	for name, value := range map[string]*string{
		"access_token": &tokens.AccessToken, "refresh_token": &tokens.RefreshToken, "id_token": &tokens.IDToken,
	} {
		var err error
		if *value, err = object.String(name); err != nil {
			return nil, abort(ReasonForm, ruleTokenAnswer, name+" is no string")
		}
	}
	if tokens.AccessToken == "" {
		return nil, abort(ReasonAccessToken, ruleTokenAnswer, "the token endpoint issued no access token")
	}
	if kind, err := object.String("token_type"); err != nil || !strings.EqualFold(kind, "Bearer") {
		return nil, abort(ReasonTokenType, ruleTokenType, "token_type is not Bearer")
	}
	if err := readScope(tokens, object); err != nil {
		return nil, err
	}
	if err := c.readExpiry(tokens, object); err != nil {
		return nil, err
	}
	return tokens, nil
}

// readScope: without scope all that was asked for is granted (RFC 6749 §5.1).
func readScope(tokens *Tokens, object jose.Object) error {
	if !object.Has("scope") {
		return nil
	}
	scope, err := object.String("scope")
	granted := strings.Fields(scope)
	if err != nil || !within(granted, tokens.Scopes) {
		return abort(ReasonScope, ruleScope, "more scopes were granted than asked for")
	}
	tokens.Scopes = granted
	return nil
}

func within(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// readExpiry takes a number or, as some servers send, a string of digits.
func (c *Client) readExpiry(tokens *Tokens, object jose.Object) error {
	raw, there := object["expires_in"]
	if !there {
		return nil
	}
	text := string(raw)
	var quoted string
	if json.Unmarshal(raw, &quoted) == nil && quoted != "" {
		text = quoted
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > math.MaxInt32 {
		return abort(ReasonForm, ruleTokenAnswer, "expires_in is no number of seconds")
	}
	tokens.ExpiresAt = c.config.Clock().Add(time.Duration(seconds) * time.Second).UTC()
	return nil
}
