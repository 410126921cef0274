package memory

import (
	"context"
	"sync"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/internal/record"
)

// DefaultMaxRecords is how many records of each kind a Store keeps, where its
// Config says nothing.
const DefaultMaxRecords = 100_000

// Config is what a Store may be told. The zero value is ready for use.
type Config struct {
	// NewSession makes the empty session into which a stored one is read; nil
	// means storage.NewSession. It must be safe for concurrent use.
	NewSession func() storage.Session
	// Clock tells the time against which expiry is held; nil means time.Now.
	// It must be safe for concurrent use.
	Clock func() time.Time
	// MaxRecords is how many live records of each kind (clients, identifiers
	// ever given out by CreateClient, unique strings that a client holds, be it
	// removed, intents, one-time records, codes, OpenID Connect sessions, access
	// tokens, refresh tokens) there may be; less than one means DefaultMaxRecords.
	MaxRecords int
}

// Store keeps everything in the memory of one process. It is safe for
// concurrent use. Make it with New.
type Store struct {
	newSession func() storage.Session
	clock      func() time.Time
	max        int

	mu       sync.Mutex // held for one operation, never for a transaction
	clients  *table
	intents  *table
	once     *table
	requests map[record.Kind]*table
	// registrations are kept beside the clients, uniques tell whose a unique
	// string is, also after the client is gone, and ids are the identifiers that
	// are never given out again.
	registrations, uniques, ids *table
	// revoked tells until when a request's tokens are refused though they are
	// there: a transaction that was open at the revocation may still add or
	// bring back some.
	revoked *table
}

var (
	_ storage.Records                    = (*Store)(nil)
	_ fosite.Storage                     = (*Store)(nil)
	_ oauth2.CoreStorage                 = (*Store)(nil)
	_ oauth2.TokenRevocationStorage      = (*Store)(nil)
	_ openid.OpenIDConnectRequestStorage = (*Store)(nil)
	_ fositestorage.Transactional        = (*Store)(nil)
)

// New returns an empty Store.
func New(config Config) *Store {
	s := &Store{
		newSession: config.NewSession,
		clock:      config.Clock,
		max:        config.MaxRecords,
		clients:    newTable(),
		intents:    newTable(),
		once:       newTable(),
		requests:   map[record.Kind]*table{},
		revoked:    newTable(),
	}
	s.registrations, s.uniques, s.ids = newTable(), newTable(), newTable()
	s.requests[record.Code], s.requests[record.OpenID] = newTable(), newTable()
	s.requests[record.Access], s.requests[record.Refresh] = newIndexed(), newIndexed()
	s.defaults()
	return s
}

func (s *Store) defaults() {
	if s.newSession == nil {
		s.newSession = func() storage.Session { return storage.NewSession() }
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.max < 1 {
		s.max = DefaultMaxRecords
	}
}

// unit is one operation: the tables under the mutex, the time, and the
// transaction that the operation belongs to, if any.
type unit struct {
	*Store
	now time.Time
	tx  *transaction
}

// do runs fn as one operation. Nothing slow belongs into fn.
func (s *Store) do(ctx context.Context, fn func(unit) error) error {
	tx := s.transaction(ctx)
	if tx != nil && !tx.nest.Open() {
		return record.ErrNoTransaction
	}
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(unit{s, now, tx})
}

// set replaces the row under key, nil removing it, in a way that the
// transaction can undo.
func (u unit) set(t *table, key string, r *row) {
	before := t.rows[key]
	t.put(key, r)
	if u.tx != nil {
		u.tx.changes = append(u.tx.changes, change{t, key, before, r})
	}
}

// add is set for a row that may be new: it returns ErrFull where there is no
// room for one more.
func (u unit) add(t *table, key string, r *row) error {
	if t != u.intents {
		t.sweep(u.now)
	}
	if t.rows[key] == nil && len(t.rows) >= u.max {
		t.sweep(u.now)
		if len(t.rows) >= u.max {
			return ErrFull
		}
	}
	u.set(t, key, r)
	return nil
}
