package browser

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/meflso/fosite-meflso/test/harness"
)

// scenarios are walks through the pages of any server.
var scenarios = []struct {
	name string
	walk func(t *testing.T, w *world)
}{
	{"approve", walkApprove},
	{"decline", walkDecline},
	{"reload", walkReload},
	{"two tabs", walkTwoTabs},
	{"back after the approval", walkBack},
	{"coming back late", walkLate},
	{"wrong password", walkWrongPassword},
	{"keyboard", walkKeyboard},
	{"keyboard, decline", walkKeyboardDecline},
	{"without script", walkWithoutScript},
	{"unsigned request", walkUnsigned},
}

func TestExample(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server, and a browser")
	}
	w := startExample(t)
	w.walkAll(t)
	t.Run("posted request", func(t *testing.T) { walkPosted(t, w) })
	t.Run("the watch sees a breach", func(t *testing.T) { checkWatch(t, w) })
}

func TestEmbedded(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a browser")
	}
	startEmbedded(t).walkAll(t)
}

func (w *world) walkAll(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.walk(t, w) })
	}
}

// fresh opens a tab with cookies of its own, and checks in the end that no
// page broke its own policy.
func (w *world) fresh(t *testing.T) *tab {
	t.Helper()
	b := w.chrome.fresh(t)
	b.expectPeace(t)
	return b
}

func (b *tab) expectPeace(t *testing.T) {
	t.Cleanup(func() {
		if got := b.complaints(); len(got) > 0 {
			t.Errorf("the browser complains:\n%s", strings.Join(got, "\n"))
		}
	})
}

// request makes the address of a new request for the intent.
func (w *world) request(intent string, changes ...harness.Change) string {
	return w.URL(w.buyer, w.buyer.Object(intent, changes...))
}

// ask lodges an intent and opens a request for it, up to the login page.
func (w *world) ask(t *testing.T) (b *tab, intent string) {
	t.Helper()
	b, intent = w.fresh(t), w.NewIntent(t, w.buyer, "once")
	b.visit(t, w.request(intent), atLogin)
	return b, intent
}

// consent goes on to the consent page.
func (w *world) consent(t *testing.T) (b *tab, intent string) {
	t.Helper()
	b, intent = w.ask(t)
	b.logIn(t, w.User, w.Password, atConsent)
	return b, intent
}

// checkCode wants an answer with a code that brings tokens.
func (w *world) checkCode(t *testing.T, answer url.Values) {
	t.Helper()
	if answer.Get("code") == "" || answer.Get("id_token") == "" || answer.Has("error") {
		t.Fatalf("the answer is %v", answer)
	}
	if r := w.Redeem(t, w.buyer, answer.Get("code")); r.Status != http.StatusOK {
		t.Errorf("the code brings %d %s", r.Status, r.Raw)
	}
}

func checkError(t *testing.T, answer url.Values, want string) {
	t.Helper()
	if answer.Get("error") != want || answer.Has("code") || answer.Has("id_token") {
		t.Errorf("the answer is %v, want the error %s", answer, want)
	}
}

func (w *world) checkState(t *testing.T, intent, want string) {
	t.Helper()
	if got := w.state(t, intent); got != want {
		t.Errorf("the intent is %q, want %q", got, want)
	}
}

// isOver is the reason where the handle leads to nothing.
const isOver = "is over or has expired"

// invalidRequest is the code as a word: invalid_request_object is another one.
var invalidRequest = regexp.MustCompile(`\binvalid_request\b`)

// checkErrorPage wants the server's own page with the error invalid_request and
// this reason, and nothing sent to the Buyer.
func (w *world) checkErrorPage(t *testing.T, b *tab, reason string) {
	t.Helper()
	text := b.text(t)
	if !strings.Contains(text, "Error") || !invalidRequest.MatchString(text) || !strings.Contains(text, reason) {
		t.Errorf("the error page does not say Error, invalid_request and %q:\n%s", reason, text)
	}
	if at := b.location(t); !strings.HasPrefix(at, w.Issuer+"/") {
		t.Errorf("the error is shown at %s", at)
	}
}

func walkApprove(t *testing.T, w *world) {
	b, intent := w.fresh(t), w.NewIntent(t, w.buyer, "once")
	b.visit(t, w.request(intent, harness.Set("state", "state of the walk")), atLogin)
	b.logIn(t, w.User, w.Password, atConsent)
	text := b.text(t)
	for _, want := range append([]string{intent}, w.shown...) {
		if !strings.Contains(text, want) {
			t.Errorf("the consent page does not show %q:\n%s", want, text)
		}
	}
	if strings.Contains(b.location(t), "request=") {
		t.Error("the request object is in the address of the consent page")
	}
	before := len(w.site.seen())
	b.press(t, approve, atBuyer)
	answer := b.answer(t)
	if answer.Get("state") != "state of the walk" {
		t.Errorf("the state is %q", answer.Get("state"))
	}
	if seen := w.site.seen(); len(seen) != before+1 || seen[before].uri != "/cb" || seen[before].referer != "" {
		t.Errorf("the Buyer's server was sent %v", seen[before:])
	}
	w.checkState(t, intent, "Authorized")
	w.checkCode(t, answer)
}

func walkDecline(t *testing.T, w *world) {
	b, intent := w.consent(t)
	b.press(t, decline, atBuyer)
	checkError(t, b.answer(t), "access_denied")
	w.checkState(t, intent, "Rejected")
}

