// Package atomic makes an answer whole or nothing: what an authorization or a
// token request takes and stores, it takes and stores together.
//
//	run := atomic.New(fositeStorage, records)
//	err := run(ctx, func(ctx context.Context) error {
//		... take what may be used once, and call atomic.OnFailure(ctx, giveBack) after each ...
//		... store codes and tokens ...
//	})
package atomic

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Run runs a function that takes and stores.
type Run func(context.Context, func(context.Context) error) error

// New returns the Run for a Fosite storage and the library's records.
//
// Where both are one value that is transactional, it is one transaction of the
// store, and a process that dies changes nothing. With two stores there is no
// common transaction: each one-time value is taken by one statement before
// anything is issued, and when the rest fails, it is given back. If the process
// dies in between, it stays taken: that costs the user a new attempt, a minute
// later, and gives nobody a second one.
func New(storage, records any) Run {
	store, ok := storage.(fositestorage.Transactional)
	if ok && same(storage, records) {
		return transaction(store)
	}
	return giveBack
}

// same compares two values of whatever type without a panic.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

func transaction(store fositestorage.Transactional) Run {
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

type undoKey struct{}

type undo struct{ steps []func(context.Context) error }

func giveBack(ctx context.Context, run func(context.Context) error) error {
	u := &undo{}
	err := run(context.WithValue(ctx, undoKey{}, u))
	if err == nil {
		return nil
	}
	slices.Reverse(u.steps)
	// The client may be gone; what it left half done is still put right.
	ctx = context.WithoutCancel(ctx)
	var failed error
	for _, step := range u.steps {
		failed = errors.Join(failed, step(ctx))
	}
	if failed != nil {
		return profile.Unavailable(errors.Join(err, failed))
	}
	return err
}

// OnFailure registers a step that gives back what was just taken, for stores
// without a common transaction; within one, it does nothing. Steps run in
// reverse order.
func OnFailure(ctx context.Context, step func(context.Context) error) {
	if u, ok := ctx.Value(undoKey{}).(*undo); ok {
		u.steps = append(u.steps, step)
	}
}

// UseOnce marks the key as used until the given time, and reports whether it was
// not. Where the rest fails, it is unused again.
func UseOnce(ctx context.Context, once storage.Once, key string, until time.Time) (fresh bool, err error) {
	err = once.UseOnce(ctx, key, until)
	if errors.Is(err, storage.ErrUsed) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	OnFailure(ctx, func(ctx context.Context) error { return Forget(ctx, once, key) })
	return true, nil
}

// Forget removes what is kept under the key, if it is still there.
func Forget(ctx context.Context, once storage.Once, key string) error {
	if _, err := once.TakeOnce(ctx, key); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return nil // it has expired
}
