package sql

import (
	"context"
	"database/sql"
	"errors"

	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier returns the transaction of ctx, else the host's, else the database.
func (r *Records) querier(ctx context.Context) querier {
	if tx := r.transaction(ctx); tx != nil {
		return tx.Tx
	}
	if tx, ok := r.hosts(ctx); ok {
		return tx
	}
	return r.db
}

func (r *Records) hosts(ctx context.Context) (*sql.Tx, bool) {
	if r.TxFrom == nil {
		return nil, false
	}
	return r.TxFrom(ctx)
}

func (r *Records) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := r.querier(ctx).ExecContext(ctx, query, args...)
	return result, r.dialect.failure(err)
}

// change runs a conditional statement; where it changed no row, it returns the
// given error.
func (r *Records) change(ctx context.Context, none error, query string, args ...any) error {
	result, err := r.exec(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = none
	}
	return err
}

// row runs a statement of at most one row and returns what scans it; where
// there is none, that returns the given error.
func (r *Records) row(ctx context.Context, none error, query string, args ...any) func(...any) error {
	row := r.querier(ctx).QueryRowContext(ctx, query, args...)
	return func(dest ...any) error {
		err := row.Scan(dest...)
		if errors.Is(err, sql.ErrNoRows) {
			return none
		}
		return r.dialect.failure(err)
	}
}

type transactionKey struct{ owner *Records }

type transaction struct {
	*sql.Tx
	nest     *record.Nest
	commit   func() error
	rollback func() error
}

func (r *Records) transaction(ctx context.Context) *transaction {
	tx, _ := ctx.Value(transactionKey{r}).(*transaction)
	return tx
}

// BeginTX returns a context whose statements form one transaction. Within an
// open one it only goes one deeper; within a transaction of the host's
// (TxFrom) it sets a savepoint. A cancelled ctx rolls the transaction back.
func (r *Records) BeginTX(ctx context.Context) (context.Context, error) {
	if tx := r.transaction(ctx); tx != nil && tx.nest.Enter() {
		return ctx, nil
	}
	tx, err := r.open(ctx)
	if err != nil {
		return nil, r.dialect.failure(err)
	}
	return context.WithValue(ctx, transactionKey{r}, tx), nil
}

func (r *Records) open(ctx context.Context) (*transaction, error) {
	if host, ok := r.hosts(ctx); ok {
		return savepoint(ctx, host)
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	rollback := func() error { return rollback(tx) }
	return &transaction{Tx: tx, nest: record.NewNest(), commit: tx.Commit, rollback: rollback}, nil
}

// rollback is content with a transaction that a cancelled context has rolled
// back already.
func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// savepoint makes a transaction within the host's. It goes back even when ctx
// is cancelled, as the host may commit all the same.
func savepoint(ctx context.Context, host *sql.Tx) (*transaction, error) {
	ctx = context.WithoutCancel(ctx)
	run := func(query string) func() error {
		return func() error {
			_, err := host.ExecContext(ctx, query)
			return err
		}
	}
	if err := run("SAVEPOINT lso")(); err != nil {
		return nil, err
	}
	release, back := run("RELEASE SAVEPOINT lso"), run("ROLLBACK TO SAVEPOINT lso")
	rollback := func() error { return errors.Join(back(), release()) }
	return &transaction{Tx: host, nest: record.NewNest(), commit: release, rollback: rollback}, nil
}

// Commit ends the transaction of ctx. It returns an error where there is none,
// and, having rolled everything back, where a transaction within was rolled
// back.
func (r *Records) Commit(ctx context.Context) error {
	tx := r.transaction(ctx)
	if tx == nil {
		return record.ErrNoTransaction
	}
	return r.dialect.failure(tx.nest.Commit(tx.commit, tx.rollback))
}

// Rollback undoes what was done in the transaction of ctx; within another
// transaction it leaves that to the outer one's end. It returns an error where
// there is no transaction.
func (r *Records) Rollback(ctx context.Context) error {
	tx := r.transaction(ctx)
	if tx == nil {
		return record.ErrNoTransaction
	}
	return tx.nest.Rollback(tx.rollback)
}
