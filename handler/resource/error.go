package resource

import (
	"encoding/json"
	"net/http"
)

// Error is the error body of the MEF LSO APIs.
type Error struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// WriteError writes an error body; the reason has at most 255 characters and
// never contains what the caller sent.
func WriteError(rw http.ResponseWriter, status int, code, reason string) {
	WriteJSON(rw, status, Error{Code: code, Reason: reason})
}

// WriteJSON writes a body of the API.
func WriteJSON(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json;charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body) // the connection is gone if this fails
}
