package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

// stores are the adapters on which one-time use must hold.
func stores(t *testing.T, test func(t *testing.T, h *harness.Host, b *harness.Buyer)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) harness.Store{
		"memory": func(*testing.T) harness.Store { return memory.New(memory.Config{NewSession: harness.NewSession}) },
		"sqlite": func(t *testing.T) harness.Store { return sql.New(harness.SQLite(t), sql.SQLite, harness.NewSession) },
		"postgres": func(t *testing.T) harness.Store {
			db := pgtest.Database(t, pgtest.Server(t))
			if err := sql.Migrate(t.Context(), db, sql.Postgres); err != nil {
				t.Fatal(err)
			}
			return sql.New(db, sql.Postgres, harness.NewSession)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := harness.StartHost(t, profile.MEFLSO(), open(t), nil)
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			h.Register(t, b)
			test(t, h, b)
		})
	}
}

// twenty plays something twenty times at once and collects the answers.
func twenty[T any](play func(i int) T) []T {
	answers := make([]T, 20)
	var wait sync.WaitGroup
	begin := make(chan struct{})
	for i := range answers {
		wait.Go(func() {
			<-begin
			answers[i] = play(i)
		})
	}
	close(begin)
	wait.Wait()
	return answers
}

func oneWinner(t *testing.T, answers []harness.Response, status int, code string) {
	t.Helper()
	won := 0
	for _, r := range answers {
		if r.Status == 200 {
			won++
			continue
		}
		refused(t, r, status, code)
	}
	if won != 1 {
		t.Errorf("%d of 20 succeeded", won)
	}
}

func TestTwentyRedemptionsOfOneCode(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		code, _ := code(t, h, b, "once")
		oneWinner(t, twenty(func(int) harness.Response { return h.Redeem(t, b, code) }), 400, "invalid_grant")
	})
}

func TestTwentyUsesOfOneAssertion(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		form := b.Authenticated(ownBehalf("quote"))
		oneWinner(t, twenty(func(int) harness.Response { return h.Post(t, h.Token, form) }), 401, "invalid_client")
	})
}

func TestTwentyUsesOfOneRefreshToken(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		code, _ := code(t, h, b, "repeated")
		token := h.Redeem(t, b, code).Body["refresh_token"].(string)
		oneWinner(t, twenty(func(int) harness.Response {
			return h.Post(t, h.Token, b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
		}), 400, "invalid_grant")
	})
}

// One request object, and twenty objects for one intent: one code each.
func TestTwentyAuthorizations(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		one, many := h.NewIntent(t, b, "once"), h.NewIntent(t, b, "once")
		object := b.Object(one)
		for name, play := range map[string]func(int) harness.Answer{
			"one object": func(int) harness.Answer { return h.Approve(t, h.URL(b, object)) },
			"one intent": func(int) harness.Answer { return h.Approve(t, h.URL(b, b.Object(many))) },
		} {
			codes := 0
			for _, answer := range twenty(play) {
				if answer.Params.Has("code") {
					codes++
				} else if e := answer.Params.Get("error"); e != "access_denied" && e != "invalid_request_object" && !isPage(answer) {
					t.Errorf("%s: %d %v", name, answer.Status, answer.Params)
				}
			}
			if codes != 1 {
				t.Errorf("%s: %d codes", name, codes)
			}
		}
	})
}

// isPage: the answer to this authorization is out already.
func isPage(answer harness.Answer) bool {
	return answer.Status == 400 && answer.Location == nil && strings.Contains(answer.Body, "invalid_request")
}

func TestTwentySubmissions(t *testing.T) {
	stores(t, func(t *testing.T, h *harness.Host, b *harness.Buyer) {
		code, in := code(t, h, b, "once")
		h.Redeem(t, b, code)
		stored, err := h.Store.GetIntent(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		won := 0
		for _, err := range twenty(func(int) error { return h.Provider.Intents.Consume(t.Context(), in, stored.RequestID) }) {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of 20 consumed the intent", won)
		}
	})
}

// failing is a store whose parts break.
type failing struct {
	*memory.Store
	broken map[string]bool
}

var errBroken = errors.New("the disk is gone")

func (f *failing) fails(name string) error {
	if f.broken[name] {
		return errBroken
	}
	return nil
}

func (f *failing) RevokeAccessToken(ctx context.Context, id string) error {
	return errors.Join(f.fails("revoke"), f.Store.RevokeAccessToken(ctx, id))
}

func (f *failing) CreateAuthorizeCodeSession(ctx context.Context, code string, r fosite.Requester) error {
	return errors.Join(f.fails("code"), f.Store.CreateAuthorizeCodeSession(ctx, code, r))
}

func (f *failing) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	return errors.Join(f.fails("token"), f.Store.CreateAccessTokenSession(ctx, signature, r))
}

func (f *failing) UseOnce(ctx context.Context, key string, until time.Time) error {
	if err := f.fails("once"); err != nil {
		return err
	}
	return f.Store.UseOnce(ctx, key, until)
}

func (f *failing) GetIntent(ctx context.Context, id string) (*storage.Intent, error) {
	if err := f.fails("intent"); err != nil {
		return nil, err
	}
	return f.Store.GetIntent(ctx, id)
}

