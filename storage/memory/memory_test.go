package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Store {
		return memory.New(memory.Config{NewSession: storagetest.NewSession})
	})
}

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)} }

func TestExpiryFollowsTheClock(t *testing.T) {
	c := newClock()
	s := memory.New(memory.Config{Clock: c.Now})
	must(t, s.PutClient(t.Context(), &storage.Client{ID: "buyer"}))
	session := storage.NewSession()
	session.SetExpiresAt(fosite.AuthorizeCode, c.now.Add(time.Minute))
	r := &fosite.Request{ID: "1", Client: &storage.Client{ID: "buyer"}, Session: session}
	must(t, s.CreateAuthorizeCodeSession(t.Context(), "code", r))

	c.now = c.now.Add(time.Minute - 1)
	_, err := s.GetAuthorizeCodeSession(t.Context(), "code", nil)
	must(t, err)
	c.now = c.now.Add(1)
	if _, err := s.GetAuthorizeCodeSession(t.Context(), "code", nil); !errors.Is(err, fosite.ErrNotFound) {
		t.Fatalf("got %v, want fosite.ErrNotFound", err)
	}
}

func TestFullStoreRefusesAndForgetsNothingLive(t *testing.T) {
	c := newClock()
	s := memory.New(memory.Config{Clock: c.Now, MaxRecords: 3})
	must(t, s.UseOnce(t.Context(), "short", c.now.Add(time.Minute)))
	must(t, s.UseOnce(t.Context(), "long-1", c.now.Add(time.Hour)))
	must(t, s.UseOnce(t.Context(), "long-2", c.now.Add(time.Hour)))
	wantFull(t, s.UseOnce(t.Context(), "one more", c.now.Add(time.Hour)))
	wantFull(t, s.PutOnce(t.Context(), "one more", nil, c.now.Add(time.Hour)))
	for _, key := range []string{"short", "long-1", "long-2"} {
		if err := s.UseOnce(t.Context(), key, c.now.Add(time.Hour)); !errors.Is(err, storage.ErrUsed) {
			t.Fatalf("%s: got %v, want storage.ErrUsed", key, err)
		}
	}
	must(t, s.PutOnce(t.Context(), "short", nil, c.now.Add(time.Minute))) // replaces
	must(t, s.PutClient(t.Context(), &storage.Client{ID: "another kind"}))

	c.now = c.now.Add(time.Minute)
	must(t, s.UseOnce(t.Context(), "one more", c.now.Add(time.Hour)))
	wantFull(t, s.UseOnce(t.Context(), "short", c.now.Add(time.Hour)))
}

func TestFullStoreLetsExpiredIntentsGo(t *testing.T) {
	c := newClock()
	s := memory.New(memory.Config{Clock: c.Now, MaxRecords: 2})
	must(t, s.CreateIntent(t.Context(), &storage.Intent{ID: "1", ExpiresAt: c.now.Add(time.Minute)}))
	c.now = c.now.Add(time.Hour)
	must(t, s.CreateIntent(t.Context(), &storage.Intent{ID: "2", ExpiresAt: c.now.Add(time.Hour)}))
	_, err := s.GetIntent(t.Context(), "1")
	must(t, err)
	must(t, s.CreateIntent(t.Context(), &storage.Intent{ID: "3", ExpiresAt: c.now.Add(time.Hour)}))
	if _, err := s.GetIntent(t.Context(), "1"); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("got %v, want storage.ErrNotFound", err)
	}
	wantFull(t, s.CreateIntent(t.Context(), &storage.Intent{ID: "4"}))
}

func TestMemoryDoesNotGrow(t *testing.T) {
	c := newClock()
	s := memory.New(memory.Config{Clock: c.Now})
	for i := range 5000 {
		c.now = c.now.Add(time.Second)
		must(t, s.UseOnce(t.Context(), fmt.Sprint(i), c.now.Add(10*time.Second)))
		must(t, s.PutOnce(t.Context(), "replaced", nil, c.now.Add(time.Hour)))
	}
	if rows, queued := s.Rows(); rows > 12 || queued > 200 {
		t.Fatalf("%d records, %d queued", rows, queued)
	}
}

func TestRollbackLeavesWhatOthersWrote(t *testing.T) {
	s := memory.New(memory.Config{})
	until := time.Now().Add(time.Minute)
	ctx, err := s.BeginTX(t.Context())
	must(t, err)
	must(t, s.PutOnce(ctx, "k", []byte("mine"), until))
	must(t, s.PutOnce(t.Context(), "k", []byte("theirs"), until))
	must(t, s.Rollback(ctx))
	value, err := s.GetOnce(t.Context(), "k")
	must(t, err)
	if string(value) != "theirs" {
		t.Fatalf("got %q", value)
	}
}

func TestTransactionBelongsToOneStore(t *testing.T) {
	one, other := memory.New(memory.Config{}), memory.New(memory.Config{})
	ctx, err := one.BeginTX(t.Context())
	must(t, err)
	must(t, other.UseOnce(ctx, "k", time.Now().Add(time.Minute)))
	must(t, one.Rollback(ctx))
	if err := other.UseOnce(ctx, "k", time.Now().Add(time.Minute)); !errors.Is(err, storage.ErrUsed) {
		t.Fatalf("got %v, want storage.ErrUsed", err)
	}
	if other.Commit(ctx) == nil {
		t.Fatal("a commit without a transaction succeeded")
	}
}

func BenchmarkGetAccessTokenSession(b *testing.B) {
	s := memory.New(memory.Config{})
	ctx := context.Background()
	client := &storage.Client{ID: "buyer"}
	if err := s.PutClient(ctx, client); err != nil {
		b.Fatal(err)
	}
	r := &fosite.Request{ID: "1", Client: client, Session: storage.NewSession()}
	if err := s.CreateAccessTokenSession(ctx, "token", r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.GetAccessTokenSession(ctx, "token", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, memory.ErrFull) {
		t.Fatalf("got %v, want memory.ErrFull", err)
	}
}
