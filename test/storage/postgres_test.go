package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/storage/storagetest"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

func postgres(t *testing.T, server string) *sql.DB {
	t.Helper()
	db := pgtest.Database(t, server)
	must(t, lsosql.Migrate(t.Context(), db, lsosql.Postgres))
	return db
}

func TestPostgresStore(t *testing.T) {
	server := pgtest.Server(t)
	storagetest.Run(t, func(t *testing.T) storagetest.Store {
		db := postgres(t, server)
		return &dumped{lsosql.New(db, lsosql.Postgres, storagetest.NewSession), db}
	})
}

func TestPostgresRecords(t *testing.T) {
	server := pgtest.Server(t)
	storagetest.Records(t, func(t *testing.T) storage.Records {
		return lsosql.NewRecords(postgres(t, server), lsosql.Postgres)
	})
}

func TestPostgresMigrations(t *testing.T) {
	db := pgtest.Database(t, pgtest.Server(t))
	results := make([]error, 8)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = lsosql.Migrate(t.Context(), db, lsosql.Postgres) })
	}
	wg.Wait()
	must(t, errors.Join(results...))
	must(t, lsosql.Migrate(t.Context(), db, lsosql.Postgres))
}

// Two transactions that PostgreSQL cannot bring into an order: the loser is
// told to try again, in Fosite's words.
func TestPostgresSerializationFailure(t *testing.T) {
	db := postgres(t, pgtest.Server(t))
	store := lsosql.NewRecords(db, lsosql.Postgres)
	in := &storage.Intent{ID: "in", ClientID: "c", Kind: storage.IntentOnce, State: storage.IntentPending}
	must(t, store.CreateIntent(t.Context(), in))
	begin := func() *sql.Tx {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		must(t, err)
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	first, second := begin(), begin()
	store.TxFrom = hostTx
	within := func(tx *sql.Tx) context.Context { return context.WithValue(t.Context(), hostKey{}, tx) }
	_, err := store.GetIntent(within(second), "in") // the second one's picture is taken now
	must(t, err)
	must(t, store.SwapIntent(within(first), in))
	must(t, first.Commit())
	if err := store.SwapIntent(within(second), in); !errors.Is(err, fosite.ErrSerializationFailure) {
		t.Errorf("the loser got %v", err)
	}
}
