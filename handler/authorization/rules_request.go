package authorization

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/jarm"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// The rules for the parameters inside the verified object; their breach is
// reported to the client.

const (
	ruleReplay        profile.Rule = "RFC9101-10.2"
	ruleResponseType  profile.Rule = "MEF-R13"
	ruleResponseTypes profile.Rule = "FAPI-5.2.2-2"
	ruleQueryMode     profile.Rule = "JARM-2.3.1"
	ruleScope         profile.Rule = "MEF-R20"
	ruleOpenID        profile.Rule = "MEF-R21"
	ruleScopes        profile.Rule = "MEF-R22"
	ruleNonce         profile.Rule = "MEF-R36"
	ruleState         profile.Rule = "MEF-CR1"
	rulePKCE          profile.Rule = "FAPI-5.2.2-18"
	maxOpaque                      = 1 << 10 // state and nonce, in bytes
	maxList                        = 2 << 10 // scope and audience, in bytes
)

func (e *Endpoint) objectTimes(_ context.Context, c *candidate) error {
	return e.Verifier.CheckTimes(c.object)
}

// notReplayed: an object that completed an authorization is used up. Looking
// does not use it up; the guard does.
func (e *Endpoint) notReplayed(ctx context.Context, c *candidate) error {
	return e.unused(ctx, e.replayKey(c.client.GetID(), c.object.ID), errReplay)
}

// unused looks whether the key was used up; if so, it is the refusal.
func (e *Endpoint) unused(ctx context.Context, key string, used error) error {
	if key == "" {
		return nil
	}
	_, err := e.Once.GetOnce(ctx, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil
	case err != nil:
		return profile.Unavailable(err)
	}
	return used
}

var errReplay = ruleReplay.InvalidRequestObject("The request object has been used before.")

