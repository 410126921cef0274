package idtoken_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const issuer, code, accessToken = "https://seller.example", "the-code", "the-access-token"

var now = time.Unix(1_700_000_000, 0)

func newStrategy(t testing.TB, p *profile.Profile) *idtoken.Strategy {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := key.NewRing(t.Context(), key.Signing(ec, ed), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	metadata := func(_ context.Context, c fosite.Client) (*storage.ClientMetadata, error) {
		return c.(*storage.Client).LSOMetadata(), nil
	}
	return &idtoken.Strategy{Profile: p, Issuer: issuer, Keys: ring, Metadata: metadata, Clock: func() time.Time { return now }}
}

// newRequest has a session in which everything is fixed, and a host that adds
// claims of its own, among them all that are not its to decide.
func newRequest() *fosite.Request {
	session := storage.NewSession()
	session.Binding = storage.Binding{Issuer: issuer, IntentClaim: "meflso_intent_id", IntentID: "urn:lso:intent:1", SHash: "the-s-hash"}
	session.Claims.Subject, session.Claims.Nonce = "urn:lso:intent:1", "the-nonce"
	session.Claims.AuthTime = now.Add(-time.Minute)
	session.Claims.AuthenticationContextClassReference = "urn:meflso:sca"
	session.Claims.AuthenticationMethodsReferences = []string{"hwk"}
	session.Claims.Extra = map[string]any{"name": "Ada", "email": "ada@buyer.example"}
	for _, name := range reserved {
		session.Claims.Extra[name] = "evil"
	}
	return &fosite.Request{Client: &storage.Client{ID: "buyer"}, Session: session, Form: url.Values{}}
}

var reserved = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "acr", "amr", "auth_time", "c_hash", "s_hash", "at_hash",
	"rat", "cnf", "meflso_intent_id",
}

// front is the context of the authorization response, back of the token
// endpoint's.
func front() context.Context {
	response := fosite.NewAuthorizeResponse()
	response.AddParameter("code", code)
	return context.WithValue(context.Background(), fosite.AuthorizeResponseContextKey, response)
}

func back() context.Context {
	response := fosite.NewAccessResponse()
	response.SetAccessToken(accessToken)
	return context.WithValue(context.Background(), fosite.AccessResponseContextKey, response)
}

type claims map[string]any

// open verifies a token with the published keys.
func open(t *testing.T, s *idtoken.Strategy, token, alg string) claims {
	t.Helper()
	signed, err := gojose.ParseSigned(token)
	if err != nil {
		t.Fatal(err)
	}
	var set gojose.JSONWebKeySet
	published, err := s.Keys.JWKS()
	if err == nil {
		err = json.Unmarshal(published, &set)
	}
	if err != nil {
		t.Fatal(err)
	}
	header := signed.Signatures[0].Protected
	if header.Algorithm != alg || header.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("the header is %+v, want alg %s", header, alg)
	}
	payload, err := signed.Verify(set.Key(header.KeyID)[0])
	if err != nil {
		t.Fatal(err)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantClaims(t *testing.T, got claims, want claims) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %v, want %v", name, got[name], value)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && name != "amr" {
			t.Errorf("%s: %v should not be there", name, got[name])
		}
	}
}

func shared() claims {
	return claims{
		"iss": issuer, "sub": "urn:lso:intent:1", "aud": "buyer", "iat": float64(now.Unix()), "exp": float64(now.Unix() + 300),
		"auth_time": float64(now.Unix() - 60), "acr": "urn:meflso:sca", "meflso_intent_id": "urn:lso:intent:1", "nonce": "the-nonce",
	}
}

// FAPI-5.2.2.1-6: what the host adds may be personal and stays out of the
// front channel.
func TestFrontChannel(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	token, err := s.GenerateIDToken(front(), 5*time.Minute, newRequest())
	if err != nil {
		t.Fatal(err)
	}
	want := shared()
	want["c_hash"], want["s_hash"] = idtoken.LeftHalf("ES256", code, p.EdDSAHash), "the-s-hash"
	wantClaims(t, open(t, s, token, "ES256"), want)
}

func TestTokenEndpoint(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	request := newRequest()
	token, err := s.GenerateIDToken(back(), 5*time.Minute, request)
	if err != nil {
		t.Fatal(err)
	}
	want := shared()
	want["at_hash"], want["name"], want["email"] = idtoken.LeftHalf("ES256", accessToken, p.EdDSAHash), "Ada", "ada@buyer.example"
	wantClaims(t, open(t, s, token, "ES256"), want)
	if extra := request.Session.(*storage.DefaultSession).Claims.Extra; len(extra) != len(reserved)+2 || extra["iss"] != "evil" {
		t.Errorf("the session was changed: %v", extra)
	}
}

