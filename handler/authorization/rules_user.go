package authorization

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The rules for what the client wants of the user's authentication. Whether
// it was reached, the guard sees when the host is done.

const (
	ruleACR    profile.Rule = "MEF-R28"
	rulePrompt profile.Rule = "OIDC-3.1.2.1"
	ruleMaxAge profile.Rule = "MEF-CR2"
	ruleHint   profile.Rule = "OIDC-3.1.2.1"
)

// wantedACR returns the classes that the client asks for: those of the claims
// parameter, which may be essential, before those of acr_values.
func (c *candidate) wantedACR() (wanted []string, essential bool) {
	claim := c.claims.IDToken["acr"]
	if wanted = claim.Wants(); len(wanted) > 0 {
		return wanted, claim.Essential
	}
	return strings.Fields(c.params.Get("acr_values")), false
}

// acrVocabulary: only classes of the profile, in either of its vocabularies.
func (e *Endpoint) acrVocabulary(_ context.Context, c *candidate) error {
	if c.claims.IDToken["acr"].Malformed {
		return ruleACR.InvalidRequestObject("The acr claim is malformed.")
	}
	wanted, _ := c.wantedACR()
	for _, value := range append(strings.Fields(c.params.Get("acr_values")), wanted...) {
		if _, ok := e.Profile.ACR(value); !ok {
			return ruleACR.InvalidRequest("An acr value is not one of the profile.")
		}
	}
	return nil
}

var prompts = []string{"none", "login", "consent", "select_account"}

func (e *Endpoint) prompt(_ context.Context, c *candidate) error {
	wanted := strings.Fields(c.params.Get("prompt"))
	for _, p := range wanted {
		if !slices.Contains(prompts, p) || (p == "none" && len(wanted) > 1) {
			return rulePrompt.InvalidRequest("The prompt is unknown, or none beside another.")
		}
	}
	return nil
}

// maxAge notes the bound; its form was checked when the object was read.
func (e *Endpoint) maxAge(_ context.Context, c *candidate) error {
	text := c.params.Get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return ruleMaxAge.InvalidRequest("The max_age is not a number of seconds.")
	}
	age := time.Duration(seconds) * time.Second
	c.pending.MaxAge = &age
	return nil
}

// idTokenHint: a hint that is sent is an ID Token of ours. Its subject is
// compared with the user's when that is known.
func (e *Endpoint) idTokenHint(_ context.Context, c *candidate) error {
	hint := c.params.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	subject, err := e.Keys.SubjectOf(hint, e.Issuer, c.clientID)
	if err != nil {
		return ruleHint.InvalidRequest("The id_token_hint is not an ID Token of this server.").Because(err)
	}
	c.params.Set("id_token_hint", subject)
	return nil
}

// Ready finds the keys to which the answer will be encrypted, so that nothing
// is fetched while the storage's transaction is open.
func (e *Endpoint) Ready(ctx context.Context, ar fosite.AuthorizeRequester) (context.Context, error) {
	request, ok := ar.(*Request)
	if !ok {
		return ctx, nil // the guard refuses it
	}
	return e.ready(ctx, request.GetClient().GetID(), request.pending.Client, string(request.GetResponseMode()))
}

func (e *Endpoint) ready(ctx context.Context, clientID string, m *storage.ClientMetadata, mode string) (context.Context, error) {
	answers := []key.Response{key.IDToken}
	if profile.IsJWTMode(mode) {
		answers = append(answers, key.Authorization)
	}
	ctx, err := e.IDToken.Encrypter.Ready(ctx, clientID, m, answers...)
	if err != nil {
		return ctx, profile.ServerError("The answer cannot be encrypted to the client.", err)
	}
	return ctx, nil
}

// signable: there is a key for the algorithm of the client's ID Tokens, and of
// its JARM responses if it wants them, so that this cannot fail when the code is out.
func (e *Endpoint) signable(ctx context.Context, c *candidate) error {
	if _, err := e.IDToken.Alg(ctx, c.client); err != nil {
		return err
	}
	if profile.IsJWTMode(c.params.Get("response_mode")) {
		if _, err := e.JARM.Alg(c.metadata); err != nil {
			return err
		}
	}
	_, err := e.ready(ctx, c.clientID, c.metadata, c.params.Get("response_mode"))
	return err
}
