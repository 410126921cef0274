package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/meflso/fosite-meflso/storage"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/storage/storagetest"
)

const pragmas = "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"

// openSQLite opens a database file without tables.
func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	return openFile(t, filepath.Join(t.TempDir(), "lso.db")+pragmas)
}

func openFile(t *testing.T, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+name)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func migrated(t *testing.T) *sql.DB {
	t.Helper()
	db := openSQLite(t)
	must(t, lsosql.Migrate(t.Context(), db, lsosql.SQLite))
	return db
}

func newStore(t *testing.T) (*lsosql.Store, *sql.DB) {
	t.Helper()
	db := migrated(t)
	return lsosql.New(db, lsosql.SQLite, storagetest.NewSession), db
}

func TestSQLiteStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Store {
		store, db := newStore(t)
		return &dumped{store, db}
	})
}

func TestSQLiteRecords(t *testing.T) {
	storagetest.Records(t, func(t *testing.T) storage.Records {
		return lsosql.NewRecords(migrated(t), lsosql.SQLite)
	})
}

// dumped is a store that shows what lies in its tables.
type dumped struct {
	*lsosql.Store
	db *sql.DB
}

func (d *dumped) Dump() string {
	var text strings.Builder
	for _, table := range []string{
		"lso_intents", "lso_once", "lso_clients", "lso_requests", "lso_registrations",
		"lso_registration_uniques", "lso_client_ids",
	} {
		if err := dumpTable(&text, d.db, table); err != nil {
			return ""
		}
	}
	return text.String()
}

func dumpTable(text *strings.Builder, db *sql.DB, table string) error {
	rows, err := db.QueryContext(context.Background(), "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err
		}
		for _, v := range values {
			fmt.Fprintln(text, *v.(*any))
		}
	}
	return rows.Err()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
