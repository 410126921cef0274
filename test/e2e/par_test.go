package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// startPushing gives a host with two buyers that send PKCE.
func startPushing(t *testing.T, p profile.Profile) (h *harness.Host, a, b *harness.Buyer) {
	t.Helper()
	h, a = start(t, p)
	b = harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, b)
	a.Verifier, b.Verifier = verifier, verifier
	return h, a, b
}

func reference(g *harness.Target, b *harness.Buyer, uri string, extra ...string) string {
	return g.URL(b, "", append([]string{"request_uri", uri}, extra...)...)
}

func TestPushedRequest(t *testing.T) {
	t.Run("FAPI-5.2.2-11/from the push to the tokens", pushedRequest)
}

func pushedRequest(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	response := h.Push(t, b, b.Object(in))
	uri, _ := response.Body["request_uri"].(string)
	if response.Status != http.StatusCreated || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || response.Body["expires_in"] != 60.0 {
		t.Fatalf("RFC9126-2.2: %d %s", response.Status, response.Raw)
	}
	if !strings.Contains(response.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("Cache-Control %q", response.Header.Get("Cache-Control"))
	}
	answer := h.Approve(t, reference(&h.Target, b, uri))
	tokens := h.Redeem(t, b, answer.Params.Get("code"))
	if tokens.Status != http.StatusOK {
		t.Fatalf("answer %v, tokens %s", answer.Params, tokens.Raw)
	}
	if state(t, h, in) != "Authorized" {
		t.Errorf("the intent is %s", state(t, h, in))
	}
}

// RFC 9126 §4: what stands beside the reference is never merged.
func TestPushedIgnoresOuter(t *testing.T) {
	t.Run("FAPI-5.2.2-10/SLIDES-22/beside a reference", pushedIgnoresOuter)
}

func pushedIgnoresOuter(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	uri := h.Pushed(t, b, b.Object(h.NewIntent(t, b, "once"), harness.Set("state", "inner-state")))
	answer := h.Approve(t, reference(&h.Target, b, uri, "response_type", "code id_token", "scope", "openid admin", "state", "outer-state", "redirect_uri", "https://evil.example.org/cb"))
	if answer.Params.Get("code") == "" || answer.Params.Get("state") != "inner-state" || !strings.HasPrefix(answer.Location.String(), b.Redirect) {
		t.Errorf("got %d %v", answer.Status, answer.Params)
	}
}

// Every refusal of the authorization endpoint that concerns the object is one
// at the pushed authorization request endpoint, as JSON; it uses nothing up.
func TestPushedRequestsRefused(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	for _, c := range harness.Cases() {
		in, jti := h.NewIntent(t, b, "once"), "jti-"+c.ID+c.Name
		made, err := url.Parse(c.Make(t, &h.Target, b, in, jti))
		if err != nil {
			t.Fatal(err)
		}
		if made.RawQuery != (url.Values{"client_id": {b.ID}, "request": {made.Query().Get("request")}}).Encode() || c.ID == "FAPI-5.2.2-18" {
			continue // about what stands beside the object, or about PKCE, which has its own test
		}
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) {
			response := h.Push(t, b, made.Query().Get("request"))
			if response.Status != http.StatusBadRequest || response.Body["error"] != c.Error {
				t.Errorf("want 400 %s, got %d %s", c.Error, response.Status, response.Raw)
			}
			rule := c.Rule
			if rule == "" {
				rule = c.ID
			}
			if got := h.Events.Last(audit.PushedRequest).Rule; string(got) != rule {
				t.Errorf("refused by %s, want %s", got, rule)
			}
			h.Pushed(t, b, b.Object(in, harness.Set("jti", jti)))
		})
	}
}

