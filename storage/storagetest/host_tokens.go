package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/ory/fosite"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
)

var (
	kindCode, kindOpenID, kindAccess, kindRefresh = hostKinds[0], hostKinds[1], hostKinds[2], hostKinds[3]

	errNoRequest = errors.New("no request comes with the error; Fosite needs its id to revoke the tokens")
)

func hostCodeInvalidated(h *hostRun) error {
	want := h.fresh()
	key, err := h.stored(kindCode, want)
	if err != nil {
		return err
	}
	if err := h.store.InvalidateAuthorizeCodeSession(h.t.Context(), key); err != nil {
		return fmt.Errorf("invalidate: %w", err)
	}
	got, err := h.store.GetAuthorizeCodeSession(h.t.Context(), key, h.NewSession())
	switch {
	case err == nil:
		return errors.New("a code is as good after its invalidation as before")
	case errors.Is(err, fosite.ErrNotFound):
		h.advise("A used code is forgotten. Who redeems it again is refused all the same, but the tokens that it brought stay in force (RFC 6749 §4.1.2). Keep it until it expires, and return its request beside fosite.ErrInvalidatedAuthorizeCode.")
		return nil
	case !errors.Is(err, fosite.ErrInvalidatedAuthorizeCode):
		return fmt.Errorf("a used code is %w, want fosite.ErrInvalidatedAuthorizeCode", err)
	case got == nil:
		return errNoRequest
	}
	return errors.Join(sameRequest(got, want), sameSession(got, want))
}

func hostOpenIDAfterCode(h *hostRun) error {
	code := newKey(kindOpenID)
	if err := h.store.CreateAuthorizeCodeSession(h.t.Context(), signatureOf(code), h.fresh()); err != nil {
		return err
	}
	if err := h.store.CreateOpenIDConnectSession(h.t.Context(), code, h.fresh()); err != nil {
		return err
	}
	if err := h.store.InvalidateAuthorizeCodeSession(h.t.Context(), signatureOf(code)); err != nil {
		return err
	}
	if _, err := h.read(kindOpenID, code); err != nil {
		return err
	}
	return h.store.DeleteOpenIDConnectSession(h.t.Context(), code)
}

// pair stores an access and a refresh token of the request.
func (h *hostRun) pair(r fosite.Requester) (access, refresh string, err error) {
	access, refresh = newKey(kindAccess), newKey(kindRefresh)
	if err := h.store.CreateAccessTokenSession(h.t.Context(), access, r); err != nil {
		return "", "", fmt.Errorf("access: create: %w", err)
	}
	if err := h.store.CreateRefreshTokenSession(h.t.Context(), refresh, access, r); err != nil {
		return "", "", fmt.Errorf("refresh: create: %w", err)
	}
	return access, refresh, nil
}

// pairs stores two of them, as there are while a refresh is under way.
func (h *hostRun) pairs(r fosite.Requester) (access, refresh []string, err error) {
	for range 2 {
		a, b, err := h.pair(r)
		if err != nil {
			return nil, nil, err
		}
		access, refresh = append(access, a), append(refresh, b)
	}
	return access, refresh, nil
}

func hostRevocation(h *hostRun) error {
	revoked := h.fresh()
	access, refresh, err := h.pairs(revoked)
	if err != nil {
		return err
	}
	otherAccess, otherRefresh, err := h.pairs(h.fresh())
	if err != nil {
		return err
	}
	ctx := h.t.Context()
	if err := h.store.RevokeAccessToken(ctx, revoked.GetID()); err != nil {
		return fmt.Errorf("RevokeAccessToken: %w", err)
	}
	if err := h.store.RevokeRefreshToken(ctx, revoked.GetID()); err != nil {
		return fmt.Errorf("RevokeRefreshToken: %w", err)
	}
	return errors.Join(
		h.gone(kindAccess, access...), h.gone(kindRefresh, refresh...),
		h.there(kindAccess, otherAccess...), h.there(kindRefresh, otherRefresh...),
	)
}

func (h *hostRun) gone(k hostKind, keys ...string) error {
	for i, key := range keys {
		_, err := k.get(h.store, h.t.Context(), key, h.NewSession())
		if !errors.Is(err, fosite.ErrNotFound) && !errors.Is(err, fosite.ErrInactiveToken) {
			return fmt.Errorf("%s token %d of %d: %s after its revocation, want fosite.ErrNotFound or fosite.ErrInactiveToken", k.name, i+1, len(keys), tell(err))
		}
	}
	return nil
}

func (h *hostRun) there(k hostKind, keys ...string) error {
	for _, key := range keys {
		if _, err := h.read(k, key); err != nil {
			return fmt.Errorf("a token of another request: %w", err)
		}
	}
	return nil
}

