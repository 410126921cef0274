package clientauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const issuer, clientID = "https://seller.example", "buyer"

var now = time.Unix(1_700_000_000, 0)

type members map[string]any

func good() members {
	return members{"iss": clientID, "sub": clientID, "aud": issuer + "/token", "exp": now.Unix() + 60, "iat": now.Unix(), "jti": "1"}
}

func changed(change members) members {
	m := good()
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

// once counts what reaches the store.
type once struct {
	storage.Once
	mu   sync.Mutex
	keys []string
	err  error
}

func (o *once) UseOnce(ctx context.Context, key string, until time.Time) error {
	o.mu.Lock()
	o.keys = append(o.keys, key)
	o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	return o.Once.UseOnce(ctx, key, until)
}

// desk is a verifier with its clock, its store and one client.
type desk struct {
	clientauth.Assertion
	now      time.Time
	once     *once
	key      *ecdsa.PrivateKey
	metadata *storage.ClientMetadata
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: private.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{now: now, key: private, metadata: &storage.ClientMetadata{JWKS: set}}
	clock := func() time.Time { return d.now }
	d.once = &once{Once: memory.New(memory.Config{Clock: clock})}
	p := profile.MEFLSO()
	d.Assertion = clientauth.Assertion{
		Profile: &p, Audiences: []string{issuer, issuer + "/token"}, Keys: key.NewClientKeys(key.ClientKeysConfig{}), Once: d.once, Clock: clock,
	}
	return d
}

func (d *desk) sign(t testing.TB, typ string, m members) string {
	t.Helper()
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	options := (&gojose.SignerOptions{}).WithType(gojose.ContentType(typ))
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: gojose.JSONWebKey{Key: d.key, KeyID: "k"}}, options)
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

func (d *desk) try(raw string) error {
	return d.check(raw, d.metadata)
}

func (d *desk) check(raw string, m *storage.ClientMetadata) error {
	presented, err := clientauth.Present(raw)
	if err != nil {
		return err
	}
	return d.Authenticate(context.Background(), presented, m)
}

func wantRule(t *testing.T, err error, rule profile.Rule) {
	t.Helper()
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.Rule != rule || violation.OAuth.ErrorField != "invalid_client" || violation.OAuth.CodeField != 401 {
		t.Errorf("got %v, want invalid_client by %s", err, rule)
	}
}

func TestGoodAssertions(t *testing.T) {
	d := newDesk(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for i, change := range []members{
		{}, {"aud": issuer}, {"aud": []string{"other", issuer}}, {"iat": nil}, {"nbf": at(30 * time.Second)}, {"iat": at(30 * time.Second)},
		{"exp": at(-29 * time.Second), "iat": nil}, {"exp": at(5 * time.Minute)}, {"exp": at(5*time.Minute + 30*time.Second), "iat": at(30 * time.Second)},
		{"SUB": "evil", "Exp": 1},
	} {
		change["jti"] = strings.Repeat("j", i+1)
		if err := d.try(d.sign(t, "JWT", changed(change))); err != nil {
			t.Errorf("%v: %v", change, err)
		}
	}
	if err := d.try(d.sign(t, "client-authentication+jwt", good())); err != nil {
		t.Error(err)
	}
}

// A refused assertion was not used up: nothing reaches the store, and the same
// jti serves afterwards.
func TestAssertionsRefused(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name   string
		change members
		rule   profile.Rule
	}{
		{"RFC7523-3-1 no iss", members{"iss": nil}, "RFC7523-3-1"},
		{"RFC7523-3-1 another iss", members{"iss": "other"}, "RFC7523-3-1"},
		{"RFC7523-3-2 no sub", members{"sub": nil}, "RFC7523-3-2"},
		{"RFC7523-3-1 another sub", members{"sub": "other"}, "RFC7523-3-1"},
		{"RFC7523-3-3 no aud", members{"aud": nil}, "RFC7523-3-3"},
		{"RFC7523-3-3 another aud", members{"aud": "https://other.example"}, "RFC7523-3-3"},
		{"RFC7523-3-3 aud with a slash", members{"aud": issuer + "/"}, "RFC7523-3-3"},
		{"RFC7523-3-3 aud a mixed list", members{"aud": []any{issuer, nil}}, "RFC7523-3-3"},
		{"RFC7523-3-4 no exp", members{"exp": nil}, "RFC7523-3-4"},
		{"RFC7523-3-4 expired", members{"exp": at(-30 * time.Second)}, "RFC7523-3-4"},
		{"RFC7523-3-4 exp a string", members{"exp": "1700000060"}, "RFC7523-3-4"},
		{"RFC7523-3-4 too far ahead", members{"exp": at(331 * time.Second), "iat": nil}, "RFC7523-3-4"},
		{"RFC7523-3-4 in milliseconds", members{"exp": now.UnixMilli()}, "RFC7523-3-4"},
		{"RFC7523-3-5 not yet", members{"nbf": at(31 * time.Second)}, "RFC7523-3-5"},
		{"RFC7523-3-5 nbf null", members{"nbf": json.RawMessage("null")}, "RFC7523-3-5"},
		{"RFC7523-3-6 iat ahead", members{"iat": at(31 * time.Second)}, "RFC7523-3-6"},
		{"RFC7523-3-6 lives too long", members{"iat": at(-241 * time.Second)}, "RFC7523-3-6"},
		{"RFC7523-3-7 no jti", members{"jti": nil}, "RFC7523-3-7"},
		{"RFC7523-3-7 jti empty", members{"jti": ""}, "RFC7523-3-7"},
		{"RFC7523-3-7 jti a number", members{"jti": 1}, "RFC7523-3-7"},
		{"RFC7523-3-7 jti long", members{"jti": strings.Repeat("j", 513)}, "RFC7523-3-7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			wantRule(t, d.try(d.sign(t, "JWT", changed(c.change))), c.rule)
			if len(d.once.keys) > 0 {
				t.Error("the store was asked")
			}
			if err := d.try(d.sign(t, "JWT", good())); err != nil {
				t.Errorf("the jti was used up: %v", err)
			}
		})
	}
}

