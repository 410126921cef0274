package openbanking_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/example/openbanking"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	base     = "https://api.example.com"
	consents = "/open-banking/v3.1/aisp/account-access-consents"
	accounts = "/open-banking/v3.1/aisp/accounts"
	basic    = `{"Data":{"Permissions":["ReadAccountsBasic"]},"Risk":{}}`
)

type object = map[string]any

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tokens are the active tokens by their value.
type tokens map[string]*token.Active

func (t tokens) Introspect(_ context.Context, bearer string) (*token.Active, error) {
	if active := t[bearer]; active != nil {
		return active, nil
	}
	return nil, profile.Rule("test").Refuse("invalid_token", "The token is not active.")
}

// world is the API over a register of its own.
type world struct {
	http.Handler
	tokens   tokens
	register *intent.Register
	clients  map[string]*storage.Client
	now      time.Time
}

func start(t *testing.T) *world {
	t.Helper()
	p := profile.UKOpenBanking()
	p.SenderConstraint, p.TokenEndpointMTLS = profile.ConstrainIfMTLS, false // certificates are the guard's own affair
	w := &world{tokens: tokens{}, clients: map[string]*storage.Client{}, now: time.Now()}
	clock := func() time.Time { return w.now }
	store := memory.New(memory.Config{Clock: clock})
	w.register = &intent.Register{
		Profile: &p, Intents: store, Tokens: store, Audit: audit.Discard, Clock: clock, Rand: rand.Reader,
		Metadata: func(_ context.Context, c fosite.Client) (*storage.ClientMetadata, error) {
			return c.(*storage.Client).LSOMetadata(), nil
		},
	}
	for _, id := range []string{"tpp-a", "tpp-b"} {
		w.clients[id] = &storage.Client{ID: id}
		w.tokens[id] = &token.Active{ClientID: id, Client: w.clients[id], Scopes: []string{"accounts"}}
	}
	guard := &resource.Guard{
		Tokens: w.tokens, Holder: &token.Holder{Profile: &p}, Intents: w.register, Profile: &p,
		Audit: audit.Discard, Clock: clock, Rand: rand.Reader,
	}
	w.Handler = openbanking.New(openbanking.Config{Guard: guard, Intents: w.register, Base: base})
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
	object object
}

func (w *world) do(t *testing.T, method, path, token, body string) answer {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	raw, err := io.ReadAll(recorder.Result().Body)
	must(t, err)
	a := answer{status: recorder.Code, header: recorder.Header(), body: string(raw)}
	_ = json.Unmarshal(raw, &a.object)
	return a
}

// consent lodges a consent and returns its id.
func (w *world) consent(t *testing.T, client, body string) string {
	t.Helper()
	a := w.do(t, http.MethodPost, consents, client, body)
	data, _ := a.object["Data"].(object)
	id, _ := data["ConsentId"].(string)
	if a.status != http.StatusCreated || id == "" {
		t.Fatalf("POST: %d %s", a.status, a.body)
	}
	return id
}

// users is a token of a user's authorization of the consent.
func (w *world) users(t *testing.T, client, id string) string {
	t.Helper()
	in, err := w.register.Authorizable(t.Context(), w.clients[client], id)
	must(t, err)
	must(t, w.register.Authorize(t.Context(), in, "request-"+id, w.now.Add(time.Minute)))
	in, err = w.register.Redeemable(t.Context(), id, "request-"+id)
	must(t, err)
	must(t, w.register.Exchange(t.Context(), in))
	name := "user-" + id
	w.tokens[name] = &token.Active{
		ClientID: client, Client: w.clients[client], Subject: id, Scopes: []string{"openid", "accounts"},
		IntentID: id, RequestID: "request-" + id,
	}
	return name
}

// expect checks an error of the API.
func expect(t *testing.T, what string, a answer, status int, code string) {
	t.Helper()
	faults, _ := a.object["Errors"].([]any)
	if a.status != status || len(faults) != 1 || faults[0].(object)["ErrorCode"] != code || a.object["Id"] != a.header.Get("x-fapi-interaction-id") {
		t.Errorf("%s: got %d %s, want %d %s", what, a.status, a.body, status, code)
	}
}

func TestConsent(t *testing.T) {
	w := start(t)
	const body = `{"Data":{"Permissions":["ReadAccountsBasic","ReadBalances"],"ExpirationDateTime":"2999-01-01T00:00:00+00:00"},"Risk":{}}`
	a := w.do(t, http.MethodPost, consents, "tpp-a", body)
	id := a.object["Data"].(object)["ConsentId"].(string)
	if got := a.header.Get("Location"); a.status != http.StatusCreated || got != base+consents+"/"+id || a.object["Links"].(object)["Self"] != got {
		t.Errorf("POST: %d %v %s", a.status, a.header, a.body)
	}
	for _, member := range []string{`"Status":"AwaitingAuthorisation"`, `"Permissions":["ReadAccountsBasic","ReadBalances"]`, `"ExpirationDateTime":"2999-01-01T00:00:00+00:00"`, `"CreationDateTime":"`, `"StatusUpdateDateTime":"`, `"Risk":{}`, `"Meta":{}`} {
		if !strings.Contains(a.body, member) {
			t.Errorf("no %s in %s", member, a.body)
		}
	}
	in, err := w.register.Owned(t.Context(), w.clients["tpp-a"], id)
	must(t, err)
	if in.Kind != storage.IntentRepeated || !strings.Contains(string(in.Details), "ReadBalances") {
		t.Errorf("the intent: %+v", in)
	}
	if got := w.do(t, http.MethodGet, consents+"/"+id, "tpp-a", ""); got.status != http.StatusOK || got.body != a.body {
		t.Errorf("GET: %d %s", got.status, got.body)
	}
	w.users(t, "tpp-a", id)
	if got := w.do(t, http.MethodGet, consents+"/"+id, "tpp-a", ""); !strings.Contains(got.body, `"Status":"Authorised"`) {
		t.Errorf("after authorization: %s", got.body)
	}
	for path, client := range map[string]string{id: "tpp-b", "unknown": "tpp-a", "%00": "tpp-a"} {
		expect(t, path, w.do(t, http.MethodGet, consents+"/"+path, client, ""), http.StatusNotFound, "UK.OBIE.Resource.NotFound")
	}
}

