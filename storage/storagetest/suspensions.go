package storagetest

import (
	"errors"
	"testing"

	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/storage"
)

func suspension(t *testing.T, s storage.Registrar) {
	requests := offer[oauth2.CoreStorage](t, s, "codes and tokens")
	issueTwice(t, s, requests)
	want, err := s.GetRegistration(t.Context(), "buyer")
	must(t, err)
	want.Client.Suspended = true
	for range 2 { // the second changes nothing
		must(t, s.SuspendClient(t.Context(), "buyer"))
		got, err := s.GetRegistration(t.Context(), "buyer")
		must(t, err)
		if got.Version == 0 {
			t.Error("the version is that of before")
		}
		got.Version = 0
		wantJSON(t, "registration", got, want)
		wantIssued(t, requests, map[string]bool{"1": false, "2": true})
	}
	other, err := s.GetRegistration(t.Context(), "other")
	must(t, err)
	if other.Client.Suspended {
		t.Error("another client is suspended")
	}
	wantError(t, s.SuspendClient(t.Context(), "unknown"), storage.ErrNotFound)
}

// What a client replaces at the same moment does not undo its suspension.
func suspensionRace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	replaced := make(chan error)
	go func() { replaced <- s.ReplaceClient(t.Context(), newRegistration()) }()
	must(t, s.SuspendClient(t.Context(), "buyer"))
	if err := <-replaced; err != nil && !errors.Is(err, storage.ErrConflict) {
		t.Errorf("the replacement: %v", err)
	}
	got, err := s.GetRegistration(t.Context(), "buyer")
	must(t, err)
	if !got.Client.Suspended {
		t.Error("the client is not suspended")
	}
}
