package embed_test

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	fositestorage "github.com/ory/fosite/storage"

	host "github.com/meflso/fosite-meflso/example/embed/after"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/storagetest"
)

// hostStore is the team's store, and what lies in it.
type hostStore struct {
	teamStore
	db *sql.DB
}

type teamStore interface {
	fosite.ClientManager
	oauth2.CoreStorage
	oauth2.TokenRevocationStorage
	openid.OpenIDConnectRequestStorage
	fositestorage.Transactional
}

func openHostStore(t *testing.T) storagetest.HostStore {
	t.Helper()
	s := start(t)
	s.buyer(t, "buyer-a", "ES256")
	store, ok := s.server.Storage().(teamStore)
	if !ok {
		t.Fatalf("%T is no Fosite storage", s.server.Storage())
	}
	return &hostStore{store, s.db}
}

// Dump implements storagetest.Dumper.
func (s *hostStore) Dump() string {
	rows, err := s.db.Query(`SELECT kind || signature || request FROM requests`)
	if err != nil {
		return ""
	}
	defer rows.Close()
	var text strings.Builder
	for rows.Next() {
		var row []byte
		if rows.Scan(&row) != nil {
			return ""
		}
		fmt.Fprintf(&text, "%s\n", row)
	}
	if rows.Err() != nil {
		return ""
	}
	return text.String()
}

// TestHostStore: the library works over a store as teams have it, and says what
// it makes up for.
func TestHostStore(t *testing.T) {
	report := storagetest.Host(t, openHostStore, storagetest.HostOptions{
		ClientID:   "buyer-a",
		NewSession: func() storage.Session { return &host.Session{DefaultSession: openid.NewDefaultSession()} },
		Fill:       func(s storage.Session) { s.(*host.Session).Tenant = "acme" },
	})
	var advice []storagetest.Item
	for _, f := range report.Advice {
		advice = append(advice, f.Item)
	}
	want := []storagetest.Item{
		storagetest.SessionFresh, storagetest.CodeOnce, storagetest.RefreshOnce, storagetest.Expiry, storagetest.Nesting,
	}
	slices.Sort(advice)
	slices.Sort(want)
	if !reflect.DeepEqual(advice, want) || len(report.Must) > 0 || len(report.Unseen) > 0 {
		t.Errorf("got %+v\nwant the advice %q", report, want)
	}
}
