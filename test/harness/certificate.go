package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// CA is a certificate authority.
type CA struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewCA makes an authority.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	key := signer(t)
	template := template(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
	return &CA{Cert: create(t, template, template, key.Public(), key), Key: key}
}

// Pool is the authority as a set of roots.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// Issue makes a client certificate for the name, changed before it is signed.
func (ca *CA) Issue(t testing.TB, name string, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return issue(t, signer(t), name, ca, changes...)
}

// SelfSigned makes a client certificate that its own key signs; nil means a
// fresh key.
func SelfSigned(t testing.TB, key crypto.Signer, name string, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	if key == nil {
		key = signer(t)
	}
	return issue(t, key, name, nil, changes...)
}

func issue(t testing.TB, key crypto.Signer, name string, ca *CA, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	leaf := template(name)
	for _, change := range changes {
		change(leaf)
	}
	parent, by := leaf, key
	if ca != nil {
		parent, by = ca.Cert, ca.Key
	}
	cert := create(t, leaf, parent, key.Public(), by)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func signer(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// CertificateSet is a JWK Set whose one key names its certificate.
func CertificateSet(cert tls.Certificate) json.RawMessage {
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{
		Key: cert.Leaf.PublicKey, KeyID: "tls", Use: "sig", Certificates: []*x509.Certificate{cert.Leaf},
	}}})
	if err != nil {
		panic(err)
	}
	return set
}

// StartMTLS starts a Host whose TLS asks for a client certificate.
func StartMTLS(t testing.TB, p profile.Profile, store Store, change func(*compose.Config)) *Host {
	t.Helper()
	h := newHost(t, p, store, change)
	server := httptest.NewUnstartedServer(h.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = mtls.MutualServerConfig()
	server.StartTLS()
	t.Cleanup(server.Close)
	h.HTTP = server.Client()
	h.HTTP.CheckRedirect = stay
	return h
}

// As is the server as it is reached by a client with the certificate.
func (h *Host) As(t testing.TB, cert tls.Certificate) *Target {
	t.Helper()
	target := h.Target
	transport := h.HTTP.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{cert}
	t.Cleanup(transport.CloseIdleConnections)
	target.HTTP = &http.Client{Transport: transport, CheckRedirect: stay}
	return &target
}
