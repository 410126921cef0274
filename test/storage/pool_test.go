package storage_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	lsosql "github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

// TestOneConnection: no request needs a second connection while it holds one
// in a transaction, or a full pool would stand still.
func TestOneConnection(t *testing.T) {
	db := postgres(t, pgtest.Server(t))
	db.SetMaxOpenConns(1)
	h := harness.StartHost(t, profile.MEFLSO(), lsosql.New(db, lsosql.Postgres, harness.NewSession), nil)
	h.HTTP.Timeout = 20 * time.Second
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	var all sync.WaitGroup
	for range 4 {
		quote := h.NewIntent(t, b, "repeated")
		all.Go(func() { oneFlow(t, h, b, quote) })
	}
	all.Wait()
}

func oneFlow(t *testing.T, h *harness.Host, b *harness.Buyer, quote string) {
	answer, err := h.HTTP.Get(h.URL(b, b.Object(quote)))
	if err != nil {
		t.Error(err)
		return
	}
	defer answer.Body.Close()
	location, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		t.Error(err)
		return
	}
	params, _ := url.ParseQuery(location.Fragment) // no code is reported below
	tokens := form(t, h, b, url.Values{"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {b.Redirect}})
	refresh, _ := tokens["refresh_token"].(string)
	tokens = form(t, h, b, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if tokens["access_token"] == nil {
		t.Errorf("no token after the refresh: %v", tokens)
	}
}

func form(t *testing.T, h *harness.Host, b *harness.Buyer, fields url.Values) harness.Claims {
	response, err := h.HTTP.PostForm(h.Token, b.Authenticated(fields))
	if err != nil {
		t.Error(err)
		return nil
	}
	r := harness.ReadJSON(t, response)
	if r.Status != http.StatusOK {
		t.Errorf("%s: %d %s", fields.Get("grant_type"), r.Status, r.Raw)
	}
	return r.Body
}
