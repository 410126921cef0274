package relyingparty_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// asked is one request of a profile's client, as it leaves.
func asked(t *testing.T, p profile.Profile, change func(*relyingparty.Config)) (s *seller, query url.Values, payload object, login *relyingparty.Login) {
	t.Helper()
	s = newSeller(t, "ES256")
	c := s.client(t, func(config *relyingparty.Config) {
		config.Profile, config.ACRValues = &p, nil
		if change != nil {
			change(config)
		}
	})
	wanted := relyingparty.AuthorizationRequest{Scopes: []string{"accounts"}}
	if p.RequireIntent {
		wanted.IntentID = intentID
	}
	link, login, err := c.Begin(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	raw := u.Query().Get("request")
	if raw == "" {
		raw = s.pushed[0].Get("request")
	}
	_, payload = decodeJWT(t, raw)
	return s, u.Query(), payload, login
}

type sentence struct {
	id, says string
	holds    bool
}

func hold(t *testing.T, seen any, sentences []sentence) {
	t.Helper()
	for _, s := range sentences {
		t.Run(s.id+"/"+s.says, func(t *testing.T) {
			if !s.holds {
				t.Errorf("%+v", seen)
			}
		})
	}
}

func TestRequirementsOfRequests(t *testing.T) {
	s, query, payload, login := asked(t, profile.FAPI1Advanced(), nil)
	_, pushed, inside, later := asked(t, profile.FAPI1Advanced(), pushing)
	number := func(name string) float64 { n, _ := payload[name].(float64); return n }
	scope, _ := payload["scope"].(string)
	hold(t, []any{query, payload, pushed, inside}, []sentence{
		{"FAPI-5.2.3-0", "no PKCE with an object by value", payload["code_challenge"] == nil && login.CodeVerifier == ""},
		{"FAPI-5.2.3-2", "request, or request_uri", query.Has("request") && !query.Has("request_uri") && pushed.Get("request_uri") == reference && !pushed.Has("request")},
		{"FAPI-5.2.3-9", "response_type, client_id and scope outside are those inside", query.Get("response_type") == payload["response_type"] && query.Get("client_id") == payload["client_id"] && query.Get("scope") == scope && scope != ""},
		{"FAPI-5.2.3-10", "aud is the issuer", payload["aud"] == s.issuer},
		{"FAPI-5.2.3-11", "exp is at most an hour ahead of nbf", number("exp") > number("nbf") && number("exp")-number("nbf") <= 3600},
		{"FAPI-5.2.3-14", "nbf", number("nbf") == float64(start.Unix())},
		{"FAPI-5.2.3.1-1/BASE-5.2.3-7", "openid is in the scope", strings.HasPrefix(scope+" ", "openid ")},
		{"BASE-5.2.3-8", "nonce is remembered", login.Nonce != "" && payload["nonce"] == login.Nonce},
		{"BASE-5.2.3-9", "state is remembered", login.State != "" && payload["state"] == login.State},
		{"BASE-5.2.3-1/2", "S256 with PAR", inside["code_challenge_method"] == "S256" && len(inside["code_challenge"].(string)) == 43 && len(later.CodeVerifier) == 43},
	})
	_, query, payload, _ = asked(t, profile.NZBanking(), func(c *relyingparty.Config) { c.RedirectURI = callback + "/nz" })
	claims, _ := payload["claims"].(object)
	idToken, _ := claims["id_token"].(object)
	intent, _ := idToken["openbanking_intent_id"].(object)
	hold(t, payload, []sentence{
		{"NZ-RO-claims/NZ-RO-essential", "the intent is essential", intent["value"] == intentID && intent["essential"] == true},
		{"NZ-C-iss/NZ-C-client_id/NZ-P-client_id", "iss is the client", payload["iss"] == clientID && payload["client_id"] == clientID && query.Get("client_id") == clientID},
		{"NZ-5.2.4-1/NZ-C-redirect_uri", "a redirect URI of its own for the server", payload["redirect_uri"] == callback+"/nz"},
	})
}

func TestRequirementsOfAnswers(t *testing.T) {
	t.Run("NZ-5.2.4-2/a signed ID Token", func(t *testing.T) {
		s := newSeller(t, "ES256")
		c := s.client(t, func(config *relyingparty.Config) { config.Profile, config.ACRValues = new(profile.NZBanking()), nil })
		good, forged := newAttempt(t, s, c), newAttempt(t, s, c)
		put(good.claims, "openbanking_intent_id", intentID)
		put(forged.claims, "openbanking_intent_id", intentID)
		if _, err := good.finish(c); err != nil {
			t.Error(err)
		}
		s.key = newKey("ES256")
		_, err := forged.finish(c)
		wantAbort(t, err, relyingparty.ReasonSignature)
	})
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	redeem := func(name string, value any) (*relyingparty.Tokens, error) {
		a, d := login(t, s, c)
		body, idToken := a.answer()
		body["id_token"] = s.sign(s.header(), idToken)
		if name != "" {
			put(body, name, value)
		}
		s.tokens(200, body)
		return c.Exchange(t.Context(), d)
	}
	t.Run("MEF-10.2.5/the intent of the signed ID Token", func(t *testing.T) {
		if tokens, err := redeem("", nil); err != nil || tokens.IntentID != intentID {
			t.Error(tokens, err)
		}
	})
	for id, c := range map[string]struct {
		name   string
		value  any
		reason relyingparty.Reason
	}{
		"BASE-5.2.3-10/MEF-10.2.3/more scopes than were asked": {"scope", "openid quote payments", relyingparty.ReasonScope},
		"MEF-10.2.3/another token_type":                        {"token_type", "mac", relyingparty.ReasonTokenType},
		"MEF-10.2.3/expires_in below zero":                     {"expires_in", -1, relyingparty.ReasonForm},
	} {
		t.Run(id, func(t *testing.T) {
			tokens, err := redeem(c.name, c.value)
			wantAbort(t, err, c.reason)
			if tokens != nil {
				t.Error("there are tokens all the same")
			}
		})
	}
	t.Run("MEF-10.2.3/an opaque access token", func(t *testing.T) {
		if tokens, err := redeem("", nil); err != nil || tokens.AccessToken != access {
			t.Error(tokens, err)
		}
	})
	t.Run("BASE-5.2.3-11/metadata of another issuer", func(t *testing.T) {
		s.metadata["issuer"] = "https://evil.example"
		_, err := relyingparty.Discover(t.Context(), s.Client(), s.issuer)
		wantAbort(t, err, relyingparty.ReasonIss)
	})
}

func TestRequirementsOfCredentials(t *testing.T) {
	s := newSeller(t, "ES256")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for id, change := range map[string]func(*relyingparty.Config){
		"BASE-5.2.4-2/RSA of 1024 bits": func(c *relyingparty.Config) { c.Signer, c.Alg = small, profile.PS256 },
		"BASE-5.2.4-3/P-224":            func(c *relyingparty.Config) { c.Signer, c.Alg = p224, profile.ES256 },
		"BASE-5.2.4-4/client secrets":   func(c *relyingparty.Config) { c.AuthMethod = profile.ClientSecretJWT },
	} {
		t.Run(id, func(t *testing.T) {
			if _, err := tryClient(t, s, change); err == nil {
				t.Error("no error")
			}
		})
	}
}

// front is a listener that asks for certificates, before a seller.
type front struct {
	*httptest.Server
	seen []*http.Request
}

func newFront(t *testing.T, s *seller) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f.seen = append(f.seen, r)
		if r.URL.Path == "/api" {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		s.Config.Handler.ServeHTTP(rw, r)
	}))
	f.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: clientID}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestRequirementsOfCalls: one certificate for the tokens and for the API.
