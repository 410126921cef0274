package relyingparty_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// jarm makes the client one that asks for signed responses.
func (s *seller) jarm(config *relyingparty.Config) {
	config.JARM, config.ResponseAlg = true, profile.Alg(s.alg)
}

// response is a signed response under construction.
type response struct {
	s              *seller
	login          *relyingparty.Login
	header, claims object
	redirectURI    string
	delivery       relyingparty.Delivery
	change         []func(url.Values)
}

func newResponse(t testing.TB, s *seller, c *relyingparty.Client) *response {
	t.Helper()
	_, login, err := c.Begin(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return &response{
		s: s, login: login, header: s.header(), redirectURI: callback, delivery: relyingparty.Query,
		claims: object{"iss": s.issuer, "aud": clientID, "exp": s.clock().Unix() + 300, "code": code, "state": login.State},
	}
}

func (r *response) finish(c *relyingparty.Client) (*relyingparty.Detached, error) {
	params := url.Values{"response": {r.s.sign(r.header, r.claims)}}
	for _, change := range r.change {
		change(params)
	}
	return c.Finish(context.Background(), r.login, r.redirectURI, params, r.delivery)
}

func says(name string, value any) func(*response) {
	return func(r *response) { put(r.claims, name, value) }
}

func heads(name string, value any) func(*response) {
	return func(r *response) { put(r.header, name, value) }
}

func sends(change func(url.Values)) func(*response) {
	return func(r *response) { r.change = append(r.change, change) }
}

// brokenResponses are in the order of the rules.
var brokenResponses = []struct {
	name   string
	reason relyingparty.Reason
	change func(*response)
}{
	{"other redirect URI", relyingparty.ReasonRedirectURI, func(r *response) { r.redirectURI += "/" }},
	{"fragment", relyingparty.ReasonDelivery, func(r *response) { r.delivery = relyingparty.Fragment }},
	{"code beside", relyingparty.ReasonResponse, sends(func(p url.Values) { p.Set("code", code) })},
	{"state beside", relyingparty.ReasonResponse, sends(func(p url.Values) { p.Set("state", "s") })},
	{"twice", relyingparty.ReasonResponse, sends(func(p url.Values) { p.Add("response", p.Get("response")) })},
	{"empty", relyingparty.ReasonResponse, sends(func(p url.Values) { p.Set("response", "") })},
	{"plain code", relyingparty.ReasonResponse, func(r *response) {
		sends(func(p url.Values) {
			p.Del("response")
			p.Set("code", code)
			p.Set("state", r.login.State)
			p.Set("iss", r.s.issuer)
		})(r)
	}},
	{"plain error", relyingparty.ReasonResponse, func(r *response) {
		sends(func(p url.Values) { p.Del("response"); p.Set("error", "access_denied"); p.Set("state", r.login.State) })(r)
	}},
	{"no JWT", relyingparty.ReasonForm, sends(func(p url.Values) { p.Set("response", "a.b") })},
	{"encrypted", relyingparty.ReasonForm, sends(func(p url.Values) { p.Set("response", "a.b.c.d.e") })},
	{"jwk", relyingparty.ReasonForm, heads("jwk", object{"kty": "EC"})},
	{"typ", relyingparty.ReasonForm, heads("typ", "at+jwt")},
	{"none", relyingparty.ReasonAlg, heads("alg", "none")},
	{"HS256", relyingparty.ReasonAlg, heads("alg", "HS256")},
	{"another good alg", relyingparty.ReasonAlg, heads("alg", "PS256")},
	{"no kid", relyingparty.ReasonKey, heads("kid", nil)},
	{"other iss", relyingparty.ReasonIss, says("iss", "https://evil.example")},
	{"no iss", relyingparty.ReasonIss, says("iss", nil)},
	{"login at another issuer", relyingparty.ReasonIss, func(r *response) { r.login.Issuer = "https://evil.example" }},
	{"other aud", relyingparty.ReasonAud, says("aud", "c-other")},
	{"no aud", relyingparty.ReasonAud, says("aud", nil)},
	{"two audiences", relyingparty.ReasonAud, says("aud", []string{clientID, "c-other"})},
	{"login of another client", relyingparty.ReasonAud, func(r *response) { r.login.ClientID = "c-other" }},
	{"no exp", relyingparty.ReasonExp, says("exp", nil)},
	{"past exp", relyingparty.ReasonExp, says("exp", start.Unix()-30)},
	{"long life", relyingparty.ReasonExp, says("exp", start.Unix()+631)},
	{"unknown kid", relyingparty.ReasonKey, heads("kid", "nobody")},
	{"other key", relyingparty.ReasonSignature, func(r *response) {
		other := &seller{key: newKey(r.s.alg)}
		sends(func(p url.Values) { p.Set("response", other.sign(r.header, r.claims)) })(r)
	}},
	{"code as number", relyingparty.ReasonForm, says("code", 5)},
	{"error as object", relyingparty.ReasonForm, says("error", object{})},
	{"other state", relyingparty.ReasonState, says("state", "x")},
	{"no state", relyingparty.ReasonState, says("state", nil)},
	{"error", relyingparty.ReasonError, func(r *response) { says("error", "access_denied")(r); says("code", nil)(r) }},
	{"error beside code", relyingparty.ReasonError, says("error", "access_denied")},
	{"access token", relyingparty.ReasonAccessToken, says("access_token", access)},
	{"no code", relyingparty.ReasonMissing, says("code", nil)},
	{"empty code", relyingparty.ReasonMissing, says("code", "")},
}

// Each rule broken ends the login: no token request, and no second attempt.
func TestSignedResponseRefuses(t *testing.T) {
	s := newSeller(t, "ES256")
	for _, test := range brokenResponses {
		c := s.client(t, s.jarm)
		r := newResponse(t, s, c)
		login := *r.login
		test.change(r)
		d, err := r.finish(c)
		t.Run(ruleOf(err)+"/"+test.name, func(t *testing.T) {
			wantAbort(t, err, test.reason)
			if d != nil {
				t.Error("there is a Detached all the same")
			}
			good := newResponse(t, s, c)
			good.login, good.claims["state"] = &login, login.State
			_, err := good.finish(c)
			wantAbort(t, err, relyingparty.ReasonState)
			if n := s.tokenRequests.Load(); n != 0 {
				t.Errorf("%d token requests were made", n)
			}
		})
	}
}

// A plain error can be shown; that of a signed response is the server's.
func TestSignedResponseErrors(t *testing.T) {
	for _, name := range []string{"plain error", "error"} {
		s := newSeller(t, "ES256")
		c := s.client(t, s.jarm)
		r := newResponse(t, s, c)
		for _, test := range brokenResponses {
			if test.name == name {
				test.change(r)
			}
		}
		_, err := r.finish(c)
		var refusal *relyingparty.OAuthError
		if !errors.As(err, &refusal) || refusal.Code != "access_denied" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The rules run in one order: with the i-th and every later one broken, the
// i-th is reported.
func TestSignedResponseOrder(t *testing.T) {
	order := []string{
		"other redirect URI", "fragment", "code beside", "another good alg", "other iss", "other aud", "past exp", "unknown kid",
		"other key", "code as number", "other state", "error", "access token", "no code",
	}
	s := newSeller(t, "ES256")
	for i := range order {
		c := s.client(t, s.jarm)
		r := newResponse(t, s, c)
		var want relyingparty.Reason
		for j := len(order) - 1; j >= i; j-- {
			for _, test := range brokenResponses {
				if test.name == order[j] {
					test.change(r)
					want = test.reason
				}
			}
		}
		_, err := r.finish(c)
		wantAbort(t, err, want)
	}
}
