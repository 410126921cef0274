package key

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The certificate is one for the JWK's own key; one that is not makes the key
// unusable and does not spoil the others (RFC 7517 §4.7, §5).
func TestCertificateIsForTheKey(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n, other, big := root.leaf(t, template("buyer")), root.leaf(t, template("other")), root.leaf(t, large("large"))
	deep := n.chain()
	for range 4 {
		deep = append(deep, encoded(root))
	}
	for name, x5c := range map[string]any{
		"of another key": other.chain(), "after another": []string{encoded(root), encoded(n)}, "a kind of key that is not known": ofKind(t, n, oidEC, oidUnknown).chain(),
		"not a list": encoded(n), "a number": 7, "a list of numbers": []int{7}, "an object": map[string]any{"0": encoded(n)}, "a null in it": []any{encoded(n), nil},
		"no certificate": []string{"AAAA"}, "an empty one": []string{""}, "base64url": []string{base64.RawURLEncoding.EncodeToString(n.cert.Raw) + "-_"},
		"more after it": []string{base64.StdEncoding.EncodeToString(append(slices.Clone(n.cert.Raw), 0))},
		"five":          deep, "one of more than 8 KiB": []string{encoded(n), encoded(big)},
		"1 MB in one": []string{strings.Repeat("A", 1<<20)}, "1 MB in many": slices.Repeat([]string{encoded(n)}, (1<<20)/len(encoded(n))),
	} {
		t.Run("RFC7517-4.7/"+name, func(t *testing.T) {
			set := jwkSet(t, jwkWith(t, n.key.Public(), "bad", x5c), own(t, "good", other))
			has(t, ClientKeysConfig{}, set, "bad", 0)
			has(t, ClientKeysConfig{}, set, n.thumbprint(), 0)
			has(t, ClientKeysConfig{}, set, "good", 1)
			c := NewClientKeys(ClientKeysConfig{Clock: func() time.Time { return start }})
			if err := c.CheckCertificates(set); !errors.Is(err, ErrCertificate) {
				t.Errorf("got %v, want ErrCertificate", err)
			}
		})
	}
	t.Run("RFC7517-4.7/a large one alone", func(t *testing.T) {
		has(t, ClientKeysConfig{}, jwkSet(t, own(t, "bad", big)), "bad", 0)
	})
	for name, x5c := range map[string]any{"null": json.RawMessage("null"), "an empty list": []string{}} {
		t.Run("RFC7517-4.7/"+name+" is no certificate", func(t *testing.T) {
			set := jwkSet(t, jwkWith(t, n.key.Public(), "k", x5c))
			has(t, ClientKeysConfig{}, set, "k", 1)
			has(t, ClientKeysConfig{RequireCertificate: true}, set, "k", 0)
		})
	}
}

// The thumbprint that a JWK states itself is that of its certificate.
func TestStatedThumbprint(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n, other := root.leaf(t, template("buyer")), root.leaf(t, template("other"))
	for stated, want := range map[string]int{n.thumbprint(): 1, other.thumbprint(): 0, n.thumbprint() + "=": 0} {
		jwk := own(t, "k", n)
		jwk["x5t#S256"] = stated
		has(t, ClientKeysConfig{}, jwkSet(t, jwk), "k", want)
	}
	t.Run("RFC7517-4.9/without a certificate it names nothing", func(t *testing.T) {
		jwk := jwkWith(t, n.key.Public(), "k", nil)
		jwk["x5t#S256"] = n.thumbprint()
		has(t, ClientKeysConfig{}, jwkSet(t, jwk), n.thumbprint(), 0)
		has(t, ClientKeysConfig{}, jwkSet(t, jwk), "k", 1)
	})
}

