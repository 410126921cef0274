package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// pair is a client with another that acts for it.
type pair struct {
	*harness.Host
	owner, delegate *harness.Buyer
}

var inDomain = harness.Set("trust_domain", "buyer.example")

func startPair(t *testing.T) *pair {
	t.Helper()
	h, owner := start(t, profile.MEFLSO())
	p := &pair{h, owner, harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)}
	h.Register(t, owner, inDomain)
	p.delegated(t, inDomain)
	return p
}

// delegated stores the delegate with a delegation, its metadata changed.
func (p *pair) delegated(t *testing.T, changes ...harness.Change) {
	t.Helper()
	p.Register(t, p.delegate, append([]harness.Change{harness.Set("acts_for", p.owner.ID)}, changes...)...)
}

// asked is the answer to the client's request to authorize the intent.
func (p *pair) asked(t *testing.T, by *harness.Buyer, intent string) harness.Answer {
	t.Helper()
	return p.Approve(t, p.URL(by, by.Object(intent)))
}

// authorized is the code for the owner's intent that the client got.
func (p *pair) authorized(t *testing.T, by *harness.Buyer, intent string) string {
	t.Helper()
	code := p.asked(t, by, intent).Params.Get("code")
	if code == "" {
		t.Fatal("no code")
	}
	return code
}

func (p *pair) refresh(t *testing.T, by *harness.Buyer, tokens harness.Response) harness.Response {
	t.Helper()
	token, _ := tokens.Body["refresh_token"].(string)
	return p.Post(t, p.Token, by.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
}

func (p *pair) active(t *testing.T, by *harness.Buyer, tokens harness.Response) bool {
	t.Helper()
	token, _ := tokens.Body["access_token"].(string)
	return p.Post(t, p.Introspect, by.Authenticated(url.Values{"token": {token}})).Body["active"] == true
}

// writes is how an API answers that is asked to change something.
func (p *pair) writes(t *testing.T, tokens harness.Response) int {
	t.Helper()
	api := p.Provider.ResourceGuard().Protect(resource.Operation{Scope: "quote"}, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNoContent)
	}))
	target := harness.Target{HTTP: &http.Client{Transport: harness.Direct{Handler: api}}}
	token, _ := tokens.Body["access_token"].(string)
	return target.Send(t, http.MethodPost, "https://api.example.com/quote-submissions", token, harness.Claims{}).Status
}

// A delegate authorizes the intent of the client that it acts for, and has the
// code and the tokens; withdrawing the intent takes them.
func TestDelegate(t *testing.T) {
	t.Run("MEF-R58/delegate", func(t *testing.T) {
		p := startPair(t)
		intent := p.NewIntent(t, p.owner, "repeated")
		first := p.Redeem(t, p.delegate, p.authorized(t, p.delegate, intent))
		if issued := p.Events.Last(audit.TokenIssue); first.Status != 200 || issued.Client != p.delegate.ID || issued.Intent != intent {
			t.Errorf("%s, recorded %+v", first.Raw, issued)
		}
		if changed := p.Events.Last(audit.IntentChange); changed.Client != p.owner.ID || changed.Intent != intent {
			t.Errorf("recorded %+v", changed)
		}
		second := p.refresh(t, p.delegate, first)
		if !p.active(t, p.delegate, second) || p.active(t, p.owner, second) {
			t.Errorf("%s, active for the wrong client", second.Raw)
		}
		denied(t, p.asked(t, p.owner, intent), "access_denied") // it is taken
		if err := p.Provider.Intents.Revoke(t.Context(), intent); err != nil {
			t.Fatal(err)
		}
		if p.active(t, p.delegate, second) {
			t.Error("the delegate's token outlives the intent")
		}
		refused(t, p.refresh(t, p.delegate, second), http.StatusBadRequest, "invalid_grant")
	})
}