// replayKey is "" for an object without jti, and where the profile does not
// look.
func (e *Endpoint) replayKey(clientID, jti string) string {
	if jti == "" || !e.Profile.RequestObject.ReplayCheck {
		return ""
	}
	return "object:" + hash(clientID+"\x00"+jti)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	var text [43]byte // on the stack, unlike EncodeToString's
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

func (e *Endpoint) readParams(_ context.Context, c *candidate) error {
	params, err := c.object.Params()
	if err != nil {
		return err
	}
	c.params = params
	c.claims, err = requestobject.ParseClaims(params.Get("claims"))
	return err
}

func (e *Endpoint) responseType(_ context.Context, c *candidate) error {
	wanted := c.params.Get("response_type")
	if wanted == "" {
		return ruleResponseType.InvalidRequest("The request object has no response_type.")
	}
	// A bare code could be swapped on its way; JARM signs it. A mode that is
	// not known has a rule of its own.
	mode := c.params.Get("response_mode")
	bare := sameSet(wanted, "code") && (mode == "" || slices.Contains(e.Profile.ResponseModes, mode) && !profile.IsJWTMode(mode))
	if bare || !slices.ContainsFunc(e.Profile.ResponseTypes, func(t string) bool { return sameSet(t, wanted) }) {
		return ruleResponseTypes.Refuse("unsupported_response_type", "The response_type is not supported.")
	}
	return nil
}

func (e *Endpoint) registeredResponseType(_ context.Context, c *candidate) error {
	wanted := c.params.Get("response_type")
	if !slices.ContainsFunc(c.client.GetResponseTypes(), func(t string) bool { return sameSet(t, wanted) }) {
		return ruleResponseType.UnauthorizedClient("The client is not registered for this response_type.")
	}
	if !slices.Contains(c.client.GetGrantTypes(), "authorization_code") {
		return ruleResponseType.UnauthorizedClient("The client is not registered for the grant authorization_code.")
	}
	return nil
}

// sameSet: the values of a response type have no order (RFC 6749 §3.1.1).
func sameSet(a, b string) bool {
	if a == b {
		return true
	}
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func (e *Endpoint) responseMode(_ context.Context, c *candidate) error {
	mode, wanted := c.params.Get("response_mode"), c.params.Get("response_type")
	if mode != "" && !slices.Contains(e.Profile.ResponseModes, mode) {
		return ruleResponseTypes.InvalidRequest("The response_mode is not supported.")
	}
	if !mayQuery(mode, wanted, c.metadata) {
		return ruleQueryMode.InvalidRequest("A token goes through the query only in an encrypted response.")
	}
	return nil
}

// mayQuery: no query.jwt for tokens, unless the client's responses are
// encrypted (JARM §2.3.1).
func mayQuery(mode, responseType string, m *storage.ClientMetadata) bool {
	where, is := jarm.ModeOf(mode, responseType)
	return !is || where != jarm.Query || !jarm.HasTokens(responseType) || m.AuthorizationEncryptedResponseAlg != ""
}

// scopesPresent: there are scopes, openid is one of them, and in front where
// the profile says so. The canonical spelling replaces the one that was sent.
func (e *Endpoint) scopesPresent(_ context.Context, c *candidate) error {
	if len(c.params.Get("scope")) > maxList || len(c.params.Get("audience")) > maxList {
		return ruleScopes.InvalidScope("The scope or audience is too long.")
	}
	c.scopes = e.Profile.ParseScope(c.params.Get("scope"))
	if len(c.scopes) == 0 {
		return ruleScope.InvalidRequest("The request object has no scope.")
	}
	for i, required := range e.Profile.RequiredScopes {
		at := slices.Index(c.scopes, required)
		if at < 0 || (e.Profile.RequiredScopesFirst && at != i) {
			return ruleOpenID.InvalidScope("The scope openid is missing or not where it must be.")
		}
	}
	if !slices.Contains(c.scopes, "openid") && jarm.HasTokens(c.params.Get("response_type")) {
		return ruleOpenID.InvalidScope("An ID Token needs the scope openid.")
	}
	c.params.Set("scope", strings.Join(c.scopes, " "))
	return nil
}

func (e *Endpoint) scopesRegistered(_ context.Context, c *candidate) error {
	registered := c.client.GetScopes()
	for _, scope := range c.scopes {
		if !e.Profile.Covers(registered, scope) {
			return ruleScopes.InvalidScope("The client is not registered for one of the scopes.")
		}
	}
	return nil
}

func (e *Endpoint) nonce(_ context.Context, c *candidate) error {
	nonce := c.params.Get("nonce")
	if (nonce == "" && e.Profile.RequireNonce && slices.Contains(c.scopes, "openid")) || !isPrintable(nonce) {
		return ruleNonce.InvalidRequest("The request object has no nonce, or one that is too long or not printable ASCII.")
	}
	return nil
}

// state: its hash must be the same whoever computes it, so it is printable
// ASCII.
func (e *Endpoint) state(_ context.Context, c *candidate) error {
	state := c.params.Get("state")
	// Without openid there is no nonce that ties the answer to its session.
	if state == "" && (e.Profile.RequireState || !slices.Contains(c.scopes, "openid")) {
		return ruleState.InvalidRequest("The request object has no state.")
	}
	if !isPrintable(state) {
		return ruleState.InvalidRequest("The state is not printable ASCII, or too long.")
	}
	return nil
}

func isPrintable(s string) bool {
	return len(s) <= maxOpaque && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// pkce: a challenge that is sent is S256 and well-formed, always.
func (e *Endpoint) pkce(_ context.Context, c *candidate) error {
	challenge, method := c.params.Get("code_challenge"), c.params.Get("code_challenge_method")
	if challenge == "" && method == "" {
		if e.Profile.RequirePKCE == profile.PKCEAlways || c.delivery == profile.DeliverByPAR {
			return rulePKCE.InvalidRequest("The request object has no code_challenge.")
		}
		return nil
	}
	if method != "S256" || !challengeForm.MatchString(challenge) {
		return rulePKCE.InvalidRequest("The code_challenge is not one of the method S256.")
	}
	return nil
}

// namesIntent finds the intent id in the claims.
func (e *Endpoint) namesIntent(_ context.Context, c *candidate) error {
	if !e.Profile.RequireIntent {
		return nil
	}
	id, err := c.claims.Intent(e.Profile.IntentClaim)
	if err != nil {
		return err
	}
	c.intent = &storage.Intent{ID: id}
	return nil
}

// ownIntent: the intent is this client's to use and can be authorized.
func (e *Endpoint) ownIntent(ctx context.Context, c *candidate) error {
	if c.intent == nil {
		return nil
	}
	in, err := e.Intents.Authorizable(ctx, c.client, c.intent.ID)
	c.intent = in
	return err
}

const rulePolicy profile.Rule = "MEF-7.3-4"

func (e *Endpoint) policy(ctx context.Context, c *candidate) error {
	refuse := rulePolicy.AccessDenied
	if c.pushing {
		refuse = rulePolicy.UnauthorizedClient
	}
	return ApplyPolicy(ctx, e.Policy, c.client, c.intent, c.scopes, refuse)
}

// ApplyPolicy asks the policy, if there is one, and turns its refusal into the
// violation that the endpoint gives.
func ApplyPolicy(ctx context.Context, policy Policy, client fosite.Client, in *storage.Intent, scopes []string, refuse func(string) *profile.Violation) error {
	if policy == nil {
		return nil
	}
	err := policy(ctx, client, in, scopes)
	var violation *profile.Violation
	if err == nil || errors.As(err, &violation) {
		return err
	}
	return refuse("No policy lets the client do this.").Because(err)
}
