package admission

import (
	"context"

	"k8s.io/klog/v2"
)

// namespaces counts the namespaces of whose labels a function says yes.
type namespaces interface {
	CountNamespaces(ctx context.Context, has func(labels map[string]string) bool) (int, error)
}

// exemptsItself tells whether a namespace has one of the labels by which the webhook's configuration leaves it out.
func exemptsItself(labels map[string]string) bool {
	return labels["certyun.internal/admission"] == "off" || labels["cert-manager.io/disable-validation"] == "true"
}

// countExempt makes the metrics count, when they are asked for, the namespaces that exempt themselves.
func (m *reviewMetrics) countExempt(ctx context.Context, cluster namespaces, policy *policyFile) {
	m.refresh = func() {
		count := 0
		if policy.decided.Load().ExemptByLabel {
			ctx, cancel := context.WithTimeout(ctx, reviewTimeout) // the cache may not be filled
			defer cancel()
			var err error
			if count, err = cluster.CountNamespaces(ctx, exemptsItself); err != nil {
				klog.V(2).InfoS("The namespaces could not be counted", "err", err)
				return
			}
		}
		m.exempt.Set(float64(count))
	}
}
