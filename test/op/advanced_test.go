package op_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

// recorder shows every body to see.
type recorder struct {
	http.RoundTripper
	see func(string)
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.see(string(body))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}

const verifier = "a-verifier-of-more-than-forty-three-characters-0001"

// passwordClass is what a login at the example's page is.
const passwordClass = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

// TestAdvanced: FAPI 1.0 Advanced has no intents; a request is sent by value or
// pushed, and answered in the fragment or by JARM.
func TestAdvanced(t *testing.T) {
	w := startProfile(t, "fapi1-advanced")
	subjects := map[string]bool{}
	for _, c := range []*client{w.tls, w.jwt} {
		byValue := c.URL(c.Buyer, c.Object("", advanced, harness.Set("acr_values", passwordClass)))
		answer := c.Approve(t, byValue)
		if answer.Params.Get("code") == "" || !answer.Fragment {
			t.Fatalf("by value: %d %v %s", answer.Status, answer.Params, answer.Body)
		}
		_, payload := harness.Decode(t, answer.Params.Get("id_token"))
		sub, _ := payload["sub"].(string)
		if subjects[sub] || sub == "" || sub == "alice" || payload["acr"] != passwordClass {
			t.Errorf("ID Token: %v", payload)
		}
		subjects[sub] = true
		checkResource(t, w, c, c.redeem(t, answer.Params.Get("code")), sub)

		c.Verifier = verifier
		pushed := c.push(t, c.Object("", advanced, harness.Set("response_type", "code"), harness.Set("response_mode", "jwt")))
		answer = c.Approve(t, c.Authorize+"?"+url.Values{"client_id": {c.ID}, "request_uri": {pushed}}.Encode())
		if answer.Params.Get("code") != "" || answer.Fragment {
			t.Errorf("beside JARM: %v", answer.Params)
		}
		_, response := harness.Decode(t, answer.Params.Get("response"))
		code, _ := response["code"].(string)
		if response["iss"] != w.issuer || response["aud"] != c.ID || code == "" {
			t.Fatalf("JARM: %v", response)
		}
		checkResource(t, w, c, c.redeem(t, code), sub)
		c.Verifier = ""
	}
	w.stop(t)
}

func advanced(_, payload harness.Claims) {
	delete(payload, "claims")
	payload["scope"] = "openid accounts"
}

func (c *client) push(t *testing.T, object string) string {
	t.Helper()
	r := c.Post(t, c.PAR, c.authenticated(url.Values{"request": {object}}))
	uri, _ := r.Body["request_uri"].(string)
	if r.Status != http.StatusCreated || uri == "" {
		t.Fatalf("PAR: %d %s", r.Status, r.Raw)
	}
	return uri
}

func checkResource(t *testing.T, w *world, c *client, tokens harness.Response, sub string) {
	t.Helper()
	refresh, _ := tokens.Body["refresh_token"].(string)
	again := c.granted(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	token := again.Body["access_token"].(string)
	for _, path := range []string{"/resource", "/userinfo"} {
		address := w.api + path
		response := callBare(t, c.HTTP, address, token)
		if response.Status != http.StatusOK || response.Body["sub"] != sub {
			t.Errorf("%s: %d %s", path, response.Status, response.Raw)
		}
		if r := callBare(t, w.client(t, nil), address, token); r.Status != http.StatusUnauthorized {
			t.Errorf("%s without the certificate: %d %s", path, r.Status, r.Raw)
		}
	}
	if r := callBare(t, c.HTTP, w.api+accounts, token); r.Status != http.StatusNotFound {
		t.Errorf("an API of other profiles: %d %s", r.Status, r.Raw)
	}
}

// callBare calls without the headers of FAPI.
func callBare(t *testing.T, through *http.Client, address, token string) harness.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := through.Do(r)
	must(t, err)
	return harness.ReadJSON(t, response)
}

// TestAdvancedPages: a page without intent, and an acr that a password is not.
func TestAdvancedPages(t *testing.T) {
	w := startProfile(t, "fapi1-advanced")
	page := w.consentPage(t, advanced)
	for _, part := range []string{`id="submit_button"`, `id="cancel_button"`, "Buyer tpp-tls", "Example Money Ltd.", "openid", "accounts"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
	if strings.Contains(page, "May be used") {
		t.Errorf("the page shows an intent:\n%s", page)
	}
	unmet := harness.Set("claims", harness.Claims{"id_token": harness.Claims{"acr": harness.Claims{"value": "urn:example:key", "essential": true}}})
	answer := w.tls.Approve(t, w.tls.URL(w.tls.Buyer, w.tls.Object("", advanced, unmet)))
	if answer.Params.Get("error") != "unmet_authentication_requirements" {
		t.Errorf("an essential acr that cannot be: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	w.stop(t)
}

// TestSubjectStays: a user has the same name at a client after a restart.
func TestSubjectStays(t *testing.T) {
	w := startProfile(t, "fapi1-advanced", "-auto-approve", "carol")
	subject := func() any {
		answer := w.tls.Approve(t, w.tls.URL(w.tls.Buyer, w.tls.Object("", advanced)))
		_, payload := harness.Decode(t, answer.Params.Get("id_token"))
		if payload["acr"] != nil {
			t.Errorf("an acr that nobody asked for: %v", payload)
		}
		return payload["sub"]
	}
	before := subject()
	w.stop(t)
	w.run(t, "-auto-approve", "carol")
	if after := subject(); after != before {
		t.Errorf("carol is %v, and after a restart %v", before, after)
	}
	w.stop(t)
	info, err := os.Stat(filepath.Join(w.dir, "lso-pairwise-salt"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the salt has mode %v", info.Mode())
	}
}
