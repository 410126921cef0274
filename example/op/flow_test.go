package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestFlow walks through everything once: quote, login, consent, code,
// submission.
func TestFlow(t *testing.T) {
	for _, args := range [][]string{
		{"-store", "memory"},
		{"-store", "sqlite:./lso.db"},
		{"-store", "sqlite:./lso.db", "-profile", "mef-lso-128", "-payload-signing", "off"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			workDir(t)
			b := newBuyer(t, "buyer-a")
			o := start(t, []object{b.metadata()}, args...)
			id := o.quote(t, b, `{"Data":{"description":"Two lines","unitPrice":12.50}}`)

			br := o.browser(t)
			login := br.open(t, o.request(b, id, nil))
			has(t, "login page", login.body, `id="username"`, `id="password"`, `id="submit_button"`, "Buyer buyer-a")
			consent := br.logIn(t, login, "alice")
			has(t, "consent page", consent.body, `id="submit_button"`, `id="cancel_button"`, "Buyer buyer-a",
				"Example Networks Ltd.", id, "Once:", "Two lines", "Unit price", "12.50", "<code>openid</code>", "<code>quote</code>", "alice")
			params := br.send(t, consent, "decision", "approve").fragment(t)
			if params.Get("code") == "" || params.Get("id_token") == "" || params.Get("iss") != o.issuer {
				t.Fatalf("answer: %v", params)
			}
			checkSubmission(t, o, b, id, params.Get("code"))
		})
	}
}

func checkSubmission(t *testing.T, o *op, b *buyer, id, code string) {
	t.Helper()
	redeemed := o.redeem(t, b, code)
	token, _ := redeemed.json(t)["access_token"].(string)
	if token == "" {
		t.Fatalf("redeem: %s", redeemed.body)
	}
	first := o.call(t, token, "/quote-submissions", `{"Data":{"QuoteId":"`+id+`"}}`)
	if first.status != http.StatusCreated {
		t.Fatalf("submission: %d %s", first.status, first.body)
	}
	if second := o.call(t, token, "/quote-submissions", `{"Data":{"QuoteId":"`+id+`"}}`); second.status != http.StatusForbidden {
		t.Errorf("second submission: %d %s", second.status, second.body)
	}
	location, ok := strings.CutPrefix(first.header.Get("Location"), o.api)
	if got := o.call(t, o.ownToken(t, b), location, ""); !ok || got.status != http.StatusOK {
		t.Errorf("Location %q: %d %s", first.header.Get("Location"), got.status, got.body)
	}
	if got := o.call(t, token, "/quote/"+id, "").json(t)["Data"].(object)["Status"]; got != "Consumed" {
		t.Errorf("the quote is %v", got)
	}
	if again := o.redeem(t, b, code); again.json(t)["error"] != "invalid_grant" {
		t.Errorf("a code used twice: %s", again.body)
	}
}

// TestBelowPath: both URLs may have a path.
func TestBelowPath(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := startBelow(t, "/seller", []object{b.metadata()}, "-store", "memory")
	if got := o.get(t, o.issuer+"/.well-known/openid-configuration").json(t)["token_endpoint"]; got != o.issuer+tokenPath {
		t.Errorf("token_endpoint: %v", got)
	}
	id := o.quote(t, b, someQuote)
	br := o.browser(t)
	consent := br.logIn(t, br.open(t, o.request(b, id, nil)), "alice")
	checkSubmission(t, o, b, id, br.send(t, consent, "decision", "approve").fragment(t).Get("code"))
}

func TestDecline(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	id := o.quote(t, b, someQuote)
	br := o.browser(t)
	consent := br.logIn(t, br.open(t, o.request(b, id, object{"state": "the-state"})), "bob")
	params := br.send(t, consent, "decision", "decline").fragment(t)
	if params.Get("error") != "access_denied" || params.Get("state") != "the-state" || params.Get("iss") != o.issuer {
		t.Errorf("answer: %v", params)
	}
	if got := o.call(t, o.ownToken(t, b), "/quote/"+id, "").json(t)["Data"].(object)["Status"]; got != "Rejected" {
		t.Errorf("the quote is %v", got)
	}
	if again := br.send(t, consent, "decision", "approve"); again.status != http.StatusBadRequest || !strings.Contains(again.body, "Error") {
		t.Errorf("approved after declining: %d %v", again.status, again.header)
	}
}

func TestPrompt(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	ask := func(br *browser, changes object) answer {
		return br.open(t, o.request(b, o.quote(t, b, someQuote), changes))
	}
	br := o.browser(t)
	if got := ask(br, object{"prompt": "none"}).fragment(t).Get("error"); got != "login_required" {
		t.Errorf("prompt none without login: %q", got)
	}
	if page := br.logIn(t, ask(br, object{"prompt": "login"}), "alice"); !isConsent(page) {
		t.Errorf("after the login that prompt wanted: %s", page.body)
	}
	if got := ask(br, object{"prompt": "none"}).fragment(t).Get("error"); got != "consent_required" {
		t.Errorf("prompt none with login: %q", got)
	}
	for _, changes := range []object{nil, {"prompt": "consent"}, {"max_age": 3600}} {
		if page := ask(br, changes); !isConsent(page) {
			t.Errorf("%v does not lead to consent: %s", changes, page.body)
		}
	}
	o.app.logins.backdate(t)
	for _, changes := range []object{{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": 60}} {
		page := ask(br, changes)
		if !isLogin(page) {
			t.Fatalf("%v does not lead to login: %s", changes, page.body)
		}
	}
	page := ask(br, object{"prompt": "select_account"})
	has(t, "consent page", br.logIn(t, page, "bob").body, "<strong>bob</strong>")
}

// backdate makes all logins an hour old.
func (l *logins) backdate(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, old := range l.byKey {
		changed := *old
		changed.at = old.at.Add(-3600e9)
		l.byKey[key] = &changed
	}
}

// TestPost: a client may send the request in a form; a cross-site POST brings
// no login cookie, so the pages are shown after a GET.
func TestPost(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	br := o.browser(t)
	address, query, _ := strings.Cut(o.request(b, o.quote(t, b, someQuote), nil), "?")
	response, err := br.Post(address, "application/x-www-form-urlencoded", strings.NewReader(query))
	a := read(t, response, err)
	if a.status != http.StatusSeeOther || strings.Contains(a.header.Get("Location"), "request=") {
		t.Fatalf("POST: %d %v", a.status, a.header)
	}
	if page := br.open(t, o.origin+a.header.Get("Location")); !isLogin(page) {
		t.Errorf("after POST: %d %s", page.status, page.body)
	}
}

func TestAutoApprove(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory", "-auto-approve", "carol")
	for _, changes := range []object{nil, {"prompt": "none"}, {"prompt": "login"}, {"max_age": 0}} {
		id := o.quote(t, b, someQuote)
		params := o.get(t, o.request(b, id, changes)).fragment(t)
		if params.Get("code") == "" {
			t.Errorf("%v: %v", changes, params)
		}
	}
}

func TestErrorPage(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	for name, address := range map[string]string{
		"unknown client":  "?client_id=nobody&request=x",
		"no object":       "?client_id=buyer-a",
		"unknown pending": "?pending=x",
		"nothing":         "",
	} {
		a := o.get(t, o.issuer+authorizePath+address)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, a.status)
		}
		has(t, name, a.body, "<h1>Error</h1>", "<code>", `role="alert"`)
		checkPageHeaders(t, a, "form-action 'none'")
	}
}
