package mtls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

const maxHeader = 64 << 10 // bytes of one header value

// ErrMalformed is a header from a proxy that is not what it should be: sent
// twice, too large, without certificate, with more than 4. Whoever sees it refuses the request.
var ErrMalformed = errors.New("mtls: the client certificate cannot be read")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// Source finds the certificate chain of the client that sent a request, leaf
// first. A client that presented none is nil without error. The client has
// proved that it has the leaf's private key; nothing else about the chain is
// known. Any error means that the request must be refused. It must be safe for
// concurrent use.
type Source interface {
	Chain(r *http.Request) ([]*x509.Certificate, error)
}

// FromTLS is the Source of a server that ends TLS itself.
var FromTLS Source = fromTLS{}

type fromTLS struct{}

func (fromTLS) Chain(r *http.Request) ([]*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	if len(r.TLS.PeerCertificates) > maxChain {
		return nil, malformed("the chain is too long")
	}
	return r.TLS.PeerCertificates, nil
}

// fromProxy returns the value of a header that a proxy sent, "" if there is
// none or if the request did not come from one of the proxies. The certificate
// of the connection itself is then the proxy's own, and never the client's.
func fromProxy(r *http.Request, proxies []netip.Prefix, header string) (string, error) {
	values := r.Header.Values(header)
	if len(values) == 0 || !isProxy(r.RemoteAddr, proxies) {
		return "", nil
	}
	if len(values) > 1 {
		return "", malformed(header + " is there twice")
	}
	if len(values[0]) > maxHeader {
		return "", malformed(header + " is too large")
	}
	return values[0], nil
}

func isProxy(remote string, proxies []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	// A dual-stack listener shows 10.0.0.1 as ::ffff:10.0.0.1; a zone is no
	// part of what an operator writes.
	address := peer.Addr().Unmap().WithZone("")
	for _, prefix := range proxies {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// parse reads a chain of DER certificates.
func parse(ders [][]byte) ([]*x509.Certificate, error) {
	if len(ders) > maxChain {
		return nil, malformed("the chain is too long")
	}
	chain := make([]*x509.Certificate, 0, len(ders))
	for _, der := range ders {
		if len(der) > maxCertificate {
			return nil, malformed("a certificate is too large")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}
