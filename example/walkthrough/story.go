package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/meflso/fosite-meflso/example/buyer"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// story is the five steps of MEF W128 §7.3 and §10.
func (w *world) story(ctx context.Context) error {
	token, err := w.ownToken(ctx)
	if err != nil {
		return fmt.Errorf("step 1: %w", err)
	}
	quote, err := w.lodge(ctx, token)
	if err != nil {
		return fmt.Errorf("step 2: %w", err)
	}
	login, fragment, err := w.consent(ctx, quote)
	if err != nil {
		return fmt.Errorf("step 3: %w", err)
	}
	tokens, err := w.exchange(ctx, login, fragment)
	if err != nil {
		return fmt.Errorf("step 4: %w", err)
	}
	if err := w.submit(ctx, tokens); err != nil {
		return fmt.Errorf("step 5: %w", err)
	}
	return nil
}

func (w *world) ownToken(ctx context.Context) (string, error) {
	w.next("the Buyer's client gets a token of its own")
	w.say("POST %s", w.buyer.metadata.TokenEndpoint)
	w.say("grant_type=client_credentials, scope=POST:/quote GET:/quote, authenticated by private_key_jwt")
	tokens, err := w.buyer.buyer.Client.ClientCredentials(ctx, []string{"POST:/quote", "GET:/quote"})
	if err != nil {
		return "", err
	}
	w.jwt("client_assertion", w.buyer.wire.lastAssertion())
	w.say("access token %s, scope %q", short(tokens.AccessToken), strings.Join(tokens.Scopes, " "))
	w.ok("token_type is Bearer, and no more scopes than asked for")
	return tokens.AccessToken, nil
}

func (w *world) lodge(ctx context.Context, token string) (*buyer.Quote, error) {
	w.next("it asks the Seller for a quote, which becomes the intent")
	w.say("POST %s/quote", w.server.api)
	quote, err := w.buyer.buyer.API.CreateQuote(ctx, token, order)
	if err != nil {
		return nil, err
	}
	w.body("Data of the answer", quote.Data)
	w.ok("x-fapi-interaction-id came back as it was sent")
	return quote, w.expect(quote.Status == "Pending", "the quote is Pending: nobody approved it yet")
}

// order is what the user will see before approving.
var order = map[string]any{
	"Product": "Access E-Line, 1 Gbit/s", "Purpose": "Connect the branch in Springfield", "Price": "480 EUR per month",
}

// expect is a check of the walkthrough's own.
func (w *world) expect(held bool, what string) error {
	if !held {
		return errors.New("this does not hold: " + what)
	}
	w.ok("%s", what)
	return nil
}