func TestFormsRefused(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	raw := d.sign(t, "JWT", good())
	_, body, _ := strings.Cut(raw, ".")
	with := func(header string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + body }
	for _, c := range []struct {
		name, raw string
		rule      profile.Rule
	}{
		{"empty", "", "FAPI-5.2.2-14"},
		{"too large", strings.Repeat("a", clientauth.MaxBytes+1), "FAPI-5.2.2-14"},
		{"five parts", "a.b.c.d.e", "FAPI-5.2.2-14"},
		{"FAPI-8.6-3 none", with(`{"alg":"none","kid":"k"}`), "FAPI-8.6-1"},
		{"FAPI-8.6-1 HS256", with(`{"alg":"HS256","kid":"k"}`), "FAPI-8.6-1"},
		{"FAPI-8.6-1 RS256", with(`{"alg":"RS256","kid":"k"}`), "FAPI-8.6-1"},
		{"FAPI-8.9-2 jwk", with(`{"alg":"ES256","kid":"k","jwk":{}}`), "FAPI-8.9-2"},
		{"MEF-R42 no kid", with(`{"alg":"ES256"}`), "MEF-R42"},
		{"unknown kid", with(`{"alg":"ES256","kid":"x"}`), "RFC7523-3-9"},
		{"altered", with(`{"alg":"ES256","kid":"k"}`), "RFC7523-3-9"},
		{"another's key", other.sign(t, "JWT", good()), "RFC7523-3-9"},
		{"typ of a request object", d.sign(t, "oauth-authz-req+jwt", good()), "FAPI-8.9-2"},
		{"typ of an access token", d.sign(t, "at+jwt", good()), "FAPI-8.9-2"},
	} {
		t.Run(c.name, func(t *testing.T) { wantRule(t, d.try(c.raw), c.rule) })
	}
	if len(d.once.keys) > 0 {
		t.Error("the store was asked")
	}
	if err := d.try(raw); err != nil {
		t.Error(err)
	}
}

func TestRegisteredAlg(t *testing.T) {
	d := newDesk(t)
	d.metadata.TokenEndpointAuthSigningAlg = "PS256"
	wantRule(t, d.try(d.sign(t, "JWT", good())), "FAPI-8.6-1")
	d.metadata.TokenEndpointAuthSigningAlg = "ES256"
	if err := d.try(d.sign(t, "JWT", good())); err != nil {
		t.Error(err)
	}
}

// RFC7523-3-7: one jti, one use, for as long as anybody would take it.
func TestReplay(t *testing.T) {
	d := newDesk(t)
	raw := d.sign(t, "JWT", good())
	if err := d.try(raw); err != nil {
		t.Fatal(err)
	}
	wantRule(t, d.try(raw), "RFC7523-3-7")
	wantRule(t, d.try(d.sign(t, "JWT", changed(members{"exp": now.Unix() + 61}))), "RFC7523-3-7")
	d.now = now.Add(89 * time.Second)
	wantRule(t, d.try(raw), "RFC7523-3-7")
	d.now = now.Add(90*time.Second - time.Microsecond)
	wantRule(t, d.try(raw), "RFC7523-3-7")
	d.now = now.Add(90 * time.Second)
	wantRule(t, d.try(raw), "RFC7523-3-4")
}

