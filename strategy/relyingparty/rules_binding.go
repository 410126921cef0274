package relyingparty

import (
	"context"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleCodeHash  profile.Rule = "MEF-R15"
	ruleStateHash profile.Rule = "FAPI-5.2.3.1-4"
	ruleTokenHash profile.Rule = "MEF-CR4"
	ruleIntent    profile.Rule = "MEF-R32"
	ruleACR       profile.Rule = "FAPI-5.2.3-3"
	ruleAuthTime  profile.Rule = "MEF-CR2"
	ruleSub       profile.Rule = "MEF-R31"
)

// bound reports whether the hash claim is that of the value. The digest is the
// one of the token's own algorithm, which is the registered one by now.
func (c *Client) bound(a *answer, claim, value string) bool {
	hash, err := a.claims.String(claim)
	return err == nil && equal(hash, idtoken.LeftHalf(a.signed.Alg, value, c.eddsaHash()))
}

// checkCodeHash: the ID Token was made for this code. From the token endpoint
// c_hash is optional, and so is s_hash.
func (c *Client) checkCodeHash(_ context.Context, a *answer) error {
	if a.front != nil && (a.refreshed || !a.claims.Has("c_hash")) {
		return nil
	}
	if !c.bound(a, "c_hash", a.code) {
		return abort(ReasonCodeHash, ruleCodeHash, "the code is not the one that the ID Token was made for")
	}
	return nil
}

func (c *Client) checkStateHash(_ context.Context, a *answer) error {
	if a.front != nil && (a.refreshed || !a.claims.Has("s_hash")) {
		return nil
	}
	if !c.bound(a, "s_hash", a.login.State) {
		return abort(ReasonStateHash, ruleStateHash, "the state is not the one that the ID Token was made for")
	}
	return nil
}

// checkTokenHash: at_hash belongs to an access token; beside one it is
// optional.
func (c *Client) checkTokenHash(_ context.Context, a *answer) error {
	if !a.claims.Has("at_hash") {
		return nil
	}
	if a.accessToken == "" || !c.bound(a, "at_hash", a.accessToken) {
		return abort(ReasonTokenHash, ruleTokenHash, "the ID Token was made for another access token")
	}
	return nil
}

// checkIntent: where there are intents, the ID Token names that of the login.
func (c *Client) checkIntent(_ context.Context, a *answer) error {
	claim := c.config.Profile.IntentClaim
	if claim == "" && a.login.IntentID == "" {
		return nil
	}
	if id, err := a.claims.String(claim); err != nil || id == "" || id != a.login.IntentID {
		return abort(ReasonIntent, ruleIntent, "the ID Token names another intent or none")
	}
	return nil
}

// checkACR: the user logged in well enough for what was asked.
func (c *Client) checkACR(_ context.Context, a *answer) error {
	acr, err := a.claims.String("acr")
	if err == nil && acr == "" && !c.needsACR(a.login) {
		return nil
	}
	if err != nil || acr == "" || !c.goodEnough(a.login, acr) {
		return abort(ReasonACR, ruleACR, "the ID Token's acr is missing or not good enough")
	}
	return nil
}

// needsACR: one is missed where the profile has it in every login, or where
// somebody said what is good enough.
func (c *Client) needsACR(login *Login) bool {
	return c.config.Profile.RequireACRClaim || login.EssentialACR || len(c.config.ACRValues) > 0
}

func (c *Client) goodEnough(login *Login, acr string) bool {
	if login.EssentialACR {
		return slices.Contains(login.ACR, acr)
	}
	return len(c.config.ACRValues) == 0 || slices.Contains(c.config.ACRValues, acr) || slices.Contains(login.ACR, acr)
}

// checkAuthTime: with max_age the user logged in no longer ago than that; a
// refreshed token tells of the first login, which may be long ago.
func (c *Client) checkAuthTime(_ context.Context, a *answer) error {
	at, err := a.claims.Time("auth_time")
	if err != nil {
		return abort(ReasonAuthTime, ruleAuthTime, "the ID Token's auth_time is no date")
	}
	if a.login.MaxAge == 0 || a.refreshed {
		return nil
	}
	oldest := a.now.Add(-time.Duration(a.login.MaxAge)*time.Second - c.config.Skew)
	if at.IsZero() || at.Before(oldest) || at.After(a.now.Add(c.config.Skew)) {
		return abort(ReasonAuthTime, ruleAuthTime, "the user logged in longer ago than max_age, or auth_time is missing")
	}
	return nil
}

func (c *Client) checkSub(_ context.Context, a *answer) error {
	if sub, err := a.claims.String("sub"); err != nil || sub == "" {
		return abort(ReasonSub, ruleSub, "the ID Token has no sub")
	}
	return nil
}

// checkSameUser: both endpoints speak of one user, who logged in once. The
// acr was good enough the first time; a refreshed token need not repeat it.
func (c *Client) checkSameUser(_ context.Context, a *answer) error {
	if sub, _ := a.claims.String("sub"); sub != a.front.Subject {
		return abort(ReasonSub, ruleSub, "the two ID Tokens have different subjects")
	}
	if acr, err := a.claims.String("acr"); err != nil || acr != a.front.ACR && (acr != "" || !a.refreshed) {
		return abort(ReasonACR, ruleACR, "the two ID Tokens have different acr values")
	}
	return nil
}
