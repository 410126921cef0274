package span

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ory/fosite"
	"go.opentelemetry.io/otel/trace"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

const chosen = "what a client sent"

// What is recorded of an error: never the text of one that is not the
// library's or an OAuth code.
func TestDescribe(t *testing.T) {
	refusal := profile.Rule("MEF-R1").InvalidGrant("The grant is not good.").Because(errors.New(chosen))
	for _, test := range []struct {
		err               error
		text, rule, oauth string
	}{
		{refusal, "MEF-R1: invalid_grant: The grant is not good.", "MEF-R1", "invalid_grant"},
		{fmt.Errorf("%s: %w", chosen, refusal), "MEF-R1: invalid_grant: The grant is not good.", "MEF-R1", "invalid_grant"},
		{fosite.ErrInvalidState.WithHint(chosen).WithDebug(chosen), "invalid_request", "", "invalid_request"},
		{fmt.Errorf("%s: %w", chosen, context.DeadlineExceeded), "context deadline exceeded", "", ""},
		{fmt.Errorf("%s: %w", chosen, context.Canceled), "context canceled", "", ""},
		{errors.New(chosen), "failed", "", ""},
	} {
		attributes, shown := describe(test.err)
		got := map[string]string{}
		for _, a := range attributes {
			got[string(a.Key)] = a.Value.AsString()
		}
		if shown.Error() != test.text || got[string(Rule)] != test.rule || got[string(Error)] != test.oauth {
			t.Errorf("%v: got %v, %v", test.err, shown, got)
		}
	}
}

// Without a span in the context, there is none to record.
func TestNothingToTrace(t *testing.T) {
	ctx, s := Start(t.Context(), "x")
	err := errors.New(chosen)
	End(s, &err)
	if s.IsRecording() || trace.SpanFromContext(ctx).SpanContext().IsValid() {
		t.Error("a span was recorded")
	}
}
