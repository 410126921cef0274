package memory

import (
	"context"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

func (s *Store) create(ctx context.Context, kind record.Kind, key string, r fosite.Requester) error {
	data, err := record.Encode(r)
	if err != nil {
		return err
	}
	stored := &row{data: data, until: kind.Expiry(r), client: r.GetClient().GetID(), request: r.GetID()}
	hash := record.Hash(key)
	return s.do(ctx, func(u unit) error {
		if u.clients.rows[stored.client] == nil {
			return fosite.ErrNotFound
		}
		if u.isRevoked(kind, stored.request) {
			return fosite.ErrInactiveToken
		}
		if u.requests[kind].get(hash, u.now) != nil {
			return storage.ErrExists
		}
		return u.add(u.requests[kind], hash, stored)
	})
}

// read returns the stored request, and beside it kind.Spent() where it was
// used already.
func (s *Store) read(ctx context.Context, kind record.Kind, key string) (fosite.Requester, error) {
	r, client, err := s.find(ctx, kind, record.Hash(key))
	if err != nil {
		return nil, err
	}
	requester, err := record.Decode(r.data, client, s.newSession())
	if err == nil && r.spent {
		err = kind.Spent()
	}
	return requester, err
}

func (s *Store) find(ctx context.Context, kind record.Kind, hash string) (r *row, client fosite.Client, err error) {
	err = s.do(ctx, func(u unit) error {
		r = u.requests[kind].get(hash, u.now)
		if r == nil || kind == record.Access && u.isRevoked(kind, r.request) {
			return fosite.ErrNotFound
		}
		client, err = u.client(r.client)
		return err
	})
	return r, client, err
}

func (s *Store) remove(ctx context.Context, kind record.Kind, key string) error {
	return s.do(ctx, func(u unit) error {
		u.set(u.requests[kind], record.Hash(key), nil)
		return nil
	})
}

// spend marks the row as used.
func (u unit) spend(t *table, hash string) {
	used := *t.rows[hash]
	used.spent = true
	u.set(t, hash, &used)
}

// CreateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage. A second
// request under the same code is storage.ErrExists.
func (s *Store) CreateAuthorizeCodeSession(ctx context.Context, code string, r fosite.Requester) error {
	return s.create(ctx, record.Code, code, r)
}

// GetAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: it returns
// the request with a fresh session; together with
// fosite.ErrInvalidatedAuthorizeCode if the code was used, or
// fosite.ErrNotFound if there is none or it has expired. The session that is
// handed in is not looked at, here and in all other methods.
func (s *Store) GetAuthorizeCodeSession(ctx context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	return s.read(ctx, record.Code, code)
}

// InvalidateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: of
// concurrent callers one gets nil, the others
// fosite.ErrInvalidatedAuthorizeCode.
func (s *Store) InvalidateAuthorizeCodeSession(ctx context.Context, code string) error {
	hash := record.Hash(code)
	return s.do(ctx, func(u unit) error {
		codes := u.requests[record.Code]
		switch r := codes.get(hash, u.now); {
		case r == nil:
			return fosite.ErrNotFound
		case r.spent:
			return fosite.ErrInvalidatedAuthorizeCode
		}
		u.spend(codes, hash)
		return nil
	})
}

// CreateOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (s *Store) CreateOpenIDConnectSession(ctx context.Context, code string, r fosite.Requester) error {
	return s.create(ctx, record.OpenID, code, r)
}

// GetOpenIDConnectSession implements openid.OpenIDConnectRequestStorage: it
// returns fosite.ErrNotFound from one minute after the code has expired.
func (s *Store) GetOpenIDConnectSession(ctx context.Context, code string, _ fosite.Requester) (fosite.Requester, error) {
	return s.read(ctx, record.OpenID, code)
}

// DeleteOpenIDConnectSession implements openid.OpenIDConnectRequestStorage. It
// returns nil if there is none.
func (s *Store) DeleteOpenIDConnectSession(ctx context.Context, code string) error {
	return s.remove(ctx, record.OpenID, code)
}