func TestNamedByCertificate(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	middle := root.authority(t, template("middle"))
	n, other := middle.leaf(t, template("buyer")), middle.leaf(t, template("other"))
	config := ClientKeysConfig{Clock: func() time.Time { return start }}
	for name, c := range map[string]struct {
		set json.RawMessage
		kid string
		ok  bool
	}{
		"kid of its JWK":                    {jwkSet(t, own(t, "k", n), own(t, "o", other)), "k", true},
		"thumbprint":                        {jwkSet(t, own(t, "k", n), own(t, "o", other)), n.thumbprint(), true},
		"thumbprint of a JWK without kid":   {jwkSet(t, own(t, "", n), own(t, "", other)), n.thumbprint(), true},
		"kid that is its thumbprint":        {jwkSet(t, own(t, n.thumbprint(), n)), n.thumbprint(), true},
		"thumbprint of another certificate": {jwkSet(t, own(t, "k", n), own(t, "o", other)), other.thumbprint(), false},
		"thumbprint that the set has not":   {jwkSet(t, own(t, "k", n)), other.thumbprint(), false},
		"thumbprint of its issuer":          {jwkSet(t, own(t, "k", n)), middle.thumbprint(), false},
		"thumbprint in other letters":       {jwkSet(t, own(t, "k", n)), strings.ToLower(n.thumbprint()), false},
		"kid of another key":                {jwkSet(t, own(t, "k", n), own(t, "o", other)), "o", false},
	} {
		t.Run("MEF-R44/"+name, func(t *testing.T) {
			for source, s := range sources(config, c.set) {
				if verifies(t, s.keys, s.m, c.kid, n.key) != c.ok {
					t.Errorf("%s: want %v", source, c.ok)
				}
			}
		})
	}
	t.Run("MEF-R44/neither kid nor certificate", func(t *testing.T) {
		has(t, ClientKeysConfig{}, jwkSet(t, jwkWith(t, n.key.Public(), "", nil)), n.thumbprint(), 0)
	})
}

// Where the kid of one key is the thumbprint of another, it names both, as two
// keys of one kid would (FAPI 1.0 Advanced §8.11). Both are the client's own,
// and nothing else names the other.
func TestKidThatIsAnothersThumbprint(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n, plain, stranger := root.leaf(t, template("buyer")), ecSigner(t, elliptic.P256()), ecSigner(t, elliptic.P256())
	set := jwkSet(t, jwkWith(t, plain.Public(), n.thumbprint(), nil), own(t, "k", n))
	for name, s := range sources(ClientKeysConfig{Clock: func() time.Time { return start }}, set) {
		t.Run("MEF-D11/"+name, func(t *testing.T) {
			keys, err := s.keys.Keys(t.Context(), "buyer", s.m, n.thumbprint())
			if err != nil || len(keys) != 2 || keys[0].ID != n.thumbprint() || keys[1].ID != "k" {
				t.Errorf("got %+v, %v", keys, err)
			}
			if !verifies(t, s.keys, s.m, n.thumbprint(), plain) || !verifies(t, s.keys, s.m, n.thumbprint(), n.key) || verifies(t, s.keys, s.m, n.thumbprint(), stranger) {
				t.Error("of the two, the one that signed verifies, and no other")
			}
			if verifies(t, s.keys, s.m, "k", plain) {
				t.Error("the kid of the one verifies by the other")
			}
		})
	}
}

// tomorrow and yesterday are other certificates than today's.
func tomorrow(name string) *x509.Certificate {
	return between(template(name), start.Add(time.Hour), start.Add(day))
}
func yesterday(name string) *x509.Certificate {
	return between(template(name), start.Add(-day), start.Add(-time.Hour))
}

// A key is one while all certificates that were given are valid, whether or not
// somebody looks who issued them.
func TestCertificateTimes(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	middle, late, early := root.authority(t, template("middle")), root.authority(t, yesterday("late")), root.authority(t, tomorrow("early"))
	brief := middle.leaf(t, between(template("brief"), start, start))
	for name, c := range map[string]struct {
		n  *named
		at time.Time
		ok bool
	}{
		"valid": {middle.leaf(t, template("buyer")), start, true}, "expired": {middle.leaf(t, yesterday("buyer")), start, false},
		"not valid yet": {middle.leaf(t, tomorrow("buyer")), start, false}, "valid by now": {middle.leaf(t, tomorrow("buyer")), start.Add(time.Hour), true},
		"expired intermediate": {late.leaf(t, template("buyer")), start, false}, "intermediate not valid yet": {early.leaf(t, template("buyer")), start, false},
		"never at once": {late.leaf(t, tomorrow("buyer")), start, false},
		"in its second": {brief, start, true}, "just before": {brief, start.Add(-1), false}, "just after": {brief, start.Add(1), false},
	} {
		for _, cas := range []*x509.CertPool{nil, poolOf(root)} {
			t.Run(fmt.Sprintf("MEF-R41/%s/authorities %v", name, cas != nil), func(t *testing.T) {
				wantTimes(t, ClientKeysConfig{Clock: func() time.Time { return c.at }, SigningCAs: cas}, c.n, c.ok)
			})
		}
	}
}

