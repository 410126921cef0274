package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
)

// storeSpec is the flag -store.
type storeSpec struct {
	path string // of the SQLite file; empty: memory
}

func parseStore(raw string) (storeSpec, error) {
	scheme, path, _ := strings.Cut(raw, ":")
	switch {
	case raw == "memory":
		return storeSpec{}, nil
	case scheme == "postgres" || scheme == "postgresql":
		return storeSpec{}, unavailable("-store postgres") // the URL may hold a password
	case scheme != "sqlite":
		return storeSpec{}, usage("-store is none of memory, sqlite:PATH, postgres://…")
	case path == "" || strings.Contains(path, ":memory:") || strings.HasPrefix(path, "file:"):
		return storeSpec{}, usage("-store sqlite:PATH wants the path of a file")
	}
	return storeSpec{path: path}, nil
}

func (s storeSpec) String() string {
	if s.path == "" {
		return "memory"
	}
	return "sqlite:" + s.path
}

// beside is the name of a file that belongs to the store.
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
	if s.path == "" {
		m := memory.New(memory.Config{NewSession: newSession}) // sweeps by itself
		return &database{store: m, sweep: func(context.Context) error { return nil }, close: func() error { return nil }}, nil
	}
	if _, err := os.Stat(filepath.Dir(s.path)); err != nil {
		return nil, err // SQLite would say "out of memory"
	}
	db, err := sql.Open("sqlite", dsn(s.path))
	if err != nil {
		return nil, err
	}
	if err := lsosql.Migrate(ctx, db, lsosql.SQLite); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	q := lsosql.New(db, lsosql.SQLite, newSession)
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
