package memory

import (
	"context"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// CreateIntent implements storage.Intents. An expired intent gives way only
// when there are MaxRecords of them.
func (s *Store) CreateIntent(ctx context.Context, intent *storage.Intent) error {
	r, err := intentRow(intent, intent.Version)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		if u.intents.rows[intent.ID] != nil {
			return storage.ErrExists
		}
		return u.add(u.intents, intent.ID, r)
	})
}

// GetIntent implements storage.Intents.
func (s *Store) GetIntent(ctx context.Context, id string) (*storage.Intent, error) {
	var r *row
	err := s.do(ctx, func(u unit) error {
		if r = u.intents.rows[id]; r == nil {
			return storage.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.decoded.(*storage.Intent).Clone(), nil
}

// SwapIntent implements storage.Intents.
func (s *Store) SwapIntent(ctx context.Context, intent *storage.Intent) error {
	r, err := intentRow(intent, intent.Version+1)
	if err != nil {
		return err
	}
	return s.do(ctx, func(u unit) error {
		old := u.intents.rows[intent.ID]
		if old == nil || old.version != intent.Version {
			return storage.ErrConflict
		}
		u.set(u.intents, intent.ID, r)
		return nil
	})
}

func intentRow(intent *storage.Intent, version int64) (*row, error) {
	own, err := record.CopyIntent(intent, version)
	return &row{decoded: own, until: intent.ExpiresAt, version: version}, err
}

// PutOnce implements storage.Once.
func (s *Store) PutOnce(ctx context.Context, key string, value []byte, until time.Time) error {
	r, hash := onceRow(slices.Clone(value), until), record.Hash(key)
	return s.do(ctx, func(u unit) error {
		// Half of the room is for values, so that they cannot keep out the
		// marks of what was used.
		if u.once.sweep(u.now); len(u.once.rows) >= u.max/2 && u.once.rows[hash] == nil {
			return ErrFull
		}
		return u.add(u.once, hash, r)
	})
}

// GetOnce implements storage.Once.
func (s *Store) GetOnce(ctx context.Context, key string) ([]byte, error) {
	return s.readOnce(ctx, record.Hash(key), func(unit) {})
}

// TakeOnce implements storage.Once.
func (s *Store) TakeOnce(ctx context.Context, key string) ([]byte, error) {
	hash := record.Hash(key)
	return s.readOnce(ctx, hash, func(u unit) { u.set(u.once, hash, nil) })
}

func (s *Store) readOnce(ctx context.Context, hash string, then func(unit)) (value []byte, err error) {
	err = s.do(ctx, func(u unit) error {
		r := u.once.get(hash, u.now)
		if r == nil {
			return storage.ErrNotFound
		}
		value = slices.Clone(r.data)
		then(u)
		return nil
	})
	return value, err
}

// UseOnce implements storage.Once.
func (s *Store) UseOnce(ctx context.Context, key string, until time.Time) error {
	hash := record.Hash(key)
	return s.do(ctx, func(u unit) error {
		if u.once.get(hash, u.now) != nil {
			return storage.ErrUsed
		}
		return u.add(u.once, hash, onceRow(nil, until))
	})
}

// onceRow gives a zero time, which a row takes for never, its plain meaning: a
// time long past.
func onceRow(value []byte, until time.Time) *row {
	if until.IsZero() {
		until = time.Unix(0, 0)
	}
	return &row{data: value, until: until}
}
