package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
)

// documentedRefusals are rules whose first example in the documents is refused.
func documentedRefusals() []string {
	return []string{
		"key-size-for-algorithm", "wildcard-needs-dns01", "acme-duration-unsupported", "secret-is-acme-account-key",
		"acme-server-obsolete", "webhook-config-invalid",
	}
}

// refusals applies the examples of the documents and demands the text that they promise.
func (s *suite) refusals(t *testing.T) {
	for _, id := range documentedRefusals() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			examples, err := cases.Examples(id)
			if err != nil || len(examples) == 0 {
				t.Fatalf("there is no example: %v", err)
			}
			example, namespace := &examples[0], s.namespace(t, id)
			all := manifests(t, namespace, example.Manifest())
			bad := all[len(all)-1]
			for _, world := range all[:len(all)-1] {
				s.apply(t, world)
			}
			s.expectRefusal(t, bad, example.Message)
			if !strings.HasPrefix(example.Message, "spec.") || !strings.HasSuffix(example.Message, "["+id+"]") {
				t.Errorf("the documented text names neither field nor rule: %s", example.Message)
			}
			if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(bad), bad); !apierrors.IsNotFound(err) {
				t.Errorf("the refused object is there, or is not known not to be: %v", err)
			}
		})
	}
}

// manifests reads YAML and puts each object into the namespace. Its ACME Issuers make no account, so that none is opened
// at a real CA.
func manifests(t *testing.T, namespace, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(dedent(text)), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object.SetNamespace(namespace)
		if _, isACME, _ := unstructured.NestedMap(object.Object, "spec", "acme"); isACME {
			if err := unstructured.SetNestedField(object.Object, true, "spec", "acme", "disableAccountKeyGeneration"); err != nil {
				t.Fatal(err)
			}
		}
		objects = append(objects, object)
	}
}

// dedent takes from each line what the first one is indented by.
func dedent(text string) string {
	text = strings.TrimLeft(text, "\n")
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	return strings.ReplaceAll("\n"+text, "\n"+indent, "\n")
}

