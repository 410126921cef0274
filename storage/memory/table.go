package memory

import (
	"container/heap"
	"errors"
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
	// intents and clients only
	version int64
	// what data would be read into, instead of it or beside it
	decoded any
}

func (r *row) live(now time.Time) bool {
	return r != nil && (r.until.IsZero() || now.Before(r.until))
}

// table holds the rows of one kind, with an index by request identifier, where
// somebody asks by it, and a queue by expiry.
type table struct {
	rows      map[string]*row
	byRequest map[string][]string // keys; nil: no index
	due       queue
}

func newTable() *table { return &table{rows: map[string]*row{}} }

func newIndexed() *table {
	t := newTable()
	t.byRequest = map[string][]string{}
	return t
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
	before := t.rows[key]
	if r == nil {
		delete(t.rows, key)
	} else {
		t.rows[key] = r
	}
	t.index(key, before, r)
	if r == nil || r.until.IsZero() || before != nil && before.until.Equal(r.until) {
		return // what replaces a row is due when that one was
	}
	heap.Push(&t.due, dueAt(r.until, key))
	t.compact()
}

func (t *table) index(key string, before, after *row) {
	if t.byRequest == nil || before != nil && after != nil && before.request == after.request {
		return
	}
	if before != nil {
		keys := slices.DeleteFunc(t.byRequest[before.request], func(k string) bool { return k == key })
		if t.byRequest[before.request] = keys; len(keys) == 0 {
			delete(t.byRequest, before.request)
		}
	}
	if after != nil {
		t.byRequest[after.request] = append(t.byRequest[after.request], key)
	}
}

// keysOf returns the keys of the rows of a request.
func (t *table) keysOf(request string) []string { return slices.Clone(t.byRequest[request]) }

// compact drops the queue's entries of rows that are gone, once they are the
// greater part.
func (t *table) compact() {
	if len(t.due) < 2*len(t.rows)+64 {
		return
	}
	clear(t.due)
	t.due = t.due[:0]
	for key, r := range t.rows {
		if !r.until.IsZero() {
			t.due = append(t.due, dueAt(r.until, key))
		}
	}
	heap.Init(&t.due)
}

// sweep removes the rows that have expired.
func (t *table) sweep(now time.Time) {
	for len(t.due) > 0 && t.due[0].until <= now.UnixMicro() {
		key := heap.Pop(&t.due).(due).key
		if r := t.rows[key]; r != nil && !r.live(now) {
			t.put(key, nil)
		}
	}
}

// due tells when to look whether the row under key has expired. It does not
// hold the row, which may be gone by then.
type due struct {
	until int64 // in Unix microseconds, rounded up: never before the row's
	key   string
}

func dueAt(until time.Time, key string) due {
	return due{until.Add(time.Microsecond - 1).UnixMicro(), key}
}

// queue is a heap, the earliest to expire first.
type queue []due

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until < q[j].until }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(due)) }

func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = due{}
	*q = old[:len(old)-1]
	return last
}
