package openbanking

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/body"
	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage"
)

// access is what a consent permits: the details of its intent, and so what the
// user is shown. Times are kept in the words of the third party.
type access struct {
	Permissions             []string
	ExpirationDateTime      string `json:",omitempty"` // empty: none
	TransactionFromDateTime string `json:",omitempty"`
	TransactionToDateTime   string `json:",omitempty"`
}

// knownPermissions are those of the Read/Write API 3.1.
var knownPermissions = strings.Fields(`
	ReadAccountsBasic ReadAccountsDetail ReadBalances ReadBeneficiariesBasic ReadBeneficiariesDetail ReadDirectDebits
	ReadOffers ReadPAN ReadParty ReadPartyPSU ReadProducts ReadScheduledPaymentsBasic ReadScheduledPaymentsDetail
	ReadStandingOrdersBasic ReadStandingOrdersDetail ReadStatementsBasic ReadStatementsDetail
	ReadTransactionsBasic ReadTransactionsCredits ReadTransactionsDebits ReadTransactionsDetail`)

// createConsent lodges an intent. It is repeated: accounts are read more than
// once, until the consent is over.
func (a *api) createConsent(rw http.ResponseWriter, r *http.Request) error {
	members, err := body.Read(rw, r)
	if err != nil {
		return invalidBody(err.Error())
	}
	asked, err := readAccess(members, a.now())
	if err != nil {
		return err
	}
	details, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	in, err := a.Intents.CreateUntil(r.Context(), resource.Of(r.Context()).Client, storage.IntentRepeated, details, asked.end())
	if err != nil {
		return err
	}
	rw.Header().Set("Location", a.Base+consentsPath+"/"+in.ID)
	return a.writeConsent(rw, http.StatusCreated, in)
}

func (a *api) readConsent(rw http.ResponseWriter, r *http.Request) error {
	in, err := a.Intents.Owned(r.Context(), resource.Of(r.Context()).Client, r.PathValue("id"))
	if err != nil {
		return orNotFound(err)
	}
	return a.writeConsent(rw, http.StatusOK, in)
}

// readAccess reads {"Data":{…},"Risk":{}} and nothing else: what is not
// understood must not look as if it were permitted.
func readAccess(members map[string]json.RawMessage, now time.Time) (*access, error) {
	if err := onlyMembers(members, "", "Data", "Risk"); err != nil {
		return nil, err
	}
	var risk, data map[string]json.RawMessage
	if raw, sent := members["Risk"]; sent && (json.Unmarshal(raw, &risk) != nil || len(risk) > 0) {
		return nil, invalid("Risk", "This is not an empty object.")
	}
	if json.Unmarshal(members["Data"], &data) != nil || data == nil {
		return nil, invalid("Data", "This is needed, as an object.")
	}
	if err := onlyMembers(data, "Data.", "Permissions", "ExpirationDateTime", "TransactionFromDateTime", "TransactionToDateTime"); err != nil {
		return nil, err
	}
	asked := &access{}
	if err := json.Unmarshal(members["Data"], asked); err != nil {
		return nil, invalid("Data", "A member is of a wrong type.")
	}
	return asked, asked.check(now)
}

// onlyMembers also refuses a name in other letters, which encoding/json takes.
func onlyMembers(object map[string]json.RawMessage, path string, names ...string) error {
	for name := range object {
		if !slices.Contains(names, name) {
			return &fault{http.StatusBadRequest, "UK.OBIE.Field.Unexpected", strings.TrimSuffix(path, "."), "There is a member that this API does not know."}
		}
	}
	return nil
}

func (c *access) check(now time.Time) error {
	if len(c.Permissions) == 0 {
		return &fault{http.StatusBadRequest, "UK.OBIE.Field.Missing", "Data.Permissions", "This is needed."}
	}
	for i, permission := range c.Permissions {
		if !slices.Contains(knownPermissions, permission) || slices.Contains(c.Permissions[:i], permission) {
			return invalid("Data.Permissions", "A permission is unknown, or there twice.")
		}
	}
	for name, text := range map[string]string{
		"ExpirationDateTime": c.ExpirationDateTime, "TransactionFromDateTime": c.TransactionFromDateTime, "TransactionToDateTime": c.TransactionToDateTime,
	} {
		if _, err := time.Parse(time.RFC3339, text); text != "" && err != nil {
			return &fault{http.StatusBadRequest, "UK.OBIE.Field.InvalidDate", "Data." + name, "This is no date and time with an offset."}
		}
	}
	if c.expired(now) {
		return &fault{http.StatusBadRequest, "UK.OBIE.Field.InvalidDate", "Data.ExpirationDateTime", "This is in the past."}
	}
	return nil
}

// end is the zero time for access without one.
func (c *access) end() time.Time {
	end, err := time.Parse(time.RFC3339, c.ExpirationDateTime)
	if err != nil {
		return time.Time{}
	}
	return end
}

func (c *access) expired(now time.Time) bool {
	end := c.end()
	return !end.IsZero() && !now.Before(end)
}

// consent is the Data of an answer.
type consent struct {
	ConsentId            string //nolint:revive // the API's name
	Status               string
	CreationDateTime     time.Time
	StatusUpdateDateTime time.Time
	access
}

// statuses are the API's words for the states of an intent. It has none for one
// that has expired.
var statuses = map[string]string{
	"Pending": "AwaitingAuthorisation", "Authorized": "Authorised", "Rejected": "Rejected", "Revoked": "Revoked", "Expired": "Revoked",
}

func (a *api) writeConsent(rw http.ResponseWriter, status int, in *storage.Intent) error {
	data := consent{ConsentId: in.ID, Status: statuses[a.Intents.State(in)], CreationDateTime: in.CreatedAt, StatusUpdateDateTime: in.CreatedAt}
	if !in.ExchangedAt.IsZero() {
		data.StatusUpdateDateTime = in.ExchangedAt // the last change that the register dates
	}
	if err := json.Unmarshal(in.Details, &data.access); err != nil {
		return err
	}
	resource.WriteJSON(rw, status, answer{Data: data, Risk: &struct{}{}, Links: links{a.Base + consentsPath + "/" + in.ID}})
	return nil
}