func TestRequirementsOfCalls(t *testing.T) {
	for _, method := range []profile.AuthMethod{profile.PrivateKeyJWT, profile.TLSClientAuth} {
		t.Run("BASE-5.2.4-1/"+string(method), func(t *testing.T) { calls(t, method) })
	}
}

func calls(t *testing.T, method profile.AuthMethod) {
	s := newSeller(t, "ES256")
	f := newFront(t, s)
	s.metadata["mtls_endpoint_aliases"] = object{"token_endpoint": f.URL + "/token"}
	s.tokens(200, object{"access_token": access, "token_type": "Bearer"})
	transport := s.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{certificate(t, newKey("ES256"))}
	t.Cleanup(transport.CloseIdleConnections)
	c := s.client(t, func(config *relyingparty.Config) {
		config.Profile, config.AuthMethod, config.MTLS = new(profile.NZBanking()), method, true
		config.ACRValues, config.HTTP = nil, &http.Client{Transport: transport}
	})
	tokens, err := c.ClientCredentials(t.Context(), []string{"accounts"})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+"/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Call(request, tokens, customer)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if len(f.seen) != 2 || response.StatusCode != http.StatusNoContent {
		t.Fatalf("%d requests, %d", len(f.seen), response.StatusCode)
	}
	first, second := f.seen[0].TLS.PeerCertificates, f.seen[1].TLS.PeerCertificates
	header := f.seen[1].Header
	hold(t, header, []sentence{
		{"FAPI-5.2.3-1/NZ-6.2.2-1", "the same certificate at the token endpoint and the API", len(first) == 1 && len(second) == 1 && first[0].Equal(second[0])},
		{"BASE-6.2.2-1", "the token is in the header", header.Get("Authorization") == "Bearer "+access && f.seen[1].URL.RawQuery == ""},
		{"BASE-6.2.2-3/NZ-6.2.2-2", "x-fapi-auth-date is an HTTP date", header.Get("x-fapi-auth-date") == "Sat, 13 Jun 2026 11:36:09 GMT"},
		{"BASE-6.2.2-4/NZ-6.2.2-3", "x-fapi-customer-ip-address", header.Get("x-fapi-customer-ip-address") == "104.25.212.99"},
		{"NZ-6.2.2-4", "x-merchant-ip-address", header.Get("x-merchant-ip-address") == "2001:db8::1"},
		{"NZ-6.2.2-5", "x-customer-user-agent", header.Get("x-customer-user-agent") == "Mozilla/5.0"},
		{"NZ-6.2.2-6", "x-fapi-customer-acr", header.Get("x-fapi-customer-acr") == "urn:x"},
		{"BASE-6.2.2-5", "x-fapi-interaction-id is a UUID", uuid.Validate(header.Get("x-fapi-interaction-id")) == nil},
	})
}
