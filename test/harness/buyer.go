package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Claims is a JSON object under construction.
type Claims map[string]any

// Change alters the header and the payload of a JWT before it is signed.
type Change func(header, payload Claims)

// Set returns a Change of one payload member; a nil value removes it.
func Set(name string, value any) Change {
	return func(_, payload Claims) { put(payload, name, value) }
}

// Header returns a Change of one header member; a nil value removes it.
func Header(name string, value any) Change {
	return func(header, _ Claims) { put(header, name, value) }
}

func put(c Claims, name string, value any) {
	if value == nil {
		delete(c, name)
		return
	}
	c[name] = value
}

// Buyer is a client of the server.
type Buyer struct {
	ID, Kid, Alg, Redirect string
	Key                    crypto.Signer
	Issuer                 string
	Now                    func() time.Time
	// IntentClaim is the claim that names the intent, "" for none; Scope is
	// what it is registered for and asks.
	IntentClaim, Scope string
	// Verifier, if set, is the code_verifier of all its requests.
	Verifier string
}

// NewBuyer makes a client with a fresh key for the algorithm.
func NewBuyer(t testing.TB, id, alg, issuer string) *Buyer {
	t.Helper()
	key, err := newKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return &Buyer{ID: id, Kid: id + "-key", Alg: alg, Redirect: "https://" + id + ".example.org/cb", Key: key, Issuer: issuer, Now: time.Now, IntentClaim: "meflso_intent_id", Scope: "openid quote"}
}

// Speak makes the buyer one of the profile.
func (b *Buyer) Speak(p profile.Profile) {
	b.IntentClaim = p.IntentClaim
	if len(p.ScopeUmbrellas) == 0 {
		b.Scope = "openid accounts"
	}
}

func newKey(alg string) (crypto.Signer, error) {
	switch alg {
	case "PS256", "RS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA", "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// JWKS is the client's JWK Set.
func (b *Buyer) JWKS() json.RawMessage {
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: b.Key.Public(), KeyID: b.Kid, Use: "sig"}}})
	if err != nil {
		panic(err)
	}
	return set
}

// Metadata is the client's registration in the form of RFC 7591.
func (b *Buyer) Metadata() Claims {
	return Claims{
		"client_id": b.ID, "client_name": "Buyer " + b.ID, "redirect_uris": []string{b.Redirect},
		"grant_types":    []string{"authorization_code", "client_credentials", "refresh_token"},
		"response_types": []string{"code id_token"}, "scope": b.Scope,
		"token_endpoint_auth_method": "private_key_jwt", "jwks": b.JWKS(),
	}
}

// Sign makes a compact JWS; an algorithm that the key does not have is written
// in the header all the same.
func (b *Buyer) Sign(header, payload Claims) string {
	return b.SignRaw(header, encode(payload))
}

// SignRaw signs a payload that may be no JSON at all.
func (b *Buyer) SignRaw(header Claims, payload []byte) string {
	input := base64.RawURLEncoding.EncodeToString(encode(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(b.signature([]byte(input)))
}

func encode(c Claims) []byte {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return data
}

func (b *Buyer) signature(input []byte) []byte {
	hash := crypto.SHA256.New()
	hash.Write(input)
	digest := hash.Sum(nil)
	var out []byte
	var err error
	switch key := b.Key.(type) {
	case ed25519.PrivateKey:
		out = ed25519.Sign(key, input)
	case *rsa.PrivateKey:
		var opts crypto.SignerOpts = &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}
		if b.Alg == "RS256" {
			opts = crypto.SHA256
		}
		out, err = key.Sign(rand.Reader, digest, opts)
	case *ecdsa.PrivateKey:
		out, err = rawSignature(key, digest)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func rawSignature(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	der, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	rs.R.FillBytes(raw[:32])
	rs.S.FillBytes(raw[32:])
	return raw, nil
}

func (b *Buyer) header() Claims { return Claims{"alg": b.Alg, "kid": b.Kid} }

// Object makes a request object for the intent.
func (b *Buyer) Object(intent string, changes ...Change) string {
	header, payload := b.header(), b.Payload(intent)
	for _, change := range changes {
		change(header, payload)
	}
	return b.Sign(header, payload)
}

// Payload is the payload of a request object that the profile accepts.
func (b *Buyer) Payload(intent string) Claims {
	now := b.Now().Unix()
	payload := Claims{
		"iss": b.ID, "aud": b.Issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text(),
		"response_type": "code id_token", "client_id": b.ID, "redirect_uri": b.Redirect,
		"scope": b.Scope, "state": "state-" + rand.Text(), "nonce": "nonce-" + rand.Text(),
	}
	if b.IntentClaim != "" {
		payload["claims"] = IntentClaims(b.IntentClaim, intent)
	}
	if b.Verifier != "" {
		sum := sha256.Sum256([]byte(b.Verifier))
		payload["code_challenge"] = base64.RawURLEncoding.EncodeToString(sum[:])
		payload["code_challenge_method"] = "S256"
	}
	return payload
}

// IntentClaims is the claims parameter that names an intent.
func IntentClaims(claim, intent string) Claims {
	return Claims{"id_token": Claims{claim: Claims{"value": intent, "essential": true}}}
}

// Assertion makes a client assertion.
func (b *Buyer) Assertion(changes ...Change) string {
	now := b.Now().Unix()
	header := b.header()
	payload := Claims{"iss": b.ID, "sub": b.ID, "aud": b.Issuer, "iat": now, "exp": now + 60, "jti": rand.Text()}
	for _, change := range changes {
		change(header, payload)
	}
	return b.Sign(header, payload)
}

// Authenticated adds a fresh client assertion to a form.
func (b *Buyer) Authenticated(form url.Values) url.Values {
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", b.Assertion())
	return form
}
