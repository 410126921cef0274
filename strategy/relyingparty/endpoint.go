package relyingparty

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// endpoint is one where the client authenticates itself.
type endpoint struct {
	name, url, alias string
	status           int // of an answer that is no refusal
	rule             profile.Rule
}

func (c *Client) tokenEndpoint() endpoint {
	m := c.config.Issuer
	return endpoint{"token endpoint", m.TokenEndpoint, m.Aliases.TokenEndpoint, http.StatusOK, ruleTokenAnswer}
}

func (c *Client) parEndpoint() endpoint {
	m := c.config.Issuer
	return endpoint{"pushed authorization request endpoint", m.PAREndpoint, m.Aliases.PAREndpoint, http.StatusCreated, rulePushed}
}

// ask sends a form with the client's authentication and returns the answer.
func (c *Client) ask(ctx context.Context, e endpoint, form url.Values) (jose.Object, error) {
	if err := c.authenticate(form); err != nil {
		return nil, err
	}
	address := e.url
	if c.config.presentsCertificate() && e.alias != "" {
		address = e.alias // RFC 8705 §5
	}
	status, body, err := c.http.post(ctx, address, form)
	if err != nil {
		return nil, fmt.Errorf("relyingparty: %s: %w", e.name, err)
	}
	object, err := jose.ParseObject(body)
	if err != nil {
		return nil, abort(ReasonForm, e.rule, "the "+e.name+"'s answer is no JSON object").because(err)
	}
	if status != e.status {
		return nil, e.refusal(status, object)
	}
	return object, nil
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate names the client, and proves it by a fresh assertion unless the
// certificate of the connection does (RFC 8705 §2).
func (c *Client) authenticate(form url.Values) error {
	form.Set("client_id", c.config.ClientID)
	if c.config.AuthMethod != profile.PrivateKeyJWT {
		return nil
	}
	assertion, err := c.Assertion("")
	if err != nil {
		return err
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return nil
}

func (e endpoint) refusal(status int, object jose.Object) error {
	code, _ := object.String("error")
	description, _ := object.String("error_description")
	if code == "" {
		return fmt.Errorf("relyingparty: %s: status %d", e.name, status)
	}
	return &OAuthError{Status: status, Code: printable(code), Description: printable(description)}
}
