package relyingparty_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

func TestBegin(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	link, login, err := c.Begin(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	raw := query.Get("request")
	query.Del("request")
	if want := (url.Values{"response_type": {"code id_token"}, "client_id": {clientID}, "scope": {"openid quote"}}); !reflect.DeepEqual(query, want) ||
		!strings.HasPrefix(link, s.issuer+"/authorize?") || strings.Contains(link, "+") {
		t.Errorf("%s", link)
	}
	head, payload := decodeJWT(t, raw)
	if want := (object{"alg": "ES256", "kid": "tpp-sig-1", "typ": "oauth-authz-req+jwt"}); !maps.Equal(head, want) {
		t.Errorf("header %v", head)
	}
	if id, _ := payload["jti"].(string); len(id) != 43 {
		t.Errorf("jti %q", id)
	}
	delete(payload, "jti")
	now := float64(start.Unix())
	if want := (object{
		"iss": clientID, "aud": s.issuer, "iat": now, "nbf": now, "exp": now + 300,
		"response_type": "code id_token", "client_id": clientID, "redirect_uri": callback, "scope": "openid quote",
		"state": login.State, "nonce": login.Nonce, "max_age": 3600.0,
		"claims": object{"id_token": object{
			"meflso_intent_id": object{"value": intentID, "essential": true},
			"acr":              object{"values": []any{"urn:meflso:sca"}, "essential": true},
		}},
	}); !reflect.DeepEqual(payload, want) {
		t.Errorf("payload %v", payload)
	}
	if len(login.State) != 43 || len(login.Nonce) != 43 || login.State == login.Nonce {
		t.Errorf("state %q, nonce %q", login.State, login.Nonce)
	}
	_, other, _ := c.Begin(t.Context(), request)
	if other.State == login.State || other.Nonce == login.Nonce {
		t.Error("state or nonce is not fresh")
	}
}

func TestBeginVoluntary(t *testing.T) {
	s := newSeller(t, "ES256")
	link, _, err := s.client(t, nil).Begin(t.Context(), relyingparty.AuthorizationRequest{
		IntentID: intentID, Scopes: []string{"quote", "openid"}, ACR: []string{"urn:meflso:sca", "urn:meflso:ca"},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	_, payload := decodeJWT(t, u.Query().Get("request"))
	if payload["acr_values"] != "urn:meflso:sca urn:meflso:ca" || payload["scope"] != "openid quote" {
		t.Errorf("%v", payload)
	}
	for _, name := range []string{"max_age", "sub", "request", "request_uri", "prompt"} {
		if _, there := payload[name]; there {
			t.Errorf("there is a %s", name)
		}
	}
}

func TestBeginRefuses(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	for name, request := range map[string]relyingparty.AuthorizationRequest{
		"no intent":         {},
		"essential nothing": {IntentID: "i", EssentialACR: true},
		"max age":           {IntentID: "i", MaxAge: time.Millisecond},
		"negative max age":  {IntentID: "i", MaxAge: -time.Hour},
		"two scopes in one": {IntentID: "i", Scopes: []string{"a b"}},
		"empty scope":       {IntentID: "i", Scopes: []string{""}},
	} {
		if _, _, err := c.Begin(t.Context(), request); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	dry := s.client(t, func(config *relyingparty.Config) { config.Rand = iotest.ErrReader(errors.New("dry")) })
	if _, _, err := dry.Begin(t.Context(), request); err == nil {
		t.Error("began without randomness")
	}
}

// What the Buyer builds, the Seller's half takes, with every kind of key.
func TestSellerAccepts(t *testing.T) {
	s := newSeller(t, "ES256")
	for _, alg := range []string{"ES256", "PS256", "EdDSA", "Ed25519"} {
		signer := newKey(alg)
		c := s.client(t, func(config *relyingparty.Config) { config.Signer, config.Alg = signer, profile.Alg(alg) })
		jwks, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: signer.Public(), KeyID: "tpp-sig-1"}}})
		if err != nil {
			t.Fatal(err)
		}
		p := profile.MEFLSO()
		metadata := &storage.ClientMetadata{JWKS: jwks}
		keys := key.NewClientKeys(key.ClientKeysConfig{})

		link, _, err := c.Begin(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(link)
		verifier := &requestobject.Verifier{Profile: &p, Issuer: s.issuer, Keys: keys, Clock: s.clock}
		opened, err := verifier.Open(t.Context(), u.Query().Get("request"), clientID, metadata)
		if err == nil {
			err = verifier.CheckTimes(opened)
		}
		if err != nil {
			t.Errorf("%s: request object: %v", alg, err)
		}

		assertion, err := c.Assertion(s.issuer + "/token")
		if err != nil {
			t.Fatal(err)
		}
		authenticator := &clientauth.Assertion{Profile: &p, Audiences: []string{s.issuer + "/token"}, Keys: keys, Once: once{}, Clock: s.clock}
		presented, err := clientauth.Present(assertion)
		if err == nil {
			err = authenticator.Authenticate(t.Context(), presented, metadata)
		}
		if err != nil || presented.ClientID != clientID {
			t.Errorf("%s: assertion: %v", alg, err)
		}
		_, payload := decodeJWT(t, assertion)
		if payload["exp"].(float64)-payload["iat"].(float64) != 60 {
			t.Errorf("%s: assertion %v", alg, payload)
		}
	}
}

// once takes every key.
type once struct{ storage.Once }

func (once) UseOnce(context.Context, string, time.Time) error { return nil }

func TestDiscover(t *testing.T) {
	s := newSeller(t, "ES256")
	good := maps.Clone(s.metadata)
	if _, err := relyingparty.Discover(t.Context(), s.Client(), s.issuer); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		reason relyingparty.Reason
		member string
		value  any
	}{
		{"other issuer", relyingparty.ReasonIss, "issuer", "https://evil.example"},
		{"slash", relyingparty.ReasonIss, "issuer", s.issuer + "/"},
		{"no issuer", relyingparty.ReasonIss, "issuer", nil},
		{"http", relyingparty.ReasonMetadata, "token_endpoint", "http://as.seller.example/token"},
		{"no endpoint", relyingparty.ReasonMetadata, "authorization_endpoint", nil},
		{"fragment", relyingparty.ReasonMetadata, "authorization_endpoint", s.issuer + "/authorize#x"},
		{"relative keys", relyingparty.ReasonMetadata, "jwks_uri", "/jwks"},
		{"http alias", relyingparty.ReasonMetadata, "mtls_endpoint_aliases", object{"token_endpoint": "http://x/"}},
		{"wrong type", relyingparty.ReasonMetadata, "jwks_uri", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.metadata = maps.Clone(good)
			put(s.metadata, test.member, test.value)
			m, err := relyingparty.Discover(t.Context(), s.Client(), s.issuer)
			wantAbort(t, err, test.reason)
			if m != nil {
				t.Error("there are metadata all the same")
			}
		})
	}
	for _, issuer := range []string{"http://as.seller.example", "as.seller.example", "", "https://as.seller.example?x=1", s.issuer + "#x"} {
		_, err := relyingparty.Discover(t.Context(), s.Client(), issuer)
		wantAbort(t, err, relyingparty.ReasonIss)
	}
	if _, err := relyingparty.Discover(t.Context(), nil, s.issuer); err == nil {
		t.Error("the certificate of nobody was trusted")
	}
}

