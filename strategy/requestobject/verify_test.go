package requestobject_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

const issuer, clientID = "https://seller.example", "buyer"

var now = time.Unix(1_700_000_000, 0)

type members map[string]any

// good is an object that nobody refuses.
func good() members {
	return members{
		"iss": clientID, "aud": issuer, "client_id": clientID, "response_type": "code id_token", "scope": "openid quote",
		"redirect_uri": "https://buyer.example/cb", "nonce": "n", "nbf": now.Unix(), "exp": now.Unix() + 300, "jti": "1",
	}
}

// client is a Buyer with one ES256 key.
type client struct {
	key      *ecdsa.PrivateKey
	metadata *storage.ClientMetadata
}

func newClient(t testing.TB) *client {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: private.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &client{private, &storage.ClientMetadata{JWKS: set}}
}

func (c *client) sign(t testing.TB, typ string, m members) string {
	t.Helper()
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	options := &gojose.SignerOptions{}
	if typ != "" {
		options.WithType(gojose.ContentType(typ))
	}
	jwk := gojose.JSONWebKey{Key: c.key, KeyID: "k"}
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: jwk}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func newVerifier(change ...func(*profile.Profile)) *requestobject.Verifier {
	p := profile.MEFLSO()
	for _, c := range change {
		c(&p)
	}
	return &requestobject.Verifier{
		Profile: &p, Issuer: issuer, Keys: key.NewClientKeys(key.ClientKeysConfig{}), Clock: func() time.Time { return now },
	}
}

// read does all that a caller does with an object.
func read(v *requestobject.Verifier, raw, id string, m *storage.ClientMetadata) (*requestobject.Object, error) {
	object, err := v.Open(context.Background(), raw, id, m)
	if err != nil {
		return nil, err
	}
	return object, v.CheckTimes(object)
}

func wantRule(t *testing.T, err error, rule profile.Rule) {
	t.Helper()
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.Rule != rule || violation.OAuth.ErrorField != "invalid_request_object" {
		t.Errorf("got %v, want invalid_request_object by %s", err, rule)
	}
}

func TestGoodObject(t *testing.T) {
	c := newClient(t)
	for _, typ := range []string{"", "JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"} {
		object, err := read(newVerifier(), c.sign(t, typ, good()), clientID, c.metadata)
		if err != nil {
			t.Fatalf("typ %q: %v", typ, err)
		}
		if object.Alg != "ES256" || object.ID != "1" || !object.Expires.Equal(now.Add(300*time.Second)) {
			t.Errorf("got %+v", object)
		}
	}
}

func TestObjectsRefused(t *testing.T) {
	c := newClient(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		change members // nil removes
		rule   profile.Rule
	}{
		{"MEF-R14 no client_id", members{"client_id": nil}, "MEF-R14"},
		{"MEF-R14 another client_id", members{"client_id": "other"}, "MEF-R14"},
		{"client_id a list", members{"client_id": []string{clientID}}, "MEF-R14"},
		{"C-19 no iss", members{"iss": nil}, "C-19"},
		{"C-19 another iss", members{"iss": issuer}, "C-19"},
		{"iss a number", members{"iss": 1}, "C-19"},
		{"RFC9101-4 request", members{"request": "x"}, "RFC9101-4"},
		{"RFC9101-4 request_uri", members{"request_uri": "https://buyer.example/ro"}, "RFC9101-4"},
		{"RFC9101-10.8 sub", members{"sub": clientID}, "RFC9101-10.8"},
		{"sub a number", members{"sub": 1}, "RFC9101-10.8"},
		{"FAPI-5.2.2-15 no aud", members{"aud": nil}, "FAPI-5.2.2-15"},
		{"FAPI-5.2.2-15 another aud", members{"aud": issuer + "/"}, "FAPI-5.2.2-15"},
		{"aud without the issuer", members{"aud": []string{"a", "b"}}, "FAPI-5.2.2-15"},
		{"aud a mixed list", members{"aud": []any{issuer, 1}}, "FAPI-5.2.2-15"},
		{"FAPI-5.2.2-13 no exp", members{"exp": nil}, "FAPI-5.2.2-13"},
		{"exp a string", members{"exp": "1700000300"}, "FAPI-5.2.2-13"},
		{"exp zero", members{"exp": 0}, "FAPI-5.2.2-13"},
		{"exp huge", members{"exp": 1e18}, "FAPI-5.2.2-13"},
		{"FAPI-5.2.2-13 expired", members{"nbf": at(-5 * time.Minute), "exp": at(-30 * time.Second)}, "FAPI-5.2.2-13"},
		{"FAPI-5.2.2-13 lives 60 min and 1 s", members{"exp": at(time.Hour + time.Second)}, "FAPI-5.2.2-13"},
		{"FAPI-5.2.2-17 no nbf", members{"nbf": nil}, "FAPI-5.2.2-17"},
		{"nbf negative", members{"nbf": -1}, "FAPI-5.2.2-17"},
		{"FAPI-5.2.2-17 not yet", members{"nbf": at(31 * time.Second)}, "FAPI-5.2.2-17"},
		{"FAPI-5.2.2-17 too old", members{"nbf": at(-time.Hour - time.Second)}, "FAPI-5.2.2-17"},
		{"iat ahead", members{"iat": at(31 * time.Second)}, "RFC7519-4.1.6"},
		{"iat null", members{"iat": json.RawMessage("null")}, "RFC7519-4.1.6"},
		{"jti a number", members{"jti": 1}, "RFC9101-4"},
		{"jti long", members{"jti": strings.Repeat("j", 513)}, "RFC9101-4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := read(newVerifier(), c.sign(t, "JWT", changed(test.change)), clientID, c.metadata)
			wantRule(t, err, test.rule)
		})
	}
}

