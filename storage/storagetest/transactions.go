package storagetest

import (
	"context"
	"errors"
	"testing"

	"github.com/ory/fosite"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
)

var transactionChecks = []check[transactional]{
	{"a commit keeps everything", transactionCommit},
	{"a rollback undoes everything", transactionRollback},
	{"a rollback goes back over many changes of one record", transactionLayers},
	{"a transaction sees its own changes", transactionOwn},
	{"a transaction within is part of the outer one", transactionNested},
	{"a rollback within dooms the outer one", transactionDoomed},
	{"there is nothing to end without a transaction", transactionNone},
	{"a transaction ends once", transactionEnded},
	{"of concurrent transactions one is the first user", transactionUseRace},
	{"of concurrent transactions one swaps", transactionSwapRace},
}

var storeTransactionChecks = []check[Store]{
	{"a rollback brings back codes, tokens and clients", transactionRequests},
	{"a rollback brings back a deleted client with its tokens", transactionClient},
	{"of concurrent transactions one rotates", transactionRotateRace},
}

func begin(t *testing.T, s fositestorage.Transactional, ctx context.Context) context.Context {
	t.Helper()
	ctx, err := s.BeginTX(ctx)
	must(t, err)
	return ctx
}

// before is the state that a transaction begins with, changeAll one that
// changes all of it.
func before(t *testing.T, s transactional) {
	t.Helper()
	must(t, s.PutOnce(t.Context(), "taken", []byte("v"), soon()))
	must(t, s.PutOnce(t.Context(), "replaced", []byte("old"), soon()))
	must(t, s.CreateIntent(t.Context(), newIntent()))
}

func changeAll(t *testing.T, s transactional, ctx context.Context) {
	t.Helper()
	must(t, s.UseOnce(ctx, "used", soon()))
	_, err := s.TakeOnce(ctx, "taken")
	must(t, err)
	must(t, s.PutOnce(ctx, "replaced", []byte("new"), soon()))
	must(t, s.PutOnce(ctx, "put", []byte("v"), soon()))
	must(t, s.SwapIntent(ctx, newIntent()))
	other := newIntent()
	other.ID = "intent-2"
	must(t, s.CreateIntent(ctx, other))
}

// wantBefore holds the store against before; it uses the key "used".
func wantBefore(t *testing.T, s transactional) {
	t.Helper()
	wantValue(t, s, "taken", []byte("v"))
	wantValue(t, s, "replaced", []byte("old"))
	wantGone(t, s, "put")
	must(t, s.UseOnce(t.Context(), "used", soon()))
	intent, err := s.GetIntent(t.Context(), "intent-1")
	must(t, err)
	wantEqual(t, "version", intent.Version, 0)
	_, err = s.GetIntent(t.Context(), "intent-2")
	wantError(t, err, storage.ErrNotFound)
}

func wantChanged(t *testing.T, s transactional, ctx context.Context) {
	t.Helper()
	wantError(t, s.UseOnce(ctx, "used", soon()), storage.ErrUsed)
	_, err := s.GetOnce(ctx, "taken")
	wantError(t, err, storage.ErrNotFound)
	value, err := s.GetOnce(ctx, "replaced")
	must(t, err)
	wantEqual(t, "value", string(value), "new")
	intent, err := s.GetIntent(ctx, "intent-1")
	must(t, err)
	wantEqual(t, "version", intent.Version, 1)
	_, err = s.GetIntent(ctx, "intent-2")
	must(t, err)
}

func transactionCommit(t *testing.T, s transactional) {
	before(t, s)
	ctx := begin(t, s, t.Context())
	changeAll(t, s, ctx)
	must(t, s.Commit(ctx))
	wantChanged(t, s, t.Context())
}

func transactionRollback(t *testing.T, s transactional) {
	before(t, s)
	ctx := begin(t, s, t.Context())
	changeAll(t, s, ctx)
	must(t, s.Rollback(ctx))
	wantBefore(t, s)
}

func transactionLayers(t *testing.T, s transactional) {
	must(t, s.PutOnce(t.Context(), "k", []byte("old"), soon()))
	ctx := begin(t, s, t.Context())
	for range 3 {
		_, err := s.TakeOnce(ctx, "k")
		must(t, err)
		must(t, s.UseOnce(ctx, "k", soon()))
		must(t, s.PutOnce(ctx, "k", []byte("new"), soon()))
	}
	must(t, s.Rollback(ctx))
	wantValue(t, s, "k", []byte("old"))
}

func transactionOwn(t *testing.T, s transactional) {
	before(t, s)
	ctx := begin(t, s, t.Context())
	changeAll(t, s, ctx)
	wantChanged(t, s, ctx)
	must(t, s.Rollback(ctx))
}

