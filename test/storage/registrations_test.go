package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/storage/storagetest"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

func TestSQLiteRegistrations(t *testing.T) {
	storagetest.Registrations(t, func(t *testing.T) storage.Registrar {
		store, _ := newStore(t)
		return store
	})
}

// The contract holds over connections without foreign_keys(1), too.
func TestSQLiteRegistrationsWithoutForeignKeys(t *testing.T) {
	storagetest.Registrations(t, func(t *testing.T) storage.Registrar {
		name := t.TempDir() + "/lso.db" + strings.ReplaceAll(pragmas, "foreign_keys(1)", "foreign_keys(0)")
		db := openFile(t, name)
		must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
		return lsosql.New(db, lsosql.SQLite, storagetest.NewSession)
	})
}

func TestPostgresRegistrations(t *testing.T) {
	server := pgtest.Server(t)
	storagetest.Registrations(t, func(t *testing.T) storage.Registrar {
		return lsosql.New(postgres(t, server), lsosql.Postgres, storagetest.NewSession)
	})
}

func buyer() *storage.Registration {
	return &storage.Registration{
		Client: storage.Client{ID: "buyer"}, TokenHash: "hash", Unique: []string{"org and software"}, IssuedAt: time.Now(),
	}
}

// firstVersion makes the tables as they were before there were registrations.
func firstVersion(t *testing.T, db *sql.DB) {
	t.Helper()
	text, err := fs.ReadFile(lsosql.Migrations, "0001_init.sql")
	must(t, err)
	for _, statement := range []string{
		string(text),
		`CREATE TABLE lso_schema (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)`,
		`INSERT INTO lso_schema (id, version) VALUES (1, 1)`,
		`INSERT INTO lso_clients (id, data) VALUES ('old', '{"client_id":"old","scope":"openid"}')`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
}

func TestMigrationKeepsClients(t *testing.T) {
	for dialect, open := range map[lsosql.Dialect]func(*testing.T) *sql.DB{
		lsosql.SQLite:   openSQLite,
		lsosql.Postgres: func(t *testing.T) *sql.DB { return pgtest.Database(t, pgtest.Server(t)) },
	} {
		t.Run(string(dialect), func(t *testing.T) {
			db := open(t)
			firstVersion(t, db)
			must(t, lsosql.Migrate(t.Context(), db, dialect))
			store := lsosql.New(db, dialect, nil)
			client, err := store.GetClient(t.Context(), "old")
			must(t, err)
			if !client.GetScopes().Has("openid") {
				t.Errorf("got %+v", client)
			}
			must(t, store.PutClient(t.Context(), client.(*storage.Client)))
			must(t, store.CreateClient(t.Context(), buyer()))
			taken := buyer()
			taken.Client.ID, taken.Unique = "old", nil
			if err := store.CreateClient(t.Context(), taken); !errors.Is(err, storage.ErrExists) {
				t.Errorf("got %v, want storage.ErrExists", err)
			}
		})
	}
}

// A registration is part of the host's transaction, and a refused one leaves it
// usable.
func TestRegistrationJoinsTheHostsTransaction(t *testing.T) {
	for dialect, open := range map[lsosql.Dialect]func(*testing.T) *sql.DB{
		lsosql.SQLite:   migrated,
		lsosql.Postgres: func(t *testing.T) *sql.DB { return postgres(t, pgtest.Server(t)) },
	} {
		t.Run(string(dialect), func(t *testing.T) {
			db := open(t)
			store := lsosql.New(db, dialect, nil)
			store.TxFrom = hostTx
			tx, err := db.BeginTx(t.Context(), nil)
			must(t, err)
			host := context.WithValue(t.Context(), hostKey{}, tx)
			must(t, store.CreateClient(host, buyer()))
			if err := store.CreateClient(host, buyer()); !errors.Is(err, storage.ErrExists) {
				t.Errorf("got %v, want storage.ErrExists", err)
			}
			must(t, store.RemoveClient(host, "buyer"))
			must(t, tx.Rollback())
			must(t, store.CreateClient(t.Context(), buyer())) // not even its identifier was kept
			must(t, store.RemoveClient(t.Context(), "buyer"))
			wantCount(t, db, `SELECT count(*) FROM lso_client_ids`, 1)
			wantCount(t, db, `SELECT count(*) FROM lso_registrations`, 0)
		})
	}
}

// While a client is removed, its tokens are made and rotated: who loses is told
// to try again, and nothing of the client is left.
func TestPostgresRemovalAmongTokens(t *testing.T) {
	db := postgres(t, pgtest.Server(t))
	store := lsosql.New(db, lsosql.Postgres, nil)
	for round := range 10 {
		r := buyer()
		r.Client.ID = fmt.Sprint("buyer-", round)
		must(t, store.CreateClient(t.Context(), r))
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() { issue(t, store, r.Client.ID, fmt.Sprint(round, "-", i)) })
		}
		all.Go(func() {
			err := error(fosite.ErrSerializationFailure)
			for errors.Is(err, fosite.ErrSerializationFailure) {
				err = store.RemoveClient(context.Background(), r.Client.ID)
			}
			if err != nil {
				t.Errorf("removal: %v", err)
			}
		})
		all.Wait()
	}
	wantCount(t, db, `SELECT count(*) FROM lso_requests`, 0)
	wantCount(t, db, `SELECT count(*) FROM lso_clients`, 0)
}

// issue makes tokens and rotates them in one transaction, as Fosite does.
func issue(t *testing.T, store *lsosql.Store, clientID, id string) {
	ctx := context.Background()
	r := &fosite.Request{ID: id, Client: &storage.Client{ID: clientID}, Session: storage.NewSession()}
	if store.CreateRefreshTokenSession(ctx, id, "", r) != nil {
		return // the client was gone already
	}
	tx, err := store.BeginTX(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	err = store.RotateRefreshToken(tx, id, id)
	if err == nil {
		err = store.CreateAccessTokenSession(tx, id, r)
	}
	if err == nil {
		err = store.CreateRefreshTokenSession(tx, id+"-next", "", r)
	}
	if err != nil { // the client was removed meanwhile
		_ = store.Rollback(tx)
		return
	}
	if err := store.Commit(tx); err != nil {
		t.Error(err)
	}
}