// apply has kubectl apply the object and returns what it says.
func (s *suite) apply(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	said, err := s.tryApply(t, object)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func (s *suite) tryApply(t *testing.T, object *unstructured.Unstructured, args ...string) (string, error) {
	t.Helper()
	text, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return s.Cluster.Apply(t.Context(), bytes.TrimSpace(text), args...)
}

// expectRefusal demands that kubectl cannot apply the object and says why.
func (s *suite) expectRefusal(t *testing.T, object *unstructured.Unstructured, want string) {
	t.Helper()
	if err := s.WaitForRefusal(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	said, err := s.tryApply(t, object)
	if err == nil {
		t.Fatalf("it was taken: %s", said)
	}
	if !strings.Contains(said, want) {
		t.Errorf("kubectl says\n%s\nwhich does not contain\n%s", said, want)
	}
}

// acceptance applies what is right, and what is only warned about.
func (s *suite) acceptance(t *testing.T) {
	namespace := s.namespace(t, "accepted")
	all := manifests(t, namespace, `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: early}
spec:
  secretName: early
  dnsNames: [www.cert-lab.dev]
  issuerRef: {name: not-there}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: good}
spec:
  secretName: good
  commonName: www.cert-lab.dev
  dnsNames: [www.cert-lab.dev]
  issuerRef: {name: self}
`)
	early, issuer, good := all[0], all[1], all[2]
	warning := `Warning: [issuer-not-found] spec.issuerRef: Issuer "not-there" not found in namespace "accepted"; ` +
		"issuance waits until it exists (checks that need it were skipped)"
	if said := s.apply(t, early); !strings.Contains(said, warning) {
		t.Errorf("kubectl says\n%s\nwhich does not contain\n%s", said, warning)
	}
	if said := s.apply(t, issuer); strings.Contains(said, "Warning") {
		t.Errorf("an Issuer that is right is warned about: %s", said)
	}
	// The Issuer is ready in a moment, and the admission server knows it a moment later.
	s.eventually(t, func() error {
		said, err := s.tryApply(t, good, "--dry-run=server")
		if err == nil && strings.Contains(said, "Warning") {
			err = errors.New(said)
		}
		return err
	})
	s.apply(t, good)
	s.eventually(t, func() error {
		var secret corev1.Secret
		return s.Client.Get(t.Context(), client.ObjectKeyFromObject(good), &secret)
	})
}

// ratchet makes what would be refused while its namespace is left alone. Later it can be changed, but not for the worse.
func (s *suite) ratchet(t *testing.T) {
	const switchLabel = "certyun.internal/admission"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ratchet", Labels: map[string]string{switchLabel: "off"}}}
	s.create(t, namespace)
	all := manifests(t, namespace.Name, `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: http01}
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    privateKeySecretRef: {name: http01-account}
    solvers: [{http01: {ingress: {ingressClassName: nginx}}}]
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec:
  secretName: web
  dnsNames: ["*.cert-lab.dev"]
  issuerRef: {name: http01}
`)
	issuer, old := all[0], all[1]
	s.eventually(t, func() error { // the API server may not have seen the namespace's label yet
		_, err := s.tryApply(t, issuer)
		if err == nil {
			_, err = s.tryApply(t, old)
		}
		return err
	})
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, switchLabel)
	if err := s.Client.Patch(t.Context(), namespace, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
	second := old.DeepCopy()
	second.SetName("second")
	s.expectRefusal(t, second, "[wildcard-needs-dns01]")

	old.SetAnnotations(map[string]string{"cert-manager.io/issue-temporary-certificate": "false"})
	old.SetLabels(map[string]string{"team": "shop"})
	if err := unstructured.SetNestedField(old.Object, int64(3), "spec", "revisionHistoryLimit"); err != nil {
		t.Fatal(err)
	}
	if said := s.apply(t, old); !strings.Contains(said, "Warning: [wildcard-needs-dns01]") {
		t.Errorf("what is still wrong is not warned about: %s", said)
	}
	if err := unstructured.SetNestedStringSlice(old.Object, []string{"*.cert-lab.dev", "*.worse-lab.dev"}, "spec", "dnsNames"); err != nil {
		t.Fatal(err)
	}
	said, err := s.tryApply(t, old)
	if err == nil || !strings.Contains(said, `"*.worse-lab.dev"`) {
		t.Errorf("a change for the worse is not refused: %s", said)
	}
}

// admissionKilled kills both replicas while a certificate is being issued, and asks for another one while they are away.
func (s *suite) admissionKilled(t *testing.T) {
	zone := "admission-killed.example"
	account := s.account(t, stage.Alidns(), "admission-killed", zone)
	account.Wait = pendingFor
	issuer := s.issuer(t, "", "admission-killed", account)
	namespace := s.namespace(t, "admission-killed")
	s.create(t, stage.Certificate(namespace, "before", issuer, zone))
	s.expectPresented(t, stage.Alidns(), namespace, zone)
	killed, err := s.Cluster.Kubelet.Kill(stage.Namespace, labels.SelectorFromSet(labels.Set{"app.kubernetes.io/component": "admission"}))
	if err != nil {
		t.Fatal(err)
	}
	if killed != 2 {
		t.Errorf("%d replicas were killed, want 2", killed)
	}
	s.create(t, stage.Certificate(namespace, "meanwhile", issuer, "www."+zone))
	s.expectIssued(t, namespace, "before", zone)
	s.expectIssued(t, namespace, "meanwhile", "www."+zone)
	if err := s.WaitForAdmission(t.Context()); err != nil {
		t.Errorf("the replicas did not come back: %v", err)
	}
}

// failurePolicy issues certificates with each policy, while the admission server runs and while it does not.
func (s *suite) failurePolicy(t *testing.T) {
	zone := "failure-policy.example"
	issuer := s.issuer(t, "", "failure-policy", s.account(t, stage.DNSPod(), "failure-policy", zone))
	namespace := s.namespace(t, "failure-policy")
	bad := manifests(t, namespace, `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: bad}
spec:
  secretName: bad
  dnsNames: [www.cert-lab.dev]
  privateKey: {size: 256}
  issuerRef: {name: not-there}
`)[0]

	s.configureAdmission(t, string(admissionregistrationv1.Fail), 2)
	s.expectRefusal(t, bad, "[key-size-for-algorithm]")
	s.create(t, stage.Certificate(namespace, "web", issuer, zone, "*."+zone))
	s.expectIssued(t, namespace, "web", zone, "*."+zone)

	s.configureAdmission(t, string(admissionregistrationv1.Fail), 0)
	s.eventually(t, func() error {
		said, err := s.tryApply(t, bad)
		if err == nil {
			t.Fatalf("nobody judged it and it was taken: %s", said)
		}
		if !strings.Contains(said, "failed calling webhook") {
			return err
		}
		return nil
	})
	// cert-manager makes the Certificate of an Ingress itself, and is not judged.
	s.create(t, stage.Ingress(namespace, "shop", issuer.Name, "shop."+zone))
	s.expectIssued(t, namespace, "shop", "shop."+zone)

	s.configureAdmission(t, string(admissionregistrationv1.Ignore), 0)
	s.eventually(t, func() error {
		_, err := s.tryApply(t, bad)
		return err
	})
	s.delete(t, &certmanagerv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: bad.GetName()}})

	s.configureAdmission(t, string(admissionregistrationv1.Ignore), 2)
	s.expectRefusal(t, bad, "[key-size-for-algorithm]")
}

// configureAdmission upgrades the release as a user would. Helm cannot make Roles in the namespaces that are gone by now.
func (s *suite) configureAdmission(t *testing.T, failurePolicy string, replicas int) {
	t.Helper()
	secrets := strings.Join([]string{issuersNamespace, certmanager.Namespace}, ",")
	_, err := s.Cluster.Helm(t.Context(), "upgrade", stage.Release, s.Cluster.Chart(), "--namespace", stage.Namespace,
		"--reuse-values", "--wait", "--timeout", "2m",
		"--set", fmt.Sprintf("admission.failurePolicy=%s,admission.replicaCount=%d,secrets.namespaces={%s}", failurePolicy, replicas, secrets))
	if err != nil {
		t.Fatal(err)
	}
}
