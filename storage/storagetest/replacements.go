package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
)

func registrationReplace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	next := registrationOf("buyer")
	next.Client.RedirectURIs, next.Client.ClientName = []string{"https://buyer.example/new"}, "renamed"
	next.TokenHash, next.Entity = "another hash", nil
	must(t, s.ReplaceClient(t.Context(), next))
	wantEqual(t, "argument's version", next.Version, 0)
	next.Version = 1
	wantRegistration(t, s, next)
	must(t, s.ReplaceClient(t.Context(), next))
}

func registrationConflict(t *testing.T, s storage.Registrar) {
	r := newRegistration()
	must(t, s.CreateClient(t.Context(), r))
	must(t, s.ReplaceClient(t.Context(), r))
	late := registrationOf("buyer")
	wantError(t, s.ReplaceClient(t.Context(), late), storage.ErrConflict)
	late.Version = 2
	wantError(t, s.ReplaceClient(t.Context(), late), storage.ErrConflict)
	r.Version = 1
	wantRegistration(t, s, r)
}

func registrationReplaceUnknown(t *testing.T, s storage.Registrar) {
	wantError(t, s.ReplaceClient(t.Context(), newRegistration()), storage.ErrNotFound)
	wantAbsent(t, s, "buyer")
	must(t, s.CreateClient(t.Context(), newRegistration()))
}

func registrationReplaceRace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	var n atomic.Int64
	wantOneWinner(t, storage.ErrConflict, func() error {
		r := newRegistration()
		// Client and registration are of one caller, whoever wins.
		r.Client.ClientName = fmt.Sprint("name-", n.Add(1))
		r.TokenHash = r.Client.ClientName
		return s.ReplaceClient(context.Background(), r)
	})
	got, err := s.GetRegistration(t.Context(), "buyer")
	must(t, err)
	wantEqual(t, "version", got.Version, 1)
	wantEqual(t, "token hash", got.TokenHash, got.Client.ClientName)
}
