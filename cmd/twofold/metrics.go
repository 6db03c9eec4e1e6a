package main

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what an operator watches. No label carries a name or an address.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	messages *prometheus.CounterVec
	breakers *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "twofold_http_request_duration_seconds", Help: "Requests by route, method and status.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "code"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twofold_sign_in_events_total", Help: "Sign-ins by what happened.",
		}, []string{"event"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twofold_messages_total", Help: "Messages by type of factor and end.",
		}, []string{"type", "state"}),
		breakers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twofold_breaker_changes_total", Help: "Breakers of instances that opened or closed, by type of factor.",
		}, []string{"type", "change"}),
	}
	m.registry.MustRegister(m.requests, m.signIns, m.messages, m.breakers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) signIn(event string) { m.signIns.WithLabelValues(event).Inc() }

func (m *metrics) message(factorType, state string) {
	m.messages.WithLabelValues(factorType, state).Inc()
}

func (m *metrics) breaker(factorType, change string) {
	m.breakers.WithLabelValues(factorType, change).Inc()
}

func (m *metrics) request(r *http.Request, status int, took time.Duration) {
	m.requests.WithLabelValues(route(r.URL.Path), r.Method, strconv.Itoa(status)).Observe(took.Seconds())
}

// route is a path without what varies, so that the number of series is bounded. A tenant
// has the same paths at a host name of its own as below /t/NAME.
func route(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "t" && len(parts) > 2 {
		parts = parts[2:]
	}
	switch parts[0] {
	case "signin":
		if len(parts) == 3 {
			return "/signin/status"
		}
		return "/signin"
	case "assets", "factors", "authorize", "token", "userinfo", "introspect", "revoke", "keys", "end_session", "account", "reset", "report", ".well-known":
		return "/" + parts[0]
	}
	return "other"
}
