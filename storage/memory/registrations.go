package memory

import (
	"context"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

var _ storage.Registrar = (*Store)(nil)

// registered is a registration in its two parts, ready for the tables.
type registered struct {
	id           string
	unique       string // hash; empty for none
	client, rest *row
}

func newRegistered(r *storage.Registration, version int64) (*registered, error) {
	client, rest, err := record.EncodeRegistration(r)
	if err != nil {
		return nil, err
	}
	in := &registered{id: r.Client.ID}
	if r.Unique != "" {
		in.unique = record.Hash(r.Unique)
	}
	in.rest = &row{data: rest, decoded: in.unique}
	in.client, err = clientRow(client, version)
	return in, err
}

// CreateClient implements storage.Registrar. A store that has given out
// Config.MaxRecords identifiers, those of removed clients among them, returns
// ErrFull.
func (s *Store) CreateClient(ctx context.Context, r *storage.Registration) error {
	in, err := newRegistered(r, 0)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		switch {
		case u.ids.rows[in.id] != nil || u.clients.rows[in.id] != nil || u.taken(in):
			return storage.ErrExists
		case len(u.ids.rows) >= u.max:
			return ErrFull
		}
		if err := u.add(u.clients, in.id, in.client); err != nil {
			return err
		}
		u.set(u.ids, in.id, &row{})
		u.setRegistration(in)
		return nil
	})
}

// taken reports whether another client has the unique string.
func (u unit) taken(in *registered) bool {
	r := u.uniques.rows[in.unique]
	return r != nil && r.client != in.id
}

func (u unit) setRegistration(in *registered) {
	u.set(u.registrations, in.id, in.rest)
	if in.unique != "" {
		u.set(u.uniques, in.unique, &row{client: in.id})
	}
}

func (u unit) deleteRegistration(id string) {
	if r := u.registrations.rows[id]; r != nil {
		u.set(u.uniques, r.decoded.(string), nil)
		u.set(u.registrations, id, nil)
	}
}

// registration returns both rows of a client that registered itself, or
// storage.ErrNotFound.
func (u unit) registration(id string) (client, rest *row, err error) {
	client, rest = u.clients.rows[id], u.registrations.rows[id]
	if client == nil || rest == nil {
		err = storage.ErrNotFound
	}
	return client, rest, err
}

// GetRegistration implements storage.Registrar.
func (s *Store) GetRegistration(ctx context.Context, clientID string) (*storage.Registration, error) {
	var client, rest *row
	err := s.do(ctx, func(u unit) (err error) {
		client, rest, err = u.registration(clientID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return record.DecodeRegistration(client.data, rest.data, client.version)
}

// ReplaceClient implements storage.Registrar.
func (s *Store) ReplaceClient(ctx context.Context, r *storage.Registration) error {
	in, err := newRegistered(r, r.Version+1)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		client, _, err := u.registration(in.id)
		switch {
		case err != nil:
			return err
		case client.version != r.Version:
			return storage.ErrConflict
		case u.taken(in):
			return storage.ErrExists
		}
		u.set(u.clients, in.id, in.client)
		u.deleteRegistration(in.id)
		u.setRegistration(in)
		return nil
	})
}

// RemoveClient implements storage.Registrar.
func (s *Store) RemoveClient(ctx context.Context, clientID string) error {
	return s.do(ctx, func(u unit) error {
		if _, _, err := u.registration(clientID); err != nil {
			return err
		}
		u.purge(clientID)
		return nil
	})
}

// SuspendClient implements storage.Registrar.
func (s *Store) SuspendClient(ctx context.Context, clientID string) error {
	return s.do(ctx, func(u unit) error {
		old, rest, err := u.registration(clientID)
		if err != nil {
			return err
		}
		r, err := record.DecodeRegistration(old.data, rest.data, old.version)
		if err != nil {
			return err
		}
		if !r.Client.Suspended {
			r.Client.Suspended = true
			in, err := newRegistered(r, r.Version+1)
			if err != nil {
				return err
			}
			u.set(u.clients, clientID, in.client)
		}
		u.deleteRequests(clientID)
		return nil
	})
}

// DeleteClient removes the client of any origin, with its codes, tokens and
// intents, which therefore do not come back where PutClient stores another one
// under the same identifier; CreateClient never does. It returns nil if there
// is no such client.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	return s.do(ctx, func(u unit) error {
		u.purge(id)
		return nil
	})
}

// purge removes all of the client but its identifier.
func (u unit) purge(id string) {
	if u.clients.rows[id] != nil {
		u.set(u.ids, id, &row{})
	}
	u.set(u.clients, id, nil)
	u.deleteRegistration(id)
	u.deleteRequests(id)
	u.deleteWhere(u.intents, func(r *row) bool { return r.decoded.(*storage.Intent).ClientID == id })
}

// deleteRequests removes the client's codes and tokens.
func (u unit) deleteRequests(id string) {
	for _, t := range u.requests {
		u.deleteWhere(t, func(r *row) bool { return r.client == id })
	}
}

func (u unit) deleteWhere(t *table, match func(*row) bool) {
	for key, r := range t.rows {
		if match(r) {
			u.set(t, key, nil)
		}
	}
}
