package requestobject_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

func text(s string) *string { return &s }

type requests = map[string]requestobject.ClaimRequest

// OpenID Connect Core §5.5.
func TestParseClaims(t *testing.T) {
	for _, test := range []struct {
		param             string
		idToken, userInfo requests
	}{
		{``, nil, nil},
		{`{}`, nil, nil},
		{`{"id_token":null,"userinfo":null}`, nil, nil},
		{`{"id_token":{},"other":[1]}`, requests{}, nil},
		{`{"id_token":{"acr":null}}`, requests{"acr": {}}, nil},
		{`{"id_token":{"acr":{"essential":true}}}`, requests{"acr": {Essential: true}}, nil},
		{`{"id_token":{"acr":{"essential":"true"}}}`, requests{"acr": {Malformed: true}}, nil},
		{`{"id_token":{"acr":{"Essential":true}}}`, requests{"acr": {}}, nil},
		{`{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}`, requests{"acr": {Essential: true, Values: []string{"a", "b"}}}, nil},
		{`{"id_token":{"acr":{"value":"a"}}}`, requests{"acr": {Value: text("a")}}, nil},
		{`{"id_token":{"acr":{"value":""}}}`, requests{"acr": {Value: text("")}}, nil},
		{`{"id_token":{"acr":{"value":1,"values":[1]}}}`, requests{"acr": {Values: []string{}, Malformed: true}}, nil},
		{`{"id_token":{"acr":{"value":null}}}`, requests{"acr": {Malformed: true}}, nil},
		{`{"id_token":{"acr":{"values":[]}}}`, requests{"acr": {Values: []string{}}}, nil},
		{`{"id_token":{"acr":{"values":"a"}}}`, requests{"acr": {Values: []string{"a"}, Malformed: true}}, nil},
		{`{"userinfo":{"name":null,"address":{"value":{"country":"NZ"}}}}`, nil, requests{"name": {}, "address": {Malformed: true}}},
		{`{"id_token":{"x":[1],"y":7}}`, requests{"x": {}, "y": {}}, nil},
	} {
		got, err := requestobject.ParseClaims(test.param)
		if err != nil {
			t.Errorf("%s: %v", test.param, err)
		}
		if !reflect.DeepEqual(got.IDToken, test.idToken) || !reflect.DeepEqual(got.UserInfo, test.userInfo) {
			t.Errorf("%s: got %+v", test.param, got)
		}
	}
}

func TestParseClaimsRefuses(t *testing.T) {
	for _, param := range []string{
		`x`, `[]`, `null`, `"{}"`, `{`, `{}{}`, `{"id_token":[]}`, `{"id_token":"acr"}`, `{"id_token":1}`, `{"userinfo":true}`,
		`{"id_token":{},"id_token":{}}`, `{"id_token":{"acr":null,"acr":{"essential":true}}}`,
		`{"id_token":{"acr":{"value":"a","value":"b"}}}`, "{\"id_token\":{\"\xff\":null}}",
		`{"id_token":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100) + `}`,
	} {
		_, err := requestobject.ParseClaims(param)
		if err == nil {
			t.Errorf("%s: accepted", param)
			continue
		}
		wantRule(t, err, "OIDC-5.5")
	}
}

func TestWants(t *testing.T) {
	for _, test := range []struct {
		request requestobject.ClaimRequest
		want    []string
	}{
		{requestobject.ClaimRequest{}, nil},
		{requestobject.ClaimRequest{Value: text("a")}, []string{"a"}},
		{requestobject.ClaimRequest{Values: []string{"b", "c"}}, []string{"b", "c"}},
		{requestobject.ClaimRequest{Value: text("a"), Values: []string{"b"}}, []string{"a", "b"}},
	} {
		if got := test.request.Wants(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// MEF-R26: one intent, by value, under id_token.
func TestIntent(t *testing.T) {
	const claim, want = "meflso_intent_id", "urn:lso:intent:1"
	parse := func(param string) (string, error) {
		t.Helper()
		claims, err := requestobject.ParseClaims(param)
		if err != nil {
			t.Fatal(err)
		}
		return claims.Intent(claim)
	}
	for _, param := range []string{
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1","essential":true}}}`,
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1"}},"userinfo":{"meflso_intent_id":{"value":"urn:lso:intent:1"}}}`,
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1"}},"userinfo":{"meflso_intent_id":null}}`,
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1"}},"userinfo":{"meflso_intent_id":{"values":["urn:lso:intent:1"]}}}`,
	} {
		if got, err := parse(param); err != nil || got != want {
			t.Errorf("%s: got %q, %v", param, got, err)
		}
	}
	for _, param := range []string{
		`{}`,
		`{"id_token":{"meflso_intent_id":null}}`,
		`{"id_token":{"meflso_intent_id":"urn:lso:intent:1"}}`,
		`{"id_token":{"meflso_intent_id":{"essential":true}}}`,
		`{"id_token":{"meflso_intent_id":{"value":""}}}`,
		`{"id_token":{"meflso_intent_id":{"value":1}}}`,
		`{"id_token":{"meflso_intent_id":{"value":["urn:lso:intent:1"]}}}`,
		`{"id_token":{"MEFLSO_INTENT_ID":{"value":"urn:lso:intent:1"}}}`,
		`{"id_token":{"meflso_intent_id":{"values":["urn:lso:intent:1"]}}}`,
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1","values":["urn:lso:intent:1"]}}}`,
		`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1","values":[]}}}`,
		`{"id_token":{"meflso_intent_id":{"value":"` + strings.Repeat("i", 513) + `"}}}`,
		`{"userinfo":{"meflso_intent_id":{"value":"urn:lso:intent:1"}}}`,
	} {
		_, err := parse(param)
		wantRule(t, err, "MEF-R26")
	}
	for _, other := range []string{`{"value":"urn:lso:intent:2"}`, `{"values":["urn:lso:intent:1","urn:lso:intent:2"]}`, `{"value":""}`} {
		_, err := parse(`{"id_token":{"meflso_intent_id":{"value":"urn:lso:intent:1"}},"userinfo":{"meflso_intent_id":` + other + `}}`)
		if err == nil || !strings.HasPrefix(err.Error(), "MEF-R26: invalid_request:") {
			t.Errorf("userinfo %s: got %v", other, err)
		}
	}
}
