package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"io"
	"math/big"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
)

// newOther makes another key of the same type.
func newOther(t testing.TB, s *Signer) crypto.Signer {
	t.Helper()
	if _, ok := s.Key.(*rsa.PrivateKey); ok {
		return rsaKey(t, 2056)
	}
	return newSigner(t, s.Alg).Key
}

func TestRoundTrip(t *testing.T) {
	for _, alg := range algs {
		s := newSigner(t, alg)
		hidden := *s
		hidden.Key = opaque{s.Key}
		for name, signer := range map[string]*Signer{"": s, "/opaque": &hidden} {
			t.Run(alg+name, func(t *testing.T) {
				if err := signer.Check(2048); err != nil {
					t.Fatal(err)
				}
				token, err := Sign(signer, "JWT", []byte(`{"sub":"buyer"}`))
				if err != nil {
					t.Fatal(err)
				}
				signed, err := ParseSigned(token, limit)
				if err != nil {
					t.Fatal(err)
				}
				if signed.Alg != alg || signed.Kid != "k" || signed.typ != "JWT" {
					t.Errorf("got %+v", signed)
				}
				claims, err := signed.Verify([]Key{public(s)}, 2048)
				if err != nil || string(claims["sub"]) != `"buyer"` {
					t.Errorf("got %s, %v", claims, err)
				}
			})
		}
	}
}

