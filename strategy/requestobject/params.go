package requestobject

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
)

// RedirectURI returns the redirect_uri as it stands in the object, "" if it is
// missing or no string.
func (o *Object) RedirectURI() string {
	uri, _ := o.members.String("redirect_uri")
	return uri
}

// ErrorParams returns what an error response needs from an object that was
// not read to its end: its state, response_type and response_mode, if they are
// strings.
func (o *Object) ErrorParams() (state, responseType, responseMode string) {
	state, _ = o.members.String("state")
	responseType, _ = o.members.String("response_type")
	responseMode, _ = o.members.String("response_mode")
	return state, responseType, responseMode
}

// leftOut are members that speak about the object and not about the request, and
// a parameter of the token endpoint that Fosite keeps.
var leftOut = map[string]bool{
	"iss": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true, "sub": true, "grant_type": true,
}

// textParams are the parameters that are strings and nothing else. Fosite
// would print a number or an array in Go's own notation.
var textParams = map[string]bool{
	"response_type": true, "client_id": true, "redirect_uri": true, "scope": true, "state": true, "nonce": true,
	"response_mode": true, "prompt": true, "acr_values": true, "code_challenge": true, "code_challenge_method": true,
	"id_token_hint": true, "login_hint": true, "ui_locales": true, "claims_locales": true, "display": true, "audience": true,
}

// Params returns the authorization parameters of the object as form values:
// strings as they are, numbers in decimal, objects and arrays as compact JSON.
// A known parameter of the wrong type is refused, null too; an unknown one that
// is null is left out.
func (o *Object) Params() (url.Values, error) {
	params, texts := make(url.Values, len(o.members)), make([]string, 0, len(o.members))
	for name, raw := range o.members {
		if leftOut[name] {
			continue
		}
		value, ok := o.formValue(name, raw)
		if !ok {
			return nil, ruleType.InvalidRequestObject("The request object has a parameter of the wrong type.")
		}
		if value != "" {
			texts = append(texts, value)
			params[name] = texts[len(texts)-1 : len(texts) : len(texts)]
		}
	}
	return params, nil
}

func (o *Object) formValue(name string, raw json.RawMessage) (string, bool) {
	switch {
	case textParams[name]:
		text, err := o.members.String(name)
		return text, err == nil
	case name == "max_age":
		return seconds(raw)
	case name == "claims":
		return compact(raw), raw[0] == '{'
	}
	if string(raw) == "null" {
		return "", true
	}
	if text, err := o.members.String(name); err == nil {
		return text, true
	}
	return compact(raw), true
}

// seconds takes max_age as a JSON number or as a string of digits.
func seconds(raw json.RawMessage) (string, bool) {
	text := string(raw)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return strconv.FormatUint(n, 10), err == nil
}

func compact(raw json.RawMessage) string {
	var buffer bytes.Buffer
	if err := json.Compact(&buffer, raw); err != nil {
		return ""
	}
	return buffer.String()
}
