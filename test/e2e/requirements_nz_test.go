package e2e

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

const intentNZ = "openbanking_intent_id"

// TestRequirementsOfNZRequests: the parameter table, and what must be inside
// the object.
func TestRequirementsOfNZRequests(t *testing.T) {
	s := play(t, profile.NZBanking())
	set, claims := harness.Set, func(build func(in string) any) harness.Change {
		return func(_, p harness.Claims) {
			in := p["claims"].(harness.Claims)["id_token"].(harness.Claims)[intentNZ].(harness.Claims)["value"].(string)
			p["claims"] = build(in)
		}
	}
	byReference := func(id, name, uri string) harness.Case {
		return harness.Case{ID: id, Name: name, Rule: "FAPI-5.2.2-1", Page: true, Error: "request_uri_not_supported", Make: func(_ testing.TB, g *harness.Target, b *harness.Buyer, _, _ string) string {
			return g.URL(b, "", "request_uri", uri)
		}}
	}
	s.refuse(t, []harness.Case{
		noObject("NZ-P-request/NZ-8.2"),
		byReference("NZ-7-1/C-17", "request_uri by URL", "https://tpp.example.org/object"),
		byReference("NZ-7-1/C-17", "request_uri of a push", "urn:ietf:params:oauth:request_uri:x"),
		beside("NZ-7-1", "request_uri beside the object", "FAPI-5.2.2-1", shown, "request_uri_not_supported", []string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}),
		inside("NZ-P-request", "unsigned", "MEF-R51", shown, badObject, harness.Header("alg", "none")),
		inside("NZ-P-scope", "no openid", "MEF-R21", sent, "invalid_scope", set("scope", "accounts")),
		inside("NZ-P-scope", "not registered", "MEF-R22", sent, "invalid_scope", set("scope", "openid accounts payments")),
		inside("NZ-5.2.2-4/NZ-P-response_type/C-03", "code", "FAPI-5.2.2-2", sent, badType, set("response_type", "code")),
		inside("NZ-5.2.2-4/C-03", "code with jwt", "FAPI-5.2.2-2", sent, badType, set("response_type", "code"), set("response_mode", "jwt")),
		inside("NZ-5.2.2-4/NZ-P-response_type", "code id_token token", "FAPI-5.2.2-2", sent, badType, set("response_type", "code id_token token")),
		inside("NZ-5.2.2-4", "no JARM", "FAPI-5.2.2-2", sent, badRequest, set("response_mode", "jwt")),
		beside("NZ-P-response_type", "outside and inside differ", "MEF-R14", sent, badRequest, []string{"response_type", "code"}),
		{ID: "NZ-P-client_id", Name: "missing", Rule: "MEF-R16", Page: true, Error: badRequest, Make: func(_ testing.TB, g *harness.Target, b *harness.Buyer, in, _ string) string {
			return g.Authorize + "?request=" + b.Object(in)
		}},
		inside("NZ-P-redirect_uri", "not registered", "MEF-R18", shown, badRequest, set("redirect_uri", "https://evil.example.org/cb")),
		inside("NZ-P-redirect_uri", "relative", "MEF-R18", shown, badRequest, set("redirect_uri", "/cb")),
		inside("NZ-P-nonce/NZ-C-nonce", "missing", "MEF-R36", sent, badRequest, set("nonce", nil)),
		beside("NZ-C-nonce", "outside only", "MEF-R36", sent, badRequest, []string{"nonce", "a-nonce-outside"}, set("nonce", nil)),
		inside("NZ-C-aud", "missing", "FAPI-5.2.2-15", sent, badObject, set("aud", nil)),
		inside("NZ-C-aud", "another server", "FAPI-5.2.2-15", sent, badObject, set("aud", "https://other.example.org")),
		inside("NZ-C-iss", "missing", "C-19", shown, badObject, set("iss", nil)),
		inside("NZ-C-iss", "another client", "C-19", shown, badObject, set("iss", "buyer-b")),
		beside("NZ-C-scope", "outside only", "MEF-R20", sent, badRequest, []string{"scope", s.b.Scope}, set("scope", nil)),
		beside("NZ-C-response_type", "outside only", "MEF-R13", sent, badRequest, []string{"response_type", "code id_token"}, set("response_type", nil)),
		inside("NZ-C-client_id", "missing", "MEF-R14", shown, badObject, set("client_id", nil)),
		beside("NZ-C-redirect_uri", "outside only", "MEF-R17", shown, badRequest, []string{"redirect_uri", s.b.Redirect}, set("redirect_uri", nil)),
		inside("NZ-C-exp/nbf", "no exp", "FAPI-5.2.2-13", sent, badObject, set("exp", nil)),
		inside("NZ-C-exp/nbf", "no nbf", "FAPI-5.2.2-17", sent, badObject, set("nbf", nil)),
		inside("NZ-C-exp/nbf", "an hour and a minute", "FAPI-5.2.2-13", sent, badObject, harness.In("exp", 61*time.Minute)),
		inside("NZ-RO-claims", "no claims", "MEF-R26", sent, badObject, set("claims", nil)),
		inside("NZ-RO-claims", "under userinfo only", "MEF-R26", sent, badObject, claims(func(in string) any {
			return harness.Claims{"userinfo": harness.Claims{intentNZ: harness.Claims{"value": in}}}
		})),
		inside("NZ-RO-claims", "differs under userinfo", "MEF-R26", sent, badRequest, claims(func(in string) any {
			c := harness.IntentClaims(intentNZ, in)
			c["userinfo"] = harness.Claims{intentNZ: harness.Claims{"value": "urn-alphabank-intent"}}
			return c
		})),
		inside("NZ-acr/C-06", "of another vocabulary", "MEF-R28", sent, badRequest, set("acr_values", "urn:openbanking:psd2:sca")),
	})
	for id, change := range map[string]harness.Change{
		"NZ-RO-essential/C-07/essential may be missing": claims(func(in string) any {
			return harness.Claims{"id_token": harness.Claims{intentNZ: harness.Claims{"value": in}}}
		}),
		"NZ-RO-essential/a claim that nobody has is no error": claims(func(in string) any {
			c := harness.IntentClaims(intentNZ, in)
			c["id_token"].(harness.Claims)["shoe_size"] = harness.Claims{"essential": true}
			return c
		}),
		"NZ-RO-userinfo/claims for UserInfo": claims(func(in string) any {
			c := harness.IntentClaims(intentNZ, in)
			c["userinfo"] = harness.Claims{"name": nil}
			return c
		}),
		"NZ-P-state/NZ-C-state/state is optional": set("state", nil),
		"NZ-C-aud/a list with the issuer":         set("aud", []string{s.Issuer, "https://other.example.org"}),
		"NZ-5.2.2-10/NZ-7-2/by value":             set("extension", "x"),
	} {
		t.Run(id, func(t *testing.T) { s.code(t, change) })
	}
	inner := s.Approve(t, s.URL(s.b, s.b.Object(s.NewIntent(t, s.b, "once"), set("state", "in")), "state", "out", "nonce", "out", "scope", "openid", "redirect_uri", "https://evil.example.org"))
	hold(t, inner, []sentence{{"NZ-RO-precedence/C-05", "the object overrides what is outside", inner.Params.Has("code") && inner.Params.Get("state") == "in" && strings.HasPrefix(inner.Location.String(), s.b.Redirect)}})
}

