package authorization

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/jarm"
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
	if isNil(ar) || !ar.IsRedirectURIValid() || isOver(err) {
		e.writePage(ctx, rw, shown)
		return
	}
	params, err := e.errorParams(ctx, ar, shown)
	if err != nil {
		e.writePage(ctx, rw, profile.Registered(err))
		return
	}
	send(rw, ar, params)
}

// WriteAuthorizeResponse sends the browser back to the client.
func (e *Endpoint) WriteAuthorizeResponse(_ context.Context, rw http.ResponseWriter, ar fosite.AuthorizeRequester, response fosite.AuthorizeResponder) {
	for name, values := range response.GetHeader() {
		rw.Header()[name] = values
	}
	send(rw, ar, response.GetParameters())
}

// isOver: the answer to this authorization is out already. A second one, after
// a double click, would reach the client in place of the first.
func isOver(err error) bool {
	var violation *profile.Violation
	return errors.As(err, &violation) && (violation.Rule == rulePending || violation.Rule == rulePushed)
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

// errorMode is the response mode of an error: JARM's where it was asked for
// and is allowed, else the fragment wherever an ID Token was asked for, else
// the query.
func (e *Endpoint) errorMode(responseType, mode string, m *storage.ClientMetadata) fosite.ResponseModeType {
	switch {
	case profile.IsJWTMode(mode) && slices.Contains(e.Profile.ResponseModes, mode) && mayQuery(mode, responseType, m):
		return fosite.ResponseModeType(mode)
	case jarm.HasTokens(responseType):
		return fosite.ResponseModeFragment
	}
	return fosite.ResponseModeQuery
}

func (e *Endpoint) errorParams(ctx context.Context, ar fosite.AuthorizeRequester, shown *fosite.RFC6749Error) (url.Values, error) {
	params := url.Values{"error": {shown.ErrorField}, "error_description": {shown.DescriptionField}}
	if state := ar.GetState(); state != "" {
		params.Set("state", state)
	}
	if !profile.IsJWTMode(string(ar.GetResponseMode())) {
		params.Set("iss", e.Issuer)
		return params, nil
	}
	encoded, err := e.encode(ctx, ar, params)
	return url.Values{"response": {encoded}}, err
}

// encode makes the answer a JWT for the client of the request.
func (e *Endpoint) encode(ctx context.Context, ar fosite.AuthorizeRequester, params url.Values) (string, error) {
	client := ar.GetClient()
	metadata, err := e.Metadata(ctx, client)
	if err != nil {
		return "", profile.Unavailable(err)
	}
	return e.JARM.Encode(ctx, client.GetID(), metadata, params)
}
