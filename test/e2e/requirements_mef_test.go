package e2e

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// TestRequirementsOfScopes: the spellings of the draft, and what covers what.
func TestRequirementsOfScopes(t *testing.T) {
	s, strict := play(t, profile.MEFLSO()), play(t, profile.MEFLSO128())
	own := func(scope string) harness.Response {
		return s.Post(t, s.Token, s.b.Authenticated(ownBehalf(scope)))
	}
	for input, result := range map[string]string{
		"POST /quote": "POST:/quote", "GET/quote-submissions": "GET:/quote-submissions",
		"GET /quote-submissions/{QuoteSubmissionId}": "GET:/quote-submissions", "POST /quote, GET /quote": "POST:/quote GET:/quote",
	} {
		t.Run("C-04/MEF-10.2.2.2/"+strings.ReplaceAll(input, "/", "|"), func(t *testing.T) {
			if r := own(input); r.Body["scope"] != result || r.Body["refresh_token"] != nil {
				t.Errorf("%s", r.Raw)
			}
			refused(t, strict.Post(t, strict.Token, strict.b.Authenticated(ownBehalf(input))), 400, "invalid_scope")
		})
	}
	t.Run("C-04/MEF-10.4/T11", func(t *testing.T) {
		commas := harness.Set("scope", "openid , POST /quote, GET /quote")
		if r := s.Redeem(t, s.b, s.code(t, commas)); r.Body["scope"] != "openid POST:/quote GET:/quote" {
			t.Errorf("%s", r.Raw)
		}
		denied(t, strict.ask(t, commas), "invalid_scope")
	})
	for _, scope := range []string{"POST:/quotes", "POST /quote, GET /hub", "openid", "POST:/admin"} {
		t.Run("C-05/MEF-10.2.2.2/"+strings.ReplaceAll(scope, "/", "|"), func(t *testing.T) { refused(t, own(scope), 400, "invalid_scope") })
	}
	object := func() string {
		return s.b.Object(s.NewIntent(t, s.b, "once"), harness.Set("scope", "openid POST:/quote"), harness.Set("state", "in"))
	}
	covered := s.Approve(t, s.URL(s.b, object(), "scope", "openid quote", "extension", "x"))
	tokens := s.Redeem(t, s.b, covered.Params.Get("code"))
	for name, outer := range map[string][]string{"state": {"state", "out"}, "scope that covers nothing": {"scope", "openid GET:/quote"}, "claims": {"claims", "{}"}} {
		t.Run("C-05/"+name+" differs outside", func(t *testing.T) { denied(t, s.Approve(t, s.URL(s.b, object(), outer...)), badRequest) })
	}
	hold(t, tokens, []sentence{
		{"C-05", "an umbrella outside covers what is inside, and only that is granted", tokens.Body["scope"] == "openid POST:/quote"},
		{"MEF-10.4/C-26", "T9: the token response is plain JSON with all its members", strings.HasPrefix(tokens.Header.Get("Content-Type"), "application/json") && tokens.Body["id_token"] != nil && tokens.Body["expires_in"] != nil},
	})
}

// TestRequirementsOfACR: both vocabularies, and the pair T11 and T12 of the
// draft: sca is essential, and ca was reached.
func TestRequirementsOfACR(t *testing.T) {
	for name, c := range map[string]struct{ asked, shown string }{
		"none": {"", "urn:meflso:sca"}, "own": {"urn:meflso:ca", "urn:meflso:ca"}, "order": {"urn:meflso:ca urn:meflso:sca", "urn:meflso:ca"},
		"alias": {"urn:mef:lso:security:oidc:acr:sca", "urn:mef:lso:security:oidc:acr:sca"},
	} {
		t.Run("C-06/MEF-R28/"+name, func(t *testing.T) {
			s := play(t, profile.MEFLSO())
			_, claims := harness.Decode(t, s.ask(t, harness.Set("acr_values", c.asked)).Params.Get("id_token"))
			if claims["acr"] != c.shown {
				t.Errorf("acr is %v", claims["acr"])
			}
		})
	}
	for unmet, want := range map[profile.UnmetACR]string{profile.UnmetACRError: "unmet_authentication_requirements", profile.UnmetACRReturnActual: ""} {
		t.Run("C-07/MEF-D6/T11 and T12, "+string(unmet), func(t *testing.T) {
			p := profile.MEFLSO()
			p.UnmetEssentialACR = unmet
			s := play(t, p)
			s.ACR = "urn:meflso:ca"
			answer := s.ask(t, essentialACR("urn:meflso:sca"))
			if answer.Params.Get("error") != want || answer.Params.Has("code") == (want != "") {
				t.Fatalf("%v", answer.Params)
			}
			if want == "" {
				if _, claims := harness.Decode(t, answer.Params.Get("id_token")); claims["acr"] != "urn:meflso:ca" {
					t.Errorf("%v", claims)
				}
			}
			_, claims := harness.Decode(t, s.ask(t, harness.Set("acr_values", "urn:meflso:sca")).Params.Get("id_token"))
			if claims["acr"] != "urn:meflso:ca" {
				t.Errorf("a wish that was not met: %v", claims)
			}
		})
	}
}

