package did

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// encode is the way back from decodeBase58, for comparison.
func encode(raw string) string {
	text := new(big.Int).SetBytes([]byte(raw)).Text(len(bigDigits))
	if strings.Trim(raw, "\x00") == "" {
		text = ""
	}
	digits := []byte(text)
	for i, d := range digits {
		digits[i] = bitcoinDigits[strings.IndexByte(bigDigits, d)]
	}
	return "z" + strings.Repeat("1", len(raw)-len(strings.TrimLeft(raw, "\x00"))) + string(digits)
}

// The grammars of DID Core §3.1 and §3.2, as a second opinion.
var (
	grammarDID = regexp.MustCompile(`^did:[a-z0-9]+:(?:(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})*:)*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})+$`)
	pchar      = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|/)`
	grammarURL = regexp.MustCompile(`^(did:[^/?#]*)((?:/` + pchar + `*)?)(?:\?((?:` + pchar + `|\?)*))?(?:#((?:` + pchar + `|\?)*))?$`)
)

// A DID and a DID URL are what the grammar says, and nothing is lost.
func FuzzParseDID(f *testing.F) {
	f.Add("did:web:buyer.example%3A8443:a:b/p?q#f")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := Parse(text)
		if (err == nil) != (len(text) <= maxDID && grammarDID.MatchString(text)) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && (id.String() != text || "did:"+id.Method()+":"+id.identifier() != text) {
			t.Errorf("%q became %q", text, id)
		}
		u, err := ParseURL(text)
		parts := grammarURL.FindStringSubmatch(text)
		fits := len(text) <= maxURL && parts != nil && len(parts[1]) <= maxDID && grammarDID.MatchString(parts[1])
		if (err == nil) != fits {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && (u.DID().String() != parts[1] || u.Path() != parts[2] || u.Query() != parts[3] || u.Fragment() != parts[4]) {
			t.Errorf("%q became %+v", text, u)
		}
		if at, err := (WebMethod{}).url(id); err == nil && (!strings.HasPrefix(at, "https://") || strings.Contains(at, "/../") || strings.ContainsAny(at, "?#@\\")) {
			t.Errorf("%q leads to %q", text, at)
		}
	})
}

// checkKey looks at what every key that comes out must be.
func checkKey(t *testing.T, r Relationship, key Key) {
	t.Helper()
	if !strings.HasPrefix(key.ID, buyer+"#") || (key.Use == "enc") != (r == KeyAgreement) || key.Use == "" {
		t.Errorf("%s: %+v", r, key)
	}
	switch public := key.Public.(type) {
	case *ecdsa.PublicKey:
		if _, err := public.ECDH(); err != nil {
			t.Errorf("%s: %v", r, err) // the point is not on its curve
		}
	case *rsa.PublicKey:
		if n := public.N.BitLen(); n < minRSABits || n > maxRSABits {
			t.Errorf("%s: RSA of %d bits", r, n)
		}
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize || r == KeyAgreement {
			t.Errorf("%s: %+v", r, key)
		}
	case *ecdh.PublicKey:
		if r != KeyAgreement {
			t.Errorf("%s: %+v", r, key)
		}
	default:
		t.Errorf("%s: %T", r, public)
	}
}

// checkDocument reads what was accepted once more, with encoding/json.
func checkDocument(t *testing.T, data []byte) {
	t.Helper()
	var said map[string]json.RawMessage
	if json.Unmarshal(data, &said) != nil || len(data) > maxDocument || string(said["deactivated"]) == "true" {
		t.Fatalf("accepted %q", data)
	}
	var is string
	var methods []any
	if json.Unmarshal(said["id"], &is) != nil || is != buyer || said["verificationMethod"] != nil && (json.Unmarshal(said["verificationMethod"], &methods) != nil || len(methods) > maxMethods) {
		t.Errorf("accepted %q", data)
	}
}

// A document is of its DID, has no private key and at most as many keys as it
// may have, and each key can be found by its id.
func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(whole))
	id := mustParse(f, buyer)
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := ParseDocument(id, data)
		if wrapped, other := parseResolution(id, data, 0); (other == nil) == (wrapped == nil) || other == nil && wrapped.ID() != id {
			t.Errorf("as a result: %v, %v", wrapped, other)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrDeactivated) {
				t.Errorf("got %v", err)
			}
			return
		}
		checkDocument(t, data)
		for _, r := range relationships {
			if len(doc.AllKeys(r)) > maxMethods {
				t.Errorf("%d keys", len(doc.AllKeys(r)))
			}
			for _, key := range doc.AllKeys(r) {
				checkKey(t, r, key)
				if found := doc.Keys(r, strings.TrimPrefix(key.ID, buyer)); len(found) != 1 || !equal(Key{ID: key.ID, Public: found[0].Public}, key) {
					t.Errorf("%s finds %+v", key.ID, found)
				}
			}
		}
	})
}

// multikey is the way back from parseMultikey.
func multikey(t *testing.T, public any) string {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return encode("\xed\x01" + string(key))
	case *ecdh.PublicKey:
		return encode("\xec\x01" + string(key.Bytes()))
	case *rsa.PublicKey:
		return encode("\x85\x24" + string(x509.MarshalPKCS1PublicKey(key)))
	case *ecdsa.PublicKey:
		code := map[int]string{256: "\x80\x24", 384: "\x81\x24", 521: "\x82\x24"}[key.Curve.Params().BitSize]
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := (len(point) - 1) / 2
		x, y := new(big.Int).SetBytes(point[1:1+half]), new(big.Int).SetBytes(point[1+half:])
		return encode(code + string(elliptic.MarshalCompressed(key.Curve, x, y)))
	}
	t.Fatalf("%T", public)
	return ""
}

// A key has one spelling: what is read is what would be written.
func FuzzMultibaseKey(f *testing.F) {
	f.Add(edText)
	f.Fuzz(func(t *testing.T, text string) {
		public, err := parseMultikey(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || public != nil {
				t.Errorf("got %v, %v", public, err)
			}
			return
		}
		if again := multikey(t, public); again != text {
			t.Errorf("%q would be written as %q", text, again)
		}
	})
}
