package buyer_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/meflso/fosite-meflso/example/buyer"
)

// seller answers every request with the status and body, and repeats the
// interaction id unless it is another's.
func seller(t *testing.T, status int, body string, foreign bool) (*buyer.API, *http.Request) {
	t.Helper()
	seen := &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		*seen = *r
		if !foreign {
			rw.Header().Set("x-fapi-interaction-id", r.Header.Get("x-fapi-interaction-id"))
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return &buyer.API{Base: server.URL, HTTP: server.Client()}, seen
}

func TestAPI(t *testing.T) {
	api, seen := seller(t, 201, `{"Data":{"QuoteId":"q/1","Status":"Pending","Note":"n"}}`, false)
	quote, err := api.CreateQuote(t.Context(), "token", map[string]any{"Product": "p"})
	if err != nil || quote.ID != "q/1" || quote.Status != "Pending" || len(quote.Data) == 0 {
		t.Fatal(quote, err)
	}
	if seen.Header.Get("Authorization") != "Bearer token" || len(seen.Header.Get("x-fapi-interaction-id")) != 36 {
		t.Error(seen.Header)
	}
	if _, err := api.Quote(t.Context(), "token", "q/1"); err != nil || seen.URL.EscapedPath() != "/quote/q%2F1" {
		t.Error(err, seen.URL)
	}
	if _, err := api.Quote(t.Context(), "token", "q/2"); !errors.Is(err, buyer.ErrAnswer) {
		t.Error(err)
	}
}

func TestAPIRefuses(t *testing.T) {
	const good = `{"Data":{"QuoteSubmissionId":"s","QuoteId":"q","Status":"Received"}}`
	for _, test := range []struct {
		name    string
		status  int
		body    string
		foreign bool
		want    error
	}{
		{"good", 201, good, false, nil},
		{"another's answer", 201, good, true, buyer.ErrAnswer},
		{"another quote", 201, `{"Data":{"QuoteSubmissionId":"s","QuoteId":"x"}}`, false, buyer.ErrAnswer},
		{"no Data", 201, `{}`, false, buyer.ErrAnswer},
		{"no JSON", 201, `<html>`, false, buyer.ErrAnswer},
	} {
		api, _ := seller(t, test.status, test.body, test.foreign)
		if _, err := api.Submit(t.Context(), "token", "q", nil); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	for status, body := range map[int]string{403: `{"code":"accessDenied","reason":"no"}`, 302: ``, 422: `[{"code":"missingProperty"}]`} {
		api, _ := seller(t, status, body, false)
		var refusal *buyer.Error
		if _, err := api.Submit(t.Context(), "token", "q", nil); !errors.As(err, &refusal) || refusal.Status != status {
			t.Errorf("%d: %v", status, err)
		} else if status == 403 && refusal.Code != "accessDenied" {
			t.Errorf("%+v", refusal)
		}
	}
}
