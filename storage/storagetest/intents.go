package storagetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

var intentChecks = []check[storage.Records]{
	{"an intent comes back as it was stored", intentRoundTrip},
	{"an intent's times are UTC to the microsecond", intentTimes},
	{"an intent is created once", intentExists},
	{"an unknown intent is not found", intentUnknown},
	{"an expired intent is still returned", intentExpired},
	{"an intent that was got is a copy", intentCopy},
	{"a swap stores the next version and leaves its argument", intentSwap},
	{"a swap of an old version is a conflict", intentConflict},
	{"a swap of an unknown intent is a conflict", intentSwapUnknown},
	{"of concurrent swaps one succeeds", intentSwapRace},
	{"of concurrent creations one succeeds", intentCreateRace},
}

func newIntent() *storage.Intent {
	created := time.Date(2025, 3, 4, 5, 6, 7, 123456000, time.UTC)
	return &storage.Intent{
		ID:              "intent-1",
		ClientID:        "buyer",
		TrustDomain:     "domain",
		Delegated:       true,
		Kind:            storage.IntentOnce,
		Details:         json.RawMessage(`{"quote":"Q-1","items":[1,2]}`),
		State:           storage.IntentPending,
		RequestID:       "request-1",
		AuthorizedUntil: created.Add(time.Minute),
		ExchangedAt:     created.Add(time.Second),
		CreatedAt:       created,
		ExpiresAt:       time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
		EndsAt:          created.AddDate(50, 0, 0),
	}
}

func intentRoundTrip(t *testing.T, s storage.Records) {
	want := newIntent()
	must(t, s.CreateIntent(t.Context(), want))
	got, err := s.GetIntent(t.Context(), want.ID)
	must(t, err)
	wantJSON(t, "intent", got, want)
}

func intentTimes(t *testing.T, s storage.Records) {
	want := newIntent()
	want.AuthorizedUntil, want.ExchangedAt = time.Time{}, time.Time{}
	want.CreatedAt = time.Date(2025, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600))
	must(t, s.CreateIntent(t.Context(), want))
	got, err := s.GetIntent(t.Context(), want.ID)
	must(t, err)
	wantEqual(t, "created at", got.CreatedAt, time.Date(2025, 3, 4, 4, 6, 7, 123456000, time.UTC))
	wantEqual(t, "authorized until is zero", got.AuthorizedUntil.IsZero(), true)
	wantEqual(t, "exchanged at is zero", got.ExchangedAt.IsZero(), true)
}

func intentExists(t *testing.T, s storage.Records) {
	must(t, s.CreateIntent(t.Context(), newIntent()))
	other := newIntent()
	other.ClientID = "somebody else"
	wantError(t, s.CreateIntent(t.Context(), other), storage.ErrExists)
	got, err := s.GetIntent(t.Context(), other.ID)
	must(t, err)
	wantEqual(t, "client", got.ClientID, "buyer")
}

func intentUnknown(t *testing.T, s storage.Records) {
	_, err := s.GetIntent(t.Context(), "unknown")
	wantError(t, err, storage.ErrNotFound)
}

func intentExpired(t *testing.T, s storage.Records) {
	intent := newIntent()
	intent.ExpiresAt = intent.CreatedAt.Add(time.Second)
	must(t, s.CreateIntent(t.Context(), intent))
	_, err := s.GetIntent(t.Context(), intent.ID)
	must(t, err)
}

func intentCopy(t *testing.T, s storage.Records) {
	intent := newIntent()
	must(t, s.CreateIntent(t.Context(), intent))
	intent.Details[2] = 'X'
	got, err := s.GetIntent(t.Context(), intent.ID)
	must(t, err)
	got.State, got.Details[2] = storage.IntentRevoked, 'X'
	again, err := s.GetIntent(t.Context(), intent.ID)
	must(t, err)
	wantJSON(t, "intent", again, newIntentAt(intent))
}

// newIntentAt is newIntent with the expiry of another one.
func newIntentAt(other *storage.Intent) *storage.Intent {
	intent := newIntent()
	intent.ExpiresAt = other.ExpiresAt
	return intent
}

func intentSwap(t *testing.T, s storage.Records) {
	must(t, s.CreateIntent(t.Context(), newIntent()))
	intent, err := s.GetIntent(t.Context(), "intent-1")
	must(t, err)
	intent.State, intent.RequestID = storage.IntentAuthorized, "request-2"
	before := intent.Clone()
	must(t, s.SwapIntent(t.Context(), intent))
	wantEqual(t, "argument", intent, before)
	got, err := s.GetIntent(t.Context(), intent.ID)
	must(t, err)
	before.Version++
	wantJSON(t, "intent", got, before)
	must(t, s.SwapIntent(t.Context(), got))
}

func intentConflict(t *testing.T, s storage.Records) {
	must(t, s.CreateIntent(t.Context(), newIntent()))
	intent, err := s.GetIntent(t.Context(), "intent-1")
	must(t, err)
	must(t, s.SwapIntent(t.Context(), intent))
	wantError(t, s.SwapIntent(t.Context(), intent), storage.ErrConflict)
	intent.Version += 2
	wantError(t, s.SwapIntent(t.Context(), intent), storage.ErrConflict)
}

func intentSwapUnknown(t *testing.T, s storage.Records) {
	wantError(t, s.SwapIntent(t.Context(), newIntent()), storage.ErrConflict)
	_, err := s.GetIntent(t.Context(), "intent-1")
	wantError(t, err, storage.ErrNotFound)
}

func intentSwapRace(t *testing.T, s storage.Records) {
	must(t, s.CreateIntent(t.Context(), newIntent()))
	wantOneWinner(t, storage.ErrConflict, func() error {
		return s.SwapIntent(context.Background(), newIntent())
	})
}

func intentCreateRace(t *testing.T, s storage.Records) {
	wantOneWinner(t, storage.ErrExists, func() error {
		return s.CreateIntent(context.Background(), newIntent())
	})
}