func TestPushedRequestForms(t *testing.T) {
	h, a, _ := startPushing(t, profile.MEFLSO())
	in := h.NewIntent(t, a, "once")
	plain := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	plain.Key, plain.Kid = a.Key, a.Kid // the same client without PKCE
	for _, c := range []struct {
		id, name string
		response harness.Response
		status   int
		code     string
	}{
		{"RFC9126-2.1", "request_uri in the form", h.Push(t, a, a.Object(in), "request_uri", "urn:ietf:params:oauth:request_uri:x"), 400, "invalid_request"},
		{"FAPI-5.2.2-1", "parameters without object", h.Post(t, h.PAR, a.Authenticated(url.Values{"response_type": {"code"}})), 400, "invalid_request"},
		{"FAPI-5.2.2-18/SLIDES-05", "no PKCE", h.Push(t, plain, plain.Object(in)), 400, "invalid_request"},
		{"FAPI-5.2.2-18/SLIDES-05", "plain PKCE", h.Push(t, plain, plain.Object(in, harness.Set("code_challenge", verifier), harness.Set("code_challenge_method", "plain"))), 400, "invalid_request"},
		{"FAPI-5.2.2-18/SLIDES-05", "PKCE beside the object", h.Push(t, plain, plain.Object(in), "code_challenge", verifier, "code_challenge_method", "S256"), 400, "invalid_request"},
		{"FAPI-5.2.2-15", "aud is the endpoint", h.Push(t, a, a.Object(in, harness.Set("aud", h.PAR))), 400, "invalid_request_object"},
		{"RFC9126-2.1", "another client_id", h.Push(t, a, a.Object(in), "client_id", "buyer-b"), 401, "invalid_client"},
		{"RFC9126-2", "no credentials", h.Post(t, h.PAR, url.Values{"request": {a.Object(in)}, "client_id": {a.ID}}), 401, "invalid_client"},
		{"MEF-R27", "an intent of nobody", h.Push(t, a, a.Object("urn:lso:intent:nothing")), 400, "invalid_request"},
	} {
		t.Run(c.id+"/"+c.name, func(t *testing.T) {
			if c.response.Status != c.status || c.response.Body["error"] != c.code {
				t.Errorf("want %d %s, got %d %s", c.status, c.code, c.response.Status, c.response.Raw)
			}
		})
	}
	t.Run("FAPI-5.2.2-18/SLIDES-05/verifier", func(t *testing.T) { pushedVerifier(t, h, a) })
	response, err := h.HTTP.Get(h.PAR)
	if err != nil {
		t.Fatal(err)
	}
	if got := harness.ReadJSON(t, response); got.Status != http.StatusMethodNotAllowed || got.Body["error"] != "invalid_request" {
		t.Errorf("RFC9126-2.3 GET: %d %s", got.Status, got.Raw)
	}
}

// The code of a push is good for its verifier alone, and another one does not
// use it up.
func pushedVerifier(t *testing.T, h *harness.Host, b *harness.Buyer) {
	t.Helper()
	code := h.Approve(t, reference(&h.Target, b, h.Pushed(t, b, b.Object(h.NewIntent(t, b, "once"))))).Params.Get("code")
	refused(t, h.Redeem(t, b, code, "code_verifier", strings.Repeat("w", 43)), 400, "invalid_grant")
	refused(t, h.Redeem(t, b, code, "code_verifier", ""), 400, "invalid_grant")
	if r := h.Redeem(t, b, code); r.Status != http.StatusOK {
		t.Errorf("the refusals used up the code: %s", r.Raw)
	}
}

// The assertion may name the issuer, the token endpoint or this one.
func TestPushedAssertionAudiences(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	for aud, status := range map[string]int{h.Issuer: 201, h.Token: 201, h.PAR: 201, h.Authorize: 401} {
		fields := url.Values{"request": {b.Object(h.NewIntent(t, b, "once"))}}
		b.Authenticated(fields).Set("client_assertion", b.Assertion(harness.Set("aud", aud)))
		if response := h.Post(t, h.PAR, fields); response.Status != status {
			t.Errorf("aud %s: %d %s", aud, response.Status, response.Raw)
		}
	}
}

func badReference(t *testing.T, name string, answer harness.Answer) {
	t.Helper()
	if answer.Status != http.StatusBadRequest || answer.Location != nil || !strings.Contains(answer.Body, "invalid_request_uri") {
		t.Errorf("%s: want a page with invalid_request_uri, got %d %v %s", name, answer.Status, answer.Params, answer.Body)
	}
}

func TestRequestURIIsUsedOnce(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		b.Verifier = verifier
		other := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
		h.Register(t, other)
		uri := h.Pushed(t, b, b.Object(h.NewIntent(t, b, "once")))
		badReference(t, "MEF-R58 another client", h.Approve(t, reference(&h.Target, other, uri)))
		badReference(t, "unknown", h.Approve(t, reference(&h.Target, b, uri+"x")))
		answers := twenty(func(int) harness.Answer { return h.Approve(t, reference(&h.Target, b, uri)) })
		codes := 0
		for _, answer := range answers {
			if answer.Params.Get("code") != "" {
				codes++
			} else if !isPage(answer) && answer.Params.Get("error") != "access_denied" { // the intent is taken, or the reference
				t.Errorf("a loser got %d %v", answer.Status, answer.Params)
			}
		}
		if codes != 1 {
			t.Errorf("RFC9126-4: %d codes", codes)
		}
		badReference(t, "RFC9126-4 used", h.Approve(t, reference(&h.Target, b, uri)))
	})
}

