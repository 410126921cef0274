package requestobject_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// certify makes a certificate of the client's key, valid for an hour around
// now, and returns its DER and x5t#S256.
func (c *client) certify(t testing.TB) (der []byte, thumbprint string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: clientID}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return der, base64.RawURLEncoding.EncodeToString(sum[:])
}

// signAs signs a good object under this kid, with more in its header.
func (c *client) signAs(t testing.TB, kid string, header map[gojose.HeaderKey]any) string {
	t.Helper()
	payload, err := json.Marshal(good())
	if err != nil {
		t.Fatal(err)
	}
	jwk := gojose.JSONWebKey{Key: c.key, KeyID: kid}
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: jwk}, &gojose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestObjectsOfCertifiedKeys(t *testing.T) {
	c, stranger := newClient(t), newClient(t)
	der, thumbprint := c.certify(t)
	strange, strangeThumbprint := stranger.certify(t)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: c.key.Public(), Certificates: []*x509.Certificate{cert}}}})
	if err != nil {
		t.Fatal(err)
	}
	m := &storage.ClientMetadata{JWKS: set}
	brought := map[gojose.HeaderKey]any{"x5c": []string{base64.StdEncoding.EncodeToString(strange)}, "x5t#S256": strangeThumbprint}
	for _, test := range []struct {
		name string
		raw  string
		at   time.Duration
		rule profile.Rule // "" if it is taken
	}{
		{"MEF-R44 thumbprint", c.signAs(t, thumbprint, nil), 0, ""},
		{"MEF-R44 thumbprint of another", stranger.signAs(t, strangeThumbprint, nil), 0, "MEF-R44"},
		{"MEF-R39 signed by another", stranger.signAs(t, thumbprint, nil), 0, "MEF-R39"},
		{"FAPI-8.9-2 a certificate in the header", stranger.signAs(t, strangeThumbprint, brought), 0, "MEF-R44"},
		{"FAPI-8.9-2 beside the client's thumbprint", stranger.signAs(t, thumbprint, brought), 0, "MEF-R39"},
		{"MEF-R41 expired", c.signAs(t, thumbprint, nil), time.Hour + time.Second, "MEF-R41"},
		{"MEF-R48 not valid yet", c.signAs(t, thumbprint, nil), -time.Hour - time.Second, "MEF-R41"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier()
			v.Keys = key.NewClientKeys(key.ClientKeysConfig{Clock: func() time.Time { return now.Add(test.at) }})
			_, err := read(v, test.raw, clientID, m)
			if test.rule != "" {
				wantRule(t, err, test.rule)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
