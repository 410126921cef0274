package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

// Registrations runs the contract of storage.Registrar. Every subtest gets a
// registrar of its own from newRegistrar, which must be empty. What else it
// offers is looked at too, and named as skipped where it is not there: clients
// (GetClient of fosite.ClientManager), intents (storage.Intents), codes and
// tokens (oauth2.CoreStorage, which must take the sessions of NewSession),
// transactions (fosite/storage.Transactional) and clients that did not register
// themselves (PutClient and DeleteClient of Store). A team whose storage is
// several values embeds them in one struct.
func Registrations(t *testing.T, newRegistrar func(t *testing.T) storage.Registrar) {
	t.Helper()
	for _, group := range [][]check[storage.Registrar]{
		registrationChecks, uniqueChecks, removalChecks, suspensionChecks, registrationTransactionChecks,
	} {
		runAll(t, group, newRegistrar)
	}
}

var registrationChecks = []check[storage.Registrar]{
	{"a registration comes back as it was stored", registrationRoundTrip},
	{"a registration without the optional parts comes back", registrationPlain},
	{"a registration's times are UTC to the microsecond", registrationTimes},
	{"a registration that was got is a copy", registrationCopy},
	{"an unknown registration is not found", registrationUnknown},
	{"a client identifier is given out once", registrationExists},
	{"of concurrent registrations of one identifier one succeeds", registrationCreateRace},
	{"a registration is replaced as a whole, under the next version", registrationReplace},
	{"a replacement of an old version is a conflict", registrationConflict},
	{"a replacement of an unknown registration is not found", registrationReplaceUnknown},
	{"of concurrent replacements one succeeds", registrationReplaceRace},
}

// newRegistration returns a registration with every field set, whose times are
// of now or later.
func newRegistration() *storage.Registration {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &storage.Registration{
		Client:            *newClient(),
		TokenHash:         "MjVhOGZjMmQ5ZTQxNzBiNjNmNWQ4MjBjN2E5YjRlMTY",
		IssuedAt:          now,
		UpdatedAt:         now.Add(time.Second),
		SoftwareID:        "software-1",
		OrgID:             "org-1",
		SoftwareStatement: "e30.e30.c2lnbmF0dXJl",
		Unique:            []string{"org-1 software-1", "did:web:buyer.example"},
		DID:               "did:web:buyer.example",
		Entity: &storage.EntityCredential{
			ID: "https://registry.example/credentials/1", Digest: "digest", Subject: "did:web:buyer.example",
			Holder: "did:web:holder.example", Issuer: "did:web:registry.example", Anchor: "did:web:anchor.example",
			Delegator: "did:web:delegator.example", DelegationID: "https://delegator.example/delegations/1",
			LegalName: "Buyer & Sons Ltd", LEI: "5493001KJTIIGC8Y1R12", TrustDomain: "domain", MEFID: "mef-1",
			Status: []storage.CredentialStatus{{
				ID: "https://registry.example/credentials/1", Issuer: "did:web:registry.example",
				StatusType: "BitstringStatusList", StatusPurpose: "revocation",
				StatusListCredential: "https://registry.example/status/3", StatusListIndex: 1<<53 + 1,
			}},
			CheckedAt: now, NextCheck: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour),
		},
	}
}

// registrationOf is a registration of another client, which shares nothing.
func registrationOf(clientID string) *storage.Registration {
	r := newRegistration()
	r.Client.ID, r.Unique = clientID, []string{"unique to " + clientID}
	return r
}

func wantRegistration(t *testing.T, s storage.Registrar, want *storage.Registration) {
	t.Helper()
	got, err := s.GetRegistration(t.Context(), want.Client.ID)
	must(t, err)
	wantJSON(t, "registration", got, want)
	wantEqual(t, "entity", got.Entity, want.Entity) // JSON would round its numbers
	if clients, ok := s.(clientGetter); ok {
		client, err := clients.GetClient(t.Context(), want.Client.ID)
		must(t, err)
		wantEqual(t, "client's identifier", client.GetID(), want.Client.ID)
		wantEqual(t, "client's redirect URIs", client.GetRedirectURIs(), want.Client.GetRedirectURIs())
		wantEqual(t, "client's scopes", client.GetScopes(), want.Client.GetScopes())
	}
}

func registrationRoundTrip(t *testing.T, s storage.Registrar) {
	want := newRegistration()
	must(t, s.CreateClient(t.Context(), want))
	wantRegistration(t, s, want)
}

func registrationPlain(t *testing.T, s storage.Registrar) {
	for _, id := range []string{"one", "two"} { // both without Unique
		want := &storage.Registration{Client: storage.Client{ID: id}, IssuedAt: time.Unix(1, 0).UTC(), Version: 7}
		must(t, s.CreateClient(t.Context(), want))
		wantEqual(t, "argument's version", want.Version, 7)
		want.Version = 0
		wantRegistration(t, s, want)
	}
}

func registrationTimes(t *testing.T, s storage.Registrar) {
	r := newRegistration()
	odd := time.Date(2025, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600))
	r.IssuedAt, r.UpdatedAt, r.Entity.CheckedAt, r.Entity.ExpiresAt = odd, time.Time{}, odd, time.Time{}
	must(t, s.CreateClient(t.Context(), r))
	got, err := s.GetRegistration(t.Context(), r.Client.ID)
	must(t, err)
	want := time.Date(2025, 3, 4, 4, 6, 7, 123456000, time.UTC)
	wantEqual(t, "issued at", got.IssuedAt, want)
	wantEqual(t, "checked at", got.Entity.CheckedAt, want)
	wantEqual(t, "updated at is zero", got.UpdatedAt.IsZero(), true)
	wantEqual(t, "expires at is zero", got.Entity.ExpiresAt.IsZero(), true)
	wantEqual(t, "argument", r.Entity.CheckedAt, odd)
}

func registrationCopy(t *testing.T, s storage.Registrar) {
	r, want := newRegistration(), newRegistration()
	*want.Entity, want.IssuedAt, want.UpdatedAt = *r.Entity, r.IssuedAt, r.UpdatedAt
	want.Entity.Status = append([]storage.CredentialStatus(nil), r.Entity.Status...)
	must(t, s.CreateClient(t.Context(), r))
	for range 2 {
		r.Client.RedirectURIs[0], r.Entity.LegalName, r.Entity.Status[0].Issuer = "changed", "changed", "changed"
		r.Unique[0] = "changed"
		wantRegistration(t, s, want)
		var err error
		r, err = s.GetRegistration(t.Context(), want.Client.ID)
		must(t, err)
	}
}

func registrationUnknown(t *testing.T, s storage.Registrar) {
	_, err := s.GetRegistration(t.Context(), "unknown")
	wantError(t, err, storage.ErrNotFound)
}

func registrationExists(t *testing.T, s storage.Registrar) {
	want := newRegistration()
	must(t, s.CreateClient(t.Context(), want))
	wantError(t, s.CreateClient(t.Context(), registrationOf("buyer")), storage.ErrExists)
	wantRegistration(t, s, want)
	wantFree(t, s, true, registrationOf("buyer").Unique...) // what the refused one would have taken
}

func registrationCreateRace(t *testing.T, s storage.Registrar) {
	var n atomic.Int64
	wantOneWinner(t, storage.ErrExists, func() error {
		r := newRegistration()
		r.Unique = []string{fmt.Sprint("unique-", n.Add(1))}
		return s.CreateClient(context.Background(), r)
	})
}
