package e2e

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// stage is a server of a profile that asks for certificates, and its client
// with the certificate on the line.
type stage struct {
	*secured
	client *harness.Target
}

func play(t testing.TB, p profile.Profile, changes ...harness.Change) *stage {
	t.Helper()
	s := &stage{secured: secure(t, p)}
	s.b.Speak(p)
	s.Register(t, s.b, append([]harness.Change{everyType}, changes...)...)
	s.client = s.As(t, s.cert)
	return s
}

// ask has an object with the changes approved, for a fresh intent where the
// profile wants one.
func (s *stage) ask(t testing.TB, changes ...harness.Change) harness.Answer {
	t.Helper()
	return s.Approve(t, s.URL(s.b, s.b.Object(s.NewIntent(t, s.b, "repeated"), changes...)))
}

// code is what ask gets when nothing is wrong.
func (s *stage) code(t testing.TB, changes ...harness.Change) string {
	t.Helper()
	answer := s.ask(t, changes...)
	if answer.Params.Get("code") == "" {
		t.Fatalf("no code: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return answer.Params.Get("code")
}

// sentence is one about what was seen.
type sentence struct {
	id, says string
	holds    bool
}

func hold(t *testing.T, seen any, sentences []sentence) {
	t.Helper()
	for _, s := range sentences {
		t.Run(s.id+"/"+s.says, func(t *testing.T) {
			if !s.holds {
				t.Errorf("%+v", seen)
			}
		})
	}
}

// inside is a case whose object is changed; where says if the error is shown
// on a page or sent to the client, and rule which one refuses.
func inside(id, name, rule, where, code string, changes ...harness.Change) harness.Case {
	return beside(id, name, rule, where, code, nil, changes...)
}

// beside has parameters outside the object, too.
func beside(id, name, rule, where, code string, outer []string, changes ...harness.Change) harness.Case {
	return harness.Case{ID: id, Name: name, Rule: rule, Page: where == shown, Error: code, Make: func(_ testing.TB, g *harness.Target, b *harness.Buyer, in, jti string) string {
		return g.URL(b, b.Object(in, append([]harness.Change{harness.Set("jti", jti)}, changes...)...), outer...)
	}}
}

const shown, sent = "page", "redirect"

// refuse plays each case; Run sees that the refusal changed nothing.
func (s *stage) refuse(t *testing.T, cases []harness.Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) { c.Run(t, &s.Target, s.b) })
	}
}

const (
	badObject  = "invalid_request_object"
	badRequest = "invalid_request"
	badType    = "unsupported_response_type"
)

// noObject is a plain OAuth request.
func noObject(id string) harness.Case {
	return harness.Case{ID: id, Name: "no object", Rule: "MEF-R23", Page: true, Error: badRequest, Make: func(_ testing.TB, g *harness.Target, b *harness.Buyer, _, _ string) string {
		return g.URL(b, "", "response_type", "code id_token", "scope", b.Scope, "redirect_uri", b.Redirect, "state", "a-state-of-some-length", "nonce", "a-nonce-of-some-length")
	}}
}

