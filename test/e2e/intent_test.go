package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

func state(t testing.TB, h *harness.Host, id string) string {
	t.Helper()
	in, err := h.Store.GetIntent(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return h.Provider.Intents.State(in)
}

func denied(t testing.TB, answer harness.Answer, code string) {
	t.Helper()
	if answer.Params.Get("error") != code || answer.Params.Has("code") {
		t.Errorf("got %d %v, want %s", answer.Status, answer.Params, code)
	}
}

// MEF-R27: an intent of another client looks like one that does not exist.
func TestForeignIntentIsNoOracle(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	thief := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, thief)
	in := h.NewIntent(t, b, "once")
	foreign := h.Approve(t, h.URL(thief, thief.Object(in, harness.Set("state", "same-state"))))
	unknown := h.Approve(t, h.URL(thief, thief.Object("urn:unknown", harness.Set("state", "same-state"))))
	denied(t, foreign, "invalid_request")
	if foreign.Location.String() != unknown.Location.String() {
		t.Errorf("the answers differ: %s and %s", foreign.Location, unknown.Location)
	}
	if state(t, h, in) != "Pending" {
		t.Errorf("the intent is %s", state(t, h, in))
	}
}

func TestIntentLife(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	request := func() harness.Answer { return h.Approve(t, h.URL(b, b.Object(in))) }
	first := request()
	if state(t, h, in) != "Authorized" {
		t.Errorf("after the authorization: %s", state(t, h, in))
	}
	denied(t, request(), "access_denied") // its code is alive
	response := h.Redeem(t, b, first.Params.Get("code"))
	denied(t, request(), "access_denied") // it was redeemed
	stored, _ := h.Store.GetIntent(t.Context(), in)
	if err := h.Provider.Intents.Consume(t.Context(), in, stored.RequestID); err != nil {
		t.Fatal(err)
	}
	if err := h.Provider.Intents.Consume(t.Context(), in, stored.RequestID); err == nil {
		t.Error("consumed twice")
	}
	if state(t, h, in) != "Consumed" || response.Status != 200 {
		t.Errorf("%s, %d", state(t, h, in), response.Status)
	}
	denied(t, request(), "access_denied")
}

func TestDeclineRejectsTheIntent(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	in := h.NewIntent(t, b, "once")
	h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
		h.Provider.WriteAuthorizeError(r.Context(), rw, ar, fosite.ErrAccessDenied)
	}
	object := b.Object(in)
	denied(t, h.Approve(t, h.URL(b, object)), "access_denied")
	if state(t, h, in) != "Rejected" || h.Events.Last(audit.UserDecline).Outcome != audit.Granted {
		t.Errorf("the intent is %s", state(t, h, in))
	}
	h.Decide = nil
	denied(t, h.Approve(t, h.URL(b, object)), "invalid_request_object") // used up
	denied(t, h.Approve(t, h.URL(b, b.Object(in))), "access_denied")
}

func TestRevokedAndExpiredIntents(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	code, in := code(t, h, b, "repeated")
	tokens := h.Redeem(t, b, code)
	if err := h.Provider.Intents.Revoke(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	seen := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {tokens.Body["access_token"].(string)}}))
	if seen.Body["active"] != false {
		t.Errorf("the token of a revoked intent is %s", seen.Raw)
	}
	refused(t, h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Body["refresh_token"].(string)}})), 400, "invalid_grant")
	denied(t, h.Approve(t, h.URL(b, b.Object(in))), "access_denied")

	late := h.NewIntent(t, b, "once")
	stored, _ := h.Store.GetIntent(t.Context(), late)
	stored.ExpiresAt = time.Now().Add(-time.Second)
	if err := h.Store.SwapIntent(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	denied(t, h.Approve(t, h.URL(b, b.Object(late))), "access_denied")
	if state(t, h, late) != "Expired" {
		t.Errorf("the intent is %s", state(t, h, late))
	}
}

// RFC9101-10.2: an object completes one authorization.
func TestRequestObjectReplay(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	address := h.URL(b, b.Object(h.NewIntent(t, b, "once")))
	if !h.Approve(t, address).Params.Has("code") {
		t.Fatal("no code")
	}
	denied(t, h.Approve(t, address), "invalid_request_object")
}

