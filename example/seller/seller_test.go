package seller_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/meflso/fosite-meflso/example/seller"
)

var stores = map[string]func(*testing.T) store{"memory": inMemory, "sqlite": inSQLite}

func TestQuote(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			w := start(t, open(t), nil)
			token := w.own(t, "buyer-a", "POST:/quote GET:/quote")
			a := w.do(t, http.MethodPost, "/quote", token, `{"Data":{"price":12.50,"Kind":"repeated"}}`)
			id, _ := a.data(t)["QuoteId"].(string)
			if a.status != http.StatusCreated || id == "" || a.data(t)["Status"] != "Pending" || a.data(t)["Kind"] != "repeated" || !strings.Contains(a.body, "12.50") {
				t.Fatalf("POST: %d %s", a.status, a.body)
			}
			if got := a.header.Get("Location"); got != base+"/quote/"+id {
				t.Errorf("Location: %s", got)
			}
			if a := w.do(t, http.MethodGet, "/quote/"+id, token, ""); a.status != http.StatusOK || a.data(t)["QuoteId"] != id {
				t.Errorf("GET: %d %s", a.status, a.body)
			}
			for _, path := range []string{"/quote/" + id, "/quote/unknown", "/quote/%00"} {
				client := "buyer-a"
				if strings.HasSuffix(path, id) {
					client = "buyer-b"
				}
				expect(t, path, w.do(t, http.MethodGet, path, w.own(t, client, "quote"), ""), http.StatusNotFound, "notFound", "")
			}
		})
	}
}

// expect checks an error body.
func expect(t *testing.T, what string, a answer, status int, code, path string) {
	t.Helper()
	text := a.body
	if status == http.StatusUnprocessableEntity {
		text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "["), "]")
	}
	var body struct{ Code, Reason, PropertyPath string }
	if err := json.Unmarshal([]byte(text), &body); err != nil || a.status != status || body.Code != code || body.Reason == "" || body.PropertyPath != path {
		t.Errorf("%s: got %d %s, want %d %s %s", what, a.status, a.body, status, code, path)
	}
	if len(a.header.Get("x-fapi-interaction-id")) != 36 {
		t.Errorf("%s: no interaction id", what)
	}
}

