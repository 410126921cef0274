package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// begin lodges a quote of the party and begins its authorization.
func (w *world) begin(ctx context.Context, p *party) (string, *relyingparty.Login, error) {
	quote, err := p.buyer.Ask(ctx, order)
	if err != nil {
		return "", nil, err
	}
	return p.buyer.Authorize(ctx, quote.ID)
}

// swappedCode: an attacker puts a code of its own into the answer to a victim,
// so that the victim's Buyer works with what the attacker approved.
func (w *world) swappedCode(ctx context.Context) error {
	w.heading("Attack 1: a swapped code")
	link, login, err := w.begin(ctx, w.buyer)
	if err != nil {
		return err
	}
	answer, err := w.approve(ctx, w.buyer, link, "alice", false)
	if err != nil {
		return err
	}
	link, _, err = w.begin(ctx, w.buyer)
	if err != nil {
		return err
	}
	attackers, err := w.approve(ctx, w.buyer, link, "bob", false)
	if err != nil {
		return err
	}
	w.say("alice approves a quote; bob, who attacks, another one at the same Buyer.")
	w.say("bob slips his code %s into alice's answer, in place of %s", short(attackers.Get("code")), short(answer.Get("code")))
	answer.Set("code", attackers.Get("code"))

	before := w.buyer.wire.requests.Load()
	_, err = w.buyer.buyer.Return(ctx, login, w.buyer.redirect, answer)
	var abort *relyingparty.Abort
	if !errors.As(err, &abort) || abort.Reason != relyingparty.ReasonCodeHash {
		return unexpected("attack 1: no abort for c_hash", err)
	}
	w.ok("the Buyer aborts: %v", abort)
	return w.expect(w.buyer.wire.requests.Load() == before, "it made no token request")
}

// tamperedRequest: the user, or somebody in the browser, changes what is asked
// for on its way.
func (w *world) tamperedRequest(ctx context.Context) error {
	w.heading("Attack 2: a request object that was changed on its way")
	link, _, err := w.begin(ctx, w.buyer)
	if err != nil {
		return err
	}
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	query := u.Query()
	parts := strings.Split(query.Get("request"), ".")
	const asked, wanted = `"scope":"openid POST:/quote-submissions GET:/quote-submissions"`, `"scope":"openid quote"`
	payload := strings.Replace(string(decode(parts[1])), asked, wanted, 1)
	if !strings.Contains(payload, wanted) {
		return errors.New("attack 2: the request object has no such scope")
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(payload))
	query.Set("request", strings.Join(parts, "."))
	u.RawQuery = query.Encode()
	w.say("Somebody widens the scope in the payload and leaves the signature.")

	b := newBrowser(w.server.transport(), w.buyer.redirect)
	defer b.client.CloseIdleConnections()
	shown, err := b.open(ctx, u.String())
	if err != nil {
		return err
	}
	if shown.fragment != nil || shown.status != http.StatusBadRequest || !strings.Contains(shown.text(), "invalid_request_object") {
		return fmt.Errorf("attack 2: want an error page, got status %d, %v", shown.status, shown.fragment)
	}
	w.ok("the Seller shows an error page with invalid_request_object and redirects nowhere")
	return nil
}

// foreignIntent: a client asks a user to approve the quote of another client.
func (w *world) foreignIntent(ctx context.Context) error {
	w.heading("Attack 3: the intent of another client")
	quote, err := w.other.buyer.Ask(ctx, order)
	if err != nil {
		return err
	}
	w.say("%s lodged a quote; %s asks a user to approve that one.", w.other.id, w.buyer.id)
	link, login, err := w.buyer.buyer.Authorize(ctx, quote.ID)
	if err != nil {
		return err
	}
	b := newBrowser(w.server.transport(), w.buyer.redirect)
	defer b.client.CloseIdleConnections()
	shown, err := b.open(ctx, link)
	if err != nil {
		return err
	}
	if shown.fragment.Get("error") != "invalid_request" {
		return fmt.Errorf("attack 3: want invalid_request in the fragment, got status %d, %v", shown.status, shown.fragment)
	}
	w.ok("the Seller answers in the fragment, before any login: error = invalid_request")
	before := w.buyer.wire.requests.Load()
	_, err = w.buyer.buyer.Return(ctx, login, w.buyer.redirect, shown.fragment)
	var refusal *relyingparty.OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_request" {
		return unexpected("attack 3: the Seller's error is not reported", err)
	}
	w.ok("the Buyer reports it: %v", refusal)
	return w.expect(w.buyer.wire.requests.Load() == before, "it made no token request")
}
