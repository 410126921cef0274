package sql

import (
	"context"
	"errors"
)

// atomically runs several statements as one: in a transaction of their own, or
// behind a savepoint within the one that ctx has open, which goes on after an
// error as if they had not been there.
func (r *Records) atomically(ctx context.Context, statements func(context.Context) error) error {
	tx, err := r.within(ctx)
	if err != nil {
		return r.dialect.failure(err)
	}
	if err := statements(context.WithValue(ctx, transactionKey{r}, tx)); err != nil {
		return errors.Join(err, tx.rollback())
	}
	return r.dialect.failure(tx.commit())
}

func (r *Records) within(ctx context.Context) (*transaction, error) {
	if tx := r.transaction(ctx); tx != nil {
		return savepoint(ctx, tx.Tx)
	}
	return r.open(ctx)
}
