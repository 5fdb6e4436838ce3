package solvers

import (
	"context"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"
)

// secrets reads Secrets one by one, so that the right to "get" named Secrets is all that we need.
type secrets struct {
	client typedcorev1.CoreV1Interface
}

// Secret says of a Secret that may not be read in a namespace that is being deleted that it does not exist: our permission
// to read it is an object in the same namespace, which may be deleted before the Secret is, and neither comes back.
//
// The client logs nothing about it: at level 8 and above it would log the answer, which is the keys.
func (s secrets) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	ctx = klog.NewContext(ctx, logr.Discard())
	secret, err := s.client.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsForbidden(err) && s.vanishing(ctx, namespace) {
		return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
	}
	return secret, err
}

// vanishing tells whether the namespace is being deleted or gone. Where that cannot be told, it stays.
func (s secrets) vanishing(ctx context.Context, name string) bool {
	namespace, err := s.client.Namespaces().Get(ctx, name, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && namespace.DeletionTimestamp != nil
}