// Reloads and tabs of one request share one pending authorization; tabs of two
// requests for one intent do not, and the first to finish wins.
func TestPendingAcrossRequests(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	var handle string
	h.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
		pending := authorization.Of(ar)
		if r.Method == http.MethodPost {
			if r.PostFormValue("field") != "of the host" {
				t.Error("the host's form is lost")
			}
			h.Finish(rw, r, ar)
			return
		}
		handle = pending.Handle
		if pending.Intent == nil || pending.Client.ClientName == "" || len(pending.Scopes) != 2 || pending.ACR[0] != "urn:meflso:ca" {
			t.Errorf("pending is %+v", pending)
		}
	}
	in := h.NewIntent(t, b, "once")
	visit := func(object string) string {
		response, err := h.HTTP.Get(h.URL(b, object))
		if err != nil || response.StatusCode != 200 {
			t.Fatal(err, response)
		}
		response.Body.Close()
		return handle
	}
	finish := func(handle string) harness.Answer {
		response, err := h.HTTP.PostForm(h.Authorize+"?pending="+handle, url.Values{"field": {"of the host"}, "client_id": {"ignored"}})
		if err != nil {
			t.Fatal(err)
		}
		return h.Read(t, response, h.Authorize)
	}
	acr := harness.Set("acr_values", "urn:meflso:ca")
	object := b.Object(in, acr)
	old, again, other := visit(object), visit(object), visit(b.Object(in, acr))
	if old != again || old == other || len(old) < 43 {
		t.Errorf("handles %q, %q, %q", old, again, other)
	}
	if state(t, h, in) != "Pending" {
		t.Errorf("looking changed the intent to %s", state(t, h, in))
	}
	if answer := finish(other); !answer.Params.Has("code") {
		t.Fatalf("got %v %s", answer.Params, answer.Body)
	}
	denied(t, finish(old), "access_denied") // the old tab
	if page := finish(other); page.Status != 400 || !strings.Contains(page.Body, "invalid_request") {
		t.Errorf("finished twice: %d %v", page.Status, page.Params)
	}
}

func TestPolicy(t *testing.T) {
	allowed := true
	h := harness.StartHost(t, profile.MEFLSO(), nil, func(c *compose.Config) {
		c.AuthorizeClient = func(_ context.Context, _ fosite.Client, in *storage.Intent, scopes []string) error {
			if allowed {
				return nil
			}
			return http.ErrAbortHandler
		}
	})
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	code, _ := code(t, h, b, "once")
	allowed = false
	denied(t, h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once")))), "access_denied")
	refused(t, h.Redeem(t, b, code), 400, "unauthorized_client")
	allowed = true
	if r := h.Redeem(t, b, code); r.Status != 200 {
		t.Errorf("the refusal used up the code: %s", r.Raw)
	}
}

// An Authorized intent whose code expired unredeemed may be authorized again.
// The clock is a bubble's, without waiting.
func TestLapsedCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Config{NewSession: harness.NewSession})
		h := harness.StartDirect(t, profile.MEFLSO(), store, nil)
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		h.Register(t, b)
		in := h.NewIntent(t, b, "once")
		first := h.Approve(t, h.URL(b, b.Object(in)))
		time.Sleep(62 * time.Second)
		refused(t, h.Redeem(t, b, first.Params.Get("code")), 400, "invalid_grant")
		if state(t, h, in) != "Pending" {
			t.Errorf("the intent is %s", state(t, h, in))
		}
		second := h.Approve(t, h.URL(b, b.Object(in)))
		if r := h.Redeem(t, b, second.Params.Get("code")); r.Status != 200 {
			t.Errorf("got %s", r.Raw)
		}
		access := h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
		time.Sleep(10 * time.Minute)
		if r := h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {access}})); r.Body["active"] != false {
			t.Errorf("an expired token is %s", r.Raw)
		}
		time.Sleep(25 * time.Hour)
		denied(t, h.Approve(t, h.URL(b, b.Object(in))), "access_denied")
	})
}

