// Command op is the example OpenID Provider: login and consent pages, all
// endpoints of the profile, and an API to use its tokens at, in one process: the
// quotes of package seller for the LSO profiles, the accounts of package
// openbanking for those of banks.
//
//	go run ./op -clients clients.json
//	go run ./op -clients clients.json -profile uk-ob -client-ca ca.pem
//
// The second listener is where clients show their certificates.
//
// It makes what it needs in the working directory: a SQLite store, signing keys
// and a certificate for localhost. Several processes with the same files may
// share a PostgreSQL database; logins are each process's own. Its users are alice and bob, each with the
// own name as password; that, and the flags marked development, make it an
// example to read and to try out, and no server for the Internet.
//
// Exit status: 0 after SIGINT or SIGTERM, 1 if it could not start or serve, 2
// if the flags are wrong or name what is not in this release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := report(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr)
	stop()
	os.Exit(status)
}

// report writes the error and returns the exit status.
func report(err error, stderr io.Writer) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		_, _ = fmt.Fprintln(stderr, "op:", err)
		return 2
	}
	_, _ = fmt.Fprintln(stderr, "op:", err)
	return 1
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parseFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	a, err := newApp(ctx, opts, log)
	if err != nil {
		return err
	}
	return errors.Join(listenAndServe(ctx, a, stdout), a.close())
}

func listenAndServe(ctx context.Context, a *app, stdout io.Writer) error {
	l, err := listenAll(ctx, a.opts)
	if err != nil {
		return err
	}
	return a.serve(ctx, l, stdout)
}

// listenAll opens all listeners, or none.
func listenAll(ctx context.Context, o *options) (l listeners, err error) {
	var config net.ListenConfig
	for _, each := range []struct {
		address string
		open    *net.Listener
	}{{o.listen, &l.pages}, {o.mtlsListen, &l.api}, {o.metrics, &l.metrics}} {
		if each.address == "" {
			continue
		}
		if *each.open, err = config.Listen(ctx, "tcp", each.address); err != nil {
			return l, errors.Join(err, l.close())
		}
	}
	return l, nil
}

func (l listeners) close() error {
	var errs []error
	for _, listener := range []net.Listener{l.pages, l.api, l.metrics} {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	return errors.Join(errs...)
}
