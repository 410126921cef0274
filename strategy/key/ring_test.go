package key

import (
	"context"
	"crypto/elliptic"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// turning is a source whose keys change.
type turning struct {
	keys []Private
	err  error
}

func (s *turning) SigningKeys(context.Context) ([]Private, error) { return s.keys, s.err }

func private(t testing.TB, id string) Private {
	t.Helper()
	return Private{ID: id, Signer: ecSigner(t, elliptic.P256())}
}

func published(t testing.TB, ring *Ring) []string {
	t.Helper()
	keys, err := jose.ParseKeys(jwksOf(t, ring))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// A new key is published before it signs, an old one verifies until its last
// token has expired, and nothing restarts.
func TestRotation(t *testing.T) {
	p := profile.MEFLSO()
	now := time.Unix(1_800_000_000, 0)
	source := &turning{keys: []Private{private(t, "one")}}
	ring, err := NewRing(t.Context(), source, &p, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, keys []Private, signs string, shown ...string) {
		t.Helper()
		if keys != nil {
			source.keys = keys
			if err := ring.Reload(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := ring.For("ES256"); got == nil || got.ID != signs {
			t.Errorf("%s: %v signs, want %s", name, got, signs)
		}
		if got := published(t, ring); !slices.Equal(got, shown) {
			t.Errorf("%s: %v are published, want %v", name, got, shown)
		}
	}
	one, two := source.keys[0], private(t, "two")
	token, err := ring.Sign("ES256", map[string]any{"iss": "i", "sub": "s", "aud": "buyer", "exp": 1, "iat": 1})
	if err != nil {
		t.Fatal(err)
	}
	step("at start", nil, "one", "one")
	step("the new key comes", []Private{two, one}, "one", "two", "one")
	now = now.Add(PublishLead - time.Second)
	step("just before", []Private{two, one}, "one", "two", "one")
	now = now.Add(time.Second)
	step("after the lead", nil, "two", "two", "one")
	step("the old key goes", []Private{two}, "two", "two", "one")
	if _, err := ring.SubjectOf(token, "i", "buyer"); err != nil {
		t.Errorf("a token of the old key: %v", err)
	}
	now = now.Add(p.TTL.IDToken + PublishLead)
	step("its tokens have expired", nil, "two", "two")
	if _, err := ring.SubjectOf(token, "i", "buyer"); !errors.Is(err, ErrNoKey) {
		t.Errorf("a token of the old key, too late: %v", err)
	}
	step("and it is forgotten", []Private{two}, "two", "two")
	step("it comes back as a new one", []Private{one, two}, "two", "one", "two")
}

func TestNotBefore(t *testing.T) {
	p := profile.MEFLSO()
	now := time.Unix(1_800_000_000, 0)
	later := private(t, "later")
	later.NotBefore = now.Add(24 * time.Hour)
	ring, err := NewRing(t.Context(), &turning{keys: []Private{later, private(t, "first")}}, &p, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if ring.For("ES256").ID != "first" {
		t.Error("a key signs before its time")
	}
	if now = later.NotBefore; ring.For("ES256").ID != "later" {
		t.Error("a key does not sign at its time")
	}
	if _, err := NewRing(t.Context(), &turning{keys: []Private{{ID: "x", Signer: later.Signer, NotBefore: now.Add(time.Second)}}}, &p, func() time.Time { return now }); err == nil {
		t.Error("a ring that cannot sign yet was made")
	}
}

// A reload that goes wrong changes nothing.
func TestReloadRefuses(t *testing.T) {
	p := profile.MEFLSO()
	one := private(t, "one")
	rsa := Private{ID: "rsa", Signer: rsaSigner(t, 2048)}
	source := &turning{keys: []Private{one, rsa}}
	ring, err := NewRing(t.Context(), source, &p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source turning
		want   string
	}{
		"source fails":         {turning{err: errors.New("the vault is sealed")}, "sealed"},
		"no keys":              {turning{}, "no key signs ES256"},
		"only new keys":        {turning{keys: []Private{private(t, "two"), rsa}}, "no key signs ES256"},
		"an algorithm is gone": {turning{keys: []Private{one}}, "no key signs PS256"},
		"kid twice":            {turning{keys: []Private{one, one, rsa}}, "twice"},
	} {
		*source = c.source
		if err := ring.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if got := published(t, ring); !slices.Equal(got, []string{"one", "rsa"}) {
			t.Errorf("%s: %v are published", name, got)
		}
	}
}

func TestReloadWhileSigning(t *testing.T) {
	p := profile.MEFLSO()
	one := private(t, "one")
	ring, err := NewRing(t.Context(), &turning{keys: []Private{one}}, &p, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var failed error
		for range 100 {
			failed = errors.Join(failed, ring.Reload(t.Context()))
		}
		done <- failed
	}()
	for range 100 {
		if _, err := ring.Sign("ES256", map[string]any{"sub": "s"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
