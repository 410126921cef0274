package profile

import (
	"net/http"

	"github.com/ory/fosite"
)

// registered are the error codes that a client of one of the endpoints may see.
var registered = map[string]bool{
	"invalid_request": true, "unauthorized_client": true, "access_denied": true, "unsupported_response_type": true,
	"invalid_scope": true, "server_error": true, "temporarily_unavailable": true, "interaction_required": true,
	"login_required": true, "account_selection_required": true, "consent_required": true, "invalid_request_uri": true,
	"invalid_request_object": true, "request_not_supported": true, "request_uri_not_supported": true,
	"registration_not_supported": true, "unmet_authentication_requirements": true, "invalid_client": true,
	"invalid_redirect_uri": true, "invalid_client_metadata": true, "invalid_software_statement": true, "unapproved_software_statement": true,
	"invalid_grant": true, "unsupported_grant_type": true, "unsupported_token_type": true, "invalid_token": true, "insufficient_scope": true,
}

// replaced are codes of Fosite's own, with what they mean to a client.
var replaced = map[string]string{
	"invalid_state": "invalid_request", "insufficient_entropy": "invalid_request", "unsupported_response_mode": "invalid_request",
	"jti_known": "invalid_client", "scope_not_granted": "invalid_scope", "not_found": "invalid_request", "request_unauthorized": "invalid_request",
	"token_inactive": "invalid_grant", "token_signature_mismatch": "invalid_grant",
}

// Registered returns the error as a client may see it: a registered code, a
// description without hint or debug text, and the status that goes with it.
func Registered(err error) *fosite.RFC6749Error {
	rfc := fosite.ErrorToRFC6749Error(err)
	shown := &fosite.RFC6749Error{ErrorField: rfc.ErrorField, DescriptionField: rfc.DescriptionField, CodeField: rfc.CodeField}
	if code, ok := replaced[rfc.ErrorField]; ok {
		shown.ErrorField, shown.CodeField = code, http.StatusBadRequest
		if code == "invalid_client" {
			shown.CodeField = http.StatusUnauthorized
		}
	}
	if shown.CodeField < http.StatusBadRequest {
		shown.CodeField = http.StatusBadRequest
	}
	if !registered[shown.ErrorField] {
		shown.ErrorField, shown.CodeField = "server_error", http.StatusInternalServerError
		shown.DescriptionField = "The server met an unexpected condition."
	}
	return shown
}
