package idtoken_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/idtoken"
)

// MEF-R30: one user is one pseudonym per sector, and nobody without the salt
// can tell whose.
func TestPairwise(t *testing.T) {
	salt, other := bytes.Repeat([]byte{1}, idtoken.MinSaltBytes), bytes.Repeat([]byte{2}, idtoken.MinSaltBytes)
	seen := map[string]string{}
	for _, c := range []struct {
		name         string
		salt         []byte
		sector, user string
	}{
		{"one", salt, "buyer.example", "ada"},
		{"another user", salt, "buyer.example", "bob"},
		{"another sector", salt, "other.example", "ada"},
		{"another salt", other, "buyer.example", "ada"},
		{"a letter moved", salt, "buyer.exampl", "eada"},
		{"all in the user", salt, "", "buyer.exampleada"},
		{"all in the sector", salt, "buyer.exampleada", ""},
		{"swapped", salt, "ada", "buyer.example"},
		{"in another case", salt, "Buyer.example", "ada"},
		{"a long sector", salt, strings.Repeat("s", 1<<16), "ada"},
		{"a longer one, with what a short length would hide", salt, strings.Repeat("s", 1<<17), "ada"},
		{"nothing", salt, "", ""},
	} {
		got := idtoken.Pairwise(c.salt, c.sector, c.user)
		if got != idtoken.Pairwise(c.salt, c.sector, c.user) {
			t.Errorf("%s: not stable", c.name)
		}
		if raw, err := base64.RawURLEncoding.DecodeString(got); err != nil || len(raw) != sha256.Size {
			t.Errorf("%s: got %q", c.name, got)
		}
		if same, dup := seen[got]; dup {
			t.Errorf("%q and %q are one", c.name, same)
		}
		seen[got] = c.name
	}
}

// The pseudonyms are for ever: this value must not change.
func TestPairwiseIsForEver(t *testing.T) {
	const want = "BZjLZKN6Z4KH-FHMttl1h9FCjOAscAPXLmoBgAWibGw"
	if got := idtoken.Pairwise(bytes.Repeat([]byte{1}, 32), "buyer.example", "ada"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
