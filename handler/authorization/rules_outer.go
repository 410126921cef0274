package authorization

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The rules for parameters outside the request object. Whatever they say, no
// value from outside is ever used.

const ruleOuter profile.Rule = "MEF-R14"

// outerResponseType: one that is sent must be the inner one, in every profile.
func (e *Endpoint) outerResponseType(_ context.Context, c *candidate) error {
	outer := c.query.Get("response_type")
	if outer != "" && !sameSet(outer, c.params.Get("response_type")) {
		return ruleOuter.InvalidRequest("The response_type outside the request object differs from the one inside.")
	}
	return nil
}

// notOuterOnly are the parameters that must not be outside alone: their
// sender would believe that they count.
var notOuterOnly = []string{"state", "nonce", "redirect_uri", "scope", "claims"}

// outerParams: under must-match, what is both outside and inside is equal.
func (e *Endpoint) outerParams(_ context.Context, c *candidate) error {
	if e.Profile.OuterParams != profile.MatchOuter {
		return nil
	}
	for name := range c.query {
		if !e.outerMatches(c, name) {
			return ruleOuter.InvalidRequest("A parameter outside the request object is not the same inside.")
		}
	}
	return nil
}

func (e *Endpoint) outerMatches(c *candidate, name string) bool {
	outer, inner := c.query.Get(name), c.params.Get(name)
	switch {
	case outer == "" || name == "client_id" || name == "response_type" || name == "request":
		return true
	case inner == "":
		return !slices.Contains(notOuterOnly, name)
	case name == "scope":
		return e.scopesMatch(e.Profile.ParseScope(outer), e.Profile.ParseScope(inner))
	case name == "claims":
		return sameJSON(outer, inner)
	}
	return outer == inner
}

// scopesMatch: each outer scope is an inner one, or covers an inner one.
func (e *Endpoint) scopesMatch(outer, inner []string) bool {
	for _, scope := range outer {
		covers := func(s string) bool { return e.Profile.Covers([]string{scope}, s) }
		if !slices.ContainsFunc(inner, covers) {
			return false
		}
	}
	return true
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.NewDecoder(strings.NewReader(a)).Decode(&x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
