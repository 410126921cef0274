package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// algs are all algorithms of the gate, in a fixed order.
var algs = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "EdDSA", "Ed25519"}

// rsaKey returns one RSA key per size: making one is slow.
func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	rsaKeys.Lock()
	defer rsaKeys.Unlock()
	if rsaKeys.made[bits] == nil {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		rsaKeys.made[bits] = private
	}
	return rsaKeys.made[bits]
}

var rsaKeys = struct {
	sync.Mutex
	made map[int]*rsa.PrivateKey
}{made: map[int]*rsa.PrivateKey{}}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// newSigner returns a key of the algorithm's type under the kid k.
func newSigner(t testing.TB, alg string) *Signer {
	t.Helper()
	s := &Signer{ID: "k", Alg: alg, Random: rand.Reader}
	switch a := algorithms[alg]; a.family {
	case familyEC:
		s.Key = ecKey(t, a.curve)
	case familyEdDSA:
		s.Key = edKey(t)
	default:
		s.Key = rsaKey(t, 2048)
	}
	return s
}

// public is the other side's view of the key, which says nothing of itself.
func public(s *Signer) Key { return Key{ID: s.ID, Public: s.Key.Public()} }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs whatever header and payload it is given, encoded already.
func forge(t testing.TB, s *Signer, header, payload string) string {
	t.Helper()
	input := header + "." + payload
	signature, err := s.sign([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func headerOf(s *Signer) string { return fmt.Sprintf(`{"alg":%q,"kid":%q}`, s.Alg, s.ID) }

const limit = 64 << 10

// open does what a caller does: it reads the token and verifies it.
func open(token string, keys ...Key) (Object, error) {
	signed, err := ParseSigned(token, limit)
	if err != nil {
		return nil, err
	}
	return signed.Verify(keys, 2048)
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// opaque hides the type of a key, as an HSM does.
type opaque struct{ crypto.Signer }
