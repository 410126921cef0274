package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// keyServer serves one JWK Set and counts who looks.
type keyServer struct {
	*httptest.Server
	set  json.RawMessage
	hits atomic.Int32
}

func serveKeys(t *testing.T, b *harness.Buyer) *keyServer {
	t.Helper()
	k := &keyServer{set: b.JWKS()}
	k.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		k.hits.Add(1)
		rw.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = rw.Write(k.set)
	}))
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	return k
}

// TestRequirementsOfKeys: where a client's keys come from, and from where they
// never do.
func TestRequirementsOfKeys(t *testing.T) {
	b := harness.NewBuyer(t, "buyer-a", "ES256", harness.Issuer)
	secureKeys, plainKeys := serveKeys(t, b), serveKeys(t, b)
	secureKeys.StartTLS()
	plainKeys.Start()
	t.Cleanup(secureKeys.Close)
	t.Cleanup(plainKeys.Close)
	h := harness.StartHost(t, profile.FAPI1Advanced(), nil, func(c *compose.Config) {
		c.PairwiseSalt, c.Outbound = harness.Secret, outbound.InsecureLoopback()
		c.Outbound.RootCAs = x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(secureKeys.Certificate())
	})
	b.Speak(profile.FAPI1Advanced())
	look := func(header ...harness.Change) (harness.Answer, harness.Response) {
		form := url.Values{"token": {"x"}}
		b.Authenticated(form).Set("client_assertion", b.Assertion(header...))
		return h.Approve(t, h.URL(b, b.Object("", header...))), h.Post(t, h.Introspect, form)
	}
	for _, c := range []struct {
		name, uri string
		hits      *atomic.Int32
		ok        bool
	}{
		{"FAPI-8.9-0/FAPI-8.9-1/jwks_uri over TLS", secureKeys.URL + "/a", &secureKeys.hits, true},
		{"FAPI-8.9-1/jwks_uri without TLS", plainKeys.URL, &plainKeys.hits, false},
		{"BASE-7.1-2/FAPI-8.5-0/jwks_uri at a name that the certificate does not have", strings.Replace(secureKeys.URL, "127.0.0.1", "localhost", 1), &secureKeys.hits, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.hits.Load()
			h.Register(t, b, harness.Set("jwks", nil), harness.Set("jwks_uri", c.uri))
			answer, r := look()
			if answer.Params.Has("code") != c.ok || (r.Status == 200) != c.ok || (c.hits.Load() > before) != c.ok {
				t.Errorf("%d %v %s, %s, %d requests", answer.Status, answer.Params, answer.Body, r.Raw, c.hits.Load()-before)
			}
		})
	}
	h.Register(t, b)
	for _, name := range []string{"jku", "x5u"} {
		t.Run("MEF-D9/C-10/FAPI-8.9-2/"+name+" is never fetched", func(t *testing.T) {
			before, own := secureKeys.hits.Load(), b.Key
			thief := harness.NewBuyer(t, "buyer-a", "ES256", harness.Issuer)
			secureKeys.set, b.Key = thief.JWKS(), thief.Key
			defer func() { b.Key = own }()
			answer, r := look(harness.Header(name, secureKeys.URL))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, badObject) || r.Status != 401 || r.Body["error"] != "invalid_client" || secureKeys.hits.Load() != before {
				t.Errorf("%d %v, %s, %d requests", answer.Status, answer.Params, r.Raw, secureKeys.hits.Load()-before)
			}
		})
	}
}

// TestRequirementsOfKeySizes: a key that is too small signs nothing.
func TestRequirementsOfKeySizes(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // what is refused
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for id, c := range map[string]struct {
		alg string
		key crypto.Signer
		jwk map[string]any
	}{
		"BASE-5.2.2-5/SLIDES-04/RSA of 1024 bits": {"PS256", small, map[string]any{"kty": "RSA", "n": b64(small.N.Bytes()), "e": "AQAB"}},
		"BASE-5.2.2-6/SLIDES-04/P-224":            {"ES256", p224, map[string]any{"kty": "EC", "crv": "P-224", "x": b64(p224.X.FillBytes(make([]byte, 28))), "y": b64(p224.Y.FillBytes(make([]byte, 28)))}},
	} {
		t.Run(id, func(t *testing.T) {
			s := play(t, profile.FAPI1Advanced())
			weak := *s.b
			weak.Alg, weak.Key = c.alg, c.key
			c.jwk["kid"], c.jwk["use"] = weak.Kid, "sig"
			s.Register(t, s.b, harness.Set("jwks", map[string]any{"keys": []any{c.jwk}}))
			answer := s.Approve(t, s.URL(&weak, weak.Object("")))
			if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, badObject) {
				t.Errorf("%d %v %s", answer.Status, answer.Params, answer.Body)
			}
			refused(t, s.client.Post(t, s.client.Token, weak.Authenticated(ownBehalf("accounts"))), 401, "invalid_client")
			s.Register(t, s.b)
			s.code(t)
		})
	}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// TestRequirementsOfKids: which key of a set is taken.
