package bench

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// BenchmarkPushedFlow is FAPI 1.0 Advanced with PAR, JARM and bound tokens: a
// push, the authorization, the redemption with a client certificate; three
// signatures verified, two made.
func BenchmarkPushedFlow(b *testing.B) {
	for _, alg := range []profile.Alg{profile.ES256, profile.PS256} {
		b.Run(string(alg), func(b *testing.B) {
			w := newWorld(b, alg)
			prepare := func() func() {
				f := w.prepare()
				return func() { w.play(b, f) }
			}
			compare(b, prepare, func() { bare(b, w.seller.Key, 2, 3) })
		})
	}
}

// world is a server of FAPI 1.0 Advanced and a client with a certificate.
type world struct {
	host          *harness.Host
	buyer, seller *harness.Buyer
	handler       http.Handler
	tls           *tls.ConnectionState
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func newWorld(b *testing.B, alg profile.Alg) *world {
	b.Helper()
	w := &world{
		buyer:  harness.NewBuyer(b, "buyer-a", string(alg), harness.Issuer),
		seller: harness.NewBuyer(b, "seller", string(alg), harness.Issuer),
	}
	p := profile.FAPI1Advanced()
	p.PreferredSigningAlg = alg
	w.buyer.Speak(p)
	w.buyer.Verifier = verifier
	w.host = harness.StartHost(b, p, nil, func(c *compose.Config) {
		c.Keys, c.Audit, c.PairwiseSalt = key.Signing(w.seller.Key), audit.Discard, harness.Secret
	})
	w.host.Register(b, w.buyer, harness.Set("response_types", []string{"code"}))
	w.handler = w.host.Handler()
	certificate := harness.SelfSigned(b, nil, "buyer-a")
	w.tls = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate.Leaf}}
	return w
}

// pushed is what the client sends, up to what it learns on the way.
type pushed struct{ par, token string }

func (w *world) prepare() pushed {
	object := w.buyer.Object("", harness.Set("response_type", "code"), harness.Set("response_mode", "jwt"))
	return pushed{
		par:   w.buyer.Authenticated(url.Values{"request": {object}}).Encode(),
		token: w.buyer.Authenticated(url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {w.buyer.Redirect}, "code_verifier": {verifier}}).Encode() + "&code=",
	}
}

// play returns the token response.
func (w *world) play(b *testing.B, f pushed) []byte {
	b.Helper()
	back := post(b, w.handler, "/oauth2/par", f.par, nil)
	_, reference, _ := strings.Cut(string(back.keep), `"request_uri":"`)
	reference, _, _ = strings.Cut(reference, `"`)
	front := &answer{header: http.Header{}}
	r, err := http.NewRequest(http.MethodGet, harness.Issuer+"/oauth2/auth?client_id=buyer-a&request_uri="+url.QueryEscape(reference), nil)
	if err != nil {
		b.Fatal(err)
	}
	w.handler.ServeHTTP(front, r)
	_, response, _ := strings.Cut(front.header.Get("Location"), "?response=")
	back = post(b, w.handler, "/oauth2/token", f.token+code(b, response), w.tls)
	if back.code != http.StatusOK || back.size == 0 {
		b.Fatalf("token: %d %s", back.code, back.keep)
	}
	return back.keep
}

// code takes the code out of a JARM response, as a client that trusts.
func code(b *testing.B, jwt string) string {
	b.Helper()
	var claims struct{ Code string }
	parts := strings.Split(jwt, ".")
	if len(parts) == 3 {
		if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(payload, &claims)
		}
	}
	if claims.Code == "" {
		b.Fatalf("no code in %q", jwt)
	}
	return claims.Code
}

// BenchmarkBoundToken is one call of a resource with a token that is bound to
// a certificate, introspected in process: no signature, one read.
func BenchmarkBoundToken(b *testing.B) {
	w := newWorld(b, profile.ES256)
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(w.play(b, w.prepare()), &tokens); err != nil {
		b.Fatal(err)
	}
	guard := w.host.Provider.ResourceGuard()
	handler := guard.Protect(resource.Operation{Scope: "openid"}, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNoContent)
	}))
	r := httptest.NewRequest(http.MethodGet, harness.Issuer+"/resource", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.Access)
	r.TLS = w.tls
	b.ReportAllocs()
	for b.Loop() {
		front := &answer{header: http.Header{}}
		handler.ServeHTTP(front, r)
		if front.code != http.StatusNoContent {
			b.Fatalf("got %d %s", front.code, front.keep)
		}
	}
}
