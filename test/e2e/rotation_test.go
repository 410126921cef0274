package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// vault is a source of keys that an operator changes.
type vault []key.Private

func (v *vault) SigningKeys(context.Context) ([]key.Private, error) { return *v, nil }

func ecPrivate(t *testing.T, id string) key.Private {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Private{ID: id, Signer: signer}
}

// A new signing key is in the JWK Set before it signs, without a restart.
func TestSigningKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := ecPrivate(t, "one"), ecPrivate(t, "two")
		v := &vault{one}
		h := harness.StartDirect(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.Keys = v })
		b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
		h.Register(t, b)
		signs := func() any {
			answer := h.Approve(t, h.URL(b, b.Object(h.NewIntent(t, b, "once"))))
			header, _ := harness.Decode(t, answer.Params.Get("id_token"))
			verified(t, h, b, answer.Params.Get("id_token"), "ES256")
			return header["kid"]
		}
		seen := []any{signs()}
		*v = vault{two, one}
		if err := h.Provider.Keys.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, signs())
		time.Sleep(key.PublishLead)
		seen = append(seen, signs())
		*v = vault{two}
		if err := h.Provider.Keys.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, signs())
		if want := []any{"one", "one", "two", "two"}; !slices.Equal(seen, want) {
			t.Errorf("signed with %v, want %v", seen, want)
		}
	})
}
