package key

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

var (
	day   = 24 * time.Hour
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// named is a certificate with its key, and the one that issued it.
type named struct {
	cert   *x509.Certificate
	key    crypto.Signer
	issuer *named
}

// template is a certificate of a name, valid for a day before and after start.
func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(-day), NotAfter: start.Add(day),
	}
}

func between(c *x509.Certificate, from, until time.Time) *x509.Certificate {
	c.NotBefore, c.NotAfter = from, until
	return c
}

// certify makes a certificate for the public key; a nil issuer makes a
// self-signed one for an authority's own.
func (n *named) certify(t testing.TB, c *x509.Certificate, key crypto.Signer, public crypto.PublicKey) *named {
	t.Helper()
	parent, by := c, key
	if n != nil {
		parent, by = n.cert, n.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	made := &named{key: key, issuer: n}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

// authority makes the certificate of an authority.
func (n *named) authority(t testing.TB, c *x509.Certificate) *named {
	t.Helper()
	return n.authorityOf(t, c, ecSigner(t, elliptic.P256()))
}

func (n *named) authorityOf(t testing.TB, c *x509.Certificate, key crypto.Signer) *named {
	t.Helper()
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	return n.certify(t, c, key, key.Public())
}

// leaf makes the certificate of a new key.
func (n *named) leaf(t testing.TB, c *x509.Certificate) *named {
	t.Helper()
	key := ecSigner(t, elliptic.P256())
	return n.certify(t, c, key, key.Public())
}

// chain is the certificate and those above it, without the self-signed one.
func (n *named) chain() []string {
	var chain []string
	for ; n != nil && n.issuer != nil; n = n.issuer {
		chain = append(chain, encoded(n))
	}
	return chain
}

func encoded(n *named) string { return base64.StdEncoding.EncodeToString(n.cert.Raw) }

func (n *named) thumbprint() string {
	sum := sha256.Sum256(n.cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func poolOf(roots ...*named) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, root := range roots {
		pool.AddCert(root.cert)
	}
	return pool
}

// jwkWith is a JWK of the key with this x5c, which may be of any type; an
// empty kid is none.
func jwkWith(t testing.TB, key crypto.PublicKey, kid string, x5c any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(gojose.JSONWebKey{Key: key, KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(raw, &jwk); err != nil {
		t.Fatal(err)
	}
	if x5c != nil {
		jwk["x5c"] = x5c
	}
	return jwk
}

// own is a JWK of the certificate's key, with its chain.
func own(t testing.TB, kid string, n *named) map[string]any {
	t.Helper()
	return jwkWith(t, n.key.Public(), kid, n.chain())
}

func jwkSet(t testing.TB, jwks ...map[string]any) json.RawMessage {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": jwks})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// sources are both ways in which a client gives its set.
func sources(config ClientKeysConfig, set json.RawMessage) map[string]struct {
	keys *ClientKeys
	m    *storage.ClientMetadata
} {
	w := &web{}
	w.serve(string(set))
	config.Outbound = w
	return map[string]struct {
		keys *ClientKeys
		m    *storage.ClientMetadata
	}{
		"by value": {NewClientKeys(config), &storage.ClientMetadata{JWKS: set}},
		"by URL":   {NewClientKeys(config), &storage.ClientMetadata{JWKSURI: theURL}},
	}
}

// has wants n keys of this kid in the set, both by value and by URL; of none,
// the error is ErrNoKey.
func has(t *testing.T, config ClientKeysConfig, set json.RawMessage, kid string, n int) {
	t.Helper()
	if config.Clock == nil {
		config.Clock = func() time.Time { return start }
	}
	for name, s := range sources(config, set) {
		keys, err := s.keys.Keys(t.Context(), "buyer", s.m, kid)
		if len(keys) != n || n > 0 && err != nil || n == 0 && !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: kid %q: got %d keys, %v, want %d", name, kid, len(keys), err, n)
		}
	}
}

// verifies signs with a key under a kid and has the client's keys verify it.
func verifies(t *testing.T, c *ClientKeys, m *storage.ClientMetadata, kid string, by crypto.Signer) bool {
	t.Helper()
	token, err := jose.Sign(&jose.Signer{ID: kid, Alg: "ES256", Key: by, Random: rand.Reader}, "", []byte(`{"iss":"buyer"}`))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSigned(token, 8<<10)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.Keys(t.Context(), "buyer", m, signed.Kid)
	if err != nil && !errors.Is(err, ErrNoKey) {
		t.Fatal(err)
	}
	_, err = signed.Verify(keys, 2048)
	return err == nil
}

// The object identifiers of kinds of keys, in DER (RFC 5480 §2.1.1, RFC 8410 §3).
var (
	oidEC      = []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}
	oidUnknown = []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x7f}
	oidEd25519 = []byte{0x06, 0x03, 0x2b, 0x65, 0x70}
	oidX25519  = []byte{0x06, 0x03, 0x2b, 0x65, 0x6e}
)

// ofKind turns the certificate into one for another kind of key, which
// crypto/x509 does not make. Its own signature is then wrong.
func ofKind(t testing.TB, n *named, from, to []byte) *named {
	t.Helper()
	cert, err := x509.ParseCertificate(bytes.Replace(n.cert.Raw, from, to, 1))
	if err != nil || bytes.Equal(cert.Raw, n.cert.Raw) {
		t.Fatal(err)
	}
	return &named{cert: cert, issuer: n.issuer}
}

// large is a certificate of more than 8 KiB.
func large(name string) *x509.Certificate {
	c := template(name)
	c.Subject.Organization = []string{strings.Repeat("o", 9<<10)}
	return c
}
