package sql

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ory/fosite"
)

// state is an error as PostgreSQL drivers have it, code one as SQLite's.
type state string

func (s state) Error() string    { return "state " + string(s) }
func (s state) SQLState() string { return string(s) }

type code int

func (c code) Error() string { return fmt.Sprint("code ", int(c)) }
func (c code) Code() int     { return int(c) }

func TestLostStatementsAreSerializationFailures(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		err     error
		lost    bool
	}{
		{Postgres, state("40001"), true},
		{Postgres, state("40P01"), true},
		{Postgres, fmt.Errorf("wrapped: %w", state("40001")), true},
		{Postgres, state("23505"), false},
		{Postgres, code(5), false},
		{SQLite, code(5), true},
		{SQLite, code(5 | 2<<8), true}, // SQLITE_BUSY_SNAPSHOT
		{SQLite, code(6), false},
		{SQLite, state("40001"), false},
		{SQLite, errors.New("other"), false},
		{"", code(5), false},
	} {
		got := c.dialect.failure(c.err)
		if errors.Is(got, fosite.ErrSerializationFailure) != c.lost || !errors.Is(got, c.err) {
			t.Errorf("%s, %v: got %v", c.dialect, c.err, got)
		}
	}
	if err := SQLite.failure(nil); err != nil {
		t.Errorf("nil: got %v", err)
	}
}
