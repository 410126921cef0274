package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
)

func TestMigrateAgain(t *testing.T) {
	db := migrated(t)
	store := lsosql.NewRecords(db, lsosql.SQLite)
	must(t, store.UseOnce(t.Context(), "k", time.Now().Add(time.Minute)))
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	wantUsed(t, store, "k")
}

func TestMigrateByManyAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lso.db") + pragmas
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		db := openFile(t, name)
		wg.Go(func() { results[i] = lsosql.Migrate(context.Background(), db, lsosql.SQLite) })
	}
	wg.Wait()
	must(t, errors.Join(results...))
}

func TestMigrateRefuses(t *testing.T) {
	newer := migrated(t)
	_, err := newer.ExecContext(t.Context(), `UPDATE lso_schema SET version = 1000`)
	must(t, err)
	for name, err := range map[string]error{
		"an unknown dialect": lsosql.Migrate(t.Context(), migrated(t), "oracle"),
		"a newer database":   lsosql.Migrate(t.Context(), newer, lsosql.SQLite),
	} {
		if err == nil {
			t.Errorf("%s was migrated", name)
		}
	}
}

func TestMigrationsAreFiles(t *testing.T) {
	names, err := fs.Glob(lsosql.Migrations, "*.sql")
	must(t, err)
	if len(names) == 0 || names[0] != "0001_init.sql" {
		t.Fatalf("got %v", names)
	}
}

func TestSweepDeletesWhatHasExpired(t *testing.T) {
	store, db := newStore(t)
	now := time.Now()
	store.Clock = func() time.Time { return now }
	must(t, store.PutClient(t.Context(), &storage.Client{ID: "buyer"}))
	for key, until := range map[string]time.Time{"short": now.Add(time.Minute), "long": now.Add(time.Hour)} {
		must(t, store.UseOnce(t.Context(), key, until))
		must(t, store.CreateAccessTokenSession(t.Context(), key, request(key, until)))
	}
	must(t, store.CreateAccessTokenSession(t.Context(), "never", request("never", time.Time{})))
	must(t, store.CreateIntent(t.Context(), &storage.Intent{ID: "1", ExpiresAt: now}))

	now = now.Add(time.Minute)
	must(t, store.Sweep(t.Context()))
	wantCount(t, db, `SELECT count(*) FROM lso_once`, 1)
	wantCount(t, db, `SELECT count(*) FROM lso_requests`, 2)
	wantCount(t, db, `SELECT count(*) FROM lso_intents`, 1)
	wantUsed(t, store.Records, "long")
}

func request(id string, until time.Time) *fosite.Request {
	session := storage.NewSession()
	session.SetExpiresAt(fosite.AccessToken, until)
	return &fosite.Request{ID: id, Client: &storage.Client{ID: "buyer"}, Session: session}
}

// The rest is about the host's own transaction.

type hostKey struct{}

func hostTx(ctx context.Context) (*sql.Tx, bool) {
	tx, ok := ctx.Value(hostKey{}).(*sql.Tx)
	return tx, ok
}

func inHostTx(t *testing.T) (*lsosql.Records, *sql.Tx, context.Context) {
	t.Helper()
	db := migrated(t)
	r := lsosql.NewRecords(db, lsosql.SQLite)
	r.TxFrom = hostTx
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return r, tx, context.WithValue(t.Context(), hostKey{}, tx)
}

func TestHostTransactionIsJoined(t *testing.T) {
	r, tx, host := inHostTx(t)
	until := time.Now().Add(time.Minute)
	must(t, r.UseOnce(host, "plain", until))
	ctx, err := r.BeginTX(host)
	must(t, err)
	must(t, r.UseOnce(ctx, "within", until))
	must(t, r.Commit(ctx))
	must(t, tx.Rollback())
	must(t, r.UseOnce(t.Context(), "plain", until))
	must(t, r.UseOnce(t.Context(), "within", until))
}

func TestHostTransactionOutlivesARollback(t *testing.T) {
	r, tx, host := inHostTx(t)
	until := time.Now().Add(time.Minute)
	must(t, r.UseOnce(host, "plain", until))
	ctx, err := r.BeginTX(host)
	must(t, err)
	must(t, r.UseOnce(ctx, "within", until))
	must(t, r.Rollback(ctx))
	must(t, tx.Commit())
	wantUsed(t, r, "plain")
	must(t, r.UseOnce(t.Context(), "within", until))
}

func TestCancelledTransactionRollsBack(t *testing.T) {
	r := lsosql.NewRecords(migrated(t), lsosql.SQLite)
	until := time.Now().Add(time.Minute)
	cancelled, cancel := context.WithCancel(t.Context())
	ctx, err := r.BeginTX(cancelled)
	must(t, err)
	must(t, r.UseOnce(ctx, "k", until))
	cancel()
	must(t, r.Rollback(ctx))
	must(t, r.UseOnce(t.Context(), "k", until))
}

func TestCancelledHostTransactionGoesBack(t *testing.T) {
	r, tx, host := inHostTx(t)
	until := time.Now().Add(time.Minute)
	cancelled, cancel := context.WithCancel(host)
	ctx, err := r.BeginTX(cancelled)
	must(t, err)
	must(t, r.UseOnce(ctx, "within", until))
	cancel()
	must(t, r.Rollback(ctx))
	must(t, tx.Commit())
	must(t, r.UseOnce(t.Context(), "within", until))
}

func TestBusyIsASerializationFailure(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lso.db") + "?_pragma=foreign_keys(1)&_txlock=immediate"
	db, other := openFile(t, name), openFile(t, name)
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	tx, err := other.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = tx.Rollback() }()

	r := lsosql.NewRecords(db, lsosql.SQLite)
	if err := r.UseOnce(t.Context(), "k", time.Now()); !errors.Is(err, fosite.ErrSerializationFailure) {
		t.Fatalf("got %v, want fosite.ErrSerializationFailure", err)
	}
	if _, err := r.BeginTX(t.Context()); !errors.Is(err, fosite.ErrSerializationFailure) {
		t.Fatalf("got %v, want fosite.ErrSerializationFailure", err)
	}
}

func wantUsed(t *testing.T, r storage.Once, key string) {
	t.Helper()
	if err := r.UseOnce(t.Context(), key, time.Now().Add(time.Minute)); !errors.Is(err, storage.ErrUsed) {
		t.Fatalf("%s: got %v, want storage.ErrUsed", key, err)
	}
}

func wantCount(t *testing.T, db *sql.DB, query string, want int) {
	t.Helper()
	var got int
	must(t, db.QueryRowContext(t.Context(), query).Scan(&got))
	if got != want {
		t.Fatalf("%s: got %d, want %d", query, got, want)
	}
}
