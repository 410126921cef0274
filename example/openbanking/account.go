package openbanking

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/meflso/fosite-meflso/handler/resource"
)

// account is an account of a user.
type account struct {
	AccountId      string //nolint:revive // the API's name
	Currency       string
	AccountType    string
	AccountSubType string
	Nickname       string
	Account        []identification `json:",omitempty"`
}

// identification is what payments to the account need.
type identification struct{ SchemeName, Identification, Name string }

// demoAccounts are the accounts of every user of this example. A bank finds
// those that the user chose when the consent was authorized.
var demoAccounts = []account{
	{"22289", "GBP", "Personal", "CurrentAccount", "Bills", []identification{{"UK.OBIE.SortCodeAccountNumber", "80200110203345", "A. Holder"}}},
	{"31820", "NZD", "Personal", "Savings", "Household", []identification{{"UK.OBIE.BBAN", "0112340012345000", "A. Holder"}}},
}

// readAccounts answers with what the consent permits.
func (a *api) readAccounts(rw http.ResponseWriter, r *http.Request) error {
	grant := resource.Of(r.Context())
	in, err := a.Intents.Usable(r.Context(), grant.Client, grant.IntentID, grant.RequestID)
	if err != nil {
		return err
	}
	var permitted access
	if err := json.Unmarshal(in.Details, &permitted); err != nil {
		return err
	}
	if permitted.expired(a.now()) {
		return &fault{http.StatusForbidden, "UK.OBIE.Resource.InvalidConsentStatus", "", "The consent has expired."}
	}
	detail := slices.Contains(permitted.Permissions, "ReadAccountsDetail")
	if !detail && !slices.Contains(permitted.Permissions, "ReadAccountsBasic") {
		return &fault{http.StatusForbidden, "UK.OBIE.Resource.ConsentMismatch", "", "The consent does not permit this."}
	}
	shown := slices.Clone(demoAccounts)
	for i := range shown {
		if !detail {
			shown[i].Account = nil
		}
	}
	resource.WriteJSON(rw, http.StatusOK, answer{Data: map[string]any{"Account": shown}, Links: links{a.Base + accountsPath}})
	return nil
}
