package record

import (
	"errors"
	"sync"
)

// The errors of a transaction that was used wrongly, or half.
var (
	// ErrNoTransaction: there is none in the context, or it has ended.
	ErrNoTransaction = errors.New("storage: no open transaction")
	// ErrDoomed: a transaction within was rolled back, so all of it was.
	ErrDoomed = errors.New("storage: rolled back, as a transaction within was")
)

// Nest counts how deep transactions are nested; only the outermost one ends
// anything. It is safe for concurrent use. The zero value is one that ended.
type Nest struct {
	mu     sync.Mutex
	depth  int
	doomed bool
	failed bool
}

// NewNest returns a Nest that is one deep.
func NewNest() *Nest { return &Nest{depth: 1} }

// Open reports whether the transaction has not ended yet.
func (n *Nest) Open() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.depth > 0
}

// Enter goes one deeper; it reports false if the transaction has ended.
func (n *Nest) Enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.depth == 0 {
		return false
	}
	n.depth++
	return true
}

// Commit goes one up. The outermost Commit calls commit; or, where a
// transaction within was rolled back, rollback, and returns ErrDoomed.
func (n *Nest) Commit(commit, rollback func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.depth == 0 {
		return ErrNoTransaction
	}
	if n.depth--; n.depth > 0 {
		return nil
	}
	err := n.end(commit, rollback)
	n.failed = err != nil
	return err
}

func (n *Nest) end(commit, rollback func() error) error {
	if n.doomed {
		return errors.Join(ErrDoomed, rollback())
	}
	return commit()
}

// Rollback goes one up and dooms the whole transaction. The outermost one
// calls rollback. After a failed Commit one Rollback does nothing: Fosite
// answers every failure with one.
func (n *Nest) Rollback(rollback func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.depth == 0 {
		return n.acknowledge()
	}
	n.doomed = true
	if n.depth--; n.depth > 0 {
		return nil
	}
	return rollback()
}

func (n *Nest) acknowledge() error {
	if !n.failed {
		return ErrNoTransaction
	}
	n.failed = false
	return nil
}
