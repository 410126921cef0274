package relyingparty_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// appendixA are the examples of FAPI 1.0 Advanced, Appendix A, and the server
// that they come from.
type appendixA struct {
	JWKS   gojose.JSONWebKeySet
	Tokens map[string]string
	enc    gojose.JSONWebKey
}

const exampleIssuer = "https://fapi-as.example.com/"

func readAppendixA(t *testing.T) *appendixA {
	t.Helper()
	v := &appendixA{}
	var jwe map[string]struct{ JWK json.RawMessage }
	for name, into := range map[string]any{"fapi-appendix-a.json": v, "jwe.json": &jwe} {
		data, err := os.ReadFile("../internal/jose/testdata/" + name)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := v.enc.UnmarshalJSON(jwe["FAPI A.3"].JWK); err != nil {
		t.Fatal(err)
	}
	return v
}

// RoundTrip publishes the server's key alone.
func (v *appendixA) RoundTrip(*http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	write(recorder, 200, gojose.JSONWebKeySet{Keys: v.JWKS.Key("server-2020-08-28")})
	return recorder.Result(), nil
}

func (v *appendixA) client(t *testing.T, clientID string, now int64, change func(*relyingparty.Config)) *relyingparty.Client {
	t.Helper()
	base := strings.TrimSuffix(exampleIssuer, "/")
	p := profile.FAPI1Advanced()
	config := relyingparty.Config{
		ClientID: clientID, RedirectURI: "https://fapi-client.example.org/fapi-as-callback", Profile: &p,
		Issuer:     &relyingparty.Metadata{Issuer: exampleIssuer, AuthorizationEndpoint: base + "/a", TokenEndpoint: base + "/t", JWKSURI: base + "/j"},
		IDTokenAlg: profile.PS256, ResponseAlg: profile.PS256, Signer: newKey("ES256"), KeyID: "k", HTTP: &http.Client{Transport: v},
		Clock: func() time.Time { return time.Unix(now, 0) },
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

func exampleLogin(clientID string, now int64) *relyingparty.Login {
	return &relyingparty.Login{
		Issuer: exampleIssuer, ClientID: clientID, State: "VgSUIEnflnDxTe1vAtr54o", Nonce: "7xDCHviuPMSXJIigkHOcDi",
		RedirectURI: "https://fapi-client.example.org/fapi-as-callback", Scopes: []string{"openid", "payments"}, CreatedAt: time.Unix(now, 0),
	}
}

// A.4 passes as it is, and not with another state, client, issuer or clock.
func TestFAPIAppendixA4(t *testing.T) {
	v := readAppendixA(t)
	const client, now = "469180648039051", 1594140800
	for _, test := range []struct {
		name   string
		client string
		now    int64
		change func(*relyingparty.Login)
		reason relyingparty.Reason
	}{
		{"as printed", client, now, func(*relyingparty.Login) {}, ""},
		{"another state", client, now, func(l *relyingparty.Login) { l.State = "x" }, relyingparty.ReasonState},
		{"issuer without slash", client, now, func(l *relyingparty.Login) { l.Issuer = strings.TrimSuffix(exampleIssuer, "/") }, relyingparty.ReasonIss},
		{"another client", "52480754053", now, func(*relyingparty.Login) {}, relyingparty.ReasonAud},
		{"late", client, 1594141121, func(*relyingparty.Login) {}, relyingparty.ReasonExp},
		{"clock of the other examples", client, 1594140100, func(*relyingparty.Login) {}, relyingparty.ReasonExp},
	} {
		t.Run("FAPI-5.2.3.2-1/"+test.name, func(t *testing.T) {
			c := v.client(t, test.client, test.now, func(config *relyingparty.Config) { config.JARM = true })
			login := exampleLogin(test.client, test.now)
			login.JARM = true
			test.change(login)
			d, err := c.Finish(context.Background(), login, login.RedirectURI, url.Values{"response": {v.Tokens["A.4"]}}, relyingparty.Query)
			if test.reason != "" {
				wantAbort(t, err, test.reason)
			} else if err != nil || d == nil {
				t.Error(err)
			}
		})
	}
}

// A.2 passes every check up to c_hash, for its code is not printed.
func TestFAPIAppendixA2(t *testing.T) {
	v := readAppendixA(t)
	login := exampleLogin("52480754053", 1594140100)
	params := url.Values{"code": {"x"}, "id_token": {v.Tokens["A.2"]}, "state": {login.State}}
	_, err := v.client(t, login.ClientID, 1594140100, nil).Finish(context.Background(), login, login.RedirectURI, params, relyingparty.Fragment)
	wantAbort(t, err, relyingparty.ReasonCodeHash)
}

// A.3 is decrypted; but the kid inside is the client's own, not the server's.
// In the clear A.2 is refused where encryption is registered.
func TestFAPIAppendixA3(t *testing.T) {
	v := readAppendixA(t)
	for token, reason := range map[string]relyingparty.Reason{"A.3": relyingparty.ReasonKey, "A.2": relyingparty.ReasonEncryption} {
		c := v.client(t, "52480754053", 1595827300, func(config *relyingparty.Config) {
			config.IDTokenEncryption = relyingparty.Encryption{Alg: profile.RSAOAEP256, Enc: profile.A256GCM}
			config.Decryption = []key.Decryption{{ID: v.enc.KeyID, Alg: profile.RSAOAEP256, Key: v.enc.Key}}
		})
		login := exampleLogin("52480754053", 1595827300)
		params := url.Values{"code": {"x"}, "id_token": {v.Tokens[token]}, "state": {login.State}}
		_, err := c.Finish(context.Background(), login, login.RedirectURI, params, relyingparty.Fragment)
		t.Run(ruleOf(err)+"/"+token, func(t *testing.T) { wantAbort(t, err, reason) })
	}
}
