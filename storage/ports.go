package storage

import (
	"context"
	"errors"
	"time"
)

// The errors that the ports return. Any other error means that the storage
// failed, and the client is told to come back later.
var (
	// ErrNotFound: there is no such record, or it has expired.
	ErrNotFound = errors.New("storage: not found")
	// ErrExists: a record with this key exists already.
	ErrExists = errors.New("storage: exists already")
	// ErrConflict: the record was changed by somebody else in the meantime.
	ErrConflict = errors.New("storage: changed concurrently")
	// ErrUsed: the key has been used before.
	ErrUsed = errors.New("storage: used already")
)

// Intents keeps the intents. Implementations are safe for concurrent use, by
// several processes too.
type Intents interface {
	// CreateIntent stores a new intent, or returns ErrExists.
	CreateIntent(ctx context.Context, intent *Intent) error
	// GetIntent returns a copy of the intent, or ErrNotFound. An expired
	// intent is still returned; it is for the caller to compare ExpiresAt.
	GetIntent(ctx context.Context, id string) (*Intent, error)
	// SwapIntent replaces the stored intent with the same ID if its Version
	// equals intent.Version, storing Version+1, in one atomic statement;
	// else it returns ErrConflict. The argument is not changed.
	SwapIntent(ctx context.Context, intent *Intent) error
}

// Once keeps short-lived opaque records and remembers what was used. Keys
// are printable ASCII of at most 200 bytes, values at most 256 KiB; a record
// is gone once its time has passed. Implementations are safe for concurrent
// use, by several processes too.
type Once interface {
	// PutOnce stores value under key until the given time, replacing what was
	// there.
	PutOnce(ctx context.Context, key string, value []byte, until time.Time) error
	// GetOnce returns the value, or ErrNotFound.
	GetOnce(ctx context.Context, key string) ([]byte, error)
	// TakeOnce returns the value and removes it in one atomic statement: of
	// concurrent callers one gets the value, the others ErrNotFound.
	TakeOnce(ctx context.Context, key string) ([]byte, error)
	// UseOnce marks key as used until the given time in one atomic
	// statement: the first caller gets nil, every other one ErrUsed. Keys of
	// UseOnce and of PutOnce are one name space: UseOnce on a live record is
	// ErrUsed, GetOnce on a used key returns an empty value, and TakeOnce
	// makes it unused again.
	UseOnce(ctx context.Context, key string, until time.Time) error
}

// Records is all that the library keeps beside Fosite's own storage.
type Records interface {
	Intents
	Once
}