// TestRequirementsOfSteps: policy, life and use of one intent.
func TestRequirementsOfSteps(t *testing.T) {
	allowed := true
	h := harness.StartMTLS(t, profile.MEFLSO(), nil, func(c *compose.Config) {
		c.AuthorizeClient = func(context.Context, fosite.Client, *storage.Intent, []string) error {
			if allowed {
				return nil
			}
			return errors.New("no policy")
		}
	})
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	t.Run("MEF-7.3-4/no policy, no tokens", func(t *testing.T) {
		b := *b
		b.Verifier = verifier
		code, _ := code(t, h, &b, "once")
		allowed = false
		denied(t, h.Approve(t, h.URL(&b, b.Object(h.NewIntent(t, &b, "once")))), "access_denied")
		refused(t, h.Redeem(t, &b, code), 400, "unauthorized_client")
		if r := h.Push(t, &b, b.Object(h.NewIntent(t, &b, "once"))); r.Status != 400 || r.Body["error"] != "unauthorized_client" {
			t.Errorf("push: %d %s", r.Status, r.Raw)
		}
		allowed = true
		if r := h.Redeem(t, &b, code); r.Status != 200 {
			t.Errorf("the refusal used up the code: %s", r.Raw)
		}
	})
	code, in := code(t, h, b, "once")
	tokens := h.Redeem(t, b, code)
	access := tokens.Body["access_token"].(string)
	a := serveAPI(t, h.Provider.ResourceGuard(), resource.Operation{Scope: "POST:/quote-submissions"})
	before := state(t, h, in)
	own := a.send(t, http.MethodPost, nil, h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string))
	first := a.send(t, http.MethodPost, nil, access)
	grant := a.grant
	if err := h.Provider.Intents.Consume(t.Context(), grant.IntentID, grant.RequestID); err != nil {
		t.Fatal(err)
	}
	second, reading := a.send(t, http.MethodPost, nil, access), a.send(t, http.MethodGet, nil, access)
	hold(t, []any{tokens, own, first, second, reading}, []sentence{
		{"FAPI-8.8", "the authorization alone used nothing", before == "Authorized"},
		{"MEF-7.3-4/MEF-10.2.4", "an intent for once has no refresh token", tokens.Status == 200 && tokens.Body["refresh_token"] == nil},
		{"MEF-7.3-4", "what was used up can be read, and no more", second.Status == 403 && second.Body["code"] == "accessDenied" && reading.Status == 204},
		{"MEF-7.3-5", "the API sees token and intent", first.Status == 204 && grant.IntentID == in && grant.ClientID == b.ID},
		{"MEF-7.3-5", "a token without intent submits nothing", own.Status == 403 && own.Body["code"] == "accessDenied"},
	})
}