func TestRequirementsOfKids(t *testing.T) {
	s := play(t, profile.FAPI1Advanced())
	ec, ps, second := s.b, harness.NewBuyer(t, "buyer-a", "PS256", s.Issuer), harness.NewBuyer(t, "buyer-a", "ES256", s.Issuer)
	for _, b := range []*harness.Buyer{ps, second} {
		b.Speak(profile.FAPI1Advanced())
	}
	second.Kid = "second"
	jwk := func(b *harness.Buyer) gojose.JSONWebKey {
		return gojose.JSONWebKey{Key: b.Key.Public(), KeyID: b.Kid, Use: "sig"}
	}
	takes := func(b *harness.Buyer) bool {
		answer := s.Approve(t, s.URL(b, b.Object("")))
		r := s.client.Post(t, s.client.Token, b.Authenticated(ownBehalf("accounts")))
		if answer.Params.Has("code") != (r.Status == 200) {
			t.Errorf("object: %d %v, assertion: %s", answer.Status, answer.Params, r.Raw)
		}
		return r.Status == 200
	}
	register := func(keys ...gojose.JSONWebKey) {
		s.Register(t, ec, harness.Set("jwks", gojose.JSONWebKeySet{Keys: keys}))
	}
	register(jwk(second), jwk(ec))
	wrong := *ec
	wrong.Kid = second.Kid
	byKid, notByTrying := takes(ec) && takes(second), !takes(&wrong)
	register(jwk(ps), jwk(ec))
	hold(t, nil, []sentence{
		{"FAPI-8.11-1/MEF-D11", "the key is found by its kid", byKid},
		{"FAPI-8.11-2/MEF-D11", "the one match is taken, and no other tried", notByTrying},
		{"FAPI-8.11-3", "of two keys with one kid, the one that fits", takes(ec) && takes(ps)},
	})
	t.Run("FAPI-8.9-3/the server's kids differ", func(t *testing.T) {
		p := profile.MEFLSO()
		p.SigningAlgs = append(p.SigningAlgs, profile.ES384, profile.PS512)
		many := harness.StartHost(t, p, nil, func(c *compose.Config) {
			twice := *c
			twice.Keys = key.Signing(ecPrivate(t, "one"), ecPrivate(t, "one"))
			if _, err := compose.New(twice); err == nil || !strings.Contains(err.Error(), "one") {
				t.Errorf("two keys with one kid: %v", err)
			}
			c.Keys = manyKeys(t)
		})
		response, err := many.HTTP.Get(many.Issuer + "/oauth2/jwks")
		if err != nil {
			t.Fatal(err)
		}
		var published gojose.JSONWebKeySet
		if err := json.Unmarshal([]byte(harness.ReadJSON(t, response).Raw), &published); err != nil {
			t.Fatal(err)
		}
		kids := map[string]bool{}
		for _, k := range published.Keys {
			kids[k.KeyID] = true
		}
		if len(published.Keys) != 5 || len(kids) != 5 {
			t.Errorf("%d keys with %d kids", len(published.Keys), len(kids))
		}
	})
}

// TestRequirementsOfBrands: an issuer with a path is one of its own.
func TestRequirementsOfBrands(t *testing.T) {
	brand := func(issuer string) *harness.Host {
		return harness.StartDirect(t, profile.MEFLSO(), nil, func(c *compose.Config) { c.Issuer = issuer })
	}
	one, two := brand("https://op.example.com/one"), brand("https://op.example.com/two")
	mux := http.NewServeMux()
	for path, h := range map[string]*harness.Host{"/one": one, "/two": two} {
		pages := http.StripPrefix(path, h.Handler())
		mux.Handle(path+"/oauth2/auth", pages)
		mux.Handle(path+"/oauth2/token", pages)
		mux.Handle(path+"/", h.Handler())
	}
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	one.Issuer += "/one"
	one.Authorize, one.Token = one.Issuer+"/oauth2/auth", one.Issuer+"/oauth2/token"
	one.HTTP = server.Client()
	one.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b := harness.NewBuyer(t, "buyer-a", "ES256", one.Issuer)
	one.Register(t, b)
	answer := one.Approve(t, one.URL(b, b.Object(one.NewIntent(t, b, "once"))))
	_, front := harness.Decode(t, answer.Params.Get("id_token"))
	access, _ := one.Redeem(t, b, answer.Params.Get("code")).Body["access_token"].(string)
	discovered := fetched(t, one.HTTP, one.Issuer+"/.well-known/openid-configuration", "")
	own, other := fetched(t, one.HTTP, one.Issuer+"/userinfo", access), fetched(t, one.HTTP, "https://op.example.com/two/userinfo", access)
	hold(t, []any{answer, discovered, own, other}, []sentence{
		{"BASE-7.7", "the brand's discovery, ID Token and answer name it", discovered.Body["issuer"] == one.Issuer && front["iss"] == one.Issuer && answer.Params.Get("iss") == one.Issuer},
		{"BASE-7.7", "the brand's token is good for it alone", own.Status == 200 && other.Status == 401 && other.Body["error"] == "invalid_token"},
	})
}
