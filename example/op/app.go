package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/example/seller"
	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// app is the whole server, but for its listeners.
type app struct {
	opts     *options
	log      *slog.Logger
	db       *database
	cert     tls.Certificate
	provider *compose.Provider
	logins   *logins
	metrics  *metrics // nil without the flag
}

func newApp(ctx context.Context, opts *options, log *slog.Logger) (*app, error) {
	db, err := opts.store.open(ctx)
	if err != nil {
		return nil, err
	}
	a := &app{opts: opts, log: log, db: db, logins: newLogins(time.Now)}
	if opts.metrics != "" {
		a.metrics = newMetrics()
	}
	if err := a.assemble(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return a, nil
}

func (a *app) assemble(ctx context.Context) error {
	keys, err := loadKeys(a.opts, a.log)
	if err != nil {
		return err
	}
	secret, err := loadSecret(a.opts)
	if err != nil {
		return err
	}
	if a.cert, err = loadCertificate(a.opts); err != nil {
		return err
	}
	config := compose.Config{
		Issuer: a.opts.issuer.String(), Profile: a.opts.profile, Fosite: &fosite.Config{GlobalSecret: secret},
		Storage: a.db.store, Keys: keys, NewSession: newSession, ErrorPage: showError, Audit: a.metrics.counting(audit.Slog(a.log)),
	}
	if a.opts.autoApprove != "" {
		a.log.Warn("development: every valid request is approved without asking", "subject", a.opts.autoApprove)
	}
	if a.opts.allowLoopback {
		a.log.Warn("development: a jwks_uri may point at this machine")
		config.Outbound = outbound.InsecureLoopback()
		config.Outbound.RootCAs = trust(a.cert)
	}
	if a.provider, err = compose.New(config); err != nil {
		return err
	}
	if a.opts.clients == "" {
		return nil
	}
	return registerClients(ctx, a.db, a.opts.clients)
}

func (a *app) close() error { return a.db.close() }

// The endpoints that a host serves by itself, where the library's default
// paths have them.
const (
	authorizePath = "/oauth2/auth"
	tokenPath     = "/oauth2/token"
)

// pages is the handler of the first listener.
func (a *app) pages() http.Handler {
	base := a.opts.issuer.Path
	router := mux.NewRouter()
	handle := func(path string, h http.HandlerFunc) { router.Handle(path, a.metrics.timing(path, h)) }
	handle("/healthz", func(rw http.ResponseWriter, _ *http.Request) { writeText(rw, http.StatusOK, "ok") })
	handle("/readyz", a.ready)
	handle(base+authorizePath, a.authorize)
	handle(base+tokenPath, a.token)
	router.PathPrefix("/").Handler(a.metrics.timing("", a.provider.Endpoints()))
	return router
}

// api is the handler of the second listener.
func (a *app) api() http.Handler {
	router := mux.NewRouter()
	quotes := seller.New(seller.Config{
		Guard: a.provider.ResourceGuard(), Intents: a.provider.Intents, Submissions: seller.InRecords(a.db.store),
		Atomic: atomic.New(a.db.store, a.db.store), Base: a.opts.mtlsBase.String(),
	})
	router.PathPrefix("/").Handler(http.StripPrefix(a.opts.mtlsBase.Path, a.metrics.timing("", quotes)))
	return router
}

func (a *app) ready(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.db.ready(ctx); err != nil {
		a.log.ErrorContext(ctx, "the store does not answer", "error", err)
		writeText(rw, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	writeText(rw, http.StatusOK, "ok")
}

func writeText(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n")) // the connection is gone if this fails
}

// token is the token endpoint. A user's consent grants scopes in the
// authorization code; a client on its own behalf gets what it is registered
// for, which Fosite has checked.
func (a *app) token(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := a.provider.NewAccessRequest(ctx, r, newSession())
	if err != nil {
		a.provider.WriteAccessError(ctx, rw, request, err)
		return
	}
	if request.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope)
		}
	}
	response, err := a.provider.NewAccessResponse(ctx, request)
	if err != nil {
		a.provider.WriteAccessError(ctx, rw, request, err)
		return
	}
	a.provider.WriteAccessResponse(ctx, rw, request, response)
}
