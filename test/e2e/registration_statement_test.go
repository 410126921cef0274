package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// signing has the statement signed by somebody else.
func signing(by func(t *testing.T, w *applying) *credential.Issuer, changes ...harness.Change) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		body["software_statement"] = resigned(t, by(t, w), body["software_statement"].(string), changes...)
		return nil
	}
}

func stranger(t *testing.T, w *applying) *credential.Issuer {
	t.Helper()
	return harness.Party(t, "https://other.example", "dir-1")
}

func theDirectory(_ *testing.T, w *applying) *credential.Issuer { return w.Registry.Directory }

func past(d time.Duration) int64 { return time.Now().Add(-d).Unix() }

func TestRegistrationStatementRefused(t *testing.T) {
	tampered := func(t *testing.T, _ *applying, body harness.Claims) func() {
		body["software_statement"] = forged(t, body["software_statement"].(string), harness.Set("org_id", "mef/other"))
		return nil
	}
	unavailable := func(t *testing.T, w *applying, _ harness.Claims) func() {
		w.Registry.Handle("/jwks", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
		return func() { w.Registry.Put("/jwks", "application/jwk-set+json", harness.JWKS(w.Registry.Directory)) }
	}
	for _, c := range []rejected{
		{"MEF-7.3-1/no statement", with("software_statement", nil), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/an empty statement", with("software_statement", ""), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement that is no string", with("software_statement", 5), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement that is no JWT", with("software_statement", "x.y.z"), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a tampered statement", tampered, "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement signed by somebody else", signing(stranger), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement under an unknown kid", signing(theDirectory, harness.Header("kid", "dir-2")), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/alg none", signing(theDirectory, harness.Header("alg", "none")), "MEF-R43", badStatement, nil},
		{"MEF-7.3-1/alg HS256", signing(theDirectory, harness.Header("alg", "HS256")), "MEF-R43", badStatement, nil},
		{"MEF-7.3-1/a credential in its place", signing(theDirectory, harness.Header("typ", "vc+jwt")), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/an expired statement", stating(harness.Set("exp", past(time.Minute))), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement without exp", stating(harness.Set("exp", nil)), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement without jti", stating(harness.Set("jti", nil)), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement of tomorrow", stating(harness.Set("iat", past(-time.Hour))), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a statement that is not valid yet", stating(harness.Set("nbf", past(-time.Hour))), "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/the directory's keys cannot be had", unavailable, "RFC7591-2.3", badStatement, nil},
		{"MEF-7.3-1/a directory that is not accepted", signing(stranger, harness.Set("iss", "https://other.example")), "RFC7591-3.2.2", unapproved, nil},
		{"MEF-7.3-1/a redirect URI that the statement does not list", with("redirect_uris", []string{"https://tpp.example.org/other"}), "RFC7591-2.3", badRedirect, nil},
		{"MEF-7.3-1/redirect URIs in the statement that are no list", stating(harness.Set("redirect_uris", harness.Claims{})), "RFC7591-2.3", badRedirect, nil},
	} {
		c.run(t, profile.MEFLSO(), plain)
	}
}

var errUncertified = errors.New("the release is not certified")

// certified asks for an algorithm and for a release that the directory knows.
func certified(refusal error) func(*compose.Config) {
	return func(c *compose.Config) {
		c.Registration.Requirements = func(_ context.Context, r *storage.Registration) error {
			if r.Client.RequestObjectSigningAlg == "PS256" || strings.Contains(r.Client.ClientName, "beta") {
				return refusal
			}
			return nil
		}
	}
}

// MEF W128 §7.3, step 1: the server's own requirements, refused as it says.
func TestRegistrationRequirements(t *testing.T) {
	beta := stating(harness.Set("client_name", "Buyer beta"))
	for _, c := range []rejected{
		{"MEF-7.3-1/an algorithm", with("request_object_signing_alg", "PS256"), "MEF-7.3-1", unapproved, certified(errUncertified)},
		{"MEF-7.3-1/a release", beta, "MEF-7.3-1", unapproved, certified(errUncertified)},
		{"MEF-7.3-1/refused as invalid", beta, "X-1", badStatement,
			certified(profile.Rule("X-1").Refuse(credential.CodeInvalid, "The release is not certified."))},
		{"MEF-7.3-1/refused as metadata", beta, "X-2", badMetadata, certified(profile.Rule("X-2").Refuse(badMetadata, "The algorithm is not ours."))},
	} {
		c.run(t, profile.MEFLSO(), plain)
	}
}

// RFC 7591 §2.3: the statement wins, and comes back as it was sent.
func TestRegistrationStatementWins(t *testing.T) {
	t.Run("MEF-7.3-1/the statement wins", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := plain(t, w)
		body["client_name"], body["trust_domain"], body["org_id"] = "Bank of Everything", "bank.example", "mef/other"
		answer := w.takes(t, body)
		want(t, answer.Body, harness.Claims{
			"client_name": "Buyer", "trust_domain": "buyer.example", "org_id": "org-of-" + w.a.ID,
			"software_statement": body["software_statement"], "client_secret": nil, "lso_bootstrap_secret": nil,
		})
	})
}

// RFC 7591 §3.1, and the table of errors.
func TestRegistrationMethodAndMediaType(t *testing.T) {
	w := startApplying(t, profile.MEFLSO())
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		answer := w.Send(t, method, w.Registration, "", nil)
		if answer.Status != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != http.MethodPost || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", method, answer.Status, answer.Header)
		}
	}
	if answer := w.Send(t, http.MethodPost, w.Registration+"/challenge", "", nil); answer.Status != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != http.MethodGet {
		t.Errorf("challenge: %d %v", answer.Status, answer.Header)
	}
	for mediaType, status := range map[string]int{
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType, "text/plain": http.StatusUnsupportedMediaType,
		"application/": http.StatusUnsupportedMediaType, "application/json": http.StatusBadRequest,
	} {
		answer := w.SendRaw(t, http.MethodPost, w.Registration, "", mediaType, []byte("redirect_uris=x"))
		if answer.Status != status || answer.Header.Get("Cache-Control") != "no-store" || answer.Body["error"] == nil {
			t.Errorf("%s: %d %s", mediaType, answer.Status, answer.Raw)
		}
	}
	large := []byte(`{"client_name":"` + strings.Repeat("x", 1<<20) + `"}`)
	if answer := w.SendRaw(t, http.MethodPost, w.Registration, "", "application/json", large); answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a megabyte: %d %s", answer.Status, answer.Raw)
	}
	w.takes(t, plain(t, w))
}
