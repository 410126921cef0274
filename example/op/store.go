package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
)

// storeSpec is the flag -store. The zero value is the store in memory.
type storeSpec struct {
	path     string   // of the SQLite file
	postgres *url.URL // of the database, often with a password
}

func parseStore(raw string) (storeSpec, error) {
	scheme, path, _ := strings.Cut(raw, ":")
	switch {
	case raw == "memory":
		return storeSpec{}, nil
	case scheme == "postgres" || scheme == "postgresql":
		return parsePostgres(raw)
	case scheme != "sqlite":
		return storeSpec{}, usage("-store is none of memory, sqlite:PATH, postgres://…")
	case path == "" || strings.Contains(path, ":memory:") || strings.HasPrefix(path, "file:"):
		return storeSpec{}, usage("-store sqlite:PATH wants the path of a file")
	}
	return storeSpec{path: path}, nil
}

// String is the store as it may be shown: without password and parameters.
func (s storeSpec) String() string {
	switch {
	case s.postgres != nil:
		return showPostgres(s.postgres)
	case s.path != "":
		return "sqlite:" + s.path
	}
	return "memory"
}

// beside is the name of a file that belongs to the store: beside a SQLite file,
// else in the working directory. What it holds never goes into the database.
func (s storeSpec) beside(name string) string {
	if s.path == "" {
		return "lso-" + name
	}
	return s.path + "." + name
}

// store is either of the library's adapters.
type store interface {
	storage.Records
	fosite.Storage
	oauth2.CoreStorage
	oauth2.TokenRevocationStorage
	openid.OpenIDConnectRequestStorage
	PutClient(context.Context, *storage.Client) error
}

// database is an open store.
type database struct {
	store
	sweep func(context.Context) error // deletes what has expired
	close func() error
}

func newSession() storage.Session { return storage.NewSession() }

func (s storeSpec) open(ctx context.Context) (*database, error) {
	switch {
	case s.postgres != nil:
		db, err := openPostgres(s.postgres)
		if err != nil {
			return nil, err
		}
		return migrated(ctx, db, lsosql.Postgres)
	case s.path != "":
		return openSQLite(ctx, s.path)
	}
	m := memory.New(memory.Config{NewSession: newSession}) // sweeps by itself
	return &database{store: m, sweep: func(context.Context) error { return nil }, close: func() error { return nil }}, nil
}

func openSQLite(ctx context.Context, path string) (*database, error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err // SQLite would say "out of memory"
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	return migrated(ctx, db, lsosql.SQLite)
}

// startTimeout bounds the wait for a database that does not answer, or whose
// tables another process is making.
const startTimeout = 30 * time.Second

// migrated brings the tables up to date and puts the library's store over them.
func migrated(ctx context.Context, db *sql.DB, dialect lsosql.Dialect) (*database, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := lsosql.Migrate(ctx, db, dialect); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	q := lsosql.New(db, dialect, newSession)
	return &database{store: q, sweep: q.Sweep, close: db.Close}, nil
}

// dsn escapes the characters that would end the path in a URI.
func dsn(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.Clean(path)) +
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
}

// ready reports whether the store answers.
func (d *database) ready(ctx context.Context) error {
	if _, err := d.GetOnce(ctx, "readyz"); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return nil
}