func TestBodies(t *testing.T) {
	w := start(t, inMemory(t), nil)
	token := w.own(t, "buyer-a", "quote")
	const bad, unprocessable = http.StatusBadRequest, http.StatusUnprocessableEntity
	for _, test := range []struct {
		body   string
		status int
		code   string
		path   string
	}{
		{``, bad, "invalidBody", ""},
		{`x`, bad, "invalidBody", ""},
		{`[]`, bad, "invalidBody", ""},
		{`null`, bad, "invalidBody", ""},
		{`{"Data":{}`, bad, "invalidBody", ""},
		{`{"Data":{}} {}`, bad, "invalidBody", ""},
		{`{"Data":{},"Data":{}}`, bad, "invalidBody", ""},
		{`{"Data":{"a":[{"b":1,"b":2}]}}`, bad, "invalidBody", ""},
		{`{"Data":{"a":"` + "\xff" + `"}}`, bad, "invalidBody", ""},
		{`{"Data":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 41), bad, "invalidBody", ""},
		{`{"Data":{"a":"` + strings.Repeat("x", 64<<10) + `"}}`, bad, "invalidBody", ""},
		{`{}`, unprocessable, "missingProperty", "Data"},
		{`{"data":{}}`, unprocessable, "missingProperty", "Data"},
		{`{"Data":[]}`, unprocessable, "invalidFormat", "Data"},
		{`{"Data":null}`, unprocessable, "invalidFormat", "Data"},
		{`{"Data":{},"messageAuthenticity":{}}`, unprocessable, "unexpectedProperty", ""},
		{`{"Data":{"Kind":"often"}}`, unprocessable, "invalidValue", "Data.Kind"},
		{`{"Data":{"Kind":1}}`, unprocessable, "invalidValue", "Data.Kind"},
		{`{"Data":{"Kind":null}}`, unprocessable, "invalidValue", "Data.Kind"},
		{`{"Data":{"QuoteId":"mine"}}`, unprocessable, "unexpectedProperty", "Data.QuoteId"},
		{`{"Data":{"Status":"Consumed"}}`, unprocessable, "unexpectedProperty", "Data.Status"},
	} {
		what := test.body[:min(len(test.body), 60)]
		expect(t, what, w.do(t, http.MethodPost, "/quote", token, test.body, "Content-Type", "application/json"), test.status, test.code, test.path)
	}
	for contentType, want := range map[string]int{
		"application/json; charset=UTF-8": 201, "APPLICATION/JSON": 201,
		"text/plain": 400, "application/jose": 400, "application/json; charset=latin1": 400, "": 400, "application/json;": 201,
	} {
		if a := w.do(t, http.MethodPost, "/quote", token, `{"Data":{}}`, "Content-Type", contentType); a.status != want {
			t.Errorf("Content-Type %q: %d", contentType, a.status)
		}
	}
}

func TestSubmission(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			w := start(t, open(t), nil)
			id := w.quote(t, "buyer-a", `{}`)
			token := w.users(t, "buyer-a", id, "openid quote")
			body := `{"Data":{"QuoteId":"` + id + `","note":"urgent"}}`

			submit := func(token, body string) answer {
				return w.do(t, http.MethodPost, "/quote-submissions", token, body)
			}
			expect(t, "a client's own token", submit(w.own(t, "buyer-a", "quote"), body), http.StatusForbidden, "accessDenied", "")
			expect(t, "another quote", submit(token, `{"Data":{"QuoteId":"`+w.quote(t, "buyer-a", `{}`)+`"}}`), http.StatusForbidden, "accessDenied", "")
			expect(t, "no quote", submit(token, `{"Data":{}}`), http.StatusUnprocessableEntity, "missingProperty", "Data.QuoteId")
			expect(t, "a number", submit(token, `{"Data":{"QuoteId":1}}`), http.StatusUnprocessableEntity, "invalidFormat", "Data.QuoteId")

			a := submit(token, body)
			submission, _ := a.data(t)["QuoteSubmissionId"].(string)
			if a.status != http.StatusCreated || submission == "" || a.data(t)["QuoteId"] != id || a.data(t)["Status"] == "" || a.data(t)["note"] != "urgent" {
				t.Fatalf("POST: %d %s", a.status, a.body)
			}
			if got := a.header.Get("Location"); got != base+"/quote-submissions/"+submission {
				t.Errorf("Location: %s", got)
			}
			expect(t, "the second time", submit(token, body), http.StatusForbidden, "accessDenied", "")
			for _, reader := range []string{token, w.own(t, "buyer-a", "GET:/quote-submissions")} {
				if got := w.do(t, http.MethodGet, "/quote-submissions/"+submission, reader, ""); got.status != http.StatusOK || got.body != a.body {
					t.Errorf("GET: %d %s", got.status, got.body)
				}
			}
			expect(t, "another client's", w.do(t, http.MethodGet, "/quote-submissions/"+submission, w.own(t, "buyer-b", "quote"), ""), http.StatusNotFound, "notFound", "")
			expect(t, "unknown", w.do(t, http.MethodGet, "/quote-submissions/"+strings.Repeat("x", 300), token, ""), http.StatusNotFound, "notFound", "")
			if a := w.do(t, http.MethodGet, "/quote/"+id, token, ""); a.data(t)["Status"] != "Consumed" {
				t.Errorf("the quote: %s", a.body)
			}
		})
	}
}

func TestRepeatedQuote(t *testing.T) {
	w := start(t, inMemory(t), nil)
	id := w.quote(t, "buyer-a", `{"Kind":"repeated"}`)
	token := w.users(t, "buyer-a", id, "openid quote")
	for range 3 {
		if a := w.do(t, http.MethodPost, "/quote-submissions", token, `{"Data":{"QuoteId":"`+id+`"}}`); a.status != http.StatusCreated {
			t.Errorf("POST: %d %s", a.status, a.body)
		}
	}
}

// TestRace: of submissions at once exactly one is stored.
func TestRace(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			w := start(t, open(t), nil)
			id := w.quote(t, "buyer-a", `{}`)
			token := w.users(t, "buyer-a", id, "openid quote")
			var group sync.WaitGroup
			statuses := make([]int, 8)
			for i := range statuses {
				group.Go(func() {
					r, _ := http.NewRequest(http.MethodPost, base+"/quote-submissions", strings.NewReader(`{"Data":{"QuoteId":"`+id+`"}}`))
					r.Header.Set("Authorization", "Bearer "+token)
					r.Header.Set("Content-Type", "application/json")
					response, err := w.http.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					response.Body.Close()
					statuses[i] = response.StatusCode
				})
			}
			group.Wait()
			count := map[int]int{}
			for _, status := range statuses {
				count[status]++
			}
			if count[http.StatusCreated] != 1 || count[http.StatusForbidden] != len(statuses)-1 {
				t.Errorf("statuses: %v", statuses)
			}
		})
	}
}

// broken fails until it is mended.
type broken struct {
	seller.Submissions
	mended bool
}

func (b *broken) Put(ctx context.Context, s *seller.Submission) error {
	if !b.mended {
		return errors.New("the disk with the secret name is full")
	}
	return b.Submissions.Put(ctx, s)
}

// TestFailedSubmission: where the outcome could not be stored, the intent is
// not used up.
func TestFailedSubmission(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			b := &broken{}
			w := start(t, open(t), func(c *seller.Config) { b.Submissions, c.Submissions = c.Submissions, b })
			checkFailure(t, w, b)
		})
	}
}

func checkFailure(t *testing.T, w *world, b *broken) {
	t.Helper()
	id := w.quote(t, "buyer-a", `{}`)
	token := w.users(t, "buyer-a", id, "openid quote")
	body := `{"Data":{"QuoteId":"` + id + `"}}`
	a := w.do(t, http.MethodPost, "/quote-submissions", token, body)
	expect(t, "failure", a, http.StatusServiceUnavailable, "internalError", "")
	if strings.Contains(a.body, "disk") {
		t.Errorf("the inside is shown: %s", a.body)
	}
	b.mended = true
	if a := w.do(t, http.MethodPost, "/quote-submissions", token, body); a.status != http.StatusCreated {
		t.Errorf("after the failure: %d %s", a.status, a.body)
	}
}

func TestTokens(t *testing.T) {
	w := start(t, inMemory(t), nil)
	const unauthorized, forbidden = http.StatusUnauthorized, http.StatusForbidden
	id := w.quote(t, "buyer-a", `{}`)
	read, users := w.own(t, "buyer-a", "GET:/quote"), w.users(t, "buyer-a", id, "openid GET:/quote")
	for _, test := range []struct {
		what, method, path, token string
		status                    int
		code                      string
	}{
		{"no token", http.MethodGet, "/quote/" + id, "", unauthorized, "missingCredentials"},
		{"unknown token", http.MethodGet, "/quote/" + id, "x", unauthorized, "invalidCredentials"},
		{"scope for reading", http.MethodPost, "/quote", read, forbidden, "accessDenied"},
		{"scope for quotes", http.MethodGet, "/quote-submissions/x", read, forbidden, "accessDenied"},
		{"user's scope for reading", http.MethodPost, "/quote-submissions", users, forbidden, "accessDenied"},
	} {
		a := w.do(t, test.method, test.path, test.token, "")
		expect(t, test.what, a, test.status, test.code, "")
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no WWW-Authenticate", test.what)
		}
	}
	if a := w.do(t, http.MethodDelete, "/quote/"+id, read, ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") == "" {
		t.Errorf("DELETE: %d %v", a.status, a.header)
	}
}
