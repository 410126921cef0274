package sql

import (
	"context"
	"database/sql"
	"errors"

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
	rows, err := s.querier(ctx).QueryContext(ctx, rotateRefresh, record.Hash(signature), requestID, s.now())
	if err != nil {
		return s.dialect.failure(err)
	}
	spent, err := refreshSpent(rows)
	switch {
	case err != nil:
		return s.dialect.failure(err)
	case spent == 0:
		return fosite.ErrNotFound
	case spent > 1:
		return fosite.ErrSerializationFailure
	}
	return nil
}

// refreshSpent reads all rows to the end, without which the statement may not
// be complete, and returns the count of the refresh token's, or 0.
func refreshSpent(rows *sql.Rows) (spent int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var kind string
		var n int64
		if err := rows.Scan(&kind, &n); err != nil {
			return 0, err
		}
		if kind == string(record.Refresh) {
			spent = n
		}
	}
	return spent, rows.Err()
}

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: it makes every
// refresh token of the request inactive. It returns nil if there is none. It is
// two statements: the first one waits for a rotation that is under way, and
// does not see the token which that one adds; the second one does.
func (s *Store) RevokeRefreshToken(ctx context.Context, requestID string) error {
	if _, err := s.exec(ctx, revokeRefresh, requestID); err != nil {
		return err
	}
	_, err := s.exec(ctx, revokeRefresh, requestID)
	return err
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage: it deletes every
// access token of the request. It returns nil if there is none.
func (s *Store) RevokeAccessToken(ctx context.Context, requestID string) error {
	_, err := s.exec(ctx, revokeAccess, requestID)
	return err
}
