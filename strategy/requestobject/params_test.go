package requestobject_test

import (
	"encoding/json"
	"testing"
)

// paramsOf reads an object with one more member.
func paramsOf(t *testing.T, c *client, name, value string) (string, bool, error) {
	t.Helper()
	m := good()
	m[name] = json.RawMessage(value)
	object, err := newVerifier().Open(t.Context(), c.sign(t, "", m), clientID, c.metadata)
	if err != nil {
		t.Fatal(err)
	}
	params, err := object.Params()
	return params.Get(name), params.Has(name), err
}

// RFC 9101 §4: parameters keep their JSON types.
func TestParams(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct{ name, value, want string }{
		{"state", `"s\u0020\"x\""`, `s "x"`},
		{"prompt", `"login"`, "login"},
		{"acr_values", `"a b"`, "a b"},
		{"max_age", `300`, "300"},
		{"max_age", `0`, "0"},
		{"max_age", `"300"`, "300"},
		{"max_age", `"007"`, "7"},
		{"max_age", `2147483647`, "2147483647"},
		{"claims", `{ "id_token" : { "acr" : null } }`, `{"id_token":{"acr":null}}`},
		{"x_number", `1e3`, "1e3"},
		{"x_bool", `true`, "true"},
		{"x_list", `[ 1 , "a" ]`, `[1,"a"]`},
		{"x_object", `{ "a" : [ ] }`, `{"a":[]}`},
		{"x_text", `"a"`, "a"},
		{"authorization_details", `[{"type": "quote"}]`, `[{"type":"quote"}]`},
	} {
		if got, _, err := paramsOf(t, c, test.name, test.value); err != nil || got != test.want {
			t.Errorf("%s %s: got %q, %v, want %q", test.name, test.value, got, err, test.want)
		}
	}
	for _, test := range []struct{ name, value string }{
		{"x", `null`}, {"x", `""`}, {"state", `""`}, {"sub", `"user"`}, {"iat", `1`}, {"jti", `"2"`}, {"iss", `"buyer"`},
	} {
		if got, there, err := paramsOf(t, c, test.name, test.value); err != nil || there {
			t.Errorf("%s %s: got %q, %v, want none", test.name, test.value, got, err)
		}
	}
}

func TestParamsOfTheWrongType(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct{ name, value string }{
		{"state", `1`}, {"state", `["s"]`}, {"state", `null`}, {"state", `true`}, {"nonce", `{}`}, {"scope", `["openid"]`},
		{"redirect_uri", `["https://buyer.example/cb"]`}, {"response_type", `["code","id_token"]`}, {"response_mode", `false`},
		{"prompt", `["login"]`}, {"acr_values", `["a"]`}, {"code_challenge", `1`}, {"code_challenge_method", `null`},
		{"id_token_hint", `{}`}, {"login_hint", `{}`}, {"ui_locales", `["en"]`}, {"claims_locales", `["en"]`}, {"display", `1`}, {"audience", `["a"]`},
		{"max_age", `-1`}, {"max_age", `1.5`}, {"max_age", `1e2`}, {"max_age", `"1h"`}, {"max_age", `""`}, {"max_age", `"-1"`}, {"max_age", `null`},
		{"max_age", `2147483648`}, {"max_age", `99999999999999999999`}, {"max_age", `[300]`}, {"max_age", `"+300"`}, {"max_age", `"0x10"`},
		{"claims", `"{}"`}, {"claims", `[]`}, {"claims", `null`}, {"claims", `1`},
	} {
		t.Run(test.name+" "+test.value, func(t *testing.T) {
			_, _, err := paramsOf(t, c, test.name, test.value)
			wantRule(t, err, "RFC9101-4")
		})
	}
}

// An error response takes from an object what it can.
func TestErrorParams(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct {
		change             members
		uri, state, answer string
	}{
		{members{"state": "s"}, "https://buyer.example/cb", "s", "code id_token"},
		{members{"state": 1, "response_type": []string{"code"}, "redirect_uri": 1}, "", "", ""},
		{members{"redirect_uri": nil, "response_type": nil}, "", "", ""},
	} {
		object, err := newVerifier().Open(t.Context(), c.sign(t, "", changed(test.change)), clientID, c.metadata)
		if err != nil {
			t.Fatal(err)
		}
		state, answer, _ := object.ErrorParams()
		if uri := object.RedirectURI(); uri != test.uri || state != test.state || answer != test.answer {
			t.Errorf("got %q, %q, %q", uri, state, answer)
		}
	}
}
