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
)

const (
	gracePeriod = 20 * time.Second
	sweepEvery  = time.Minute
)

// serve answers on both listeners until ctx ends, then finishes what is in
// flight.
func (a *app) serve(ctx context.Context, pages, api net.Listener, stdout io.Writer) error {
	servers := []*http.Server{
		a.server(a.pages(), tls.NoClientCert),
		// The certificate is asked for and, in this release, not looked at.
		a.server(a.api(), tls.RequestClientCert),
	}
	failed := make(chan error, len(servers))
	for i, listener := range []net.Listener{pages, api} {
		a.log.Info("listening", "address", listener.Addr().String())
		go func() { failed <- servers[i].ServeTLS(listener, "", "") }()
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
	err = errors.Join(err, shutdown(servers))
	<-swept
	return err
}

func (a *app) server(handler http.Handler, clientAuth tls.ClientAuthType) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: tlsConfig(a.cert, clientAuth),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 96 << 10, // a request object of 64 KiB comes in the query
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

// shutdown stops all servers at once and waits for their requests.
func shutdown(servers []*http.Server) error {
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
