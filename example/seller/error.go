package seller

import (
	"errors"
	"net/http"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// fault is an answer with an error body of the MEF LSO APIs.
type fault struct {
	status int
	item
}

func (f *fault) Error() string { return f.Code + ": " + f.Reason }

// item is an error body, or, with status 422, one element of it.
type item struct {
	Code         string `json:"code"`
	Reason       string `json:"reason"`
	PropertyPath string `json:"propertyPath,omitempty"`
}

func invalidBody(reason string) error {
	return &fault{http.StatusBadRequest, item{Code: "invalidBody", Reason: reason}}
}

func unprocessable(code, path, reason string) error {
	return &fault{http.StatusUnprocessableEntity, item{code, reason, path}}
}

var errNotFound error = &fault{http.StatusNotFound, item{Code: "notFound", Reason: "There is no such resource of this client."}}

// orNotFound tells a client that an intent is not its own by telling it nothing.
func orNotFound(err error) error {
	var violation *profile.Violation
	if errors.As(err, &violation) && violation.OAuth.CodeField < http.StatusInternalServerError {
		return errNotFound
	}
	return err
}

// writeError answers with the error. What is neither a fault of the request nor
// a refusal of the register's is the server's.
func writeError(rw http.ResponseWriter, err error) {
	var f *fault
	var violation *profile.Violation
	switch {
	case errors.As(err, &f) && f.status == http.StatusUnprocessableEntity:
		resource.WriteJSON(rw, f.status, []item{f.item})
	case errors.As(err, &f):
		resource.WriteJSON(rw, f.status, f.item)
	case errors.As(err, &violation) && violation.OAuth.ErrorField == "access_denied":
		resource.WriteError(rw, http.StatusForbidden, "accessDenied", violation.OAuth.DescriptionField)
	default:
		shown := profile.Unavailable(err).OAuth
		resource.WriteError(rw, shown.CodeField, "internalError", shown.DescriptionField)
	}
}
