package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ory/fosite/handler/oauth2"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
)

var suspensionChecks = []check[storage.Registrar]{
	{"a suspended client keeps its registration and no tokens", suspension},
	{"a suspension of another version is a conflict", suspensionConflict},
	{"a suspension of another version leaves codes and tokens", suspensionConflictRequests},
	{"a suspension of an unknown client is not found", suspensionUnknown},
	{"a suspended client stays as it is, whatever the version", suspensionAgain},
	{"of a suspension and concurrent replacements one succeeds", suspensionRace},
	{"concurrent suspensions all succeed, as one change", suspensionsRace},
	{"what a suspended client had for itself stays taken after its removal", suspensionHolds},
	{"a client that is no longer suspended leaves nothing taken", suspensionLifted},
	{"a deletion frees what a suspended client had for itself", suspensionDeleted},
	{"a rollback undoes the removal of a suspended client", suspensionRollback},
	{"a removal frees what is unique or comes after the suspension", suspensionRemovalRace},
}

func suspension(t *testing.T, s storage.Registrar) {
	requests := offer[oauth2.CoreStorage](t, s, "codes and tokens")
	issueTwice(t, s, requests)
	want, err := s.GetRegistration(t.Context(), "buyer")
	must(t, err)
	must(t, s.SuspendClient(t.Context(), "buyer", 0))
	want.Client.Suspended = true
	wantSuspended(t, s, want)
	wantIssued(t, requests, map[string]bool{"1": false, "2": true})
	other, err := s.GetRegistration(t.Context(), "other")
	must(t, err)
	wantEqual(t, "another client is suspended", other.Client.Suspended, false)
}

// wantSuspended compares all but the version, which is another than that of
// want, and returns it.
func wantSuspended(t *testing.T, s storage.Registrar, want *storage.Registration) int64 {
	t.Helper()
	got, err := s.GetRegistration(t.Context(), want.Client.ID)
	must(t, err)
	if got.Version == want.Version {
		t.Error("the version is that of before")
	}
	version := got.Version
	got.Version = want.Version
	wantJSON(t, "registration", got, want)
	return version
}

func suspensionConflict(t *testing.T, s storage.Registrar) {
	r := newRegistration()
	must(t, s.CreateClient(t.Context(), r))
	must(t, s.ReplaceClient(t.Context(), r))
	for _, version := range []int64{0, 2, -1} {
		wantError(t, s.SuspendClient(t.Context(), "buyer", version), storage.ErrConflict)
	}
	r.Version = 1
	wantRegistration(t, s, r)
}

func suspensionConflictRequests(t *testing.T, s storage.Registrar) {
	requests := offer[oauth2.CoreStorage](t, s, "codes and tokens")
	issueTwice(t, s, requests)
	wantError(t, s.SuspendClient(t.Context(), "buyer", 1), storage.ErrConflict)
	wantIssued(t, requests, map[string]bool{"1": true, "2": true})
}

func suspensionUnknown(t *testing.T, s storage.Registrar) {
	wantError(t, s.SuspendClient(t.Context(), "buyer", 0), storage.ErrNotFound)
	must(t, s.CreateClient(t.Context(), newRegistration())) // no trace was left
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantError(t, s.SuspendClient(t.Context(), "buyer", 0), storage.ErrNotFound)
}

func suspensionAgain(t *testing.T, s storage.Registrar) {
	want := suspended(t, s, newRegistration())
	version := wantSuspended(t, s, want)
	wantError(t, s.ReplaceClient(t.Context(), newRegistration()), storage.ErrConflict)
	requests, ok := s.(oauth2.CoreStorage)
	for _, other := range []int64{0, version, version + 1, -1} {
		if ok {
			must(t, requests.CreateAccessTokenSession(t.Context(), "access-1", newRequest()))
		}
		must(t, s.SuspendClient(t.Context(), "buyer", other))
		wantEqual(t, "version", wantSuspended(t, s, want), version)
		if ok {
			wantIssued(t, requests, map[string]bool{"1": false})
		}
	}
}

// suspended registers and suspends the client, and returns its registration as
// it is then, but for the version.
func suspended(t *testing.T, s storage.Registrar, r *storage.Registration) *storage.Registration {
	t.Helper()
	must(t, s.CreateClient(t.Context(), r))
	must(t, s.SuspendClient(t.Context(), r.Client.ID, 0))
	r.Client.Suspended = true
	return r
}

// suspensionRace: who looked at the registration before it was replaced has not
// suspended it, and who replaces it has not undone its suspension. Another one
// of the callers suspends in each round.
func suspensionRace(t *testing.T, s storage.Registrar) {
	for round := range callers {
		id := fmt.Sprint("client-", round)
		must(t, s.CreateClient(t.Context(), registrationOf(id)))
		won := make(chan string, callers)
		var n atomic.Int64
		wantOneWinner(t, storage.ErrConflict, func() error {
			name, err := suspendOrReplace(s, id, n.Add(1) == int64(round+1))
			if err == nil {
				won <- name
			}
			return err
		})
		wantWinner(t, s, id, <-won)
	}
}

