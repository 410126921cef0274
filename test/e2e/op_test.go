package e2e

import (
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

// The refusals again, against the program, over TLS and SQLite, with its login
// and consent pages.
func TestExampleRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	b := harness.NewBuyer(t, "buyer-a", "ES256", "")
	op := harness.StartOP(t, []harness.Claims{b.Metadata()})
	b.Issuer = op.Issuer
	for _, c := range harness.Cases() {
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) { c.Run(t, &op.Target, b) })
	}
}

func TestExampleSubmission(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	b := harness.NewBuyer(t, "buyer-a", "PS256", "")
	op := harness.StartOP(t, []harness.Claims{b.Metadata()}, "-store", "memory", "-auto-approve", "alice")
	b.Issuer = op.Issuer
	in := op.NewIntent(t, b, "once")
	answer := op.Approve(t, op.URL(b, b.Object(in)))
	tokens := op.Redeem(t, b, answer.Params.Get("code"))
	access, _ := tokens.Body["access_token"].(string)
	submit := func() harness.Response {
		return op.Call(t, "POST", "/quote-submissions", access, harness.Claims{"Data": harness.Claims{"QuoteId": in}})
	}
	won := 0
	for _, r := range twenty(func(int) harness.Response { return submit() }) {
		if r.Status == 201 {
			won++
		} else if r.Status != 403 || r.Body["code"] != "accessDenied" {
			t.Errorf("got %d %s", r.Status, r.Raw)
		}
	}
	if won != 1 {
		t.Errorf("%d submissions of one intent", won)
	}
	if r := op.Call(t, "GET", "/quote/"+in, access, nil); r.Status != 200 {
		t.Errorf("reading afterwards: %d %s", r.Status, r.Raw)
	}
}
