package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/meflso/fosite-meflso/strategy/mtls"
)

const (
	gracePeriod = 20 * time.Second
	sweepEvery  = time.Minute
)

// listeners are where the server answers.
type listeners struct {
	pages, api net.Listener
	metrics    net.Listener // nil without the flag
}

// part is one listener with what answers there.
type part struct {
	*http.Server
	listener net.Listener
	run      func() error
}

func (a *app) parts(l listeners) []part {
	pages, api := a.server(a.pages(), mtls.ServerConfig(a.cert)), a.server(a.api(), mtls.MutualServerConfig(a.cert))
	parts := []part{
		{pages, l.pages, func() error { return pages.ServeTLS(l.pages, "", "") }},
		{api, l.api, func() error { return api.ServeTLS(l.api, "", "") }},
	}
	if l.metrics != nil {
		plain := a.server(a.metrics.page(), nil)
		parts = append(parts, part{plain, l.metrics, func() error { return plain.Serve(l.metrics) }})
	}
	return parts
}

// serve answers on all listeners until ctx ends, then finishes what is in
// flight.
func (a *app) serve(ctx context.Context, l listeners, stdout io.Writer) error {
	parts := a.parts(l)
	failed := make(chan error, len(parts))
	for _, p := range parts {
		a.log.Info("listening", "address", p.listener.Addr().String())
		go func() { failed <- p.run() }()
	}
	ctx, cancel := context.WithCancel(ctx)
	swept := make(chan struct{})
	go func() { a.sweep(ctx); close(swept) }()
	_, err := fmt.Fprintf(stdout, "ready issuer=%s mtls=%s profile=%s store=%s\n", a.opts.issuer, a.opts.mtlsBase, a.opts.profile.Name, a.opts.store)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	cancel()
	err = errors.Join(err, shutdown(parts))
	<-swept
	return err
}

func (a *app) server(handler http.Handler, config *tls.Config) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: config,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 96 << 10, // a request object of 64 KiB comes in the query
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

// shutdown stops all servers at once and waits for their requests.
func shutdown(servers []part) error {
	ctx, cancel := context.WithTimeout(context.Background(), gracePeriod)
	defer cancel()
	results := make(chan error, len(servers))
	for _, server := range servers {
		go func() { results <- server.Shutdown(ctx) }()
	}
	var errs []error
	for range servers {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// sweep deletes what has expired, now and then, until ctx ends.
func (a *app) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := a.db.sweep(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("sweeping the store failed", "error", err)
			}
		}
	}
}
