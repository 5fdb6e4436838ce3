package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func namespaceMeta() *metav1.PartialObjectMetadata {
	return metadata(corev1.SchemeGroupVersion.WithKind("Namespace"))
}

// CountNamespaces counts the namespaces of whose labels has says yes. Those that have not come to the cache are not counted.
func (w *World) CountNamespaces(ctx context.Context, has func(labels map[string]string) bool) (int, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := w.cache.List(ctx, list); err != nil {
		return 0, err
	}
	count := 0
	for i := range list.Items {
		if has(list.Items[i].Labels) {
			count++
		}
	}
	return count, nil
}
