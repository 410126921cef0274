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
	shown := profile.Registered(err)
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Pragma", "no-cache")
	rw.Header().Set("Referrer-Policy", "no-referrer")
	if isNil(ar) || !ar.IsRedirectURIValid() || isOver(err) {
		e.writePage(ctx, rw, shown)
		return
	}
	rw.Header().Set("Location", e.errorLocation(ar, shown))
	rw.WriteHeader(http.StatusSeeOther)
}

// isOver: the answer to this authorization is out already. A second one, after
// a double click, would reach the client in place of the first.
func isOver(err error) bool {
	var violation *profile.Violation
	return errors.As(err, &violation) && violation.Rule == rulePending
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
	err := e.Atomic(ctx, func(ctx context.Context) error {
		if err := e.takePending(ctx, request); err != nil || request.pending.Intent == nil {
			return err
		}
		return e.Intents.Reject(ctx, request.pending.Intent.ID)
	})
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
