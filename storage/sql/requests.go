package sql

import (
	"context"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

func (s *Store) create(ctx context.Context, kind record.Kind, key string, r fosite.Requester) error {
	data, err := record.Encode(r)
	if err != nil {
		return err
	}
	return s.change(ctx, storage.ErrExists, insertRequest, string(kind), record.Hash(key), r.GetID(),
		r.GetClient().GetID(), expiry(kind.Expiry(r)), string(data))
}

// expiry is the time in microseconds, 0 standing for never.
func expiry(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// read returns the stored request, and beside it kind.Spent() where it was
// used already.
func (s *Store) read(ctx context.Context, kind record.Kind, key string) (fosite.Requester, error) {
	var data, clientData []byte
	var spent int64
	scan := s.row(ctx, fosite.ErrNotFound, selectRequest, string(kind), record.Hash(key), s.now())
	if err := scan(&data, &spent, &clientData); err != nil {
		return nil, err
	}
	if spent > 0 && kind == record.Access {
		return nil, kind.Spent()
	}
	return s.decode(kind, data, clientData, spent)
}

func (s *Store) decode(kind record.Kind, data, clientData []byte, spent int64) (fosite.Requester, error) {
	client, err := decodeClient(clientData)
	if err != nil {
		return nil, err
	}
	r, err := record.Decode(data, client, s.newSession())
	if err == nil && spent > 0 {
		err = kind.Spent()
	}
	return r, err
}

func (s *Store) remove(ctx context.Context, kind record.Kind, key string) error {
	_, err := s.exec(ctx, deleteRequest, string(kind), record.Hash(key))
	return err
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
	var spent int64
	err := s.row(ctx, fosite.ErrNotFound, spendCode, record.Hash(code), s.now())(&spent)
	if err == nil && spent > 1 {
		err = fosite.ErrInvalidatedAuthorizeCode
	}
	return err
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
