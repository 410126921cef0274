package compose

import (
	"context"
	"errors"

	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// atomic runs a function in one transaction of the store, or just runs it.
type atomic func(context.Context, func(context.Context) error) error

// newAtomic takes transactions where the records lie in the same store as
// Fosite's own: then an answer is stored whole or not at all. With two stores
// there is no common transaction; each one-time value is still taken by one
// statement, before anything is issued, so that a failure in between costs the
// user a new attempt and gives nobody a second one.
func newAtomic(c *Config) atomic {
	store, ok := c.Storage.(fositestorage.Transactional)
	if !ok || any(c.Records) != c.Storage {
		return func(ctx context.Context, run func(context.Context) error) error { return run(ctx) }
	}
	return func(ctx context.Context, run func(context.Context) error) error {
		tx, err := store.BeginTX(ctx)
		if err != nil {
			return profile.Unavailable(err)
		}
		if err := run(tx); err != nil {
			if undo := store.Rollback(tx); undo != nil {
				return profile.Unavailable(errors.Join(err, undo))
			}
			return err
		}
		if err := store.Commit(tx); err != nil {
			return profile.Unavailable(err)
		}
		return nil
	}
}
