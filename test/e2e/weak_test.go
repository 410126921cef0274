package e2e

import (
	"context"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// A Seller with old partners may allow RS256; each use is an audit event.
func TestRS256IsRecorded(t *testing.T) {
	p := profile.MEFLSO()
	p.AllowRS256 = true
	h := harness.StartHost(t, p, nil, nil)
	b := harness.NewBuyer(t, "buyer-a", "RS256", h.Issuer)
	h.Register(t, b)
	answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
	if e := h.Events.Last(audit.WeakAlgorithm); e.Client != b.ID || e.Detail != "request object" {
		t.Errorf("the event is %+v, the answer %v", e, answer.Params)
	}
	if r := h.Redeem(t, b, answer.Params.Get("code")); r.Status != 200 {
		t.Fatal(r.Raw)
	}
	if e := h.Events.Last(audit.WeakAlgorithm); e.Client != b.ID || e.Detail != "client assertion" {
		t.Errorf("the event is %+v", e)
	}
	strong := harness.NewBuyer(t, "buyer-b", "ES256", h.Issuer)
	h.Register(t, strong)
	h.Post(t, h.Token, strong.Authenticated(ownBehalf("quote")))
	if e := h.Events.Last(audit.WeakAlgorithm); e.Client != b.ID {
		t.Errorf("ES256 was recorded: %+v", e)
	}
}

// competing is a store that lost against another transaction.
type competing struct {
	*memory.Store
	lose bool
}

func (c *competing) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	if c.lose {
		return fosite.ErrSerializationFailure
	}
	return c.Store.CreateAccessTokenSession(ctx, signature, r)
}

// A database that is busy is no fault of the code: the client is told to come
// back, and the code is good then.
func TestBusyStorageDoesNotCondemnTheCode(t *testing.T) {
	store := &competing{Store: memory.New(memory.Config{NewSession: harness.NewSession})}
	h := harness.StartHost(t, profile.MEFLSO(), store, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	code, _ := code(t, h, b, "once")
	store.lose = true
	refused(t, h.Redeem(t, b, code), 503, "temporarily_unavailable")
	store.lose = false
	if r := h.Redeem(t, b, code); r.Status != 200 {
		t.Errorf("afterwards: %s", r.Raw)
	}
}
