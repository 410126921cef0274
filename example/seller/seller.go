package seller

import (
	"net/http"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/resource"
)

// Config is what the API works with.
type Config struct {
	// Guard checks the tokens: the provider's ResourceGuard.
	Guard *resource.Guard
	// Intents is the provider's register of intents.
	Intents *intent.Register
	// Submissions keeps what was submitted.
	Submissions Submissions
	// Atomic makes consuming an intent and storing its submission one step:
	// atomic.New over the storage and the records of the provider.
	Atomic atomic.Run
	// Base is the URL under which the API is reached, without trailing slash.
	Base string
}

// New returns the API. It is safe for concurrent use.
func New(c Config) http.Handler {
	a := &api{c}
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern string
		op      resource.Operation
		handle  func(http.ResponseWriter, *http.Request) error
	}{
		{"POST /quote", resource.Operation{Scope: "POST:/quote", OwnBehalf: true}, a.createQuote},
		{"GET /quote/{id}", resource.Operation{Scope: "GET:/quote", OwnBehalf: true}, a.readQuote},
		{"POST /quote-submissions", resource.Operation{Scope: "POST:/quote-submissions"}, a.submit},
		{"GET /quote-submissions/{id}", resource.Operation{Scope: "GET:/quote-submissions", OwnBehalf: true}, a.readSubmission},
	} {
		mux.Handle(route.pattern, c.Guard.Protect(route.op, handler(route.handle)))
	}
	return mux
}

type api struct{ Config }

// handler answers with the error that the function returns.
type handler func(http.ResponseWriter, *http.Request) error

func (h handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if err := h(rw, r); err != nil {
		writeError(rw, err)
	}
}
