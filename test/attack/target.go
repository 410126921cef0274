package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// Target is the server that is attacked, with what it publishes.
type Target struct {
	*Config
	a, b, tls *Client // tls is nil where there is no such client
	discovery map[string]any
	jwks      jose.JSONWebKeySet
	stranger  *stranger
	canary    *canary
	directory *directory // nil: clients do not register themselves

	mu      sync.Mutex
	clients map[string]*http.Client // by certificate
	used    map[string]int          // of the lists of intents
	tokens  []string                // of registrations: no refusal has one in it

	foreignRSA func() (*rsa.PrivateKey, error)
}

const callTimeout = 20 * time.Second

var errNoKey = errors.New("the configuration has no key for it")

// newTarget reads the server's discovery document and keys.
func newTarget(ctx context.Context, c *Config) (*Target, error) {
	t := &Target{Config: c, clients: map[string]*http.Client{}, used: map[string]int{}}
	t.foreignRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	var err error
	if t.stranger, err = newStranger(); err != nil {
		return nil, err
	}
	if err := t.loadClients(); err != nil {
		return nil, err
	}
	if err := t.read(ctx, c.Issuer+"/.well-known/openid-configuration", &t.discovery); err != nil {
		return nil, err
	}
	if t.discovery["issuer"] != c.Issuer {
		return nil, fmt.Errorf("discovery names the issuer %v, not %s", t.discovery["issuer"], c.Issuer)
	}
	if err := t.read(ctx, t.endpoint("jwks_uri"), &t.jwks); err != nil || c.Registration == nil {
		return t, err
	}
	t.directory, err = c.Registration.open()
	return t, err
}

func (t *Target) loadClients() (err error) {
	if t.a, err = t.Clients[0].load(); err != nil {
		return err
	}
	if t.b, err = t.Clients[1].load(); err != nil {
		return err
	}
	for _, c := range []*Client{t.a, t.b} {
		if len(c.keys) == 0 {
			return fmt.Errorf("client %s has no key", c.ID)
		}
	}
	if t.TLSClient != nil {
		t.tls, err = t.TLSClient.load()
	}
	return err
}

func (t *Target) read(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	client, err := t.http("none", t.a)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into)
}

// endpoint is a member of the discovery document, "" if it is not there.
func (t *Target) endpoint(name string) string { return text(t.discovery[name]) }

// at is an endpoint for clients: the alias where a certificate is shown.
func (t *Target) at(name, certificate string) string {
	aliases, _ := t.discovery["mtls_endpoint_aliases"].(map[string]any)
	if alias := text(aliases[name]); alias != "" && (certificate != "none" || t.MTLS) {
		return alias
	}
	return t.endpoint(name)
}

// list is a member of the discovery document that is a list of texts.
func (t *Target) list(name string) (values []string) {
	all, _ := t.discovery[name].([]any)
	for _, v := range all {
		values = append(values, text(v))
	}
	return values
}

// http is a client that trusts the server, follows no redirect, and shows the
// certificate: "own" of the client, "other" of the other one, "forged" with
// the same names from another authority, or "none".
func (t *Target) http(certificate string, c *Client) (*http.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := certificate
	if certificate != "none" {
		key += " " + c.ID
	}
	if known := t.clients[key]; known != nil {
		return known, nil
	}
	cert, err := t.certificate(certificate, c)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: t.roots, MinVersion: tls.VersionTLS12}
	if cert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	t.clients[key] = &http.Client{
		Transport: &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 32, Proxy: http.ProxyFromEnvironment}, Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return t.clients[key], nil
}

var errNoCertificate = errors.New("the configuration has no certificate for it")

func (t *Target) certificate(which string, c *Client) (*tls.Certificate, error) {
	if which == "none" {
		return nil, nil
	}
	if which == "other" {
		c = t.otherThan(c)
	}
	if c.cert == nil {
		return nil, errNoCertificate
	}
	switch which {
	case "own", "other":
		return c.cert, nil
	case "forged":
		return forge(c.cert)
	case "self-signed":
		return selfSign(c.cert)
	}
	return nil, fmt.Errorf("certificate %q is unknown", which)
}

func (t *Target) otherThan(c *Client) *Client {
	if c == t.b {
		return t.a
	}
	return t.b
}

func (t *Target) close() {
	for _, c := range t.clients {
		c.CloseIdleConnections()
	}
	if t.canary != nil {
		t.canary.close()
	}
	if t.directory != nil && t.directory.web != nil {
		t.directory.web.close()
	}
}

// isOwn reports whether the address is a page of the server itself.
func (t *Target) isOwn(address string) bool { return strings.HasPrefix(address, t.Issuer+"/") }