func changed(change members) members {
	m := good()
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func TestObjectsAtTheEdge(t *testing.T) {
	c := newClient(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, change := range map[string]members{
		"no jti":              {"jti": nil},
		"aud a list":          {"aud": []string{"other", issuer}},
		"expired by 29 s":     {"nbf": at(-5 * time.Minute), "exp": at(-29 * time.Second)},
		"lives 60 min":        {"exp": at(time.Hour)},
		"nbf 30 s ahead":      {"nbf": at(30 * time.Second)},
		"nbf 60 min ago":      {"nbf": at(-time.Hour), "exp": at(0)},
		"iat 30 s ahead":      {"iat": at(30 * time.Second)},
		"sub of somebody":     {"sub": "user"},
		"names in other case": {"EXP": 1, "Iss": "evil", "Request": "x", "CLIENT_ID": "evil"},
	} {
		if _, err := read(newVerifier(), c.sign(t, "JWT", changed(change)), clientID, c.metadata); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	noIss := newVerifier(func(p *profile.Profile) { p.RequestObject.RequireIss = false })
	if _, err := read(noIss, c.sign(t, "JWT", changed(members{"iss": nil})), clientID, c.metadata); err != nil {
		t.Errorf("no iss where none is demanded: %v", err)
	}
	_, err := read(noIss, c.sign(t, "JWT", changed(members{"iss": "other"})), clientID, c.metadata)
	wantRule(t, err, "C-19")
}

func TestHeadersRefused(t *testing.T) {
	c := newClient(t)
	raw := c.sign(t, "JWT", good())
	_, body, _ := strings.Cut(raw, ".")
	for _, test := range []struct {
		name, raw string
		rule      profile.Rule
	}{
		{"MEF-R24 empty", "", "MEF-R24"},
		{"MEF-R24 two parts", body, "MEF-R24"},
		{"MEF-R24 too large", strings.Repeat("a", requestobject.MaxBytes+1), "MEF-R24"},
		{"MEF-R51 none", b64(`{"alg":"none","kid":"k"}`) + "." + body, "MEF-R51"},
		{"MEF-R39 HS256", b64(`{"alg":"HS256","kid":"k"}`) + "." + body, "MEF-R39"},
		{"FAPI-8.6-1 RS256", b64(`{"alg":"RS256","kid":"k"}`) + "." + body, "FAPI-8.6-1"},
		{"MEF-R43 ES384", b64(`{"alg":"ES384","kid":"k"}`) + "." + body, "MEF-R43"},
		{"MEF-R43 no alg", b64(`{"kid":"k"}`) + "." + body, "MEF-R43"},
		{"MEF-R42 no kid", b64(`{"alg":"ES256"}`) + "." + body, "MEF-R42"},
		{"FAPI-8.9-2 jku", b64(`{"alg":"ES256","kid":"k","jku":"https://evil.example"}`) + "." + body, "FAPI-8.9-2"},
		{"MEF-R44 unknown kid", b64(`{"alg":"ES256","kid":"x"}`) + "." + body, "MEF-R44"},
		{"MEF-R39 altered", b64(`{"alg":"ES256", "kid":"k"}`) + "." + body, "MEF-R39"},
		{"RFC8725-3.11 typ", c.sign(t, "client-authentication+jwt", good()), "RFC8725-3.11"},
		{"RFC8725-3.11 typ of an access token", c.sign(t, "at+jwt", good()), "RFC8725-3.11"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newVerifier().Open(t.Context(), test.raw, clientID, c.metadata)
			wantRule(t, err, test.rule)
		})
	}
}

func TestRegisteredAlg(t *testing.T) {
	c := newClient(t)
	raw := c.sign(t, "JWT", good())
	c.metadata.RequestObjectSigningAlg = "ES256"
	if _, err := newVerifier().Open(t.Context(), raw, clientID, c.metadata); err != nil {
		t.Error(err)
	}
	c.metadata.RequestObjectSigningAlg = "PS256"
	_, err := newVerifier().Open(t.Context(), raw, clientID, c.metadata)
	wantRule(t, err, "MEF-R43")
}

// An object that another client signed is not this client's, though its kid is
// the same.
func TestKeysAreTheClients(t *testing.T) {
	c, other := newClient(t), newClient(t)
	_, err := newVerifier().Open(t.Context(), other.sign(t, "JWT", good()), clientID, c.metadata)
	wantRule(t, err, "MEF-R39")
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// The request object of FAPI 1.0 Advanced, Appendix A.1.
func TestFAPIAppendixA1(t *testing.T) {
	raw, server, metadata := vector(t, "A.1")
	clock := func(unix int64) *requestobject.Verifier {
		v := newVerifier(func(p *profile.Profile) { p.RequestObject.RequireIss = false })
		v.Issuer, v.Clock = "https://fapi-as.example.com/", func() time.Time { return time.Unix(unix, 0) }
		return v
	}
	const id, signed = "52480754053", 1594140100
	object, err := read(clock(signed), raw, id, metadata)
	if err != nil {
		t.Fatal(err)
	}
	params, err := object.Params()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"client_id": id, "scope": "openid payments", "response_type": "code id_token", "state": "VgSUIEnflnDxTe1vAtr54o",
		"nonce": "7xDCHviuPMSXJIigkHOcDi", "redirect_uri": "https://fapi-client.example.org/fapi-as-callback",
	} {
		if params.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, params.Get(name), want)
		}
	}
	if len(params) != 6 || object.Alg != "PS256" || object.ID != "" || object.Expires.Unix() != 1594140390 {
		t.Errorf("got %v, %+v", params, object)
	}
	for name, test := range map[string]struct {
		unix int64
		rule profile.Rule
	}{
		"the last second": {1594140390 + 29, ""}, "expired": {1594140390 + 30, "FAPI-5.2.2-13"}, "today": {1_750_000_000, "FAPI-5.2.2-13"},
		"the first second": {1594140030 - 30, ""}, "not yet": {1594140030 - 31, "FAPI-5.2.2-17"},
	} {
		_, err := read(clock(test.unix), raw, id, metadata)
		if test.rule == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if test.rule != "" {
			wantRule(t, err, test.rule)
		}
	}
	_, err = read(clock(signed), raw, id, server)
	wantRule(t, err, "MEF-R39")
	_, err = read(clock(signed), raw, id, &storage.ClientMetadata{})
	wantRule(t, err, "MEF-R44")
	_, err = read(clock(signed), raw, "other", metadata)
	wantRule(t, err, "MEF-R14")
	strict := clock(signed)
	strict.Issuer = "https://fapi-as.example.com"
	_, err = read(strict, raw, id, metadata)
	wantRule(t, err, "FAPI-5.2.2-15")
}

// vector returns a token of the appendix, the metadata of a client that has
// the server's key under the client's kid, and the client's own.
func vector(t *testing.T, token string) (raw string, wrong, right *storage.ClientMetadata) {
	t.Helper()
	data, err := os.ReadFile("../internal/jose/testdata/fapi-appendix-a.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		JWKS struct {
			Keys []map[string]string `json:"keys"`
		} `json:"jwks"`
		Tokens map[string]string `json:"tokens"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	set := func(jwk map[string]string) *storage.ClientMetadata {
		jwk["kid"] = "client-2020-08-28"
		jwks, err := json.Marshal(map[string]any{"keys": []any{jwk}})
		if err != nil {
			t.Fatal(err)
		}
		return &storage.ClientMetadata{JWKS: jwks}
	}
	return v.Tokens[token], set(v.JWKS.Keys[1]), set(v.JWKS.Keys[0])
}
