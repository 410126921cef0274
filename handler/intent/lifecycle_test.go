package intent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
)

const request = "request-1"

// authorize takes the intent to Authorized; its code lives a minute.
func (d *desk) authorize(t testing.TB, id string) {
	t.Helper()
	if err := d.Authorize(t.Context(), d.get(t, id), request, d.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) exchange(t testing.TB, id string) {
	t.Helper()
	in, err := d.Redeemable(t.Context(), id, request)
	if err == nil {
		err = d.Exchange(t.Context(), in)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// in makes an intent and takes it as far as the state says.
func (d *desk) in(t testing.TB, kind storage.IntentKind, state string) string {
	t.Helper()
	id := d.create(t, kind).ID
	if state == "pending" {
		return id
	}
	if state == "rejected" {
		if err := d.Reject(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	d.authorize(t, id)
	if state == "authorized" {
		return id
	}
	d.exchange(t, id)
	var err error
	switch state {
	case "consumed":
		err = d.Consume(t.Context(), id, request)
	case "revoked":
		err = d.Revoke(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// In which state which step is possible (MEF W128 §7.3).
func TestStates(t *testing.T) {
	type want struct{ authorizable, redeemable, refreshable, usable bool }
	for _, c := range []struct {
		kind  storage.IntentKind
		state string
		after time.Duration
		shown string
		want  want
	}{
		{storage.IntentOnce, "pending", 0, "Pending", want{authorizable: true}},
		{storage.IntentOnce, "pending", 24*time.Hour - time.Microsecond, "Pending", want{authorizable: true}},
		{storage.IntentOnce, "pending", 24 * time.Hour, "Expired", want{}},
		{storage.IntentOnce, "authorized", 0, "Authorized", want{redeemable: true}},
		{storage.IntentOnce, "authorized", time.Minute, "Authorized", want{redeemable: true}},
		{storage.IntentOnce, "authorized", time.Minute + time.Microsecond, "Pending", want{authorizable: true, redeemable: true}},
		{storage.IntentOnce, "authorized", 24 * time.Hour, "Expired", want{}},
		{storage.IntentOnce, "exchanged", 0, "Authorized", want{usable: true}},
		{storage.IntentOnce, "exchanged", time.Hour, "Authorized", want{usable: true}},
		{storage.IntentOnce, "exchanged", 24 * time.Hour, "Expired", want{}},
		{storage.IntentOnce, "consumed", 0, "Consumed", want{}},
		{storage.IntentOnce, "consumed", 48 * time.Hour, "Consumed", want{}},
		{storage.IntentOnce, "rejected", 0, "Rejected", want{}},
		{storage.IntentOnce, "revoked", 0, "Revoked", want{}},
		{storage.IntentRepeated, "exchanged", 0, "Authorized", want{refreshable: true, usable: true}},
		{storage.IntentRepeated, "exchanged", 89 * 24 * time.Hour, "Authorized", want{refreshable: true, usable: true}},
		{storage.IntentRepeated, "exchanged", 90 * 24 * time.Hour, "Expired", want{}},
		{storage.IntentRepeated, "consumed", 0, "Authorized", want{refreshable: true, usable: true}},
		{storage.IntentRepeated, "revoked", 0, "Revoked", want{}},
	} {
		t.Run(string(c.kind)+" "+c.state+" after "+c.after.String(), func(t *testing.T) {
			d := newDesk(t)
			id := d.in(t, c.kind, c.state)
			d.now = d.now.Add(c.after)
			_, authorizable := d.Authorizable(t.Context(), buyer, id)
			_, redeemable := d.Redeemable(t.Context(), id, request)
			_, refreshable := d.Refreshable(t.Context(), id, request)
			_, usable := d.Usable(t.Context(), nil, id, request)
			got := want{authorizable == nil, redeemable == nil, refreshable == nil, usable == nil}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if shown := d.State(d.get(t, id)); shown != c.shown {
				t.Errorf("shown as %s, want %s", shown, c.shown)
			}
			for err, code := range map[error]string{redeemable: "invalid_grant", refreshable: "invalid_grant", usable: "access_denied"} {
				if err != nil {
					wantOAuth(t, err, "MEF-7.3-4", code)
				}
			}
			if authorizable != nil {
				wantOAuth(t, authorizable, "MEF-R27", "access_denied")
			}
		})
	}
}

func TestUnknownIntentAndOtherRequests(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentRepeated, "exchanged")
	for _, c := range []struct{ id, request string }{{"unknown", request}, {id, "request-2"}, {id, ""}} {
		_, err := d.Redeemable(t.Context(), c.id, c.request)
		wantOAuth(t, err, "MEF-7.3-4", "invalid_grant")
		_, err = d.Refreshable(t.Context(), c.id, c.request)
		wantOAuth(t, err, "MEF-7.3-4", "invalid_grant")
		_, err = d.Usable(t.Context(), nil, c.id, c.request)
		wantOAuth(t, err, "MEF-7.3-4", "access_denied")
		wantOAuth(t, d.Consume(t.Context(), c.id, c.request), "MEF-7.3-4", "access_denied")
	}
}

// An intent that nobody authorized is in the hands of no request, the empty one
// included.
func TestPendingIsNobodys(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentOnce, "pending")
	wantOAuth(t, d.Consume(t.Context(), id, ""), "MEF-7.3-4", "access_denied")
	if _, err := d.Redeemable(t.Context(), id, ""); err == nil {
		t.Error("redeemable")
	}
}

// Of two that read the same intent one wins.
func TestAuthorizeAndExchangeOnce(t *testing.T) {
	d := newDesk(t)
	id := d.create(t, storage.IntentOnce).ID
	one, two := d.get(t, id), d.get(t, id)
	if err := d.Authorize(t.Context(), one, request, d.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, d.Authorize(t.Context(), two, "request-2", d.now.Add(time.Minute)), "MEF-R27", "access_denied")
	one, two = d.get(t, id), d.get(t, id)
	if err := d.Exchange(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, d.Exchange(t.Context(), two), "MEF-7.3-4", "invalid_grant")
	if in := d.get(t, id); in.RequestID != request || in.ExchangedAt.IsZero() {
		t.Errorf("got %+v", in)
	}
}

// A lapsed authorization is taken over, and then the old code is worth nothing.
func TestLapsedAuthorizationIsTakenOver(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentOnce, "authorized")
	old, err := d.Redeemable(t.Context(), id, request)
	if err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(2 * time.Minute)
	if err := d.Authorize(t.Context(), d.get(t, id), "request-2", d.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, d.Exchange(t.Context(), old), "MEF-7.3-4", "invalid_grant")
	_, err = d.Redeemable(t.Context(), id, request)
	wantOAuth(t, err, "MEF-7.3-4", "invalid_grant")
	if _, err := d.Redeemable(t.Context(), id, "request-2"); err != nil {
		t.Error(err)
	}
}

func TestConsumeTwice(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentOnce, "exchanged")
	if err := d.Consume(t.Context(), id, request); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, d.Consume(t.Context(), id, request), "MEF-7.3-4", "access_denied")
	repeated := d.in(t, storage.IntentRepeated, "exchanged")
	for range 2 {
		if err := d.Consume(t.Context(), repeated, request); err != nil {
			t.Error(err)
		}
	}
	if in := d.get(t, repeated); in.State != storage.IntentAuthorized {
		t.Errorf("a repeated one is %s", in.State)
	}
}

func TestConsumeByTwenty(t *testing.T) {
	d := newDesk(t)
	d.Audit = &locked{sink: d}
	id := d.in(t, storage.IntentOnce, "exchanged")
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- d.Consume(t.Context(), id, request) }()
	}
	passed := 0
	for range cap(results) {
		if err := <-results; err == nil {
			passed++
		} else {
			wantOAuth(t, err, "MEF-7.3-4", "access_denied")
		}
	}
	if passed != 1 {
		t.Errorf("%d passed, want 1", passed)
	}
}

// Revoke withdraws the intent once and its tokens each time.
func TestRevokeTwice(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentRepeated, "exchanged")
	for range 2 {
		if err := d.Revoke(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"refresh " + request, "access " + request, "refresh " + request, "access " + request}; !slices.Equal(d.revoked, want) {
		t.Errorf("revoked %v", d.revoked)
	}
	if in := d.get(t, id); in.State != storage.IntentRevoked || in.Version != 3 {
		t.Errorf("got %+v", in)
	}
}

func TestRevoke(t *testing.T) {
	for state, want := range map[string]struct {
		state  storage.IntentState
		tokens int
	}{
		"pending": {storage.IntentRevoked, 0}, "authorized": {storage.IntentRevoked, 2}, "exchanged": {storage.IntentRevoked, 2},
		"consumed": {storage.IntentConsumed, 2}, "rejected": {storage.IntentRejected, 0},
	} {
		d := newDesk(t)
		id := d.in(t, storage.IntentOnce, state)
		if err := d.Revoke(t.Context(), id); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if in := d.get(t, id); in.State != want.state || len(d.revoked) != want.tokens {
			t.Errorf("%s: became %s, revoked %v", state, in.State, d.revoked)
		}
	}
	d := newDesk(t)
	if err := d.Revoke(t.Context(), "unknown"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown: got %v", err)
	}
}

// A no of the user's ends what is open and nothing else.
func TestReject(t *testing.T) {
	for state, want := range map[string]storage.IntentState{
		"pending": storage.IntentRejected, "authorized": storage.IntentAuthorized, "exchanged": storage.IntentAuthorized,
		"consumed": storage.IntentConsumed, "revoked": storage.IntentRevoked,
	} {
		d := newDesk(t)
		id := d.in(t, storage.IntentOnce, state)
		if err := d.Reject(t.Context(), id); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if in := d.get(t, id); in.State != want {
			t.Errorf("%s: became %s", state, in.State)
		}
	}
}

// How long an intent lives after its code was redeemed depends on its kind.
func TestExpiryOfTheRedeemed(t *testing.T) {
	d := newDesk(t)
	start := d.now.Truncate(time.Microsecond)
	d.now = d.now.Add(time.Hour)
	for kind, want := range map[storage.IntentKind]time.Duration{storage.IntentOnce: 25 * time.Hour, storage.IntentRepeated: time.Hour + 90*24*time.Hour} {
		if in := d.get(t, d.in(t, kind, "exchanged")); in.ExpiresAt.Sub(start) != want {
			t.Errorf("%s: got %v, want %v", kind, in.ExpiresAt.Sub(start), want)
		}
	}
	d.Profile.RefreshTokens = false
	if in := d.get(t, d.in(t, storage.IntentRepeated, "exchanged")); in.ExpiresAt.Sub(start) != 25*time.Hour {
		t.Errorf("repeated without refresh tokens: got %v", in.ExpiresAt.Sub(start))
	}
}

// What was taken for an answer that then failed is given back, and can be taken
// again.
func TestTakenBack(t *testing.T) {
	d := newDesk(t)
	run := atomic.New(struct{}{}, d.records)
	id := d.create(t, storage.IntentRepeated).ID
	before := d.get(t, id)
	err := run(t.Context(), func(ctx context.Context) error {
		return errors.Join(d.Authorize(ctx, before, request, d.now.Add(time.Minute)), errDown)
	})
	if !errors.Is(err, errDown) {
		t.Fatalf("got %v", err)
	}
	after := d.get(t, id)
	if after.Version != 2 || after.State != storage.IntentPending || after.RequestID != "" || !after.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("got %+v", after)
	}
	d.authorize(t, id)
	err = run(t.Context(), func(ctx context.Context) error { return errors.Join(d.Exchange(ctx, d.get(t, id)), errDown) })
	if !errors.Is(err, errDown) {
		t.Fatalf("got %v", err)
	}
	d.exchange(t, id)
}