// wantTimes wants the key of the certificate to verify, authenticate and
// encrypt, or to do nothing of it.
func wantTimes(t *testing.T, config ClientKeysConfig, n *named, ok bool) {
	t.Helper()
	for source, s := range sources(config, jwkSet(t, own(t, "k", n))) {
		for _, kid := range []string{"k", n.thumbprint()} {
			keys, err := s.keys.Keys(t.Context(), "buyer", s.m, kid)
			if (err == nil) != ok || len(keys) > 1 || !ok && !errors.Is(err, ErrNoKey) {
				t.Errorf("%s: Keys: %d, %v", source, len(keys), err)
			}
		}
		if held, err := s.keys.Holds(t.Context(), "buyer", s.m, n.key.Public()); held != ok || err != nil {
			t.Errorf("%s: Holds: %v, %v", source, held, err)
		}
		to, err := s.keys.EncryptionKey(t.Context(), "buyer", s.m, profile.ECDHES, 2048)
		if (err == nil) != ok || ok && to.ID != "k" || !ok && !errors.Is(err, ErrNoRecipient) {
			t.Errorf("%s: EncryptionKey: %+v, %v", source, to, err)
		}
	}
}

// What is out of its time is no other key that cannot be found.
func TestExpiredIsSaid(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n := root.leaf(t, yesterday("buyer"))
	set := jwkSet(t, own(t, "k", n))
	for name, s := range sources(ClientKeysConfig{Clock: func() time.Time { return start }}, set) {
		t.Run("MEF-R48/"+name, func(t *testing.T) {
			if _, err := s.keys.Keys(t.Context(), "buyer", s.m, "k"); !errors.Is(err, ErrNoKey) || !errors.Is(err, ErrExpired) {
				t.Errorf("got %v", err)
			}
			if _, err := s.keys.Keys(t.Context(), "buyer", s.m, "o"); err != ErrNoKey {
				t.Errorf("of another kid: %v", err)
			}
			if _, err := s.keys.EncryptionKey(t.Context(), "buyer", s.m, profile.ECDHES, 2048); !errors.Is(err, ErrNoRecipient) || !errors.Is(err, ErrExpired) {
				t.Errorf("to encrypt to: %v", err)
			}
		})
	}
}

// No set is fetched or parsed for a key to begin or to end.
func TestClockPassesWhileCached(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n := root.leaf(t, between(template("buyer"), start.Add(time.Minute), start.Add(2*time.Minute)))
	set := jwkSet(t, own(t, "k", n), own(t, "always", root.leaf(t, template("buyer"))))
	for _, cas := range []*x509.CertPool{nil, poolOf(root)} {
		now := start
		for name, s := range sources(ClientKeysConfig{Clock: func() time.Time { return now }, SigningCAs: cas}, set) {
			t.Run(fmt.Sprintf("MEF-R41/%s/authorities %v", name, cas != nil), func(t *testing.T) {
				for _, step := range []struct {
					after time.Duration
					ok    bool
				}{{0, false}, {time.Minute - 1, false}, {time.Minute, true}, {2 * time.Minute, true}, {2*time.Minute + 1, false}, {4 * time.Minute, false}} {
					now = start.Add(step.after)
					if verifies(t, s.keys, s.m, "k", n.key) != step.ok {
						t.Errorf("after %s: want %v", step.after, step.ok)
					}
				}
			})
		}
	}
}

