package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

var versions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// atTLS offers one version, and one suite where the row names it, to the
// endpoint that the row's path names in the discovery document.
func atTLS(p *play) (*outcome, error) {
	address, err := url.Parse(p.at(p.row.Setup.Path))
	if err != nil {
		return nil, err
	}
	version, ok := versions[p.row.Setup.Version]
	if !ok {
		return nil, fmt.Errorf("TLS version %q is unknown", p.row.Setup.Version)
	}
	config := &tls.Config{RootCAs: p.target.roots, ServerName: address.Hostname(), MinVersion: version, MaxVersion: version}
	if p.row.Setup.Suite != "" {
		if config.CipherSuites, err = suite(p.row.Setup.Suite); err != nil {
			return nil, err
		}
	}
	port := address.Port()
	if port == "" {
		port = "443"
	}
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: callTimeout}, Config: config}
	connection, err := dialer.DialContext(p.ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	if isRemoteAlert(err) {
		return &outcome{tlsError: err, header: http.Header{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &outcome{status: http.StatusOK, header: http.Header{}}, connection.Close()
}

func suite(name string) ([]uint16, error) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.Name == name {
			return []uint16{s.ID}, nil
		}
	}
	return nil, fmt.Errorf("cipher suite %q is unknown", name)
}

// isRemoteAlert tells that the server ended the handshake, and not this side.
func isRemoteAlert(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "remote error"
}