// TestRequirementsOfCodes: a code lives for a minute, ten at most.
func TestRequirementsOfCodes(t *testing.T) {
	t.Run("MEF-10.3.3.1/an old code", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := harness.StartDirect(t, profile.MEFLSO(), nil, nil)
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			h.Register(t, b)
			late, early := func() string { c, _ := code(t, h, b, "once"); return c }(), func() string { c, _ := code(t, h, b, "once"); return c }()
			time.Sleep(58 * time.Second)
			if r := h.Redeem(t, b, early); r.Status != 200 {
				t.Errorf("after 58 s: %s", r.Raw)
			}
			time.Sleep(4 * time.Second)
			refused(t, h.Redeem(t, b, late), 400, "invalid_grant")
		})
	})
	s := play(t, profile.MEFLSO())
	s.refuse(t, []harness.Case{
		inside("MEF-10.3.2.1-2/MEF-O9", "code id_token token", "FAPI-5.2.2-2", sent, badType, harness.Set("response_type", "code id_token token")),
		inside("MEF-10.3.2.1-2", "code token", "FAPI-5.2.2-2", sent, badType, harness.Set("response_type", "code token")),
		inside("MEF-10.3.2.1-2", "token", "FAPI-5.2.2-2", sent, badType, harness.Set("response_type", "token")),
		inside("MEF-10.3.2.1-2", "id_token", "FAPI-5.2.2-2", sent, badType, harness.Set("response_type", "id_token")),
	})
	t.Run("MEF-O1/code alone leads to an ID Token, too", func(t *testing.T) {
		answer := s.ask(t, harness.Set("response_type", "code"), harness.Set("response_mode", "jwt"))
		claims := unpack(t, s.Host, s.b, answer.Params)
		if r := s.Redeem(t, s.b, claims["code"].(string)); claims["id_token"] != nil || r.Body["id_token"] == nil {
			t.Errorf("%v, %s", claims, r.Raw)
		}
	})
	t.Run("MEF-R11/the claims and the metadata that OpenID Connect demands", func(t *testing.T) {
		j := travel(t)
		for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nonce"} {
			if j.front[name] == nil || j.back[name] == nil {
				t.Errorf("no %s in %v, %v", name, j.front, j.back)
			}
		}
		for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
			if j.discovery[name] == nil {
				t.Errorf("no %s in %v", name, j.discovery)
			}
		}
	})
	t.Run("MEF-D10/C-02/EdDSA", func(t *testing.T) {
		h := harness.StartHost(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.Keys = keysFor(t, profile.MEFLSO()) })
		b := harness.NewBuyer(t, "buyer-a", "EdDSA", h.Issuer)
		h.Register(t, b, harness.Set("id_token_signed_response_alg", "EdDSA"))
		checkFlow(t, h, b, "EdDSA", crypto.SHA512)
	})
}

// TestRequirementsOfHeaders: what the Buyer says of its user.
func TestRequirementsOfHeaders(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	a := serveAPI(t, h.Provider.ResourceGuard(), quote)
	access := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
	call := func(headers ...string) (harness.Response, resource.Customer) {
		r := a.send(t, http.MethodGet, nil, access, headers...)
		return r, a.grant.Customer
	}
	_, none := call()
	r, all := call("x-fapi-mef-id", "mef-7", "x-fapi-buyer-last-logged-time", "2025-03-04T05:06:07", "x-fapi-buyer-ip-address", "192.0.2.7", "x-idempotency-key", "key")
	_, zone := call("x-fapi-buyer-last-logged-time", "2025-03-04T18:06:07+13:00")
	login := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	odd, nothing := call("x-fapi-buyer-last-logged-time", "yesterday", "x-fapi-buyer-ip-address", "300.1.1.1")
	event := h.Events.Last(audit.HeaderIgnored)
	hold(t, []any{r, none, all, zone, nothing, event}, []sentence{
		{"MEF-10.4", "no header is demanded", none == resource.Customer{}},
		{"MEF-10.4", "all headers are read", r.Status == 204 && all.MemberID == "mef-7" && all.IP.String() == "192.0.2.7" && all.LastLogin.Equal(login)},
		{"C-24/MEF-10.4", "a time without zone is UTC", all.LastLogin.Equal(login) && zone.LastLogin.Equal(login)},
		{"MEF-10.4/BASE-6.2.1-13", "what cannot be read is ignored and in the log", odd.Status == 204 && nothing == resource.Customer{} && event.Client == b.ID},
	})
	introspected := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {access}}))
	hold(t, introspected, []sentence{{"C-12", "without a certificate a token is a bearer token, and not for long", introspected.Body["cnf"] == nil && introspected.Body["token_type"] == "Bearer"}})
}
