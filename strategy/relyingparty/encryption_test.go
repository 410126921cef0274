package relyingparty_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/url"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// encrypt puts a JWS into a JWE by another implementation.
func encrypt(t testing.TB, to any, kid, alg, enc, jws string) string {
	t.Helper()
	options := (&gojose.EncrypterOptions{}).WithContentType("JWT")
	e, err := gojose.NewEncrypter(gojose.ContentEncryption(enc), gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: to, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(jws))
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const encKid = "tpp-enc-1"

var encryption = relyingparty.Encryption{Alg: profile.RSAOAEP256, Enc: profile.A256GCM}

// Both kinds of answer are decrypted with the client's own keys, in front and
// at the token endpoint.
func TestEncryptedAnswers(t *testing.T) {
	ec, rs := ecKey(t), rsaKey(t)
	for _, test := range []struct {
		private, public any
		registered      relyingparty.Encryption
		enc             string
	}{
		{rs, rs.Public(), relyingparty.Encryption{Alg: profile.RSAOAEP256, Enc: profile.A256GCM}, "A256GCM"},
		{rs, rs.Public(), relyingparty.Encryption{Alg: profile.RSAOAEP, Enc: profile.A128GCM}, "A128GCM"},
		{ec, ec.Public(), relyingparty.Encryption{Alg: profile.ECDHES}, "A128CBC-HS256"},
		{ec, ec.Public(), relyingparty.Encryption{Alg: profile.ECDHESA256KW, Enc: profile.A256CBCHS512}, "A256CBC-HS512"},
	} {
		alg := string(test.registered.Alg)
		seal := func(jws string) string { return encrypt(t, test.public, encKid, alg, test.enc, jws) }
		for _, jarm := range []bool{false, true} {
			s := newSeller(t, "PS256")
			c := s.client(t, func(config *relyingparty.Config) {
				config.IDTokenEncryption, config.ResponseEncryption, config.JARM, config.ResponseAlg = test.registered, test.registered, jarm, profile.PS256
				config.Decryption = []key.Decryption{{ID: encKid, Alg: test.registered.Alg, Key: test.private}, {Key: rsaKey(t)}}
			})
			t.Run(fmt.Sprintf("FAPI-5.2.3.1-5/%s JARM %v", alg, jarm), func(t *testing.T) { playSealed(t, s, c, jarm, seal) })
		}
	}
}

// playSealed plays a login whose answers are sealed.
func playSealed(t *testing.T, s *seller, c *relyingparty.Client, jarm bool, seal func(string) string) {
	t.Helper()
	sealed := func(name string) func(url.Values) {
		return func(p url.Values) { p.Set(name, seal(p.Get(name))) }
	}
	a, r := newAttempt(t, s, c), newResponse(t, s, c)
	a.change, r.change = append(a.change, sealed("id_token")), append(r.change, sealed("response"))
	login := a.login
	d, err := (*relyingparty.Detached)(nil), error(nil)
	if jarm {
		login = r.login
		d, err = r.finish(c)
	} else {
		d, err = a.finish(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.tokens(200, object{"access_token": access, "token_type": "Bearer", "id_token": seal(s.sign(s.header(), s.claims(login)))})
	if tokens, err := c.Exchange(t.Context(), d); err != nil || tokens.IntentID != intentID {
		t.Error(tokens, err)
	}
}

// sealing is what is done to a signed token that should be encrypted.
type sealing struct {
	name   string
	reason relyingparty.Reason
	seal   func(string) string
}

func sealings(t *testing.T, own, second *rsa.PrivateKey) []sealing {
	to := func(private *rsa.PrivateKey, kid, alg, enc string) func(string) string {
		return func(jws string) string { return encrypt(t, private.Public(), kid, alg, enc, jws) }
	}
	good := to(own, encKid, "RSA-OAEP-256", "A256GCM")
	return []sealing{
		{"in the clear", relyingparty.ReasonEncryption, func(jws string) string { return jws }},
		{"other alg", relyingparty.ReasonEncryption, to(own, encKid, "RSA-OAEP", "A256GCM")},
		{"other alg, with another key of ours", relyingparty.ReasonEncryption, to(second, "second", "RSA-OAEP", "A256GCM")},
		{"RSA1_5", relyingparty.ReasonEncryption, to(own, encKid, "RSA1_5", "A256GCM")},
		{"other enc", relyingparty.ReasonEncryption, to(own, encKid, "RSA-OAEP-256", "A128GCM")},
		{"other kid", relyingparty.ReasonEncryption, to(own, "x", "RSA-OAEP-256", "A256GCM")},
		{"no kid", relyingparty.ReasonEncryption, to(own, "", "RSA-OAEP-256", "A256GCM")},
		{"other key", relyingparty.ReasonEncryption, to(second, encKid, "RSA-OAEP-256", "A256GCM")},
		{"no JWS inside", relyingparty.ReasonForm, func(string) string { return good("{}") }},
		{"JWE inside", relyingparty.ReasonForm, func(jws string) string { return good(good(jws)) }},
		{"too long", relyingparty.ReasonEncryption, func(jws string) string { return good(jws + strings.Repeat("A", 32<<10)) }},
		{"other key inside", relyingparty.ReasonSignature, func(jws string) string { return good(jws[:len(jws)-8] + "AAAAAAAA") }},
	}
}

func TestEncryptedAnswersRefused(t *testing.T) {
	own, second := rsaKey(t), rsaKey(t)
	for _, test := range sealings(t, own, second) {
		s := newSeller(t, "PS256")
		registered := func(config *relyingparty.Config) {
			config.IDTokenEncryption, config.ResponseEncryption, config.ResponseAlg = encryption, encryption, profile.PS256
			config.Decryption = []key.Decryption{{ID: encKid, Key: own}, {ID: "second", Alg: profile.RSAOAEP, Key: second}}
		}
		a := newAttempt(t, s, s.client(t, registered))
		a.change = append(a.change, func(p url.Values) { p.Set("id_token", test.seal(p.Get("id_token"))) })
		_, err := a.finish(s.client(t, registered))
		t.Run(ruleOf(err)+"/ID Token "+test.name, func(t *testing.T) { wantAbort(t, err, test.reason) })

		c := s.client(t, func(config *relyingparty.Config) { registered(config); config.JARM = true })
		r := newResponse(t, s, c)
		sends(func(p url.Values) { p.Set("response", test.seal(p.Get("response"))) })(r)
		_, err = r.finish(c)
		t.Run(ruleOf(err)+"/response "+test.name, func(t *testing.T) { wantAbort(t, err, test.reason) })
	}
}

// The kid inside must be the server's own, not the client's.
func TestEncryptedWithClientsKey(t *testing.T) {
	own, s := rsaKey(t), newSeller(t, "PS256")
	c := s.client(t, func(config *relyingparty.Config) {
		config.IDTokenEncryption, config.Decryption = encryption, []key.Decryption{{ID: encKid, Key: own}}
	})
	a := newAttempt(t, s, c)
	a.header["kid"] = "tpp-sig-1"
	a.change = append(a.change, func(p url.Values) {
		p.Set("id_token", encrypt(t, own.Public(), encKid, "RSA-OAEP-256", "A256GCM", p.Get("id_token")))
	})
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonKey)
}
