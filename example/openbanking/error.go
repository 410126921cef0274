package openbanking

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// fault is an answer with an error body of the Read/Write API.
type fault struct {
	status           int
	code, path, text string
}

func (f *fault) Error() string { return f.code + ": " + f.text }

func invalidBody(text string) error {
	return &fault{http.StatusBadRequest, "UK.OBIE.Resource.InvalidFormat", "", text}
}

func invalid(path, text string) error {
	return &fault{http.StatusBadRequest, "UK.OBIE.Field.Invalid", path, text}
}

var errNotFound = &fault{http.StatusNotFound, "UK.OBIE.Resource.NotFound", "", "There is no such consent of this client."}

// orNotFound tells a client that a consent is not its own by telling it
// nothing.
func orNotFound(err error) error {
	var violation *profile.Violation
	if errors.As(err, &violation) && violation.OAuth.CodeField < http.StatusInternalServerError {
		return errNotFound
	}
	return err
}

// faultOf: what is neither a fault of the request nor a refusal of the
// register's is the server's.
func faultOf(err error) *fault {
	var f *fault
	var violation *profile.Violation
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &violation) && violation.OAuth.ErrorField == "access_denied":
		return &fault{http.StatusForbidden, "UK.OBIE.Resource.InvalidConsentStatus", "", violation.OAuth.DescriptionField}
	}
	shown := profile.Unavailable(err).OAuth
	return &fault{shown.CodeField, "UK.OBIE.UnexpectedError", "", shown.DescriptionField}
}

// writeError names the error by the interaction, which is in the audit log.
func writeError(rw http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	item := map[string]string{"ErrorCode": f.code, "Message": f.text}
	if f.path != "" {
		item["Path"] = f.path
	}
	resource.WriteJSON(rw, f.status, map[string]any{
		"Code": fmt.Sprintf("%d %s", f.status, http.StatusText(f.status)), "Id": resource.Of(r.Context()).InteractionID,
		"Message": f.text, "Errors": []map[string]string{item},
	})
}
