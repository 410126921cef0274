package sql

import (
	"errors"
	"fmt"

	"github.com/ory/fosite"
)

// Dialect names the database. The statements are the same for all; what
// differs is how the driver tells that two transactions got in each other's
// way.
type Dialect string

// The dialects.
const (
	// SQLite from 3.35. Every connection wants busy_timeout(5000),
	// journal_mode(WAL), foreign_keys(1) and immediate transactions.
	SQLite Dialect = "sqlite"
	// Postgres from 12, at the isolation level READ COMMITTED or above.
	Postgres Dialect = "postgres"
)

// failure turns the error of a statement that lost against another one into
// fosite.ErrSerializationFailure; others stay as they are.
func (d Dialect) failure(err error) error {
	if err != nil && d.lost(err) {
		return fmt.Errorf("%w: %w", fosite.ErrSerializationFailure, err)
	}
	return err
}

func (d Dialect) lost(err error) bool {
	switch d {
	case Postgres:
		return lostPostgres(err)
	case SQLite:
		return lostSQLite(err)
	default:
		return false
	}
}

// lostPostgres reports serialization_failure and deadlock_detected.
func lostPostgres(err error) bool {
	var state interface{ SQLState() string }
	return errors.As(err, &state) && (state.SQLState() == "40001" || state.SQLState() == "40P01")
}

// lostSQLite reports SQLITE_BUSY with all its extended codes.
func lostSQLite(err error) bool {
	var code interface{ Code() int }
	return errors.As(err, &code) && code.Code()&0xff == 5
}
