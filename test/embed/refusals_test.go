package embed_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

// TestRefusals plays every case at the host: the exact error, as a page or to
// the client, and the intent and the object's jti are as good as before.
func TestRefusals(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	for _, c := range append(harness.Cases(), ownCases(t)...) {
		t.Run(c.ID+" "+c.Name, func(t *testing.T) { s.refuse(t, b, c) })
	}
}

func (s *site) refuse(t *testing.T, b *harness.Buyer, c harness.Case) {
	t.Helper()
	intent, jti := s.NewIntent(t, b, "once"), rand.Text()
	answer := s.Approve(t, c.Make(t, &s.Target, b, intent, jti))
	c.Check(t, b, answer)
	if c.Page {
		checkPage(t, answer, c.Error)
	} else if answer.Params.Has("id_token") {
		t.Error("an error with an ID Token")
	}
	s.checkState(t, b, intent, "Pending")
	if good := s.Approve(t, s.URL(b, b.Object(intent, harness.Set("jti", jti)))); !good.Params.Has("code") {
		t.Errorf("after the refusal a good request got %d %v %s", good.Status, good.Params, good.Body)
	}
}

func checkPage(t *testing.T, answer harness.Answer, code string) {
	t.Helper()
	if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, "<code>"+code+"</code>") {
		t.Errorf("want a page with %s, got %d, Location %v: %s", code, answer.Status, answer.Location, answer.Body)
	}
	for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "Cache-Control"} {
		if answer.Header.Get(name) == "" {
			t.Errorf("the page has no %s", name)
		}
	}
}

// ownCases are what plain Fosite lets through, and requests that carry the
// signature of the wrong algorithm, correctly made.
func ownCases(t *testing.T) []harness.Case {
	t.Helper()
	rs256, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	outside := []string{"response_type", "code id_token", "state", "outside-only-state", "nonce", "outside-only-nonce"}
	page := func(name string, build func(b *harness.Buyer, object string) (string, []string)) harness.Case {
		return harness.Case{ID: "FAPI-5.2.2-1", Name: name, Page: true, Error: "invalid_request_object",
			Make: func(_ testing.TB, g *harness.Target, b *harness.Buyer, intent, jti string) string {
				object, params := build(b, b.Object(intent, harness.Set("jti", jti)))
				return g.URL(b, object, params...)
			}}
	}
	return []harness.Case{
		page("garbage is not ignored without an outer openid", func(b *harness.Buyer, _ string) (string, []string) {
			return "garbage.not.jwt", append(outside, "redirect_uri", b.Redirect, "scope", "quote")
		}),
		page("unsigned is not ignored without an outer openid", func(b *harness.Buyer, object string) (string, []string) {
			return object[:strings.LastIndexByte(object, '.')+1], append(outside, "redirect_uri", b.Redirect, "scope", "quote")
		}),
		page("HMAC with the public key", func(b *harness.Buyer, object string) (string, []string) {
			return hmacSigned(b, object), nil
		}),
		page("RS256 of another key", func(b *harness.Buyer, object string) (string, []string) {
			other := *b
			other.Key, other.Alg = rs256, "RS256"
			return resigned(&other, object), nil
		}),
	}
}

// resigned is the object with the same payload, signed by b.
func resigned(b *harness.Buyer, object string) string {
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(object, ".")[1])
	return b.SignRaw(harness.Claims{"alg": b.Alg, "kid": b.Kid}, payload)
}

// hmacSigned takes the client's public key as a shared secret.
func hmacSigned(b *harness.Buyer, object string) string {
	der, _ := x509.MarshalPKIXPublicKey(b.Key.Public())
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + b.Kid + `"}`))
	input := header + "." + strings.Split(object, ".")[1]
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestRS256 has a client whose key would verify it.
func TestRS256(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-rsa", "PS256")
	old := *b
	old.Alg = "RS256"
	intent := s.NewIntent(t, b, "once")
	object := old.Object(intent)
	p := strings.Split(object, ".")
	digest := sha256.Sum256([]byte(p[0] + "." + p[1]))
	signature, err := base64.RawURLEncoding.DecodeString(p[2])
	must(t, err)
	must(t, rsa.VerifyPKCS1v15(b.Key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature))

	checkPage(t, s.Approve(t, s.URL(b, object)), "invalid_request_object")
	fields := url.Values{"grant_type": {"client_credentials"}}
	checkError(t, s.Post(t, s.Token, old.Authenticated(fields)), 401, "invalid_client")
	s.checkState(t, b, intent, "Pending")
	checkTokens(t, s.Redeem(t, b, s.Approve(t, s.URL(b, b.Object(intent))).Params.Get("code")))
}

// TestForeignIntent: another client's intent is as unknown as any.
func TestForeignIntent(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	intent := s.NewIntent(t, b, "once")
	answer := s.Approve(t, s.URL(mallory, mallory.Object(intent)))
	unknown := s.Approve(t, s.URL(mallory, mallory.Object("urn:lso:intent:unknown")))
	for _, got := range []harness.Answer{answer, unknown} {
		if !got.Fragment || got.Params.Get("error") != "invalid_request" || got.Params.Has("code") {
			t.Errorf("got %d %v", got.Status, got.Params)
		}
	}
	if answer.Params.Get("error_description") != unknown.Params.Get("error_description") {
		t.Error("the error tells that the intent exists")
	}
	s.checkState(t, b, intent, "Pending")
	if good := s.Approve(t, s.URL(b, b.Object(intent))); !good.Params.Has("code") {
		t.Errorf("its own client got %v", good.Params)
	}
}

// TestObjectOfAnother: one client sends what another one signed.
func TestObjectOfAnother(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	intent := s.NewIntent(t, b, "once")
	checkPage(t, s.Approve(t, s.URL(mallory, b.Object(intent))), "invalid_request_object")
	forged := *mallory
	forged.ID, forged.Kid, forged.Redirect = b.ID, b.Kid, b.Redirect
	checkPage(t, s.Approve(t, s.URL(b, forged.Object(intent))), "invalid_request_object")
	s.checkState(t, b, intent, "Pending")
}

// TestConsentIsTheUsers: a decision without the CSRF token of the login is
// none, and neither is one of a browser without login.
func TestConsentIsTheUsers(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	intent := s.NewIntent(t, b, "once")
	consent := s.consent(t, b, intent)
	for name, forged := range map[string]url.Values{
		"guessed": {"decision": {"approve"}, "csrf": {"guessed"}},
		"missing": {"decision": {"approve"}},
	} {
		response, err := consent.browser.PostForm(consent.address, forged)
		must(t, err)
		response.Body.Close()
		if response.StatusCode != 200 {
			t.Errorf("%s CSRF token: %d %s", name, response.StatusCode, response.Header.Get("Location"))
		}
	}
	response, err := s.Browser(t).PostForm(consent.address, consent.approval)
	must(t, err)
	response.Body.Close()
	if location := response.Header.Get("Location"); !strings.HasPrefix(location, "/login?") {
		t.Errorf("a browser without login: %d %s", response.StatusCode, location)
	}
	s.checkState(t, b, intent, "Pending")
}
