package memory

import (
	"context"
	"encoding/json"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

var _ storage.Registrar = (*Store)(nil)

// registered is a registration in its two parts, ready for the tables.
type registered struct {
	id           string
	uniques      []string // hashes, each once
	client, rest *row
}

func newRegistered(r *storage.Registration, version int64) (*registered, error) {
	client, rest, err := record.EncodeRegistration(r)
	if err != nil {
		return nil, err
	}
	uniques, err := record.UniqueHashes(r)
	if err != nil {
		return nil, err
	}
	in := &registered{id: r.Client.ID, uniques: uniques, rest: &row{data: rest, decoded: uniques}}
	in.client, err = clientRow(client, version)
	return in, err
}

// CreateClient implements storage.Registrar. A store that has given out
// Config.MaxRecords identifiers, those of removed clients among them, returns
// ErrFull; so does one in which as many unique strings are held.
func (s *Store) CreateClient(ctx context.Context, r *storage.Registration) error {
	in, err := newRegistered(r, 0)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		if u.ids.rows[in.id] != nil || u.clients.rows[in.id] != nil {
			return storage.ErrExists
		}
		if err := u.mayHold(in, nil); err != nil {
			return err
		}
		if len(u.ids.rows) >= u.max {
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

// mayHold looks whether the client may have its unique strings instead of the
// old ones: another has none of them, and there is room.
func (u unit) mayHold(in *registered, old []string) error {
	for _, hash := range in.uniques {
		if r := u.uniques.rows[hash]; r != nil && r.client != in.id {
			return storage.ErrExists
		}
	}
	if len(u.uniques.rows)-len(old)+len(in.uniques) > u.max {
		return ErrFull
	}
	return nil
}

func (u unit) setRegistration(in *registered) {
	u.set(u.registrations, in.id, in.rest)
	for _, hash := range in.uniques {
		u.set(u.uniques, hash, &row{client: in.id})
	}
}

// release gives up what the client holds of these unique strings.
func (u unit) release(id string, uniques []string) {
	for _, hash := range uniques {
		if r := u.uniques.rows[hash]; r != nil && r.client == id {
			u.set(u.uniques, hash, nil)
		}
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

// ReplaceClient implements storage.Registrar. It returns ErrFull where the
// client wants more unique strings than it had, and there is no room.
func (s *Store) ReplaceClient(ctx context.Context, r *storage.Registration) error {
	in, err := newRegistered(r, r.Version+1)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		client, rest, err := u.registration(in.id)
		switch {
		case err != nil:
			return err
		case client.version != r.Version:
			return storage.ErrConflict
		}
		old := rest.decoded.([]string)
		if err := u.mayHold(in, old); err != nil {
			return err
		}
		u.set(u.clients, in.id, in.client)
		u.release(in.id, old)
		u.setRegistration(in)
		return nil
	})
}

// RemoveClient implements storage.Registrar.
func (s *Store) RemoveClient(ctx context.Context, clientID string) error {
	return s.do(ctx, func(u unit) error {
		client, rest, err := u.registration(clientID)
		if err != nil {
			return err
		}
		if !client.decoded.(*storage.Client).Suspended {
			u.release(clientID, rest.decoded.([]string))
		}
		u.purge(clientID)
		return nil
	})
}

// SuspendClient implements storage.Registrar.
func (s *Store) SuspendClient(ctx context.Context, clientID string, version int64) error {
	return s.do(ctx, func(u unit) error {
		old, _, err := u.registration(clientID)
		if err != nil {
			return err
		}
		if client := *old.decoded.(*storage.Client); !client.Suspended {
			if old.version != version {
				return storage.ErrConflict
			}
			if err := u.suspend(&client, version); err != nil {
				return err
			}
		}
		u.deleteRequests(clientID)
		return nil
	})
}

func (u unit) suspend(client *storage.Client, version int64) error {
	client.Suspended = true
	data, err := json.Marshal(client)
	if err != nil {
		return err
	}
	r, err := clientRow(data, version+1)
	if err == nil {
		u.set(u.clients, client.ID, r)
	}
	return err
}

// DeleteClient removes the client of any origin, with its codes, tokens and
// intents, which therefore do not come back where PutClient stores another one
// under the same identifier; CreateClient never does. All that the client holds
// of unique strings is free again, even where it is removed already. It returns
// nil if there is no such client.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	return s.do(ctx, func(u unit) error {
		u.purge(id)
		u.deleteWhere(u.uniques, func(r *row) bool { return r.client == id })
		return nil
	})
}

// purge removes all of the client but its identifier and its unique strings.
func (u unit) purge(id string) {
	if u.clients.rows[id] != nil {
		u.set(u.ids, id, &row{})
	}
	u.set(u.clients, id, nil)
	u.set(u.registrations, id, nil)
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
