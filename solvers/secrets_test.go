package solvers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestASecretThatMayNotBeRead(t *testing.T) {
	namespace := func(change func(*corev1.Namespace)) *corev1.Namespace {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}
		change(ns)
		return ns
	}
	for name, c := range map[string]struct {
		namespace     *corev1.Namespace // nil: it is gone
		mayNotRead    bool              // the namespace either
		wantForbidden bool
	}{
		"in a namespace that stays":         {namespace: namespace(func(*corev1.Namespace) {}), wantForbidden: true},
		"in a namespace that is deleted":    {namespace: namespace(func(ns *corev1.Namespace) { ns.DeletionTimestamp = new(metav1.Now()) })},
		"in a namespace that is gone":       {},
		"in a namespace that is unreadable": {namespace: namespace(func(*corev1.Namespace) {}), mayNotRead: true, wantForbidden: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			if c.namespace != nil {
				client = fake.NewClientset(c.namespace)
			}
			forbid := func(resource string) {
				client.PrependReactor("get", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(corev1.Resource(resource), "alice", nil)
				})
			}
			forbid("secrets")
			if c.mayNotRead {
				forbid("namespaces")
			}
			_, err := secrets{client.CoreV1()}.Secret(t.Context(), "team-a", "alice")
			if apierrors.IsForbidden(err) != c.wantForbidden || apierrors.IsNotFound(err) == c.wantForbidden {
				t.Errorf("got %v, want forbidden: %t", err, c.wantForbidden)
			}
		})
	}
}