// The jti of one client is not another's.
func TestReplayIsPerClient(t *testing.T) {
	d := newDesk(t)
	for _, id := range []string{"buyer", "buyer2"} {
		raw := d.sign(t, "JWT", changed(members{"iss": id, "sub": id}))
		if err := d.try(raw); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(d.once.keys)))) != 2 {
		t.Errorf("got the keys %q", d.once.keys)
	}
}

// Keys of the store are short and printable, and tell nothing of the jti.
func TestKeysOfTheStore(t *testing.T) {
	d := newDesk(t)
	jti := strings.Repeat("\u00e9", 200)
	if err := d.try(d.sign(t, "JWT", changed(members{"jti": jti}))); err != nil {
		t.Fatal(err)
	}
	k := d.once.keys[0]
	if len(k) > 200 || strings.ContainsFunc(k, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(k, clientID) {
		t.Errorf("got %q", k)
	}
}

func TestTwentyAtOnce(t *testing.T) {
	d := newDesk(t)
	raw := d.sign(t, "JWT", good())
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- d.try(raw) }()
	}
	passed := 0
	for range cap(results) {
		if err := <-results; err == nil {
			passed++
		} else {
			wantRule(t, err, "RFC7523-3-7")
		}
	}
	if passed != 1 {
		t.Errorf("%d passed, want 1", passed)
	}
}

// A key is one while its certificate is valid (MEF W128 R41, R44).
func TestAssertionOfCertifiedKey(t *testing.T) {
	d := newDesk(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, d.key.Public(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	d.metadata.JWKS, err = json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: d.key.Public(), KeyID: "k", Certificates: []*x509.Certificate{cert}}}})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Duration(0)
	d.Keys = key.NewClientKeys(key.ClientKeysConfig{Clock: func() time.Time { return now.Add(later) }})
	if err := d.try(d.sign(t, "JWT", good())); err != nil {
		t.Error(err)
	}
	later = 2 * time.Hour
	t.Run("MEF-R41/expired", func(t *testing.T) { wantRule(t, d.try(d.sign(t, "JWT", good())), "MEF-R41") })
}

func TestStoreFails(t *testing.T) {
	d := newDesk(t)
	d.once.err = errors.New("down")
	err := d.try(d.sign(t, "JWT", good()))
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.OAuth.ErrorField != "temporarily_unavailable" || !errors.Is(err, d.once.err) {
		t.Errorf("got %v, want temporarily_unavailable", err)
	}
}

func TestPresent(t *testing.T) {
	d := newDesk(t)
	if p, err := clientauth.Present(d.sign(t, "JWT", good())); err != nil || p.ClientID != clientID {
		t.Errorf("got %v, %v", p, err)
	}
	for _, sub := range []any{nil, "", 1, []string{clientID}} {
		p, err := clientauth.Present(d.sign(t, "JWT", changed(members{"sub": sub})))
		wantRule(t, err, "RFC7523-3-2")
		if p != nil {
			t.Errorf("sub %v: got %v", sub, p)
		}
	}
	for _, raw := range []string{"", "a.b.c", "...", strings.Repeat("a", clientauth.MaxBytes+1)} {
		if _, err := clientauth.Present(raw); err == nil {
			t.Errorf("%.20q: accepted", raw)
		} else {
			wantRule(t, err, "FAPI-5.2.2-14")
		}
	}
}

// The client assertion of FAPI 1.0 Advanced, Appendix A.5.
func TestFAPIAppendixA5(t *testing.T) {
	const id, signed, endpoint = "52480754053", 1594140100, "https://fapi-as.example.com/api/token"
	raw, wrong, right := vector(t)
	if p, err := clientauth.Present(raw); err != nil || p.ClientID != id {
		t.Fatalf("got %v, %v", p, err)
	}
	try := func(unix int64, audience string, m *storage.ClientMetadata) error {
		d := newDesk(t)
		d.now, d.Audiences = time.Unix(unix, 0), []string{audience}
		return d.check(raw, m)
	}
	for _, unix := range []int64{signed, 1594140151 + 29, 1594140091 - 30} {
		if err := try(unix, endpoint, right); err != nil {
			t.Errorf("at %d: %v", unix, err)
		}
	}
	wantRule(t, try(1594140151+30, endpoint, right), "RFC7523-3-4")
	wantRule(t, try(1594140091-31, endpoint, right), "RFC7523-3-6")
	wantRule(t, try(signed, endpoint+"/", right), "RFC7523-3-3")
	wantRule(t, try(signed, "https://fapi-as.example.com/", right), "RFC7523-3-3")
	wantRule(t, try(signed, endpoint, wrong), "RFC7523-3-9")
}

// vector returns the assertion of the appendix, metadata with the server's key
// under the client's kid, and the client's own.
func vector(t *testing.T) (raw string, wrong, right *storage.ClientMetadata) {
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
	return v.Tokens["A.5"], set(v.JWKS.Keys[1]), set(v.JWKS.Keys[0])
}
