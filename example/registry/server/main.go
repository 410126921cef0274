// Command server runs the example registry of package registry.
//
//	go run ./registry/server
//	curl -H 'Content-Type: application/json' http://127.0.0.1:9451/credentials \
//	  -d '{"subject":"did:web:buyer.example","legalName":"Buyer Inc.","lei":"5493001KJTIIGC8Y1R12"}'
//	curl -X POST http://127.0.0.1:9451/credentials/NAME/revoke
//
// The first listener is for everybody, over TLS; the second is the operator's,
// who is whoever can reach it, and so on this machine alone. It makes what it
// needs in the working directory: its file, and a certificate for localhost
// that the example provider uses as well if it runs there.
//
// Exit status: 0 after SIGINT or SIGTERM, 1 if it could not start or serve, 2
// if the flags are wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/example/internal/localtls"
	"github.com/meflso/fosite-meflso/example/registry"
	"github.com/meflso/fosite-meflso/strategy/mtls"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "registry:", err)
	var usage usageError
	if errors.As(err, &usage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// usageError is a mistake on the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// options are the flags.
type options struct {
	listen, admin, tlsCert, tlsKey string
	registry                       registry.Config
}

// parseFlags returns a usageError, or flag.ErrHelp after it wrote the help.
func parseFlags(args []string, help io.Writer) (*options, error) {
	var o options
	set := flag.NewFlagSet("registry", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.listen, "listen", "127.0.0.1:9450", "`address` of the public TLS listener")
	set.StringVar(&o.registry.Base, "base", "https://localhost:9450", "https `URL` under which that is reached; the did:web is made of it")
	set.StringVar(&o.registry.Store, "store", "./registry.json", "`file` with the key and the credentials")
	set.DurationVar(&o.registry.StatusLife, "status-life", time.Minute, "how `long` a status list is valid")
	set.StringVar(&o.tlsCert, "tls-cert", "lso-tls-cert.pem", "PEM `file` with the certificate; made if it is not there")
	set.StringVar(&o.tlsKey, "tls-key", "lso-tls-key.pem", "PEM `file` with its key")
	set.StringVar(&o.admin, "admin", "127.0.0.1:9451", "loopback `address` of the operator's plain HTTP listener")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		set.SetOutput(help)
		set.Usage()
		return nil, err
	case err != nil:
		return nil, usageError(err.Error())
	case set.NArg() > 0:
		return nil, usageError(fmt.Sprintf("unexpected argument %q", set.Arg(0)))
	}
	if _, err := didweb.Of(o.registry.Base); err != nil {
		return nil, usageError(fmt.Sprintf("-base: %v", err))
	}
	if !isLoopback(o.admin) {
		return nil, usageError(fmt.Sprintf("-admin %q is no loopback address with a port: the listener has no TLS and asks nobody who they are", o.admin))
	}
	return &o, nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := registry.New(o.registry)
	if err != nil {
		return err
	}
	return listenAndServe(ctx, o, r, stdout, slog.New(slog.NewJSONHandler(stderr, nil)))
}

func listenAndServe(ctx context.Context, o *options, r *registry.Registry, stdout io.Writer, log *slog.Logger) error {
	cert, err := localtls.Load(o.tlsCert, o.tlsKey)
	if err != nil {
		return err
	}
	public, operator := server(r.Handler(), log), server(r.Operator(), log)
	public.TLSConfig = mtls.ServerConfig(cert)
	var config net.ListenConfig
	out, err := config.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	in, err := config.Listen(ctx, "tcp", o.admin)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	// Both listen from here on.
	_, err = fmt.Fprintf(stdout, "ready did=%s base=%s admin=http://%s store=%s\n", r.DID(), o.registry.Base, in.Addr(), o.registry.Store)
	if err != nil {
		return errors.Join(err, out.Close(), in.Close())
	}
	failed := make(chan error, 2)
	go func() { failed <- public.ServeTLS(out, "", "") }()
	go func() { failed <- operator.Serve(in) }()
	return serve(ctx, failed, public, operator)
}

// serve waits until ctx ends or a server fails, and finishes what is in flight.
func serve(ctx context.Context, failed <-chan error, servers ...*http.Server) error {
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-failed:
		errs = append(errs, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gracePeriod)
	defer cancel()
	for _, s := range servers {
		errs = append(errs, s.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

func server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

const gracePeriod = 20 * time.Second
