package sql

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// Records keeps intents and one-time records, for teams that have a Fosite
// storage of their own. Every method is one statement. It is safe for
// concurrent use, by several processes too. Make it with NewRecords, and set
// its fields before it is used.
type Records struct {
	// Clock tells the time against which expiry is held; nil means time.Now.
	Clock func() time.Time
	// TxFrom finds the transaction that the host has open in a context, if
	// any. Statements then run in it, and BeginTX, Commit and Rollback set,
	// release and return to a savepoint; to commit stays with the host.
	TxFrom func(context.Context) (*sql.Tx, bool)

	db      *sql.DB
	dialect Dialect
}

var (
	_ storage.Records             = (*Records)(nil)
	_ fositestorage.Transactional = (*Records)(nil)
)

// NewRecords returns Records over db, in which Migrate has made the tables.
func NewRecords(db *sql.DB, d Dialect) *Records { return &Records{db: db, dialect: d} }

// CreateIntent implements storage.Intents.
func (r *Records) CreateIntent(ctx context.Context, intent *storage.Intent) error {
	data, err := record.EncodeIntent(intent, intent.Version)
	if err != nil {
		return err
	}
	return r.change(ctx, storage.ErrExists, insertIntent, intent.ID, intent.ClientID, string(intent.State),
		expiry(intent.ExpiresAt), intent.Version, string(data))
}

// GetIntent implements storage.Intents.
func (r *Records) GetIntent(ctx context.Context, id string) (*storage.Intent, error) {
	var data []byte
	if err := r.row(ctx, storage.ErrNotFound, selectIntent, id)(&data); err != nil {
		return nil, err
	}
	return record.DecodeIntent(data)
}

// SwapIntent implements storage.Intents.
func (r *Records) SwapIntent(ctx context.Context, intent *storage.Intent) error {
	data, err := record.EncodeIntent(intent, intent.Version+1)
	if err != nil {
		return err
	}
	return r.change(ctx, storage.ErrConflict, swapIntent, intent.ClientID, string(intent.State),
		expiry(intent.ExpiresAt), intent.Version+1, string(data), intent.ID, intent.Version)
}

// PutOnce implements storage.Once.
func (r *Records) PutOnce(ctx context.Context, key string, value []byte, until time.Time) error {
	text := base64.RawStdEncoding.EncodeToString(value)
	_, err := r.exec(ctx, putOnce, record.Hash(key), text, until.UnixMicro())
	return err
}

// GetOnce implements storage.Once.
func (r *Records) GetOnce(ctx context.Context, key string) ([]byte, error) {
	return r.value(ctx, getOnce, key)
}

// TakeOnce implements storage.Once.
func (r *Records) TakeOnce(ctx context.Context, key string) ([]byte, error) {
	return r.value(ctx, takeOnce, key)
}

func (r *Records) value(ctx context.Context, query, key string) ([]byte, error) {
	var text string
	if err := r.row(ctx, storage.ErrNotFound, query, record.Hash(key), r.now())(&text); err != nil {
		return nil, err
	}
	return base64.RawStdEncoding.DecodeString(text)
}

// UseOnce implements storage.Once.
func (r *Records) UseOnce(ctx context.Context, key string, until time.Time) error {
	return r.change(ctx, storage.ErrUsed, useOnce, record.Hash(key), until.UnixMicro(), r.now())
}

// Sweep deletes what has expired, but for intents, which are the Seller's to
// keep. Nothing depends on it but the size of the tables: the host calls it
// now and then, say every few minutes, from one process or from all.
func (r *Records) Sweep(ctx context.Context) error {
	now := r.now()
	_, once := r.exec(ctx, sweepOnce, now)
	_, requests := r.exec(ctx, sweepRequests, now)
	return errors.Join(once, requests)
}

// now is the time in microseconds.
func (r *Records) now() int64 {
	if r.Clock == nil {
		return time.Now().UnixMicro()
	}
	return r.Clock().UnixMicro()
}
