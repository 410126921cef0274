package relyingparty

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	rulePushed    profile.Rule = "RFC9126-2.2"
	maxRequestURI              = 1 << 10
)

// push sends the request object and returns the request_uri for it.
func (c *Client) push(ctx context.Context, object string) (string, error) {
	answer, err := c.ask(ctx, c.parEndpoint(), url.Values{"request": {object}})
	if err != nil {
		return "", err
	}
	if err := checkExpiresIn(answer); err != nil {
		return "", err
	}
	return readRequestURI(answer)
}

// readRequestURI takes any absolute URI: what it means is the Seller's affair.
func readRequestURI(answer jose.Object) (string, error) {
	reference, err := answer.String("request_uri")
	u, malformed := url.Parse(reference)
	if err != nil || malformed != nil || !u.IsAbs() || len(reference) > maxRequestURI {
		return "", abort(ReasonRequestURI, rulePushed, "request_uri is no URI of at most 1 KiB")
	}
	return reference, nil
}

// checkExpiresIn: the lifetime is a positive integer (RFC 9126 §2.2).
func checkExpiresIn(answer jose.Object) error {
	if seconds, err := strconv.ParseInt(string(answer["expires_in"]), 10, 32); err != nil || seconds <= 0 {
		return abort(ReasonRequestURI, rulePushed, "expires_in is no positive number of seconds")
	}
	return nil
}

// wantsPKCE: FAPI 1.0 Advanced §5.2.3-15 asks for it with a pushed request; a
// code that no ID Token vouches for in front has it too.
func (c *Config) wantsPKCE() bool {
	return c.PAR || c.JARM || c.Profile.RequirePKCE == profile.PKCEAlways
}

// challenge is the S256 code_challenge of a verifier (RFC 7636 §4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
