package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// leftHalf is written apart from the library's.
func leftHalf(hash crypto.Hash, value string) string {
	h := hash.New()
	h.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:hash.Size()/2])
}

func manyKeys(t testing.TB) key.Source {
	t.Helper()
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return key.Signing(p256, p384, rsaKey, key.Private{ID: "rsa-512", Alg: profile.PS512, Signer: rsaKey}, ed)
}

func TestHybridFlowWithEveryAlgorithm(t *testing.T) {
	p := profile.MEFLSO()
	p.SigningAlgs = []profile.Alg{profile.ES256, profile.ES384, profile.PS256, profile.PS512, profile.EdDSA}
	h := harness.StartHost(t, p, nil, func(c *compose.Config) { c.Keys = manyKeys(t) })
	for _, c := range []struct {
		client, idToken string
		hash            crypto.Hash
	}{
		{"ES256", "", crypto.SHA256}, {"ES256", "ES384", crypto.SHA384}, {"PS256", "PS256", crypto.SHA256},
		{"PS256", "PS512", crypto.SHA512}, {"EdDSA", "EdDSA", crypto.SHA512}, {"Ed25519", "Ed25519", crypto.SHA512},
	} {
		t.Run(c.client+"/"+c.idToken, func(t *testing.T) {
			b := harness.NewBuyer(t, "buyer-"+c.client+c.idToken, c.client, h.Issuer)
			h.Register(t, b, harness.Set("id_token_signed_response_alg", c.idToken))
			checkFlow(t, h, b, c.idToken, c.hash)
		})
	}
}

func checkFlow(t *testing.T, h *harness.Host, b *harness.Buyer, alg string, hash crypto.Hash) {
	t.Helper()
	if alg == "" {
		alg = "ES256"
	}
	in := h.NewIntent(t, b, "once")
	object := b.Object(in, harness.Set("state", "af0ifjsldkj"), harness.Set("nonce", "n-0S6_WzA2Mj"))
	answer := h.Approve(t, h.URL(b, object, "response_type", "code id_token", "scope", "openid quote"))
	code := answer.Params.Get("code")
	if !answer.Fragment || code == "" || answer.Params.Get("state") != "af0ifjsldkj" || answer.Params.Get("iss") != h.Issuer || answer.Params.Has("access_token") {
		t.Fatalf("answer %d %v", answer.Status, answer.Params)
	}
	front := verified(t, h, b, answer.Params.Get("id_token"), alg)
	want(t, front, harness.Claims{
		"iss": h.Issuer, "sub": in, "aud": b.ID, "nonce": "n-0S6_WzA2Mj", "acr": "urn:meflso:sca", "meflso_intent_id": in,
		"c_hash": leftHalf(hash, code), "s_hash": leftHalf(hash, "af0ifjsldkj"), "at_hash": nil,
	})
	response := h.Redeem(t, b, code)
	if response.Status != 200 || response.Body["token_type"] != "Bearer" || response.Body["scope"] != "openid quote" || response.Body["refresh_token"] != nil {
		t.Fatalf("token response %d %s", response.Status, response.Raw)
	}
	if response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", response.Header.Get("Cache-Control"))
	}
	back := verified(t, h, b, response.Body["id_token"].(string), alg)
	want(t, back, harness.Claims{
		"iss": front["iss"], "sub": front["sub"], "nonce": front["nonce"], "acr": front["acr"], "meflso_intent_id": in,
		"auth_time": front["auth_time"], "at_hash": leftHalf(hash, response.Body["access_token"].(string)), "c_hash": nil, "s_hash": nil,
	})
	if front["auth_time"] == nil || front["exp"].(float64)-front["iat"].(float64) != 300 {
		t.Errorf("times of %v", front)
	}
}

