package registration_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/key"
)

// certificate is one with its key and the chain above it.
type certificate struct {
	cert  *x509.Certificate
	key   crypto.Signer
	chain []string
}

// issue makes a certificate of this name for a day before and after now,
// changed; a nil issuer makes an authority of its own.
func (c *certificate) issue(name string, change func(*x509.Certificate)) *certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	if change != nil {
		change(template)
	}
	made := &certificate{key: party("certificates", name).Key}
	parent, by := template, made.key
	if c != nil {
		parent, by = c.cert, c.key
	}
	made.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, made.key.Public(), by))))
	if c != nil {
		made.chain = append([]string{base64.StdEncoding.EncodeToString(made.cert.Raw)}, c.chain...)
	}
	return made
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func expired(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }

func later(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }

func (c *certificate) thumbprint() string {
	sum := sha256.Sum256(c.cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// jwk has the certificate; without kid if that is empty.
func (c *certificate) jwk(kid string) object {
	o := edit(jwk(c.key, kid), object{"x5c": c.chain})
	if kid == "" {
		delete(o, "kid")
	}
	return o
}

// pki is an authority with an intermediate, and servers that want them.
type pki struct{ root, middle *certificate }

func newPKI() pki {
	root := (*certificate)(nil).issue("root", authority)
	return pki{root, root.issue("middle", authority)}
}

func (p pki) configured(w *world) {
	w.endpoint.SigningCAs = x509.NewCertPool()
	w.endpoint.SigningCAs.AddCert(p.root.cert)
}

func (p pki) required(w *world) {
	p.configured(w)
	w.endpoint.RequireCertificate = true
}

func TestCertificatesTaken(t *testing.T) {
	p := newPKI()
	n, bare := p.middle.issue("buyer", nil), jwk(party("tpp", "tpp-sig-1").Key, "k1")
	self := (*certificate)(nil).issue("self", nil)
	self.chain = []string{base64.StdEncoding.EncodeToString(self.cert.Raw)}
	for name, c := range map[string]struct {
		server func(*world)
		keys   []object
	}{
		"MEF-R40 of the authority": {p.required, []object{n.jwk("k1")}}, "MEF-R40 beside one without": {p.configured, []object{bare, n.jwk("k2")}},
		"MEF-R40 nobody asks who issued it": {open, []object{self.jwk("k1")}},
		"MEF-R44 without kid":               {p.required, []object{n.jwk("")}}, "MEF-R44 the kid is its thumbprint": {p.required, []object{n.jwk(n.thumbprint())}},
		"MEF-R41 one for later beside": {p.required, []object{n.jwk("k1"), p.middle.issue("next", later).jwk("k2")}},
	} {
		for source, change := range map[string]object{"by value": byValue(c.keys...), "by URL": nil} {
			t.Run(name+" "+source, func(t *testing.T) {
				w := newWorld(t, open, c.server)
				w.web[jwksURI] = jwks(c.keys...)
				w.registered(t, plain(change))
			})
		}
	}
}

func TestCertificatesRefused(t *testing.T) {
	p := newPKI()
	n, other, bare := p.middle.issue("buyer", nil), p.middle.issue("other", nil), jwk(party("tpp", "tpp-sig-1").Key, "k1")
	past := p.root.issue("past", func(c *x509.Certificate) { authority(c); expired(c) })
	stranger := (*certificate)(nil).issue("stranger", authority)
	for _, c := range []struct {
		refusal
		keys []object
	}{
		{refusal{"MEF-R40 of another authority", nil, "MEF-R40", codeMetadata, p.configured}, []object{stranger.issue("buyer", nil).jwk("k1")}},
		{refusal{"MEF-R40 without its intermediate", nil, "MEF-R40", codeMetadata, p.configured}, []object{edit(n.jwk("k1"), object{"x5c": n.chain[:1]})}},
		{refusal{"MEF-R40 one of two", nil, "MEF-R40", codeMetadata, p.configured}, []object{n.jwk("k1"), stranger.issue("other", nil).jwk("k2")}},
		{refusal{"MEF-R40 none", nil, "MEF-R40", codeMetadata, p.required}, []object{bare}},
		{refusal{"MEF-R40 none beside", nil, "MEF-R40", codeMetadata, p.required}, []object{bare, n.jwk("k2")}},
		{refusal{"MEF-R41 expired", nil, "MEF-R41", codeMetadata, nil}, []object{p.middle.issue("buyer", expired).jwk("k1")}},
		{refusal{"MEF-R41 expired beside", nil, "MEF-R41", codeMetadata, nil}, []object{bare, p.middle.issue("buyer", expired).jwk("k2")}},
		{refusal{"MEF-R41 expired intermediate", nil, "MEF-R41", codeMetadata, p.configured}, []object{past.issue("buyer", nil).jwk("k1")}},
		{refusal{"MEF-R41 only one for later", nil, "MEF-R2", codeMetadata, nil}, []object{p.middle.issue("buyer", later).jwk("k1")}},
		{refusal{"RFC7517-4.7 of another key", nil, "RFC7517-4.7", codeMetadata, nil}, []object{edit(n.jwk("k1"), object{"x5c": other.chain})}},
		{refusal{"RFC7517-4.7 of another key beside", nil, "RFC7517-4.7", codeMetadata, nil}, []object{bare, edit(n.jwk("k2"), object{"x5c": other.chain})}},
		{refusal{"RFC7517-4.7 unreadable", nil, "RFC7517-4.7", codeMetadata, nil}, []object{edit(n.jwk("k1"), object{"x5c": []string{"AAAA"}})}},
		{refusal{"RFC7517-4.7 too large", nil, "RFC7517-4.7", codeMetadata, nil}, []object{edit(n.jwk("k1"), object{"x5c": []string{strings.Repeat("A", 100<<10)}})}},
		{refusal{"RFC7517-4.9 another thumbprint", nil, "RFC7517-4.7", codeMetadata, nil}, []object{edit(n.jwk("k1"), object{"x5t#S256": other.thumbprint()})}},
		{refusal{"MEF-R44 neither kid nor certificate", nil, "MEF-R2", codeMetadata, nil}, []object{edit(bare, object{"kid": nil})}},
		{refusal{"MEF-R44 neither kid nor a certificate that is one", nil, "MEF-R2", codeMetadata, nil}, []object{edit(n.jwk(""), object{"x5c": []string{"?"}})}},
		{refusal{"FAPI-8.9-3 one certificate twice", nil, "FAPI-8.9-3", codeMetadata, nil}, []object{n.jwk(""), n.jwk("")}},
		{refusal{"FAPI-8.9-3 the kid of one is the thumbprint of the other", nil, "FAPI-8.9-3", codeMetadata, nil}, []object{edit(bare, object{"kid": n.thumbprint()}), n.jwk("k2")}},
		{refusal{"RFC7591-2 a private key with a certificate", nil, "RFC7591-2", codeMetadata, nil}, []object{edit(n.jwk("k1"), object{"d": "AAAA"})}},
	} {
		set := jwks(c.keys...)
		c.run(t, func(object) object { return plain(byValue(c.keys...)) })
		server := c.server
		c.name, c.server = c.name+" by URL", func(w *world) {
			w.web[jwksURI] = set
			if server != nil {
				server(w)
			}
		}
		c.run(t, plain)
	}
}

// What was registered so verifies so.
func TestCertifiedKeyIsFound(t *testing.T) {
	p := newPKI()
	n := p.middle.issue("buyer", nil)
	w := newWorld(t, open, p.required)
	a := w.registered(t, plain(byValue(n.jwk(""))))
	stored := must(w.store.GetRegistration(t.Context(), a.text("client_id")))
	keys := key.NewClientKeys(key.ClientKeysConfig{Clock: w.endpoint.Clock, SigningCAs: w.endpoint.SigningCAs, RequireCertificate: true})
	found, err := keys.Keys(t.Context(), stored.Client.ID, &stored.Client.ClientMetadata, n.thumbprint())
	if err != nil || len(found) != 1 {
		t.Errorf("got %d keys, %v", len(found), err)
	}
}

// A client that replaces its registration shows certificates that are valid
// then.
func TestCertificateExpiresBeforeAnUpdate(t *testing.T) {
	p := newPKI()
	keys := byValue(p.middle.issue("buyer", nil).jwk("k1"))
	w := newWorld(t, open, p.required)
	a := w.registered(t, plain(keys))
	update := edit(plain(keys), object{"client_id": a.text("client_id")})
	if again := w.own(http.MethodPut, a, update, a.text("registration_access_token")); again.status != http.StatusOK {
		t.Fatalf("%d %v", again.status, again.body)
	}
	w.clock = now.Add(25 * time.Hour)
	w.refuses(t, w.own(http.MethodPut, a, update, a.text("registration_access_token")), 2, "MEF-R41", codeMetadata)
}
