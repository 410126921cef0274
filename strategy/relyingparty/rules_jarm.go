package relyingparty

import (
	"context"
	"net/url"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleJARM   profile.Rule = "FAPI-5.2.3.2-1"
	ruleMixUp  profile.Rule = "FAPI-8.3.3"
	maxJARMAge              = maxTokenAge // JARM §2.1
)

// jarmRules are the validation of a signed authorization response, in order
// (FAPI 1.0 Advanced §5.2.3.2, JARM §2.4). What the response says is used only
// after its signature was verified.
var jarmRules = []rule{
	(*Client).checkRedirectURI,
	(*Client).checkQuery,
	(*Client).checkResponseAlone,
	(*Client).checkAlg,
	(*Client).readUnverified,
	(*Client).checkIss,
	(*Client).checkResponseAud,
	(*Client).checkResponseExp,
	(*Client).findKey,
	(*Client).checkSignature,
	(*Client).readParameters,
	(*Client).checkState,
	(*Client).checkError,
	(*Client).checkAccessToken,
	(*Client).checkCode,
}

func (c *Client) response() *expected {
	return &expected{
		name: "the response", alg: c.config.ResponseAlg, encryption: c.config.ResponseEncryption,
		form: ruleJARM, encrypted: ruleJARM, algorithm: ruleJARM, kid: ruleJARM, key: ruleJARM, signature: ruleJARM, iss: ruleMixUp,
	}
}

func (c *Client) checkQuery(_ context.Context, a *answer) error {
	if a.delivery != Query {
		return abort(ReasonDelivery, ruleJARM, "the answer did not come in the query")
	}
	return nil
}

// checkResponseAlone: beside or instead of a signed response nothing counts. A
// plain error may be shown, and no more: anybody could have written it.
func (c *Client) checkResponseAlone(_ context.Context, a *answer) error {
	if values := a.params["response"]; len(a.params) == 1 && len(values) == 1 && values[0] != "" {
		return nil
	}
	refused := abort(ReasonResponse, ruleJARM, "the answer is not the parameter response alone")
	if a.params.Has("error") {
		refused.OAuth = oauthError(a.params)
	}
	return refused
}

// readUnverified lets the rules see for whom the response is, before a key is
// looked for. Nothing else is read of it before checkSignature.
func (c *Client) readUnverified(_ context.Context, a *answer) error {
	claims, err := a.signed.Unverified()
	if err != nil {
		return a.refuse(ReasonForm, ruleJARM, "'s payload is no JSON object without duplicate members")
	}
	a.claims = claims
	return nil
}

// checkResponseAud: this client is the one audience.
func (c *Client) checkResponseAud(_ context.Context, a *answer) error {
	aud, err := a.claims.Strings("aud")
	if err != nil || len(aud) != 1 || aud[0] != c.config.ClientID || a.login.ClientID != c.config.ClientID {
		return a.refuse(ReasonAud, ruleJARM, " is for another client")
	}
	return nil
}

func (c *Client) checkResponseExp(_ context.Context, a *answer) error {
	exp, err := a.claims.Time("exp")
	if err != nil || !exp.After(a.now.Add(-c.config.Skew)) || exp.After(a.now.Add(maxJARMAge+c.config.Skew)) {
		return a.refuse(ReasonExp, ruleJARM, " has no exp, has expired or lives longer than ten minutes")
	}
	return nil
}

// readParameters takes the answer out of the verified claims.
func (c *Client) readParameters(_ context.Context, a *answer) error {
	params := url.Values{}
	for _, name := range []string{"iss", "state", "code", "error", "error_description", "access_token"} {
		value, err := a.claims.String(name)
		if err != nil {
			return a.refuse(ReasonForm, ruleJARM, "'s "+name+" is no string")
		}
		if a.claims.Has(name) {
			params[name] = []string{value}
		}
	}
	a.params = params
	a.code = a.params.Get("code")
	return nil
}

func (c *Client) checkCode(_ context.Context, a *answer) error {
	if a.code == "" {
		return a.refuse(ReasonMissing, ruleJARM, " has neither a code nor an error")
	}
	return nil
}
