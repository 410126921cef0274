package authorization

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// WriteAuthorizeError answers an authorization request with an error: by
// redirect if the requester has a redirect_uri that proved to be the client's,
// else as a page with status 400. An access_denied of the host's own is the
// user's no: it ends the pending authorization and rejects the intent.
func (e *Endpoint) WriteAuthorizeError(ctx context.Context, rw http.ResponseWriter, ar fosite.AuthorizeRequester, err error) {
	if request, ok := ar.(*Request); ok && isDecline(err) {
		err = e.decline(ctx, request, err)
	}
	shown := Registered(err)
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Pragma", "no-cache")
	rw.Header().Set("Referrer-Policy", "no-referrer")
	if isNil(ar) || !ar.IsRedirectURIValid() {
		e.writePage(ctx, rw, shown)
		return
	}
	rw.Header().Set("Location", e.errorLocation(ar, shown))
	rw.WriteHeader(http.StatusSeeOther)
}

func isNil(ar fosite.AuthorizeRequester) bool {
	if ar == nil {
		return true
	}
	v := reflect.ValueOf(ar)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func isDecline(err error) bool {
	var violation *profile.Violation
	return errors.Is(err, fosite.ErrAccessDenied) && !errors.As(err, &violation)
}

// decline takes what the authorization may have once and rejects the intent.
// A decline that comes after another ending changes nothing.
func (e *Endpoint) decline(ctx context.Context, request *Request, refusal error) error {
	err := e.takePending(ctx, request)
	if err == nil && request.pending.Intent != nil {
		err = e.Intents.Reject(ctx, request.pending.Intent.ID)
	}
	event := audit.Event{Time: e.Clock(), Action: audit.UserDecline, Client: request.GetClient().GetID(), Intent: request.record.IntentID}
	audit.Judge(ctx, e.Audit, event, err)
	if err != nil {
		return err
	}
	return refusal
}

// errorMode is the response mode of an error: the fragment wherever an ID
// Token was asked for, else the query.
func errorMode(responseType string) fosite.ResponseModeType {
	for _, t := range strings.Fields(responseType) {
		if t == "id_token" {
			return fosite.ResponseModeFragment
		}
	}
	return fosite.ResponseModeQuery
}

func (e *Endpoint) errorLocation(ar fosite.AuthorizeRequester, shown *fosite.RFC6749Error) string {
	params := url.Values{"error": {shown.ErrorField}, "error_description": {shown.DescriptionField}, "iss": {e.Issuer}}
	if state := ar.GetState(); state != "" {
		params.Set("state", state)
	}
	target := *ar.GetRedirectURI() // a copy: the requester's own stays as it is
	target.Fragment = ""
	mode := ar.GetResponseMode()
	if mode == fosite.ResponseModeDefault {
		mode = ar.GetDefaultResponseMode()
	}
	if mode == fosite.ResponseModeFragment {
		return target.String() + "#" + params.Encode()
	}
	query := target.Query()
	for name := range params {
		query.Set(name, params.Get(name))
	}
	target.RawQuery = query.Encode()
	return target.String()
}

// registered are the error codes that a client of an authorization, token,
// introspection or revocation endpoint may see.
var registered = map[string]bool{
	"invalid_request": true, "unauthorized_client": true, "access_denied": true, "unsupported_response_type": true,
	"invalid_scope": true, "server_error": true, "temporarily_unavailable": true, "interaction_required": true,
	"login_required": true, "account_selection_required": true, "consent_required": true, "invalid_request_uri": true,
	"invalid_request_object": true, "request_not_supported": true, "request_uri_not_supported": true,
	"registration_not_supported": true, "unmet_authentication_requirements": true, "invalid_client": true,
	"invalid_grant": true, "unsupported_grant_type": true, "unsupported_token_type": true, "invalid_token": true, "insufficient_scope": true,
}

// replaced are codes of Fosite's own, with what they mean to a client.
var replaced = map[string]string{
	"invalid_state": "invalid_request", "insufficient_entropy": "invalid_request", "unsupported_response_mode": "invalid_request",
	"jti_known": "invalid_client", "scope_not_granted": "invalid_scope", "not_found": "invalid_request", "request_unauthorized": "invalid_request",
	"token_inactive": "invalid_grant", "token_expired": "invalid_grant", "token_signature_mismatch": "invalid_grant",
}

// Registered returns the error as a client may see it: a registered code, a
// description without hint or debug text, and the status that goes with it.
func Registered(err error) *fosite.RFC6749Error {
	rfc := fosite.ErrorToRFC6749Error(err)
	shown := &fosite.RFC6749Error{ErrorField: rfc.ErrorField, DescriptionField: rfc.DescriptionField, CodeField: rfc.CodeField}
	if code, ok := replaced[rfc.ErrorField]; ok {
		shown.ErrorField = code
	}
	if !registered[shown.ErrorField] {
		shown.ErrorField, shown.CodeField = "server_error", http.StatusInternalServerError
		shown.DescriptionField = "The server met an unexpected condition."
	}
	return shown
}
