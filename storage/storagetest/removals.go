package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/storage"
)

var removalChecks = []check[storage.Registrar]{
	{"a removed client is gone", removal},
	{"an identifier is not given out again after a removal", removalTombstone},
	{"a removal of an unknown client is not found", removalUnknown},
	{"of concurrent removals one succeeds", removalRace},
	{"a removal and a replacement leave all or nothing", removalReplaceRace},
	{"a removed client takes its codes and tokens along", removalRequests},
	{"a removed client takes its intents along", removalIntents},
	{"a client that did not register itself stays apart", removalOthers},
	{"an identifier is not given out that was in use otherwise", removalOtherIDs},
	{"a deletion and a replacement leave all or nothing", deletionReplaceRace},
	{"a change by other means is a conflict", removalOtherChange},
}

type clientGetter interface {
	GetClient(ctx context.Context, id string) (fosite.Client, error)
}

// offer returns the registrar as something more, or skips the test.
func offer[S any](t *testing.T, s storage.Registrar, what string) S {
	t.Helper()
	more, ok := s.(S)
	if !ok {
		t.Skip("the registrar has no " + what)
	}
	return more
}

// wantAbsent: there is neither a registration nor a client.
func wantAbsent(t *testing.T, s storage.Registrar, id string) {
	t.Helper()
	_, err := s.GetRegistration(t.Context(), id)
	wantError(t, err, storage.ErrNotFound)
	if clients, ok := s.(clientGetter); ok {
		_, err := clients.GetClient(t.Context(), id)
		wantError(t, err, fosite.ErrNotFound)
	}
}

func removal(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	must(t, s.CreateClient(t.Context(), registrationOf("other")))
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantAbsent(t, s, "buyer")
	wantError(t, s.ReplaceClient(t.Context(), newRegistration()), storage.ErrNotFound)
	_, err := s.GetRegistration(t.Context(), "other")
	must(t, err)
}

func removalTombstone(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantError(t, s.CreateClient(t.Context(), registrationOf("buyer")), storage.ErrExists)
	wantAbsent(t, s, "buyer")
}

func removalUnknown(t *testing.T, s storage.Registrar) {
	wantError(t, s.RemoveClient(t.Context(), "buyer"), storage.ErrNotFound)
	must(t, s.CreateClient(t.Context(), newRegistration())) // no trace was left
}

func removalRace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	wantOneWinner(t, storage.ErrNotFound, func() error {
		return s.RemoveClient(context.Background(), "buyer")
	})
	wantAbsent(t, s, "buyer")
}

func removalReplaceRace(t *testing.T, s storage.Registrar) {
	for round := range 10 {
		id := fmt.Sprint("client-", round)
		must(t, s.CreateClient(t.Context(), registrationOf(id)))
		var n atomic.Int64
		for _, err := range race(func() error {
			if n.Add(1) == 1 {
				return s.RemoveClient(context.Background(), id)
			}
			err := s.ReplaceClient(context.Background(), registrationOf(id))
			if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		}) {
			must(t, err)
		}
		wantAbsent(t, s, id)
	}
}

// Who deletes a client waits for who replaces it, and neither for the other in
// a circle.
func deletionReplaceRace(t *testing.T, s storage.Registrar) {
	clients := offer[clientStore](t, s, "other clients")
	for round := range 10 {
		id := fmt.Sprint("client-", round)
		must(t, s.CreateClient(t.Context(), registrationOf(id)))
		var n atomic.Int64
		for _, err := range race(func() error {
			if n.Add(1)%2 == 1 {
				return clients.DeleteClient(context.Background(), id)
			}
			err := s.ReplaceClient(context.Background(), registrationOf(id))
			if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		}) {
			must(t, err)
		}
		wantAbsent(t, s, id)
		wantFree(t, s, true, registrationOf(id).Unique...)
	}
}

func removalRequests(t *testing.T, s storage.Registrar) {
	requests := offer[oauth2.CoreStorage](t, s, "codes and tokens")
	issueTwice(t, s, requests)
	must(t, s.RemoveClient(t.Context(), "buyer"))
	wantIssued(t, requests, map[string]bool{"1": false, "2": true})
	wantUseless(t, requests)
}

// issueTwice issues codes and tokens with the key 1 to a new client, and with
// the key 2 to another.
func issueTwice(t *testing.T, s storage.Registrar, requests oauth2.CoreStorage) {
	t.Helper()
	must(t, s.CreateClient(t.Context(), newRegistration()))
	must(t, s.CreateClient(t.Context(), registrationOf("other")))
	foreign := newRequestWith("request-2", fullSession(soon().UTC()))
	foreign.Client = &storage.Client{ID: "other"}
	for key, r := range map[string]fosite.Requester{"1": newRequest(), "2": foreign} {
		must(t, requests.CreateAuthorizeCodeSession(t.Context(), "code-"+key, r))
		must(t, requests.CreateAccessTokenSession(t.Context(), "access-"+key, r))
		must(t, requests.CreateRefreshTokenSession(t.Context(), "refresh-"+key, "access-"+key, r))
	}
}

func wantIssued(t *testing.T, requests oauth2.CoreStorage, want map[string]bool) {
	t.Helper()
	for key, there := range want {
		_, code := requests.GetAuthorizeCodeSession(t.Context(), "code-"+key, NewSession())
		_, access := requests.GetAccessTokenSession(t.Context(), "access-"+key, NewSession())
		_, refresh := requests.GetRefreshTokenSession(t.Context(), "refresh-"+key, NewSession())
		for name, err := range map[string]error{"code": code, "access token": access, "refresh token": refresh} {
			if there != (err == nil) {
				t.Errorf("%s %s: got %v", name, key, err)
			}
		}
	}
}

// wantUseless: a token that comes too late is refused, or never found.
func wantUseless(t *testing.T, requests oauth2.CoreStorage) {
	t.Helper()
	if requests.CreateAccessTokenSession(t.Context(), "late", newRequest()) != nil {
		return
	}
	if _, err := requests.GetAccessTokenSession(t.Context(), "late", NewSession()); err == nil {
		t.Error("a token of the removed client is good")
	}
}

func removalIntents(t *testing.T, s storage.Registrar) {
	intents := offer[storage.Intents](t, s, "intents")
	must(t, s.CreateClient(t.Context(), newRegistration()))
	foreign := newIntent()
	foreign.ID, foreign.ClientID = "intent-2", "other"
	must(t, intents.CreateIntent(t.Context(), newIntent()))
	must(t, intents.CreateIntent(t.Context(), foreign))
	must(t, s.RemoveClient(t.Context(), "buyer"))
	_, err := intents.GetIntent(t.Context(), "intent-1")
	wantError(t, err, storage.ErrNotFound)
	_, err = intents.GetIntent(t.Context(), "intent-2")
	must(t, err)
	wantError(t, intents.SwapIntent(t.Context(), newIntent()), storage.ErrConflict)
}
