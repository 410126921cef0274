package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/meflso/fosite-meflso/strategy/audit"
)

// metrics are what Prometheus asks for. No label has a value that a client can
// choose: there are as many series as the code has rules and routes. Its
// methods do nothing on nil.
type metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	duration  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lso_decisions_total",
			Help: "Audited decisions by action, outcome and the rule that was broken.",
		}, []string{"action", "outcome", "rule"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lso_http_request_duration_seconds",
			Help:    "Time to answer a request by route and class of the status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "status"}),
	}
	m.registry.MustRegister(m.decisions, m.duration, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// page serves /metrics.
func (m *metrics) page() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// counting returns a sink that counts what goes on to next.
func (m *metrics) counting(next audit.Sink) audit.Sink {
	if m == nil {
		return next
	}
	return counting{m.decisions, next}
}

type counting struct {
	decisions *prometheus.CounterVec
	next      audit.Sink
}

// Record implements audit.Sink.
func (c counting) Record(ctx context.Context, e audit.Event) {
	c.decisions.WithLabelValues(string(e.Action), string(e.Outcome), string(e.Rule)).Inc()
	c.next.Record(ctx, e)
}

// timing measures a handler. Where it serves several routes, the name is empty
// and the pattern of its ServeMux stands for it.
func (m *metrics) timing(route string, h http.Handler) http.Handler {
	if m == nil {
		return h
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begin, seen := time.Now(), &statusWriter{ResponseWriter: rw, status: http.StatusOK}
		h.ServeHTTP(seen, r)
		name := route
		if name == "" {
			name = r.Pattern
		}
		if name == "" {
			name = "none"
		}
		m.duration.WithLabelValues(name, fmt.Sprintf("%dxx", seen.status/100)).Observe(time.Since(begin).Seconds())
	})
}

// statusWriter remembers the status of the answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
