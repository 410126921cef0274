package interop

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
	"github.com/meflso/fosite-meflso/test/harness"
)

const accountAPI = "/open-banking/v3.1/aisp/"

// TestOwnRelyingPartyAtBanks walks from the consent to the accounts with the
// banking profiles, whose intents are consents.
func TestOwnRelyingPartyAtBanks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	for _, p := range []profile.Profile{profile.NZBanking(), profile.UKOpenBanking()} {
		t.Run(p.Name, func(t *testing.T) {
			ca := harness.NewCA(t, "Clients")
			banks := slices.DeleteFunc(newBanks(t, ca), func(b *bank) bool {
				encrypts := b.enc != nil && (!p.AcceptsKeyEnc(b.enc.Algorithm) || !p.AcceptsContentEnc(b.contentEnc))
				return encrypts || !p.AuthMethods(profile.AuthMethod(b.method))
			})
			for _, b := range banks {
				b.named = true
			}
			op := startOP(t, p.Name, ca, banks)
			for _, b := range banks {
				t.Run(b.ID, func(t *testing.T) {
					client := b.connect(t, op, p, func(*relyingparty.Config) {})
					request := relyingparty.AuthorizationRequest{
						IntentID: consent(t, op, client), Scopes: []string{"accounts"}, ACR: p.ACRValues[:1], EssentialACR: true,
					}
					tokens := logIn(t, op, client, b.Redirect, request)
					if r := callAPI(t, op, client, tokens, http.MethodGet, "accounts", ""); r.Status != http.StatusOK {
						t.Errorf("accounts: %d %s", r.Status, r.Raw)
					}
				})
			}
		})
	}
}

// consent lodges a consent with a token of the client's own.
func consent(t *testing.T, op *harness.OP, client *relyingparty.Client) string {
	t.Helper()
	own, err := client.ClientCredentials(t.Context(), []string{"accounts"})
	must(t, err)
	r := callAPI(t, op, client, own, http.MethodPost, "account-access-consents", `{"Data":{"Permissions":["ReadAccountsBasic"]},"Risk":{}}`)
	data, _ := r.Body["Data"].(map[string]any)
	id, _ := data["ConsentId"].(string)
	if r.Status != http.StatusCreated || id == "" {
		t.Fatalf("no consent: %d %s", r.Status, r.Raw)
	}
	return id
}

func callAPI(t *testing.T, op *harness.OP, client *relyingparty.Client, tokens *relyingparty.Tokens, method, path, body string) harness.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, op.Resource+accountAPI+path, strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Call(request, tokens, relyingparty.Customer{})
	must(t, err)
	return harness.ReadJSON(t, response)
}