func TestBodies(t *testing.T) {
	w := start(t)
	for body, code := range map[string]string{
		``:                                       "UK.OBIE.Resource.InvalidFormat",
		`[]`:                                     "UK.OBIE.Resource.InvalidFormat",
		`{"Data":{},"Data":{}}`:                  "UK.OBIE.Resource.InvalidFormat",
		strings.Repeat(" ", 65<<10):              "UK.OBIE.Resource.InvalidFormat",
		`{}`:                                     "UK.OBIE.Field.Invalid",
		`{"Data":null}`:                          "UK.OBIE.Field.Invalid",
		`{"Data":{},"data":{}}`:                  "UK.OBIE.Field.Unexpected",
		`{"Data":{"ConsentId":"x"}}`:             "UK.OBIE.Field.Unexpected",
		`{"Data":{}}`:                            "UK.OBIE.Field.Missing",
		`{"Data":{"Permissions":null}}`:          "UK.OBIE.Field.Missing",
		`{"Data":{"Permissions":"x"}}`:           "UK.OBIE.Field.Invalid",
		`{"Data":{"Permissions":["ReadMinds"]}}`: "UK.OBIE.Field.Invalid",
		`{"Data":{"Permissions":["ReadPAN","ReadPAN"]}}`:                                   "UK.OBIE.Field.Invalid",
		`{"Data":{"Permissions":["ReadPAN"]},"Risk":{"a":1}}`:                              "UK.OBIE.Field.Invalid",
		`{"Data":{"Permissions":["ReadPAN"],"TransactionFromDateTime":"yesterday"}}`:       "UK.OBIE.Field.InvalidDate",
		`{"Data":{"Permissions":["ReadPAN"],"ExpirationDateTime":"2001-01-01T00:00:00Z"}}`: "UK.OBIE.Field.InvalidDate",
		`{"Data":{"Permissions":["ReadPAN"],"ExpirationDateTime":"2999-01-01T00:00:00"}}`:  "UK.OBIE.Field.InvalidDate",
	} {
		expect(t, body[:min(len(body), 80)], w.do(t, http.MethodPost, consents, "tpp-a", body), http.StatusBadRequest, code)
	}
}

func TestAccounts(t *testing.T) {
	w := start(t)
	token := w.users(t, "tpp-a", w.consent(t, "tpp-a", basic))
	a := w.do(t, http.MethodGet, accounts, token, "")
	if a.status != http.StatusOK || len(a.object["Data"].(object)["Account"].([]any)) != 2 || strings.Contains(a.body, "Identification") || strings.Contains(a.body, "Risk") {
		t.Errorf("basic: %d %s", a.status, a.body)
	}
	token = w.users(t, "tpp-a", w.consent(t, "tpp-a", `{"Data":{"Permissions":["ReadAccountsDetail"]}}`))
	if a := w.do(t, http.MethodGet, accounts, token, ""); a.status != http.StatusOK || !strings.Contains(a.body, `"Identification":"80200110203345"`) {
		t.Errorf("detail: %d %s", a.status, a.body)
	}
}

func TestAccountsRefused(t *testing.T) {
	w := start(t)
	revoked := w.consent(t, "tpp-a", basic)
	users := w.users(t, "tpp-a", revoked)
	must(t, w.register.Revoke(t.Context(), revoked))
	expect(t, "revoked", w.do(t, http.MethodGet, accounts, users, ""), http.StatusForbidden, "UK.OBIE.Resource.InvalidConsentStatus")

	other := w.users(t, "tpp-a", w.consent(t, "tpp-a", `{"Data":{"Permissions":["ReadBalances"]}}`))
	expect(t, "not permitted", w.do(t, http.MethodGet, accounts, other, ""), http.StatusForbidden, "UK.OBIE.Resource.ConsentMismatch")

	soon := w.now.Add(time.Hour).UTC().Format(time.RFC3339)
	short := w.users(t, "tpp-a", w.consent(t, "tpp-a", `{"Data":{"Permissions":["ReadAccountsBasic"],"ExpirationDateTime":"`+soon+`"}}`))
	if a := w.do(t, http.MethodGet, accounts, short, ""); a.status != http.StatusOK {
		t.Errorf("before its end: %d %s", a.status, a.body)
	}
	w.now = w.now.Add(time.Hour)
	expect(t, "expired", w.do(t, http.MethodGet, accounts, short, ""), http.StatusForbidden, "UK.OBIE.Resource.InvalidConsentStatus")

	if a := w.do(t, http.MethodGet, accounts, "tpp-a", ""); a.status != http.StatusForbidden {
		t.Errorf("with a token of the client's own: %d %s", a.status, a.body)
	}
	if a := w.do(t, http.MethodGet, accounts, "unknown", ""); a.status != http.StatusUnauthorized {
		t.Errorf("with an unknown token: %d %s", a.status, a.body)
	}
}
