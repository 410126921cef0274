package memory

import (
	"container/heap"
	"errors"
	"maps"
	"slices"
	"time"
)

// ErrFull means that there are MaxRecords live records of the kind. The client may come
// back later; nothing live is ever evicted.
var ErrFull = errors.New("storage/memory: full")

// row is one record. It is immutable once it is in a table, so that pointer
// equality tells whether somebody changed the record.
type row struct {
	data    []byte
	until   time.Time // zero: never
	client  string
	request string
	spent   bool
	// intents only
	version int64
	// clients only
	decoded any
}

func (r *row) live(now time.Time) bool {
	return r != nil && (r.until.IsZero() || now.Before(r.until))
}

// table holds the rows of one kind, with an index by request identifier and a
// queue by expiry.
type table struct {
	rows      map[string]*row
	byRequest map[string]map[string]*row
	due       queue
}

func newTable() *table {
	return &table{rows: map[string]*row{}, byRequest: map[string]map[string]*row{}}
}

// get returns the live row under key, or nil.
func (t *table) get(key string, now time.Time) *row {
	if r := t.rows[key]; r.live(now) {
		return r
	}
	return nil
}

// put replaces the row under key; nil removes it.
func (t *table) put(key string, r *row) {
	t.unindex(key)
	if r == nil {
		delete(t.rows, key)
		return
	}
	t.rows[key] = r
	t.index(key, r)
}

func (t *table) index(key string, r *row) {
	if r.request != "" {
		if t.byRequest[r.request] == nil {
			t.byRequest[r.request] = map[string]*row{}
		}
		t.byRequest[r.request][key] = r
	}
	if !r.until.IsZero() {
		heap.Push(&t.due, due{key, r})
		t.compact()
	}
}

func (t *table) unindex(key string) {
	r := t.rows[key]
	if r == nil || r.request == "" {
		return
	}
	siblings := t.byRequest[r.request]
	if delete(siblings, key); len(siblings) == 0 {
		delete(t.byRequest, r.request)
	}
}

// keysOf returns the keys of the rows of a request.
func (t *table) keysOf(request string) []string {
	return slices.Collect(maps.Keys(t.byRequest[request]))
}

// compact drops the queue's entries of rows that were replaced, once they are
// the greater part.
func (t *table) compact() {
	if len(t.due) < 2*len(t.rows)+64 {
		return
	}
	live := t.due[:0]
	for _, d := range t.due {
		if t.rows[d.key] == d.row {
			live = append(live, d)
		}
	}
	clear(t.due[len(live):])
	t.due = live
	heap.Init(&t.due)
}

// sweep removes the rows that have expired.
func (t *table) sweep(now time.Time) {
	for len(t.due) > 0 && !t.due[0].row.live(now) {
		if d := heap.Pop(&t.due).(due); t.rows[d.key] == d.row {
			t.put(d.key, nil)
		}
	}
}

// due is an entry of the queue; queue is a heap of them, the earliest first.
type due struct {
	key string
	row *row
}

type queue []due

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].row.until.Before(q[j].row.until) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(due)) }

func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = due{}
	*q = old[:len(old)-1]
	return last
}
