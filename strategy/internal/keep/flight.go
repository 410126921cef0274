package keep

import (
	"context"
	"sync"
)

// flight is a load that callers share: before its turn, during, and done.
type flight[V any] struct {
	waiters int                // guarded by flights.mu, as begun is
	begun   bool               // that it is its turn: it cannot be dropped any more
	turn    context.Context    // while it waits for its turn
	drop    context.CancelFunc // ends that
	done    chan struct{}      // closed when the entry is there
	entry   *entry[V]
}

// flights are those of a Cache, at most one for each key.
type flights[V any] struct {
	mu    sync.Mutex
	byKey map[string]*flight[V]
}

// join counts the caller in. Where there is no flight, start starts one, and
// sets its drop.
func (s *flights[V]) join(key string, start func(*flight[V])) *flight[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byKey[key]
	if f == nil {
		f = &flight[V]{done: make(chan struct{})}
		s.byKey[key] = f
		start(f)
	}
	f.waiters++
	return f
}

// leave counts a caller out. The last one drops a flight that has not begun;
// who comes later has a new one.
func (s *flights[V]) leave(key string, f *flight[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	if f.waiters == 0 && !f.begun {
		f.drop()
		s.forget(key, f)
	}
}

// begin reports whether anybody still waits, and keeps the flight if so.
func (s *flights[V]) begin(f *flight[V]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.begun = f.waiters > 0
	return f.begun
}

// land hands the entry to all who wait.
func (s *flights[V]) land(key string, f *flight[V], e *entry[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(key, f)
	f.entry = e
	close(f.done)
}

func (s *flights[V]) forget(key string, f *flight[V]) {
	if s.byKey[key] == f {
		delete(s.byKey, key)
	}
}
