package relyingparty_test

import (
	"testing"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// A key that the issuer rotated in is found with one more request; an unknown
// kid costs one.
func TestKeyRefresh(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	if _, err := newAttempt(t, s, c).finish(c); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.key, s.kid = newKey("ES256"), "as-sig-2"
	s.keys[s.kid] = s.key.Public()
	s.mu.Unlock()
	if _, err := newAttempt(t, s, c).finish(c); err != nil {
		t.Fatal(err)
	}
	if n := s.keyRequests.Load(); n != 2 {
		t.Errorf("%d requests for keys, want 2", n)
	}
	s.now.Add(60)
	for range 3 {
		a := newAttempt(t, s, c)
		a.header["kid"] = "nobody"
		_, err := a.finish(c)
		wantAbort(t, err, relyingparty.ReasonKey)
	}
	if n := s.keyRequests.Load(); n != 3 {
		t.Errorf("%d requests for keys, want 3", n)
	}
}

func TestKeysOutOfReach(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, func(config *relyingparty.Config) {
		m := *config.Issuer
		m.JWKSURI = s.issuer + "/nowhere"
		config.Issuer = &m
	})
	_, err := newAttempt(t, s, c).finish(c)
	if wantAbort(t, err, relyingparty.ReasonKey).Cause == nil {
		t.Error("no cause")
	}
}
