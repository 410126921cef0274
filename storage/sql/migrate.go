package sql

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations holds the migrations as plain SQL for both dialects, for teams
// that run them with what they have. A name begins with the version that the
// file leads to; every statement ends with a semicolon at the end of a line.
var Migrations fs.FS = must(fs.Sub(files, "migrations"))

func must(sub fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

const (
	createVersion = `CREATE TABLE IF NOT EXISTS lso_schema (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)`
	firstVersion  = `INSERT INTO lso_schema (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING`
	// An update that changes nothing, for the lock on the row.
	lockVersion = `UPDATE lso_schema SET version = version WHERE id = 1 RETURNING version`
	setVersion  = `UPDATE lso_schema SET version = $1 WHERE id = 1`
)

// Migrate brings the tables of db up to date, all at once or not at all. The
// version is kept in the table lso_schema. Migrate may be run again, and by
// several processes at once; those that come late find nothing left to do. It
// returns an error for an unknown dialect and for a database that is newer than
// this code.
func Migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	if d != SQLite && d != Postgres {
		return fmt.Errorf("storage/sql: unknown dialect %q", string(d))
	}
	if err := prepareVersion(ctx, db); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := migrate(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// prepareVersion makes the version table. PostgreSQL may refuse one of two
// CREATE TABLE IF NOT EXISTS that run at the same time; a moment later it finds
// the table.
func prepareVersion(ctx context.Context, db *sql.DB) (err error) {
	for range 5 {
		if _, err = db.ExecContext(ctx, createVersion); err == nil {
			_, err = db.ExecContext(ctx, firstVersion)
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func migrate(ctx context.Context, tx *sql.Tx) error {
	var version int64
	if err := tx.QueryRowContext(ctx, lockVersion).Scan(&version); err != nil {
		return err
	}
	names, err := fs.Glob(Migrations, "*.sql")
	if err != nil {
		return err
	}
	if version > int64(len(names)) {
		return fmt.Errorf("storage/sql: the database is at version %d, newer than this code", version)
	}
	return apply(ctx, tx, names, version)
}

func apply(ctx context.Context, tx *sql.Tx, names []string, version int64) error {
	for _, name := range names {
		number, err := strconv.ParseInt(strings.SplitN(name, "_", 2)[0], 10, 64)
		if err != nil {
			return err
		}
		if number <= version {
			continue
		}
		if err := applyFile(ctx, tx, name); err != nil {
			return fmt.Errorf("storage/sql: migration %s: %w", name, err)
		}
		version = number
	}
	_, err := tx.ExecContext(ctx, setVersion, version)
	return err
}

func applyFile(ctx context.Context, tx *sql.Tx, name string) error {
	text, err := fs.ReadFile(Migrations, name)
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(string(text), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