func suspendOrReplace(s storage.Registrar, id string, suspend bool) (name string, err error) {
	if suspend {
		return "suspension", s.SuspendClient(context.Background(), id, 0)
	}
	return "replacement", s.ReplaceClient(context.Background(), registrationOf(id))
}

func wantWinner(t *testing.T, s storage.Registrar, id, name string) {
	t.Helper()
	got, err := s.GetRegistration(t.Context(), id)
	must(t, err)
	wantEqual(t, "suspended after the "+name, got.Client.Suspended, name == "suspension")
	if name == "replacement" {
		wantEqual(t, "version", got.Version, 1)
	}
}

func suspensionsRace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	for _, err := range race(func() error { return s.SuspendClient(context.Background(), "buyer", 0) }) {
		must(t, err)
	}
	got, err := s.GetRegistration(t.Context(), "buyer")
	must(t, err)
	wantEqual(t, "suspended", got.Client.Suspended, true)
	must(t, s.RemoveClient(t.Context(), "buyer"))
	other := suspended(t, s, registrationOf("other")) // once
	wantEqual(t, "version", wantSuspended(t, s, other), got.Version)
}

func suspensionHolds(t *testing.T, s storage.Registrar) {
	r := suspended(t, s, newRegistration())
	wantFree(t, s, false, r.Unique...)
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantAbsent(t, s, "buyer")
	wantFree(t, s, false, r.Unique...)
	other := registrationOf("other")
	must(t, s.CreateClient(t.Context(), other))
	wantError(t, s.ReplaceClient(t.Context(), claim("other", r.Unique[1])), storage.ErrExists)
	wantRegistration(t, s, other)
	must(t, s.RemoveClient(t.Context(), "other"))
	wantFree(t, s, true, other.Unique...)
	wantFree(t, s, false, r.Unique...)
}

func suspensionLifted(t *testing.T, s storage.Registrar) {
	r := suspended(t, s, newRegistration())
	version := wantSuspended(t, s, r)
	r.Client.Suspended, r.Version = false, version
	must(t, s.ReplaceClient(t.Context(), r))
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantFree(t, s, true, r.Unique...)
}

// suspensionDeleted: the operator's deletion is the way out, before the removal
// and after it, also of a client that the operator suspended.
func suspensionDeleted(t *testing.T, s storage.Registrar) {
	clients := offer[clientStore](t, s, "other clients")
	r := suspended(t, s, newRegistration())
	must(t, clients.DeleteClient(t.Context(), "buyer"))
	wantFree(t, s, true, r.Unique...)

	second := claim("second", r.Unique...)
	must(t, s.CreateClient(t.Context(), second))
	second.Client.Suspended = true
	must(t, clients.PutClient(t.Context(), &second.Client))
	must(t, clients.DeleteClient(t.Context(), "unknown"))
	must(t, s.RemoveClient(t.Context(), "second"))
	wantFree(t, s, false, r.Unique...)
	must(t, clients.DeleteClient(t.Context(), "second"))
	wantFree(t, s, true, r.Unique...)
	wantError(t, s.CreateClient(t.Context(), claim("second")), storage.ErrExists)
}

func suspensionRollback(t *testing.T, s storage.Registrar) {
	tx := offer[fositestorage.Transactional](t, s, "transactions")
	r := newRegistration()
	must(t, s.CreateClient(t.Context(), r))
	ctx := begin(t, tx, t.Context())
	must(t, s.SuspendClient(ctx, "buyer", 0))
	must(t, s.RemoveClient(ctx, "buyer"))
	must(t, tx.Rollback(ctx))
	wantRegistration(t, s, r)
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantFree(t, s, true, r.Unique...)
}

// suspensionRemovalRace: a client that sees its suspension come is not quick
// enough to do both.
func suspensionRemovalRace(t *testing.T, s storage.Registrar) {
	for round := range callers {
		r := registrationOf(fmt.Sprint("client-", round))
		must(t, s.CreateClient(t.Context(), r))
		var n, removed, suspended atomic.Int64
		for _, err := range race(func() error {
			if n.Add(1)%2 == 1 {
				return counted(&removed, s.RemoveClient(context.Background(), r.Client.ID))
			}
			return counted(&suspended, s.SuspendClient(context.Background(), r.Client.ID, 0))
		}) {
			must(t, err)
		}
		wantEqual(t, "removals", removed.Load(), 1)
		wantAbsent(t, s, r.Client.ID)
		wantFree(t, s, suspended.Load() == 0, r.Unique...)
	}
}

// counted adds one for no error, and takes storage.ErrNotFound for none.
func counted(n *atomic.Int64, err error) error {
	if err == nil {
		n.Add(1)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
