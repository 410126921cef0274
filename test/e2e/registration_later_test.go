package e2e

import (
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// statusList is one beside the registry's own.
type statusList struct {
	w    *applying
	list credential.List
}

// suspensions publishes an empty list of suspensions.
func (w *applying) suspensions(t *testing.T) *statusList {
	t.Helper()
	l := &statusList{w, credential.List{URL: w.Registry.Base + "/status/2", Purpose: credential.Suspension, Bits: credential.NewBits(0), TTL: time.Second}}
	l.publish(t)
	return l
}

func (l *statusList) publish(t *testing.T) {
	t.Helper()
	token, err := l.w.Registry.Issuer.StatusList(l.list)
	if err != nil {
		t.Fatal(err)
	}
	l.w.Registry.Put("/status/2", "application/vc+jwt", []byte(token))
}

func (l *statusList) set(t *testing.T, index uint64, on bool) {
	t.Helper()
	if err := l.list.Bits.Set(index, on); err != nil {
		t.Fatal(err)
	}
	l.publish(t)
}

// watched adds the list to a credential.
func (l *statusList) watched(index uint64) func(*credential.Credential) {
	return func(c *credential.Credential) {
		c.Status = append(c.Status, credential.StatusEntry{Type: credential.BitstringStatusList, Purpose: l.list.Purpose, List: l.list.URL, Index: index})
	}
}
