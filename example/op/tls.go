package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/meflso/fosite-meflso/example/internal/localtls"
)

// The files of a certificate of our own making, in the working directory.
const (
	madeCert = "lso-tls-cert.pem"
	madeKey  = "lso-tls-key.pem"
)

// loadCertificate returns the certificate of both listeners.
func loadCertificate(o *options) (tls.Certificate, error) {
	if o.tlsCert != "" {
		return tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	}
	return localtls.Load(madeCert, madeKey)
}

// loadClientCAs returns the authorities for clients' certificates, nil without
// a file. What is no certificate is not passed over: it may be a slip.
func loadClientCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	pool, found := x509.NewCertPool(), 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: block %d is no certificate", path, found)
		}
		pool.AddCert(cert)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("%s has no certificate", path)
	}
	return pool, nil
}

// trust is the system's authorities and our own certificate, for a jwks_uri on
// this machine.
func trust(cert tls.Certificate) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if leaf, err := x509.ParseCertificate(cert.Certificate[0]); err == nil {
		pool.AddCert(leaf)
	}
	return pool
}
