package keep

import (
	"math"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// shelf has the entries, and knows whose they are. It is safe for concurrent
// use.
type shelf[V any] struct {
	entries   *lru.Cache[string, *entry[V]]
	size      int
	maxWeight int64
	mu        sync.Mutex // of changes, and of what follows
	shares    map[string]share
	weight    int64 // of all entries
}

// share is what an owner has on the shelf.
type share struct {
	entries int
	weight  int64
}

func newShelf[V any](size int, maxWeight int64) *shelf[V] {
	s := &shelf[V]{size: max(1, size), maxWeight: maxWeight, shares: map[string]share{}}
	var err error
	s.entries, err = lru.New[string, *entry[V]](s.size + 1) // put takes away the one
	if err != nil {
		panic(err) // of sizes below 1 alone
	}
	return s
}

// get returns the entry, which is not the oldest any more.
func (s *shelf[V]) get(key string) (*entry[V], bool) { return s.entries.Get(key) }

// put places the newest entry and takes away others while there are too many or
// they are too heavy: first those without a value, then the oldest of an owner
// who has more than a quarter, then the oldest.
func (s *shelf[V]) put(key string, e *entry[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
	s.entries.Add(key, e)
	s.count(e, 1)
	for s.entries.Len() > s.size {
		s.remove(s.most(key, func(of share, e *entry[V]) int64 {
			switch {
			case !e.has:
				return math.MaxInt64
			case of.entries > s.size/4:
				return 1 + int64(of.entries)
			}
			return 1
		}))
	}
	for s.weight > s.maxWeight && s.weight > e.weight {
		s.remove(s.most(key, func(of share, e *entry[V]) int64 {
			switch {
			case e.weight == 0:
				return 0 // to take it away is no help
			case of.weight > s.maxWeight/4:
				return 1 + of.weight
			}
			return 1
		}))
	}
}

// most returns the key for which the measure is the greatest, the oldest of
// these, and never the newest.
func (s *shelf[V]) most(newest string, measure func(share, *entry[V]) int64) string {
	var found string
	greatest := int64(0)
	for _, key := range s.entries.Keys() {
		e, ok := s.entries.Peek(key)
		if !ok || key == newest {
			continue
		}
		if is := measure(s.shares[e.owner], e); is > greatest {
			found, greatest = key, is
		}
		if greatest == math.MaxInt64 {
			break
		}
	}
	return found
}

func (s *shelf[V]) remove(key string) {
	if e, ok := s.entries.Peek(key); ok {
		s.entries.Remove(key)
		s.count(e, -1)
	}
}

// count adds an entry to its owner's share, or takes it off with -1.
func (s *shelf[V]) count(e *entry[V], n int) {
	of := s.shares[e.owner]
	of.entries += n
	of.weight += int64(n) * e.weight
	s.weight += int64(n) * e.weight
	if s.shares[e.owner] = of; of.entries == 0 {
		delete(s.shares, e.owner)
	}
}
