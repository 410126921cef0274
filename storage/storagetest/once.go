package storagetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

var onceChecks = []check[storage.Records]{
	{"a record comes back as it was stored", onceRoundTrip},
	{"the longest key and value fit", onceLimits},
	{"a record is replaced", onceReplace},
	{"a value that was got is a copy", onceCopy},
	{"an unknown record is not found", onceUnknown},
	{"a record is gone once its time has passed", onceExpiry},
	{"a record of the past was never there", oncePast},
	{"a record is taken once", onceTake},
	{"of concurrent takers one gets the value", onceTakeRace},
	{"a key is used once", onceUse},
	{"of concurrent users one is the first", onceUseRace},
	{"a key is free again once its time has passed", onceUseExpiry},
	{"a live record is in use", onceUseLive},
	{"a used key has an empty value", onceUsedValue},
}

func soon() time.Time { return time.Now().Add(time.Minute) }

func wantValue(t *testing.T, s storage.Records, key string, want []byte) {
	t.Helper()
	got, err := s.GetOnce(t.Context(), key)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Fatalf("value of %q: got %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(want), want)
	}
}

func wantGone(t *testing.T, s storage.Records, key string) {
	t.Helper()
	_, err := s.GetOnce(t.Context(), key)
	wantError(t, err, storage.ErrNotFound)
	_, err = s.TakeOnce(t.Context(), key)
	wantError(t, err, storage.ErrNotFound)
}

func onceRoundTrip(t *testing.T, s storage.Records) {
	value := []byte("\x00\xff'\"\n{}")
	must(t, s.PutOnce(t.Context(), "par:1", value, soon()))
	must(t, s.PutOnce(t.Context(), "par:2", nil, soon()))
	wantValue(t, s, "par:1", value)
	wantValue(t, s, "par:1", value)
	wantValue(t, s, "par:2", nil)
}

func onceLimits(t *testing.T, s storage.Records) {
	key := make([]byte, 200)
	for i := range key {
		key[i] = byte(' ' + i%95)
	}
	value := bytes.Repeat([]byte{0, 1, 254, 255}, 64<<10)
	must(t, s.PutOnce(t.Context(), string(key), value, soon()))
	wantValue(t, s, string(key), value)
	_, err := s.GetOnce(t.Context(), string(key[:199]))
	wantError(t, err, storage.ErrNotFound)
}

func onceReplace(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "k", []byte("one"), soon()))
	must(t, s.PutOnce(t.Context(), "k", []byte("two"), soon()))
	wantValue(t, s, "k", []byte("two"))
}

func onceCopy(t *testing.T, s storage.Records) {
	value := []byte("value")
	must(t, s.PutOnce(t.Context(), "k", value, soon()))
	value[0] = 'X'
	got, err := s.GetOnce(t.Context(), "k")
	must(t, err)
	got[1] = 'X'
	wantValue(t, s, "k", []byte("value"))
}

func onceUnknown(t *testing.T, s storage.Records) { wantGone(t, s, "unknown") }

func onceExpiry(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "get", []byte("v"), time.Now().Add(200*time.Millisecond)))
	must(t, s.PutOnce(t.Context(), "stays", []byte("v"), soon()))
	time.Sleep(300 * time.Millisecond)
	wantGone(t, s, "get")
	wantValue(t, s, "stays", []byte("v"))
}

func oncePast(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "past", []byte("v"), time.Now().Add(-time.Hour)))
	wantGone(t, s, "past")
	must(t, s.PutOnce(t.Context(), "zero", []byte("v"), time.Time{}))
	wantGone(t, s, "zero")
}

func onceTake(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "k", []byte("v"), soon()))
	got, err := s.TakeOnce(t.Context(), "k")
	must(t, err)
	wantEqual(t, "value", string(got), "v")
	wantGone(t, s, "k")
	must(t, s.UseOnce(t.Context(), "k", soon()))
}

func onceTakeRace(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "k", []byte("v"), soon()))
	wantOneWinner(t, storage.ErrNotFound, func() error {
		_, err := s.TakeOnce(context.Background(), "k")
		return err
	})
}

func onceUse(t *testing.T, s storage.Records) {
	must(t, s.UseOnce(t.Context(), "jti:1", soon()))
	wantError(t, s.UseOnce(t.Context(), "jti:1", soon()), storage.ErrUsed)
	must(t, s.UseOnce(t.Context(), "jti:2", soon()))
}

func onceUseRace(t *testing.T, s storage.Records) {
	wantOneWinner(t, storage.ErrUsed, func() error {
		return s.UseOnce(context.Background(), "jti:1", soon())
	})
}

func onceUseExpiry(t *testing.T, s storage.Records) {
	must(t, s.UseOnce(t.Context(), "jti:1", time.Now().Add(200*time.Millisecond)))
	wantError(t, s.UseOnce(t.Context(), "jti:1", soon()), storage.ErrUsed)
	time.Sleep(300 * time.Millisecond)
	wantOneWinner(t, storage.ErrUsed, func() error {
		return s.UseOnce(context.Background(), "jti:1", soon())
	})
}

func onceUseLive(t *testing.T, s storage.Records) {
	must(t, s.PutOnce(t.Context(), "k", []byte("v"), soon()))
	wantError(t, s.UseOnce(t.Context(), "k", soon()), storage.ErrUsed)
	wantValue(t, s, "k", []byte("v"))
}

func onceUsedValue(t *testing.T, s storage.Records) {
	must(t, s.UseOnce(t.Context(), "k", soon()))
	wantValue(t, s, "k", nil)
}
