package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

func Example() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	sink := audit.Slog(slog.New(handler))
	event := audit.Event{Action: audit.TokenIssue, Client: "buyer", TokenHash: audit.Hash("the code")}
	audit.Judge(context.Background(), sink, event, nil)
	refusal := profile.Rule("FAPI-5.2.2-13").InvalidRequestObject("The request object has expired.")
	audit.Judge(context.Background(), sink, audit.Event{Action: audit.AuthorizationRequest, Client: "buyer"}, refusal)
	// Output:
	// level=INFO msg=lso.token_issue outcome=granted client_id=buyer token_hash=JuoIlK19xhWlSLBfEW8HamerY_BkUhdOJDjbcWOTxeE
	// level=WARN msg=lso.authorization_request outcome=refused rule=FAPI-5.2.2-13 error=invalid_request_object client_id=buyer
}

// memory keeps the events.
type memory struct{ events []audit.Event }

func (m *memory) Record(_ context.Context, e audit.Event) { m.events = append(m.events, e) }

var errDown = errors.New("the database is down")

func TestJudge(t *testing.T) {
	const rule profile.Rule = "MEF-R27"
	for _, c := range []struct {
		name    string
		err     error
		outcome audit.Outcome
		rule    profile.Rule
		code    string
		cause   string
	}{
		{"granted", nil, audit.Granted, "", "", ""},
		{"refused", rule.AccessDenied("d"), audit.Refused, rule, "access_denied", ""},
		{"refused with a cause", rule.InvalidGrant("d").Because(fosite.ErrNotFound), audit.Refused, rule, "invalid_grant", "not_found"},
		{"wrapped", fmt.Errorf("handler: %w", rule.InvalidClient("d")), audit.Refused, rule, "invalid_client", ""},
		{"the storage failed", profile.Unavailable(errDown), audit.Failed, "RFC6749-4.1.2.1", "temporarily_unavailable", errDown.Error()},
		{"the server failed", profile.ServerError("d", errDown), audit.Failed, "RFC6749-4.1.2.1", "server_error", errDown.Error()},
		{"the server failed, without cause", profile.ServerError("d", nil), audit.Failed, "RFC6749-4.1.2.1", "server_error", ""},
		{"Fosite refused", fosite.ErrInvalidScope, audit.Refused, "", "invalid_scope", "invalid_scope"},
		{"Fosite refused because of something", fosite.ErrInvalidGrant.WithWrap(fosite.ErrNotFound), audit.Refused, "", "invalid_grant", "not_found"},
		{"Fosite failed", fosite.ErrServerError.WithWrap(errDown), audit.Failed, "", "server_error", errDown.Error()},
		{"an error of nobody's", errDown, audit.Failed, "", "server_error", errDown.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := &memory{}
			event := audit.Event{Time: time.Unix(1, 0), Action: audit.IntentChange, Client: "buyer", Intent: "i", TokenHash: "h", Detail: "created"}
			audit.Judge(t.Context(), sink, event, c.err)
			want := event
			want.Outcome, want.Rule, want.Error, want.Cause = c.outcome, c.rule, c.code, c.cause
			if len(sink.events) != 1 || sink.events[0] != want {
				t.Errorf("got %+v, want %+v", sink.events, want)
			}
			if event.Outcome != "" {
				t.Error("the caller's event was changed")
			}
		})
	}
	audit.Judge(t.Context(), audit.Discard, audit.Event{}, errDown)
}

// What the client sent, and the texts that Fosite makes of it, are not in the
// record.
func TestNoSecrets(t *testing.T) {
	const secret = "eyJ-the-secret"
	var out bytes.Buffer
	sink := audit.Slog(slog.New(slog.NewJSONHandler(&out, nil)))
	for _, err := range []error{
		nil,
		profile.Rule("MEF-R39").InvalidRequestObject("d"),
		fosite.ErrInvalidRequest.WithHint("hint " + secret).WithDebug("debug " + secret).WithDescription("d " + secret),
		fosite.ErrInvalidGrant.WithHintf("code %s", secret).WithWrap(fosite.ErrNotFound.WithDebug(secret)),
	} {
		audit.Judge(t.Context(), sink, audit.Event{Action: audit.TokenIssue, TokenHash: audit.Hash(secret)}, err)
	}
	if text := out.String(); strings.Contains(text, secret) || strings.Count(text, audit.Hash(secret)) != 4 {
		t.Errorf("got %s", text)
	}
}

func TestSlog(t *testing.T) {
	full := audit.Event{
		Action: audit.ResourceAccess, Outcome: audit.Refused, Rule: "MEF-R58", Error: "access_denied", Cause: "c", Client: "buyer",
		Intent: "i", TokenHash: "h", Detail: "d",
	}
	for _, c := range []struct {
		event audit.Event
		want  map[string]any
	}{
		{full, map[string]any{
			"level": "WARN", "msg": "lso.resource_access", "outcome": "refused", "rule": "MEF-R58", "error": "access_denied", "cause": "c",
			"client_id": "buyer", "intent_id": "i", "token_hash": "h", "detail": "d",
		}},
		{audit.Event{Action: audit.UserInfo, Outcome: audit.Granted}, map[string]any{"level": "INFO", "msg": "lso.userinfo", "outcome": "granted"}},
		{audit.Event{Action: audit.Revocation, Outcome: audit.Failed}, map[string]any{"level": "ERROR", "msg": "lso.revocation", "outcome": "failed"}},
	} {
		var out bytes.Buffer
		audit.Slog(slog.New(slog.NewJSONHandler(&out, nil))).Record(t.Context(), c.event)
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "time")
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

// A client cannot forge a line of the log.
func TestSlogKeepsLinesApart(t *testing.T) {
	var out bytes.Buffer
	sink := audit.Slog(slog.New(slog.NewTextHandler(&out, nil)))
	sink.Record(t.Context(), audit.Event{Action: audit.UserInfo, Client: "a\nlevel=INFO msg=forged"})
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("got %q", out.String())
	}
}

func TestHash(t *testing.T) {
	for secret, want := range map[string]string{"": "", "abc": "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"} {
		if got := audit.Hash(secret); got != want {
			t.Errorf("%q: got %q, want %q", secret, got, want)
		}
	}
}
