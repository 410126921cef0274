package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// allModes is a profile that lists every response mode of JARM.
func allModes() profile.Profile {
	p := profile.MEFLSO()
	p.ResponseModes = []string{"fragment", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}
	return p
}

func startJARM(t *testing.T) (*harness.Host, *harness.Buyer) {
	t.Helper()
	h := harness.StartHost(t, allModes(), nil, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b, harness.Set("response_types", []string{"code id_token", "code"}))
	return h, b
}

// unpack checks a JARM response and returns its claims.
func unpack(t *testing.T, h *harness.Host, b *harness.Buyer, params url.Values) harness.Claims {
	t.Helper()
	if len(params) != 1 || params.Get("response") == "" {
		t.Fatalf("want response alone, got %v", params)
	}
	claims := verified(t, h, b, params.Get("response"), "ES256")
	exp, _ := claims["exp"].(float64)
	if left := time.Until(time.Unix(int64(exp), 0)); left < 10*time.Second || left > 10*time.Minute {
		t.Errorf("JARM-2.1: it lives %v", left)
	}
	want(t, claims, harness.Claims{"iss": h.Issuer, "aud": b.ID})
	return claims
}

var hidden = regexp.MustCompile(`name="response" value="([^"]*)"`)

// paramsOf finds the parameters where the response mode puts them.
func paramsOf(t *testing.T, b *harness.Buyer, answer harness.Answer, where string) url.Values {
	t.Helper()
	if where == "form_post" {
		match := hidden.FindStringSubmatch(answer.Body)
		if match == nil || !strings.Contains(answer.Body, `action="`+b.Redirect+`"`) {
			t.Fatalf("no form: %s", answer.Body)
		}
		return url.Values{"response": {html.UnescapeString(match[1])}}
	}
	if answer.Location == nil || answer.Fragment != (where == "fragment") || !strings.HasPrefix(answer.Location.String(), b.Redirect) {
		t.Fatalf("want the %s of the redirect_uri, got %d %v", where, answer.Status, answer.Location)
	}
	return answer.Params
}

var jarmModes = []struct{ mode, kind, where string }{
	{"jwt", "code", "query"}, {"query.jwt", "code", "query"}, {"fragment.jwt", "code", "fragment"}, {"form_post.jwt", "code", "form_post"},
	{"jwt", "code id_token", "fragment"}, {"fragment.jwt", "code id_token", "fragment"}, {"form_post.jwt", "code id_token", "form_post"},
}

func TestJARM(t *testing.T) {
	h, b := startJARM(t)
	for _, m := range jarmModes {
		t.Run("FAPI-5.2.2.2-1/SLIDES-26/SLIDES-30/"+m.mode+"/"+m.kind, func(t *testing.T) {
			object := b.Object(h.NewIntent(t, b, "once"), harness.Set("response_mode", m.mode), harness.Set("response_type", m.kind), harness.Set("state", "s&+%20"))
			claims := unpack(t, h, b, paramsOf(t, b, visitOnce(t, h, h.URL(b, object)), m.where))
			if claims["state"] != "s&+%20" || (claims["id_token"] != nil) != (m.kind == "code id_token") || claims["access_token"] != nil {
				t.Errorf("claims %v", claims)
			}
			code, _ := claims["code"].(string)
			tokens := h.Redeem(t, b, code)
			if tokens.Status != 200 || tokens.Body["id_token"] == nil {
				t.Errorf("tokens %d %s", tokens.Status, tokens.Raw)
			}
		})
	}
}

// visitOnce reads the first answer: a page that posts to the client is one.
func visitOnce(t *testing.T, h *harness.Host, address string) harness.Answer {
	t.Helper()
	response, err := h.HTTP.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return h.Read(t, response, address)
}

