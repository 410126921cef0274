package e2e

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/test/harness"
)

// apart keeps clients in one store and records in another.
type apart struct {
	clients harness.Store
	storage.Records
}

func (a apart) PutClient(ctx context.Context, c *storage.Client) error {
	return a.clients.PutClient(ctx, c)
}

func (a apart) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	return a.clients.(fosite.ClientManager).GetClient(ctx, id)
}

func (a apart) ClientAssertionJWTValid(context.Context, string) error          { return nil }
func (a apart) SetClientAssertionJWT(context.Context, string, time.Time) error { return nil }

// dump is every value of every table.
func dump(t testing.TB, db *stdsql.DB) string {
	t.Helper()
	var text strings.Builder
	for _, table := range query(t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		for _, row := range query(t, db, `SELECT * FROM `+table) {
			text.WriteString(row)
		}
	}
	return text.String()
}

func query(t testing.TB, db *stdsql.DB, q string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := ""
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			row += fmt.Sprint(v)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
