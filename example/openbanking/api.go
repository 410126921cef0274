package openbanking

import (
	"net/http"
	"time"

	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/resource"
)

// Config is what the API works with.
type Config struct {
	// Guard checks the tokens: the provider's ResourceGuard.
	Guard *resource.Guard
	// Intents is the provider's register of intents.
	Intents *intent.Register
	// Base is the URL under which the API is reached, without trailing slash.
	Base string
}

const (
	consentsPath = "/open-banking/v3.1/aisp/account-access-consents"
	accountsPath = "/open-banking/v3.1/aisp/accounts"
	scope        = "accounts"
)

// New returns the API. It is safe for concurrent use.
func New(c Config) http.Handler {
	a := &api{c}
	mux := http.NewServeMux()
	own, users := resource.Operation{Scope: scope, OwnBehalf: true}, resource.Operation{Scope: scope}
	mux.Handle("POST "+consentsPath, c.Guard.Protect(own, handler(a.createConsent)))
	mux.Handle("GET "+consentsPath+"/{id}", c.Guard.Protect(own, handler(a.readConsent)))
	mux.Handle("GET "+accountsPath, c.Guard.Protect(users, handler(a.readAccounts)))
	return mux
}

type api struct{ Config }

// now is the provider's time.
func (a *api) now() time.Time { return a.Guard.Clock() }

// handler answers with the error that the function returns.
type handler func(http.ResponseWriter, *http.Request) error

func (h handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if err := h(rw, r); err != nil {
		writeError(rw, r, err)
	}
}

// answer is the frame of every body.
type answer struct {
	Data  any
	Risk  *struct{} `json:",omitempty"` // of consents
	Links links
	Meta  struct{}
}

type links struct{ Self string }
