package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
)

var uniqueChecks = []check[storage.Registrar]{
	{"each string that is to be unique is taken once", uniqueCreate},
	{"what a refused registration would have taken is free", uniqueRefused},
	{"a unique string is compared as a whole", uniqueWhole},
	{"a unique string that is named twice counts once", uniqueTwice},
	{"too many unique strings, or an empty one, are an error", uniqueBound},
	{"a replacement swaps all unique strings", uniqueReplace},
	{"a replacement does not take what another has for itself", uniqueReplaceTaken},
	{"what was unique is free again after a removal", uniqueRemoved},
	{"of concurrent registrations that share a string one succeeds", uniqueRace},
	{"of concurrent registrations of the same strings one succeeds, in whatever order", uniqueOrderRace},
	{"concurrent registrations that overlap do not stand in each other's way", uniqueRingRace},
	{"of concurrent replacements that take one string one succeeds", uniqueReplaceRace},
	{"concurrent replacements do not take each other's strings", uniqueSwapRace},
}

// claim is a registration of a client that has these strings for itself.
func claim(clientID string, unique ...string) *storage.Registration {
	r := newRegistration()
	r.Client.ID, r.Unique = clientID, unique
	return r
}

// wantFree tells each of the strings free, or held, by a registration of its
// own, which it removes.
func wantFree(t *testing.T, s storage.Registrar, free bool, unique ...string) {
	t.Helper()
	for _, text := range unique {
		probe := "probe-" + rand.Text()
		err := s.CreateClient(t.Context(), claim(probe, text))
		if !free {
			wantError(t, err, storage.ErrExists)
			continue
		}
		must(t, err)
		must(t, s.RemoveClient(t.Context(), probe))
	}
}

func uniqueCreate(t *testing.T, s storage.Registrar) {
	want := claim("buyer", "b", "c", "a")
	must(t, s.CreateClient(t.Context(), want))
	for _, taken := range want.Unique {
		wantError(t, s.CreateClient(t.Context(), claim("other", "own", taken)), storage.ErrExists)
		wantAbsent(t, s, "other")
	}
	must(t, s.CreateClient(t.Context(), claim("other", "own"))) // the identifier was not used up
	wantRegistration(t, s, want)
}

func uniqueRefused(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), claim("buyer", "taken")))
	wantError(t, s.CreateClient(t.Context(), claim("other", "1", "2", "taken", "3", "4")), storage.ErrExists)
	wantFree(t, s, true, "1", "2", "3", "4")
}

func uniqueWhole(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), claim("buyer", "one", "two")))
	wantFree(t, s, true, "On", "ONE", "one ", "onetwo", `["one","two"]`, "one,two", "two\x00")
}

func uniqueTwice(t *testing.T, s storage.Registrar) {
	want := claim("buyer", "a", "b", "a")
	must(t, s.CreateClient(t.Context(), want))
	wantRegistration(t, s, want)
	must(t, s.ReplaceClient(t.Context(), claim("buyer", "b", "b")))
	wantFree(t, s, true, "a")
	wantFree(t, s, false, "b")
}

// uniqueBound: what does not fit is no registration of somebody else.
func uniqueBound(t *testing.T, s storage.Registrar) {
	want := claim("buyer", strings.Split("12345678", "")...)
	wantEqual(t, "bound", len(want.Unique), storage.MaxUnique)
	must(t, s.CreateClient(t.Context(), want))
	for _, wrong := range [][]string{strings.Split("abcdefghi", ""), {"a", ""}, {""}} {
		for _, err := range []error{
			s.CreateClient(t.Context(), claim("other", wrong...)),
			s.ReplaceClient(t.Context(), claim("buyer", wrong...)),
		} {
			if err == nil || errors.Is(err, storage.ErrExists) || errors.Is(err, storage.ErrConflict) {
				t.Errorf("%q: got %v", wrong, err)
			}
		}
	}
	wantAbsent(t, s, "other")
	wantRegistration(t, s, want)
	wantFree(t, s, true, "a")
	wantFree(t, s, false, want.Unique...)
}

func uniqueReplace(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), claim("buyer", "kept", "given up", "c")))
	next := claim("buyer", "taken", "kept", "d")
	must(t, s.ReplaceClient(t.Context(), next))
	wantFree(t, s, true, "given up", "c")
	wantFree(t, s, false, next.Unique...)
	next.Version = 1
	wantRegistration(t, s, next)
	none := claim("buyer")
	none.Version = 1
	must(t, s.ReplaceClient(t.Context(), none))
	wantFree(t, s, true, next.Unique...)
}

