package seller

import (
	"encoding/json"
	"net/http"

	"github.com/meflso/fosite-meflso/example/internal/body"
	"github.com/meflso/fosite-meflso/storage"
)

// data is the member Data of a body.
type data struct {
	raw     json.RawMessage
	members map[string]json.RawMessage
}

// readData reads {"Data":{…}} and nothing else.
func readData(rw http.ResponseWriter, r *http.Request) (*data, error) {
	members, err := body.Read(rw, r)
	if err != nil {
		return nil, invalidBody(err.Error())
	}
	raw, ok := members["Data"]
	if !ok {
		return nil, unprocessable("missingProperty", "Data", "The body has no Data.")
	}
	if len(members) > 1 {
		return nil, unprocessable("unexpectedProperty", "", "The body has members beside Data.")
	}
	d := &data{raw: raw}
	if json.Unmarshal(raw, &d.members) != nil || d.members == nil {
		return nil, unprocessable("invalidFormat", "Data", "Data is not an object.")
	}
	return d, nil
}

// text returns a member that must be a text.
func (d *data) text(name string) (string, error) {
	raw, ok := d.members[name]
	if !ok {
		return "", unprocessable("missingProperty", "Data."+name, "This is needed.")
	}
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", unprocessable("invalidFormat", "Data."+name, "This is not a string.")
	}
	return *text, nil
}

// kind returns the kind of intent that the Buyer asks for.
func (d *data) kind() (storage.IntentKind, error) {
	if _, ok := d.members["Kind"]; !ok {
		return storage.IntentOnce, nil
	}
	text, err := d.text("Kind")
	kind := storage.IntentKind(text)
	if err != nil || (kind != storage.IntentOnce && kind != storage.IntentRepeated) {
		return "", unprocessable("invalidValue", "Data.Kind", "This is neither once nor repeated.")
	}
	return kind, nil
}
