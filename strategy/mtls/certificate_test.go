package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/mtls"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func leaf() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "buyer"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate; a nil authority makes a self-signed one.
func (a *authority) issue(t testing.TB, template *x509.Certificate) *authority {
	t.Helper()
	return a.certify(t, template, newKey(t))
}

func (a *authority) certify(t testing.TB, template *x509.Certificate, key crypto.Signer) *authority {
	t.Helper()
	made := &authority{key: key}
	parent, by := template, made.key
	if a != nil {
		parent, by = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, made.key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

func ca(name string) *x509.Certificate {
	c := leaf()
	c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = name, true, true, x509.KeyUsageCertSign, nil
	return c
}

func pool(roots ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, root := range roots {
		p.AddCert(root.cert)
	}
	return p
}

func TestInTime(t *testing.T) {
	good := (*authority)(nil).issue(t, leaf())
	if mtls.InTime(good.cert, now) != nil || !errors.Is(mtls.InTime(good.cert, now.Add(2*time.Hour)), mtls.ErrExpired) || !errors.Is(mtls.InTime(good.cert, now.Add(-2*time.Hour)), mtls.ErrExpired) {
		t.Error("InTime")
	}
}

// RFC 8705 Appendix A: the thumbprint of its certificate.
func TestThumbprint(t *testing.T) {
	certs := read(t, rfc8705)
	const want = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
	if got := mtls.Thumbprint(certs); got != want {
		t.Errorf("got %s", got)
	}
	if !mtls.Confirms(certs, want) || mtls.Confirms(certs, "") || mtls.Confirms(certs, want[1:]) {
		t.Error("Confirms")
	}
}

func TestMatchSubject(t *testing.T) {
	template := leaf()
	template.DNSNames, template.EmailAddresses = []string{"a.example", "*.wild.example"}, []string{"Ops@Buyer.example"}
	template.IPAddresses = []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")}
	template.URIs = []*url.URL{{Scheme: "https", Host: "a.example", Path: "/x y"}}
	cert := (*authority)(nil).issue(t, template).cert
	for _, c := range []struct {
		name string
		m    storage.ClientMetadata
		want error
	}{
		{"dn", storage.ClientMetadata{TLSClientAuthSubjectDN: "cn=buyer"}, nil},
		{"dn of another case", storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=Buyer"}, mtls.ErrSubject},
		{"dns without case", storage.ClientMetadata{TLSClientAuthSANDNS: "A.EXAMPLE"}, nil},
		{"dns is no wildcard", storage.ClientMetadata{TLSClientAuthSANDNS: "b.wild.example"}, mtls.ErrSubject},
		{"dns is no suffix", storage.ClientMetadata{TLSClientAuthSANDNS: "example"}, mtls.ErrSubject},
		{"dns is not the common name", storage.ClientMetadata{TLSClientAuthSANDNS: "buyer"}, mtls.ErrSubject},
		{"uri", storage.ClientMetadata{TLSClientAuthSANURI: "https://a.example/x%20y"}, nil},
		{"uri has its case", storage.ClientMetadata{TLSClientAuthSANURI: "https://A.example/x%20y"}, mtls.ErrSubject},
		{"ip", storage.ClientMetadata{TLSClientAuthSANIP: "192.0.2.7"}, nil},
		{"ip v6 in another spelling", storage.ClientMetadata{TLSClientAuthSANIP: "2001:0DB8:0::0:7"}, nil},
		{"ip of another", storage.ClientMetadata{TLSClientAuthSANIP: "192.0.2.8"}, mtls.ErrSubject},
		{"no ip", storage.ClientMetadata{TLSClientAuthSANIP: "a.example"}, mtls.ErrRegistration},
		{"email", storage.ClientMetadata{TLSClientAuthSANEmail: "Ops@buyer.EXAMPLE"}, nil},
		{"email has its case", storage.ClientMetadata{TLSClientAuthSANEmail: "ops@buyer.example"}, mtls.ErrSubject},
		{"no email", storage.ClientMetadata{TLSClientAuthSANEmail: "buyer.example"}, mtls.ErrRegistration},
		{"nothing", storage.ClientMetadata{}, mtls.ErrRegistration},
		{"two", storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=buyer", TLSClientAuthSANDNS: "a.example"}, mtls.ErrRegistration},
		{"no dn", storage.ClientMetadata{TLSClientAuthSubjectDN: "buyer"}, mtls.ErrRegistration},
	} {
		if err := mtls.MatchSubject(cert, &c.m); !errors.Is(err, c.want) {
			t.Errorf("RFC8705-2.1.2/%s: %v, want %v", c.name, err, c.want)
		}
		if mtls.HasSubject(&c.m) != (c.name != "nothing") {
			t.Errorf("%s: HasSubject", c.name)
		}
	}
	bare := (*authority)(nil).issue(t, leaf()).cert
	if err := mtls.MatchSubject(bare, &storage.ClientMetadata{TLSClientAuthSANDNS: "a.example"}); !errors.Is(err, mtls.ErrSubject) {
		t.Errorf("a certificate without alternative names: %v", err)
	}
}

// FAPI 1.0 Advanced §8.5.
func TestServerConfig(t *testing.T) {
	c := mtls.ServerConfig(tls.Certificate{})
	if c.MinVersion != tls.VersionTLS12 || len(c.CipherSuites) != 2 || len(c.Certificates) != 1 || c.ClientAuth != tls.NoClientCert {
		t.Errorf("%+v", c)
	}
	if m := mtls.MutualServerConfig(); m.ClientAuth != tls.RequestClientCert || m.MinVersion != tls.VersionTLS12 || m.CipherSuites[0] != tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 {
		t.Errorf("%+v", m)
	}
}
