package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
)

// What a JWK says of itself is respected (RFC 7517 §4.2 to §4.4), and the
// type and curve must be the algorithm's.
func TestKeyFits(t *testing.T) {
	ec, pss, ed := newSigner(t, "ES256"), newSigner(t, "PS256"), newSigner(t, "EdDSA")
	p256, n2048, x25519 := ec.Key.Public(), pss.Key.Public(), ed.Key.Public()
	p384 := ecKey(t, elliptic.P384()).Public()
	for _, c := range []struct {
		name, alg string
		key       Key
		want      bool
	}{
		{"nothing said", "ES256", Key{Public: p256}, true},
		{"all said", "ES256", Key{Alg: "ES256", Use: "sig", Ops: []string{"verify"}, Public: p256}, true},
		{"use enc", "ES256", Key{Use: "enc", Public: p256}, false},
		{"use in the wrong case", "ES256", Key{Use: "SIG", Public: p256}, false},
		{"key_ops sign", "ES256", Key{Ops: []string{"sign"}, Public: p256}, false},
		{"key_ops encrypt and wrapKey", "ES256", Key{Ops: []string{"encrypt", "wrapKey"}, Public: p256}, false},
		{"key_ops sign and verify", "ES256", Key{Ops: []string{"sign", "verify"}, Public: p256}, true},
		{"alg of another family", "ES256", Key{Alg: "PS256", Public: p256}, false},
		{"alg of another hash", "PS256", Key{Alg: "PS512", Public: n2048}, false},
		{"alg RS256 for PS256", "PS256", Key{Alg: "RS256", Public: n2048}, false},
		{"RFC9864 EdDSA key, Ed25519 header", "Ed25519", Key{Alg: "EdDSA", Public: x25519}, true},
		{"RFC9864 Ed25519 key, EdDSA header", "EdDSA", Key{Alg: "Ed25519", Public: x25519}, true},
		{"ES256 key, EdDSA header", "EdDSA", Key{Alg: "ES256", Public: x25519}, false},
		{"P-384 for ES256", "ES256", Key{Public: p384}, false},
		{"P-256 for ES384", "ES384", Key{Public: p256}, false},
		{"P-384 for ES512", "ES512", Key{Public: p384}, false},
		{"RSA for ES256", "ES256", Key{Public: n2048}, false},
		{"EC for PS256", "PS256", Key{Public: p256}, false},
		{"Ed25519 for RS256", "RS256", Key{Public: x25519}, false},
		{"short Ed25519", "EdDSA", Key{Public: ed25519.PublicKey(make([]byte, 31))}, false},
		{"RSA by value", "PS256", Key{Public: *n2048.(*rsa.PublicKey)}, false},
		{"a secret", "PS256", Key{Public: []byte("secret")}, false},
		{"no key", "ES256", Key{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.key.ID = "k"
			if got := c.key.fits(c.alg, "k", 2048); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.key.fits(c.alg, "K", 2048) {
				t.Error("fits another kid")
			}
		})
	}
}

// FAPI-8.11-3: of several keys under one kid the one that verifies is found,
// wherever it stands.
func TestKeysThatShareAKid(t *testing.T) {
	signers := []*Signer{newSigner(t, "ES256"), newSigner(t, "PS256"), newSigner(t, "EdDSA"), newSigner(t, "ES384"), newSigner(t, "ES256")}
	var keys []Key
	for _, s := range signers {
		keys = append(keys, public(s))
	}
	backwards := slices.Clone(keys)
	slices.Reverse(backwards)
	for i, s := range signers {
		token := forge(t, s, b64(headerOf(s)), b64(`{}`))
		for _, set := range [][]Key{keys, backwards} {
			if _, err := open(token, set...); err != nil {
				t.Errorf("%d, %s: %v", i, s.Alg, err)
			}
		}
		if _, err := open(token, slices.Delete(slices.Clone(keys), i, i+1)...); err != ErrSignature {
			t.Errorf("%d, %s, without its key: got %v, want ErrSignature", i, s.Alg, err)
		}
		if _, err := open(token); err != ErrSignature {
			t.Errorf("%d, %s, without keys: got %v, want ErrSignature", i, s.Alg, err)
		}
	}
}