// A certificate that was renewed for the same key is fetched as a new key is.
func TestRenewedCertificateIsFetched(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	old := root.leaf(t, between(template("buyer"), start, start.Add(time.Minute)))
	renewed := root.certify(t, template("buyer"), old.key, old.key.Public())
	now, w := start, &web{}
	c := NewClientKeys(ClientKeysConfig{Outbound: w, Clock: func() time.Time { return now }})
	m := &storage.ClientMetadata{JWKSURI: theURL}
	w.serve(string(jwkSet(t, own(t, "k", old))))
	if !verifies(t, c, m, "k", old.key) {
		t.Fatal("the first certificate")
	}
	w.serve(string(jwkSet(t, own(t, "k", renewed))))
	now = start.Add(2 * time.Minute)
	for range 3 {
		if !verifies(t, c, m, "k", old.key) || !verifies(t, c, m, renewed.thumbprint(), old.key) || verifies(t, c, m, old.thumbprint(), old.key) {
			t.Error("the renewed certificate")
		}
	}
	wantFetches(t, w, 2)
}

func TestSigningCAs(t *testing.T) {
	root, other := (*named)(nil).authority(t, template("root")), (*named)(nil).authority(t, template("other"))
	middle := root.authority(t, template("middle"))
	low := middle.authority(t, template("low"))
	n, deep := middle.leaf(t, template("buyer")), low.leaf(t, template("buyer"))
	alone := (*named)(nil).leaf(t, template("buyer"))
	impostor := (*named)(nil).authority(t, template("middle")).leaf(t, template("buyer"))
	with := func(n *named, x5c ...*named) map[string]any {
		chain := []string{encoded(n)}
		for _, c := range x5c {
			chain = append(chain, encoded(c))
		}
		return jwkWith(t, n.key.Public(), "k", chain)
	}
	p521 := root.authorityOf(t, template("p521"), ecSigner(t, elliptic.P521()))
	for name, c := range map[string]struct {
		jwk   map[string]any
		roots *x509.CertPool
		want  error
	}{
		"with intermediate": {with(n, middle), poolOf(root), nil}, "four": {with(deep, low, middle, root), poolOf(root), nil},
		"one of two roots": {with(n, middle), poolOf(other, root), nil}, "its issuer is one": {with(n), poolOf(middle), nil},
		"without intermediate": {with(n), poolOf(root), ErrAuthority}, "another root": {with(n, middle), poolOf(other), ErrAuthority},
		"root in the set alone": {with(n, middle, root), x509.NewCertPool(), ErrAuthority}, "self-signed": {with(alone), poolOf(root), ErrAuthority},
		"in another order": {with(deep, middle, low), poolOf(root), ErrAuthority}, "an impostor's intermediate": {with(impostor, middle), poolOf(root), ErrAuthority},
		"issued by a leaf":   {with(n.leaf(t, template("x")), n, middle), poolOf(root), ErrAuthority},
		"a curve that costs": {with(p521.leaf(t, template("buyer")), p521), poolOf(root), ErrAuthority},
		"no certificate":     {jwkWith(t, n.key.Public(), "k", nil), poolOf(root), nil},
	} {
		for _, rule := range []string{"MEF-R40", "MEF-R47"} {
			t.Run(rule+"/"+name, func(t *testing.T) {
				config := ClientKeysConfig{Clock: func() time.Time { return start }, SigningCAs: c.roots}
				set := jwkSet(t, c.jwk)
				has(t, config, set, "k", map[bool]int{true: 1}[c.want == nil])
				if err := NewClientKeys(config).CheckCertificates(set); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				config.SigningCAs = nil
				has(t, config, set, "k", 1)
			})
		}
	}
}

// What is known of the issuers of one key serves the next, and no more than
// that.
func TestKeysOfOneIssuer(t *testing.T) {
	root, other := (*named)(nil).authority(t, template("root")), (*named)(nil).authority(t, template("other"))
	middle, foreign := root.authority(t, template("middle")), other.authority(t, template("foreign"))
	impostor := (*named)(nil).authority(t, template("middle")).leaf(t, template("buyer"))
	impostor.issuer = middle
	set := jwkSet(t, own(t, "foreign 1", foreign.leaf(t, template("1"))), own(t, "1", middle.leaf(t, template("1"))), own(t, "impostor", impostor),
		own(t, "later", middle.leaf(t, tomorrow("2"))), own(t, "2", middle.leaf(t, template("2"))), own(t, "foreign 2", foreign.leaf(t, template("2"))))
	for kid, want := range map[string]int{"1": 1, "2": 1, "foreign 1": 0, "foreign 2": 0, "impostor": 0, "later": 0} {
		t.Run("MEF-R40/"+kid, func(t *testing.T) {
			has(t, ClientKeysConfig{SigningCAs: poolOf(root)}, set, kid, want)
		})
	}
	t.Run("MEF-R40/later comes", func(t *testing.T) {
		has(t, ClientKeysConfig{SigningCAs: poolOf(root), Clock: func() time.Time { return start.Add(2 * time.Hour) }}, set, "later", 1)
	})
}

