package storagetest

import (
	"context"
	"testing"

	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
)

var registrationTransactionChecks = []check[storage.Registrar]{
	{"a rollback undoes a registration", registrationRollback},
	{"a rollback undoes a removal", removalRollback},
	{"a refusal leaves the rest of the transaction", registrationRefusal},
}

// clientStore keeps clients that did not register themselves, too.
type clientStore interface {
	storage.Registrar
	clientGetter
	PutClient(ctx context.Context, client *storage.Client) error
	DeleteClient(ctx context.Context, id string) error
}

func removalOthers(t *testing.T, s storage.Registrar) {
	clients := offer[clientStore](t, s, "other clients")
	must(t, clients.PutClient(t.Context(), newClient()))
	_, err := s.GetRegistration(t.Context(), "buyer")
	wantError(t, err, storage.ErrNotFound)
	wantError(t, s.RemoveClient(t.Context(), "buyer"), storage.ErrNotFound)
	wantError(t, s.SuspendClient(t.Context(), "buyer", 0), storage.ErrNotFound)
	wantError(t, s.ReplaceClient(t.Context(), newRegistration()), storage.ErrNotFound)
	wantError(t, s.CreateClient(t.Context(), newRegistration()), storage.ErrExists)
	client, err := clients.GetClient(t.Context(), "buyer")
	must(t, err)
	wantJSON(t, "client", client, newClient())
}

func removalOtherIDs(t *testing.T, s storage.Registrar) {
	clients := offer[clientStore](t, s, "other clients")
	must(t, clients.PutClient(t.Context(), newClient()))
	must(t, clients.DeleteClient(t.Context(), "buyer"))
	wantError(t, s.CreateClient(t.Context(), newRegistration()), storage.ErrExists)
	must(t, clients.DeleteClient(t.Context(), "never there"))
	must(t, s.CreateClient(t.Context(), registrationOf("never there")))
	must(t, clients.DeleteClient(t.Context(), "never there"))
	wantAbsent(t, s, "never there")
	must(t, clients.PutClient(t.Context(), &storage.Client{ID: "never there"})) // the administrator's word
	_, err := s.GetRegistration(t.Context(), "never there")
	wantError(t, err, storage.ErrNotFound)
}

// An administrator who suspends a client is not undone by what the client
// replaces meanwhile.
func removalOtherChange(t *testing.T, s storage.Registrar) {
	clients := offer[clientStore](t, s, "other clients")
	r := newRegistration()
	must(t, s.CreateClient(t.Context(), r))
	suspended := r.Client
	suspended.Suspended = true
	must(t, clients.PutClient(t.Context(), &suspended))
	wantError(t, s.ReplaceClient(t.Context(), newRegistration()), storage.ErrConflict)
	r.Client, r.Version = suspended, 1
	wantRegistration(t, s, r)
}

func registrationRollback(t *testing.T, s storage.Registrar) {
	tx := offer[fositestorage.Transactional](t, s, "transactions")
	ctx := begin(t, tx, t.Context())
	must(t, s.CreateClient(ctx, newRegistration()))
	must(t, s.ReplaceClient(ctx, newRegistration()))
	must(t, tx.Rollback(ctx))
	wantAbsent(t, s, "buyer")
	must(t, s.CreateClient(t.Context(), newRegistration()))
	ctx = begin(t, tx, t.Context())
	must(t, s.ReplaceClient(ctx, registrationOf("buyer")))
	must(t, tx.Rollback(ctx))
	wantFree(t, s, true, registrationOf("buyer").Unique...)
	wantFree(t, s, false, newRegistration().Unique...)
}

func removalRollback(t *testing.T, s storage.Registrar) {
	tx := offer[fositestorage.Transactional](t, s, "transactions")
	want := newRegistration()
	must(t, s.CreateClient(t.Context(), want))
	ctx := begin(t, tx, t.Context())
	must(t, s.RemoveClient(ctx, "buyer"))
	must(t, tx.Rollback(ctx))
	wantRegistration(t, s, want)
	wantFree(t, s, false, want.Unique...)
	must(t, s.RemoveClient(t.Context(), "buyer"))
}

func registrationRefusal(t *testing.T, s storage.Registrar) {
	tx := offer[fositestorage.Transactional](t, s, "transactions")
	must(t, s.CreateClient(t.Context(), newRegistration()))
	ctx := begin(t, tx, t.Context())
	must(t, s.CreateClient(ctx, registrationOf("other")))
	third := newRegistration()
	third.Client.ID = "third"
	wantError(t, s.CreateClient(ctx, third), storage.ErrExists)
	wantError(t, s.RemoveClient(ctx, "unknown"), storage.ErrNotFound)
	must(t, tx.Commit(ctx))
	_, err := s.GetRegistration(t.Context(), "other")
	must(t, err)
	wantAbsent(t, s, "third")
}
