package credential_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// crowded is a web whose pages take a second, and that counts how many are
// asked for at a time.
type crowded struct {
	*pages
	now, peak atomic.Int32
}

func (c *crowded) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	if n := c.now.Add(1); n > c.peak.Load() {
		c.peak.Store(n)
	}
	defer c.now.Add(-1)
	time.Sleep(time.Second)
	return c.pages.Get(ctx, url, accept...)
}

func revocation(issuer, list string) credential.StatusEntry {
	return credential.StatusEntry{Issuer: issuer, Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: list, Index: 1}
}

// An origin gets 4 requests for lists at a time, and none for those who hang up
// before.
func TestListsAtATime(t *testing.T) {
	w := newWorld(t)
	for format, want := range map[string]int{"https://lists.example/%d": 4, "https://host-%d.example/": 32} {
		synctest.Test(t, func(t *testing.T) {
			web := &crowded{pages: &pages{}}
			lists := credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: w.keys, Outbound: web})
			gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			for i := range 200 {
				go lists.Check(gone, revocation(registry, fmt.Sprintf(format, i)))
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if peak := int(web.peak.Load()); peak != want || web.gets != want {
				t.Errorf("%s: %d requests, %d at a time, want %d", format, web.gets, peak, want)
			}
		})
	}
}

// Lists are unpacked 4 at a time. One that has no turn is unavailable at the end
// of its time, which is not remembered.
func TestUnpackingsAtATime(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		lists := credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: w.keys, Outbound: w.lists, Clock: w.verifier.Clock})
		n, giveBack := lists.Unpackings(t.Context())
		start := time.Now()
		err := lists.Check(t.Context(), revocation(registry, listURL))
		if took := time.Since(start); n != 4 || took != 10*time.Second || !errors.Is(err, credential.ErrStatusUnavailable) {
			t.Errorf("%d at a time; then %v after %v", n, err, took)
		}
		for range n {
			giveBack()
			if err := lists.Check(t.Context(), revocation(registry, listURL)); err != nil {
				t.Error(err)
			}
		}
	})
}

// The large lists of one issuer push out each other and none of the registry's.
func TestListsOfOneIssuerPushOutTheirOwn(t *testing.T) {
	w := newWorld(t)
	const size = credential.MinBits / 8
	lists := credential.NewStatusLists(credential.StatusConfig{
		Profile: &w.profile, Keys: w.keys, Outbound: w.lists, Clock: w.verifier.Clock, MaxBytes: 8 * size,
	})
	check := func(issuer, url string, wantGets int) {
		t.Helper()
		if err := lists.Check(t.Context(), revocation(issuer, url)); err != nil || w.lists.gets != wantGets {
			t.Errorf("%s: %v, %d fetches so far, want %d", url, err, w.lists.gets, wantGets)
		}
	}
	check(registry, listURL, 1)
	for i := range 10 {
		url := fmt.Sprintf("https://agency.example/lists/%d", i)
		w.lists.put(url, must(party(agency, "k1").StatusList(credential.List{URL: url, Purpose: credential.Revocation, Bits: make(credential.Bits, 2*size)})))
		check(agency, url, 2+i)
	}
	check(registry, listURL, 11)
	check(agency, "https://agency.example/lists/9", 11)
	check(agency, "https://agency.example/lists/0", 12)
}

// late is a web whose pages take nearly as long as one fetch may.
type late struct{ *pages }

func (l late) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	time.Sleep(4900 * time.Millisecond)
	return l.pages.Get(ctx, url, accept...)
}

// However many slow lists there are, there is an answer after 10 s.
func TestMEFR8_WholeVerificationEnds(t *testing.T) {
	const patience = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		a := newAttempt(t)
		web := a.w.lists
		slow := func(web credential.Getter) {
			a.w.verifier.Status = credential.NewStatusLists(credential.StatusConfig{Profile: &a.w.profile, Keys: a.w.keys, Outbound: web, Clock: a.w.verifier.Clock})
		}
		c := entity(credential.V2)
		c.Status = nil
		for i := range 4 {
			url := fmt.Sprintf("https://host-%d.example/list", i)
			web.put(url, must(party(registry, "k1").StatusList(credential.List{URL: url, Purpose: credential.Revocation, Bits: credential.NewBits(0)})))
			c.Status = append(c.Status, revocation("", url))
		}
		a.vc = must(party(registry, "k1").Credential(c))
		slow(late{web})
		start := time.Now()
		err := a.run(t)
		wantViolation(t, err, "MEF-R8", isInvalid)
		if took := time.Since(start); took != patience || !errors.Is(err, credential.ErrStatusUnavailable) {
			t.Errorf("Verify: %v after %v", err, took)
		}
		time.Sleep(time.Minute)
		slow(web)
		b := must(a.w.verifier.Verify(t.Context(), present(credential.V2, a.vc)))
		slow(late{web})
		a.w.clock.Add(301)
		start = time.Now()
		_, err = a.w.verifier.Recheck(t.Context(), b)
		wantViolation(t, err, "MEF-R8", "invalid_client")
		if took := time.Since(start); took != patience || !errors.Is(err, credential.ErrStatusUnavailable) {
			t.Errorf("Recheck: %v after %v", err, took)
		}
		time.Sleep(time.Minute)
	})
}
