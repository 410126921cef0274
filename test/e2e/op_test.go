package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
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

// A user sees what is approved, approving alone does nothing, and nobody else
// sees the quote.
func TestExampleConsent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	a, b := harness.NewBuyer(t, "buyer-a", "ES256", ""), harness.NewBuyer(t, "buyer-b", "ES256", "")
	op := harness.StartOP(t, []harness.Claims{a.Metadata(), b.Metadata()}, "-store", "memory")
	a.Issuer, b.Issuer = op.Issuer, op.Issuer
	own := func(b *harness.Buyer) string {
		access, _ := op.Post(t, op.Token, b.Authenticated(ownBehalf("quote"))).Body["access_token"].(string)
		return access
	}
	created := op.Call(t, "POST", "/quote", own(a), harness.Claims{"Data": harness.Claims{"Kind": "once", "Purpose": "A line to Wellington"}})
	in := created.Body["Data"].(map[string]any)["QuoteId"].(string)
	status := func() any {
		return op.Call(t, "GET", "/quote/"+in, own(a), nil).Body["Data"].(map[string]any)["Status"]
	}
	browser, pages := op.Browser(t), &recorder{next: op.HTTP.Transport}
	browser.Transport = pages
	answer := op.Visit(t, browser, op.URL(a, a.Object(in)), "approve")
	t.Run("BASE-5.2.2-17/the consent page shows the details", func(t *testing.T) {
		if !strings.Contains(pages.seen, "A line to Wellington") || !strings.Contains(pages.seen, "Buyer buyer-a") {
			t.Errorf("the pages were %s", pages.seen)
		}
	})
	t.Run("FAPI-8.8/approving submits nothing", func(t *testing.T) {
		if status() != "Authorized" {
			t.Fatalf("the quote is %v", status())
		}
		body := harness.Claims{"Data": harness.Claims{"QuoteId": in}}
		if r := op.Call(t, "POST", "/quote-submissions", own(a), body); r.Status != 403 || status() != "Authorized" {
			t.Errorf("without the user's token: %d, the quote is %v", r.Status, status())
		}
		access, _ := op.Redeem(t, a, answer.Params.Get("code")).Body["access_token"].(string)
		if r := op.Call(t, "POST", "/quote-submissions", access, body); r.Status != 201 || status() != "Consumed" {
			t.Errorf("with it: %d, the quote is %v", r.Status, status())
		}
	})
	t.Run("BASE-6.2.1-7/another client's quote is not there", func(t *testing.T) {
		other, nothing := op.Call(t, "GET", "/quote/"+in, own(b), nil), op.Call(t, "GET", "/quote/urn:lso:intent:nothing", own(b), nil)
		if other.Status != 404 || other.Body["code"] != "notFound" || other.Raw != nothing.Raw {
			t.Errorf("%d %s, %s", other.Status, other.Raw, nothing.Raw)
		}
	})
}

// recorder keeps what the browser saw.
type recorder struct {
	next http.RoundTripper
	seen string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.seen += string(body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}