// TestRequirementsOfNZAnswers: one journey, with a login that is older than
// the client wants, and one that is weaker.
func TestRequirementsOfNZAnswers(t *testing.T) {
	j := journeyOf(t, profile.NZBanking())
	j.Decide, j.AuthTime = nil, time.Now().Add(-time.Hour)
	denied(t, j.ask(t, harness.Set("max_age", 60)), "login_required")
	j.AuthTime = time.Now()
	fresh := j.ask(t, harness.Set("max_age", 60))
	_, aged := harness.Decode(t, fresh.Params.Get("id_token"))
	j.ACR = "urn:openbanking:nz:ca"
	_, weak := harness.Decode(t, j.ask(t, essentialACR("urn:openbanking:nz:sca")).Params.Get("id_token"))
	public, r := asPublic(t, profile.NZBanking())
	response, err := j.HTTP.Post(j.PAR, "application/x-www-form-urlencoded", http.NoBody) // HTTP has no certificate
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	state, noState := j.front["s_hash"], j.ask(t, harness.Set("state", nil))
	_, bare := harness.Decode(t, noState.Params.Get("id_token"))
	hold(t, j, []sentence{
		{"NZ-5.2.2-1", "confidential clients", j.tokens.Status == 200},
		{"NZ-5.2.2-2/NZ-5.2.3", "public clients are off", public.Status == 400 && public.Location == nil && strings.Contains(public.Body, "unauthorized_client") && r.Status == 401 && r.Body["error"] == "invalid_client"},
		{"NZ-5.2.2-4/C-03", "code id_token alone is listed", j.lists("response_types_supported", "code id_token") && j.lists("response_modes_supported", "fragment")},
		{"NZ-5.2.2-5b/C-15", "private_key_jwt beside the certificate", j.tokens.Status == 200 && strings.Join(sorted(j.document, "token_endpoint_auth_methods_supported"), " ") == "private_key_jwt tls_client_auth"},
		{"NZ-5.2.2-6/C-11", "the token endpoint's ID Token has the intent as sub", j.back["sub"] == j.intent && j.back[intentNZ] == j.intent && j.front["sub"] == j.intent},
		{"NZ-5.2.2-7", "refresh tokens", j.again.Status == 200 && j.again.Body["access_token"] != nil},
		{"NZ-5.2.2-8", "discovery without a certificate", j.document["issuer"] == j.Issuer},
		{"NZ-7-1/C-17", "no request_uri in discovery, and nowhere to push", j.document["request_uri_parameter_supported"] == false && j.document["pushed_authorization_request_endpoint"] == nil && response.StatusCode == 404},
		{"NZ-7-2/NZ-5.2.2-10", "objects by value in discovery", j.document["request_parameter_supported"] == true},
		{"NZ-8.2", "the answer is signed by a detached signature", j.front["c_hash"] != nil && j.front["s_hash"] != nil},
		{"NZ-8.3", "neither log nor referrer has the code or a token", !strings.Contains(j.Events.Text(), j.code) && !strings.Contains(j.Events.Text(), j.tokens.Body["access_token"].(string)) && !strings.Contains(j.Events.Text(), j.tokens.Body["refresh_token"].(string)) && j.answer.Header.Get("Referrer-Policy") == "no-referrer" && j.answer.Header.Get("Cache-Control") == "no-store"},
		{"NZ-P-state/NZ-C-state/C-20", "state comes back, and its hash", j.answer.Params.Get("state") == "af0ifjsldkj" && state == "bOhtX8F73IMjSPeVAqxyTQ"},
		{"NZ-P-state/NZ-C-state", "no state, no hash", noState.Params.Has("code") && !noState.Params.Has("state") && bare["s_hash"] == nil},
		{"NZ-P-nonce/NZ-C-nonce/C-22", "nonce comes back", j.front["nonce"] == "n-0S6_WzA2Mj" && j.back["nonce"] == "n-0S6_WzA2Mj"},
		{"NZ-C-max_age", "a login that is fresh enough has its time", fresh.Params.Has("code") && aged["auth_time"] != nil},
		{"NZ-acr/C-06", "the profile's vocabulary", j.front["acr"] == "urn:openbanking:nz:sca" && j.lists("acr_values_supported", "urn:openbanking:nz:sca", "urn:openbanking:nz:ca")},
		{"C-07/NZ-RO-essential", "an unmet acr is told, and is no error", weak["acr"] == "urn:openbanking:nz:ca"},
	})
}

