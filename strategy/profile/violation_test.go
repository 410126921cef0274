package profile_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

const rule profile.Rule = "FAPI-5.2.2-13"

// Every constructor gives the error that Fosite has under the same code, so
// that a host's errors.Is finds it.
func TestViolationIsFositesError(t *testing.T) {
	for _, c := range []struct {
		got  *profile.Violation
		want *fosite.RFC6749Error
	}{
		{rule.InvalidRequest("d"), fosite.ErrInvalidRequest},
		{rule.InvalidRequestObject("d"), fosite.ErrInvalidRequestObject},
		{rule.InvalidClient("d"), fosite.ErrInvalidClient},
		{rule.InvalidGrant("d"), fosite.ErrInvalidGrant},
		{rule.InvalidScope("d"), fosite.ErrInvalidScope},
		{rule.UnauthorizedClient("d"), fosite.ErrUnauthorizedClient},
		{rule.AccessDenied("d"), fosite.ErrAccessDenied},
		{rule.Refuse("login_required", "d"), fosite.ErrLoginRequired},
		{profile.ServerError("d", nil), fosite.ErrServerError},
		{profile.Unavailable(errors.New("down")), fosite.ErrTemporarilyUnavailable},
	} {
		t.Run(c.want.ErrorField, func(t *testing.T) {
			wrapped := fmt.Errorf("handler: %w", c.got)
			if !errors.Is(wrapped, c.want) {
				t.Errorf("%v is not Fosite's %s with status %d", c.got, c.want.ErrorField, c.want.CodeField)
			}
			if errors.Is(wrapped, fosite.ErrRequestForbidden) {
				t.Error("is another error, too")
			}
			var violation *profile.Violation
			if !errors.As(wrapped, &violation) || violation != c.got {
				t.Errorf("errors.As gives %v", violation)
			}
			var oauth *fosite.RFC6749Error
			if !errors.As(wrapped, &oauth) || oauth != c.got.OAuth {
				t.Errorf("errors.As gives %v", oauth)
			}
			if shown := fosite.ErrorToRFC6749Error(wrapped); shown.ErrorField != c.want.ErrorField || shown.CodeField != c.want.CodeField {
				t.Errorf("Fosite's writers show %s, %d", shown.ErrorField, shown.CodeField)
			}
		})
	}
}

const secret = "s3cr3t-of-the-storage"

func TestBecause(t *testing.T) {
	cause := errors.New(secret)
	plain := rule.InvalidGrant("The code is not valid.")
	v := plain.Because(cause)
	if plain.Cause != nil || v == plain || v.Rule != rule {
		t.Error("the violation itself was changed")
	}
	if !errors.Is(v, cause) || !errors.Is(v, fosite.ErrInvalidGrant) {
		t.Errorf("%v does not unwrap to both", v)
	}
	if want := "FAPI-5.2.2-13: invalid_grant: The code is not valid."; v.Error() != want {
		t.Errorf("got %q, want %q", v.Error(), want)
	}
}

// The cause is for logs: no writer of Fosite's shows it to a client, not even
// one told to expose debug text.
func TestClientTextHasNoCause(t *testing.T) {
	for _, v := range []*profile.Violation{
		rule.InvalidRequestObject("d").Because(errors.New(secret)),
		profile.ServerError("The session cannot be used.", errors.New(secret)),
		profile.Unavailable(errors.New(secret)),
	} {
		recorder := httptest.NewRecorder()
		provider := &fosite.Fosite{Config: &fosite.Config{SendDebugMessagesToClients: true}}
		provider.WriteAccessError(t.Context(), recorder, nil, v)
		body := recorder.Body.String()
		if strings.Contains(body, secret) || strings.Contains(v.Error(), secret) || !strings.Contains(body, v.OAuth.ErrorField) {
			t.Errorf("%s: the client sees %s", v.Rule, body)
		}
		if recorder.Code != v.OAuth.CodeField {
			t.Errorf("%s: status %d, want %d", v.Rule, recorder.Code, v.OAuth.CodeField)
		}
	}
}

// Registered is what a client may see of any error.
func TestRegistered(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{rule.InvalidRequestObject("d"), "invalid_request_object", 400},
		{fmt.Errorf("wrapped: %w", rule.AccessDenied("d")), "access_denied", 403},
		{fosite.ErrInvalidState, "invalid_request", 400},
		{fosite.ErrJTIKnown, "invalid_client", 401},
		{fosite.ErrTokenSignatureMismatch, "invalid_grant", 400},
		{errors.New(secret), "server_error", 500},
		{rule.Refuse("made_up", "d"), "server_error", 500},
	} {
		shown := profile.Registered(c.err)
		if shown.ErrorField != c.code || shown.CodeField != c.status {
			t.Errorf("%v: got %s, %d, want %s, %d", c.err, shown.ErrorField, shown.CodeField, c.code, c.status)
		}
	}
	hinted := profile.Registered(fosite.ErrInvalidRequest.WithHint(secret).WithDebug(secret).WithWrap(errors.New(secret)))
	if text := fmt.Sprint(hinted.HintField, hinted.DebugField, hinted.DescriptionField, hinted.ToValues()); strings.Contains(text, secret) {
		t.Errorf("shows %s", text)
	}
}
