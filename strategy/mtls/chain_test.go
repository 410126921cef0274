package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/mtls"
)

const minBits = 2048

func certs(chain ...*authority) []*x509.Certificate {
	var found []*x509.Certificate
	for _, a := range chain {
		found = append(found, a.cert)
	}
	return found
}

func TestVerifyChain(t *testing.T) {
	root := (*authority)(nil).issue(t, ca("root"))
	middle := root.issue(t, ca("middle"))
	low := middle.issue(t, ca("low"))
	good, deep := middle.issue(t, leaf()), low.issue(t, leaf())
	server := leaf()
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	wrongUse, selfSigned := root.issue(t, server), (*authority)(nil).issue(t, leaf())
	past := ca("past")
	past.NotAfter = now.Add(-time.Minute)
	old := root.issue(t, past)
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		roots *x509.CertPool
		at    time.Time
		ok    bool
	}{
		{"with intermediate", certs(good, middle), pool(root), now, true},
		{"with two intermediates", certs(deep, low, middle), pool(root), now, true},
		{"with its root", certs(deep, low, middle, root), pool(root), now, true},
		{"with the root's root", certs(deep, low, middle, root), pool(middle), now, true},
		{"without intermediate", certs(good), pool(root), now, false},
		{"another root", certs(good, middle), pool(selfSigned), now, false},
		{"root only in the chain", certs(good, middle, root), x509.NewCertPool(), now, false},
		{"in another order", certs(deep, middle, low), pool(root), now, false},
		{"with a stranger's", certs(good, middle, low), pool(root), now, false},
		{"expired", certs(good, middle), pool(root), now.Add(2 * time.Hour), false},
		{"expired intermediate", certs(old.issue(t, leaf()), old), pool(root), now, false},
		{"not yet", certs(good, middle), pool(root), now.Add(-2 * time.Hour), false},
		{"server certificate", certs(wrongUse), pool(root), now, false},
		{"issued by no authority", certs(good.issue(t, leaf()), good, middle), pool(root), now, false},
		{"self-signed", certs(selfSigned), pool(root), now, false},
	} {
		t.Run("RFC8705-2.1/"+c.name, func(t *testing.T) {
			if err := mtls.VerifyChain(c.chain, c.roots, c.at, minBits); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
	if err := mtls.VerifyChain(nil, pool(root), now, minBits); !errors.Is(err, mtls.ErrNoChain) {
		t.Error(err)
	}
	if err := mtls.VerifyChain(certs(good), nil, now, minBits); !errors.Is(err, mtls.ErrNoAuthority) {
		t.Errorf("without authorities: %v", err)
	}
}

// A chain has 4 certificates of a bounded size, each with its issuer behind it.
func TestVerifyChainRefusesItsForm(t *testing.T) {
	root := (*authority)(nil).issue(t, ca("root"))
	chain, parent := []*authority{}, root
	for i := range 4 {
		parent = parent.issue(t, ca(fmt.Sprint("middle ", i)))
		chain = append([]*authority{parent}, chain...)
	}
	five := append([]*authority{parent.issue(t, leaf())}, chain...)
	large := leaf()
	for i := range 500 {
		large.DNSNames = append(large.DNSNames, fmt.Sprintf("name-%d.buyer.example", i))
	}
	other := root.issue(t, ca("other"))
	wide := ca("wide")
	wide.DNSNames = large.DNSNames
	middle := root.issue(t, wide)
	for name, c := range map[string][]*x509.Certificate{
		"five": certs(five...), "too large": certs(root.issue(t, large)), "an issuer too large": certs(middle.issue(t, leaf()), middle), "not the issuer": certs(root.issue(t, leaf()), other),
		"the same twice": certs(five[0], five[1], five[1]), "a gap": certs(five[0], five[2]),
	} {
		t.Run(name, func(t *testing.T) {
			if err := mtls.VerifyChain(c, pool(root), now, minBits); !errors.Is(err, mtls.ErrChain) {
				t.Error(err)
			}
		})
	}
	if err := mtls.VerifyChain(certs(five[:4]...), pool(chain[3]), now, minBits); err != nil {
		t.Errorf("four: %v", err)
	}
}

func generate(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rsaOf is a key of that size with which nobody could sign.
func rsaOf(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func TestCheckKey(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key  crypto.PublicKey
		want error
	}{
		"P-256": {generate(t, elliptic.P256()).Public(), nil}, "P-384": {generate(t, elliptic.P384()).Public(), nil},
		"P-521": {generate(t, elliptic.P521()).Public(), mtls.ErrKey}, "P-224": {generate(t, elliptic.P224()).Public(), mtls.ErrKey},
		"RSA 2047": {rsaOf(2047), mtls.ErrKey}, "RSA 2048": {rsaOf(2048), nil}, "RSA 4096": {rsaOf(4096), nil},
		"RSA 4097": {rsaOf(4097), mtls.ErrKey}, "RSA 32768": {rsaOf(32768), mtls.ErrKey},
		"Ed25519": {edwards, nil}, "unknown": {nil, mtls.ErrKey},
	} {
		t.Run(name, func(t *testing.T) {
			if err := mtls.CheckKey(&x509.Certificate{PublicKey: c.key}, minBits); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
}

// The limits are those of each certificate in the chain, and not of its leaf.
func TestVerifyChainChecksEveryKey(t *testing.T) {
	root := (*authority)(nil).issue(t, ca("root"))
	for _, curve := range []elliptic.Curve{elliptic.P384(), elliptic.P521()} {
		middle := root.certify(t, ca("middle"), generate(t, curve))
		want := map[bool]error{true: mtls.ErrKey}[curve == elliptic.P521()]
		if err := mtls.VerifyChain(certs(middle.issue(t, leaf()), middle), pool(root), now, minBits); !errors.Is(err, want) {
			t.Errorf("%s in the middle: %v", curve.Params().Name, err)
		}
		if err := mtls.VerifyChain(certs(root.certify(t, leaf(), generate(t, curve))), pool(root), now, minBits); !errors.Is(err, want) {
			t.Errorf("%s in the leaf: %v", curve.Params().Name, err)
		}
	}
}

// strangers is a chain that was made up for somebody's subject. Each issuer has
// its name here, and the last one is its own.
func strangers(t testing.TB, curve elliptic.Curve, names ...string) []*x509.Certificate {
	t.Helper()
	key := generate(t, curve)
	by := func(name string) *authority { return &authority{cert: ca(name), key: key} }
	chain := []*authority{by(names[0]).certify(t, leaf(), key)}
	for i, name := range names {
		chain = append(chain, by(names[min(i+1, len(names)-1)]).certify(t, ca(name), key))
	}
	return certs(chain...)
}

// No key of a stranger's verifies a signature: crypto/x509 names the
// certificate for which it found no issuer, and that is the leaf, as if the
// others had not been sent.
func TestVerifyChainUsesNoKeyOfStrangers(t *testing.T) {
	root := (*authority)(nil).issue(t, ca("root"))
	chain := strangers(t, elliptic.P384(), "one", "two", "root")
	var unknown x509.UnknownAuthorityError
	err := mtls.VerifyChain(chain, pool(root), now, minBits)
	if !errors.As(err, &unknown) || !unknown.Cert.Equal(chain[0]) {
		t.Errorf("got %v", err)
	}
	// Below a true intermediate, which is public, it is that one's key which
	// refuses.
	middle := root.issue(t, ca("two"))
	err = mtls.VerifyChain([]*x509.Certificate{chain[0], chain[1], middle.cert}, pool(root), now, minBits)
	if err == nil || errors.As(err, &unknown) || errors.Is(err, mtls.ErrChain) {
		t.Errorf("below a true intermediate: %v", err)
	}
	// Where each could be the issuer of each, there is no path to look for.
	if err := mtls.VerifyChain(strangers(t, elliptic.P256(), "root", "root"), pool(root), now, minBits); !errors.Is(err, mtls.ErrChain) {
		t.Errorf("one name for all: %v", err)
	}
}

// The costliest refusals: every signature is by a key of the authorities.
func BenchmarkRefusedChain(b *testing.B) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		root := (*authority)(nil).certify(b, ca("root"), generate(b, curve))
		made := strangers(b, curve, "one", "two", "root")
		parent, genuine := root, []*x509.Certificate{}
		for _, name := range []string{"three", "two", "one"} {
			parent = parent.certify(b, ca(name), generate(b, curve))
			genuine = append([]*x509.Certificate{parent.cert}, genuine...)
		}
		for name, chain := range map[string][]*x509.Certificate{
			"made up": made, "below true ones": append(made[:1:1], genuine...),
			"P-521": strangers(b, elliptic.P521(), "one", "two", "root"), "one name for ten": strangers(b, curve, slices.Repeat([]string{"root"}, 9)...),
		} {
			b.Run(curve.Params().Name+"/"+name, func(b *testing.B) {
				roots := pool(root)
				for b.Loop() {
					if mtls.VerifyChain(chain, roots, now, minBits) == nil {
						b.Fatal("taken")
					}
				}
			})
		}
	}
}

// A certificate in a header is measured before it is read.
func TestHeaderCertificatesAreMeasured(t *testing.T) {
	template := leaf()
	for i := range 500 {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("name-%d.buyer.example", i))
	}
	large := (*authority)(nil).issue(t, template).cert
	text := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: large.Raw})))
	for name, c := range map[string]struct {
		source mtls.Source
		header string
		value  string
	}{
		"RFC9440-2.1": {mtls.ClientCert{Proxies: proxies}, "Client-Cert", ":" + base64.StdEncoding.EncodeToString(large.Raw) + ":"},
		"nginx":       {mtls.PEMHeader{Proxies: proxies}, "ssl-client-cert", text},
		"envoy":       {mtls.ForwardedClientCert{Proxies: proxies}, "X-Forwarded-Client-Cert", "Cert=" + text},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.source.Chain(from("10.0.0.7:1", c.header, c.value)); !errors.Is(err, mtls.ErrMalformed) {
				t.Error(err)
			}
		})
	}
}
