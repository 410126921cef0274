package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// selfMade signs the leaf with the key of parent, or with its own where there
// is none.
func selfMade(key, by crypto.Signer, leaf, parent *x509.Certificate) ([]byte, error) {
	if parent == nil {
		parent = leaf
	}
	return x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), by)
}

// forge makes a certificate with every name of the good one, from an authority
// of the attacker's that has the name of the good one's issuer too.
func forge(good *tls.Certificate) (*tls.Certificate, error) {
	names, err := x509.ParseCertificate(good.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	authority, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err1 != nil || err2 != nil {
		return nil, err1
	}
	ca := template("")
	ca.RawSubject, ca.IsCA, ca.BasicConstraintsValid = names.RawIssuer, true, true
	ca.KeyUsage = x509.KeyUsageCertSign
	der, err := selfMade(key, authority, copyNames(names), ca)
	if err != nil {
		return nil, err
	}
	root, err := selfMade(authority, authority, ca, nil)
	return &tls.Certificate{Certificate: [][]byte{der, root}, PrivateKey: key}, err
}

// selfSign makes a certificate with every name of the good one, signed by its
// own key.
func selfSign(good *tls.Certificate) (*tls.Certificate, error) {
	names, err := x509.ParseCertificate(good.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := selfMade(key, key, copyNames(names), nil)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func copyNames(good *x509.Certificate) *x509.Certificate {
	leaf := template("")
	leaf.RawSubject, leaf.SerialNumber = good.RawSubject, good.SerialNumber
	leaf.DNSNames, leaf.EmailAddresses, leaf.IPAddresses, leaf.URIs = good.DNSNames, good.EmailAddresses, good.IPAddresses, good.URIs
	return leaf
}