// Keys under which anybody could sign verify nothing: with e = 1 the signature
// is the padded digest itself.
func TestDegenerateRSAKeys(t *testing.T) {
	s := newSigner(t, "RS256")
	good := s.Key.Public().(*rsa.PublicKey)
	input := headerOf(s)
	digest := algorithms["RS256"].digest([]byte(b64(input) + "." + b64("{}")))
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20}
	padded := append([]byte{0, 1}, slices.Repeat([]byte{0xff}, 256-3-len(prefix)-len(digest))...)
	padded = append(append(append(padded, 0), prefix...), digest...)
	token := b64(input) + "." + b64("{}") + "." + b64(string(padded))
	even := new(big.Int).Sub(good.N, big.NewInt(1))
	for name, key := range map[string]*rsa.PublicKey{
		"e 1": {N: good.N, E: 1}, "e 0": {N: good.N}, "e negative": {N: good.N, E: -1}, "e even": {N: good.N, E: 2},
		"n even": {N: even, E: 65537}, "n 0": {N: new(big.Int), E: 65537}, "n 1": {N: big.NewInt(1), E: 1}, "n negative": {N: new(big.Int).Neg(good.N), E: 1},
	} {
		if _, err := open(token, Key{ID: "k", Public: key}); err != ErrSignature {
			t.Errorf("%s: got %v, want ErrSignature", name, err)
		}
	}
}