// A refreshed token has no nonce (OpenID Connect Core §12.2), not even one of
// the host's.
func TestRefreshedTokenHasNoNonce(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	request := newRequest()
	access := fosite.NewAccessRequest(request.Session)
	access.Request, access.GrantTypes = *request, fosite.Arguments{"refresh_token"}
	token, err := s.GenerateIDToken(back(), 5*time.Minute, access)
	if err != nil {
		t.Fatal(err)
	}
	if c := open(t, s, token, "ES256"); c["nonce"] != nil || c["sub"] != "urn:lso:intent:1" {
		t.Errorf("got %v", c)
	}
}

// Nothing of one token is in the next: the reserved names cannot come through
// a session that had them before.
func TestReservedNamesStayEmpty(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	request := newRequest()
	session := request.Session.(*storage.DefaultSession)
	extra := session.Claims.Extra
	*session = *storage.NewSession()
	session.Claims.Subject, session.Claims.Nonce, session.Claims.Extra = "user", "n", extra
	token, err := s.GenerateIDToken(back(), time.Minute, request)
	if err != nil {
		t.Fatal(err)
	}
	wantClaims(t, open(t, s, token, "ES256"), claims{
		"iss": issuer, "sub": "user", "aud": "buyer", "iat": float64(now.Unix()), "exp": float64(now.Unix() + 60), "nonce": "n",
		"at_hash": idtoken.LeftHalf("ES256", accessToken, p.EdDSAHash), "name": "Ada", "email": "ada@buyer.example",
	})
}

// A token without intent and without claims of the host's is a whole object
// too, and what is empty is not in it.
func TestNothingMore(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	request := newRequest()
	session := request.Session.(*storage.DefaultSession)
	*session = *storage.NewSession()
	session.Claims.Subject = "user"
	token, err := s.GenerateIDToken(back(), time.Minute, request)
	if err != nil {
		t.Fatal(err)
	}
	wantClaims(t, open(t, s, token, "ES256"), claims{
		"iss": issuer, "sub": "user", "aud": "buyer", "iat": float64(now.Unix()), "exp": float64(now.Unix() + 60),
		"at_hash": idtoken.LeftHalf("ES256", accessToken, p.EdDSAHash),
	})
}

// RFC 9864: the header has the name that the client registered, the hashes
// are EdDSA's.
func TestAlgOfTheClient(t *testing.T) {
	for _, hash := range []profile.Hash{profile.SHA512, profile.SHA3256} {
		p := profile.MEFLSO()
		p.EdDSAHash = hash
		s := newStrategy(t, &p)
		request := newRequest()
		for registered, want := range map[string]string{"": "ES256", "ES256": "ES256", "EdDSA": "EdDSA"} {
			request.Client.(*storage.Client).IDTokenSignedResponseAlg = registered
			token, err := s.GenerateIDToken(front(), time.Minute, request)
			if err != nil {
				t.Fatalf("%s: %v", registered, err)
			}
			if c := open(t, s, token, want); c["c_hash"] != idtoken.LeftHalf(want, code, hash) {
				t.Errorf("%s, %s: c_hash %v", registered, hash, c["c_hash"])
			}
		}
		if alg, err := s.Alg(t.Context(), &storage.Client{ClientMetadata: storage.ClientMetadata{IDTokenSignedResponseAlg: "Ed25519"}}); alg != "Ed25519" || err != nil {
			t.Errorf("Ed25519: got %s, %v", alg, err)
		}
	}
}

func TestAlgRefused(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	for _, alg := range []string{"none", "HS256", "RS256", "PS256", "ES384", "es256"} {
		client := &storage.Client{ID: "buyer", ClientMetadata: storage.ClientMetadata{IDTokenSignedResponseAlg: alg}}
		if _, err := s.Alg(t.Context(), client); !errors.Is(err, fosite.ErrServerError) {
			t.Errorf("%s: got %v, want server_error", alg, err)
		}
		request := newRequest()
		request.Client = client
		if token, err := s.GenerateIDToken(front(), time.Minute, request); err == nil || token != "" {
			t.Errorf("%s: got %q, %v", alg, token, err)
		}
	}
}

func TestServerFaults(t *testing.T) {
	p := profile.MEFLSO()
	s := newStrategy(t, &p)
	request := newRequest()
	request.Session = &fosite.DefaultSession{}
	if _, err := s.GenerateIDToken(front(), time.Minute, request); !errors.Is(err, fosite.ErrServerError) || !errors.Is(err, storage.ErrSession) {
		t.Errorf("a session without Binding: got %v", err)
	}
	down := errors.New("down")
	s.Metadata = func(context.Context, fosite.Client) (*storage.ClientMetadata, error) { return nil, down }
	if _, err := s.GenerateIDToken(front(), time.Minute, newRequest()); !errors.Is(err, fosite.ErrServerError) || !errors.Is(err, down) {
		t.Errorf("no metadata: got %v", err)
	}
	s = newStrategy(t, &p)
	request = newRequest()
	request.Session.(*storage.DefaultSession).Claims.Extra = map[string]any{"f": func() {}}
	if _, err := s.GenerateIDToken(back(), time.Minute, request); !errors.Is(err, fosite.ErrServerError) {
		t.Errorf("a claim that is no JSON: got %v", err)
	}
}