// unexpected tells what happened in place of the error that should have come.
func unexpected(what string, err error) error {
	if err == nil {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (w *world) consent(ctx context.Context, quote *buyer.Quote) (*relyingparty.Login, url.Values, error) {
	w.next("the user approves it at the Seller")
	link, login, err := w.buyer.buyer.Authorize(ctx, quote.ID)
	if err != nil {
		return nil, nil, err
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, nil, err
	}
	object := u.Query().Get("request")
	w.say("The browser is sent to %s://%s%s with", u.Scheme, u.Host, u.Path)
	for _, name := range []string{"client_id", "response_type", "scope"} {
		w.say("    %-13s = %s", name, u.Query().Get(name))
	}
	w.say("    %-13s = %s", "request", short(object))
	w.jwt("request object", object)
	fragment, err := w.approve(ctx, w.buyer, link, "alice", true)
	return login, fragment, err
}

// approve plays a user with a browser of its own, who logs in and approves.
func (w *world) approve(ctx context.Context, client *party, link, user string, aloud bool) (url.Values, error) {
	b := newBrowser(w.server.transport(), client.redirect)
	defer b.client.CloseIdleConnections()
	shown, err := b.open(ctx, link)
	if err != nil {
		return nil, err
	}
	if shown.root == nil || !shown.has("username") {
		return nil, fmt.Errorf("no login page: status %d, %v", shown.status, shown.fragment)
	}
	shown, err = b.press(ctx, shown, "submit_button", map[string]string{"username": user, "password": user})
	if err != nil {
		return nil, err
	}
	if shown.root == nil || !shown.has("cancel_button") {
		return nil, fmt.Errorf("no consent page: status %d, %v", shown.status, shown.fragment)
	}
	if aloud {
		w.say("%s logs in with a password.", user)
		if err := w.readConsent(shown); err != nil {
			return nil, err
		}
	}
	shown, err = b.press(ctx, shown, "submit_button", nil)
	if err != nil {
		return nil, err
	}
	if shown.fragment == nil {
		return nil, fmt.Errorf("no answer at the redirect URI: status %d, %.300s", shown.status, shown.text())
	}
	return shown.fragment, nil
}

func (w *world) readConsent(shown *page) error {
	text := shown.text()
	for _, want := range []struct{ text, what string }{
		{w.buyer.name + " Inc.", "the consent page names the Buyer's legal entity"},
		{order["Purpose"].(string), "it says what the quote is for"},
		{order["Price"].(string), "and what it costs"},
	} {
		if err := w.expect(strings.Contains(text, want.text), want.what+": "+want.text); err != nil {
			return err
		}
	}
	w.say("alice presses Approve.")
	return nil
}

func (w *world) exchange(ctx context.Context, login *relyingparty.Login, fragment url.Values) (*relyingparty.Tokens, error) {
	w.next("the Buyer checks the answer, then exchanges the code")
	w.say("The browser comes back to %s#...", w.buyer.redirect)
	w.say("    code = %s, id_token = %s, state, iss", short(fragment.Get("code")), short(fragment.Get("id_token")))
	w.jwt("ID Token, the detached signature", fragment.Get("id_token"))
	before := w.buyer.wire.requests.Load()
	detached, err := w.buyer.buyer.Client.Finish(ctx, login, w.buyer.redirect, fragment, relyingparty.Fragment)
	if err != nil {
		return nil, err
	}
	for _, check := range detachedChecks {
		w.ok("%s", check)
	}
	if err := w.expect(w.buyer.wire.requests.Load() == before, "no token request was made so far"); err != nil {
		return nil, err
	}
	w.blank()
	w.say("POST %s with grant_type=authorization_code", w.buyer.metadata.TokenEndpoint)
	tokens, err := w.buyer.buyer.Client.Exchange(ctx, detached)
	if err != nil {
		return nil, err
	}
	w.jwt("ID Token from the token endpoint", tokens.IDToken)
	w.say("access token %s, scope %q", short(tokens.AccessToken), strings.Join(tokens.Scopes, " "))
	for _, check := range tokenChecks {
		w.ok("%s", check)
	}
	return tokens, nil
}

// detachedChecks are what Finish has checked when it returns without error.
var detachedChecks = []string{
	"redirect_uri  the answer came to the URI that the login was begun with",
	"delivery      in the fragment, not in the query",
	"state         is that of this browser's login, which is spent now",
	"code          and id_token are there once, and no access token is",
	"alg           is the registered one",
	"kid           names a key in the Seller's JWK Set",
	"signature     verifies with it",
	"iss           is the Seller, in the ID Token and beside it",
	"aud, azp      name this client",
	"exp, iat      are of now",
	"nonce         is that of the login",
	"c_hash        belongs to the code",
	"s_hash        belongs to the state",
	"intent        is the quote that the user was sent to approve",
	"acr           is the one that was insisted on",
	"auth_time     is not older than max_age",
	"sub           is there",
}

var tokenChecks = []string{
	"the ID Token is signed by the Seller for this client and login",
	"sub, nonce, acr and intent are those of the first ID Token",
	"at_hash belongs to the access token",
	"no more scopes than asked for",
}

func (w *world) submit(ctx context.Context, tokens *relyingparty.Tokens) error {
	w.next("the Buyer submits the quote")
	w.say("POST %s/quote-submissions, QuoteId = the intent in the ID Token", w.server.api)
	submission, err := w.buyer.buyer.Submit(ctx, tokens, map[string]any{"Remark": "as agreed"})
	if err != nil {
		return err
	}
	w.ok("201: submission %s is %s", submission.ID, submission.Status)
	w.say("GET %s/quote-submissions/%s", w.server.api, submission.ID)
	read, err := w.buyer.buyer.API.Submission(ctx, tokens.AccessToken, submission.ID)
	if err != nil {
		return err
	}
	w.body("Data of the answer", read.Data)
	if err := w.expect(read.QuoteID == tokens.IntentID, "it is the submission of this quote"); err != nil {
		return err
	}
	w.say("The same token tries to submit the quote again.")
	_, err = w.buyer.buyer.Submit(ctx, tokens, map[string]any{"Remark": "once more"})
	var refusal *buyer.Error
	if !errors.As(err, &refusal) {
		return unexpected("the second submission was not refused", err)
	}
	return w.expect(refusal.Status == http.StatusForbidden,
		fmt.Sprintf("refused with %d %s: one approval, one submission", refusal.Status, refusal.Code))
}
