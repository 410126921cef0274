package requestobject_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// seller is a verifier with decryption keys, and what a Buyer sees of them.
type seller struct {
	*requestobject.Verifier
	public map[string]any
}

func newSeller(t testing.TB, change ...func(*profile.Profile)) *seller {
	t.Helper()
	ec := newClient(t).key
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := profile.MEFLSO()
	ring, err := key.NewRing(t.Context(), key.Signing(key.Private{ID: "sig", Signer: newClient(t).key},
		key.Decryption{ID: "rsa", Key: rs}, key.Decryption{ID: "ec", Key: ec}), &p, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(change...)
	v.Own = ring
	return &seller{v, map[string]any{"rsa": rs.Public(), "ec": ec.Public()}}
}

// encryption is how go-jose, as a Buyer's library, encrypts.
type encryption struct {
	kid string
	alg gojose.KeyAlgorithm
	enc gojose.ContentEncryption
	cty string
	zip gojose.CompressionAlgorithm
}

func (s *seller) encrypt(t testing.TB, how encryption, text string) string {
	t.Helper()
	options := &gojose.EncrypterOptions{Compression: how.zip}
	if how.cty != "" {
		options.WithContentType(gojose.ContentType(how.cty))
	}
	to := gojose.Recipient{Algorithm: how.alg, Key: s.public["rsa"], KeyID: how.kid}
	if strings.HasPrefix(string(how.alg), "ECDH") {
		to.Key = s.public["ec"]
	}
	encrypter, err := gojose.NewEncrypter(how.enc, to, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var (
	withRSA = encryption{kid: "rsa", alg: gojose.RSA_OAEP_256, enc: gojose.A256GCM, cty: "JWT"}
	withEC  = encryption{kid: "ec", alg: gojose.ECDH_ES, enc: gojose.A128CBC_HS256, cty: "jwt"}
)

func TestEncryptedObject(t *testing.T) {
	c, s := newClient(t), newSeller(t)
	raw := c.sign(t, "oauth-authz-req+jwt", good())
	for _, how := range []encryption{withRSA, withEC} {
		object, err := read(s.Verifier, s.encrypt(t, how, raw), clientID, c.metadata)
		if err != nil || object.Alg != "ES256" || object.ID != "1" {
			t.Errorf("%s: got %+v, %v", how.alg, object, err)
		}
	}
	if _, err := read(s.Verifier, raw, clientID, c.metadata); err != nil {
		t.Errorf("signed alone: %v", err)
	}
}

func TestEncryptedObjectsRefused(t *testing.T) {
	c, s := newClient(t), newSeller(t)
	jws := c.sign(t, "JWT", good())
	with := func(change func(*encryption)) string {
		how := withRSA
		change(&how)
		return s.encrypt(t, how, jws)
	}
	raw := s.encrypt(t, withRSA, jws)
	header := func(text string) string { return b64(text) + raw[strings.IndexByte(raw, '.'):] }
	_, body, _ := strings.Cut(jws, ".")
	for _, test := range []struct {
		name, raw string
		rule      profile.Rule
	}{
		{"FAPI-8.6.1-1 RSA1_5", with(func(e *encryption) { e.alg = gojose.RSA1_5 }), "FAPI-8.6.1-1"},
		{"MEF-R50 dir", header(`{"alg":"dir","enc":"A256GCM","kid":"rsa","cty":"JWT"}`), "MEF-R50"},
		{"MEF-R50 PBES2", header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"rsa","cty":"JWT"}`), "MEF-R50"},
		{"MEF-R51 none", header(`{"alg":"none","enc":"A256GCM","kid":"rsa","cty":"JWT"}`), "MEF-R51"},
		{"MEF-R49 no alg", header(`{"enc":"A256GCM","kid":"rsa","cty":"JWT"}`), "MEF-R49"},
		{"MEF-R49 no kid", with(func(e *encryption) { e.kid = "" }), "MEF-R49"},
		{"MEF-R52 unknown kid", with(func(e *encryption) { e.kid = "k" }), "MEF-R52"},
		{"MEF-R52 kid of a signing key", with(func(e *encryption) { e.kid = "sig" }), "MEF-R52"},
		{"MEF-R54 no enc", header(`{"alg":"RSA-OAEP-256","kid":"rsa","cty":"JWT"}`), "MEF-R54"},
		{"MEF-R55 A192GCM", with(func(e *encryption) { e.enc = gojose.A192GCM }), "MEF-R55"},
		{"C-09 no cty", with(func(e *encryption) { e.cty = "" }), "C-09"},
		{"zip", with(func(e *encryption) { e.zip = gojose.DEFLATE }), "FAPI-8.9-2"},
		{"crit", header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa","cty":"JWT","crit":["x"],"x":1}`), "FAPI-8.9-2"},
		{"two alg", header(`{"alg":"RSA1_5","alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa","cty":"JWT"}`), "FAPI-8.9-2"},
		{"MEF-R24 five dots' worth", "a.b.c.d.e", "MEF-R24"},
		{"MEF-R24 six parts", raw + ".", "MEF-R24"},
		{"MEF-R24 too large", strings.Repeat("a", requestobject.MaxBytes) + "....", "MEF-R24"},
		{"MEF-D12 JSON", `{"protected":"` + raw + `"}`, "MEF-R24"},
		{"RFC7516-5.2 altered", raw[:len(raw)-3] + "AAA", "RFC7516-5.2"},
		{"RFC7516-5.2 another alg than the key's", with(func(e *encryption) { e.alg = gojose.RSA_OAEP }), "RFC7516-5.2"},
		{"RFC7516-5.2 another key than the kid's", with(func(e *encryption) { e.alg = gojose.ECDH_ES }), "RFC7516-5.2"},
		{"MEF-R24 claims inside", s.encrypt(t, withRSA, `{"client_id":"buyer"}`), "MEF-R24"},
		{"MEF-R24 nested twice", s.encrypt(t, withRSA, raw), "MEF-R24"},
		{"MEF-R51 none inside", s.encrypt(t, withRSA, b64(`{"alg":"none","kid":"k"}`)+"."+strings.Split(body, ".")[0]+"."), "MEF-R51"},
		{"MEF-R46 HS256 inside", s.encrypt(t, withRSA, b64(`{"alg":"HS256","kid":"k"}`)+"."+body), "MEF-R39"},
		{"MEF-R46 another's signature inside", s.encrypt(t, withRSA, newClient(t).sign(t, "JWT", good())), "MEF-R39"},
		{"MEF-R42 no kid inside", s.encrypt(t, withRSA, b64(`{"alg":"ES256"}`)+"."+body), "MEF-R42"},
	} {
		t.Run(test.name, func(t *testing.T) {
			object, err := s.Open(t.Context(), test.raw, clientID, c.metadata)
			if wantRule(t, err, test.rule); object != nil {
				t.Errorf("got %+v", object)
			}
		})
	}
}

// Where no JWE is accepted, one is no JWS.
func TestEncryptedObjectNotAccepted(t *testing.T) {
	c, s := newClient(t), newSeller(t)
	raw := s.encrypt(t, withEC, c.sign(t, "JWT", good()))
	none := func(p *profile.Profile) { p.AcceptJWE = false }
	withoutKeys := newSeller(t)
	withoutKeys.Own = nil
	for name, v := range map[string]*seller{"profile": newSeller(t, none), "no keys": withoutKeys} {
		_, err := v.Open(t.Context(), raw, clientID, c.metadata)
		if wantRule(t, err, "MEF-R24"); err == nil {
			t.Errorf("%s: accepted", name)
		}
		// A registration that this server cannot serve does not shut the client out.
		m := *c.metadata
		m.RequestObjectEncryptionAlg = "ECDH-ES"
		if _, err := v.Open(t.Context(), c.sign(t, "JWT", good()), clientID, &m); err != nil {
			t.Errorf("%s: signed: %v", name, err)
		}
	}
	for rule, change := range map[profile.Rule]func(*profile.Profile){
		"MEF-R50": func(p *profile.Profile) { p.KeyEncAlgs = []profile.KeyEncAlg{profile.RSAOAEP256} },
		"MEF-R55": func(p *profile.Profile) { p.ContentEncAlgs = []profile.ContentEncAlg{profile.A256GCM} },
	} {
		limited := newSeller(t, change)
		_, err := limited.Open(t.Context(), limited.encrypt(t, withEC, c.sign(t, "JWT", good())), clientID, c.metadata)
		wantRule(t, err, rule)
	}
}

// What the client registered is what it uses.
func TestRegisteredEncryption(t *testing.T) {
	c, s := newClient(t), newSeller(t)
	jws := c.sign(t, "JWT", good())
	c.metadata.RequestObjectEncryptionAlg = "ECDH-ES"
	open := func(raw string) error {
		_, err := s.Open(t.Context(), raw, clientID, c.metadata)
		return err
	}
	if err := open(s.encrypt(t, withEC, jws)); err != nil {
		t.Error(err)
	}
	wantRule(t, open(s.encrypt(t, withRSA, jws)), "MEF-R50")
	wantRule(t, open(jws), "FAPI-9")
	c.metadata.RequestObjectEncryptionAlg = "ECDH-ES+A256KW" // the server has no key for it
	if err := open(jws); err != nil {
		t.Error(err)
	}
	c.metadata.RequestObjectEncryptionAlg = "ECDH-ES"
	c.metadata.RequestObjectEncryptionEnc = "A256GCM"
	wantRule(t, open(s.encrypt(t, withEC, jws)), "MEF-R55")
	c.metadata.RequestObjectEncryptionEnc = "A128CBC-HS256"
	if err := open(s.encrypt(t, withEC, jws)); err != nil {
		t.Error(err)
	}
}

// The encrypted token of FAPI 1.0 Advanced, Appendix A.3 is for a client's key,
// and so for none of the server's.
func TestFAPIAppendixA3(t *testing.T) {
	raw, _, _ := vector(t, "A.3")
	s := newSeller(t)
	set, err := s.Own.JWKS()
	if err != nil || !json.Valid(set) {
		t.Fatal(err)
	}
	_, err = s.Open(t.Context(), raw, "52480754053", &storage.ClientMetadata{JWKS: set})
	wantRule(t, err, "MEF-R52")
}