// No code and no token is handed over, whoever acts for whom.
func TestDelegateGetsNoTokens(t *testing.T) {
	for name, of := range map[string]func(*pair) (holder, other *harness.Buyer){
		"MEF-R58/the delegator's": func(p *pair) (*harness.Buyer, *harness.Buyer) { return p.owner, p.delegate },
		"MEF-R58/the delegate's":  func(p *pair) (*harness.Buyer, *harness.Buyer) { return p.delegate, p.owner },
	} {
		t.Run(name, func(t *testing.T) {
			p := startPair(t)
			holder, other := of(p)
			code := p.authorized(t, holder, p.NewIntent(t, p.owner, "repeated"))
			refused(t, p.Redeem(t, other, code, "redirect_uri", holder.Redirect), http.StatusBadRequest, "invalid_grant")
			refused(t, p.Redeem(t, other, code), http.StatusBadRequest, "invalid_grant")
			tokens := p.Redeem(t, holder, code)
			refused(t, p.refresh(t, other, tokens), http.StatusBadRequest, "invalid_grant")
			p.Post(t, p.Revoke, other.Authenticated(url.Values{"token": {tokens.Body["access_token"].(string)}}))
			if p.active(t, other, tokens) || !p.active(t, holder, tokens) {
				t.Error("the other client reads or revokes the token")
			}
			if again := p.refresh(t, holder, tokens); again.Status != http.StatusOK {
				t.Errorf("the holder's own refresh: %s", again.Raw)
			}
		})
	}
}

// Without a delegation, or from another trust domain, the intent does not exist.
func TestNoDelegate(t *testing.T) {
	for name, changes := range map[string][]harness.Change{
		"MEF-R58/another trust domain": {harness.Set("trust_domain", "other.example")},
		"MEF-R58/no trust domain":      {},
		"MEF-R58/no delegation":        {inDomain, harness.Set("acts_for", nil)},
		"MEF-R58/delegate of another":  {inDomain, harness.Set("acts_for", "buyer-c")},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPair(t)
			p.delegated(t, changes...)
			intent := p.NewIntent(t, p.owner, "once")
			denied(t, p.asked(t, p.delegate, intent), "invalid_request")
			if state(t, p.Host, intent) != "Pending" {
				t.Errorf("the intent is %s", state(t, p.Host, intent))
			}
		})
	}
}

// Who does not act for the other any more redeems and refreshes nothing.
func TestDelegationEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, p *pair){
		"MEF-R58/delegation ended":    func(t *testing.T, p *pair) { p.delegated(t, inDomain, harness.Set("acts_for", nil)) },
		"MEF-R58/trust domain moved":  func(t *testing.T, p *pair) { p.delegated(t, harness.Set("trust_domain", "other.example")) },
		"MEF-R58/delegator suspended": func(t *testing.T, p *pair) { p.Register(t, p.owner, inDomain, harness.Set("suspended", true)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := startPair(t)
			code := p.authorized(t, p.delegate, p.NewIntent(t, p.owner, "repeated"))
			tokens := p.Redeem(t, p.delegate, p.authorized(t, p.delegate, p.NewIntent(t, p.owner, "repeated")))
			if got := p.writes(t, tokens); got != http.StatusNoContent {
				t.Errorf("the delegate writes: %d", got)
			}
			open := p.NewIntent(t, p.owner, "once")
			end(t, p)
			if got := p.writes(t, tokens); got != http.StatusForbidden {
				t.Errorf("the delegate writes with a token of before: %d", got)
			}
			denied(t, p.asked(t, p.delegate, open), "invalid_request")
			refused(t, p.Redeem(t, p.delegate, code), http.StatusBadRequest, "invalid_grant")
			refused(t, p.refresh(t, p.delegate, tokens), http.StatusBadRequest, "invalid_grant")
			if rule := p.Events.Last(audit.TokenIssue).Rule; rule != "MEF-R58" {
				t.Errorf("refused by %s", rule)
			}
		})
	}
}
