package relyingparty_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// attempt is an answer under construction.
type attempt struct {
	s              *seller
	login          *relyingparty.Login
	header, claims object
	redirectURI    string
	delivery       relyingparty.Delivery
	// change alters the parameters once the ID Token is signed.
	change []func(url.Values)
}

var request = relyingparty.AuthorizationRequest{
	IntentID: intentID, Scopes: []string{"quote"}, ACR: []string{"urn:meflso:sca"}, EssentialACR: true, MaxAge: time.Hour,
}

func newAttempt(t testing.TB, s *seller, c *relyingparty.Client) *attempt {
	t.Helper()
	_, login, err := c.Begin(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return &attempt{
		s: s, login: login, header: s.header(), claims: s.claims(login), redirectURI: callback, delivery: relyingparty.Fragment,
	}
}

func (a *attempt) params() url.Values {
	params := url.Values{
		"code": {code}, "id_token": {a.s.sign(a.header, a.claims)}, "state": {a.login.State}, "iss": {a.s.issuer},
	}
	for _, change := range a.change {
		change(params)
	}
	return params
}

func (a *attempt) finish(c *relyingparty.Client) (*relyingparty.Detached, error) {
	return c.Finish(context.Background(), a.login, a.redirectURI, a.params(), a.delivery)
}

func claim(name string, value any) func(*attempt) {
	return func(a *attempt) { put(a.claims, name, value) }
}

func header(name string, value any) func(*attempt) {
	return func(a *attempt) { put(a.header, name, value) }
}

func put(o object, name string, value any) {
	if value == nil {
		delete(o, name)
		return
	}
	o[name] = value
}

func param(name string, values ...string) func(*attempt) {
	return func(a *attempt) {
		a.change = append(a.change, func(p url.Values) {
			delete(p, name)
			if len(values) > 0 {
				p[name] = values
			}
		})
	}
}

func refuse(iss ...string) func(*attempt) {
	return func(a *attempt) {
		a.change = append(a.change, func(p url.Values) {
			p.Del("code")
			p.Del("id_token")
			p.Del("iss")
			p.Set("error", "access_denied")
			p.Set("error_description", "no\r\nthanks")
			if len(iss) > 0 {
				p["iss"] = iss
			}
		})
	}
}

// broken has for each rule the ways to break it, in the order of the rules.
var broken = []struct {
	name   string
	reason relyingparty.Reason
	change func(*attempt)
}{
	{"other redirect URI", relyingparty.ReasonRedirectURI, func(a *attempt) { a.redirectURI += "/" }},
	{"query", relyingparty.ReasonDelivery, func(a *attempt) { a.delivery = relyingparty.Query }},
	{"no delivery", relyingparty.ReasonDelivery, func(a *attempt) { a.delivery = "" }},
	{"no state", relyingparty.ReasonState, param("state")},
	{"other state", relyingparty.ReasonState, param("state", "x")},
	{"state twice", relyingparty.ReasonState, func(a *attempt) { param("state", a.login.State, a.login.State)(a) }},
	{"old login", relyingparty.ReasonState, func(a *attempt) { a.login.CreatedAt = start.Add(-2 * time.Hour) }},
	{"error of nobody", relyingparty.ReasonIss, refuse()},
	{"error of another issuer", relyingparty.ReasonIss, refuse("https://evil.example")},
	{"error", relyingparty.ReasonError, func(a *attempt) { refuse(a.s.issuer)(a) }},
	{"access token", relyingparty.ReasonAccessToken, param("access_token", access)},
	{"no code", relyingparty.ReasonMissing, param("code")},
	{"empty code", relyingparty.ReasonMissing, param("code", "")},
	{"code twice", relyingparty.ReasonMissing, param("code", code, code)},
	{"no ID Token", relyingparty.ReasonMissing, param("id_token")},
	{"ID Token twice", relyingparty.ReasonMissing, param("id_token", "a.b.c", "a.b.c")},
	{"five parts", relyingparty.ReasonForm, param("id_token", "a.b.c.d.e")},
	{"jku", relyingparty.ReasonForm, header("jku", "https://evil.example/jwks")},
	{"jwk", relyingparty.ReasonForm, header("jwk", object{"kty": "EC"})},
	{"crit", relyingparty.ReasonForm, header("crit", []string{"exp"})},
	{"typ", relyingparty.ReasonForm, header("typ", "at+jwt")},
	{"no alg", relyingparty.ReasonAlg, header("alg", nil)},
	{"none", relyingparty.ReasonAlg, header("alg", "none")},
	{"none without kid", relyingparty.ReasonAlg, func(a *attempt) { header("alg", "none")(a); header("kid", nil)(a) }},
	{"HS256", relyingparty.ReasonAlg, header("alg", "HS256")},
	{"RS256", relyingparty.ReasonAlg, header("alg", "RS256")},
	{"another good alg", relyingparty.ReasonAlg, header("alg", "PS256")},
	{"no kid", relyingparty.ReasonKey, header("kid", nil)},
	{"unknown kid", relyingparty.ReasonKey, header("kid", "nobody")},
	{"other key", relyingparty.ReasonSignature, func(a *attempt) {
		other := &seller{key: newKey(a.s.alg)}
		a.change = append(a.change, func(p url.Values) { p.Set("id_token", other.sign(a.header, a.claims)) })
	}},
	{"changed payload", relyingparty.ReasonSignature, func(a *attempt) {
		a.change = append(a.change, func(p url.Values) {
			parts := strings.Split(p.Get("id_token"), ".")
			p.Set("id_token", parts[0]+"."+encode(a.claims)[:8]+parts[1]+"."+parts[2])
		})
	}},
	{"array", relyingparty.ReasonForm, func(a *attempt) { param("id_token", a.s.sign(a.header, []int{1}))(a) }},
	{"iss parameter missing", relyingparty.ReasonIss, param("iss")},
	{"iss parameter of another", relyingparty.ReasonIss, param("iss", "https://evil.example")},
	{"iss parameter twice", relyingparty.ReasonIss, func(a *attempt) { param("iss", a.s.issuer, a.s.issuer)(a) }},
	{"other iss", relyingparty.ReasonIss, claim("iss", "https://evil.example")},
	{"no iss", relyingparty.ReasonIss, claim("iss", nil)},
	{"login at another issuer", relyingparty.ReasonIss, func(a *attempt) { a.login.Issuer = "https://evil.example"; param("iss")(a) }},
	{"other aud", relyingparty.ReasonAud, claim("aud", "c-other")},
	{"login of another client", relyingparty.ReasonAud, func(a *attempt) { a.login.ClientID = "c-other" }},
	{"no aud", relyingparty.ReasonAud, claim("aud", nil)},
	{"two audiences without azp", relyingparty.ReasonAud, claim("aud", []string{clientID, "c-other"})},
	{"other azp", relyingparty.ReasonAzp, claim("azp", "c-other")},
	{"azp of two", relyingparty.ReasonAzp, func(a *attempt) { claim("aud", []string{clientID, "c-other"})(a); claim("azp", "c-other")(a) }},
	{"empty azp", relyingparty.ReasonAzp, claim("azp", "")},
	{"no exp", relyingparty.ReasonExp, claim("exp", nil)},
	{"past exp", relyingparty.ReasonExp, claim("exp", start.Unix()-30)},
	{"exp as text", relyingparty.ReasonExp, claim("exp", "1990000000")},
	{"no iat", relyingparty.ReasonIat, claim("iat", nil)},
	{"iat ahead", relyingparty.ReasonIat, claim("iat", start.Unix()+31)},
	{"old iat", relyingparty.ReasonIat, claim("iat", start.Unix()-631)},
	{"no nonce", relyingparty.ReasonNonce, claim("nonce", nil)},
	{"other nonce", relyingparty.ReasonNonce, claim("nonce", "x")},
	{"no c_hash", relyingparty.ReasonCodeHash, claim("c_hash", nil)},
	{"other c_hash", relyingparty.ReasonCodeHash, claim("c_hash", "o1uBp9eSe3DsmScN0jYriQ")},
	{"swapped code", relyingparty.ReasonCodeHash, param("code", "somebody-elses-code")},
	{"no s_hash", relyingparty.ReasonStateHash, claim("s_hash", nil)},
	{"other s_hash", relyingparty.ReasonStateHash, claim("s_hash", "76sa5dd")},
	{"at_hash of nothing", relyingparty.ReasonTokenHash, claim("at_hash", "rXH7QWVTZnXYCou_6Vdpfg")},
	{"no intent", relyingparty.ReasonIntent, claim("meflso_intent_id", nil)},
	{"other intent", relyingparty.ReasonIntent, claim("meflso_intent_id", "urn:acme:quote:58923")},
	{"intent as list", relyingparty.ReasonIntent, claim("meflso_intent_id", []string{intentID})},
	{"no acr", relyingparty.ReasonACR, claim("acr", nil)},
	{"weaker acr", relyingparty.ReasonACR, claim("acr", "urn:meflso:ca")},
	{"no auth_time", relyingparty.ReasonAuthTime, claim("auth_time", nil)},
	{"old auth_time", relyingparty.ReasonAuthTime, claim("auth_time", start.Unix()-3631)},
	{"auth_time ahead", relyingparty.ReasonAuthTime, claim("auth_time", start.Unix()+31)},
	{"auth_time as text", relyingparty.ReasonAuthTime, claim("auth_time", "now")},
	{"no sub", relyingparty.ReasonSub, claim("sub", nil)},
	{"sub as number", relyingparty.ReasonSub, claim("sub", 7)},
}

func wantAbort(t *testing.T, err error, reason relyingparty.Reason) *relyingparty.Abort {
	t.Helper()
	var abort *relyingparty.Abort
	if !errors.As(err, &abort) {
		t.Fatalf("error %v, want an abort with %s", err, reason)
	}
	if abort.Reason != reason || abort.Rule == "" || abort.Text == "" {
		t.Fatalf("abort %v, want %s with a rule", abort, reason)
	}
	return abort
}

// ruleOf names the requirement that a case shows.
func ruleOf(err error) string {
	var abort *relyingparty.Abort
	if !errors.As(err, &abort) {
		return "none"
	}
	return string(abort.Rule)
}

// Each rule broken ends the login: no token request, and no second attempt.
func TestFinishRefuses(t *testing.T) {
	s := newSeller(t, "ES256")
	for _, test := range broken {
		c := s.client(t, nil)
		a := newAttempt(t, s, c)
		test.change(a)
		d, err := a.finish(c)
		t.Run(ruleOf(err)+"/"+test.name, func(t *testing.T) {
			wantAbort(t, err, test.reason)
			if d != nil {
				t.Error("there is a Detached all the same")
			}
			if _, err := c.Exchange(t.Context(), d); err == nil {
				t.Error("Exchange took it")
			}
			good := newAttempt(t, s, c)
			good.login = a.login
			good.claims = s.claims(a.login)
			_, err = good.finish(c)
			wantAbort(t, err, relyingparty.ReasonState)
			if n := s.tokenRequests.Load(); n != 0 {
				t.Errorf("%d token requests were made", n)
			}
		})
	}
}

// The rules run in one order: with the i-th and every later one broken, the
// i-th is reported.
func TestFinishOrder(t *testing.T) {
	order := []string{
		"other redirect URI", "query", "other state", "access token", "code twice", "none", "unknown kid", "other key",
		"iss parameter of another", "other iss", "other aud", "other azp", "past exp", "old iat", "other nonce",
		"other c_hash", "other s_hash", "at_hash of nothing", "other intent", "weaker acr", "old auth_time", "no sub",
	}
	find := func(name string) int {
		for i := range broken {
			if broken[i].name == name {
				return i
			}
		}
		t.Fatalf("no test %q", name)
		return -1
	}
	s := newSeller(t, "ES256")
	for i, name := range order {
		c := s.client(t, nil)
		a := newAttempt(t, s, c)
		for j := len(order) - 1; j >= i; j-- {
			broken[find(order[j])].change(a)
		}
		_, err := a.finish(c)
		var abort *relyingparty.Abort
		if want := broken[find(name)].reason; !errors.As(err, &abort) || abort.Reason != want {
			t.Errorf("from %q on all broken: %v, want %s", name, err, want)
		}
	}
}

func TestFinishReportsTheServersError(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	a := newAttempt(t, s, c)
	refuse(s.issuer)(a)
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonError)
	var refusal *relyingparty.OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "access_denied" || refusal.Description != "nothanks" || refusal.Status != 0 {
		t.Errorf("%#v", refusal)
	}
}

