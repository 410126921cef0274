package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// C-04: the draft's spellings and their one canonical form.
func TestParseScope(t *testing.T) {
	p := profile.MEFLSO()
	for _, c := range []struct{ list, want string }{
		{"openid , POST /quote, GET /quote", "openid POST:/quote GET:/quote"},
		{"POST /quote", "POST:/quote"},
		{"GET/quote-submissions", "GET:/quote-submissions"},
		{"GET /quote-submissions/{QuoteSubmissionId}", "GET:/quote-submissions"},
		{"POST /quote, GET /hub", "POST:/quote GET:/hub"},

		{"", ""},
		{" \t\n ", ""},
		{",, ,", ""},
		{"openid quote", "openid quote"},
		{"openid,quote", "openid quote"},
		{"openid POST:/quote GET:/quote", "openid POST:/quote GET:/quote"},
		{"openid POST /quote GET /quote", "openid POST:/quote GET:/quote"},
		{"openid openid POST:/quote POST /quote POST/quote", "openid POST:/quote"},
		{"POST   /quote,GET\t/quote", "POST:/quote GET:/quote"},
		{"POST: /quote, openid", "POST:/quote openid"},
		{"GET:/quote/{id}", "GET:/quote"},
		{"GET /quote/{id}/items", "GET:/quote/{id}/items"},
		{"GET /{id}", "GET:/{id}"},
		{"GET /", "GET:/"},
		{"PUT /a, PATCH /b, DELETE /c", "PUT:/a PATCH:/b DELETE:/c"},
		{"get /quote", "get /quote"},
		{"HEAD /quote", "HEAD /quote"},
		{"openid POST", "openid POST"},
		{"/quote POST", "/quote POST"},
		{"openid OPENID", "openid OPENID"},
	} {
		if got := strings.Join(p.ParseScope(c.list), " "); got != c.want {
			t.Errorf("%q: got %q, want %q", c.list, got, c.want)
		}
	}
}

// MEF 128 R24: spaces separate, and nothing is joined.
func TestParseScope128(t *testing.T) {
	p := profile.MEFLSO128()
	for _, c := range []struct {
		list string
		want []string
	}{
		{"openid POST:/quote", []string{"openid", "POST:/quote"}},
		{"openid  quote openid", []string{"openid", "quote"}},
		{"openid , POST /quote, GET /quote", []string{"openid", ",", "POST", "/quote,", "GET", "/quote"}},
		{"POST /quote", []string{"POST", "/quote"}},
		{"GET/quote-submissions", []string{"GET/quote-submissions"}},
		{"GET /quote-submissions/{QuoteSubmissionId}", []string{"GET", "/quote-submissions/{QuoteSubmissionId}"}},
		{"POST /quote, GET /hub", []string{"POST", "/quote,", "GET", "/hub"}},
		{"", nil},
	} {
		if got := p.ParseScope(c.list); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.list, got, c.want)
		}
	}
}

// A list in canonical form is its own canonical form.
func TestParseScopeIsStable(t *testing.T) {
	for _, preset := range presets {
		p := preset()
		for _, list := range []string{"openid quote", "openid POST:/quote GET:/quote-submissions", "GET:/quote/{id}/items", "get /x HEAD y"} {
			once := p.ParseScope(list)
			if twice := p.ParseScope(strings.Join(once, " ")); !slices.Equal(once, twice) {
				t.Errorf("%s, %q: got %q, then %q", p.Name, list, once, twice)
			}
		}
	}
}

// C-05, the umbrella rule: quote covers the operations of quotes and of their
// submissions, and nothing covers openid.
func TestCovers(t *testing.T) {
	p := profile.MEFLSO()
	for _, c := range []struct {
		set, scope string
		want       bool
	}{
		{"quote", "quote", true},
		{"quote", "POST:/quote", true},
		{"quote", "GET:/quote", true},
		{"quote", "DELETE:/quote/7/items", true},
		{"quote", "POST:/quote-submissions", true},
		{"quote", "GET:/quote-submissions/7", true},
		{"openid quote", "openid", true},
		{"POST:/quote", "POST:/quote", true},

		{"quote", "openid", false},
		{"", "openid", false},
		{"", "POST:/quote", false},
		{"openid", "POST:/quote", false},
		{"quote", "POST:/hub", false},
		{"quote", "POST:/quotes", false},
		{"quote", "POST:/quote-submission", false},
		{"quote", "POST:/quote-submissions-old", false},
		{"quote", "POST:/quoteSubmissions", false},
		{"quote", "POST:/hub/quote", false},
		{"quote", "POST://quote", false},
		{"quote", "POST:/Quote", false},
		{"quote", "post:/quote", false},
		{"quote", "HEAD:/quote", false},
		{"quote", "POST /quote", false},
		{"quote", "POST:quote", false},
		{"quote", "POST:/quote?x=1", false},
		{"quote", ":/quote", false},
		{"quote", "/quote", false},
		{"quote", "createQuote", false},
		{"quote", "QUOTE", false},
		{"quote", "", false},
		{"QUOTE", "POST:/quote", false},
		{"POST:/quote", "quote", false},
		{"POST:/quote", "GET:/quote", false},
		{"POST:/quote", "POST:/quote/7", false},
		{"order", "POST:/order", false},
	} {
		if got := p.Covers(strings.Fields(c.set), c.scope); got != c.want {
			t.Errorf("%q covers %q: got %v, want %v", c.set, c.scope, got, c.want)
		}
	}
	p.ScopeUmbrellas = nil
	if p.Covers([]string{"quote"}, "POST:/quote") || !p.Covers([]string{"quote"}, "quote") {
		t.Error("an umbrella that the profile does not have covers something")
	}
}