func uniqueReplaceTaken(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), claim("buyer", "b", "d")))
	other := claim("other", "c", "e")
	must(t, s.CreateClient(t.Context(), other))
	greedy := claim("other", "a", "c", "d", "f")
	greedy.Client.Scope = "openid"
	wantError(t, s.ReplaceClient(t.Context(), greedy), storage.ErrExists)
	wantRegistration(t, s, other)
	wantFree(t, s, true, "a", "f")
	wantFree(t, s, false, "b", "c", "d", "e")
}

func uniqueRemoved(t *testing.T, s storage.Registrar) {
	must(t, s.CreateClient(t.Context(), newRegistration()))
	must(t, s.CreateClient(t.Context(), registrationOf("other")))
	must(t, s.RemoveClient(t.Context(), "buyer"))
	again := newRegistration()
	again.Client.ID = "buyer-2"
	must(t, s.CreateClient(t.Context(), again))
	wantRegistration(t, s, again)
	wantFree(t, s, false, registrationOf("other").Unique...)
}

// registrations returns those that are there, of the clients client-1 and so on
// to one per caller.
func registrations(t *testing.T, s storage.Registrar) (found []*storage.Registration) {
	t.Helper()
	for i := range callers {
		r, err := s.GetRegistration(t.Context(), fmt.Sprint("client-", i+1))
		if err == nil {
			found = append(found, r)
		} else {
			wantError(t, err, storage.ErrNotFound)
		}
	}
	return found
}

// wantUnshared: no two of the registrations have a string in common.
func wantUnshared(t *testing.T, found []*storage.Registration) {
	t.Helper()
	var all []string
	for _, r := range found {
		all = append(all, r.Unique...)
	}
	slices.Sort(all)
	wantEqual(t, "unique strings", slices.Compact(slices.Clone(all)), all)
}

func uniqueRace(t *testing.T, s storage.Registrar) {
	var n atomic.Int64
	wantOneWinner(t, storage.ErrExists, func() error {
		i := n.Add(1)
		return s.CreateClient(context.Background(), claim(fmt.Sprint("client-", i), fmt.Sprint("own-", i), "common", fmt.Sprint(i)))
	})
	wantEqual(t, "clients", len(registrations(t, s)), 1)
}

func uniqueOrderRace(t *testing.T, s storage.Registrar) {
	var n atomic.Int64
	wantOneWinner(t, storage.ErrExists, func() error {
		i := n.Add(1)
		unique := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		if i%2 == 0 {
			slices.Reverse(unique)
		}
		return s.CreateClient(context.Background(), claim(fmt.Sprint("client-", i), unique...))
	})
	wantEqual(t, "clients", len(registrations(t, s)), 1)
}

// uniqueRingRace: each shares one string with the next and one with the one
// before. Nobody fails but by a string that is taken.
func uniqueRingRace(t *testing.T, s storage.Registrar) {
	var n, won atomic.Int64
	for _, err := range race(func() error {
		i := int(n.Add(1))
		err := s.CreateClient(context.Background(), claim(fmt.Sprint("client-", i), fmt.Sprint(i), fmt.Sprint(i%callers+1)))
		if err == nil {
			won.Add(1)
		}
		return err
	}) {
		if err != nil {
			wantError(t, err, storage.ErrExists)
		}
	}
	if won.Load() == 0 {
		t.Error("nobody is registered")
	}
	found := registrations(t, s)
	wantEqual(t, "clients", len(found), int(won.Load()))
	wantUnshared(t, found)
}

// everybody registers one client per caller, each with a string of its own.
func everybody(t *testing.T, s storage.Registrar) {
	t.Helper()
	for i := range callers {
		must(t, s.CreateClient(t.Context(), claim(fmt.Sprint("client-", i+1), fmt.Sprint("own-", i+1))))
	}
}

func uniqueReplaceRace(t *testing.T, s storage.Registrar) {
	everybody(t, s)
	var n atomic.Int64
	wantOneWinner(t, storage.ErrExists, func() error {
		i := n.Add(1)
		return s.ReplaceClient(context.Background(), claim(fmt.Sprint("client-", i), "common"))
	})
	wantUnshared(t, registrations(t, s))
}

// uniqueSwapRace: two by two, each wants the string of the other, which that one
// gives up only if it gets the first one's. Nobody waits for that in a circle.
func uniqueSwapRace(t *testing.T, s storage.Registrar) {
	everybody(t, s)
	for range 5 {
		var n atomic.Int64
		for _, err := range race(func() error {
			i := n.Add(1) - 1
			return s.ReplaceClient(context.Background(), claim(fmt.Sprint("client-", i+1), fmt.Sprint("own-", i^1+1)))
		}) {
			wantError(t, err, storage.ErrExists)
		}
	}
	for i, r := range registrations(t, s) {
		wantEqual(t, "unique strings", r.Unique, []string{fmt.Sprint("own-", i+1)})
	}
}
