package memory_test

import (
	"fmt"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/storage/storagetest"
)

func TestRegistrations(t *testing.T) {
	storagetest.Registrations(t, func(*testing.T) storage.Registrar {
		return memory.New(memory.Config{NewSession: storagetest.NewSession})
	})
}

// Identifiers are remembered for good and bounded all the same: the store
// rather takes no new client than it refuses to remove one.
func TestFullStoreRegistersNobody(t *testing.T) {
	s := memory.New(memory.Config{MaxRecords: 3})
	for i := range 3 {
		must(t, s.CreateClient(t.Context(), registration(fmt.Sprint(i))))
		must(t, s.RemoveClient(t.Context(), fmt.Sprint(i)))
	}
	wantFull(t, s.CreateClient(t.Context(), registration("one more")))
	for i := range 3 {
		must(t, s.PutClient(t.Context(), &storage.Client{ID: fmt.Sprint("put-", i)}))
	}
	must(t, s.DeleteClient(t.Context(), "put-0"))
}

// A refused client leaves nothing behind.
func TestFullStoreRegistersNothing(t *testing.T) {
	s := memory.New(memory.Config{MaxRecords: 1})
	must(t, s.PutClient(t.Context(), &storage.Client{ID: "put"}))
	wantFull(t, s.CreateClient(t.Context(), registration("buyer")))
	must(t, s.PutClient(t.Context(), &storage.Client{ID: "put"}))
	if _, err := s.GetRegistration(t.Context(), "buyer"); err == nil {
		t.Fatal("the registration is there without its client")
	}
}

// What removed clients hold for good is bounded, too, and the operator may free
// it.
func TestFullStoreHoldsNoMore(t *testing.T) {
	s := memory.New(memory.Config{MaxRecords: 3})
	must(t, s.CreateClient(t.Context(), registration("a", "1", "2")))
	must(t, s.SuspendClient(t.Context(), "a", 0))
	must(t, s.RemoveClient(t.Context(), "a"))
	wantFull(t, s.CreateClient(t.Context(), registration("b", "3", "4")))
	must(t, s.CreateClient(t.Context(), registration("b", "3")))
	wantFull(t, s.ReplaceClient(t.Context(), registration("b", "3", "4")))
	must(t, s.ReplaceClient(t.Context(), registration("b", "4")))
	must(t, s.DeleteClient(t.Context(), "a"))
	must(t, s.CreateClient(t.Context(), registration("c", "1", "2")))
}

func registration(id string, unique ...string) *storage.Registration {
	return &storage.Registration{Client: storage.Client{ID: id}, Unique: unique}
}
