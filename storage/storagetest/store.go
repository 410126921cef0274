package storagetest

import (
	"context"
	"testing"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
)

// Store is an adapter that holds all that a server needs.
type Store interface {
	storage.Records
	fosite.Storage
	oauth2.CoreStorage
	oauth2.TokenRevocationStorage
	openid.OpenIDConnectRequestStorage
	fositestorage.Transactional
	PutClient(ctx context.Context, client *storage.Client) error
	DeleteClient(ctx context.Context, id string) error
}

// Dumper is an optional interface of a store under test: Dump returns all that
// it holds, as text.
type Dumper interface {
	Dump() string
}

// Run runs the whole contract. Every subtest gets a store of its own from
// newStore, which must be empty, and read sessions into those of NewSession.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	t.Helper()
	t.Run("Records", func(t *testing.T) {
		Records(t, func(t *testing.T) storage.Records { return newStore(t) })
	})
	for _, group := range [][]check[Store]{clientChecks, requestChecks, codeChecks, tokenChecks, storeTransactionChecks} {
		runAll(t, group, newStore)
	}
}

// Records runs the contract of storage.Records; and where the store is a
// fosite/storage.Transactional, that of transactions over it.
func Records(t *testing.T, newRecords func(t *testing.T) storage.Records) {
	t.Helper()
	runAll(t, intentChecks, newRecords)
	runAll(t, onceChecks, newRecords)
	if _, ok := newRecords(t).(fositestorage.Transactional); !ok {
		return
	}
	runAll(t, transactionChecks, func(t *testing.T) transactional {
		return newRecords(t).(transactional)
	})
}

// transactional is storage.Records with transactions.
type transactional interface {
	storage.Records
	fositestorage.Transactional
}

// check is one sentence of the contract.
type check[S any] struct {
	name string
	run  func(t *testing.T, store S)
}

func runAll[S any](t *testing.T, checks []check[S], newStore func(t *testing.T) S) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}
