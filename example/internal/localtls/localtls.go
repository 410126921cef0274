// Package localtls makes certificates for localhost.
package localtls

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// Load returns the certificate of the two PEM files. Where there is neither, it
// makes them, good for a year on this machine.
func Load(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return pair, err
	}
	certPEM, keyPEM, err := make509(time.Now())
	if err != nil {
		return pair, err
	}
	// The key first: who finds a certificate finds its key. Neither replaces a
	// file that is there.
	if err := errors.Join(create(keyFile, keyPEM), create(certFile, certPEM)); err != nil {
		return pair, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

func make509(now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err1 := rsa.GenerateKey(rand.Reader, 2048) // FAPI's suites of TLS 1.2 are of RSA
	serial, err2 := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	cert, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), errors.Join(err1, err2)
}

func create(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
