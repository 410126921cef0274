package harness

import (
	stdsql "database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/meflso/fosite-meflso/storage/sql"
)

// SQLite opens a migrated SQLite file.
func SQLite(t testing.TB) *stdsql.DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lso.db")
	db, err := stdsql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := sql.Migrate(t.Context(), db, sql.SQLite); err != nil {
		t.Fatal(err)
	}
	return db
}
