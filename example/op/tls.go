package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
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
	keyPEM, err := keep(madeKey, 0o600, makeTLSKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := dropExpired(madeCert); err != nil {
		return tls.Certificate{}, err
	}
	certPEM, err := keep(madeCert, 0o644, func() ([]byte, error) { return makeCertificate(keyPEM) })
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return pair, fmt.Errorf("%s and %s: %w", madeCert, madeKey, err)
	}
	return pair, nil
}

func makeTLSKey() ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func makeCertificate(keyPEM []byte) ([]byte, error) {
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", madeKey)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds no signing key", madeKey)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// dropExpired removes a certificate whose time is over within a week. What
// cannot be read or parsed stays, for keep to complain of.
func dropExpired(path string) error {
	data, _ := os.ReadFile(path) // #nosec G304 -- a file of ours
	block, _ := pem.Decode(data)
	if block == nil {
		return nil
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil && cert.NotAfter.Before(time.Now().AddDate(0, 0, 7)) {
		return os.Remove(path)
	}
	return nil
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
