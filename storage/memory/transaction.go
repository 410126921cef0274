package memory

import (
	"context"

	"github.com/meflso/fosite-meflso/storage/internal/record"
)

type transactionKey struct{ owner *Store }

// transaction remembers what an open transaction has changed.
type transaction struct {
	nest    *record.Nest
	changes []change // under the Store's mutex
}

// change is one replacement of a row; nil stands for no row.
type change struct {
	table         *table
	key           string
	before, after *row
}

func (s *Store) transaction(ctx context.Context) *transaction {
	tx, _ := ctx.Value(transactionKey{s}).(*transaction)
	return tx
}

// BeginTX returns a context whose operations can be undone together. Within an
// open transaction it only goes one deeper. What a transaction writes is seen
// by others at once; a record that somebody else changes in the meantime stays
// as they left it.
func (s *Store) BeginTX(ctx context.Context) (context.Context, error) {
	if tx := s.transaction(ctx); tx != nil && tx.nest.Enter() {
		return ctx, nil
	}
	return context.WithValue(ctx, transactionKey{s}, &transaction{nest: record.NewNest(), changes: make([]change, 0, 8)}), nil
}

// Commit ends the transaction of ctx. It returns an error where there is none,
// and, having undone everything, where a transaction within was rolled back.
func (s *Store) Commit(ctx context.Context) error {
	tx := s.transaction(ctx)
	if tx == nil {
		return record.ErrNoTransaction
	}
	return tx.nest.Commit(func() error { return nil }, func() error { return s.undo(tx) })
}

// Rollback undoes what was done in the transaction of ctx, one-time marks
// included; within another transaction it leaves that to the outer one's end.
// It returns an error where there is no transaction.
func (s *Store) Rollback(ctx context.Context) error {
	tx := s.transaction(ctx)
	if tx == nil {
		return record.ErrNoTransaction
	}
	return tx.nest.Rollback(func() error { return s.undo(tx) })
}

func (s *Store) undo(tx *transaction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(tx.changes) - 1; i >= 0; i-- {
		if c := tx.changes[i]; c.table.rows[c.key] == c.after {
			c.table.put(c.key, c.before)
		}
	}
	tx.changes = nil
	return nil
}