func walkReload(t *testing.T, w *world) {
	b, intent := w.ask(t)
	b.reload(t, atLogin)
	b.logIn(t, w.User, w.Password, atConsent)
	for range 2 {
		b.reload(t, atConsent)
	}
	w.checkState(t, intent, "Pending")
	b.press(t, approve, atBuyer)
	w.checkCode(t, b.answer(t))
}

// walkTwoTabs: the intent is open in two tabs; the first decision counts.
func walkTwoTabs(t *testing.T, w *world) {
	one, intent := w.consent(t)
	two := one.beside(t)
	two.expectPeace(t)
	two.visit(t, w.request(intent), atConsent)
	two.press(t, approve, atBuyer)
	first := two.answer(t)
	one.press(t, approve, atBuyer)
	checkError(t, one.answer(t), "access_denied")
	w.checkState(t, intent, "Authorized")
	w.checkCode(t, first)
}

// walkBack: what was approved cannot be approved again by going back, not from
// the page that the browser kept and not from a new one.
func walkBack(t *testing.T, w *world) {
	b, _ := w.consent(t)
	pending := b.location(t)
	b.press(t, approve, atBuyer)
	answer := b.answer(t)
	b.back(t)
	if run(t, b, "looking for the form", chromedp.Evaluate[bool]("document.forms.length > 0")) {
		b.setFocus(t, "submit_button")
		b.enter(t, kb.Enter, "body")
	}
	w.checkErrorPage(t, b, isOver)
	if status := b.status(t, pending); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	w.checkErrorPage(t, b, isOver)
	w.checkCode(t, answer)
}

// walkLate: the handle of a request that is over, or never was.
func walkLate(t *testing.T, w *world) {
	b := w.fresh(t)
	if status := b.status(t, w.Authorize+"?pending=AAAAAAAAAAAAAAAAAAAAAAAAAA"); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	w.checkErrorPage(t, b, isOver)
}

func walkWrongPassword(t *testing.T, w *world) {
	b, _ := w.ask(t)
	for _, wrong := range []string{"wrong", w.Password + "x"} {
		b.logIn(t, w.User, wrong, alert+" ~ form "+atLogin)
	}
	b.logIn(t, w.User, w.Password, atConsent)
	b.press(t, approve, atBuyer)
	w.checkCode(t, b.answer(t))
}

// logInByKeyboard starts where the page has put the focus, or at the first
// element where it has put it nowhere.
func (w *world) logInByKeyboard(t *testing.T, b *tab) {
	t.Helper()
	if b.focus(t) != "username" {
		b.tabTo(t, "username")
	}
	b.keys(t, w.User)
	b.tabTo(t, "password")
	b.enter(t, w.Password+kb.Enter, atConsent)
}

func walkKeyboard(t *testing.T, w *world) {
	b, _ := w.ask(t)
	w.logInByKeyboard(t, b)
	b.tabTo(t, "submit_button")
	b.enter(t, kb.Enter, atBuyer)
	w.checkCode(t, b.answer(t))
}

func walkKeyboardDecline(t *testing.T, w *world) {
	b, intent := w.ask(t)
	w.logInByKeyboard(t, b)
	b.tabTo(t, "cancel_button")
	b.enter(t, " ", atBuyer)
	checkError(t, b.answer(t), "access_denied")
	w.checkState(t, intent, "Rejected")
}

func walkWithoutScript(t *testing.T, w *world) {
	b, intent := w.fresh(t), w.NewIntent(t, w.buyer, "once")
	b.withoutScript(t)
	b.visit(t, w.request(intent), atLogin)
	b.logIn(t, w.User, "wrong", alert)
	b.logIn(t, w.User, w.Password, atConsent)
	b.press(t, approve, atBuyer)
	w.checkCode(t, b.answer(t))
	if title := run(t, b, "reading the title", chromedp.Title()); title != "Buyer" {
		t.Errorf("scripts were on: the Buyer's page is called %q", title)
	}
}

// walkUnsigned: parameters that nobody signed are not to be trusted, their
// redirect_uri neither.
func walkUnsigned(t *testing.T, w *world) {
	b := w.fresh(t)
	address := w.URL(w.buyer, "", "response_type", "code id_token", "redirect_uri", w.buyer.Redirect, "scope", "openid quote", "state", "x", "nonce", "y")
	if status := b.status(t, address); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	w.checkErrorPage(t, b, "no request object")
}

// walkPosted: a Buyer's form may bring the request; the login is found all the
// same, though the cookie does not come with a post from elsewhere.
func walkPosted(t *testing.T, w *world) {
	b, _ := w.consent(t)
	intent := w.NewIntent(t, w.buyer, "once")
	redirect, err := url.Parse(w.buyer.Redirect)
	must(t, err)
	start := redirect.ResolveReference(&url.URL{Path: "/start", RawQuery: url.Values{
		"to": {w.Authorize}, "client_id": {w.buyer.ID}, "request": {w.buyer.Object(intent)},
	}.Encode()})
	b.visit(t, start.String(), "#go")
	b.press(t, "#go", atConsent)
	if !strings.Contains(b.text(t), intent) {
		t.Error("the consent page is of another intent")
	}
	b.press(t, approve, atBuyer)
	w.checkCode(t, b.answer(t))
}

// checkWatch: a page whose policy forbids its own script is noticed.
func checkWatch(t *testing.T, w *world) {
	b := w.chrome.fresh(t)
	b.visit(t, "https://"+w.buyer.ID+".example.org/careless", "#careless")
	if len(b.complaints()) == 0 {
		t.Error("a breach of the policy went unnoticed")
	}
}
