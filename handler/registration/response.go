package registration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// allowed answers 405 to every other method.
func allowed(rw http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	rw.Header().Set("Allow", strings.Join(methods, ", "))
	refusal := ruleBody.InvalidRequest("The HTTP method is not one of this resource.")
	refusal.OAuth.CodeField = http.StatusMethodNotAllowed
	writeError(rw, refusal)
	return false
}

// write answers with all that was registered (RFC 7591 §3.2.1, RFC 7592 §3).
// The token is the one that the client brought, or a new one: no other can be
// shown.
func (e *Endpoint) write(rw http.ResponseWriter, status int, c *credentials) {
	body, err := metadataOf(c)
	if err != nil {
		writeError(rw, profile.ServerError("The registration cannot be shown.", err))
		return
	}
	body["client_id_issued_at"] = c.IssuedAt.Unix()
	body["registration_access_token"] = c.token
	body["registration_client_uri"] = e.URL + "/" + url.PathEscape(c.Client.ID)
	writeJSON(rw, status, body)
}

// metadataOf is the client with its statement and without what is between the
// server and its operator.
func metadataOf(c *credentials) (map[string]any, error) {
	data, err := json.Marshal(&c.Client)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	body := map[string]any{}
	for name, value := range fields {
		if name != "suspended" && name != "introspect_trust_domain" {
			body[name] = value
		}
	}
	for name, value := range map[string]string{
		"software_id": c.SoftwareID, "org_id": c.OrgID, "software_statement": c.SoftwareStatement,
	} {
		if value != "" {
			body[name] = value
		}
	}
	return body, nil
}

// writeError writes the violation's own OAuth error: those of RFC 7591 §3.2.2
// are registered for this endpoint alone.
func writeError(rw http.ResponseWriter, err error) {
	violation := violationOf(err)
	if violation.OAuth.CodeField == http.StatusUnauthorized {
		rw.Header().Set("WWW-Authenticate", `Bearer error="`+violation.OAuth.ErrorField+`"`)
	}
	writeJSON(rw, violation.OAuth.CodeField, map[string]any{
		"error": violation.OAuth.ErrorField, "error_description": violation.OAuth.DescriptionField,
	})
}

func violationOf(err error) *profile.Violation {
	var violation *profile.Violation
	if !errors.As(err, &violation) {
		violation = profile.ServerError("The server met an unexpected condition.", err)
	}
	return violation
}

func writeJSON(rw http.ResponseWriter, status int, body map[string]any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Pragma", "no-cache")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body) // the connection is gone if this fails
}

// record tells the audit what was decided on whom.
func (e *Endpoint) record(ctx context.Context, action string, c *credentials, err error) {
	event := audit.Event{Time: e.Clock(), Action: audit.Registration, Outcome: audit.Granted, Detail: action}
	if c != nil {
		event.Client = c.Client.ID
	}
	if err != nil {
		violation := violationOf(err)
		event.Outcome, event.Rule, event.Error = audit.Refused, violation.Rule, violation.OAuth.ErrorField
		if violation.OAuth.CodeField >= http.StatusInternalServerError {
			event.Outcome = audit.Failed
		}
		if violation.Cause != nil {
			event.Cause = violation.Cause.Error()
		}
	}
	e.Audit.Record(ctx, event)
	if err == nil && c != nil {
		for _, alg := range c.algs {
			audit.Weak(ctx, e.Audit, e.Clock(), alg, event.Client, "registration")
		}
	}
}
