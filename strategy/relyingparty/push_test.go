package relyingparty_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

func pushing(config *relyingparty.Config) { config.PAR = true }

func TestPush(t *testing.T) {
	s := newSeller(t, "ES256")
	link, login, err := s.client(t, pushing).Begin(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	t.Run("FAPI-5.2.3-16/client_id and request_uri alone", func(t *testing.T) {
		if want := (url.Values{"client_id": {clientID}, "request_uri": {reference}}); !reflect.DeepEqual(u.Query(), want) {
			t.Errorf("%s", link)
		}
	})
	form := s.pushed[0]
	_, payload := decodeJWT(t, form.Get("request"))
	_, assertion := decodeJWT(t, form.Get("client_assertion"))
	t.Run("FAPI-5.2.3-8/every parameter is inside", func(t *testing.T) {
		if len(form) != 4 || form.Get("client_id") != clientID || assertion["aud"] != s.issuer {
			t.Errorf("%v", form)
		}
		if payload["state"] != login.State || payload["response_type"] != "code id_token" || payload["response_mode"] != nil {
			t.Errorf("%v", payload)
		}
	})
	t.Run("FAPI-5.2.3-15/S256", func(t *testing.T) {
		if len(login.CodeVerifier) != 43 || len(payload["code_challenge"].(string)) != 43 || payload["code_challenge_method"] != "S256" {
			t.Errorf("%q, %v", login.CodeVerifier, payload)
		}
	})
}

// The example of RFC 7636, appendix B.
func TestChallengeVector(t *testing.T) {
	const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	octets, _ := base64.RawURLEncoding.DecodeString(verifier)
	s := newSeller(t, "ES256")
	c := s.client(t, func(config *relyingparty.Config) {
		config.PAR, config.Rand = true, bytes.NewReader(bytes.Repeat(octets, 100))
		config.Signer, config.Alg = newKey("EdDSA"), profile.EdDSA
	})
	_, login, err := c.Begin(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	_, payload := decodeJWT(t, s.pushed[0].Get("request"))
	if login.CodeVerifier != verifier || payload["code_challenge"] != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("%s, %v", login.CodeVerifier, payload["code_challenge"])
	}
}

// The verifier is sent with the code, and only then.
func TestVerifierIsSent(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, pushing)
	a, d := login(t, s, c)
	body, idToken := a.answer()
	body["id_token"] = s.sign(s.header(), idToken)
	s.tokens(200, body)
	if _, err := c.Exchange(t.Context(), d); err != nil || s.form.Get("code_verifier") != a.login.CodeVerifier {
		t.Error(err, s.form)
	}
	c = s.client(t, nil)
	a, d = login(t, s, c)
	body, idToken = a.answer()
	body["id_token"] = s.sign(s.header(), idToken)
	s.tokens(200, body)
	if _, err := c.Exchange(t.Context(), d); err != nil || s.form.Has("code_verifier") {
		t.Error(err, s.form)
	}
}

func TestPushRefuses(t *testing.T) {
	answer := func(status int, uri, expires any) func(http.ResponseWriter) {
		return func(rw http.ResponseWriter) { write(rw, status, object{"request_uri": uri, "expires_in": expires}) }
	}
	for _, test := range []struct {
		name   string
		reason relyingparty.Reason
		answer func(http.ResponseWriter)
	}{
		{"no request_uri", relyingparty.ReasonRequestURI, answer(201, nil, 60)},
		{"empty request_uri", relyingparty.ReasonRequestURI, answer(201, "", 60)},
		{"request_uri as list", relyingparty.ReasonRequestURI, answer(201, []string{reference}, 60)},
		{"relative request_uri", relyingparty.ReasonRequestURI, answer(201, "requests/5", 60)},
		{"long request_uri", relyingparty.ReasonRequestURI, answer(201, "urn:"+strings.Repeat("x", 1024), 60)},
		{"no expires_in", relyingparty.ReasonRequestURI, answer(201, reference, nil)},
		{"expires_in 0", relyingparty.ReasonRequestURI, answer(201, reference, 0)},
		{"expires_in as text", relyingparty.ReasonRequestURI, answer(201, reference, "60")},
		{"fraction", relyingparty.ReasonRequestURI, answer(201, reference, 0.5)},
		{"array", relyingparty.ReasonForm, func(rw http.ResponseWriter) { write(rw, 201, []int{1}) }},
		{"status 200", "", answer(200, reference, 60)},
		{"too long", "", answer(201, "urn:"+strings.Repeat("x", 300<<10), 60)},
		{"page", "", func(rw http.ResponseWriter) { _, _ = rw.Write([]byte("<html>")) }},
		{"redirect", "", func(rw http.ResponseWriter) { rw.Header().Set("Location", "/par"); rw.WriteHeader(307) }},
	} {
		s := newSeller(t, "ES256")
		s.par = test.answer
		link, login, err := s.client(t, pushing).Begin(t.Context(), request)
		t.Run(ruleOf(err)+"/"+test.name, func(t *testing.T) {
			if test.reason != "" {
				wantAbort(t, err, test.reason)
			}
			if err == nil || link != "" || login != nil || len(s.pushed) != 1 {
				t.Errorf("%q, %v, %v, %d requests", link, login, err, len(s.pushed))
			}
		})
	}
}

func TestPushIsRefused(t *testing.T) {
	s := newSeller(t, "ES256")
	s.par = func(rw http.ResponseWriter) { write(rw, 401, object{"error": "invalid_client"}) }
	_, _, err := s.client(t, pushing).Begin(t.Context(), request)
	var refusal *relyingparty.OAuthError
	if !errors.As(err, &refusal) || refusal.Status != 401 || refusal.Code != "invalid_client" {
		t.Errorf("%#v", err)
	}
}

// A certificate authenticates instead of an assertion, at the aliases.
func TestCertificateAuthenticates(t *testing.T) {
	for _, method := range []profile.AuthMethod{profile.TLSClientAuth, profile.SelfSignedTLSClientAuth} {
		s := newSeller(t, "ES256")
		s.metadata["token_endpoint"], s.metadata["pushed_authorization_request_endpoint"] = s.issuer+"/nowhere", s.issuer+"/nowhere"
		s.metadata["mtls_endpoint_aliases"] = object{"token_endpoint": s.issuer + "/token", "pushed_authorization_request_endpoint": s.issuer + "/par"}
		s.tokens(200, object{"access_token": access, "token_type": "Bearer"})
		p := profile.FAPI1Advanced()
		c := s.client(t, func(config *relyingparty.Config) { config.AuthMethod, config.Profile, config.PAR = method, &p, true })
		if _, err := c.ClientCredentials(t.Context(), []string{"accounts"}); err != nil {
			t.Fatal(err)
		}
		if want := (url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}, "client_id": {clientID}}); !reflect.DeepEqual(s.form, want) {
			t.Errorf("%s: %v", method, s.form)
		}
		if _, _, err := c.Begin(t.Context(), relyingparty.AuthorizationRequest{}); err != nil {
			t.Fatal(err)
		}
		if form := s.pushed[0]; len(form) != 2 || form.Get("client_id") != clientID || !form.Has("request") {
			t.Errorf("%s: %v", method, form)
		}
	}
}