// The leaf of a chain may have any key that a JWK may have.
func TestLeafOfAnyKey(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	for name, key := range map[string]crypto.Signer{"P-521": ecSigner(t, elliptic.P521()), "Ed25519": edSigner(t), "RSA": rsaSigner(t, 2048)} {
		t.Run(name, func(t *testing.T) {
			set := jwkSet(t, own(t, "k", root.certify(t, template("buyer"), key, key.Public())))
			has(t, ClientKeysConfig{SigningCAs: poolOf(root), RequireCertificate: true}, set, "k", 1)
		})
	}
}

// X25519 is read elsewhere than the others.
func TestCertificateOfX25519(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	ed, other := edSigner(t), edSigner(t)
	certificate := func(c *x509.Certificate, key crypto.Signer) *named {
		return ofKind(t, root.certify(t, c, key, key.Public()), oidEd25519, oidX25519)
	}
	x := base64.RawURLEncoding.EncodeToString(ed.Public().(ed25519.PublicKey)) // any 32 bytes are one
	for name, c := range map[string]struct {
		n    *named
		want int
	}{
		"its own": {certificate(template("buyer"), ed), 1}, "another's": {certificate(template("buyer"), other), 0},
		"expired": {certificate(yesterday("buyer"), ed), 0}, "Ed25519": {root.certify(t, template("buyer"), ed, ed.Public()), 0},
	} {
		t.Run("RFC7517-4.7/"+name, func(t *testing.T) {
			set := jwkSet(t, map[string]any{"kty": "OKP", "crv": "X25519", "x": x, "x5c": c.n.chain()})
			has(t, ClientKeysConfig{RequireCertificate: true}, set, c.n.thumbprint(), c.want)
		})
	}
}

func TestRequireCertificate(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	n, bare := root.leaf(t, template("buyer")), jwkWith(t, ecSigner(t, elliptic.P256()).Public(), "bare", nil)
	config := ClientKeysConfig{Clock: func() time.Time { return start }, RequireCertificate: true}
	for _, rule := range []string{"MEF-R40", "MEF-R47"} {
		t.Run(rule+"/a key without is none", func(t *testing.T) {
			set := jwkSet(t, bare, own(t, "k", n))
			has(t, config, set, "bare", 0)
			has(t, config, set, "k", 1)
			if err := NewClientKeys(config).CheckCertificates(set); !errors.Is(err, ErrNoCertificate) {
				t.Errorf("got %v", err)
			}
			has(t, ClientKeysConfig{}, set, "bare", 1)
		})
	}
	t.Run("RFC7517-5/a key of an unknown kind is no matter", func(t *testing.T) {
		set := jwkSet(t, map[string]any{"kty": "AKP", "kid": "m", "x5c": []string{"AAAA"}}, own(t, "k", n))
		if err := NewClientKeys(config).CheckCertificates(set); err != nil {
			t.Error(err)
		}
	})
}

// Certificates are one identity, DIDs another (MEF W128 D1).
func TestDIDNeedsNoCertificate(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	expired := root.leaf(t, yesterday("buyer"))
	for name, jwk := range map[string]map[string]any{"none": jwkWith(t, expired.key.Public(), "", nil), "an expired one": own(t, "", expired)} {
		t.Run("MEF-D1/"+name, func(t *testing.T) {
			raw, err := json.Marshal(jwk)
			if err != nil {
				t.Fatal(err)
			}
			id := "did:jwk:" + base64.RawURLEncoding.EncodeToString(raw)
			c := NewClientKeys(ClientKeysConfig{
				Clock: func() time.Time { return start }, SigningCAs: x509.NewCertPool(), RequireCertificate: true,
				Documents: did.NewCache(did.CacheConfig{}),
			})
			if keys, err := c.Keys(t.Context(), id, &storage.ClientMetadata{}, id+"#0"); err != nil || len(keys) != 1 {
				t.Errorf("got %d keys, %v", len(keys), err)
			}
			if _, err := c.Keys(t.Context(), id, &storage.ClientMetadata{}, expired.thumbprint()); !errors.Is(err, ErrNoKey) {
				t.Errorf("by its thumbprint: %v", err)
			}
		})
	}
}

