package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

const (
	consents = "/open-banking/v3.1/aisp/account-access-consents"
	accounts = "/open-banking/v3.1/aisp/accounts"
)

// TestBanks walks from the consent to the accounts.
func TestBanks(t *testing.T) {
	for _, profile := range []string{"uk-ob", "nz-banking"} {
		t.Run(profile, func(t *testing.T) {
			w := startProfile(t, profile)
			for _, c := range []*client{w.tls, w.jwt} {
				own, id := w.consent(t, c)
				tokens := c.redeem(t, w.approve(t, c, id))
				checkAccounts(t, w, c, tokens)
				if r := call(t, c.HTTP, w.api+consents+"/"+id, own, ""); !strings.Contains(r.Raw, `"Status":"Authorised"`) {
					t.Errorf("the consent afterwards: %d %s", r.Status, r.Raw)
				}
				if r := call(t, c.HTTP, w.api+accounts, own, ""); r.Status != http.StatusForbidden {
					t.Errorf("accounts with a token of the client's own: %d %s", r.Status, r.Raw)
				}
				checkTheirs(t, w, c, id)
			}
			w.stop(t)
		})
	}
}

func (w *world) consent(t *testing.T, c *client) (token, id string) {
	t.Helper()
	token, _ = c.granted(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}).Body["access_token"].(string)
	r := call(t, c.HTTP, w.api+consents, token, `{"Data":{"Permissions":["ReadAccountsBasic"]},"Risk":{}}`)
	data, _ := r.Body["Data"].(map[string]any)
	id, _ = data["ConsentId"].(string)
	if r.Status != http.StatusCreated || id == "" || data["Status"] != "AwaitingAuthorisation" {
		t.Fatalf("no consent: %d %s", r.Status, r.Raw)
	}
	return token, id
}

// approve has the user approve, by the buttons of the pages.
func (w *world) approve(t *testing.T, c *client, id string) string {
	t.Helper()
	claims := harness.IntentClaims("openbanking_intent_id", id)
	acr := map[string]string{"uk-ob": "urn:openbanking:psd2:sca", "nz-banking": "urn:openbanking:nz:sca"}[w.profile]
	claims["id_token"].(harness.Claims)["acr"] = harness.Claims{"value": acr, "essential": true}
	object := c.Object(id, harness.Set("claims", claims), harness.Set("scope", "openid accounts"))
	address := c.URL(c.Buyer, object, "response_type", "code id_token", "scope", "openid accounts")
	answer := c.Approve(t, address)
	code, idToken := answer.Params.Get("code"), answer.Params.Get("id_token")
	if code == "" || idToken == "" || !answer.Fragment || answer.Params.Get("state") == "" {
		t.Fatalf("no code: %d %v %s; the log:\n%s", answer.Status, answer.Params, answer.Body, w.log(t))
	}
	_, payload := harness.Decode(t, idToken)
	if payload["openbanking_intent_id"] != id || payload["sub"] != id || payload["acr"] != acr || payload["s_hash"] == nil || payload["c_hash"] == nil {
		t.Errorf("ID Token: %v", payload)
	}
	return code
}

func checkAccounts(t *testing.T, w *world, c *client, tokens harness.Response) {
	t.Helper()
	token := tokens.Body["access_token"].(string)
	r := call(t, c.HTTP, w.api+accounts, token, "")
	data, _ := r.Body["Data"].(map[string]any)
	if list, _ := data["Account"].([]any); r.Status != http.StatusOK || len(list) == 0 {
		t.Errorf("accounts: %d %s", r.Status, r.Raw)
	}
	if r := call(t, c.HTTP, w.api+"/resource", token, ""); r.Status != http.StatusOK || r.Body["client_id"] != c.ID || r.Body["openbanking_intent_id"] == nil {
		t.Errorf("resource: %d %s", r.Status, r.Raw)
	}
	other := w.tls
	if c == other {
		other = w.jwt
	}
	for name, through := range map[string]*http.Client{"no": w.client(t, nil), "another client's": other.HTTP} {
		if r := call(t, through, w.api+accounts, token, ""); r.Status != http.StatusUnauthorized {
			t.Errorf("accounts with %s certificate: %d %s", name, r.Status, r.Raw)
		}
	}
	refresh, _ := tokens.Body["refresh_token"].(string)
	again := c.granted(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if r := call(t, c.HTTP, w.api+accounts, again.Body["access_token"].(string), ""); r.Status != http.StatusOK {
		t.Errorf("accounts after a refresh: %d %s", r.Status, r.Raw)
	}
}

// checkTheirs: another client learns nothing of the consent.
func checkTheirs(t *testing.T, w *world, c *client, id string) {
	t.Helper()
	other := w.tls
	if c == other {
		other = w.jwt
	}
	token, _ := other.granted(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}).Body["access_token"].(string)
	for _, name := range []string{id, "unknown"} {
		if r := call(t, other.HTTP, w.api+consents+"/"+name, token, ""); r.Status != http.StatusNotFound {
			t.Errorf("the consent %s for another client: %d %s", name, r.Status, r.Raw)
		}
	}
}

// TestBankDeclined: the consent that the user declines is rejected.
func TestBankDeclined(t *testing.T) {
	w := startProfile(t, "uk-ob")
	own, id := w.consent(t, w.tls)
	object := w.tls.Object(id, harness.Set("claims", harness.IntentClaims("openbanking_intent_id", id)), harness.Set("scope", "openid accounts"))
	answer := w.tls.Visit(t, w.tls.Browser(t), w.tls.URL(w.tls.Buyer, object), "decline")
	if answer.Params.Get("error") != "access_denied" || answer.Params.Get("state") == "" {
		t.Errorf("declined: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	if r := call(t, w.tls.HTTP, w.api+consents+"/"+id, own, ""); !strings.Contains(r.Raw, `"Status":"Rejected"`) {
		t.Errorf("the consent afterwards: %d %s", r.Status, r.Raw)
	}
	w.stop(t)
}

// TestBankPages: the consent page says what it is about.
func TestBankPages(t *testing.T) {
	w := startProfile(t, "uk-ob")
	_, id := w.consent(t, w.tls)
	page := w.consentPage(t, harness.Set("claims", harness.IntentClaims("openbanking_intent_id", id)), harness.Set("scope", "openid accounts"))
	for _, part := range []string{`id="submit_button"`, `id="cancel_button"`, "Buyer tpp-tls", "Example Money Ltd.", id, "Permissions", "ReadAccountsBasic", "accounts", "Third Party"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
	answer := w.tls.Approve(t, w.tls.URL(w.tls.Buyer, "no object"))
	if answer.Location != nil || answer.Status != http.StatusBadRequest || !strings.Contains(answer.Body, "Error") || !strings.Contains(answer.Body, "invalid_request_object") {
		t.Errorf("the error page: %d %s", answer.Status, answer.Body)
	}
	w.stop(t)
}

// consentPage logs in and presses nothing.
func (w *world) consentPage(t *testing.T, changes ...harness.Change) string {
	t.Helper()
	browser, page := w.tls.Browser(t), ""
	browser.Transport = recorder{browser.Transport, func(body string) {
		if strings.Contains(body, `id="cancel_button"`) {
			page = body
		}
	}}
	w.tls.Visit(t, browser, w.tls.URL(w.tls.Buyer, w.tls.Object("", changes...)), "approve")
	if page == "" {
		t.Fatalf("no consent page; the log:\n%s", w.log(t))
	}
	return page
}
