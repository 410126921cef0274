package sql

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// Store is Records and the whole of Fosite's storage, for teams that have none.
// Every method is one statement, but for RevokeRefreshToken and those that
// change a client together with what belongs to it, which are one transaction.
// It is safe for concurrent use, by several processes too. Make it with New,
// and set its fields before it is used.
type Store struct {
	*Records
	newSession func() storage.Session
}

var (
	_ storage.Records                    = (*Store)(nil)
	_ fosite.Storage                     = (*Store)(nil)
	_ oauth2.CoreStorage                 = (*Store)(nil)
	_ oauth2.TokenRevocationStorage      = (*Store)(nil)
	_ openid.OpenIDConnectRequestStorage = (*Store)(nil)
)

// New returns a Store over db, in which Migrate has made the tables. Stored
// sessions are read into the ones that newSession makes; nil means
// storage.NewSession.
func New(db *sql.DB, d Dialect, newSession func() storage.Session) *Store {
	if newSession == nil {
		newSession = func() storage.Session { return storage.NewSession() }
	}
	return &Store{Records: NewRecords(db, d), newSession: newSession}
}

// PutClient stores the client, replacing the one with the same identifier,
// even one that was removed. A registration that it has stays with it; whoever
// changes a client that registered itself rather takes ReplaceClient.
func (s *Store) PutClient(ctx context.Context, client *storage.Client) error {
	data, err := json.Marshal(client)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, putClient, client.ID, string(data))
	return err
}

// GetClient implements fosite.ClientManager: it returns a *storage.Client,
// or fosite.ErrNotFound.
func (s *Store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	var data []byte
	if err := s.row(ctx, fosite.ErrNotFound, selectClient, id)(&data); err != nil {
		return nil, err
	}
	return decodeClient(data)
}

func decodeClient(data []byte) (fosite.Client, error) {
	client := &storage.Client{}
	if err := json.Unmarshal(data, client); err != nil {
		return nil, err
	}
	return client, nil
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
