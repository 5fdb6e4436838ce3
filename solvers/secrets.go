package solvers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// secrets reads Secrets one by one, so that the right to "get" named Secrets is all that we need.
type secrets struct {
	client typedcorev1.SecretsGetter
}

func (s secrets) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return s.client.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}