func TestJARMErrors(t *testing.T) {
	h, b := startJARM(t)
	for _, m := range jarmModes {
		t.Run("FAPI-5.2.2.2-1/SLIDES-26/"+m.mode+"/"+m.kind, func(t *testing.T) {
			object := func(changes ...harness.Change) string {
				return b.Object(h.NewIntent(t, b, "once"), append(changes, harness.Set("response_mode", m.mode), harness.Set("response_type", m.kind))...)
			}
			for _, c := range []struct {
				name, object, code string
			}{
				{"before the parameters are read", object(harness.Set("exp", 1)), "invalid_request_object"},
				{"after", object(harness.Set("scope", "openid admin")), "invalid_scope"},
			} {
				claims := unpack(t, h, b, paramsOf(t, b, visitOnce(t, h, h.URL(b, c.object)), m.where))
				if claims["error"] != c.code || claims["state"] == nil || claims["code"] != nil {
					t.Errorf("%s: claims %v", c.name, claims)
				}
			}
			h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
				h.Provider.WriteAuthorizeError(r.Context(), rw, ar, fosite.ErrAccessDenied)
			}
			defer func() { h.Decide = nil }()
			claims := unpack(t, h, b, paramsOf(t, b, visitOnce(t, h, h.URL(b, object())), m.where))
			if claims["error"] != "access_denied" {
				t.Errorf("declined: %v", claims)
			}
		})
	}
}

// Until signature and redirect_uri are verified an error is a page, whatever
// the URL or the object says.
func TestJARMErrorsBeforeVerification(t *testing.T) {
	h, b := startJARM(t)
	jwt := harness.Set("response_mode", "jwt")
	for name, object := range map[string]string{
		"signature":    b.Object(h.NewIntent(t, b, "once"), jwt)[:200] + "x",
		"redirect_uri": b.Object(h.NewIntent(t, b, "once"), jwt, harness.Set("redirect_uri", "https://evil.example.org/cb")),
	} {
		t.Run("FAPI-5.2.2.2-1/a page for a bad "+name, func(t *testing.T) {
			answer := visitOnce(t, h, h.URL(b, object, "response_mode", "jwt"))
			if answer.Location != nil || answer.Status != 400 || !strings.Contains(answer.Body, "Error") {
				t.Errorf("%d %v", answer.Status, answer.Location)
			}
		})
	}
}

func TestJARM_2_3_1_NoTokensInTheQuery(t *testing.T) {
	h, b := startJARM(t)
	object := b.Object(h.NewIntent(t, b, "once"), harness.Set("response_mode", "query.jwt"))
	answer := visitOnce(t, h, h.URL(b, object))
	if !answer.Fragment || answer.Params.Get("error") != "invalid_request" {
		t.Errorf("got %d %v", answer.Status, answer.Params)
	}
}

// A code is never bare: without a mode, or in the fragment, its type is
// refused; in a mode that is not the profile's, the mode.
func TestNoBareCode(t *testing.T) {
	h, b := startJARM(t)
	for mode, code := range map[any]string{nil: "unsupported_response_type", "fragment": "unsupported_response_type", "query": "invalid_request", "form_post": "invalid_request"} {
		t.Run(fmt.Sprintf("FAPI-5.2.2-2/C-03/%v", mode), func(t *testing.T) {
			object := b.Object(h.NewIntent(t, b, "once"), harness.Set("response_mode", mode), harness.Set("response_type", "code"))
			answer := visitOnce(t, h, h.URL(b, object))
			if answer.Fragment || answer.Params.Get("error") != code || answer.Params.Has("code") {
				t.Errorf("%d %v", answer.Status, answer.Params)
			}
		})
	}
}

// The client's registered algorithm signs, else the profile's.
func TestJARMAlgorithm(t *testing.T) {
	h, b := startJARM(t)
	h.Register(t, b, harness.Set("response_types", []string{"code"}), harness.Set("authorization_signed_response_alg", "PS256"))
	object := b.Object(h.NewIntent(t, b, "once"), harness.Set("response_mode", "jwt"), harness.Set("response_type", "code"))
	if answer := visitOnce(t, h, h.URL(b, object)); answer.Status != 500 || answer.Location != nil {
		t.Errorf("without a key for PS256: %d %v", answer.Status, answer.Params)
	}
}

// A response_mode that is not the profile's is not used for the error either.
func TestJARMModeNotListed(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	h.Register(t, b, harness.Set("response_types", []string{"code"}))
	object := b.Object(h.NewIntent(t, b, "once"), harness.Set("response_mode", "form_post.jwt"), harness.Set("response_type", "code"))
	answer := visitOnce(t, h, h.URL(b, object))
	if answer.Fragment || answer.Params.Get("error") != "invalid_request" || answer.Params.Get("iss") != h.Issuer {
		t.Errorf("got %d %v", answer.Status, answer.Params)
	}
}