func TestStoreIsDown(t *testing.T) {
	d := newDesk(t)
	id := d.in(t, storage.IntentOnce, "exchanged")
	d.records.err = errDown
	_, redeem := d.Redeemable(t.Context(), id, request)
	_, use := d.Usable(t.Context(), nil, id, request)
	for name, err := range map[string]error{"Redeemable": redeem, "Usable": use, "Consume": d.Consume(t.Context(), id, request), "Reject": d.Reject(t.Context(), id)} {
		if !errors.Is(err, fosite.ErrTemporarilyUnavailable) || !errors.Is(err, errDown) {
			t.Errorf("%s: got %v, want temporarily_unavailable", name, err)
		}
	}
}

// An intent with an end of its own lives no longer than that, neither waiting
// nor redeemed.
func TestOwnEnd(t *testing.T) {
	d := newDesk(t)
	end := d.now.Truncate(time.Microsecond).Add(2 * time.Hour)
	in, err := d.CreateUntil(t.Context(), buyer, storage.IntentRepeated, details, end)
	if err != nil || !in.ExpiresAt.Equal(end) {
		t.Fatalf("created: %v, %v", in, err)
	}
	d.authorize(t, in.ID)
	d.exchange(t, in.ID)
	if got := d.get(t, in.ID); !got.ExpiresAt.Equal(end) {
		t.Errorf("redeemed, it expires %v, want %v", got.ExpiresAt, end)
	}
	if _, err := d.Refreshable(t.Context(), in.ID, request); err != nil {
		t.Errorf("before its end: %v", err)
	}
	d.now = end
	if _, err := d.Refreshable(t.Context(), in.ID, request); !errors.Is(err, fosite.ErrInvalidGrant) {
		t.Errorf("after its end it is refreshed: %v", err)
	}
	long, err := d.CreateUntil(t.Context(), buyer, storage.IntentOnce, details, end.Add(1000*time.Hour))
	if err != nil || long.ExpiresAt.Sub(long.CreatedAt) != d.Profile.TTL.Intent {
		t.Errorf("a late end: %v, %v", long, err)
	}
}
