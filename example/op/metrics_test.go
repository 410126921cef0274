package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	workDir(t)
	b := newBuyer(t, "buyer-a")
	o := start(t, []object{b.metadata()}, "-store", "memory", "-metrics", "127.0.0.1:0")
	id := o.quote(t, b, someQuote)
	br := o.browser(t)
	consent := br.logIn(t, br.open(t, o.request(b, id, nil)), "alice")
	code := br.send(t, consent, "decision", "approve").fragment(t).Get("code")
	checkSubmission(t, o, b, id, code)
	o.get(t, o.request(b, id, object{"nonce": nil}))
	o.get(t, o.issuer+"/oauth2/jwks")
	o.get(t, o.issuer+"/chosen-by-a-client")
	o.token(t, b, url.Values{"grant_type": {"chosen-by-a-client"}})

	page := o.get(t, o.metrics)
	has(t, "the page", page.body,
		`lso_decisions_total{action="token_issue",outcome="granted",rule=""}`,
		`lso_decisions_total{action="authorization_response",outcome="granted",rule=""} 1`,
		`lso_decisions_total{action="authorization_request",outcome="refused",rule="`,
		`lso_decisions_total{action="resource_access",outcome="refused",rule="MEF-`,
		`lso_http_request_duration_seconds_count{route="/oauth2/token",status="2xx"}`,
		`lso_http_request_duration_seconds_count{route="/oauth2/token",status="4xx"}`,
		`lso_http_request_duration_seconds_count{route="/oauth2/jwks",status="2xx"} 1`,
		`lso_http_request_duration_seconds_count{route="POST /quote",status="2xx"} 1`,
		`lso_http_request_duration_seconds_count{route="GET /quote/{id}",status="2xx"}`,
		`lso_http_request_duration_seconds_count{route="none",status="4xx"} 1`,
		"go_goroutines ", "process_cpu_seconds_total ",
	)
	for _, secret := range []string{b.id, id, code, "chosen-by-a-client", "alice"} {
		if strings.Contains(page.body, secret) {
			t.Errorf("the page has %q:\n%s", secret, page.body)
		}
	}
	if a := o.get(t, o.issuer+"/metrics"); a.status != http.StatusNotFound {
		t.Errorf("/metrics on the first listener: %d", a.status)
	}
}
