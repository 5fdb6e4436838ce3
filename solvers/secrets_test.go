package solvers

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"
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

func TestNoLevelOfTheLogHasASecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Data: map[string][]byte{"secret": []byte(aliceSecret)},
		})
	}))
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	logger := funcr.New(func(_, args string) { log.WriteString(args) }, funcr.Options{Verbosity: 10})

	secret, err := secrets{client.CoreV1()}.Secret(klog.NewContext(t.Context(), logger), "team-a", "alice")
	if err != nil || string(secret.Data["secret"]) != aliceSecret {
		t.Fatalf("got %v, %v", secret, err)
	}
	for _, form := range []string{aliceSecret, base64.StdEncoding.EncodeToString([]byte(aliceSecret))} {
		if strings.Contains(log.String(), form) {
			t.Errorf("the log has the key: %s", &log)
		}
	}
}