func TestRequirementsOfFAPIRequests(t *testing.T) {
	s := play(t, profile.FAPI1Advanced())
	set := harness.Set
	s.refuse(t, []harness.Case{
		noObject("FAPI-5.2.2-1/SLIDES-21"),
		inside("FAPI-5.2.2-2", "code id_token token", "FAPI-5.2.2-2", sent, badType, set("response_type", "code id_token token")),
		inside("FAPI-5.2.2-2", "token", "FAPI-5.2.2-2", sent, badType, set("response_type", "token")),
		inside("FAPI-5.2.2-2", "code alone", "FAPI-5.2.2-2", sent, badType, set("response_type", "code")),
		inside("FAPI-5.2.2-2/SLIDES-30", "form_post.jwt", "FAPI-5.2.2-2", sent, badRequest, set("response_mode", "form_post.jwt")),
		beside("FAPI-5.2.2-10/SLIDES-22", "redirect_uri outside only", "MEF-R17", shown, badRequest, []string{"redirect_uri", s.b.Redirect}, set("redirect_uri", nil)),
		beside("FAPI-5.2.2-10/SLIDES-22", "nonce outside only", "MEF-R36", sent, badRequest, []string{"nonce", "a-nonce-outside"}, set("nonce", nil)),
		beside("FAPI-5.2.2-10/SLIDES-22", "scope outside only", "MEF-R20", sent, badRequest, []string{"scope", s.b.Scope}, set("scope", nil)),
		beside("FAPI-5.2.2-10/SLIDES-22", "response_type outside only", "MEF-R13", sent, badRequest, []string{"response_type", "code id_token"}, set("response_type", nil)),
		inside("FAPI-5.2.2-13/SLIDES-23", "exp missing", "FAPI-5.2.2-13", sent, badObject, set("exp", nil)),
		inside("FAPI-5.2.2-13/SLIDES-23", "expired", "FAPI-5.2.2-13", sent, badObject, harness.In("exp", -time.Minute)),
		inside("FAPI-5.2.2-13", "61 minutes after nbf", "FAPI-5.2.2-13", sent, badObject, harness.In("exp", 61*time.Minute)),
		inside("FAPI-5.2.2-15", "aud of the PAR endpoint", "FAPI-5.2.2-15", sent, badObject, set("aud", s.PAR)),
		inside("FAPI-5.2.2-15", "aud of the authorization endpoint", "FAPI-5.2.2-15", sent, badObject, set("aud", s.Authorize)),
		inside("FAPI-5.2.2-17", "nbf missing", "FAPI-5.2.2-17", sent, badObject, set("nbf", nil)),
		inside("FAPI-5.2.2-17", "nbf over 60 minutes old", "FAPI-5.2.2-17", sent, badObject, harness.In("nbf", -60*time.Minute-20*time.Second), harness.In("exp", -25*time.Second)),
		inside("FAPI-5.2.2-17", "nbf a minute ahead", "FAPI-5.2.2-17", sent, badObject, harness.In("nbf", time.Minute)),
		inside("FAPI-8.6-3/SLIDES-24", "alg none", "MEF-R51", shown, badObject, harness.Header("alg", "none")),
		inside("BASE-5.2.2-8/SLIDES-06", "redirect_uri of nobody", "MEF-R18", shown, badRequest, set("redirect_uri", "https://evil.example.org/cb")),
		inside("BASE-5.2.2-9/SLIDES-07", "redirect_uri missing", "MEF-R17", shown, badRequest, set("redirect_uri", nil)),
		inside("BASE-5.2.2-10/SLIDES-08", "redirect_uri with a slash more", "MEF-R18", shown, badRequest, set("redirect_uri", s.b.Redirect+"/")),
		inside("BASE-5.2.2-10/SLIDES-08", "redirect_uri with a port", "MEF-R18", shown, badRequest, set("redirect_uri", strings.Replace(s.b.Redirect, "/cb", ":443/cb", 1))),
		inside("BASE-5.2.2.2-1/C-22", "openid without nonce", "MEF-R36", sent, badRequest, set("nonce", nil)),
	})
	t.Run("BASE-5.2.2.3-1/no openid and no state", func(t *testing.T) {
		answer := s.ask(t, set("scope", "accounts"), set("state", nil), set("response_type", "code"), set("response_mode", "jwt"))
		if claims := unpack(t, s.Host, s.b, answer.Params); claims["error"] != badRequest || claims["code"] != nil {
			t.Errorf("%v", claims)
		}
		answer = s.ask(t, set("scope", "accounts"), set("response_type", "code"), set("response_mode", "jwt"))
		if claims := unpack(t, s.Host, s.b, answer.Params); claims["code"] == nil {
			t.Errorf("with state: %v", claims)
		}
	})
	outer, both := s.Approve(t, s.URL(s.b, s.b.Object("", set("state", nil)), "state", "outside")), s.Approve(t, s.URL(s.b, s.b.Object("", set("state", "in")), "state", "out", "nonce", "out", "scope", "admin", "redirect_uri", "https://evil.example.org/cb"))
	_, bare := harness.Decode(t, outer.Params.Get("id_token"))
	two := s.ask(t, set("aud", []string{"https://other.example.org", s.Issuer}))
	hold(t, []harness.Answer{outer, both, two}, []sentence{
		{"FAPI-5.2.2-10/SLIDES-22", "a state outside alone is not there", outer.Params.Has("code") && !outer.Params.Has("state") && bare["s_hash"] == nil},
		{"FAPI-5.2.2-10/C-05", "what is outside is ignored", both.Params.Has("code") && both.Params.Get("state") == "in" && strings.HasPrefix(both.Location.String(), s.b.Redirect)},
		{"FAPI-5.2.2-15/C-25", "aud is a list with the issuer", two.Params.Has("code")},
		{"BASE-5.2.2-7", "a request by value needs no PKCE", two.Params.Has("code")},
	})
	t.Run("FAPI-5.2.2-0/PKCE that was sent binds the code", func(t *testing.T) {
		code := s.code(t, set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), set("code_challenge_method", "S256"))
		refused(t, s.client.Redeem(t, s.b, code), 400, "invalid_grant")
		s.bound(t, s.client.Redeem(t, s.b, code, "code_verifier", verifier), s.cert)
	})
}

// TestRequirementsOfJourneys: a push, a signed response, and bound tokens.
func TestRequirementsOfJourneys(t *testing.T) {
	s := play(t, profile.FAPI1Advanced())
	t.Run("FAPI-5.2.2-11/FAPI-5.2.2-2/FAPI-5.2.2.2-1/SLIDES-26/pushed, and answered by JARM", func(t *testing.T) {
		s.b.Verifier = verifier
		defer func() { s.b.Verifier = "" }()
		uri := s.Pushed(t, s.b, s.b.Object("", harness.Set("response_type", "code"), harness.Set("response_mode", "jwt")))
		answer := s.Approve(t, reference(&s.Target, s.b, uri))
		claims := unpack(t, s.Host, s.b, answer.Params)
		code, _ := claims["code"].(string)
		refused(t, s.Redeem(t, s.b, code), 400, "invalid_request") // without the certificate
		s.bound(t, s.client.Redeem(t, s.b, code), s.cert)
	})
}

