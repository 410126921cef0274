package resource

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Error is the error body of the MEF LSO APIs. Code and Reason are always
// there.
type Error struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Message says more, for people.
	Message string `json:"message,omitempty"`
	// ReferenceError is the URL of a page about the error.
	ReferenceError string `json:"referenceError,omitempty"`
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

// missing stands for a request without a token; RFC 6750 §3.1 gives it no code.
const missing = "missing_credentials"

// refuse writes the error with the header of RFC 6750 §3, which has codes for
// tokens alone: one whose intent is over is one that gives too little.
func refuse(rw http.ResponseWriter, op Operation, err error) {
	var violation *profile.Violation
	if !errors.As(err, &violation) {
		violation = profile.Unavailable(err)
	}
	status, code, challenge := violation.OAuth.CodeField, "internalError", ""
	switch violation.OAuth.ErrorField {
	case missing:
		status, code, challenge = http.StatusUnauthorized, "missingCredentials", "Bearer"
	case "invalid_token":
		status, code, challenge = http.StatusUnauthorized, "invalidCredentials", `Bearer error="invalid_token"`
	case "insufficient_scope":
		status, code, challenge = http.StatusForbidden, "accessDenied", `Bearer error="insufficient_scope", scope="`+op.Scope+`"`
	case "access_denied":
		status, code, challenge = http.StatusForbidden, "accessDenied", `Bearer error="insufficient_scope"`
	case "invalid_request":
		status, code, challenge = http.StatusBadRequest, "invalidQuery", `Bearer error="invalid_request"`
	}
	if challenge != "" {
		rw.Header().Set("WWW-Authenticate", challenge)
	}
	if code == "internalError" && status < http.StatusInternalServerError {
		status = http.StatusInternalServerError
	}
	WriteError(rw, status, code, violation.OAuth.DescriptionField)
}