// The pending authorization ends with its time.
func TestPendingExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := harness.StartDirect(t, profile.MEFLSO(), memory.New(memory.Config{NewSession: harness.NewSession}), nil)
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		h.Register(t, b)
		var handle string
		h.Decide = func(_ http.ResponseWriter, _ *http.Request, ar fosite.AuthorizeRequester) {
			handle = authorization.Of(ar).Handle
		}
		in := h.NewIntent(t, b, "once")
		h.Approve(t, h.URL(b, b.Object(in)))
		time.Sleep(11 * time.Minute)
		if page := h.Approve(t, h.Authorize+"?pending="+handle); page.Status != 400 || page.Location != nil {
			t.Errorf("got %d %v", page.Status, page.Params)
		}
		if state(t, h, in) != "Pending" {
			t.Errorf("the intent is %s", state(t, h, in))
		}
	})
}

func TestResourceGuard(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	guard := h.Provider.ResourceGuard()
	var grant *resource.Grant
	ok := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		grant = resource.Of(r.Context())
		rw.WriteHeader(http.StatusNoContent)
	})
	call := func(op resource.Operation, method, authorization, query string) harness.Response {
		r, err := http.NewRequest(method, "https://op.example.com/quote"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		r.Header.Set("x-fapi-interaction-id", "93bac548-d2de-4546-b106-880a5018460d")
		return harness.Serve(t, guard.Protect(op, ok), r)
	}
	code, in := code(t, h, b, "once")
	user := "Bearer " + h.Redeem(t, b, code).Body["access_token"].(string)
	own := "Bearer " + h.Post(t, h.Token, b.Authenticated(ownBehalf("POST:/quote"))).Body["access_token"].(string)
	submit := resource.Operation{Scope: "POST:/quote-submissions"}
	create := resource.Operation{Scope: "POST:/quote", OwnBehalf: true}
	for name, c := range map[string]struct {
		got       harness.Response
		status    int
		code      any
		challenge string
	}{
		"no token":       {call(create, "POST", "", ""), 401, "missingCredentials", "Bearer"},
		"basic":          {call(create, "POST", "Basic eDp5", ""), 401, "missingCredentials", "Bearer"},
		"unknown token":  {call(create, "POST", "Bearer unknown", ""), 401, "invalidCredentials", `Bearer error="invalid_token"`},
		"token in query": {call(create, "POST", "", "?access_token="+own[7:]), 401, "missingCredentials", "Bearer"},
		"token twice":    {call(create, "POST", own, "?access_token="+own[7:]), 400, "invalidQuery", `Bearer error="invalid_request"`},
		"scope":          {call(resource.Operation{Scope: "GET:/quote"}, "GET", own, ""), 403, "accessDenied", `Bearer error="insufficient_scope", scope="GET:/quote"`},
		"own token":      {call(submit, "POST", own, ""), 403, "accessDenied", `Bearer error="insufficient_scope", scope="POST:/quote-submissions"`},
		"good":           {call(create, "POST", own, ""), 204, nil, ""},
	} {
		if c.got.Status != c.status || c.got.Body["code"] != c.code || c.got.Header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %s %q", name, c.got.Status, c.got.Raw, c.got.Header.Get("WWW-Authenticate"))
		}
		if c.got.Header.Get("x-fapi-interaction-id") != "93bac548-d2de-4546-b106-880a5018460d" {
			t.Errorf("%s: interaction id %q", name, c.got.Header.Get("x-fapi-interaction-id"))
		}
	}
	if r := call(submit, "POST", user, ""); r.Status != 204 || grant.IntentID != in || grant.Client.GetID() != b.ID || grant.Subject != in {
		t.Errorf("%d %+v", r.Status, grant)
	}
	if err := h.Provider.Intents.Consume(t.Context(), grant.IntentID, grant.RequestID); err != nil {
		t.Fatal(err)
	}
	if r := call(submit, "POST", user, ""); r.Status != 403 || r.Body["code"] != "accessDenied" {
		t.Errorf("after the submission: %d %s", r.Status, r.Raw)
	}
	if r := call(resource.Operation{Scope: "GET:/quote-submissions", OwnBehalf: true}, "GET", user, ""); r.Status != 204 {
		t.Errorf("reading after the submission: %d %s", r.Status, r.Raw)
	}
}
