package e2e

import (
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// start gives a host with one registered buyer.
func start(t testing.TB, p profile.Profile) (*harness.Host, *harness.Buyer) {
	t.Helper()
	h := harness.StartHost(t, p, nil, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	return h, b
}

func TestAuthorizationRequestsRefused(t *testing.T) {
	h, b := start(t, profile.MEFLSO())
	for _, c := range harness.Cases() {
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) { c.Run(t, &h.Target, b) })
	}
}
