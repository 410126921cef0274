package memory

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// PutClient stores the client, replacing the one with the same identifier.
func (s *Store) PutClient(ctx context.Context, client *storage.Client) error {
	data, err := json.Marshal(client)
	if err != nil {
		return err
	}
	decoded := &storage.Client{}
	if err := json.Unmarshal(data, decoded); err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		return u.add(u.clients, client.ID, &row{data: data, decoded: decoded})
	})
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

// DeleteClient removes the client and all its codes and tokens, which
// therefore do not come back with a new client of the same identifier. It
// returns nil if there is no such client.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	return s.do(ctx, func(u unit) error {
		u.set(u.clients, id, nil)
		for _, t := range u.requests {
			for key, r := range t.rows {
				if r.client == id {
					u.set(t, key, nil)
				}
			}
		}
		return nil
	})
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
