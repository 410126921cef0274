package memory

import "fmt"

// Dump returns all that the store holds, as text.
func (s *Store) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	tables := []*table{s.clients, s.intents, s.once, s.registrations, s.uniques, s.ids}
	for _, t := range s.requests {
		tables = append(tables, t)
	}
	for _, t := range tables {
		for key, r := range t.rows {
			text += fmt.Sprintf("%s %s %s\n", key, r.request, r.data)
		}
	}
	return text
}

// Rows returns how many one-time records and how many entries of their queue
// there are.
func (s *Store) Rows() (rows, queued int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.once.rows), len(s.once.due)
}