// What a storage failure leaves behind: an error that says to come back, and
// nothing used up.
func TestStorageFailures(t *testing.T) {
	store := &failing{memory.New(memory.Config{NewSession: harness.NewSession}), map[string]bool{}}
	h := harness.StartHost(t, profile.MEFLSO(), store, nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	during := func(part string, play func()) {
		store.broken[part] = true
		play()
		delete(store.broken, part)
	}
	in := h.NewIntent(t, b, "once")
	object := b.Object(in)
	during("intent", func() { denied(t, h.Approve(t, h.URL(b, object)), "temporarily_unavailable") })
	during("code", func() { denied(t, h.Approve(t, h.URL(b, object)), "server_error") })
	answer := h.Approve(t, h.URL(b, object))
	if !answer.Params.Has("code") {
		t.Fatalf("after the failures: %v", answer.Params)
	}
	during("once", func() {
		refused(t, h.Post(t, h.Token, b.Authenticated(ownBehalf("quote"))), http.StatusServiceUnavailable, "temporarily_unavailable")
	})
	during("token", func() { refused(t, h.Redeem(t, b, answer.Params.Get("code")), 500, "server_error") })
	tokens := h.Redeem(t, b, answer.Params.Get("code"))
	if tokens.Status != 200 {
		t.Fatalf("after the failure: %s", tokens.Raw)
	}
	token := tokens.Body["access_token"].(string)
	during("revoke", func() {
		refused(t, h.Post(t, h.Revoke, b.Authenticated(url.Values{"token": {token}})), http.StatusServiceUnavailable, "temporarily_unavailable")
	})
	if r := h.Post(t, h.Revoke, b.Authenticated(url.Values{"token": {token}})); r.Status != 200 {
		t.Errorf("after the failure: %d", r.Status)
	}
}

// Nothing secret is in the audit log or in the database.
func TestNothingSecretIsKept(t *testing.T) {
	db := harness.SQLite(t)
	h := harness.StartHost(t, profile.MEFLSO(), sql.New(db, sql.SQLite, harness.NewSession), nil)
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	in := h.NewIntent(t, b, "repeated")
	object, assertion := b.Object(in), b.Assertion()
	answer := h.Approve(t, h.URL(b, object))
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Params.Get("code")}, "redirect_uri": {b.Redirect},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
	tokens := h.Post(t, h.Token, form)
	h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {tokens.Body["access_token"].(string)}}))
	kept := h.Events.Text() + dump(t, db)
	if !strings.Contains(kept, in) {
		t.Fatal("the dump has not even the intent")
	}
	for name, secret := range map[string]string{
		"request object": object, "assertion": assertion, "code": answer.Params.Get("code"), "id token": answer.Params.Get("id_token"),
		"access token": tokens.Body["access_token"].(string), "refresh token": tokens.Body["refresh_token"].(string),
		"code signature":  strings.Split(answer.Params.Get("code"), ".")[1],
		"token signature": strings.Split(tokens.Body["access_token"].(string), ".")[1],
	} {
		if strings.Contains(kept, secret) {
			t.Errorf("the %s is kept in clear", name)
		}
	}
}

// With records in another store than Fosite's, one-time use holds as well.
func TestRecordsApart(t *testing.T) {
	records := memory.New(memory.Config{NewSession: harness.NewSession})
	h := harness.StartHost(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.Records = records })
	h.Store = apart{h.Store, records}
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	code, _ := code(t, h, b, "once")
	oneWinner(t, twenty(func(int) harness.Response { return h.Redeem(t, b, code) }), 400, "invalid_grant")
}

// When Fosite's storage fails and the records are apart, what was taken is
// given back: the same request object and the same code succeed afterwards.
func TestRecordsApartAreGivenBack(t *testing.T) {
	records := memory.New(memory.Config{NewSession: harness.NewSession})
	store := &failing{memory.New(memory.Config{NewSession: harness.NewSession}), map[string]bool{}}
	h := harness.StartHost(t, profile.MEFLSO(), store, func(c *compose.Config) { c.Records = records })
	h.Store = apart{h.Store, records}
	b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
	h.Register(t, b)
	in := h.NewIntent(t, b, "once")
	object := b.Object(in)
	store.broken["code"] = true
	denied(t, h.Approve(t, h.URL(b, object)), "server_error")
	if e := h.Events.Last(audit.AuthorizationResponse); e.Outcome != audit.Failed || e.Error != "server_error" || e.Cause != errBroken.Error() {
		t.Errorf("the event is %+v", e)
	}
	delete(store.broken, "code")
	answer := h.Approve(t, h.URL(b, object))
	if !answer.Params.Has("code") || state(t, h, in) != "Authorized" {
		t.Fatalf("after the failure: %v, %s", answer.Params, state(t, h, in))
	}
	store.broken["token"] = true
	refused(t, h.Redeem(t, b, answer.Params.Get("code")), 500, "server_error")
	delete(store.broken, "token")
	if stored, err := records.GetIntent(t.Context(), in); err != nil || !stored.ExchangedAt.IsZero() {
		t.Errorf("the exchange was not taken back: %+v, %v", stored, err)
	}
}
