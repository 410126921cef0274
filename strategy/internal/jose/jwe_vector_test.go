package jose

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"
)

// jweVectors are of testdata/jwe.json, each with its source.
type jweVectors map[string]struct {
	JWK, Ephemeral, Recipient gojose.JSONWebKey
	Token, Plaintext          string
	Apu, Apv, Enc, Derived    string
}

func readJWEVectors(t *testing.T) jweVectors {
	t.Helper()
	data, err := os.ReadFile("testdata/jwe.json")
	if err != nil {
		t.Fatal(err)
	}
	var v jweVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func newDecrypter(t testing.TB, id, alg string, private any) *Decrypter {
	t.Helper()
	d, err := NewDecrypter(id, alg, private, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The example has neither kid nor cty and no JWS inside, so that the gate
// refuses it; its figures are right all the same.
func TestRFC7516AppendixA1(t *testing.T) {
	v := readJWEVectors(t)["RFC 7516 A.1"]
	_, err := ParseEncrypted(v.Token, limit)
	wantError(t, err, ErrKid)

	d := newDecrypter(t, "", "RSA-OAEP", v.JWK.Key)
	parts := strings.Split(v.Token, ".")
	e := &Encrypted{Alg: d.Alg, Enc: "A256GCM", Kid: d.ID, manager: managements[d.Alg], content: encryptions["A256GCM"], protected: parts[0]}
	for i, part := range []*[]byte{&e.encryptedKey, &e.iv, &e.text, &e.tag} {
		if *part, err = decode(parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if text, ok := e.decrypt(d); !ok || string(text) != v.Plaintext {
		t.Errorf("got %q, %v", text, ok)
	}
	_, err = e.Decrypt(d)
	wantError(t, err, ErrForm)
}

func TestRFC7518AppendixC(t *testing.T) {
	v := readJWEVectors(t)["RFC 7518 C"]
	apu, err1 := decode(v.Apu)
	apv, err2 := decode(v.Apv)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, pair := range [][2]gojose.JSONWebKey{{v.Ephemeral, v.Recipient}, {v.Recipient, v.Ephemeral}} {
		own := newDecrypter(t, "k", "ECDH-ES", pair[0].Key)
		z, err := own.ec.ECDH(toECDH(pair[1].Key.(*ecdsa.PrivateKey).Public()))
		if err != nil {
			t.Fatal(err)
		}
		secret, err := managements["ECDH-ES"].derive(z, "ECDH-ES", v.Enc, encryptions[v.Enc], apu, apv)
		if got := base64.RawURLEncoding.EncodeToString(secret); got != v.Derived || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, v.Derived)
		}
	}
}

// FAPI 1.0 Advanced, Appendix A.3: a JWS with the client's kid inside.
func TestFAPIAppendixA3(t *testing.T) {
	keys, tokens := readVectors(t)
	d := newDecrypter(t, "client-enc-2020-08-28", "RSA-OAEP-256", readJWEVectors(t)["FAPI A.3"].JWK.Key)
	_, err := ParseSigned(tokens["A.3"], limit)
	wantError(t, err, ErrForm)
	e, err := ParseEncrypted(tokens["A.3"], limit)
	if err != nil {
		t.Fatal(err)
	}
	if e.Alg != "RSA-OAEP-256" || e.Enc != "A256GCM" || e.Kid != d.ID {
		t.Errorf("got %s, %s, %s", e.Alg, e.Enc, e.Kid)
	}
	signed, err := e.Decrypt(d)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := signed.Verify(keys, 2048)
	if err != nil || signed.Kid != "client-2020-08-28" {
		t.Fatalf("%s: %v", signed.Kid, err)
	}
	if iss, err := claims.String("iss"); err != nil || iss != "https://fapi-as.example.com/" {
		t.Errorf("iss: got %q, %v", iss, err)
	}
}