// A pushed object cannot come a second time, by either way; one that was
// refused can.
func TestPushedObjectIsUsedUp(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	object := b.Object(h.NewIntent(t, b, "once"))
	h.Pushed(t, b, object)
	if again := h.Push(t, b, object); again.Status != 400 || again.Body["error"] != "invalid_request_object" {
		t.Errorf("pushed again: %d %s", again.Status, again.Raw)
	}
	if value := h.Approve(t, h.URL(b, object)); value.Params.Get("error") != "invalid_request_object" {
		t.Errorf("by value: %d %v", value.Status, value.Params)
	}
}

// The reference expires unless its user appeared; who appeared has the usual
// time, and then the reference is dead as well.
func TestRequestURIExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := harness.StartDirect(t, profile.MEFLSO(), nil, nil)
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		b.Verifier = verifier
		h.Register(t, b)
		late, seen := h.Pushed(t, b, b.Object(h.NewIntent(t, b, "once"))), h.Pushed(t, b, b.Object(h.NewIntent(t, b, "once")))
		var handle string
		h.Decide = func(_ http.ResponseWriter, _ *http.Request, ar fosite.AuthorizeRequester) {
			handle = authorization.Of(ar).Handle
		}
		h.Approve(t, reference(&h.Target, b, seen))
		time.Sleep(61 * time.Second)
		badReference(t, "RFC9126-4 expired", h.Approve(t, reference(&h.Target, b, late)))
		badReference(t, "RFC9126-4 seen, then expired", h.Approve(t, reference(&h.Target, b, seen)))
		h.Decide = nil
		if answer := h.Approve(t, h.Authorize+"?pending="+handle); answer.Params.Get("code") == "" {
			t.Errorf("after a minute at the login: %d %v", answer.Status, answer.Params)
		}
	})
}

// A client that registered so takes pushed requests alone.
func TestRFC9126_6_PushOnly(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	h.Register(t, b, harness.Set("require_pushed_authorization_requests", true))
	in := h.NewIntent(t, b, "once")
	if answer := h.Approve(t, h.URL(b, b.Object(in))); answer.Status != 400 || !strings.Contains(answer.Body, "invalid_request") {
		t.Errorf("by value: %d %v", answer.Status, answer.Params)
	}
	if answer := h.Approve(t, reference(&h.Target, b, h.Pushed(t, b, b.Object(in)))); answer.Params.Get("code") == "" {
		t.Errorf("pushed: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
}

func TestPushOnlyProfile(t *testing.T) {
	p := profile.MEFLSO()
	p.RequestDelivery = []profile.Delivery{profile.DeliverByPAR}
	h, b, _ := startPushing(t, p)
	in := h.NewIntent(t, b, "once")
	if answer := h.Approve(t, h.URL(b, b.Object(in))); answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, "request_not_supported") {
		t.Errorf("by value: %d %v", answer.Status, answer.Params)
	}
	document := discovered(t, h)
	if document["require_pushed_authorization_requests"] != true || document["request_parameter_supported"] != false {
		t.Errorf("discovery %v", document)
	}
	if answer := h.Approve(t, reference(&h.Target, b, h.Pushed(t, b, b.Object(in)))); answer.Params.Get("code") == "" {
		t.Errorf("pushed: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
}

// Neither the client's authentication nor the reference is kept in clear.
func TestNothingSecretOfAPushIsKept(t *testing.T) {
	db := harness.SQLite(t)
	h := harness.StartHost(t, profile.MEFLSO(), sql.New(db, sql.SQLite, harness.NewSession), nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	b.Verifier = verifier
	h.Register(t, b)
	in := h.NewIntent(t, b, "once")
	form := b.Authenticated(url.Values{"request": {b.Object(in)}})
	uri, _ := h.Post(t, h.PAR, form).Body["request_uri"].(string)
	kept := h.Events.Text() + dump(t, db)
	if uri == "" || !strings.Contains(kept, in) {
		t.Fatalf("request_uri %q; the dump has not even the intent", uri)
	}
	for name, secret := range map[string]string{
		"request_uri": uri, "reference": strings.TrimPrefix(uri, "urn:ietf:params:oauth:request_uri:"),
		"request object": form.Get("request"), "assertion": form.Get("client_assertion"), "kind of assertion": "client_assertion",
	} {
		if strings.Contains(kept, secret) {
			t.Errorf("the %s is kept", name)
		}
	}
}

// What changed since the push is seen when the user appears.
func TestPushedIsJudgedAgain(t *testing.T) {
	h, b, _ := startPushing(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	uri := h.Pushed(t, b, b.Object(in))
	if err := h.Provider.Intents.Revoke(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	denied(t, h.Approve(t, reference(&h.Target, b, uri)), "access_denied")
	h.Register(t, b, harness.Set("redirect_uris", []string{"https://other.example.org/cb"}))
	if answer := h.Approve(t, reference(&h.Target, b, uri)); answer.Location != nil || answer.Status != 400 {
		t.Errorf("redirect_uri gone: %d %v", answer.Status, answer.Params)
	}
}
