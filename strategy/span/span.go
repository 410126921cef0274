// Package span traces the library the way Fosite traces itself: through the
// OpenTelemetry API, into the tracer of the span that the context carries. A
// server that starts a span for each request sees the library's below it, and
// Fosite's below those; without one, nothing is recorded.
//
//	func (e *Endpoint) NewThing(ctx context.Context) (_ *Thing, err error) {
//		ctx, s := span.Start(ctx, "package.Endpoint.NewThing")
//		defer span.End(s, &err)
//
// It is exported because all floors of the library use it, and is of no use to
// others. Deliberately absent: an SDK, a global provider, and attributes with
// anything that a client chose; who looks for the client finds it in the audit
// event of the same decision.
package span

import (
	"context"
	"errors"

	"github.com/ory/fosite"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Tracer is the name of the instrumentation.
const Tracer = "github.com/meflso/fosite-meflso"

// The attributes of a span that ends with an error.
const (
	// Rule is the id of the requirement that was broken, if it is known.
	Rule = attribute.Key("lso.rule")
	// Error is the OAuth error code that the client is told.
	Error = attribute.Key("lso.oauth_error")
)

// Start begins a span below the one that ctx carries. End must be called.
func Start(ctx context.Context, name string) (context.Context, trace.Span) {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(Tracer).Start(ctx, name)
}

// End ends the span, with the error that err points to, if it is one, recorded:
// a refusal with its rule and OAuth error, everything else without its text.
func End(s trace.Span, err *error) {
	if *err != nil && s.IsRecording() {
		attributes, shown := describe(*err)
		s.SetAttributes(attributes...)
		s.RecordError(shown)
		s.SetStatus(codes.Error, shown.Error())
	}
	s.End()
}

var errOther = errors.New("failed")

// describe returns an error that may be shown: the texts of rules and of OAuth
// errors are the library's own, others may quote what a client sent.
func describe(err error) ([]attribute.KeyValue, error) {
	var violation *profile.Violation
	var oauth *fosite.RFC6749Error
	switch {
	case errors.As(err, &violation):
		return []attribute.KeyValue{Rule.String(string(violation.Rule)), Error.String(profile.Registered(err).ErrorField)}, violation
	case errors.As(err, &oauth):
		code := profile.Registered(err).ErrorField
		return []attribute.KeyValue{Error.String(code)}, errors.New(code)
	case errors.Is(err, context.Canceled):
		return nil, context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return nil, context.DeadlineExceeded
	}
	return nil, errOther
}
