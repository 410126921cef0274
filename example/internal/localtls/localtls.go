// Package localtls makes certificates for localhost, and keeps them.
package localtls

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/files"
)

// Load returns the certificate of the two PEM files. A file that is not there is
// made, and a certificate whose time is over within a week is made anew; several
// processes at once work with the same. The key is RSA: FAPI's suites of TLS 1.2
// are.
func Load(certFile, keyFile string) (tls.Certificate, error) {
	keyPEM, err := files.Keep(keyFile, 0o600, makeKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := dropExpired(certFile); err != nil {
		return tls.Certificate{}, err
	}
	certPEM, err := files.Keep(certFile, 0o644, func() ([]byte, error) { return makeCertificate(keyPEM) })
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return pair, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

func makeKey() ([]byte, error) {
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
		return nil, errors.New("the key file is no PEM file")
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
		return nil, errors.New("the key file holds no signing key")
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
