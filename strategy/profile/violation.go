package profile

import (
	"fmt"
	"net/http"

	"github.com/ory/fosite"
)

// Rule is the id of a requirement: of MEF W128 ("MEF-R27"), FAPI 1.0 Advanced
// ("FAPI-5.2.2-13") or Baseline ("BASE-5.2.2-20"), or of the RFC that a
// profile builds on ("RFC7523-3-7").
type Rule string

// Violation is a refusal: the rule that was broken and what the client is
// told. Its text never contains anything that the client sent.
type Violation struct {
	Rule Rule
	// OAuth is the error that the client sees.
	OAuth *fosite.RFC6749Error
	// Cause is what lies behind it, for logs alone; often nil.
	Cause error
}

// Error names the rule, the OAuth error and the description.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %s: %s", v.Rule, v.OAuth.ErrorField, v.OAuth.DescriptionField)
}

// Unwrap gives the OAuth error first, so that Fosite's writers find it.
func (v *Violation) Unwrap() []error {
	if v.Cause == nil {
		return []error{v.OAuth}
	}
	return []error{v.OAuth, v.Cause}
}

// Because returns a copy of v with the cause.
func (v *Violation) Because(cause error) *Violation {
	c := *v
	c.Cause = cause
	return &c
}

func (r Rule) refuse(code string, status int, description string) *Violation {
	return &Violation{Rule: r, OAuth: &fosite.RFC6749Error{
		ErrorField: code, DescriptionField: description, CodeField: status,
	}}
}

// InvalidRequest refuses with invalid_request.
func (r Rule) InvalidRequest(description string) *Violation {
	return r.refuse("invalid_request", http.StatusBadRequest, description)
}

// InvalidRequestObject refuses with invalid_request_object.
func (r Rule) InvalidRequestObject(description string) *Violation {
	return r.refuse("invalid_request_object", http.StatusBadRequest, description)
}

// InvalidClient refuses with invalid_client.
func (r Rule) InvalidClient(description string) *Violation {
	return r.refuse("invalid_client", http.StatusUnauthorized, description)
}

// InvalidGrant refuses with invalid_grant.
func (r Rule) InvalidGrant(description string) *Violation {
	return r.refuse("invalid_grant", http.StatusBadRequest, description)
}

// InvalidScope refuses with invalid_scope.
func (r Rule) InvalidScope(description string) *Violation {
	return r.refuse("invalid_scope", http.StatusBadRequest, description)
}

// UnauthorizedClient refuses with unauthorized_client.
func (r Rule) UnauthorizedClient(description string) *Violation {
	return r.refuse("unauthorized_client", http.StatusBadRequest, description)
}

// AccessDenied refuses with access_denied.
func (r Rule) AccessDenied(description string) *Violation {
	return r.refuse("access_denied", http.StatusForbidden, description)
}

// Refuse refuses with another registered OAuth error code and status 400.
func (r Rule) Refuse(code, description string) *Violation {
	return r.refuse(code, http.StatusBadRequest, description)
}

// ServerError reports a fault of the server itself: a storage that failed, a
// session that cannot be used. The cause is for logs.
func ServerError(description string, cause error) *Violation {
	return Rule("RFC6749-4.1.2.1").refuse("server_error", http.StatusInternalServerError, description).Because(cause)
}

// Unavailable reports that the server cannot answer now, such as when its
// storage failed: temporarily_unavailable with status 503.
func Unavailable(cause error) *Violation {
	return Rule("RFC6749-4.1.2.1").refuse("temporarily_unavailable", http.StatusServiceUnavailable,
		"The server cannot handle the request now.").Because(cause)
}
