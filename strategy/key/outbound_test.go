package key_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// jwks has two keys under one kid and one of a curve that is not supported.
const jwks = `{"keys":[
	{"kty":"OKP","crv":"X448","kid":"2026-1","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"},
	{"kty":"EC","crv":"P-256","kid":"2026-1","alg":"ES256","use":"sig",
	 "x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"},
	{"kty":"OKP","crv":"Ed25519","kid":"2026-1","use":"sig","x":"_eT7oDCtAC98L31MMx9J0T-w7HR-zuvsY08f9MvKne8"}]}`

func Example() {
	resolver := key.NewClientKeys(key.ClientKeysConfig{})
	buyer := &storage.ClientMetadata{JWKS: json.RawMessage(jwks)}
	for _, kid := range []string{"2026-1", "2025-1"} {
		keys, err := resolver.Keys(context.Background(), "buyer", buyer, kid)
		fmt.Println(len(keys), err)
	}
	// A URL that leads into the server's own network is refused.
	buyer = &storage.ClientMetadata{JWKSURI: "https://localhost/jwks.json"}
	_, err := resolver.Keys(context.Background(), "buyer", buyer, "2026-1")
	fmt.Println(errors.Is(err, outbound.ErrRefused))
	// Output:
	// 2 <nil>
	// 0 key: no key has this kid
	// true
}

func TestKeysByURL(t *testing.T) {
	var fetches atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		w.Header().Set("Content-Type", "application/jwk-set+json")
		io.WriteString(w, jwks)
	}))
	t.Cleanup(server.Close)
	config := outbound.InsecureLoopback()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(server.Certificate())
	resolver := key.NewClientKeys(key.ClientKeysConfig{Outbound: outbound.New(config)})
	buyer := &storage.ClientMetadata{JWKSURI: server.URL + "/jwks.json"}
	for range 3 {
		keys, err := resolver.Keys(t.Context(), "buyer", buyer, "2026-1")
		if err != nil || len(keys) != 2 {
			t.Fatalf("got %d keys, %v", len(keys), err)
		}
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func BenchmarkKeysByValue(b *testing.B) {
	resolver := key.NewClientKeys(key.ClientKeysConfig{})
	buyer := &storage.ClientMetadata{JWKS: json.RawMessage(jwks)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := resolver.Keys(b.Context(), "buyer", buyer, "2026-1"); err != nil {
			b.Fatal(err)
		}
	}
}
