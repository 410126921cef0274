package intent_test

import (
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
)

// member is a client of a trust domain that acts for another.
func member(id, domain, actsFor string) *storage.Client {
	return &storage.Client{ID: id, ClientMetadata: storage.ClientMetadata{TrustDomain: domain, ActsFor: actsFor}}
}

// Whose intent is whose (MEF W128 R27, R58).
func TestBelongs(t *testing.T) {
	for _, c := range []struct {
		name          string
		owner, client *storage.Client
		want          bool
	}{
		{"MEF-R27/its own", member("a", "td", ""), member("a", "td", ""), true},
		{"MEF-R27/its own, of no domain", member("a", "", ""), member("a", "", ""), true},
		{"MEF-R27/its own, acting for another", member("a", "td", "b"), member("a", "td", "b"), true},
		{"MEF-R58/its own, of before it moved", member("a", "td", ""), member("a", "other", ""), false},
		{"MEF-R58/delegate", member("a", "td", ""), member("b", "td", "a"), true},
		{"MEF-R58/no delegate", member("a", "td", ""), member("b", "td", ""), false},
		{"MEF-R58/delegate of another", member("a", "td", ""), member("b", "td", "c"), false},
		{"MEF-R58/delegate of another domain", member("a", "td", ""), member("b", "other", "a"), false},
		{"MEF-R58/delegate of no domain", member("a", "td", ""), member("b", "", "a"), false},
		{"MEF-R58/delegator of no domain", member("a", "", ""), member("b", "td", "a"), false},
		{"MEF-R58/neither of a domain", member("a", "", ""), member("b", "", "a"), false},
		{"MEF-R58/delegator", member("b", "td", "a"), member("a", "td", ""), false},
		{"MEF-R58/delegates of each other", member("a", "td", "b"), member("b", "td", "a"), false},
		{"MEF-R58/delegate of a delegate", member("b", "td", "a"), member("c", "td", "b"), false},
		{"MEF-R58/intent of nobody", member("", "td", ""), member("b", "td", ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			in, err := d.Create(t.Context(), c.owner, storage.IntentOnce, details)
			if err != nil {
				t.Fatal(err)
			}
			if got := intent.Belongs(d.get(t, in.ID), c.client, c.client.LSOMetadata()); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			_, owned := d.Owned(t.Context(), c.client, in.ID)
			_, authorizable := d.Authorizable(t.Context(), c.client, in.ID)
			if c.want {
				if owned != nil || authorizable != nil {
					t.Errorf("got %v, %v", owned, authorizable)
				}
				return
			}
			wantOAuth(t, owned, "MEF-R27", "invalid_request")
			wantOAuth(t, authorizable, "MEF-R27", "invalid_request")
		})
	}
}

// A delegate of a delegate does not reach what the first one lodged.
func TestDelegationIsOneStep(t *testing.T) {
	t.Run("MEF-R58/delegate of a delegate", func(t *testing.T) {
		d := newDesk(t)
		in, err := d.Create(t.Context(), member("a", "td", ""), storage.IntentOnce, details)
		if err != nil || in.Delegated {
			t.Fatalf("got %+v, %v", in, err)
		}
		if _, err := d.Owned(t.Context(), member("b", "td", "a"), in.ID); err != nil {
			t.Errorf("the delegate: %v", err)
		}
		_, err = d.Owned(t.Context(), member("c", "td", "b"), in.ID)
		wantOAuth(t, err, "MEF-R27", "invalid_request")
	})
}

// Of a client and its delegate who authorize one intent at the same time, one
// does.
func TestDelegateRace(t *testing.T) {
	t.Run("MEF-R58/authorized once", func(t *testing.T) {
		d := newDesk(t)
		d.Audit = &locked{sink: d}
		owner, delegate := member("a", "td", ""), member("b", "td", "a")
		in, err := d.Create(t.Context(), owner, storage.IntentOnce, details)
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan error)
		until := d.now.Add(time.Minute)
		for _, client := range []*storage.Client{owner, delegate} {
			read, err := d.Authorizable(t.Context(), client, in.ID)
			if err != nil {
				t.Fatal(err)
			}
			go func() { results <- d.Authorize(t.Context(), read, "request of "+client.ID, until) }()
		}
		if one, two := <-results, <-results; (one == nil) == (two == nil) {
			t.Errorf("got %v and %v, want one winner", one, two)
		}
		after, redeemable := d.get(t, in.ID), 0
		for _, client := range []string{"a", "b"} {
			if _, err := d.Redeemable(t.Context(), in.ID, "request of "+client); err == nil {
				redeemable++
			}
		}
		if after.State != storage.IntentAuthorized || after.Version != 1 || after.ClientID != "a" || redeemable != 1 {
			t.Errorf("got %+v, redeemable by %d", after, redeemable)
		}
	})
}
