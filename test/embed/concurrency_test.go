package embed_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

const crowd = 20

// TestCodeIsRedeemedOnce: the host's store invalidates a code as often as it
// is asked to; of all who come at once, one gets tokens all the same.
func TestCodeIsRedeemedOnce(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	code, _ := s.authorize(t, b, "repeated")
	forms := make([]url.Values, crowd)
	for i := range forms {
		forms[i] = b.Authenticated(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {b.Redirect}})
	}
	checkOne(t, postAll(s.HTTP, s.Token, forms), "400 invalid_grant")
}

func TestAssertionIsUsedOnce(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	form := b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}})
	forms := make([]url.Values, crowd)
	for i := range forms {
		forms[i] = form
	}
	checkOne(t, postAll(s.HTTP, s.Token, forms), "401 invalid_client")
}

// TestApprovalIsTakenOnce: a user who clicks often approves once.
func TestApprovalIsTakenOnce(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	intent := s.NewIntent(t, b, "once")
	consent := s.consent(t, b, intent)
	forms := make([]url.Values, crowd)
	for i := range forms {
		forms[i] = consent.approval
	}
	codes := 0
	for _, answer := range postAll(consent.browser, consent.address, forms) {
		if strings.Contains(answer.location, "code=") {
			codes++
		} else if answer.status != "400 " && !strings.Contains(answer.location, "error=access_denied") {
			t.Errorf("a second approval got %+v", answer)
		}
	}
	if codes != 1 {
		t.Errorf("%d codes, want 1", codes)
	}
	s.checkState(t, b, intent, "Authorized")
}

// outcome is the status of an answer with its OAuth error, if it has one.
type outcome struct{ status, location string }

func postAll(client *http.Client, address string, forms []url.Values) []outcome {
	outcomes := make([]outcome, len(forms))
	gate := make(chan struct{})
	var all sync.WaitGroup
	for i, form := range forms {
		all.Go(func() {
			<-gate
			outcomes[i] = postOne(client, address, form)
		})
	}
	close(gate)
	all.Wait()
	return outcomes
}

func postOne(client *http.Client, address string, form url.Values) outcome {
	response, err := client.PostForm(address, form)
	if err != nil {
		return outcome{status: err.Error()}
	}
	defer response.Body.Close()
	var body struct {
		Error string `json:"error"`
		Token string `json:"access_token"`
	}
	if raw, err := io.ReadAll(response.Body); err == nil {
		_ = json.Unmarshal(raw, &body) // a page has no members
	}
	if body.Token != "" {
		return outcome{status: "tokens"}
	}
	return outcome{response.Status[:4] + body.Error, response.Header.Get("Location")}
}

// checkOne wants one answer with tokens, and the others refused like this.
func checkOne(t *testing.T, outcomes []outcome, refused string) {
	t.Helper()
	count := map[string]int{}
	for _, o := range outcomes {
		count[o.status]++
	}
	if count["tokens"] != 1 || count[refused] != len(outcomes)-1 {
		t.Errorf("answers %v, want one with tokens and the others %s", count, refused)
	}
}

// consent is an open consent page.
type consent struct {
	browser  *http.Client
	address  string // of its form
	approval url.Values
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]+)">`)
	csrfField  = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
)

// consent logs a browser in and opens the page for the intent.
func (s *site) consent(t *testing.T, b *harness.Buyer, intent string) consent {
	t.Helper()
	browser := s.Browser(t)
	s.Visit(t, browser, s.URL(b, b.Object(s.NewIntent(t, b, "once"))), "decline")
	response, err := browser.Get(s.URL(b, b.Object(intent)))
	must(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	must(t, err)
	action, csrf := formAction.FindSubmatch(page), csrfField.FindSubmatch(page)
	if action == nil || csrf == nil {
		t.Fatalf("no consent page: %d %s", response.StatusCode, page)
	}
	approval := url.Values{"decision": {"approve"}, "csrf": {html.UnescapeString(string(csrf[1]))}}
	return consent{browser, issuer + html.UnescapeString(string(action[1])), approval}
}
