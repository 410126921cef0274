package key

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// exotic are keys that this library cannot use.
const exotic = `{"kty":"OKP","crv":"X448","kid":"x","use":"enc","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"},` +
	`{"kty":"EC","crv":"secp256k1","kid":"k","x":"GBMuDSYXOEyMKKWhUlTzFfmfZpTn1EJ4aIJmXUNXJhs","y":"R6K6EVzC0IJEJYZ0z0YHDm5SQbaQd4nUt1-xPFXtUDY"},` +
	`{"kty":"AKP","alg":"ML-DSA-44","kid":"m","pub":"AAAA"},` +
	`{"kty":"oct","kid":"s","k":"c2VjcmV0"},`

func newJWK(t testing.TB, kid, alg string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(gojose.JSONWebKey{Key: private.Public(), KeyID: kid, Algorithm: alg, Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	return string(jwk)
}

func newSet(t testing.TB, kids ...string) string {
	t.Helper()
	var jwks []string
	for _, kid := range kids {
		jwks = append(jwks, newJWK(t, kid, "ES256"))
	}
	return `{"keys":[` + strings.Join(jwks, ",") + `]}`
}

// web is a Getter that answers every URL by one function and counts.
type web struct {
	mu     sync.Mutex
	calls  int
	answer func(ctx context.Context, url string) (*outbound.Document, error)
}

func (w *web) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	w.mu.Lock()
	w.calls++
	answer := w.answer
	w.mu.Unlock()
	return answer(ctx, url)
}

func (w *web) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

func (w *web) set(answer func(context.Context, string) (*outbound.Document, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *web) serve(set string) {
	w.set(func(context.Context, string) (*outbound.Document, error) {
		return &outbound.Document{Body: []byte(set)}, nil
	})
}

var errDown = errors.New("down")

func (w *web) fail() {
	w.set(func(context.Context, string) (*outbound.Document, error) { return nil, errDown })
}

const theURL = "https://buyer.example/jwks.json"

func wantKeys(t *testing.T, c *ClientKeys, url, kid string, n int) {
	t.Helper()
	keys, err := c.Keys(t.Context(), "buyer", &storage.ClientMetadata{JWKSURI: url}, kid)
	if err != nil || len(keys) != n {
		t.Errorf("kid %q: got %d keys, %v, want %d", kid, len(keys), err, n)
	}
}

func wantError(t *testing.T, c *ClientKeys, url, kid string, want error) {
	t.Helper()
	keys, err := c.Keys(t.Context(), "buyer", &storage.ClientMetadata{JWKSURI: url}, kid)
	if !errors.Is(err, want) || len(keys) > 0 {
		t.Errorf("kid %q: got %d keys, %v, want %v", kid, len(keys), err, want)
	}
}

func TestKeysByValue(t *testing.T) {
	c := NewClientKeys(ClientKeysConfig{Outbound: &web{}})
	set := `{"keys":[` + exotic + newJWK(t, "a", "ES256") + "," + newJWK(t, "a", "") + "," + newJWK(t, "b", "ES256") + `]}`
	m := &storage.ClientMetadata{JWKS: json.RawMessage(set)}
	for range 2 {
		for kid, want := range map[string]int{"a": 2, "b": 1} {
			keys, err := c.Keys(t.Context(), "buyer", m, kid)
			if err != nil || len(keys) != want {
				t.Fatalf("kid %q: got %d keys, %v, want %d", kid, len(keys), err, want)
			}
			if keys[0].ID != kid || keys[0].Alg != "ES256" || keys[0].Use != "sig" || keys[0].Public == nil {
				t.Errorf("kid %q: got %+v", kid, keys[0])
			}
		}
	}
	for _, kid := range []string{"", "c", "A", "x", "k", "m", "s"} {
		if _, err := c.Keys(t.Context(), "buyer", m, kid); !errors.Is(err, ErrNoKey) {
			t.Errorf("kid %q: got %v, want ErrNoKey", kid, err)
		}
	}
	if n := c.byValue.Len(); n != 1 {
		t.Errorf("the set was parsed %d times", n)
	}
}

func TestKeysByValueAreBounded(t *testing.T) {
	c := NewClientKeys(ClientKeysConfig{Outbound: &web{}, MaxSets: 3})
	for i := range 10 {
		kid := fmt.Sprint(i)
		m := &storage.ClientMetadata{JWKS: json.RawMessage(newSet(t, kid))}
		if keys, err := c.Keys(t.Context(), "buyer", m, kid); err != nil || len(keys) != 1 {
			t.Fatalf("kid %q: %v", kid, err)
		}
	}
	if n := c.byValue.Len(); n != 3 {
		t.Errorf("%d sets are kept, want 3", n)
	}
}

func TestUnusableMetadata(t *testing.T) {
	w := &web{}
	c := NewClientKeys(ClientKeysConfig{Outbound: w})
	for name, tt := range map[string]struct {
		m     *storage.ClientMetadata
		noKey bool
	}{
		"none":     {nil, true},
		"no keys":  {&storage.ClientMetadata{}, true},
		"null":     {&storage.ClientMetadata{JWKS: json.RawMessage("null")}, true},
		"both":     {&storage.ClientMetadata{JWKS: json.RawMessage(newSet(t, "a")), JWKSURI: theURL}, false},
		"no set":   {&storage.ClientMetadata{JWKS: json.RawMessage(`{"kid":"a"}`)}, false},
		"no JSON":  {&storage.ClientMetadata{JWKS: json.RawMessage(`{`)}, false},
		"an array": {&storage.ClientMetadata{JWKS: json.RawMessage(`[]`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Keys(t.Context(), "buyer", tt.m, "a"); err == nil || errors.Is(err, ErrNoKey) != tt.noKey {
				t.Errorf("got %v, want ErrNoKey %v", err, tt.noKey)
			}
		})
	}
	if w.count() != 0 {
		t.Error("something was fetched")
	}
}
