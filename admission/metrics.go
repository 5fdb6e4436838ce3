package admission

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/rule"
)

// reviewMetrics counts reviews and findings. It is one collector, so that it is registered and taken back as one.
type reviewMetrics struct {
	reviews     *prometheus.CounterVec
	incomplete  *prometheus.CounterVec
	findings    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	refused     *prometheus.CounterVec
	policyValid prometheus.Gauge
	exempt      prometheus.Gauge
	// refresh sets what is counted when it is asked for; nil where nobody knows.
	refresh func()
}

func newReviewMetrics() *reviewMetrics {
	return &reviewMetrics{
		reviews: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certyun_admission_reviews_total", Help: "Reviews by kind, operation and decision: allowed, warned or denied.",
		}, []string{"kind", "operation", "decision"}),
		incomplete: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certyun_admission_incomplete_reviews_total", Help: "Reviews in which some rule could not look, by kind. What it would have found was let through, unless --unjudged=deny.",
		}, []string{"kind"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certyun_admission_findings_total", Help: "Findings by rule and severity.",
		}, []string{"rule", "severity"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "certyun_admission_review_duration_seconds", Help: "How long reviews took, by kind.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certyun_admission_refused_requests_total",
			Help: "Requests that were refused before their review, by reason: size, time (the body did not come in time) or room (too many bodies at once).",
		}, []string{"reason"}),
		policyValid: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "certyun_admission_policy_valid", Help: "1 while all of the policy file is in force, 0 while something is wrong with it.",
		}),
		exempt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "certyun_admission_exempt_namespaces", Help: "Namespaces that exempt themselves by a label. 0 where the policy does not let them.",
		}),
	}
}

func (m *reviewMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.reviews, m.incomplete, m.findings, m.duration, m.refused, m.policyValid, m.exempt}
}

// Describe implements prometheus.Collector.
func (m *reviewMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector.
func (m *reviewMetrics) Collect(metrics chan<- prometheus.Metric) {
	if m.refresh != nil {
		m.refresh()
	}
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
}

func (m *reviewMetrics) reviewed(req *admission.Request, response *admission.Response, took time.Duration) {
	decision := "allowed"
	switch {
	case !response.Allowed:
		decision = "denied"
	case len(response.Warnings) > 0:
		decision = "warned"
	}
	m.reviews.WithLabelValues(kindLabel(req), operationLabel(req), decision).Inc()
	m.duration.WithLabelValues(kindLabel(req)).Observe(took.Seconds())
}

func (m *reviewMetrics) unfinished(req *admission.Request) {
	m.incomplete.WithLabelValues(kindLabel(req)).Inc()
}

func (m *reviewMetrics) refuse(reason string) {
	m.refused.WithLabelValues(reason).Inc()
}

func (m *reviewMetrics) found(findings []rule.Finding) {
	for _, f := range findings {
		m.findings.WithLabelValues(f.Rule, string(f.Severity)).Inc()
	}
}

// Whoever asks writes the kind and the operation. Labels must not be as many as he likes.
const otherLabel = "other"

func kindLabel(req *admission.Request) string {
	if rule.NewObject(schema.GroupVersionKind(req.Kind)) == nil {
		return otherLabel
	}
	return req.Kind.Kind
}

func operationLabel(req *admission.Request) string {
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete:
		return string(req.Operation)
	case admissionv1.Connect:
	}
	return otherLabel
}
