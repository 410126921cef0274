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
	var err error
	if a.cert, err = loadCertificate(a.opts); err != nil {
		return err
	}
	config, err := a.config()
	if err != nil {
		return err
	}
	if a.opts.autoApprove != "" {
		a.log.Warn("development: every valid request is approved without asking", "subject", a.opts.autoApprove)
	}
	if a.opts.allowLoopback {
		a.log.Warn("development: a jwks_uri, a did:web or a status list may point at this machine")
		config.Outbound = outbound.InsecureLoopback()
		config.Outbound.RootCAs = trust(a.cert)
	}
	if a.provider, err = compose.New(config); err != nil {
		return err
	}
	if a.opts.clients == "" {
		return nil
	}
	return registerClients(ctx, a.db, a.opts)
}

// config is the provider's configuration, with what its files hold.
func (a *app) config() (compose.Config, error) {
	keys, err1 := loadKeys(a.opts, a.log)
	secret, err2 := loadSecret(a.opts)
	salt, err3 := loadSalt(a.opts)
	authorities, err4 := loadClientCAs(a.opts.clientCA)
	registration, err5 := loadTrustAnchors(a.opts)
	return compose.Config{
		Issuer: a.opts.issuer.String(), MTLSBase: a.opts.mtlsBase.String(), Profile: a.opts.profile, Scopes: a.opts.offer.scopes,
		Fosite: &fosite.Config{GlobalSecret: secret}, Storage: a.db.store, Keys: keys, PairwiseSalt: salt, ClientCAs: authorities, Registration: registration,
		NewSession: newSession, ErrorPage: showError, Audit: a.metrics.counting(audit.Slog(a.log)),
	}, errors.Join(err1, err2, err3, err4, err5)
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

// api is the handler of the second listener: what clients call themselves, once
// more, and what they have their tokens for.
func (a *app) api() http.Handler {
	base := a.opts.mtlsBase.Path
	router := mux.NewRouter()
	router.Handle(base+tokenPath, a.metrics.timing(tokenPath, http.HandlerFunc(a.token)))
	for _, path := range []string{"/oauth2/", "/userinfo"} {
		router.PathPrefix(base + path).Handler(a.metrics.timing("", a.provider.Endpoints()))
	}
	router.Handle(base+resourcePath, a.metrics.timing(resourcePath, a.resource())).Methods(http.MethodGet, http.MethodHead)
	if a.opts.offer.api != nil {
		router.PathPrefix("/").Handler(http.StripPrefix(base, a.metrics.timing("", a.opts.offer.api(a))))
	}
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
