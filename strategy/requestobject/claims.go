package requestobject

import (
	"encoding/json"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Claims is the claims parameter (OpenID Connect Core §5.5).
type Claims struct {
	IDToken, UserInfo map[string]ClaimRequest
}

// ClaimRequest is what is asked of one claim.
type ClaimRequest struct {
	Essential bool
	// Value is the one value asked for, Values a list of acceptable ones; it
	// is not nil where the member is there.
	Value  *string
	Values []string
	// Malformed tells that essential is no boolean, value no string, or values
	// no list of strings. That may be right for a claim that is an object, and
	// is wrong for those that the library knows.
	Malformed bool
}

// Wants returns the acceptable values, in order.
func (c ClaimRequest) Wants() []string {
	if c.Value != nil {
		return append([]string{*c.Value}, c.Values...)
	}
	return c.Values
}

const (
	ruleClaims profile.Rule = "OIDC-5.5"
	ruleIntent profile.Rule = "MEF-R26"
)

// ParseClaims reads the claims parameter; "" is an empty one. Claims that the
// library does not know may have any form.
func ParseClaims(param string) (Claims, error) {
	if param == "" {
		return Claims{}, nil
	}
	object, err := jose.ParseObject([]byte(param))
	if err != nil {
		return Claims{}, errClaims
	}
	var c Claims
	if c.IDToken, err = parseMember(object["id_token"]); err != nil {
		return Claims{}, err
	}
	c.UserInfo, err = parseMember(object["userinfo"])
	return c, err
}

var errClaims = ruleClaims.InvalidRequestObject("The claims parameter is malformed.")

func parseMember(raw json.RawMessage) (map[string]ClaimRequest, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	member, err := jose.ParseObject(raw)
	if err != nil {
		return nil, errClaims
	}
	requests := make(map[string]ClaimRequest, len(member))
	for name, raw := range member {
		requests[name] = parseRequest(raw)
	}
	return requests, nil
}

// parseRequest reads the members that are strings, and takes any other value
// as not given: the values of claims such as address are objects.
func parseRequest(raw json.RawMessage) ClaimRequest {
	object, err := jose.ParseObject(raw)
	if err != nil {
		return ClaimRequest{}
	}
	var r ClaimRequest
	r.Essential = string(object["essential"]) == "true"
	value, err := object.String("value")
	if r.Malformed = err != nil || !isBoolean(object["essential"]); err == nil && object.Has("value") {
		r.Value = &value
	}
	if raw := object["values"]; raw != nil {
		values, err := object.Strings("values")
		r.Malformed = r.Malformed || err != nil || raw[0] != '['
		r.Values = append([]string{}, values...)
	}
	return r
}

func isBoolean(raw json.RawMessage) bool {
	return raw == nil || string(raw) == "true" || string(raw) == "false"
}

// Intent returns the intent id that the claims name under id_token. It must
// be one string; under userinfo it may be repeated, but not differ
// (MEF W128 R26).
func (c Claims) Intent(claim string) (string, error) {
	request, there := c.IDToken[claim]
	if !there || request.Malformed || request.Value == nil || *request.Value == "" || len(*request.Value) > maxIntent || !profile.IsVisible(*request.Value) {
		return "", ruleIntent.InvalidRequestObject("The request object names no intent under claims.id_token.")
	}
	id := *request.Value
	if request.Values != nil {
		return "", ruleIntent.InvalidRequestObject("The request object names more than one intent.")
	}
	if repeated, there := c.UserInfo[claim]; there {
		if slices.ContainsFunc(repeated.Wants(), func(v string) bool { return v != id }) {
			return "", ruleIntent.InvalidRequest("The intent under claims.userinfo is not the one under claims.id_token.")
		}
	}
	return id, nil
}

// maxIntent bounds an intent id, in bytes.
const maxIntent = 512
