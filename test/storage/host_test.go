package storage_test

import (
	"testing"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/storage/storagetest"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

// hostStore is an adapter of the library's, seen as a team's own.
func hostStore(t *testing.T, s storagetest.Store) storagetest.HostStore {
	t.Helper()
	must(t, s.PutClient(t.Context(), &storage.Client{ID: "buyer"}))
	return s
}

// The library's own adapters need no advice.
func TestHostOverOurStores(t *testing.T) {
	server := ""
	for name, open := range map[string]func(t *testing.T) storagetest.HostStore{
		"memory": func(t *testing.T) storagetest.HostStore {
			return hostStore(t, memory.New(memory.Config{NewSession: storagetest.NewSession}))
		},
		"sqlite": func(t *testing.T) storagetest.HostStore {
			store, db := newStore(t)
			return hostStore(t, &dumped{store, db})
		},
		"postgres": func(t *testing.T) storagetest.HostStore {
			db := postgres(t, server)
			return hostStore(t, &dumped{lsosql.New(db, lsosql.Postgres, storagetest.NewSession), db})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" {
				server = pgtest.Server(t)
			}
			report := storagetest.Host(t, open, storagetest.HostOptions{})
			if len(report.Advice) > 0 || len(report.Must) > 0 {
				t.Errorf("got %+v", report)
			}
			if unseen := len(report.Unseen); (unseen > 0) != (name == "memory") { // which shows nothing
				t.Errorf("not looked at: %v", report.Unseen)
			}
		})
	}
}
