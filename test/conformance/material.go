package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// material is all that the suite and the server sign and authenticate with.
type material struct {
	// Clients are those whom the suite plays.
	Clients [2]party `json:"clients"`
	// CA is the certificate, in PEM, of the authority behind theirs.
	CA string `json:"ca"`
	// OPKeys are the server's private keys.
	OPKeys jose.JSONWebKeySet `json:"op_keys"`
}

// party is one client.
type party struct {
	ID string `json:"client_id"`
	// Key signs its client assertions and request objects.
	Key jose.JSONWebKey `json:"key"`
	// Cert and CertKey are for mutual TLS, in PEM.
	Cert      string `json:"cert"`
	CertKey   string `json:"cert_key"`
	SubjectDN string `json:"subject_dn"`
}

// loadMaterial reads the file, and makes it first if it is not there.
func loadMaterial(path string) (*material, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		m, err := makeMaterial()
		if err != nil {
			return nil, err
		}
		return m, writeJSON(path, m)
	}
	if err != nil {
		return nil, err
	}
	m := &material{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func makeMaterial() (*material, error) {
	ca, err := makeAuthority()
	if err != nil {
		return nil, err
	}
	m := &material{CA: ca.pem()}
	for i := range m.Clients {
		if m.Clients[i], err = ca.makeParty(fmt.Sprintf("conformance-client-%d", i+1)); err != nil {
			return nil, err
		}
	}
	ps, err1 := rsa.GenerateKey(rand.Reader, 2048)
	es, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.OPKeys.Keys = []jose.JSONWebKey{signing(ps, "PS256"), signing(es, "ES256")}
	return m, errors.Join(err1, err2)
}

func signing(private any, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: private, KeyID: alg + "-" + rand.Text()[:8], Algorithm: alg, Use: "sig"}
}

// authority issues the client certificates.
type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func (a *authority) pem() string { return toPEM("CERTIFICATE", a.cert.Raw) }

func makeAuthority() (*authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := certificate("conformance-ca")
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

// makeParty makes a client. Its signing key is for PS256: with an ES256 key the
// suite skips what it does with RS256.
func (a *authority) makeParty(id string) (party, error) {
	sign, err1 := rsa.GenerateKey(rand.Reader, 2048)
	connect, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		return party{}, err
	}
	template := certificate(id)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	cert, err1 := x509.CreateCertificate(rand.Reader, template, a.cert, connect.Public(), a.key)
	key, err2 := x509.MarshalPKCS8PrivateKey(connect)
	return party{
		ID: id, Key: signing(sign, "PS256"), SubjectDN: template.Subject.String(),
		Cert: toPEM("CERTIFICATE", cert), CertKey: toPEM("PRIVATE KEY", key),
	}, errors.Join(err1, err2)
}

func certificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), BasicConstraintsValid: true,
	}
}

func toPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