func hostRefreshRotated(h *hostRun) error {
	want := h.fresh()
	_, refresh, err := h.pair(want)
	if err != nil {
		return err
	}
	if err := h.store.RotateRefreshToken(h.t.Context(), want.GetID(), refresh); err != nil {
		return fmt.Errorf("RotateRefreshToken: %w", err)
	}
	got, err := h.store.GetRefreshTokenSession(h.t.Context(), refresh, h.NewSession())
	switch {
	case err == nil:
		h.advise("A rotated refresh token is as good as before. The library refuses it at the same time as another use where an intent stands behind it, and not later. A stolen one stays in force until it expires.")
		return nil
	case errors.Is(err, fosite.ErrNotFound):
		h.advise("A rotated refresh token is forgotten. Its reuse is refused all the same, but nobody notices that it was stolen: the tokens that it brought stay in force (RFC 9700 §4.14.2).")
		return nil
	case !errors.Is(err, fosite.ErrInactiveToken):
		return fmt.Errorf("a rotated refresh token is %w, want fosite.ErrInactiveToken", err)
	case got == nil:
		return errNoRequest
	}
	return sameRequest(got, want)
}

// winners counts who of many at once succeeds.
func winners(do func() error) (n int) {
	for _, err := range race(do) {
		if err == nil {
			n++
		}
	}
	return n
}

func hostCodeOnce(h *hostRun) error {
	key, err := h.stored(kindCode, h.fresh())
	if err != nil {
		return err
	}
	n := winners(func() error { return h.store.InvalidateAuthorizeCodeSession(context.Background(), key) })
	switch {
	case n == 0:
		return fmt.Errorf("none of %d invalidations at once succeeds", callers)
	case n > 1:
		h.advise("%d of %d invalidations of a code at once succeed. The library lets a code be redeemed once all the same: it claims the intent behind it, or a mark in Records, by one statement. "+
			"A provider without the library over the same storage has no such help.", n, callers)
	}
	return nil
}

func hostRefreshOnce(h *hostRun) error {
	r := h.fresh()
	_, refresh, err := h.pair(r)
	if err != nil {
		return err
	}
	n := winners(func() error { return h.store.RotateRefreshToken(context.Background(), r.GetID(), refresh) })
	switch {
	case n == 0:
		return fmt.Errorf("none of %d rotations at once succeeds", callers)
	case n > 1:
		h.advise("%d of %d rotations of a refresh token at once succeed. Where an intent stands behind the token, the library lets one of them through, by a change of the intent. "+
			"Without an intent all of them get tokens; rotate by one conditional statement and return fosite.ErrSerializationFailure to the others.", n, callers)
	}
	return nil
}

func hostTransactions(h *hostRun) error {
	if _, ok := h.store.(fositestorage.Transactional); !ok {
		h.advise("The store has no transactions (fosite/storage.Transactional). Fosite then redeems a code in several steps, and the library gives back what it took when one fails. " +
			"A code whose redemption breaks off in the middle may be used up without tokens.")
	}
	return nil
}

func hostRollback(h *hostRun) error {
	store, ok := h.store.(fositestorage.Transactional)
	if !ok {
		h.unseen()
		return nil
	}
	for _, keep := range []bool{true, false} {
		key := newKey(kindAccess)
		ctx, err := store.BeginTX(h.t.Context())
		if err != nil {
			return fmt.Errorf("BeginTX: %w", err)
		}
		if err := h.store.CreateAccessTokenSession(ctx, key, h.fresh()); err != nil {
			return errors.Join(err, store.Rollback(ctx))
		}
		end := store.Rollback
		if keep {
			end = store.Commit
		}
		if err := end(ctx); err != nil {
			return err
		}
		_, err = h.read(kindAccess, key)
		if (err == nil) != keep || (!keep && !errors.Is(err, fosite.ErrNotFound)) {
			return fmt.Errorf("%s for what was done in a transaction that ended (by a commit: %v)", tell(err), keep)
		}
	}
	return nil
}

func hostNesting(h *hostRun) error {
	store, ok := h.store.(fositestorage.Transactional)
	if !ok {
		h.unseen()
		return nil
	}
	seen, err := h.nest(store)
	if err != nil || seen == "" {
		return err
	}
	if _, both := h.store.(storage.Records); both {
		return fmt.Errorf("%s; the library opens a transaction around Fosite's where one store is both Storage and Records", seen)
	}
	h.advise("%s. The library opens no transaction around Fosite's where Storage and Records are two: what it takes once, it gives back when the rest fails. "+
		"A process that dies in between leaves it taken, which costs the user a new attempt.", seen)
	return nil
}

// nest stores in a transaction within another one, which is rolled back; it
// returns in what that differs from one transaction.
func (h *hostRun) nest(store fositestorage.Transactional) (seen string, err error) {
	outer, err := store.BeginTX(h.t.Context())
	if err != nil {
		return "", fmt.Errorf("BeginTX: %w", err)
	}
	inner, err := store.BeginTX(outer)
	if err != nil {
		return "A transaction cannot be begun within another", store.Rollback(outer)
	}
	key := newKey(kindAccess)
	if err := h.store.CreateAccessTokenSession(inner, key, h.fresh()); err != nil {
		return "", errors.Join(err, store.Rollback(inner), store.Rollback(outer))
	}
	committed, rolledBack := store.Commit(inner) == nil, store.Rollback(outer) == nil
	if !committed || !rolledBack {
		return "A transaction within another does not end by itself", nil
	}
	if _, err := h.read(kindAccess, key); !errors.Is(err, fosite.ErrNotFound) {
		return "A transaction within another is not part of it", nil
	}
	return "", nil
}
