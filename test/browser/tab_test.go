package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The elements by which the pages are known.
const (
	atLogin   = "#password"
	atConsent = "#cancel_button"
	atBuyer   = "#landed"
	approve   = "#submit_button"
	decline   = "#cancel_button"
	alert     = "[role=alert]"
)

type action = chromedp.Action[chromedp.Void]

// tab is a tab of the browser.
type tab struct {
	ctx context.Context

	mu       sync.Mutex
	breaches []string // of a page's policy, and errors of scripts
}

func open(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	b := &tab{ctx: ctx}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// beside opens a second tab with the same cookies.
func (b *tab) beside(t *testing.T) *tab {
	t.Helper()
	return open(t, b.ctx)
}

// watch notes what the browser complains of.
func (b *tab) watch(event any) {
	var breach string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			breach = e.Entry.Text
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			breach = fmt.Sprintf("%s: %s %s", d.ContentSecurityPolicyViolationType, d.ViolatedDirective, d.BlockedURL)
		}
	case *runtime.EventExceptionThrown:
		breach = e.ExceptionDetails.Text
	}
	if breach == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breaches = append(b.breaches, breach)
}

func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.breaches...)
}

// run does what a user does, and gives up after a while.
func run[T any](t *testing.T, b *tab, what string, a chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 15*time.Second)
	defer cancel()
	result, err := chromedp.Run(ctx, a)
	if err != nil {
		after, cancel := context.WithTimeout(b.ctx, 5*time.Second)
		defer cancel()
		where, _ := chromedp.Run(after, chromedp.Location())
		shown, _ := chromedp.Run(after, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%s: %v\nat %s\n%s", what, err, where, shown)
	}
	return result
}

// move does what leads to another page and waits until that is there, with the
// mark in it.
func (b *tab) move(t *testing.T, what string, act action, mark string) {
	t.Helper()
	const born = "performance.timeOrigin"
	before := run(t, b, "looking at the page", chromedp.Evaluate[float64](born))
	arrived := fmt.Sprintf("%s != %v && document.readyState == 'complete' && document.querySelector(%q) != null", born, before, mark)
	run(t, b, what+" for "+mark, chromedp.Steps(act, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for {
			// An error is a page on its way out.
			if there, err := chromedp.Evaluate[bool](arrived)(ctx, target); err == nil && there {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})))
}

// visit opens the address and waits for the page's mark.
func (b *tab) visit(t *testing.T, address, mark string) {
	t.Helper()
	run(t, b, "opening "+address, chromedp.Steps(chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS(mark))))
}

// status opens the address and returns the HTTP status of the page.
func (b *tab) status(t *testing.T, address string) int64 {
	t.Helper()
	return run[*network.Response](t, b, "opening", chromedp.NavigateResponse(address)).Status
}

func (b *tab) reload(t *testing.T, mark string) {
	t.Helper()
	b.move(t, "reloading", chromedp.Reload(), mark)
}

// back is the browser's button. The page may be the one that the browser kept,
// so that nothing loads: NavigateBack would wait in vain.
func (b *tab) back(t *testing.T) {
	t.Helper()
	b.move(t, "going back", script("history.back()"), "body")
}

// script runs a script of the test's, whatever the page's policy.
func script(text string) action {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[*runtime.RemoteObject](text)(ctx, target)
		return chromedp.Void{}, err
	}
}

// press clicks on the element and waits for the mark of the page that follows.
func (b *tab) press(t *testing.T, element, mark string) {
	t.Helper()
	b.move(t, "pressing "+element, chromedp.Click(chromedp.CSS(element)), mark)
}

// logIn fills the login page.
func (b *tab) logIn(t *testing.T, user, password, mark string) {
	t.Helper()
	run(t, b, "filling the login page", chromedp.Steps(
		chromedp.Clear(chromedp.CSS("#username")),
		chromedp.SendKeys(chromedp.CSS("#username"), user),
		chromedp.SendKeys(chromedp.CSS("#password"), password)))
	b.press(t, "#submit_button", mark)
}

// text is what the user can read.
func (b *tab) text(t *testing.T) string {
	t.Helper()
	return run(t, b, "reading", chromedp.Evaluate[string]("document.body.innerText"))
}

func (b *tab) location(t *testing.T) string {
	t.Helper()
	return run(t, b, "looking at the address", chromedp.Location())
}

// answer is what the fragment brought to the Buyer's page.
func (b *tab) answer(t *testing.T) url.Values {
	t.Helper()
	_, fragment, _ := strings.Cut(b.location(t), "#")
	answer, err := url.ParseQuery(fragment)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// keys types on the keyboard, wherever the focus is.
func (b *tab) keys(t *testing.T, keys string) {
	t.Helper()
	run(t, b, "typing", chromedp.KeyEvent(keys))
}

// setFocus puts the focus where the keyboard finds it.
func (b *tab) setFocus(t *testing.T, id string) {
	t.Helper()
	run(t, b, "setting the focus", script("document.getElementById('"+id+"').focus()"))
}

// enter types what sends a form.
func (b *tab) enter(t *testing.T, keys, mark string) {
	t.Helper()
	b.move(t, "typing", chromedp.KeyEvent(keys), mark)
}

// focus is the id of the element that has the focus.
func (b *tab) focus(t *testing.T) string {
	t.Helper()
	return run(t, b, "looking for the focus", chromedp.Evaluate[string]("document.activeElement.id"))
}

// tabTo presses Tab until the element has the focus, and checks that the user
// can see where it is.
func (b *tab) tabTo(t *testing.T, id string) {
	t.Helper()
	for range 10 {
		if b.keys(t, kb.Tab); b.focus(t) == id {
			outline := run(t, b, "looking", chromedp.Evaluate[string]("getComputedStyle(document.activeElement).outlineStyle"))
			if outline == "none" {
				t.Errorf("nothing shows that %s has the focus", id)
			}
			return
		}
	}
	t.Fatalf("Tab does not lead to %s", id)
}

// withoutScript turns JavaScript off.
func (b *tab) withoutScript(t *testing.T) {
	t.Helper()
	params := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, params); err != nil {
		t.Fatal(err)
	}
}