func TestFinishWithoutLogin(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	for _, login := range []*relyingparty.Login{nil, {}, {Issuer: s.issuer, State: "", Nonce: "n"}} {
		_, err := c.Finish(t.Context(), login, callback, url.Values{"state": {""}}, relyingparty.Fragment)
		wantAbort(t, err, relyingparty.ReasonState)
	}
}

// All algorithms, and a login that was kept as JSON.
func TestFinish(t *testing.T) {
	for _, test := range []struct{ key, header, registered string }{
		{"ES256", "ES256", "ES256"}, {"PS256", "PS256", "PS256"}, {"EdDSA", "EdDSA", "EdDSA"},
		{"EdDSA", "Ed25519", "EdDSA"}, {"EdDSA", "EdDSA", "Ed25519"},
	} {
		t.Run(test.header+" as "+test.registered, func(t *testing.T) {
			s := newSeller(t, test.key)
			c := s.client(t, func(config *relyingparty.Config) { config.IDTokenAlg = profile.Alg(test.registered) })
			a := newAttempt(t, s, c)
			a.header["alg"] = test.header
			kept, err := json.Marshal(a.login)
			if err != nil {
				t.Fatal(err)
			}
			a.login = &relyingparty.Login{}
			if err := json.Unmarshal(kept, a.login); err != nil {
				t.Fatal(err)
			}
			d, err := a.finish(c)
			if err != nil {
				t.Fatal(err)
			}
			if d.IntentID != intentID || d.Subject != intentID || d.ACR != "urn:meflso:sca" || d.AuthTime.Unix() != start.Unix()-10 {
				t.Errorf("%+v", d)
			}
		})
	}
}