func transactionNested(t *testing.T, s transactional) {
	before(t, s)
	outer := begin(t, s, t.Context())
	inner := begin(t, s, outer)
	changeAll(t, s, inner)
	must(t, s.Commit(inner))
	wantChanged(t, s, outer)
	must(t, s.Rollback(outer))
	wantBefore(t, s)
}

func transactionDoomed(t *testing.T, s transactional) {
	before(t, s)
	outer := begin(t, s, t.Context())
	changeAll(t, s, outer)
	inner := begin(t, s, outer)
	must(t, s.Rollback(inner))
	if err := s.Commit(outer); err == nil {
		t.Fatal("a commit over a rollback succeeded")
	}
	must(t, s.Rollback(outer)) // Fosite's answer to a failed commit
	wantBefore(t, s)
}

func transactionNone(t *testing.T, s transactional) {
	if s.Commit(t.Context()) == nil {
		t.Fatal("a commit without a transaction succeeded")
	}
	if s.Rollback(t.Context()) == nil {
		t.Fatal("a rollback without a transaction succeeded")
	}
}

func transactionEnded(t *testing.T, s transactional) {
	ctx := begin(t, s, t.Context())
	must(t, s.Commit(ctx))
	if s.Commit(ctx) == nil || s.Rollback(ctx) == nil {
		t.Fatal("a transaction ended twice")
	}
	if s.UseOnce(ctx, "k", soon()) == nil {
		t.Fatal("a transaction that has ended took a change")
	}
	again := begin(t, s, ctx)
	must(t, s.UseOnce(again, "k", soon()))
	must(t, s.Commit(again))
}

// inTransaction runs fn and commits, or rolls back where fn returns an error.
func inTransaction(s fositestorage.Transactional, fn func(context.Context) error) error {
	ctx, err := s.BeginTX(context.Background())
	if err != nil {
		return err
	}
	if err := fn(ctx); err != nil {
		return errors.Join(err, s.Rollback(ctx))
	}
	return s.Commit(ctx)
}

func transactionUseRace(t *testing.T, s transactional) {
	wantOneWinner(t, storage.ErrUsed, func() error {
		return inTransaction(s, func(ctx context.Context) error { return s.UseOnce(ctx, "k", soon()) })
	})
}

func transactionSwapRace(t *testing.T, s transactional) {
	before(t, s)
	wantOneWinner(t, storage.ErrConflict, func() error {
		return inTransaction(s, func(ctx context.Context) error { return s.SwapIntent(ctx, newIntent()) })
	})
}

func transactionRequests(t *testing.T, s Store) {
	withTokens(t, s)
	must(t, s.CreateAuthorizeCodeSession(t.Context(), "code-1", newRequest()))
	ctx := begin(t, s, t.Context())
	must(t, s.InvalidateAuthorizeCodeSession(ctx, "code-1"))
	must(t, s.RotateRefreshToken(ctx, "request-1", "refresh-1"))
	must(t, s.CreateAccessTokenSession(ctx, "access-new", newRequest()))
	must(t, s.RevokeRefreshToken(ctx, "request-2"))
	must(t, s.DeleteAccessTokenSession(ctx, "access-3"))
	must(t, s.Rollback(ctx))
	must(t, s.InvalidateAuthorizeCodeSession(t.Context(), "code-1"))
	wantAccess(t, s, "access-1", nil)
	wantAccess(t, s, "access-2", nil)
	wantAccess(t, s, "access-3", nil)
	wantAccess(t, s, "access-new", fosite.ErrNotFound)
	wantRefresh(t, s, "refresh-1", nil)
	wantRefresh(t, s, "refresh-3", nil)
	must(t, s.RevokeAccessToken(t.Context(), "request-1"))
	wantAccess(t, s, "access-2", fosite.ErrNotFound)
}

func transactionClient(t *testing.T, s Store) {
	withTokens(t, s)
	ctx := begin(t, s, t.Context())
	must(t, s.DeleteClient(ctx, "buyer"))
	must(t, s.Rollback(ctx))
	_, err := s.GetClient(t.Context(), "buyer")
	must(t, err)
	wantAccess(t, s, "access-1", nil)
}

func transactionRotateRace(t *testing.T, s Store) {
	withTokens(t, s)
	wantOneWinner(t, fosite.ErrSerializationFailure, func() error {
		return inTransaction(s, func(ctx context.Context) error {
			return s.RotateRefreshToken(ctx, "request-1", "refresh-1")
		})
	})
	wantAccess(t, s, "access-1", fosite.ErrNotFound)
}