func want(t *testing.T, got, wanted harness.Claims) {
	t.Helper()
	for name, value := range wanted {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}

func TestHybridWithoutStateHasNoStateAndNoSHash(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	answer := h.Approve(t, h.URL(b, b.Object(in, harness.Set("state", nil))))
	if answer.Params.Get("code") == "" || answer.Params.Has("state") {
		t.Fatalf("params %v", answer.Params)
	}
	_, claims := harness.Decode(t, answer.Params.Get("id_token"))
	if claims["s_hash"] != nil {
		t.Errorf("s_hash %v", claims["s_hash"])
	}
}

// MEF-CR1: the state comes back unchanged, on errors too.
func TestStateIsEchoedUnchanged(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for _, state := range []string{"a%20+&=#?/b", "x", strings.Repeat("long", 100)} {
		in := h.NewIntent(t, b, "once")
		good := h.Approve(t, h.URL(b, b.Object(in, harness.Set("state", state))))
		bad := h.Approve(t, h.URL(b, b.Object(in, harness.Set("state", state), harness.Set("exp", 1))))
		if good.Params.Get("state") != state || bad.Params.Get("state") != state || bad.Params.Get("error") == "" {
			t.Errorf("state %q became %q and %q", state, good.Params.Get("state"), bad.Params.Get("state"))
		}
	}
}

func TestOuterParametersThatAgree(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	object := b.Object(in, harness.Set("state", "the-same-state"), harness.Set("scope", "openid POST:/quote GET:/quote-submissions"))
	answer := h.Approve(t, h.URL(b, object, "state", "the-same-state", "scope", "openid quote", "response_type", "id_token code",
		"redirect_uri", b.Redirect, "claims", `{ "id_token": {"meflso_intent_id": {"essential":true, "value":"`+in+`"}}}`, "extension", "ignored", "prompt", "login"))
	if answer.Params.Get("code") == "" {
		t.Fatalf("params %v %s", answer.Params, answer.Body)
	}
	response := h.Redeem(t, b, answer.Params.Get("code"))
	if response.Body["scope"] != "openid POST:/quote GET:/quote-submissions" {
		t.Errorf("scope %v: granted scopes come from the object alone", response.Body["scope"])
	}
}

// MEF-10.4 T11: scopes as the draft spells them.
func TestCommaScopes(t *testing.T) {
	for _, c := range []struct {
		p    profile.Profile
		want string
	}{{profile.MEFLSO(), "openid POST:/quote GET:/quote-submissions"}, {profile.MEFLSO128(), ""}} {
		h, b := start(t, c.p)
		in := h.NewIntent(t, b, "once")
		answer := h.Approve(t, h.URL(b, b.Object(in, harness.Set("scope", "openid , POST /quote, GET /quote-submissions/{QuoteSubmissionId}"))))
		if c.want == "" {
			if answer.Params.Get("error") != "invalid_scope" {
				t.Errorf("%s: %v", c.p.Name, answer.Params)
			}
			continue
		}
		if got := h.Redeem(t, b, answer.Params.Get("code")).Body["scope"]; got != c.want {
			t.Errorf("%s: scope %v", c.p.Name, got)
		}
	}
}

func TestMEF128(t *testing.T) {
	h, b := start(t, profile.MEFLSO128())
	in := h.NewIntent(t, b, "once")
	refused := h.Approve(t, h.URL(b, b.Object(in, harness.Set("scope", "quote openid"))))
	if refused.Params.Get("error") != "invalid_scope" {
		t.Errorf("openid not first: %v", refused.Params)
	}
	ed := harness.NewBuyer(t, "buyer-ed", "EdDSA", h.Issuer)
	h.Register(t, ed)
	page := h.Approve(t, h.URL(ed, ed.Object(h.NewIntent(t, ed, "once"))))
	if page.Status != 400 || !strings.Contains(page.Body, "invalid_request_object") {
		t.Errorf("EdDSA: %d %v", page.Status, page.Params)
	}
	for asked, shown := range map[string]string{
		"": "urn:mef:lso:security:oidc:acr:sca", "urn:meflso:sca": "urn:meflso:sca", "urn:meflso:ca": "urn:meflso:ca",
		"urn:mef:lso:security:oidc:acr:sca": "urn:mef:lso:security:oidc:acr:sca",
	} {
		answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), harness.Set("acr_values", asked))))
		_, claims := harness.Decode(t, answer.Params.Get("id_token"))
		if claims["acr"] != shown {
			t.Errorf("asked %q, shown %v", asked, claims["acr"])
		}
	}
}

