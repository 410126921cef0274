package sql

import (
	"context"
	"errors"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// The statements. All methods lock in the same order: the identifier, the
// client, its registration, so that none waits for another in a circle.
const (
	claimID = `INSERT INTO lso_client_ids (id) VALUES ($1) ON CONFLICT (id) DO NOTHING`

	// A client that is unknown leaves no trace.
	retireID = `INSERT INTO lso_client_ids (id) SELECT id FROM lso_clients WHERE id = $1 ON CONFLICT (id) DO NOTHING`

	insertClient = `INSERT INTO lso_clients (id, data) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`

	swapClient = `UPDATE lso_clients SET data = $1, version = version + 1 WHERE id = $2 AND version = $3
  AND EXISTS (SELECT 1 FROM lso_registrations WHERE client_id = $2)`

	// An update for the lock on the row, which keeps out whoever would replace
	// the client.
	lockRegistered = `UPDATE lso_clients SET version = version + 1 WHERE id = $1
  AND EXISTS (SELECT 1 FROM lso_registrations WHERE client_id = $1)`

	// Either key may be taken: the client's or the unique one.
	insertRegistration = `INSERT INTO lso_registrations (client_id, unique_hash, data) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING`

	selectRegistration = `SELECT c.data, r.data, c.version
FROM lso_registrations r JOIN lso_clients c ON c.id = r.client_id WHERE r.client_id = $1`

	deleteRegistration = `DELETE FROM lso_registrations WHERE client_id = $1`

	deleteClientIntents = `DELETE FROM lso_intents WHERE client_id = $1`
)

var _ storage.Registrar = (*Store)(nil)

// CreateClient implements storage.Registrar.
func (s *Store) CreateClient(ctx context.Context, r *storage.Registration) error {
	client, rest, err := record.EncodeRegistration(r)
	if err != nil {
		return err
	}
	id := r.Client.ID
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := s.change(ctx, storage.ErrExists, claimID, id); err != nil {
			return err
		}
		if err := s.change(ctx, storage.ErrExists, insertClient, id, string(client)); err != nil {
			return err
		}
		return s.insertRegistration(ctx, r, rest)
	})
}

// insertRegistration stores what is kept beside the client.
func (s *Store) insertRegistration(ctx context.Context, r *storage.Registration, rest []byte) error {
	var unique any // null, of which there may be many
	if r.Unique != "" {
		unique = record.Hash(r.Unique)
	}
	return s.change(ctx, storage.ErrExists, insertRegistration, r.Client.ID, unique, string(rest))
}

// GetRegistration implements storage.Registrar.
func (s *Store) GetRegistration(ctx context.Context, clientID string) (*storage.Registration, error) {
	var client, rest []byte
	var version int64
	if err := s.row(ctx, storage.ErrNotFound, selectRegistration, clientID)(&client, &rest, &version); err != nil {
		return nil, err
	}
	return record.DecodeRegistration(client, rest, version)
}

// ReplaceClient implements storage.Registrar.
func (s *Store) ReplaceClient(ctx context.Context, r *storage.Registration) error {
	client, rest, err := record.EncodeRegistration(r)
	if err != nil {
		return err
	}
	id := r.Client.ID
	return s.atomically(ctx, func(ctx context.Context) error {
		err := s.change(ctx, storage.ErrConflict, swapClient, string(client), id, r.Version)
		if errors.Is(err, storage.ErrConflict) {
			return s.conflict(ctx, id)
		}
		if err != nil {
			return err
		}
		if _, err := s.exec(ctx, deleteRegistration, id); err != nil {
			return err
		}
		return s.insertRegistration(ctx, r, rest)
	})
}

// conflict tells why a registration was not replaced.
func (s *Store) conflict(ctx context.Context, clientID string) error {
	if _, err := s.GetRegistration(ctx, clientID); err != nil {
		return err
	}
	return storage.ErrConflict
}

// RemoveClient implements storage.Registrar. On PostgreSQL it may lose against
// a token of the client that is rotated at the same moment; it then has changed
// nothing, returns fosite.ErrSerializationFailure, and may be called again.
func (s *Store) RemoveClient(ctx context.Context, clientID string) error {
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := s.change(ctx, storage.ErrNotFound, lockRegistered, clientID); err != nil {
			return err
		}
		return s.purge(ctx, clientID)
	})
}

// SuspendClient implements storage.Registrar. On PostgreSQL it may lose against
// a token of the client that is rotated at the same moment, as RemoveClient.
func (s *Store) SuspendClient(ctx context.Context, clientID string) error {
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := s.change(ctx, storage.ErrNotFound, lockRegistered, clientID); err != nil {
			return err
		}
		if err := s.suspend(ctx, clientID); err != nil {
			return err
		}
		_, err := s.exec(ctx, deleteClientRequests, clientID)
		return err
	})
}

// suspend changes the client, whose row is locked.
func (s *Store) suspend(ctx context.Context, clientID string) error {
	r, err := s.GetRegistration(ctx, clientID)
	if err != nil || r.Client.Suspended {
		return err
	}
	r.Client.Suspended = true
	client, _, err := record.EncodeRegistration(r)
	if err != nil {
		return err
	}
	return s.change(ctx, storage.ErrConflict, swapClient, string(client), clientID, r.Version)
}

// DeleteClient removes the client of any origin, with its codes, tokens and
// intents, which therefore do not come back where PutClient stores another one
// under the same identifier; CreateClient never does. It returns nil if there
// is no such client.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	return s.atomically(ctx, func(ctx context.Context) error { return s.purge(ctx, id) })
}

// purge deletes the requests just before the client, in the order in which
// Fosite rotates a token and adds the next one. What was added in between goes
// with the client, by its foreign key; where SQLite does not look at those, no
// other transaction writes meanwhile.
func (s *Store) purge(ctx context.Context, id string) error {
	for _, statement := range []string{
		retireID, deleteClientIntents, deleteRegistration, deleteClientRequests, deleteClient,
	} {
		if _, err := s.exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}
