package clientauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

var certNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func certKey(t testing.TB) crypto.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// certify makes a certificate; without parent it is self-signed.
func certify(t testing.TB, name string, own crypto.Signer, parent *x509.Certificate, by crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: certNow.Add(-time.Hour), NotAfter: certNow.Add(time.Hour),
		IsCA: name == "CA", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if name == "old" {
		template.NotAfter = certNow.Add(-time.Minute)
	}
	if parent == nil {
		parent, by = template, own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func jwks(public crypto.PublicKey, use string, chain ...*x509.Certificate) json.RawMessage {
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: public, KeyID: "k", Use: use, Certificates: chain}}})
	if err != nil {
		panic(err)
	}
	return set
}

type failing struct{}

func (failing) Holds(context.Context, string, *storage.ClientMetadata, crypto.PublicKey) (bool, error) {
	return false, errors.New("the set cannot be had")
}

func certificateVerifier(roots *x509.CertPool, now time.Time) *clientauth.Certificate {
	p := profile.FAPI1Advanced()
	return &clientauth.Certificate{
		Profile: &p, ClientCAs: roots, Keys: key.NewClientKeys(key.ClientKeysConfig{}), Clock: func() time.Time { return now },
	}
}

func TestCertificate(t *testing.T) {
	caKey, own := certKey(t), certKey(t)
	ca := certify(t, "CA", caKey, nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	issued, self := certify(t, "buyer", own, ca, caKey), certify(t, "anything", own, nil, nil)
	dn := &storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=buyer"}
	keys := &storage.ClientMetadata{JWKS: jwks(own.Public(), "")}
	for _, c := range []struct {
		id, name string
		method   profile.AuthMethod
		cert     *x509.Certificate
		m        *storage.ClientMetadata
		roots    *x509.CertPool
		now      time.Time
		cause    error // nil: taken; errAny: some error
	}{
		{"RFC8705-2.1", "issued", profile.TLSClientAuth, issued, dn, roots, certNow, nil},
		{"RFC8705-2.1", "no authorities", profile.TLSClientAuth, issued, dn, nil, certNow, mtls.ErrNoAuthority},
		{"RFC8705-2.1", "other authorities", profile.TLSClientAuth, issued, dn, x509.NewCertPool(), certNow, errAny},
		{"RFC8705-2.1", "expired", profile.TLSClientAuth, issued, dn, roots, certNow.Add(2 * time.Hour), errAny},
		{"RFC8705-2.1", "no certificate", profile.TLSClientAuth, nil, dn, roots, certNow, mtls.ErrNoChain},
		{"RFC8705-2.1.2", "another subject", profile.TLSClientAuth, issued, &storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=x"}, roots, certNow, mtls.ErrSubject},
		{"RFC8705-2.1.2", "nothing registered", profile.TLSClientAuth, issued, keys, roots, certNow, mtls.ErrRegistration},
		{"RFC8705-2.2", "self-signed", profile.SelfSignedTLSClientAuth, self, keys, nil, certNow, nil},
		{"RFC8705-2.2", "issued for the same key", profile.SelfSignedTLSClientAuth, issued, keys, nil, certNow, nil},
		{"RFC8705-2.2", "expired", profile.SelfSignedTLSClientAuth, self, keys, nil, certNow.Add(2 * time.Hour), mtls.ErrExpired},
		{"RFC8705-2.2", "no certificate", profile.SelfSignedTLSClientAuth, nil, keys, nil, certNow, mtls.ErrNoChain},
		{"RFC8705-2.2", "another key", profile.SelfSignedTLSClientAuth, self, &storage.ClientMetadata{JWKS: jwks(caKey.Public(), "")}, nil, certNow, errAny},
		{"RFC7517-4.2", "key for encryption", profile.SelfSignedTLSClientAuth, self, &storage.ClientMetadata{JWKS: jwks(own.Public(), "enc")}, nil, certNow, errAny},
		{"RFC8705-2.2", "no keys", profile.SelfSignedTLSClientAuth, self, dn, nil, certNow, errAny},
		{"FAPI-5.2.2-14", "another method", profile.PrivateKeyJWT, issued, dn, roots, certNow, errAny},
	} {
		t.Run(c.id+"/"+c.name, func(t *testing.T) {
			var chain []*x509.Certificate
			if c.cert != nil {
				chain = append(chain, c.cert)
			}
			judge(t, certificateVerifier(c.roots, c.now).Authenticate(t.Context(), c.method, "buyer", c.m, chain), c.cause)
		})
	}
	broken := certificateVerifier(nil, certNow)
	broken.Keys = failing{}
	judge(t, broken.Authenticate(t.Context(), profile.SelfSignedTLSClientAuth, "buyer", keys, []*x509.Certificate{self}), errAny)
}

var errAny = errors.New("any")

// judge: whatever is wrong, the client is told the same.
func judge(t *testing.T, err, cause error) {
	t.Helper()
	if cause == nil {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.OAuth.ErrorField != "invalid_client" || violation.OAuth.CodeField != 401 || violation.OAuth.DescriptionField != clientauth.Refused {
		t.Errorf("got %v", err)
	}
	if !errors.Is(cause, errAny) && !errors.Is(err, cause) {
		t.Errorf("got %v because of %v, want %v", err, violation.Cause, cause)
	}
}

func TestSmallKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) // of the past
	if err != nil {
		t.Skip(err)
	}
	cert := certify(t, "buyer", small, nil, nil)
	m := &storage.ClientMetadata{JWKS: jwks(small.Public(), "")}
	judge(t, certificateVerifier(nil, certNow).Authenticate(t.Context(), profile.SelfSignedTLSClientAuth, "buyer", m, []*x509.Certificate{cert}), errAny)
}

func TestRegistered(t *testing.T) {
	caKey, own := certKey(t), certKey(t)
	ca := certify(t, "CA", caKey, nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	issued, self := certify(t, "buyer", own, ca, caKey), certify(t, "anything", own, nil, nil)
	old := certify(t, "old", own, nil, nil)
	verifier := certificateVerifier(roots, certNow)
	for name, c := range map[string]struct {
		m          storage.ClientMetadata
		cert       *x509.Certificate
		identified bool
		cause      error
	}{
		"subject":                      {storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=buyer"}, issued, true, nil},
		"another subject":              {storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=x"}, issued, true, errAny},
		"certificate in jwks":          {storage.ClientMetadata{JWKS: jwks(own.Public(), "sig", self)}, self, true, nil},
		"subject, and another in jwks": {storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=buyer", JWKS: jwks(own.Public(), "sig", self)}, self, true, mtls.ErrSubject},
		"subject, of oneself":          {storage.ClientMetadata{TLSClientAuthSubjectDN: "CN=anything", JWKS: jwks(own.Public(), "sig", self)}, self, true, errAny},
		"subject beside the method":    {storage.ClientMetadata{TokenEndpointAuthMethod: "self_signed_tls_client_auth", TLSClientAuthSubjectDN: "CN=anything", JWKS: jwks(own.Public(), "")}, self, true, errAny},
		"another of the same key":      {storage.ClientMetadata{JWKS: jwks(own.Public(), "sig", self)}, issued, true, errAny},
		"certificate for encryption":   {storage.ClientMetadata{JWKS: jwks(own.Public(), "enc", self)}, self, true, errAny},
		"no certificate":               {storage.ClientMetadata{JWKS: jwks(own.Public(), "sig", self)}, nil, true, mtls.ErrNoChain},
		"certificate in jwks, expired": {storage.ClientMetadata{JWKS: jwks(own.Public(), "sig", old)}, old, true, mtls.ErrExpired},
		"method":                       {storage.ClientMetadata{TokenEndpointAuthMethod: "self_signed_tls_client_auth", JWKS: jwks(own.Public(), "")}, self, true, nil},
		"signing keys are no TLS":      {storage.ClientMetadata{JWKS: jwks(own.Public(), "sig")}, self, false, errAny},
		"nothing":                      {storage.ClientMetadata{}, issued, false, errAny},
		"unreadable jwks":              {storage.ClientMetadata{JWKS: json.RawMessage("x")}, issued, false, errAny},
	} {
		t.Run("NZ-6.2.1-2/"+name, func(t *testing.T) {
			if got := clientauth.Identified(&c.m); got != c.identified {
				t.Errorf("identified: %v", got)
			}
			var chain []*x509.Certificate
			if c.cert != nil {
				chain = append(chain, c.cert)
			}
			judge(t, verifier.Registered(t.Context(), "buyer", &c.m, chain), c.cause)
		})
	}
}

// Where the profile does not have self_signed_tls_client_auth, a client that is
// registered for it has no more than the very certificates of its JWK Set.
func TestSelfSignedWhereItIsNoMethod(t *testing.T) {
	own := certKey(t)
	named, other := certify(t, "named", own, nil, nil), certify(t, "other", own, nil, nil)
	for _, p := range []profile.Profile{profile.NZBanking(), profile.UKOpenBanking()} {
		verifier := certificateVerifier(nil, certNow)
		verifier.Profile = &p
		for name, c := range map[string]struct {
			set   json.RawMessage
			cert  *x509.Certificate
			cause error
		}{
			"a key alone":             {jwks(own.Public(), "sig"), named, mtls.ErrRegistration},
			"the certificate":         {jwks(own.Public(), "sig", named), named, nil},
			"another of the same key": {jwks(own.Public(), "sig", named), other, errAny},
		} {
			t.Run("NZ-6.2.1-2/"+p.Name+"/"+name, func(t *testing.T) {
				m := &storage.ClientMetadata{TokenEndpointAuthMethod: "self_signed_tls_client_auth", JWKS: c.set}
				judge(t, verifier.Registered(t.Context(), "buyer", m, []*x509.Certificate{c.cert}), c.cause)
			})
		}
	}
}

// One key of the set has a certificate; the others do not become certificates.
func TestNoOtherKeyOfTheSet(t *testing.T) {
	tls, signing := certKey(t), certKey(t)
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{
		{Key: tls.Public(), KeyID: "tls", Use: "sig", Certificates: []*x509.Certificate{certify(t, "tls", tls, nil, nil)}},
		{Key: signing.Public(), KeyID: "signing", Use: "sig"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := &storage.ClientMetadata{JWKS: set}
	chain := []*x509.Certificate{certify(t, "self-made", signing, nil, nil)}
	judge(t, certificateVerifier(nil, certNow).Registered(t.Context(), "buyer", m, chain), errAny)
}

func TestUsable(t *testing.T) {
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want error
	}{
		"of anybody":      {certify(t, "anything", certKey(t), nil, nil), nil},
		"expired":         {certify(t, "old", certKey(t), nil, nil), mtls.ErrExpired},
		"of a costly key": {certify(t, "large", large, nil, nil), mtls.ErrKey},
	} {
		t.Run("RFC8705-3/"+name, func(t *testing.T) {
			if err := certificateVerifier(nil, certNow).Usable(c.cert); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
}