func TestSubjectIsPairwiseInUserMode(t *testing.T) {
	p := profile.MEFLSO()
	p.SubjectMode = profile.SubjectUser
	h := harness.StartHost(t, p, nil, func(c *compose.Config) { c.PairwiseSalt = []byte(strings.Repeat("s", 32)) })
	subjects := map[any]bool{}
	for _, id := range []string{"buyer-a", "buyer-b"} {
		b := harness.NewBuyer(t, id, "ES256", h.Issuer)
		h.Register(t, b)
		var first any
		for range 2 {
			answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
			_, front := harness.Decode(t, answer.Params.Get("id_token"))
			_, back := harness.Decode(t, h.Redeem(t, b, answer.Params.Get("code")).Body["id_token"].(string))
			if front["sub"] != back["sub"] || strings.Contains(front["sub"].(string), "alice") || (first != nil && first != front["sub"]) {
				t.Errorf("sub %v, %v, %v", first, front["sub"], back["sub"])
			}
			first = front["sub"]
		}
		subjects[first] = true
	}
	if len(subjects) != 2 {
		t.Errorf("two clients see the same user as %v", subjects)
	}
}

// A max_age that is a number inside the object is enforced: plain Fosite loses it.
func TestMaxAgeAndPromptLogin(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for _, c := range []struct {
		name  string
		age   time.Duration
		set   harness.Change
		error string
	}{
		{"number, fresh enough", time.Minute, harness.Set("max_age", 300), ""},
		{"number, too old", time.Hour, harness.Set("max_age", 300), "login_required"},
		{"string, too old", time.Hour, harness.Set("max_age", "300"), "login_required"},
		{"zero, old", time.Minute, harness.Set("max_age", 0), "login_required"},
		{"zero, fresh", -2 * time.Second, harness.Set("max_age", 0), ""},
		{"prompt login, old", time.Minute, harness.Set("prompt", "login"), "login_required"},
		{"prompt login, fresh", -2 * time.Second, harness.Set("prompt", "login"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.AuthTime = time.Now().Add(-c.age)
			in := h.NewIntent(t, b, "once")
			answer := h.Approve(t, h.URL(b, b.Object(in, c.set)))
			if answer.Params.Get("error") != c.error || (c.error == "") != answer.Params.Has("code") {
				t.Errorf("got %v", answer.Params)
			}
			h.AuthTime = time.Time{}
			if c.error != "" && !h.Approve(t, h.URL(b, b.Object(in))).Params.Has("code") {
				t.Error("the refusal changed the intent")
			}
		})
	}
}

func TestEssentialACR(t *testing.T) {
	acr := func(essential bool, values ...string) harness.Change {
		return func(_, p harness.Claims) {
			p["claims"].(harness.Claims)["id_token"].(harness.Claims)["acr"] = harness.Claims{"essential": essential, "values": values}
		}
	}
	for _, c := range []struct {
		name, reached string
		unmet         profile.UnmetACR
		set           harness.Change
		error, shown  string
	}{
		{"essential met", "urn:meflso:sca", profile.UnmetACRError, acr(true, "urn:meflso:sca"), "", "urn:meflso:sca"},
		{"essential unmet", "urn:meflso:ca", profile.UnmetACRError, acr(true, "urn:meflso:sca"), "unmet_authentication_requirements", ""},
		{"essential unmet, other vocabulary", "urn:meflso:ca", profile.UnmetACRError, acr(true, "urn:mef:lso:security:oidc:acr:sca"), "unmet_authentication_requirements", ""},
		{"essential unmet, actual returned", "urn:meflso:ca", profile.UnmetACRReturnActual, acr(true, "urn:meflso:sca"), "", "urn:meflso:ca"},
		{"voluntary unmet", "urn:meflso:ca", profile.UnmetACRError, acr(false, "urn:meflso:sca"), "", "urn:meflso:ca"},
		{"stronger than asked", "urn:meflso:sca", profile.UnmetACRError, acr(true, "urn:meflso:ca"), "", "urn:meflso:ca"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := profile.MEFLSO()
			p.UnmetEssentialACR = c.unmet
			h, b := start(t, p)
			h.ACR = c.reached
			answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"), c.set)))
			if answer.Params.Get("error") != c.error {
				t.Fatalf("got %v", answer.Params)
			}
			if c.error == "" {
				_, claims := harness.Decode(t, answer.Params.Get("id_token"))
				if claims["acr"] != c.shown {
					t.Errorf("acr %v", claims["acr"])
				}
			}
		})
	}
}

func TestRequestByPOST(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	form := url.Values{"client_id": {b.ID}, "request": {b.Object(h.NewIntent(t, b, "once"))}}
	response, err := h.HTTP.PostForm(h.Authorize, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if !strings.Contains(response.Header.Get("Location"), "code=") {
		t.Errorf("got %d %s", response.StatusCode, response.Header.Get("Location"))
	}
}
