package e2e

import (
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

func TestSmoke(t *testing.T) {
	h := harness.StartHost(t, profile.MEFLSO(), nil, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	in := h.NewIntent(t, b, "once")
	answer := h.Approve(t, h.URL(b, b.Object(in)))
	t.Log(answer.Status, answer.Params, answer.Body)
	_, claims := harness.Decode(t, answer.Params.Get("id_token"))
	t.Log(claims)
	r := h.Redeem(t, b, answer.Params.Get("code"))
	t.Log(r.Status, r.Raw)
	r = h.Post(t, h.Introspect, b.Authenticated(map[string][]string{"token": {r.Body["access_token"].(string)}}))
	t.Log(r.Raw)
}
