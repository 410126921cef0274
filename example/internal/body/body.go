// Package body reads the bodies of the example's APIs.
package body

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Bounds of a body.
const (
	maxBytes = 64 << 10
	maxDepth = 32
)

// Error tells the caller what is wrong with the body.
type Error string

func (e Error) Error() string { return string(e) }

// The errors of Read.
const (
	ErrType  Error = "The Content-Type is not application/json."
	ErrSize  Error = "The body is larger than 64 KiB, or did not arrive."
	ErrShape Error = "The body is not one JSON object without duplicate members."
)

// Read reads one JSON object and nothing else. A member that is there twice is
// refused: what the user sees must be what the API executes.
func Read(rw http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || mediaType != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, ErrType
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBytes))
	if err != nil {
		return nil, ErrSize
	}
	var members map[string]json.RawMessage
	if !utf8.Valid(body) || !wellBehaved(body) || json.Unmarshal(body, &members) != nil {
		return nil, ErrShape
	}
	return members, nil
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
