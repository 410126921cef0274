package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// A bound token in process costs one read: the token with its client.
func TestBoundTokenCostsOneRead(t *testing.T) {
	store := &counted{Store: memory.New(memory.Config{NewSession: harness.NewSession})}
	h := harness.StartMTLS(t, profile.FAPI1Advanced(), store, func(c *compose.Config) { c.PairwiseSalt = bytes.Repeat([]byte{7}, 32) })
	b, cert := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer), harness.SelfSigned(t, nil, "buyer-a")
	h.Register(t, b)
	access := (&secured{Host: h, b: b}).ownToken(t, cert)
	guard := h.Provider.ResourceGuard().Protect(quote, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(204) }))
	for _, status := range []int{204, 401} {
		r, err := http.NewRequest(http.MethodGet, "https://op.example.com/quote", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+access)
		r.TLS = &tls.ConnectionState{}
		if status == 204 {
			r.TLS.PeerCertificates = []*x509.Certificate{cert.Leaf}
		}
		store.take()
		if got := harness.Serve(t, guard, r); got.Status != status {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
		if calls := store.take(); !slices.Equal(calls, []string{"GetAccess"}) {
			t.Errorf("%d: %v", status, calls)
		}
	}
}
