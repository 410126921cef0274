package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// directory is a server that knows a registry, at a time of its own.
type directory struct {
	*harness.Host
	Registry *harness.Registry
	late     atomic.Int64 // seconds that the server's clock is ahead
}

func startDirectory(t *testing.T, p profile.Profile, changes ...func(*compose.Config)) *directory {
	t.Helper()
	d := &directory{Registry: harness.StartRegistry(t)}
	d.Registry.Now = d.now
	d.Registry.PublishStatus(t)
	store := memory.New(memory.Config{NewSession: harness.NewSession, Clock: d.now})
	d.Host = harness.StartDirect(t, p, store, func(c *compose.Config) {
		d.Registry.Trust(c)
		c.Clock = d.now
		for _, change := range changes {
			change(c)
		}
	})
	return d
}

func (d *directory) now() time.Time {
	return time.Now().Add(time.Duration(d.late.Load()) * time.Second)
}

// call asks an API behind the guard for the quote.
func (d *directory) call(t *testing.T, token string) harness.Response {
	t.Helper()
	api := d.Provider.ResourceGuard().Protect(resource.Operation{Scope: "quote", OwnBehalf: true}, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNoContent)
	}))
	target := harness.Target{HTTP: &http.Client{Transport: harness.Direct{Handler: api}}}
	return target.Send(t, http.MethodGet, "https://api.example.com/quote", token, nil)
}

// accessToken gets the buyer a token of its own.
func (d *directory) accessToken(t *testing.T, b *harness.Buyer) string {
	t.Helper()
	answer := d.Post(t, d.Token, b.Authenticated(ownBehalf("quote")))
	token, _ := answer.Body["access_token"].(string)
	if token == "" {
		t.Fatalf("no token: %d %s", answer.Status, answer.Raw)
	}
	return token
}

// wantShut: every door says no, each in its way, and nothing else happens.
func (d *directory) wantShut(t *testing.T, b *harness.Buyer, intent, token, why string) {
	t.Helper()
	for name, answer := range map[string]harness.Response{
		"token": d.Post(t, d.Token, b.Authenticated(ownBehalf("quote"))),
		"par":   d.Post(t, d.PAR, b.Authenticated(map[string][]string{"request": {b.Object(intent)}})),
	} {
		if answer.Status != http.StatusUnauthorized || answer.Body["error"] != "invalid_client" || !strings.Contains(answer.Raw, why) {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	page := d.Approve(t, d.URL(b, b.Object(intent)))
	if page.Status != http.StatusBadRequest || page.Location != nil || !strings.Contains(page.Body, "unauthorized_client") {
		t.Errorf("authorize: %d %v", page.Status, page.Params)
	}
	unknown := *b
	unknown.ID = d.Registry.DID(t, "nobody")
	if other := d.Approve(t, d.URL(&unknown, b.Object(intent))); other.Body != page.Body {
		t.Errorf("an unknown client is told something else: %s", other.Body)
	}
	if api := d.call(t, token); api.Status != http.StatusUnauthorized || !strings.Contains(api.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("resource: %d %v", api.Status, api.Header)
	}
	if state(t, d.Host, intent) != "Pending" {
		t.Errorf("the intent is %s", state(t, d.Host, intent))
	}
}

func TestRegisteredClient(t *testing.T) {
	t.Run("MEF-R4/MEF-R8/MEF-D4/a client with a credential, until that is revoked", func(t *testing.T) {
		d := startDirectory(t, profile.MEFLSO())
		a := d.Registry.NewApplicant(t, "tpp", d.Issuer)
		answer := d.Registry.Registered(t, &d.Target, a)
		want(t, answer.Body, harness.Claims{"client_id": a.ID, "legal_entity_name": "Buyer Inc.", "trust_domain": "buyer.example"})

		tokens := d.Redeem(t, a.Buyer, d.Approve(t, d.URL(a.Buyer, a.Object(d.NewIntent(t, a.Buyer, "once")))).Params.Get("code"))
		if tokens.Status != http.StatusOK {
			t.Fatalf("tokens: %s", tokens.Raw)
		}
		intent, token := d.NewIntent(t, a.Buyer, "once"), d.accessToken(t, a.Buyer)
		if api := d.call(t, token); api.Status != http.StatusNoContent {
			t.Fatalf("resource: %d %s", api.Status, api.Raw)
		}

		d.Registry.Revoke(t, a.Index, true)
		d.late.Add(2)
		d.wantShut(t, a.Buyer, intent, token, "")
		suspended := d.Events.Count(func(e audit.Event) bool {
			return e.Action == audit.Registration && e.Detail == "suspend" && e.Client == a.ID && e.Outcome == audit.Granted
		})
		if suspended != 1 {
			t.Errorf("%d events of a suspension", suspended)
		}
		// It lasts, also if the registry takes it back.
		d.Registry.Revoke(t, a.Index, false)
		d.late.Add(3600)
		d.wantShut(t, a.Buyer, intent, token, "")
	})
}
