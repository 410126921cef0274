package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/span"
)

// Document is what a URL delivered.
type Document struct {
	Body []byte
	// MaxAge is how long the document is fresh by its Cache-Control and Age
	// (RFC 9111 §4.2), at most 2³¹ s; no-store and no-cache make it 0. It is
	// not bounded further: who caches sets its own bounds.
	MaxAge time.Duration
	// HasMaxAge is false if the answer says nothing about its freshness.
	HasMaxAge bool
}

// Client fetches documents. It is safe for concurrent use and keeps no
// connection open between calls.
type Client struct {
	config Config
	policy policy
	http   *http.Client
}

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 32 << 10

// New returns a Client of the config.
func New(config Config) *Client {
	config = config.filled()
	c := &Client{config: config, policy: newPolicy(config)}
	dialer := &net.Dialer{Control: c.policy.control}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would be the only address that control sees
			DialContext:            dialer.DialContext,
			TLSClientConfig:        tlsConfig(config),
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// tlsConfig keeps to TLS 1.3 and the AES-GCM suites of TLS 1.2 (FAPI 1.0
// Advanced §8.5, and their ECDSA twins by BCP 195).
func tlsConfig(config Config) *tls.Config {
	return &tls.Config{
		RootCAs:    config.RootCAs,
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
	}
}

// Check reports whether Get would refuse the URL as it is written, with an
// error that wraps ErrRefused. It resolves no name and sends nothing: for
// checks when a URL is registered.
func (c *Client) Check(url string) error {
	_, err := c.policy.parse(url)
	return err
}

// Get fetches the document. The answer must have status 200 and, if accept
// names any, one of these media types. Errors wrap ErrRefused if the policy
// forbids the URL or its address; all others mean that the document cannot be
// had now. No error tells anything of the answer but its status, which one with
// a method StatusCode() int has.
func (c *Client) Get(ctx context.Context, url string, accept ...string) (_ *Document, err error) {
	ctx, s := span.Start(ctx, "outbound.Client.Get")
	defer span.End(s, &err)
	u, err := c.policy.parse(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	doc, err := c.exchange(ctx, u, accept)
	if err != nil {
		return nil, fmt.Errorf("outbound: %s: %w", u.Host, err)
	}
	return doc, nil
}

func (c *Client) exchange(ctx context.Context, u *url.URL, accept []string) (*Document, error) {
	res, err := c.http.Do(request(ctx, u, accept))
	if err != nil {
		return nil, presentable(err)
	}
	defer res.Body.Close()
	if err := checkHeader(res, accept); err != nil {
		return nil, err
	}
	body, err := c.read(res)
	if err != nil {
		return nil, err
	}
	doc := &Document{Body: body}
	doc.MaxAge, doc.HasMaxAge = maxAge(res.Header)
	return doc, nil
}

func request(ctx context.Context, u *url.URL, accept []string) *http.Request {
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}}
	req.Header.Set("User-Agent", "fosite-meflso")
	if len(accept) > 0 {
		req.Header.Set("Accept", strings.Join(accept, ", "))
	}
	return req.WithContext(ctx)
}

func checkHeader(res *http.Response, accept []string) error {
	if res.StatusCode != http.StatusOK {
		return statusError(res.StatusCode)
	}
	if len(accept) > 0 && !slices.Contains(accept, essence(res.Header.Get("Content-Type"))) {
		return fmt.Errorf("the content type is not one of %q", accept)
	}
	return nil
}

// statusError is the status of an answer that was not 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d, want 200", int(e)) }

// StatusCode tells those who ask by errors.As, for whom a 404 is an answer.
func (e statusError) StatusCode() int { return int(e) }

// essence is a media type without its parameters, in lower case.
func essence(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return media
}

func (c *Client) read(res *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, c.config.MaxBytes+1))
	if err != nil {
		return nil, presentable(err)
	}
	// A server that sees the connection close may still end its body in time
	// to be read.
	if err := res.Request.Context().Err(); err != nil {
		return nil, err
	}
	if int64(len(body)) > c.config.MaxBytes {
		return nil, fmt.Errorf("the body is longer than %d bytes", c.config.MaxBytes)
	}
	return body, nil
}

// presentable keeps what a network, a certificate or a context says, and drops
// everything else: net/http quotes an answer that it cannot parse.
func presentable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &network) || errors.As(err, &certificate) || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("no valid answer")
}