// TestRequirementsOfNZUsers: the second mode, where sub is the user.
func TestRequirementsOfNZUsers(t *testing.T) {
	p := profile.NZBanking()
	p.SubjectMode = profile.SubjectUser
	t.Run("NZ-5.2.2-9/C-21/acr cannot be left out", func(t *testing.T) {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "NZ-5.2.2-9") {
			t.Errorf("got %v", err)
		}
		p.RequireACRClaim = true
		j := journeyOf(t, p)
		if j.front["sub"] == j.intent || j.front["sub"] != j.back["sub"] || j.front["sub"] == "alice" || j.front["acr"] == nil || j.back["acr"] == nil || j.front[intentNZ] != j.intent {
			t.Errorf("%v %v", j.front, j.back)
		}
		j.Decide, j.ACR = nil, ""
		denied(t, j.ask(t), "server_error")
	})
}

// TestRequirementsOfNZEndpoints: the token endpoint and the API know the client
// of the TLS session, whatever the method and whatever the request.
func TestRequirementsOfNZEndpoints(t *testing.T) {
	dn := harness.Set("tls_client_auth_subject_dn", "CN=buyer-a")
	for _, method := range []string{"private_key_jwt", "tls_client_auth"} {
		s := play(t, profile.NZBanking(), dn, harness.Set("token_endpoint_auth_method", method))
		t.Run("NZ-5.2.2-3/"+method, func(t *testing.T) {
			form := withTLS(s.b.ID, ownBehalf("accounts"))
			if method == "private_key_jwt" {
				form = s.b.Authenticated(ownBehalf("accounts"))
			}
			refused(t, s.Post(t, s.Token, form), 401, "invalid_client")
			if r := s.client.Post(t, s.client.Token, form); r.Status != 200 {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	s := play(t, profile.NZBanking(), dn)
	access := s.client.Post(t, s.client.Token, s.b.Authenticated(ownBehalf("accounts"))).Body["access_token"].(string)
	a := serveAPI(t, s.Provider.ResourceGuard(), resource.Operation{Scope: "accounts", OwnBehalf: true})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run("NZ-5.2.1/NZ-6.2.1-1/"+method, func(t *testing.T) {
			invalidToken(t, a.send(t, method, nil, access))
			if r := a.send(t, method, &s.cert, access); r.Status != 204 {
				t.Errorf("%d %s", r.Status, r.Raw)
			}
		})
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		t.Run("NZ-8.1/"+strings.ReplaceAll(tls.VersionName(version), " ", "_"), func(t *testing.T) {
			if err := handshake(t, s.Host, &tls.Config{MinVersion: version, MaxVersion: version}); (err == nil) != ok {
				t.Error(err)
			}
		})
	}
}

// TestRequirementsOfNZAlgorithms: RS256 only where a switch says so, and then
// it is in the log.
func TestRequirementsOfNZAlgorithms(t *testing.T) {
	p := profile.NZBanking()
	for id, alg := range map[string]string{"NZ-8.4-1/ES256": "ES256", "NZ-8.4-1/PS256": "PS256", "NZ-8.4-1/NZ-8.4-2/RS256": "RS256"} {
		t.Run(id, func(t *testing.T) {
			s := play(t, p)
			b := harness.NewBuyer(t, "buyer-a", alg, s.Issuer)
			b.Speak(p)
			s.Register(t, b)
			answer := s.Approve(t, s.URL(b, b.Object(s.NewIntent(t, b, "once"))))
			if strong := alg != "RS256"; answer.Params.Has("code") != strong || !strong && (answer.Status != 400 || !strings.Contains(answer.Body, badObject)) {
				t.Errorf("%d %v %s", answer.Status, answer.Params, answer.Body)
			}
		})
	}
	p.AllowRS256 = true
	t.Run("NZ-8.4-2/allowed", func(t *testing.T) {
		h := harness.StartHost(t, p, nil, nil)
		b := harness.NewBuyer(t, "buyer-a", "RS256", h.Issuer)
		b.Speak(p)
		h.Register(t, b)
		answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
		if e := h.Events.Last(audit.WeakAlgorithm); !answer.Params.Has("code") || e.Client != b.ID {
			t.Errorf("%v, event %+v", answer.Params, e)
		}
	})
}
