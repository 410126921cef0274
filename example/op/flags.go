package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// options are the flags after they were checked.
type options struct {
	listen, mtlsListen string
	metrics            string // empty: no such listener
	issuer, mtlsBase   *url.URL
	offer              offer
	profile            profile.Profile
	store              storeSpec
	clients, keys      string
	tlsCert, tlsKey    string
	clientCA           string // empty: no authorities, and so no tls_client_auth
	trustAnchors       string // empty: clients do not register themselves
	autoApprove        string
	allowLoopback      bool
}

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func unavailable(what string) error { return usage("%s is not available in this release", what) }

// flags are the flags as they were given.
type flags struct {
	listen, mtlsListen, issuer, mtlsBase, profile, store string
	metrics                                              string
	clients, keys, tlsCert, tlsKey, clientCA             string
	autoApprove, payloadSigning, trustAnchors, ephemeral string
	statusMaxAge                                         time.Duration
	autoCIBA, allowLoopback                              bool
}

func (f *flags) define(set *flag.FlagSet) {
	set.StringVar(&f.listen, "listen", "127.0.0.1:9443", "`address` of the TLS listener for pages and OAuth endpoints")
	set.StringVar(&f.mtlsListen, "mtls-listen", "127.0.0.1:9444", "`address` of the TLS listener that asks for a client certificate, with the resource API")
	set.StringVar(&f.issuer, "issuer", "https://localhost:9443", "issuer identifier, an https `URL`")
	set.StringVar(&f.mtlsBase, "mtls-base", "https://localhost:9444", "`URL` under which the second listener is reached")
	set.StringVar(&f.profile, "profile", "mef-lso", "`name` of the profile: mef-lso, mef-lso-128, fapi1-advanced, nz-banking or uk-ob")
	set.StringVar(&f.store, "store", "sqlite:./lso.db", "memory, sqlite:`PATH` or postgres://USER@HOST/NAME; its password is better in PGPASSWORD or ~/.pgpass than here")
	set.StringVar(&f.clients, "clients", "", "JSON `file` with an array of client objects, registered at start")
	set.StringVar(&f.keys, "keys", "", "private JWK Set `file`; made and kept beside the store by default")
	set.StringVar(&f.tlsCert, "tls-cert", "", "PEM `file` with the certificate of both listeners; made by default")
	set.StringVar(&f.tlsKey, "tls-key", "", "PEM `file` with its key")
	set.StringVar(&f.clientCA, "client-ca", "", "PEM `file` with the authorities for certificates of tls_client_auth; without it the method is off")
	set.StringVar(&f.trustAnchors, "trust-anchors", "", "JSON `file` with the issuers of software statements and credentials, by which clients register themselves; without it they cannot")
	set.DurationVar(&f.statusMaxAge, "status-max-age", 15*time.Minute, "how long the status of a credential is believed, at most an hour")
	set.StringVar(&f.autoApprove, "auto-approve", "", "development: no pages, every valid request is approved as this `subject`")
	set.BoolVar(&f.allowLoopback, "allow-loopback", false, "development: a jwks_uri, a did:web or a status list may point at this machine")
	set.StringVar(&f.payloadSigning, "payload-signing", "accept", "signed bodies at the quote API: accept or off")
	set.StringVar(&f.metrics, "metrics", "", "loopback `address` of a plain HTTP listener with /metrics for Prometheus; none by default")
	set.BoolVar(&f.autoCIBA, "auto-ciba", false, "not in this release")
	set.StringVar(&f.ephemeral, "ephemeral", "", "not in this release")
}

// parseFlags returns a *usageError, or flag.ErrHelp after it wrote the help.
func parseFlags(args []string, help io.Writer) (*options, error) {
	var f flags
	set := flag.NewFlagSet("op", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	f.define(set)
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		set.SetOutput(help)
		set.Usage()
		return nil, err
	case err != nil:
		return nil, usage("%v", err)
	case set.NArg() > 0:
		return nil, usage("unexpected argument %q", set.Arg(0))
	}
	if err := f.checkRelease(); err != nil {
		return nil, err
	}
	return f.options()
}

// checkRelease refuses what a later release brings.
func (f *flags) checkRelease() error {
	for _, feature := range []struct {
		set  bool
		name string
	}{
		{f.autoCIBA, "-auto-ciba"}, {f.ephemeral != "", "-ephemeral"}, {f.payloadSigning == "required", "-payload-signing required"},
	} {
		if feature.set {
			return unavailable(feature.name)
		}
	}
	if f.payloadSigning != "accept" && f.payloadSigning != "off" {
		return usage("-payload-signing %q is none of required, accept, off", f.payloadSigning)
	}
	return nil
}

func (f *flags) options() (*options, error) {
	o := &options{
		listen: f.listen, mtlsListen: f.mtlsListen, clients: f.clients, keys: f.keys, trustAnchors: f.trustAnchors,
		metrics: f.metrics, tlsCert: f.tlsCert, tlsKey: f.tlsKey, clientCA: f.clientCA,
		autoApprove: f.autoApprove, allowLoopback: f.allowLoopback,
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return nil, usage("-tls-cert and -tls-key come together")
	}
	for name, address := range map[string]string{"-listen": f.listen, "-mtls-listen": f.mtlsListen} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, usage("%s %q is no address with a port", name, address)
		}
	}
	if f.statusMaxAge <= 0 || f.statusMaxAge > time.Hour {
		return nil, usage("-status-max-age %v is not within an hour", f.statusMaxAge)
	}
	if f.metrics != "" && !isLoopback(f.metrics) {
		return nil, usage("-metrics %q is no loopback address with a port: the listener has no TLS and asks nobody who they are", f.metrics)
	}
	var err error
	if o.issuer, err = parseBase("-issuer", f.issuer); err != nil {
		return nil, err
	}
	if o.mtlsBase, err = parseBase("-mtls-base", f.mtlsBase); err != nil {
		return nil, err
	}
	if o.offer, err = parseProfile(f.profile); err != nil {
		return nil, err
	}
	o.profile = o.offer.preset()
	if o.profile.EntityCredential != profile.EntityOff {
		o.profile.TTL.StatusMaxAge = f.statusMaxAge
	}
	o.store, err = parseStore(f.store)
	return o, err
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func parseBase(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") || strings.HasSuffix(raw, "/") {
		return nil, usage("%s is no https URL without user, query, fragment and trailing slash", name)
	}
	return u, nil
}
