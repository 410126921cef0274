package sql

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// The statements. All methods lock in the same order: the identifier, the
// client, its registration, its unique strings by ascending hash, so that none
// waits for another in a circle.
const (
	claimID = `INSERT INTO lso_client_ids (id) VALUES ($1) ON CONFLICT (id) DO NOTHING`

	// A client that is unknown leaves no trace.
	retireID = `INSERT INTO lso_client_ids (id) SELECT id FROM lso_clients WHERE id = $1 ON CONFLICT (id) DO NOTHING`

	insertClient = `INSERT INTO lso_clients (id, data) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`

	swapClient = `UPDATE lso_clients SET data = $1, version = version + 1 WHERE id = $2 AND version = $3
  AND EXISTS (SELECT 1 FROM lso_registrations WHERE client_id = $2)`

	// Updates that change nothing, for the lock on the row, which keeps out
	// whoever would replace the client.
	lockClient     = `UPDATE lso_clients SET version = version WHERE id = $1`
	lockRegistered = `UPDATE lso_clients SET version = version WHERE id = $1
  AND EXISTS (SELECT 1 FROM lso_registrations WHERE client_id = $1) RETURNING data, version`

	insertRegistration = `INSERT INTO lso_registrations (client_id, data) VALUES ($1, $2)`

	updateRegistration = `UPDATE lso_registrations SET data = $1 WHERE client_id = $2`

	selectUniques = `SELECT hash FROM lso_registration_uniques WHERE client_id = $1`

	insertUnique = `INSERT INTO lso_registration_uniques (hash, client_id) VALUES ($1, $2)
ON CONFLICT (hash) DO NOTHING`

	deleteUnique = `DELETE FROM lso_registration_uniques WHERE hash = $1 AND client_id = $2`

	selectRegistration = `SELECT c.data, r.data, c.version
FROM lso_registrations r JOIN lso_clients c ON c.id = r.client_id WHERE r.client_id = $1`

	deleteRegistration = `DELETE FROM lso_registrations WHERE client_id = $1`

	deleteClientIntents = `DELETE FROM lso_intents WHERE client_id = $1`
)

var _ storage.Registrar = (*Store)(nil)

// registered is a registration in its parts, ready for the tables.
type registered struct {
	id, client, rest string
	uniques          []string // hashes, each once, in ascending order
}

func newRegistered(r *storage.Registration) (*registered, error) {
	client, rest, err := record.EncodeRegistration(r)
	if err != nil {
		return nil, err
	}
	uniques, err := record.UniqueHashes(r)
	return &registered{r.Client.ID, string(client), string(rest), uniques}, err
}

// CreateClient implements storage.Registrar.
func (s *Store) CreateClient(ctx context.Context, r *storage.Registration) error {
	in, err := newRegistered(r)
	if err != nil {
		return err
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := s.change(ctx, storage.ErrExists, claimID, in.id); err != nil {
			return err
		}
		if err := s.change(ctx, storage.ErrExists, insertClient, in.id, in.client); err != nil {
			return err
		}
		if _, err := s.exec(ctx, insertRegistration, in.id, in.rest); err != nil {
			return err
		}
		return s.swapUniques(ctx, in.id, in.uniques)
	})
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
	in, err := newRegistered(r)
	if err != nil {
		return err
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		err := s.change(ctx, storage.ErrConflict, swapClient, in.client, in.id, r.Version)
		if errors.Is(err, storage.ErrConflict) {
			return s.conflict(ctx, in.id)
		}
		if err != nil {
			return err
		}
		if err := s.change(ctx, storage.ErrNotFound, updateRegistration, in.rest, in.id); err != nil {
			return err
		}
		return s.swapUniques(ctx, in.id, in.uniques)
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
		client, _, err := s.locked(ctx, clientID)
		if err != nil {
			return err
		}
		if err := s.purge(ctx, clientID); err != nil || client.Suspended {
			return err
		}
		return s.swapUniques(ctx, clientID, nil)
	})
}

// SuspendClient implements storage.Registrar. On PostgreSQL it may lose against
// a token of the client that is rotated at the same moment, as RemoveClient.
func (s *Store) SuspendClient(ctx context.Context, clientID string, version int64) error {
	return s.atomically(ctx, func(ctx context.Context) error {
		client, found, err := s.locked(ctx, clientID)
		switch {
		case err != nil:
			return err
		case client.Suspended: // and stays so
		case found != version:
			return storage.ErrConflict
		default:
			if err := s.suspend(ctx, client, version); err != nil {
				return err
			}
		}
		_, err = s.exec(ctx, deleteClientRequests, clientID)
		return err
	})
}

// locked returns a client that registered itself, and its version, neither of
// which anybody else changes until the transaction ends.
func (s *Store) locked(ctx context.Context, clientID string) (*storage.Client, int64, error) {
	var data []byte
	var version int64
	if err := s.row(ctx, storage.ErrNotFound, lockRegistered, clientID)(&data, &version); err != nil {
		return nil, 0, err
	}
	client := &storage.Client{}
	return client, version, json.Unmarshal(data, client)
}

// suspend changes the client, whose row is locked.
func (s *Store) suspend(ctx context.Context, client *storage.Client, version int64) error {
	client.Suspended = true
	data, err := json.Marshal(client)
	if err != nil {
		return err
	}
	return s.change(ctx, storage.ErrConflict, swapClient, string(data), client.ID, version)
}

// DeleteClient removes the client of any origin, with its codes, tokens and
// intents, which therefore do not come back where PutClient stores another one
// under the same identifier; CreateClient never does. All that the client holds
// of unique strings is free again, even where it is removed already. It returns
// nil if there is no such client.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := s.purge(ctx, id); err != nil {
			return err
		}
		return s.swapUniques(ctx, id, nil)
	})
}

// purge deletes all but the unique strings. The requests go just before the
// client, in the order in which Fosite rotates a token and adds the next one.
// What was added in between goes with the client, by its foreign key; where
// SQLite does not look at those, no other transaction writes meanwhile.
func (s *Store) purge(ctx context.Context, id string) error {
	for _, statement := range []string{
		retireID, lockClient, deleteClientIntents, deleteRegistration, deleteClientRequests, deleteClient,
	} {
		if _, err := s.exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}
