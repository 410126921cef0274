// Package fuzz plays whatever comes to mind against a server in process. What
// must hold of every answer: no 5xx, no code for what was not a good request,
// no redirect to anybody but the client, a registered error code.
//
//	go test ./test/fuzz -fuzz FuzzRequestObject -fuzztime 1m
package fuzz

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// target is a server with one client, whose intent id is fixed and unknown to
// the server, so that no request can succeed.
type target struct {
	h *harness.Host
	b *harness.Buyer
}

func newTarget(f *testing.F) *target {
	f.Helper()
	h := harness.StartDirect(f, profile.MEFLSO(), nil, nil)
	b := harness.NewBuyer(f, "buyer-a", "EdDSA", h.Issuer)
	h.Register(f, b)
	return &target{h, b}
}

func (g *target) get(rawQuery string) *http.Response {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "op.example.com", Path: "/oauth2/auth", RawQuery: rawQuery}, Header: http.Header{}, Body: http.NoBody}
	return g.play(r)
}

func (g *target) play(r *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	g.h.Handler().ServeHTTP(recorder, r)
	return recorder.Result()
}

// codes are the errors that an answer may have.
var codes = []string{
	"invalid_request", "invalid_request_object", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope",
	"login_required", "unmet_authentication_requirements", "request_uri_not_supported", "invalid_client", "invalid_grant", "unsupported_grant_type",
}

// authorized checks an answer of the authorization endpoint.
func (g *target) authorized(t *testing.T, response *http.Response) {
	t.Helper()
	location := response.Header.Get("Location")
	switch {
	case response.StatusCode == http.StatusBadRequest && location == "":
	case response.StatusCode == http.StatusSeeOther && strings.HasPrefix(location, g.b.Redirect):
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := url.ParseQuery(u.Fragment)
		if u.Fragment == "" {
			answer = u.Query()
		}
		if err != nil || answer.Has("code") || !slices.Contains(codes, answer.Get("error")) {
			t.Fatalf("answer %v, %v", answer, err)
		}
	default:
		t.Fatalf("status %d, Location %q", response.StatusCode, location)
	}
}

// answered checks an answer of an endpoint for clients.
func answered(t *testing.T, response *http.Response) {
	t.Helper()
	if response.StatusCode == http.StatusOK {
		return
	}
	var body struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || response.StatusCode >= 500 || !slices.Contains(codes, body.Error) {
		t.Fatalf("status %d, error %q, %v", response.StatusCode, body.Error, err)
	}
}

// FuzzQuery: anything as the query of an authorization request.
func FuzzQuery(f *testing.F) {
	g := newTarget(f)
	for _, c := range harness.Cases() {
		address, err := url.Parse(c.Make(f, &g.h.Target, g.b, "urn:x", "jti"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(address.RawQuery)
	}
	f.Fuzz(func(t *testing.T, query string) { g.authorized(t, g.get(query)) })
}

// FuzzRequestObject: anything as the payload of an object with a good
// signature.
func FuzzRequestObject(f *testing.F) {
	g := newTarget(f)
	good, err := json.Marshal(g.b.Payload("urn:x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, seed := range []string{
		"", "null", "{}", `{"client_id":"buyer-a"}`, `{"a":{"a":{"a":[1,2,{"b":"\u0000\ud800"}]}}}`,
		strings.Replace(string(good), `"openid quote"`, `"openid,POST /quote, GET /quote/{id}"`, 1),
		strings.Replace(string(good), `"claims":{`, `"max_age":0,"prompt":"none","acr_values":"urn:meflso:ca","claims":{"userinfo":null,`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		object := g.b.SignRaw(harness.Claims{"alg": "EdDSA", "kid": g.b.Kid}, payload)
		g.authorized(t, g.get(url.Values{"client_id": {g.b.ID}, "request": {object}}.Encode()))
	})
}

// FuzzClientAssertion: anything as the payload of an assertion with a good
// signature. One that is taken names the client and issuer, and is not taken
// twice.
func FuzzClientAssertion(f *testing.F) {
	g := newTarget(f)
	_, payload, _ := strings.Cut(g.b.Assertion(), ".")
	f.Add([]byte(payload))
	for _, seed := range []string{"{}", `{"sub":"buyer-a","iss":"buyer-a","aud":[],"exp":1e9}`, `{"sub":"buyer-a","iss":"buyer-a","aud":"https://op.example.com","exp":253402300799,"jti":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		assertion := g.b.SignRaw(harness.Claims{"alg": "EdDSA", "kid": g.b.Kid}, payload)
		form := url.Values{
			"grant_type": {"client_credentials"}, "scope": {"quote"}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		first := g.post("/oauth2/token", form.Encode())
		answered(t, first)
		if second := g.post("/oauth2/token", form.Encode()); first.StatusCode == http.StatusOK && second.StatusCode == http.StatusOK {
			t.Fatalf("%q was taken twice", payload)
		}
	})
}

func (g *target) post(path, body string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, "https://op.example.com"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return g.play(r)
}

// FuzzForm: anything as the form of an endpoint for clients.
func FuzzForm(f *testing.F) {
	g := newTarget(f)
	for _, form := range []url.Values{
		{"grant_type": {"authorization_code"}, "code": {"ory_ac_x.y"}, "redirect_uri": {g.b.Redirect}},
		{"grant_type": {"refresh_token"}, "refresh_token": {"ory_rt_x.y"}}, {"token": {"x"}, "token_type_hint": {"refresh_token"}},
	} {
		f.Add(g.b.Authenticated(form).Encode())
	}
	f.Add("grant_type=client_credentials&scope=%00;%zz&&==")
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			answered(t, g.post(path, body))
		}
	})
}

// FuzzScope: whatever a scope list is read as covers nothing that its tokens
// do not name, and reads the same again.
func FuzzScope(f *testing.F) {
	for _, seed := range []string{"openid , POST /quote, GET /quote", "GET/quote-submissions/{id}", "quote", "POST", "POST /", ",,, /x", "openid POST:/quote"} {
		f.Add(seed)
	}
	p := profile.MEFLSO()
	f.Fuzz(func(t *testing.T, list string) {
		tokens := p.ParseScope(list)
		for _, token := range tokens {
			if p.Covers([]string{"quote"}, token) && token != "quote" && !strings.Contains(token, ":/quote") {
				t.Fatalf("quote covers %q", token)
			}
			if p.Covers(tokens, "openid") && !slices.Contains(tokens, "openid") {
				t.Fatalf("%q covers openid", tokens)
			}
		}
	})
}