func TestSignWritesNoEmptyTyp(t *testing.T) {
	token, err := Sign(newSigner(t, "EdDSA"), "", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := b64(`{"alg":"EdDSA","kid":"k"}`) + "." + b64(`{}`) + "."; token[:len(want)] != want {
		t.Errorf("got %s", token)
	}
}

// What one library signs the other verifies. go-jose has no name Ed25519.
func TestAgainstGoJose(t *testing.T) {
	for _, alg := range algs[:len(algs)-1] {
		t.Run(alg, func(t *testing.T) {
			s := newSigner(t, alg)
			ours, err := Sign(s, "JWT", []byte(`{"sub":"buyer"}`))
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := gojose.ParseSigned(ours)
			if err != nil {
				t.Fatal(err)
			}
			if payload, err := parsed.Verify(s.Key.Public()); err != nil || string(payload) != `{"sub":"buyer"}` {
				t.Errorf("ours: %s, %v", payload, err)
			}
			key := gojose.JSONWebKey{Key: s.Key, KeyID: "k"}
			signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(alg), Key: key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			object, err := signer.Sign([]byte(`{"sub":"buyer"}`))
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := object.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			if claims, err := open(theirs, public(s)); err != nil || string(claims["sub"]) != `"buyer"` {
				t.Errorf("theirs: %s, %v", claims, err)
			}
		})
	}
}

// RFC 7518 §3.4: R || S of fixed length, and nothing else.
func TestECDSASignatureForm(t *testing.T) {
	for _, alg := range algs[:3] {
		t.Run(alg, func(t *testing.T) {
			s := newSigner(t, alg)
			a := algorithms[alg]
			input := b64(headerOf(s)) + "." + b64(`{}`)
			der, err := s.Key.Sign(rand.Reader, a.digest([]byte(input)), a.hash)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := a.rawEC(der)
			if err != nil {
				t.Fatal(err)
			}
			n, order := a.scalarBytes(), a.curve.Params().N.Bytes()
			join := func(r, s []byte) []byte { return append(append([]byte(nil), r...), s...) }
			zero := make([]byte, n)
			for name, signature := range map[string][]byte{
				"DER": der, "R alone": raw[:n], "R zero": join(zero, raw[n:]), "S zero": join(raw[:n], zero),
				"R the order": join(order, raw[n:]), "S the order": join(raw[:n], order), "S and R": join(raw[n:], raw[:n]),
				"padded halves": join(join([]byte{0}, raw[:n]), join([]byte{0}, raw[n:])),
			} {
				token := input + "." + base64.RawURLEncoding.EncodeToString(signature)
				if _, err := open(token, public(s)); err != ErrSignature {
					t.Errorf("%s: got %v, want ErrSignature", name, err)
				}
			}
			if _, err := open(input+"."+base64.RawURLEncoding.EncodeToString(raw), public(s)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A small R or S keeps its leading zeros.
func TestRawECPads(t *testing.T) {
	a := algorithms["ES512"]
	raw, err := a.rawEC([]byte{0x30, 6, 2, 1, 1, 2, 1, 2})
	if err != nil || len(raw) != 132 || raw[65] != 1 || raw[131] != 2 {
		t.Errorf("got %x, %v", raw, err)
	}
}

// A signer that answers with anything else than an ECDSA signature does not
// bring forth a token.
func TestSignRefusesStrangeSigners(t *testing.T) {
	tooLong := append([]byte{0x30, 38, 2, 33, 0x01}, make([]byte, 35)...)
	tooLong[37], tooLong[38], tooLong[39] = 2, 1, 1
	for name, answer := range map[string][]byte{
		"nothing": nil, "raw": make([]byte, 64), "negative R": {0x30, 6, 2, 1, 0xff, 2, 1, 1},
		"zero S": {0x30, 6, 2, 1, 1, 2, 1, 0}, "R alone": {0x30, 3, 2, 1, 1}, "R of 33 bytes": tooLong,
	} {
		s := newSigner(t, "ES256")
		s.Key = broken{s.Key, answer}
		if token, err := Sign(s, "JWT", []byte(`{}`)); err == nil {
			t.Errorf("%s: got %s", name, token)
		}
	}
	failing := newSigner(t, "ES256")
	failing.Key = broken{failing.Key, []byte("fail")}
	if _, err := Sign(failing, "JWT", []byte(`{}`)); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, want the signer's own error", err)
	}
	if _, err := Sign(&Signer{ID: "k", Alg: "HS256", Key: failing.Key}, "JWT", []byte(`{}`)); err != ErrAlg {
		t.Errorf("got %v, want ErrAlg", err)
	}
}

type broken struct {
	crypto.Signer
	answer []byte
}

func (b broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	if string(b.answer) == "fail" {
		return nil, io.ErrUnexpectedEOF
	}
	return b.answer, nil
}

// RFC 7518 §3.5: the salt is as long as the hash.
func TestPSSSaltLength(t *testing.T) {
	for _, alg := range []string{"PS256", "PS384", "PS512"} {
		s, a := newSigner(t, alg), algorithms[alg]
		input := b64(headerOf(s)) + "." + b64(`{}`)
		for _, salt := range []int{rsa.PSSSaltLengthAuto, 1, 20, 31, 32, 33, 48, 64} {
			signature, err := rsa.SignPSS(rand.Reader, s.Key.(*rsa.PrivateKey), a.hash, a.digest([]byte(input)), &rsa.PSSOptions{SaltLength: salt})
			if err != nil {
				t.Fatal(err)
			}
			_, err = open(input+"."+base64.RawURLEncoding.EncodeToString(signature), public(s))
			if fits := salt == a.hash.Size(); (err == nil) != fits {
				t.Errorf("%s with a salt of %d: got %v", alg, salt, err)
			}
		}
	}
}

// RSASSA-PSS and RSASSA-PKCS1-v1_5 under one key are not each other's, nor is
// one hash another's.
func TestRSAFamiliesAreApart(t *testing.T) {
	for _, from := range []string{"PS256", "PS384", "RS256"} {
		for _, to := range []string{"PS256", "PS384", "PS512", "RS256"} {
			signer := newSigner(t, from)
			header := b64(`{"alg":"` + to + `","kid":"k"}`)
			if _, err := open(forge(t, signer, header, b64(`{}`)), public(signer)); (err == nil) != (from == to) {
				t.Errorf("%s as %s: got %v", from, to, err)
			}
		}
	}
}

// BASE-5.2.2-5: the profile's least size holds for keys of others and ours.
func TestRSAMinimum(t *testing.T) {
	for _, c := range []struct {
		bits, least int
		want        bool
	}{{1024, 2048, false}, {2048, 2048, true}, {2048, 2049, false}, {2048, 3072, false}, {2056, 2048, true}} {
		for _, alg := range []string{"PS256", "RS256"} {
			s := &Signer{ID: "k", Alg: alg, Key: rsaKey(t, c.bits), Random: rand.Reader}
			signed, err := ParseSigned(forge(t, s, b64(headerOf(s)), b64(`{}`)), limit)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signed.Verify([]Key{public(s)}, c.least); (err == nil) != c.want {
				t.Errorf("%s, %d bits, least %d: got %v", alg, c.bits, c.least, err)
			}
			if err := s.Check(c.least); (err == nil) != c.want {
				t.Errorf("%s signer, %d bits, least %d: got %v", alg, c.bits, c.least, err)
			}
		}
	}
}

// A point that only looks like P-256's key: same size, other curve.
func TestForeignCurve(t *testing.T) {
	params := *elliptic.P256().Params()
	params.Name = "not P-256"
	key := ecdsa.PublicKey{Curve: &params, X: big.NewInt(1), Y: big.NewInt(1)}
	if algorithms["ES256"].accepts(&key, 2048) {
		t.Error("accepted")
	}
}

// What derEC writes is what crypto/ecdsa reads, at every length of a number.
func TestDerECIsWhatRawECReads(t *testing.T) {
	for _, alg := range []string{"ES256", "ES384", "ES512"} {
		a := algorithms[alg]
		n := a.scalarBytes()
		for zeros := range n {
			for _, first := range []byte{0x01, 0x7f, 0x80, 0xff} {
				want := make([]byte, 2*n)
				want[zeros], want[n-1], want[2*n-1-zeros] = first, want[n-1]|1, first
				der := derEC(want[:n], want[n:])
				if got, err := a.rawEC(der); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s: %x became %x, %v", alg, want, got, err)
				}
			}
		}
		zero := make([]byte, 2*n)
		if _, err := a.rawEC(derEC(zero[:n], zero[n:])); err == nil {
			t.Errorf("%s: zeros are a signature", alg)
		}
	}
}