func jwk(t testing.TB, key any, kid string) string {
	t.Helper()
	data, err := json.Marshal(gojose.JSONWebKey{Key: key, KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// set wraps members in a JWK Set.
func set(members ...string) []byte { return []byte(`{"keys":[` + strings.Join(members, ",") + `]}`) }

// with puts a member into a JSON object.
func with(object, name, value string) string {
	return strings.TrimSuffix(object, "}") + `,"` + name + `":` + value + `}`
}

// RFC 7517 §5: an unusable key is skipped and does not spoil the set.
func TestParseKeysSkips(t *testing.T) {
	ec, ed := newSigner(t, "ES256"), newSigner(t, "EdDSA")
	goodEC, goodEd := jwk(t, ec.Key.Public(), "good"), jwk(t, ed.Key.Public(), "good")
	okp := func(crv string, n int) string {
		return fmt.Sprintf(`{"kty":"OKP","crv":%q,"kid":"x","x":%q}`, crv, b64(strings.Repeat("\x09", n)))
	}
	for _, c := range []struct{ name, member string }{
		{"a private EC key", jwk(t, ec.Key, "x")},
		{"a private RSA key", jwk(t, rsaKey(t, 2048), "x")},
		{"a private Ed25519 key", jwk(t, ed.Key, "x")},
		{"a private exponent alone", with(jwk(t, &rsaKey(t, 2048).PublicKey, "x"), "d", `"AQAB"`)},
		{"an empty private exponent", with(goodEC, "d", `""`)},
		{"a symmetric key", `{"kty":"oct","kid":"x","k":"c2VjcmV0"}`},
		{"secp256k1", `{"kty":"EC","crv":"secp256k1","kid":"x","x":"GBMuDSYXOEyMKKWhUlTzFfmfZpTn1EJ4aIJmXUNXJhs","y":"R6K6EVzC0IJEJYZ0z0YHDm5SQbaQd4nUt1-xPFXtUDY"}`},
		{"a point off the curve", `{"kty":"EC","crv":"P-256","kid":"x","x":"` + b64(strings.Repeat("\x01", 32)) + `","y":"` + b64(strings.Repeat("\x01", 32)) + `"}`},
		{"X25519 with 31 bytes", okp("X25519", 31)},
		{"X25519 with padding", strings.Replace(okp("X25519", 32), `"}`, `="}`, 1)},
		{"X25519 without kid", strings.Replace(okp("X25519", 32), `"kid"`, `"KID"`, 1)},
		{"a private X25519 key", with(okp("X25519", 32), "d", `"AQAB"`)},
		{"X25519 as an EC key", strings.Replace(okp("X25519", 32), "OKP", "EC", 1)},
		{"X25519 with a use that is a number", with(okp("X25519", 32), "use", "1")},
		{"X448", okp("X448", 56)},
		{"Ed448", okp("Ed448", 57)},
		{"Ed25519 with 31 bytes", okp("Ed25519", 31)},
		{"Ed25519 with 33 bytes", okp("Ed25519", 33)},
		{"Ed25519 with nothing", okp("Ed25519", 0)},
		{"Ed25519 with padding", strings.Replace(okp("Ed25519", 32), `"}`, `="}`, 1)},
		{"no kid", jwk(t, ec.Key.Public(), "")},
		{"kid a number", with(jwk(t, ec.Key.Public(), ""), "kid", "7")},
		{"kid in the wrong case", with(jwk(t, ec.Key.Public(), ""), "KID", `"x"`)},
		{"33 key_ops", with(goodEC, "key_ops", `["verify"`+strings.Repeat(`,""`, 32)+`]`)},
		{"key_ops a string", with(goodEC, "key_ops", `"verify"`)},
		{"x5c of nothing", with(goodEC, "x5c", `["AAAA"]`)},
		{"an unknown kty", `{"kty":"AKP","alg":"ML-DSA-44","kid":"x","pub":"AAAA"}`},
		{"kty in the wrong case", strings.Replace(goodEC, `"EC"`, `"ec"`, 1)},
		{"no kty", `{"kid":"x"}`},
		{"an empty object", `{}`},
		{"null", `null`},
		{"a string", `"x"`},
		{"an array", `[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := ParseKeys(set(goodEC, c.member, goodEd))
			if err != nil || len(keys) != 2 || keys[0].ID != "good" || keys[1].ID != "good" {
				t.Fatalf("got %d keys, %v", len(keys), err)
			}
			for i, want := range []crypto.PublicKey{ec.Key.Public(), ed.Key.Public()} {
				if got := keys[i].Public.(interface{ Equal(crypto.PublicKey) bool }); !got.Equal(want) {
					t.Errorf("key %d is another", i)
				}
			}
		})
	}
}

func TestParseKeysReads(t *testing.T) {
	member := jwk(t, newSigner(t, "ES256").Key.Public(), "a/b#1")
	member = with(with(with(member, "alg", `"ES256"`), "use", `"sig"`), "key_ops", `["verify"]`)
	keys, err := ParseKeys([]byte(`{"extra":[null],"keys":[` + member + `]}`))
	if err != nil || len(keys) != 1 {
		t.Fatalf("got %d keys, %v", len(keys), err)
	}
	if k := keys[0]; k.ID != "a/b#1" || k.Alg != "ES256" || k.Use != "sig" || !slices.Equal(k.Ops, []string{"verify"}) {
		t.Errorf("got %+v", k)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	member := jwk(t, newSigner(t, "EdDSA").Key.Public(), "a")
	many := slices.Repeat([]string{member}, maxKeys)
	if keys, err := ParseKeys(set(many...)); err != nil || len(keys) != maxKeys {
		t.Fatalf("%d keys: got %d, %v", maxKeys, len(keys), err)
	}
	for name, document := range map[string]string{
		"101 keys":         string(set(append(many, member)...)),
		"101 nulls":        `{"keys":[` + strings.Repeat("null,", maxKeys) + `null]}`,
		"nothing":          "",
		"an array":         `[` + member + `]`,
		"one key":          member,
		"no keys":          `{}`,
		"KEYS":             `{"KEYS":[]}`,
		"keys a string":    `{"keys":"a"}`,
		"keys an object":   `{"keys":{}}`,
		"keys twice":       `{"keys":[],"keys":[` + member + `]}`,
		"kid twice":        string(set(with(member, "kid", `"b"`))),
		"trailing data":    string(set(member)) + "{}",
		"not UTF-8":        string(set(with(member, "n", "\"\xff\""))),
		"deep":             `{"keys":[` + nested(maxDepth) + `]}`,
		"cut short":        `{"keys":[` + member,
		"HTML":             "<html>",
		"byte order mark":  "\uFEFF" + string(set(member)),
		"comment":          `{"keys":[]/**/}`,
		"keys of a number": `{"keys":[],"x":01}`,
	} {
		if keys, err := ParseKeys([]byte(document)); err != ErrKeySet || keys != nil {
			t.Errorf("%s: got %d keys, %v, want ErrKeySet", name, len(keys), err)
		}
	}
}

func TestSignerCheck(t *testing.T) {
	ec, pss := newSigner(t, "ES256"), newSigner(t, "PS256")
	dh, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Signer{
		"no key":        {ID: "k", Alg: "ES256"},
		"no kid":        {Alg: "ES256", Key: ec.Key},
		"no alg":        {ID: "k", Key: ec.Key},
		"unknown alg":   {ID: "k", Alg: "ES256K", Key: ec.Key},
		"HS256":         {ID: "k", Alg: "HS256", Key: pss.Key},
		"none":          {ID: "k", Alg: "none", Key: ec.Key},
		"another curve": {ID: "k", Alg: "ES384", Key: ec.Key},
		"another type":  {ID: "k", Alg: "PS256", Key: ec.Key},
		"X25519":        {ID: "k", Alg: "EdDSA", Key: agreement{opaque{ec.Key}, dh.Public()}},
		"RSA 1024":      {ID: "k", Alg: "PS256", Key: rsaKey(t, 1024)},
	} {
		if err := s.Check(2048); err != ErrSigner {
			t.Errorf("%s: got %v, want ErrSigner", name, err)
		}
	}
}

// agreement is a signer whose public key is of no signature algorithm.
type agreement struct {
	opaque
	public crypto.PublicKey
}

func (a agreement) Public() crypto.PublicKey { return a.public }
