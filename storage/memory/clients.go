package memory

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// PutClient stores the client, replacing the one with the same identifier,
// even one that was removed. A registration that it has stays with it; whoever
// changes a client that registered itself rather takes ReplaceClient.
func (s *Store) PutClient(ctx context.Context, client *storage.Client) error {
	data, err := json.Marshal(client)
	if err != nil {
		return err
	}
	r, err := clientRow(data, 0)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		if old := u.clients.rows[client.ID]; old != nil {
			r.version = old.version + 1
		}
		return u.add(u.clients, client.ID, r)
	})
}

// clientRow returns the row of the client whose JSON form is data.
func clientRow(data []byte, version int64) (*row, error) {
	decoded := &storage.Client{}
	err := json.Unmarshal(data, decoded)
	return &row{data: data, decoded: decoded, version: version}, err
}

// GetClient implements fosite.ClientManager: it returns a *storage.Client,
// or fosite.ErrNotFound.
func (s *Store) GetClient(ctx context.Context, id string) (client fosite.Client, err error) {
	err = s.do(ctx, func(u unit) error {
		client, err = u.client(id)
		return err
	})
	return client, err
}

func (u unit) client(id string) (fosite.Client, error) {
	r := u.clients.rows[id]
	if r == nil {
		return nil, fosite.ErrNotFound
	}
	client := *r.decoded.(*storage.Client)
	return &client, nil
}

// ClientAssertionJWTValid implements fosite.ClientManager. This module's own
// client authentication does not use it.
func (s *Store) ClientAssertionJWTValid(ctx context.Context, jti string) error {
	return record.AssertionUnused(ctx, s, jti)
}

// SetClientAssertionJWT implements fosite.ClientManager. This module's own
// client authentication does not use it.
func (s *Store) SetClientAssertionJWT(ctx context.Context, jti string, exp time.Time) error {
	return record.UseAssertion(ctx, s, jti, exp)
}
