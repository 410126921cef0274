package relyingparty_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

type object = map[string]any

const (
	clientID = "c-7f3a9d"
	callback = "https://tpp.buyer.example/cb"
	intentID = "urn:acme:intent:58923"
	code     = "SplxlOBeZQQYbYS6WxSbIA"
	access   = "SlAV32hkKG"

	reference = "urn:ietf:params:oauth:request_uri:bwc4JK-ESC0w8acc191e-Y1LTC2"
)

var start = time.Unix(1790000400, 0)

// seller is an authorization server that answers as it is told.
type seller struct {
	*httptest.Server
	issuer, alg, kid string
	key              crypto.Signer
	now              atomic.Int64 // seconds after start

	tokenRequests, keyRequests atomic.Int32

	mu       sync.Mutex
	keys     map[string]crypto.PublicKey
	encKeys  []gojose.JSONWebKey
	metadata object
	form     url.Values
	answer   func(rw http.ResponseWriter)
	pushed   []url.Values // what came to the PAR endpoint
	par      func(rw http.ResponseWriter)
}

func newSeller(t testing.TB, alg string) *seller {
	t.Helper()
	s := startSeller(alg)
	t.Cleanup(s.Close)
	return s
}

func startSeller(alg string) *seller {
	s := &seller{alg: alg, kid: "as-sig-1", key: newKey(alg)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) { write(rw, 200, s.metadata) })
	mux.HandleFunc("GET /jwks", s.jwks)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /par", s.push)
	s.Server = httptest.NewTLSServer(mux)
	s.issuer = s.URL
	s.keys = map[string]crypto.PublicKey{s.kid: s.key.Public()}
	s.metadata = object{
		"issuer": s.issuer, "authorization_endpoint": s.issuer + "/authorize", "token_endpoint": s.issuer + "/token",
		"pushed_authorization_request_endpoint": s.issuer + "/par",
		"jwks_uri":                              s.issuer + "/jwks", "authorization_response_iss_parameter_supported": true,
	}
	return s
}

func newKey(alg string) crypto.Signer {
	var key crypto.Signer
	var err error
	switch alg {
	case "PS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA", "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		panic(err)
	}
	return key
}

func write(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json;charset=UTF-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body)
}

func (s *seller) jwks(rw http.ResponseWriter, _ *http.Request) {
	s.keyRequests.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	set := gojose.JSONWebKeySet{Keys: slices.Clone(s.encKeys)}
	for kid, key := range s.keys {
		set.Keys = append(set.Keys, gojose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"})
	}
	write(rw, 200, set)
}

func (s *seller) token(rw http.ResponseWriter, r *http.Request) {
	s.tokenRequests.Add(1)
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.form = r.PostForm
	s.answer(rw)
}

func (s *seller) push(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushed = append(s.pushed, r.PostForm)
	if s.par == nil {
		write(rw, 201, object{"request_uri": reference, "expires_in": 60})
		return
	}
	s.par(rw)
}

func (s *seller) clock() time.Time { return start.Add(time.Duration(s.now.Load()) * time.Second) }

// client returns a client of the seller; change may alter its config.
func (s *seller) client(t testing.TB, change func(*relyingparty.Config)) *relyingparty.Client {
	t.Helper()
	metadata, err := relyingparty.Discover(t.Context(), s.Client(), s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := relyingparty.Config{
		ClientID: clientID, RedirectURI: callback, Issuer: metadata, HTTP: s.Client(), Clock: s.clock,
		Signer: newKey("ES256"), KeyID: "tpp-sig-1", IDTokenAlg: profile.Alg(s.alg),
		ACRValues: []string{"urn:meflso:sca", "urn:meflso:ca"},
	}
	if change != nil {
		change(&config)
	}
	client, err := relyingparty.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *seller) hash(value string) string { return idtoken.LeftHalf(s.alg, value, profile.SHA512) }

// claims are those of a good ID Token in the authorization response.
func (s *seller) claims(login *relyingparty.Login) object {
	now := s.clock().Unix()
	return object{
		"iss": s.issuer, "sub": intentID, "aud": clientID, "iat": now, "exp": now + 300, "auth_time": now - 10,
		"nonce": login.Nonce, "acr": "urn:meflso:sca", "meflso_intent_id": login.IntentID,
		"c_hash": s.hash(code), "s_hash": s.hash(login.State),
	}
}

func (s *seller) header() object { return object{"alg": s.alg, "kid": s.kid, "typ": "JWT"} }

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// sign signs with the seller's key, whatever the header says.
func (s *seller) sign(header, claims any) string {
	input := encode(header) + "." + encode(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(s.key, []byte(input)))
}

func signature(signer crypto.Signer, input []byte) []byte {
	digest := crypto.SHA256.New()
	digest.Write(input)
	var out []byte
	var err error
	switch key := signer.(type) {
	case ed25519.PrivateKey:
		out = ed25519.Sign(key, input)
	case *rsa.PrivateKey:
		out, err = key.Sign(rand.Reader, digest.Sum(nil), &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})
	case *ecdsa.PrivateKey:
		out, err = key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(out, &rs); err != nil {
			panic(err)
		}
		out = append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// tokens makes the token endpoint answer with this body from now on.
func (s *seller) tokens(status int, body any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(rw http.ResponseWriter) { write(rw, status, body) }
}

func decodeJWT(t testing.TB, token string) (header, payload object) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts in %q", len(parts), token)
	}
	for i, into := range []*object{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}