// The authority's own time counts too, and that of the last of several.
func TestAuthorityExpires(t *testing.T) {
	key := ecSigner(t, elliptic.P256())
	old := (*named)(nil).authorityOf(t, between(template("root"), start.Add(-day), start.Add(time.Minute)), key)
	renewed := (*named)(nil).authorityOf(t, template("root"), key)
	next := (*named)(nil).authorityOf(t, between(template("root"), start.Add(time.Minute), start.Add(day)), key)
	n := old.leaf(t, template("buyer"))
	for name, c := range map[string]struct {
		roots *x509.CertPool
		later map[time.Duration]bool
	}{
		"alone":                      {poolOf(old), map[time.Duration]bool{time.Minute: true, time.Minute + 1: false, time.Hour: false}},
		"renewed":                    {poolOf(old, renewed), map[time.Duration]bool{2 * time.Minute: true, time.Hour: true}},
		"with one that begins later": {poolOf(old, next), map[time.Duration]bool{time.Minute: true, time.Hour: true}},
	} {
		for after, ok := range c.later {
			now := start
			for source, s := range sources(ClientKeysConfig{Clock: func() time.Time { return now }, SigningCAs: c.roots}, jwkSet(t, own(t, "k", n))) {
				t.Run(fmt.Sprintf("MEF-R41/%s/%s/%s", name, after, source), func(t *testing.T) {
					if now = start; !verifies(t, s.keys, s.m, "k", n.key) {
						t.Error("at first")
					}
					if now = start.Add(after); verifies(t, s.keys, s.m, "k", n.key) != ok {
						t.Errorf("want %v", ok)
					}
				})
			}
		}
	}
}

// What is encrypted to somebody goes to a key that is valid, or does not go.
func TestEncryptionKeyInTime(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	enc := func(kid string, n *named) map[string]any {
		jwk := own(t, kid, n)
		jwk["use"], jwk["alg"] = "enc", "ECDH-ES"
		return jwk
	}
	expired, valid := enc("expired", root.leaf(t, yesterday("buyer"))), jwkWith(t, ecSigner(t, elliptic.P256()).Public(), "valid", nil)
	p := profile.MEFLSO()
	p.AcceptJWE = true
	e := &Encrypter{Profile: &p, Keys: NewClientKeys(ClientKeysConfig{Clock: func() time.Time { return start }})}
	t.Run("MEF-R48/another one", func(t *testing.T) {
		m := &storage.ClientMetadata{JWKS: jwkSet(t, expired, valid)}
		if to, err := e.Keys.EncryptionKey(t.Context(), "buyer", m, profile.ECDHES, 2048); err != nil || to.ID != "valid" {
			t.Errorf("got %+v, %v", to, err)
		}
	})
	t.Run("MEF-R48/none", func(t *testing.T) {
		m := &storage.ClientMetadata{JWKS: jwkSet(t, expired), IDTokenEncryptedResponseAlg: "ECDH-ES"}
		if token, err := e.Encrypt(t.Context(), IDToken, "buyer", m, "a.b.c"); token != "" || !errors.Is(err, ErrExpired) {
			t.Errorf("got %q, %v", token, err)
		}
	})
}

