package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
)

// keyAlgs and contentAlgs are all of the gate, in a fixed order.
var (
	keyAlgs     = []string{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
	contentAlgs = []string{"A256GCM", "A128GCM", "A256CBC-HS512", "A128CBC-HS256"}
)

// recipient is a key pair to encrypt to. go-jose has no private for X25519.
type recipient struct {
	name    string
	private any
}

func recipients(t testing.TB, alg string) []recipient {
	t.Helper()
	if !managements[alg].agrees() {
		return []recipient{{"RSA", rsaKey(t, 2048)}}
	}
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []recipient{
		{"P-256", ecKey(t, elliptic.P256())}, {"P-384", ecKey(t, elliptic.P384())}, {"P-521", ecKey(t, elliptic.P521())}, {"X25519", x},
	}
}

// publicOf is the key as its JWK Set tells it to the other side.
func publicOf(t testing.TB, d *Decrypter) *Key {
	t.Helper()
	jwk, err := json.Marshal(d.JWK())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(set(string(jwk)))
	if err != nil || len(keys) != 1 || keys[0].Use != "enc" || keys[0].Alg != d.Alg || keys[0].ID != d.ID {
		t.Fatalf("%s: got %+v, %v", jwk, keys, err)
	}
	return &keys[0]
}

func signedToken(t testing.TB) (string, *Signer) {
	t.Helper()
	s := fixedSigner()
	token, err := Sign(s, "JWT", payload)
	if err != nil {
		t.Fatal(err)
	}
	return token, s
}

func decryptWith(token string, d *Decrypter) (*Signed, error) {
	e, err := ParseEncrypted(token, limit)
	if err != nil {
		return nil, err
	}
	return e.Decrypt(d)
}

// Every alg with every enc and every kind of key, with ourselves and with
// go-jose in either direction.
func TestNested(t *testing.T) {
	jws, s := signedToken(t)
	for _, alg := range keyAlgs {
		for _, r := range recipients(t, alg) {
			d := newDecrypter(t, "enc-1", alg, r.private)
			to := publicOf(t, d)
			for _, enc := range contentAlgs {
				t.Run(alg+"/"+r.name+"/"+enc, func(t *testing.T) {
					token, err := Encrypt(to, alg, enc, jws, 2048)
					if err != nil {
						t.Fatal(err)
					}
					signed, err := decryptWith(token, d)
					if err != nil {
						t.Fatal(err)
					}
					if claims, err := signed.Verify([]Key{public(s)}, 2048); err != nil || !claims.Has("jti") {
						t.Errorf("got %v, %v", claims, err)
					}
					if r.name != "X25519" {
						exchange(t, r.private, d, enc, token, jws)
					}
				})
			}
		}
	}
}

// exchange opens our token with go-jose, and go-jose's with ours.
func exchange(t *testing.T, private any, d *Decrypter, enc, token, jws string) {
	t.Helper()
	object, err := gojose.ParseEncrypted(token)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := object.Decrypt(private); err != nil || string(text) != jws {
		t.Errorf("go-jose reads %q, %v", text, err)
	}
	to := gojose.Recipient{Algorithm: gojose.KeyAlgorithm(d.Alg), Key: private.(interface{ Public() crypto.PublicKey }).Public(), KeyID: d.ID}
	encrypter, err := gojose.NewEncrypter(gojose.ContentEncryption(enc), to, (&gojose.EncrypterOptions{}).WithContentType("jwt"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := encrypter.Encrypt([]byte(jws))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := theirs.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if signed, err := decryptWith(compact, d); err != nil || signed.Kid != "k" {
		t.Errorf("of go-jose: %v", err)
	}
}

// A key in an HSM shows the standard library's interfaces and nothing else.
func TestDecrypterInHSM(t *testing.T) {
	jws, _ := signedToken(t)
	x, err := ecKey(t, elliptic.P384()).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	for alg, private := range map[string]any{
		"RSA-OAEP": struct{ crypto.Decrypter }{rsaKey(t, 2048)}, "ECDH-ES+A256KW": struct{ ecdh.KeyExchanger }{x},
	} {
		d := newDecrypter(t, "", alg, private)
		token, err := Encrypt(publicOf(t, d), alg, "A256GCM", jws, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decryptWith(token, d); err != nil || len(d.ID) != 43 {
			t.Errorf("%s: kid %s, %v", alg, d.ID, err)
		}
	}
}

type badDecrypter struct{ public crypto.PublicKey }

func (b badDecrypter) Public() crypto.PublicKey { return b.public }
func (b badDecrypter) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, io.EOF
}

func TestNewDecrypterRefuses(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		alg string
		key any
	}{
		"nil": {"ECDH-ES", nil}, "a secret": {"dir", []byte("secret")}, "no EC key": {"ECDH-ES", (*ecdsa.PrivateKey)(nil)},
		"no RSA key": {"RSA-OAEP", (*rsa.PrivateKey)(nil)}, "no ECDH key": {"ECDH-ES", (*ecdh.PrivateKey)(nil)},
		"empty EC key": {"ECDH-ES", &ecdsa.PrivateKey{}}, "empty RSA key": {"RSA-OAEP", &rsa.PrivateKey{}},
		"RSA 1024": {"RSA-OAEP-256", rsaKey(t, 1024)}, "P-224": {"ECDH-ES", ecKey(t, elliptic.P224())}, "Ed25519": {"ECDH-ES", edKey(t)},
		"RSA1_5": {"RSA1_5", rsaKey(t, 2048)}, "dir": {"dir", ec}, "A256KW": {"A256KW", ec}, "EC with RSA-OAEP": {"RSA-OAEP", ec},
		"RSA with ECDH-ES": {"ECDH-ES", rsaKey(t, 2048)}, "public": {"ECDH-ES", ec.Public()}, "HSM with an EC key": {"ECDH-ES", badDecrypter{ec.Public()}},
		"HSM without a key": {"RSA-OAEP", badDecrypter{}},
	} {
		if d, err := NewDecrypter("k", c.alg, c.key, 2048); err == nil {
			t.Errorf("%s: took %+v", name, d)
		} else {
			wantError(t, err, ErrDecrypter)
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	jws, s := signedToken(t)
	key := publicOf(t, newDecrypter(t, "k", "ECDH-ES", ecKey(t, elliptic.P256())))
	changed := func(change func(*Key)) *Key {
		k := *key
		change(&k)
		return &k
	}
	small, err := ecdh.X25519().NewPublicKey(make([]byte, 32)) // of order 1: no secret
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		to            *Key
		alg, enc, jws string
		want          error
	}{
		"RSA1_5": {key, "RSA1_5", "A256GCM", jws, ErrAlg}, "dir": {key, "dir", "A256GCM", jws, ErrAlg}, "no alg": {key, "", "A256GCM", jws, ErrAlg},
		"A192GCM": {key, "ECDH-ES", "A192GCM", jws, ErrEnc}, "no JWS": {key, "ECDH-ES", "A256GCM", "text", ErrForm},
		"a JWE":       {key, "ECDH-ES", "A256GCM", "a.b.c.d.e", ErrForm},
		"another alg": {key, "ECDH-ES+A128KW", "A256GCM", jws, ErrRecipient}, "another type": {key, "RSA-OAEP", "A256GCM", jws, ErrRecipient},
		"a signing key": {changed(func(k *Key) { k.Use = "sig" }), "ECDH-ES", "A256GCM", jws, ErrRecipient},
		"key_ops":       {changed(func(k *Key) { k.Ops = []string{"verify"} }), "ECDH-ES", "A256GCM", jws, ErrRecipient},
		"Ed25519":       {&Key{ID: "k", Public: s.Key.Public()}, "ECDH-ES", "A256GCM", jws, ErrRecipient},
		"small RSA":     {&Key{ID: "k", Public: rsaKey(t, 1024).Public()}, "RSA-OAEP", "A256GCM", jws, ErrRecipient},
		"small order":   {&Key{ID: "k", Public: small}, "ECDH-ES", "A256GCM", jws, ErrRecipient},
	} {
		token, err := Encrypt(c.to, c.alg, c.enc, c.jws, 2048)
		if token != "" {
			t.Errorf("%s: made %s", name, token)
		}
		wantError(t, err, c.want)
	}
}
