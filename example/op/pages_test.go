package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func checkPageHeaders(t *testing.T, a answer, formAction string) {
	t.Helper()
	has(t, "policy", a.header.Get("Content-Security-Policy"), "default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'", formAction)
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	has(t, "page", a.body, `<html lang="en">`, "<h1>", "<style>:root")
}

func TestPages(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	id := o.quote(t, b, `{"Data":{"note":"<script>alert(1)</script>","evil\u202e":"a\u202eb","items":[{"qty":1},{"qty":2}],"Kind":"repeated"}}`)
	br := o.browser(t)
	login := br.open(t, o.request(b, id, object{"acr_values": "urn:meflso:sca", "scope": "openid POST:/quote-submissions"}))
	checkPageHeaders(t, login, "form-action 'self' https://buyer-a.example.org;")
	consent := br.logIn(t, login, "alice")
	checkPageHeaders(t, consent, "form-action 'self' https://buyer-a.example.org;")
	has(t, "consent page", consent.body, "&lt;script&gt;", "Evil", ">ab<", "Repeatedly", "Qty",
		"Strong customer authentication", "urn:meflso:sca", "Submit this quote", "POST:/quote-submissions")
	if strings.Contains(consent.body, "<script") || strings.Contains(consent.body, "\u202e") {
		t.Error("the page shows what the client wants it to show")
	}
}

func TestWrongPassword(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	br := o.browser(t)
	page := br.open(t, o.request(b, o.quote(t, b, someQuote), nil))
	for _, pair := range [][2]string{{"alice", "bob"}, {"alice", ""}, {"", ""}, {"mallory", "alice"}} {
		page = br.send(t, page, "username", pair[0], "password", pair[1])
		has(t, "login page", page.body, `role="alert"`, `id="username"`)
	}
	if page = br.logIn(t, page, "alice"); !isConsent(page) {
		t.Errorf("after a right password: %s", page.body)
	}
}

// TestForeignForms: a form that this server did not make for this browser and
// this authorization changes nothing.
func TestForeignForms(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	victim, attacker := o.browser(t), o.browser(t)
	address := o.request(b, o.quote(t, b, someQuote), nil)
	other := o.request(b, o.quote(t, b, someQuote), nil)
	refused := func(name string, a answer) {
		t.Helper()
		if a.status != http.StatusForbidden || !strings.Contains(a.body, "Error") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}

	loginPage, attackersLogin := victim.open(t, address), attacker.open(t, address)
	_, theirs := attacker.form(t, attackersLogin)
	refused("login with another browser's token", victim.send(t, loginPage, "username", "bob", "password", "bob", "token", theirs.Get("token")))
	refused("login with no token", victim.send(t, loginPage, "username", "bob", "password", "bob", "token", ""))
	refused("login from a browser without cookie", o.browser(t).send(t, loginPage, "username", "bob", "password", "bob"))

	consent := victim.logIn(t, loginPage, "alice")
	attackersConsent, otherConsent := attacker.logIn(t, attackersLogin, "bob"), victim.open(t, other)
	for name, page := range map[string]answer{"another user's": attackersConsent, "another authorization's": otherConsent, "the login page's": loginPage} {
		_, fields := victim.form(t, page)
		refused("consent with the token of "+name, victim.send(t, consent, "decision", "approve", "token", fields.Get("token")))
	}
	if a := o.browser(t).send(t, consent, "decision", "approve"); a.status != http.StatusSeeOther || strings.Contains(a.header.Get("Location"), "#") {
		t.Errorf("consent without login: %d %v", a.status, a.header)
	}
	if a := victim.send(t, consent, "decision", "perhaps"); a.status != http.StatusBadRequest {
		t.Errorf("an unknown decision: %d", a.status)
	}
	if a := victim.send(t, consent, "page", "other"); a.status != http.StatusBadRequest {
		t.Errorf("an unknown page: %d", a.status)
	}
	if params := victim.send(t, consent, "decision", "approve").fragment(t); params.Get("code") == "" {
		t.Errorf("the right form: %v", params)
	}
}

func TestCookies(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory")
	br := o.browser(t)
	page := br.open(t, o.request(b, o.quote(t, b, someQuote), nil))
	answers := []answer{page, br.send(t, page, "username", "alice", "password", "alice")}
	for i, name := range []string{visitCookie, loginCookie} {
		cookie := answers[i].header.Get("Set-Cookie")
		has(t, "cookie", cookie, name+"=", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax")
		if strings.Contains(cookie, "Domain") {
			t.Errorf("the cookie has a domain: %s", cookie)
		}
	}
}

func TestLogins(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLogins(func() time.Time { return now })
	with := func(id string) *http.Request {
		r := &http.Request{Header: http.Header{}}
		r.AddCookie(&http.Cookie{Name: loginCookie, Value: id})
		return r
	}
	add := func(before *login) *login {
		fresh := &login{id: randomID(), user: "alice", at: now, expires: now.Add(loginLifetime)}
		l.put(fresh, before)
		return fresh
	}
	first := add(nil)
	if l.find(with(first.id)) == nil || l.find(with("other")) != nil || l.find(&http.Request{}) != nil {
		t.Error("find finds the wrong login")
	}
	second := add(first)
	if l.find(with(first.id)) != nil || l.find(with(second.id)) == nil {
		t.Error("the login before did not end")
	}
	now = now.Add(loginLifetime)
	if l.find(with(second.id)) != nil {
		t.Error("an expired login is found")
	}
	for range maxLogins + 10 {
		add(nil)
	}
	if len(l.byKey) > maxLogins || len(l.order) > maxLogins {
		t.Errorf("%d logins, %d in order", len(l.byKey), len(l.order))
	}
}

func TestFormTarget(t *testing.T) {
	for host, want := range map[string]string{
		"buyer.example:8443": "'self' https://buyer.example:8443",
		"a;script-src":       "'self' https:",
		"[::1]:8443":         "'self' https:",
	} {
		if got := formTarget(&url.URL{Scheme: "https", Host: host}); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}

func TestDetails(t *testing.T) {
	got := details(json.RawMessage(`{"Kind":"once","unitPrice":12.50,"site_ID":"A\u0007 1","ok":true,"no":null,"élan":[],"list":["a",{"b":1}]}`))
	want := []detail{
		{Name: "Unit price", Text: "12.50"}, {Name: "Site ID", Text: "A 1"}, {Name: "Ok", Text: "yes"}, {Name: "No", Text: "none"},
		{Name: "Élan", Text: "none"}, {Name: "List", Parts: []detail{{Text: "a"}, {Parts: []detail{{Name: "B", Text: "1"}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	deep := json.RawMessage(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40))
	depth := 0
	for parts := details(deep); len(parts) > 0; parts = parts[0].Parts {
		depth++
	}
	if depth != maxNesting {
		t.Errorf("shown %d deep", depth)
	}
}