// What is not asked for need not be there.
func TestFinishAccepts(t *testing.T) {
	s := newSeller(t, "ES256")
	for name, change := range map[string]func(*attempt){
		"two audiences":            func(a *attempt) { claim("aud", []string{"c-other", clientID})(a); claim("azp", clientID)(a) },
		"azp":                      claim("azp", clientID),
		"typ absent":               header("typ", nil),
		"exp within skew":          claim("exp", start.Unix()-29),
		"iat within skew":          claim("iat", start.Unix()+30),
		"auth_time at its edge":    claim("auth_time", start.Unix()-3630),
		"no auth_time, no max_age": func(a *attempt) { a.login.MaxAge = 0; claim("auth_time", nil)(a) },
		"weaker acr, voluntary":    func(a *attempt) { a.login.EssentialACR = false; claim("acr", "urn:meflso:ca")(a) },
		"claims nobody knows":      claim("x", object{"y": 1}),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.client(t, nil)
			a := newAttempt(t, s, c)
			change(a)
			if _, err := a.finish(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFinishRefusesUnknownVoluntaryACR(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, nil)
	a := newAttempt(t, s, c)
	a.login.EssentialACR = false
	a.claims["acr"] = "urn:other"
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonACR)
}

// The sample answer of MEF W128's table 12, with clock and hashes repaired,
// has three more defects, which are found in turn.
func TestTable12(t *testing.T) {
	s := newSeller(t, "ES256")
	repair := []func(*attempt){claim("meflso_intent_id", intentID), claim("acr", "urn:meflso:sca"), claim("auth_time", start.Unix()-1)}
	for i, reason := range []relyingparty.Reason{relyingparty.ReasonIntent, relyingparty.ReasonACR, relyingparty.ReasonAuthTime} {
		c := s.client(t, nil)
		a := newAttempt(t, s, c)
		claim("meflso_intent_id", "urn:acme:quote:58923")(a)
		claim("acr", "urn:meflso:ca")(a)
		claim("auth_time", nil)(a)
		for _, change := range repair[:i] {
			change(a)
		}
		_, err := a.finish(c)
		wantAbort(t, err, reason)
	}
}

// Hash vectors: left half of the digest, base64url.
func TestHashVectors(t *testing.T) {
	for _, test := range []struct {
		alg          string
		eddsa        profile.Hash
		state, code  string
		access, text string
	}{
		{"ES256", "", "bOhtX8F73IMjSPeVAqxyTQ", "o1uBp9eSe3DsmScN0jYriA", "rXH7QWVTZnXYCou_6Vdpfg", "SHA-256"},
		{"PS256", "", "bOhtX8F73IMjSPeVAqxyTQ", "o1uBp9eSe3DsmScN0jYriA", "rXH7QWVTZnXYCou_6Vdpfg", "SHA-256"},
		{"EdDSA", "", "rWGxt4NU9kITOhSU3u71vN0xp-uunW35Qk4uEj9h2Y4", "php9CHa4VMkYVLy29EudTMn2qR0zfkdNC24tIP3VP8Y",
			"z0cYnONBc9TdhgRUdlJ3DO6ArL2M-v_70iPj9lnAlnQ", "SHA-512"},
		{"Ed25519", profile.SHA3256, "6D4pw1VOo8KzEg6Fu3ACHw", "CfG8Cny3-qQLFwDLwiDP6A", "9USy7ol-k4RIil8kKOoy0w", "SHA3-256"},
	} {
		t.Run(test.alg+" "+test.text, func(t *testing.T) {
			s := newSeller(t, test.alg)
			p := profile.MEFLSO()
			p.EdDSAHash = cmp.Or(test.eddsa, profile.SHA512)
			c := s.client(t, func(config *relyingparty.Config) { config.Profile = &p })
			a := newAttempt(t, s, c)
			a.login.State = "af0ifjsldkj"
			claim("s_hash", test.state)(a)
			claim("c_hash", test.code)(a)
			d, err := a.finish(c)
			if err != nil {
				t.Fatal(err)
			}
			claim("at_hash", test.access)(a)
			s.tokens(200, object{"access_token": access, "token_type": "Bearer", "id_token": s.sign(a.header, a.claims)})
			if _, err := c.Exchange(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
	}
}
