package admission

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certyun/certyun/admission/policy"
)

// labelled are namespaces by their labels.
type labelled []map[string]string

func (l labelled) CountNamespaces(_ context.Context, has func(map[string]string) bool) (count int, err error) {
	for _, labels := range l {
		if has(labels) {
			count++
		}
	}
	return count, nil
}

func TestNamespacesThatExemptThemselvesAreCounted(t *testing.T) {
	t.Parallel()
	cluster := labelled{
		nil,
		{"certyun.internal/admission": "off"},
		{"certyun.internal/admission": "on"},
		{"cert-manager.io/disable-validation": "true"},
		{"cert-manager.io/disable-validation": "true", "certyun.internal/admission": "off"},
		{"cert-manager.io/disable-validation": "yes"},
	}
	for may, want := range map[bool]float64{true: 3, false: 0} {
		counted, source := newReviewMetrics(), &policyFile{}
		source.decided.Store(&policy.Decided{ExemptByLabel: may})
		counted.countExempt(t.Context(), cluster, source)
		metrics := make(chan prometheus.Metric, 10)
		counted.Collect(metrics)
		if got := gaugeValue(t, counted.exempt); got != want {
			t.Errorf("while the policy lets them is %t: %v, want %v", may, got, want)
		}
	}
}
