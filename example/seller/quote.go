package seller

import (
	"encoding/json"
	"net/http"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage"
)

// createQuote lodges an intent. Data is what the user will see at consent; its
// member Kind tells how often the quote may be submitted.
func (a *api) createQuote(rw http.ResponseWriter, r *http.Request) error {
	data, err := readData(rw, r)
	if err != nil {
		return err
	}
	kind, err := data.kind()
	if err != nil {
		return err
	}
	for _, name := range []string{"QuoteId", "Status"} {
		if _, ok := data.members[name]; ok {
			return unprocessable("unexpectedProperty", "Data."+name, "The Seller decides this.")
		}
	}
	in, err := a.Intents.Create(r.Context(), resource.Of(r.Context()).Client, kind, data.raw)
	if err != nil {
		return err
	}
	rw.Header().Set("Location", a.Base+"/quote/"+in.ID)
	return a.writeQuote(rw, http.StatusCreated, in)
}

func (a *api) readQuote(rw http.ResponseWriter, r *http.Request) error {
	in, err := a.Intents.Owned(r.Context(), resource.Of(r.Context()).Client, r.PathValue("id"))
	if err != nil {
		return orNotFound(err)
	}
	return a.writeQuote(rw, http.StatusOK, in)
}

func (a *api) writeQuote(rw http.ResponseWriter, status int, in *storage.Intent) error {
	quote := map[string]any{}
	if err := unmarshalRaw(in.Details, quote); err != nil {
		return err
	}
	quote["QuoteId"], quote["Status"], quote["Kind"] = in.ID, a.Intents.State(in), in.Kind
	resource.WriteJSON(rw, status, map[string]any{"Data": quote})
	return nil
}

// unmarshalRaw keeps every member as it was sent, numbers too.
func unmarshalRaw(object json.RawMessage, into map[string]any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return err
	}
	for name, value := range members {
		into[name] = value
	}
	return nil
}
