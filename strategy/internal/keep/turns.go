package keep

import (
	"context"
	"net/url"
	"strings"
	"sync"
)

// Turns bounds how many do something at the same time. Who waits longest is
// next. A nil Turns bounds nothing.
type Turns chan struct{}

// NewTurns returns a Turns for n at a time; below 1 means no bound.
func NewTurns(n int) Turns {
	if n < 1 {
		return nil
	}
	return make(Turns, n)
}

// Take waits for a turn, which Return must end. The error is that of ctx.
func (t Turns) Take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Return gives a turn back.
func (t Turns) Return() {
	if t != nil {
		<-t
	}
}

// queue has the turns of loads: those of each origin, and of all together.
// Whoever waits for a turn of its origin holds none of the others, so that a
// slow origin does not starve them.
type queue struct {
	all       Turns
	perOrigin int
	mu        sync.Mutex
	origins   map[string]*originTurns
}

// originTurns are those of one origin.
type originTurns struct {
	Turns
	users int // in the queue or loading; at 0 it is forgotten
}

// take waits for a turn, which release ends. The error is that of ctx.
func (q *queue) take(ctx context.Context, origin string) (release func(), err error) {
	own := q.enter(origin)
	if err := own.Take(ctx); err != nil {
		q.leave(origin, own)
		return nil, err
	}
	if err := q.all.Take(ctx); err != nil {
		own.Return()
		q.leave(origin, own)
		return nil, err
	}
	return func() {
		q.all.Return()
		own.Return()
		q.leave(origin, own)
	}, nil
}

func (q *queue) enter(origin string) *originTurns {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.origins[origin]
	if own == nil {
		own = &originTurns{Turns: NewTurns(q.perOrigin)}
		q.origins[origin] = own
	}
	own.users++
	return own
}

func (q *queue) leave(origin string, own *originTurns) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(q.origins, origin)
	}
}

// Origin is scheme, host and port of a URL (RFC 6454 §4), or the URL itself if
// it cannot be read.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + port
}
