package credential

import "context"

// Unpackings takes every turn to unpack a list, and returns how many there are
// and what gives one back.
func (s *StatusLists) Unpackings(ctx context.Context) (n int, giveBack func()) {
	for range cap(s.unpackings) {
		if s.unpackings.Take(ctx) != nil {
			break
		}
		n++
	}
	return n, s.unpackings.Return
}
