package seller

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/meflso/fosite-meflso/storage"
)

// Bounds of a body.
const (
	maxBody  = 64 << 10 // bytes
	maxDepth = 32
)

// data is the member Data of a body.
type data struct {
	raw     json.RawMessage
	members map[string]json.RawMessage
}

// readData reads {"Data":{…}} and nothing else. A member that is there twice is
// refused: what the user sees must be what the Seller executes.
func readData(rw http.ResponseWriter, r *http.Request) (*data, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || mediaType != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, invalidBody("The Content-Type is not application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		return nil, invalidBody("The body is larger than 64 KiB, or did not arrive.")
	}
	if !utf8.Valid(body) || !wellBehaved(body) {
		return nil, invalidBody("The body is not one JSON object without duplicate members.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, invalidBody("The body is not a JSON object.")
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

// wellBehaved: one object to the end of the text, no member twice in any
// object, not too deep.
func wellBehaved(body []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') || !walk(decoder, true, 1) {
		return false
	}
	_, err := decoder.Token()
	return err == io.EOF
}

// walk reads an object or a list to its end, after its opening.
func walk(decoder *json.Decoder, object bool, depth int) bool {
	seen := map[string]bool{}
	for decoder.More() {
		if object {
			name, err := decoder.Token()
			text, ok := name.(string)
			if err != nil || !ok || seen[text] {
				return false
			}
			seen[text] = true
		}
		value, err := decoder.Token()
		if err != nil {
			return false
		}
		if opening, ok := value.(json.Delim); ok && (depth == maxDepth || !walk(decoder, opening == '{', depth+1)) {
			return false
		}
	}
	_, err := decoder.Token()
	return err == nil
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