func TestCheckCertificates(t *testing.T) {
	root := (*named)(nil).authority(t, template("root"))
	c := NewClientKeys(ClientKeysConfig{Clock: func() time.Time { return start }, SigningCAs: poolOf(root)})
	late := root.authority(t, yesterday("late"))
	for name, tt := range map[string]struct {
		n    *named
		want error
	}{
		"valid": {root.leaf(t, template("a")), nil}, "valid later": {root.leaf(t, tomorrow("b")), nil}, "expired": {root.leaf(t, yesterday("c")), ErrExpired},
		"expired intermediate": {late.leaf(t, template("d")), ErrExpired}, "never valid": {late.leaf(t, tomorrow("e")), ErrExpired},
	} {
		t.Run("MEF-R41/"+name, func(t *testing.T) {
			for range 2 { // once of what is kept
				if err := c.CheckCertificates(jwkSet(t, own(t, "k", tt.n))); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			}
		})
	}
	if err := c.CheckCertificates(json.RawMessage("{}")); err == nil {
		t.Error("no set")
	}
}

// Certificates that were not made here, with the thumbprints that others
// computed.
func TestCertificateVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/certificates.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Source, Thumbprint  string
		JWK                 map[string]any
		NotBefore, NotAfter time.Time
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		t.Run("MEF-R44/"+v.Source, func(t *testing.T) {
			for at, want := range map[time.Time]int{v.NotBefore.Add(-1): 0, v.NotBefore: 1, v.NotAfter: 1, v.NotAfter.Add(1): 0} {
				has(t, ClientKeysConfig{Clock: func() time.Time { return at }}, jwkSet(t, v.JWK), v.Thumbprint, want)
			}
		})
	}
}

// hundred is a set of 100 keys, each with a chain of 4 that leads to the root:
// with issuers of its own, with the same for all, or with true ones above one
// that they refuse.
func hundred(b *testing.B, root *named, curve elliptic.Curve, kind string) json.RawMessage {
	b.Helper()
	line := func(i int) *named {
		parent := root
		for _, name := range []string{"one", "two", "three"} {
			parent = parent.authorityOf(b, template(fmt.Sprint(name, i)), ecSigner(b, curve))
		}
		return parent
	}
	var jwks []map[string]any
	shared := line(0)
	for i := range 100 {
		parent := shared
		if kind == "distinct" {
			parent = line(i)
		}
		n := parent.leaf(b, template("buyer"))
		if kind == "hostile" {
			name := *shared.issuer.cert
			name.PublicKey = nil // which is not that of the key that signs
			forger := &named{cert: &name, key: ecSigner(b, curve), issuer: shared.issuer.issuer}
			n = forger.authorityOf(b, template(fmt.Sprint("made up ", i)), ecSigner(b, curve)).leaf(b, template("buyer"))
		}
		jwks = append(jwks, own(b, fmt.Sprint(i), n))
	}
	return jwkSet(b, jwks...)
}

// BenchmarkCertifiedSet is what the largest set costs when it comes, and what
// each request costs after that.
func BenchmarkCertifiedSet(b *testing.B) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		root := (*named)(nil).authorityOf(b, template("root"), ecSigner(b, curve))
		for _, kind := range []string{"distinct", "shared", "hostile"} {
			set := hundred(b, root, curve, kind)
			for name, cas := range map[string]*x509.CertPool{"dates": nil, "chains": poolOf(root)} {
				config := ClientKeysConfig{Outbound: never{}, Clock: func() time.Time { return start }, SigningCAs: cas, MaxSets: 1}
				refused := kind == "hostile" && cas != nil
				b.Run(curve.Params().Name+"/"+kind+"/"+name, func(b *testing.B) {
					b.SetBytes(int64(len(set)))
					for b.Loop() {
						if (NewClientKeys(config).CheckCertificates(set) != nil) != refused {
							b.Fatal("the verdict")
						}
					}
				})
			}
		}
	}
	root := (*named)(nil).authorityOf(b, template("root"), ecSigner(b, elliptic.P256()))
	c, m := NewClientKeys(ClientKeysConfig{Outbound: never{}, Clock: func() time.Time { return start }}), &storage.ClientMetadata{JWKS: hundred(b, root, elliptic.P256(), "shared")}
	if err := c.CheckCertificates(m.JWKS); err != nil {
		b.Fatal(err)
	}
	b.Run("request", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Keys(b.Context(), "buyer", m, "99"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type never struct{}

func (never) Get(context.Context, string, ...string) (*outbound.Document, error) {
	return nil, errDown
}