// Redirect URIs that no registration should have let in.
func TestRequirementsOfRedirectURIs(t *testing.T) {
	for id, uri := range map[string]string{
		"BASE-5.2.2-20/SLIDES-15/http": "http://buyer-a.example.org/cb", "BASE-7.5-1/SLIDES-15/private-use scheme": "org.example.buyer:/cb",
		"BASE-7.5-2/SLIDES-15/loopback": "http://127.0.0.1:51004/cb", "BASE-7.5-2/SLIDES-15/localhost": "http://localhost:51004/cb",
	} {
		t.Run(id, func(t *testing.T) {
			s := play(t, profile.FAPI1Advanced(), harness.Set("redirect_uris", []string{uri, "https://buyer-a.example.org/cb"}))
			answer := s.ask(t, harness.Set("redirect_uri", uri))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, badRequest) {
				t.Errorf("%d %v %s", answer.Status, answer.Location, answer.Body)
			}
			s.code(t)
		})
	}
}

// A public client in the host's store is nobody.
type publicClients struct{ *memory.Store }

func (s *publicClients) GetClient(_ context.Context, id string) (fosite.Client, error) {
	return &fosite.DefaultOpenIDConnectClient{DefaultClient: &fosite.DefaultClient{ID: id, Public: true, RedirectURIs: []string{"https://app.example.org/cb"}}}, nil
}

func TestRequirementsOfClients(t *testing.T) {
	dn, cert := harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"), harness.SelfSigned(t, nil, "buyer-a")
	method := func(m string) harness.Change { return harness.Set("token_endpoint_auth_method", m) }
	for _, m := range []string{"client_secret_basic", "client_secret_post", "client_secret_jwt", "none"} {
		t.Run("FAPI-5.2.2-14/SLIDES-29/MEF-10.2.1/"+m, func(t *testing.T) {
			s := play(t, profile.FAPI1Advanced(), method(m), dn)
			form := withTLS(s.b.ID, ownBehalf("accounts"))
			refused(t, s.client.Post(t, s.client.Token, form), 401, "invalid_client")
			refused(t, s.client.Post(t, s.client.Token, s.b.Authenticated(ownBehalf("accounts"))), 401, "invalid_client")
		})
	}
	for id, m := range map[string]string{
		"FAPI-5.2.2-14/SLIDES-02/": "private_key_jwt", "FAPI-5.2.2-14/SLIDES-03/": "tls_client_auth", "FAPI-5.2.2-14/SLIDES-03/SLIDES-29/": "self_signed_tls_client_auth",
	} {
		t.Run(id+m, func(t *testing.T) {
			s := play(t, profile.FAPI1Advanced(), method(m), dn)
			form, line := withTLS(s.b.ID, ownBehalf("accounts")), s.cert
			switch m {
			case "private_key_jwt":
				form = s.b.Authenticated(ownBehalf("accounts"))
			case "self_signed_tls_client_auth":
				s.Register(t, s.b, method(m), harness.Set("jwks", harness.CertificateSet(cert)))
				line = cert
			}
			client := s.As(t, line)
			if r := client.Post(t, client.Token, form); r.Status != 200 {
				t.Error(r.Raw)
			}
			stranger := s.As(t, harness.SelfSigned(t, nil, "buyer-a"))
			if m != "private_key_jwt" {
				refused(t, stranger.Post(t, stranger.Token, form), 401, "invalid_client")
			}
			refused(t, client.Post(t, client.Token, url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody"}}), 401, "invalid_client")
		})
	}
	page, r := asPublic(t, profile.FAPI1Advanced())
	hold(t, []any{page, r.Raw}, []sentence{
		{"FAPI-5.2.2-16", "a public client is not let in", page.Status == 400 && page.Location == nil && strings.Contains(page.Body, "unauthorized_client")},
		{"FAPI-5.2.2-16/MEF-10.2.1", "a public client gets no tokens", r.Status == 401 && r.Body["error"] == "invalid_client"},
	})
}

// asPublic is what a public client hears from both endpoints.
func asPublic(t *testing.T, p profile.Profile) (page harness.Answer, tokens harness.Response) {
	t.Helper()
	h := harness.StartMTLS(t, p, &publicClients{memory.New(memory.Config{NewSession: harness.NewSession})}, func(c *compose.Config) { c.PairwiseSalt = harness.Secret })
	b := harness.NewBuyer(t, "app", "ES256", h.Issuer)
	client := h.As(t, harness.SelfSigned(t, nil, "app"))
	page = h.Approve(t, h.URL(b, b.Object("urn:x")))
	return page, client.Post(t, h.Token, withTLS(b.ID, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}))
}
