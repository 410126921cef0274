package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/example/buyer"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// acr is strong customer authentication.
const acr = "urn:meflso:sca"

// party is a registered client with a key of its own.
type party struct {
	id, name, redirect string
	key                *ecdsa.PrivateKey
	buyer              *buyer.Buyer
	wire               *wire
	metadata           *relyingparty.Metadata
}

func newParty(id, name string) *party {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // never with crypto/rand
	}
	return &party{id: id, name: name, redirect: "https://" + id + ".example.org/cb", key: key}
}

// kid is the name of the key; that of a DID is one in its document.
func (p *party) kid() string {
	if strings.HasPrefix(p.id, "did:") {
		return p.id + "#sig-1"
	}
	return p.id + "-sig-1"
}

// registration is the client's metadata (RFC 7591 §2).
func (p *party) registration() map[string]any {
	return map[string]any{
		"client_id": p.id, "client_name": p.name, "legal_entity_name": p.name + " Inc.",
		"redirect_uris": []string{p.redirect},
		"grant_types":   []string{"authorization_code", "client_credentials"}, "response_types": []string{"code id_token"},
		"scope": "openid quote", "token_endpoint_auth_method": "private_key_jwt", "id_token_signed_response_alg": "ES256",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.kid(), Algorithm: "ES256", Use: "sig"}}},
	}
}

// connect makes the party a relying party of the server.
func (p *party) connect(ctx context.Context, s *server) error {
	p.wire = &wire{next: s.transport()}
	client := &http.Client{Transport: p.wire}
	var err error
	if p.metadata, err = relyingparty.Discover(ctx, client, s.issuer); err != nil {
		return err
	}
	rp, err := relyingparty.New(relyingparty.Config{
		ClientID: p.id, RedirectURI: p.redirect, Issuer: p.metadata, Signer: p.key, KeyID: p.kid(), HTTP: client,
	})
	p.wire.token = p.metadata.TokenEndpoint
	p.buyer = &buyer.Buyer{Client: rp, API: &buyer.API{Base: s.api, HTTP: client}, ACR: acr, MaxAge: 24 * time.Hour}
	return err
}

// wire sees what the party sends: the last client assertion, to show it, and
// how many token requests there were, to show that there were none.
type wire struct {
	next      http.RoundTripper
	token     string
	requests  atomic.Int32
	assertion atomic.Value
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && req.URL.String() == w.token {
		w.requests.Add(1)
		w.note(req)
	}
	return w.next.RoundTrip(req)
}

func (w *wire) note(req *http.Request) {
	body, err := req.GetBody()
	if err != nil {
		return
	}
	copied := &http.Request{Method: req.Method, Header: req.Header, Body: body}
	if copied.ParseForm() == nil {
		w.assertion.Store(copied.PostForm.Get("client_assertion"))
	}
}

func (w *wire) lastAssertion() string {
	assertion, _ := w.assertion.Load().(string)
	return assertion
}