func TestNewRefuses(t *testing.T) {
	good := relyingparty.Config{
		ClientID: clientID, RedirectURI: callback, Signer: newKey("ES256"), KeyID: "k",
		Issuer: &relyingparty.Metadata{Issuer: "https://as", AuthorizationEndpoint: "https://as/a", TokenEndpoint: "https://as/t", JWKSURI: "https://as/j"},
	}
	if _, err := relyingparty.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*relyingparty.Config){
		"client id":    func(c *relyingparty.Config) { c.ClientID = "" },
		"http":         func(c *relyingparty.Config) { c.RedirectURI = "http://tpp.buyer.example/cb" },
		"fragment":     func(c *relyingparty.Config) { c.RedirectURI += "#x" },
		"no issuer":    func(c *relyingparty.Config) { c.Issuer = nil },
		"no endpoints": func(c *relyingparty.Config) { c.Issuer = &relyingparty.Metadata{Issuer: "https://as"} },
		"no key":       func(c *relyingparty.Config) { c.Signer = nil },
		"no kid":       func(c *relyingparty.Config) { c.KeyID = "" },
		"other alg":    func(c *relyingparty.Config) { c.Alg = profile.PS256 },
		"none":         func(c *relyingparty.Config) { c.IDTokenAlg = "none" },
		"HS256":        func(c *relyingparty.Config) { c.IDTokenAlg = "HS256" },
	} {
		config := good
		change(&config)
		if _, err := relyingparty.New(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := relyingparty.New(relyingparty.Config{})
	if parts := strings.Split(err.Error(), "\n"); !slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(s, "ClientID") }) || len(parts) < 4 {
		t.Errorf("not everything is listed: %v", err)
	}
}
