package memory

import (
	"context"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// CreateAccessTokenSession implements oauth2.AccessTokenStorage.
func (s *Store) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	return s.create(ctx, record.Access, signature, r)
}

// GetAccessTokenSession implements oauth2.AccessTokenStorage: it returns
// fosite.ErrNotFound once the token has expired.
func (s *Store) GetAccessTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return s.read(ctx, record.Access, signature)
}

// DeleteAccessTokenSession implements oauth2.AccessTokenStorage. It returns nil
// if there is none.
func (s *Store) DeleteAccessTokenSession(ctx context.Context, signature string) error {
	return s.remove(ctx, record.Access, signature)
}

// CreateRefreshTokenSession implements oauth2.RefreshTokenStorage.
func (s *Store) CreateRefreshTokenSession(ctx context.Context, signature, _ string, r fosite.Requester) error {
	return s.create(ctx, record.Refresh, signature, r)
}

// GetRefreshTokenSession implements oauth2.RefreshTokenStorage: it returns the
// request, together with fosite.ErrInactiveToken if the token was rotated or
// revoked, or fosite.ErrNotFound if there is none or it has expired.
func (s *Store) GetRefreshTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return s.read(ctx, record.Refresh, signature)
}

// DeleteRefreshTokenSession implements oauth2.RefreshTokenStorage. It returns
// nil if there is none.
func (s *Store) DeleteRefreshTokenSession(ctx context.Context, signature string) error {
	return s.remove(ctx, record.Refresh, signature)
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage: it makes the
// refresh token inactive and deletes the access tokens of the request so far.
// Of concurrent callers one gets nil, the others
// fosite.ErrSerializationFailure. A token that is unknown or of another
// request is fosite.ErrNotFound.
func (s *Store) RotateRefreshToken(ctx context.Context, requestID, signature string) error {
	hash := record.Hash(signature)
	return s.do(ctx, func(u unit) error {
		tokens := u.requests[record.Refresh]
		switch r := tokens.get(hash, u.now); {
		case r == nil || r.request != requestID:
			return fosite.ErrNotFound
		case r.spent:
			return fosite.ErrSerializationFailure
		}
		u.spend(tokens, hash)
		u.deleteAccess(requestID)
		return nil
	})
}

func (u unit) deleteAccess(requestID string) {
	tokens := u.requests[record.Access]
	for _, hash := range tokens.keysOf(requestID) {
		u.set(tokens, hash, nil)
	}
}

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: it makes every
// refresh token of the request inactive. It returns nil if there is none.
func (s *Store) RevokeRefreshToken(ctx context.Context, requestID string) error {
	return s.do(ctx, func(u unit) error {
		tokens := u.requests[record.Refresh]
		for _, hash := range tokens.keysOf(requestID) {
			u.spend(tokens, hash)
		}
		u.remember(requestID)
		return nil
	})
}

// openTransaction is longer than any transaction stays open.
const openTransaction = time.Hour

// remember marks the request as revoked, and forgets those of long ago.
func (u unit) remember(requestID string) {
	u.revoked.sweep(u.now)
	u.set(u.revoked, requestID, &row{until: u.now.Add(openTransaction)})
}

// isRevoked: such an access token is gone, whatever lies in the table.
func (u unit) isRevoked(kind record.Kind, requestID string) bool {
	return (kind == record.Access || kind == record.Refresh) && u.revoked.get(requestID, u.now) != nil
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage: it deletes every
// access token of the request. It returns nil if there is none.
func (s *Store) RevokeAccessToken(ctx context.Context, requestID string) error {
	return s.do(ctx, func(u unit) error {
		u.deleteAccess(requestID)
		return nil
	})
}
