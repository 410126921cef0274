package credential_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const directory = "https://directory.lso.example"

func newStatements(t testing.TB) (*credential.Statements, *world) {
	w := newWorld(t)
	w.keys.publish(party(directory, "dir-1"), credential.AssertionMethod)
	return &credential.Statements{Profile: &w.profile, Anchors: []string{directory}, Keys: w.keys, Clock: w.verifier.Clock}, w
}

func ssa() map[string]any {
	return map[string]any{
		"iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(), "jti": "ssa-91c2", "software_id": "b1946ac92492d2347c6235b4d2611184",
		"software_version": "1.4.0", "client_name": "Buyer TPP", "redirect_uris": []string{"https://tpp.buyer.example/cb"},
		"org_id": "mef/2021/011", "trust_domain": "buyer.example",
	}
}

func TestRFC7591_Statement(t *testing.T) {
	v, _ := newStatements(t)
	s, err := v.Verify(t.Context(), must(party(directory, "dir-1").Statement(ssa())))
	if err != nil {
		t.Fatal(err)
	}
	var uris []string
	if err := json.Unmarshal(s.Claims["redirect_uris"], &uris); err != nil || len(uris) != 1 {
		t.Errorf("got %v, %v", uris, err)
	}
	if s.Issuer != directory || s.ID != "ssa-91c2" || s.SoftwareID != "b1946ac92492d2347c6235b4d2611184" || s.SoftwareVersion != "1.4.0" ||
		s.OrgID != "mef/2021/011" || s.TrustDomain != "buyer.example" || s.Alg != "ES256" ||
		!s.Issued.Equal(now) || !s.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("got %+v", s)
	}
}

// What is wrong with a statement, and who issued it.
func TestRFC7591_StatementRefused(t *testing.T) {
	for _, test := range statementRefusals {
		t.Run(test.name, func(t *testing.T) {
			v, _ := newStatements(t)
			s, err := v.Verify(t.Context(), test.token())
			if wantViolation(t, err, test.rule, test.code); s != nil {
				t.Error("a statement beside an error")
			}
		})
	}
	v, w := newStatements(t)
	w.profile.SigningAlgs = []profile.Alg{profile.PS256}
	_, err := v.Verify(t.Context(), changed(nil)())
	wantViolation(t, err, "MEF-R43", isInvalid)
}

// changed is a statement of the directory with other claims.
func changed(change map[string]any) func() string {
	i := party(directory, "dir-1")
	return func() string { return resign(i, must(i.Statement(ssa())), "JWT", change) }
}

var statementRefusals = []struct {
	name  string
	token func() string
	rule  profile.Rule
	code  string
}{
	{"missing", func() string { return "" }, "RFC7591-2.3", isInvalid},
	{"no JWS", func() string { return "ssa" }, "RFC7591-2.3", isInvalid},
	{"unsigned", func() string { return "eyJhbGciOiJub25lIn0.e30." }, "RFC7591-2.3", isInvalid},
	{"payload no object", func() string { return "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.W10.AAAA" }, "RFC7591-2.3", isInvalid},
	{"tampered", func() string { return tamper(changed(nil)()) }, "RFC7591-2.3", isInvalid},
	{"another key", func() string { return resign(party(directory, "dir-2"), changed(nil)(), "JWT", nil) }, "RFC7591-2.3", isInvalid},
	{"key of somebody else", func() string { return resign(party(registry, "k1"), changed(nil)(), "JWT", nil) }, "RFC7591-2.3", isInvalid},
	{"typ of another use", func() string { return resign(party(directory, "dir-1"), changed(nil)(), "vc+jwt", nil) }, "RFC7591-2.3", isInvalid},
	{"no iss", changed(map[string]any{"iss": nil}), "RFC7591-2.3", isInvalid},
	{"issuer not accepted", changed(map[string]any{"iss": registry}), "RFC7591-3.2.2", isUnapproved},
	{"expired", changed(map[string]any{"exp": now.Add(-time.Hour).Unix()}), "RFC7591-2.3", isInvalid},
	{"no exp", changed(map[string]any{"exp": nil}), "RFC7591-2.3", isInvalid},
	{"exp as text", changed(map[string]any{"exp": "2030"}), "RFC7591-2.3", isInvalid},
	{"no iat", changed(map[string]any{"iat": nil}), "RFC7591-2.3", isInvalid},
	{"iat ahead", changed(map[string]any{"iat": now.Add(time.Hour).Unix()}), "RFC7591-2.3", isInvalid},
	{"not valid yet", changed(map[string]any{"nbf": now.Add(time.Hour).Unix()}), "RFC7591-2.3", isInvalid},
	{"no jti", changed(map[string]any{"jti": nil}), "RFC7591-2.3", isInvalid},
	{"software_id no string", changed(map[string]any{"software_id": 1}), "RFC7591-2.3", isInvalid},
}

// A directory whose statements have no exp: MaxAge bounds their life.
func TestRFC7591_MaxAge(t *testing.T) {
	v, w := newStatements(t)
	v.MaxAge = time.Hour
	claims := ssa()
	delete(claims, "exp")
	token := must(party(directory, "dir-1").Statement(claims))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	w.clock.Add(3600 + 121)
	_, err := v.Verify(t.Context(), token)
	wantViolation(t, err, "RFC7591-2.3", isInvalid)
}
