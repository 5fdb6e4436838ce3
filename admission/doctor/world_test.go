package doctor

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
)

// noon is when everything is looked at.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const testGroup = "acme.certyun.internal"

// scene is a cluster that a test sets up.
type scene struct {
	objects []client.Object
	// forbidden are the resources that the user may not read.
	forbidden []string
	// looksOnly takes from the user what nobody has by the role view.
	looksOnly bool
	// only is the one namespace that the user may look into, and works in; "" for all.
	only string
	// denied are the rights, "verb resource", that nobody else has.
	denied []string
	// resources are what discovery says of the group.
	resources []string
	// silentAdmission makes the admission server not answer.
	silentAdmission bool
	// refuses is why the API server does not take a Certificate, not even for show.
	refuses error
	// accounts answer for the clouds.
	accounts Accounts
	options  Options
	dns      *DNS
	// now is noon, unless it is set.
	now func() time.Time
	// served is the chain that the solver serves, in DER form.
	served [][]byte

	warned []string
}

// healthy is a cluster in which everything works.
func healthy(t *testing.T) *scene {
	t.Helper()
	ca, leaf := authority(t, noon.Add(90*24*time.Hour))
	labels := map[string]string{partOf: ours, component: "solver"}
	s := &scene{resources: []string{alidnsName, alidnsAlias, dnspodName}, served: [][]byte{leaf}, options: Options{Program: "certyun"}}
	for _, name := range []string{
		"certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io", "clusterissuers.cert-manager.io",
		"orders.acme.cert-manager.io", "challenges.acme.cert-manager.io",
	} {
		s.add(&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for part, name := range map[string]string{"controller": "cert-manager", "webhook": "webhook", "cainjector": "cainjector"} {
		d := deployment("cert-manager", "cert-manager-"+part, 1)
		d.Labels = map[string]string{component: part, "app.kubernetes.io/name": name, "app.kubernetes.io/version": "v1.21.2"}
		d.Spec.Template.Spec.ServiceAccountName = "cert-manager"
		s.add(d)
	}
	for _, part := range []string{"solver", "admission"} {
		s.add(ourDeployment(part), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-" + part},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{component: part}, Type: corev1.ServiceTypeClusterIP},
		}, &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-" + part, Labels: map[string]string{discoveryv1.LabelServiceName: "certyun-" + part}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.7"}}, {Addresses: []string{"10.0.0.8"}}}, Ports: []discoveryv1.EndpointPort{{Port: new(int32(8443))}},
		})
	}
	s.add(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "cert-manager", Name: "cert-manager"}})
	s.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-admission-ca"}}, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-admission-policy"},
		Data:       map[string]string{"policy.yaml": "apiVersion: certyun.internal/v1\nkind: Policy\nnoSkip: [wildcard-needs-dns01]\n"},
	})
	s.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: "v1alpha1." + testGroup, Labels: labels},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: testGroup, Version: "v1alpha1", CABundle: ca,
			Service: &apiregistrationv1.ServiceReference{Namespace: "certyun", Name: "certyun-solver", Port: new(int32(8443))},
		},
		Status: apiregistrationv1.APIServiceStatus{Conditions: []apiregistrationv1.APIServiceCondition{{Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue}}},
	}, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "certyun.certyun-admission", Labels: labels},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: validating, FailurePolicy: new(admissionregistrationv1.Ignore), NamespaceSelector: &metav1.LabelSelector{},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: ca, Service: &admissionregistrationv1.ServiceReference{Namespace: "certyun", Name: "certyun-admission"}},
		}},
	})
	s.add(testIssuer("shop", "le", `{"accessKeyIdRef":{"name":"alidns","key":"id"},"accessKeySecretRef":{"name":"alidns","key":"secret"}}`))
	s.add(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "alidns"},
		Data:       map[string][]byte{"id": []byte("LTAI5tExampleExample1234"), "secret": []byte("averysecretsecret")},
	})
	return s
}

// ourDeployment is that of a part of certyun's chart.
func ourDeployment(part string) *appsv1.Deployment {
	labels := map[string]string{component: part}
	d := deployment("certyun", "certyun-"+part, 2)
	d.Labels = map[string]string{component: part, partOf: ours}
	d.Spec.Selector.MatchLabels, d.Spec.Template.Labels = labels, labels
	d.Spec.Template.Spec.ServiceAccountName = "certyun-" + part
	container := corev1.Container{Name: part, Args: []string{part, "--group-name=" + testGroup}}
	if part == "admission" {
		container.Args = []string{part, "--tls-secret-namespace=certyun", "--tls-secret-name=certyun-admission-ca", "--policy=/etc/certyun/policy/policy.yaml"}
		container.VolumeMounts = []corev1.VolumeMount{{Name: "policy", MountPath: "/etc/certyun/policy"}}
		d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "policy", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "certyun-admission-policy"}},
		}}}
	}
	d.Spec.Template.Spec.Containers = []corev1.Container{container}
	return d
}

// certManagerIs has the cluster run a version of cert-manager.
func (s *scene) certManagerIs(t *testing.T, version string) {
	t.Helper()
	find[*appsv1.Deployment](t, s, "cert-manager-controller").Labels["app.kubernetes.io/version"] = version
}

// challengePolicy adds the policy by which certyun's chart lets only cert-manager create Challenges.
func (s *scene) challengePolicy(action admissionregistrationv1.ValidationAction) {
	meta := metav1.ObjectMeta{Name: "certyun-challenges", Labels: map[string]string{partOf: ours}}
	s.add(&admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{Rule: admissionregistrationv1.Rule{
				APIGroups: []string{"acme.cert-manager.io"}, APIVersions: []string{"v1"}, Resources: []string{"challenges", "orders"},
			}},
		}}},
	}}, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: meta.Name, ValidationActions: []admissionregistrationv1.ValidationAction{action},
	}})
}

// waitingPod adds a Pod of a part of certyun's chart that waits for something.
func (s *scene) waitingPod(part string, waiting corev1.ContainerStateWaiting) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "certyun", Name: "certyun-" + part + "-new", Labels: map[string]string{component: part}, CreationTimestamp: metav1.NewTime(noon.Add(-10 * time.Minute)),
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: part, State: corev1.ContainerState{Waiting: &waiting}}}},
	}
	s.add(pod)
	return pod
}

// authority makes a CA, in PEM form, and a serving certificate of the solver's Service.
func authority(t *testing.T, expires time.Time) (ca, leaf []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: noon.Add(-365 * 24 * time.Hour), NotAfter: noon.Add(5 * 365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: noon.Add(-365 * 24 * time.Hour), NotAfter: expires, DNSNames: []string{"certyun-solver.certyun.svc"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), leaf
}

func deployment(namespace, name string, ready int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: appsv1.DeploymentSpec{Replicas: new(ready), Selector: &metav1.LabelSelector{}},
		Status: appsv1.DeploymentStatus{Replicas: ready, UpdatedReplicas: ready, ReadyReplicas: ready},
	}
}

func testIssuer(namespace, name, config string) *cmapi.Issuer {
	return &cmapi.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server: "https://acme-v02.api.letsencrypt.org/directory", Email: "tls@shop.example.com",
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name + "-account"}},
			Solvers: []acmev1.ACMEChallengeSolver{{DNS01: &acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{
				GroupName: testGroup, SolverName: alidnsName, Config: &apiextensionsv1.JSON{Raw: []byte(config)},
			}}}},
		}}},
		Status: cmapi.IssuerStatus{Conditions: []cmapi.IssuerCondition{{Type: cmapi.IssuerConditionReady, Status: cmmeta.ConditionTrue, Message: "The ACME account was registered with the ACME server"}}},
	}
}

func (s *scene) add(objects ...client.Object) { s.objects = append(s.objects, objects...) }

// find returns an object of the scene, to change it.
func find[T client.Object](t *testing.T, s *scene, name string) T {
	t.Helper()
	for _, object := range s.objects {
		if found, ok := object.(T); ok && found.GetName() == name {
			return found
		}
	}
	t.Fatalf("the scene has no %T %s", *new(T), name)
	return *new(T)
}

// remove takes objects of a type and name out of the scene.
func remove[T client.Object](s *scene, name string) {
	s.objects = slices.DeleteFunc(s.objects, func(object client.Object) bool {
		_, ok := object.(T)
		return ok && object.GetName() == name
	})
}

// issuance adds a Certificate that is being issued, down to its Challenge.
func (s *scene) issuance(t *testing.T, reason string) *acmev1.Challenge {
	t.Helper()
	issuer := find[*cmapi.Issuer](t, s, "le")
	old := func(minutes int) metav1.Time { return metav1.NewTime(noon.Add(-time.Duration(minutes) * time.Minute)) }
	owned := func(kind, name string, owner string, minutes int) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: old(minutes), OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: owner, UID: types.UID(owner), Controller: new(true)}}}
	}
	s.add(&cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www", UID: "www", CreationTimestamp: old(6)},
		Spec: cmapi.CertificateSpec{
			SecretName: "www-tls", DNSNames: []string{"www.example.com"}, IssuerRef: cmmeta.IssuerReference{Kind: "Issuer", Name: "le", Group: "cert-manager.io"},
			PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: cmapi.RotationPolicyAlways},
		},
		Status: cmapi.CertificateStatus{Conditions: []cmapi.CertificateCondition{
			{Type: cmapi.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
			{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
		}},
	}, &cmapi.CertificateRequest{
		ObjectMeta: owned("Certificate", "www-1", "www", 6),
		Status: cmapi.CertificateRequestStatus{Conditions: []cmapi.CertificateRequestCondition{
			{Type: cmapi.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue},
			{Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: "Pending", Message: `Waiting on certificate issuance from order shop/www-1-1: "pending"`},
		}},
	}, &acmev1.Order{ObjectMeta: owned("CertificateRequest", "www-1-1", "www-1", 5), Status: acmev1.OrderStatus{State: acmev1.Pending, Authorizations: []acmev1.ACMEAuthorization{
		{Identifier: "www.example.com", Challenges: []acmev1.ACMEChallenge{{Type: "dns-01"}, {Type: "http-01"}}},
	}}})
	challenge := &acmev1.Challenge{
		ObjectMeta: owned("Order", "www-1-1-1", "www-1-1", 5),
		Spec:       acmev1.ChallengeSpec{DNSName: "www.example.com", Type: acmev1.ACMEChallengeTypeDNS01, Key: "key", Solver: *issuer.Spec.ACME.Solvers[0].DeepCopy()},
		Status:     acmev1.ChallengeStatus{State: acmev1.Pending, Processing: true, Reason: reason},
	}
	s.add(challenge, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www.1"}, Type: "Warning", Reason: "PresentError", Message: "Error presenting challenge: " + reason, Count: 7,
		InvolvedObject: corev1.ObjectReference{Kind: "Challenge", Name: "www-1-1-1", UID: "www-1-1-1"}, LastTimestamp: old(1),
	}, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www.2"}, Type: "Normal", Reason: "Created", Message: `Created Challenge resource "www-1-1-1" for domain "www.example.com"`, Count: 1,
		InvolvedObject: corev1.ObjectReference{Kind: "Order", Name: "www-1-1", UID: "www-1-1"}, LastTimestamp: old(5),
	})
	return challenge
}

// deleted adds a Challenge that is being deleted for an hour, and says this.
func (s *scene) deleted(t *testing.T, reason string) *acmev1.Challenge {
	t.Helper()
	challenge := s.issuance(t, reason)
	challenge.DeletionTimestamp, challenge.Finalizers = new(metav1.NewTime(noon.Add(-time.Hour))), []string{"acme.cert-manager.io/finalizer"}
	return challenge
}

// doctor looks at the scene.
func (s *scene) doctor(t *testing.T) *Doctor {
	t.Helper()
	var objects []client.Object
	for _, object := range s.objects {
		objects = append(objects, object.DeepCopyObject().(client.Object))
	}
	c := fake.NewClientBuilder().WithScheme(NewScheme()).WithRESTMapper(NewMapper()).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
				if err := errors.Join(s.forbid(resourceOf(object), key.Name), s.beyond(key.Namespace, resourceOf(object))); err != nil {
					return err
				}
				return c.Get(ctx, key, object, opts...)
			},
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				options := (&client.ListOptions{}).ApplyOptions(opts)
				if err := errors.Join(s.forbid(resourceOf(list), ""), s.beyond(options.Namespace, resourceOf(list))); err != nil {
					return err
				}
				return c.List(ctx, list, opts...)
			},
			Create: func(_ context.Context, _ client.WithWatch, object client.Object, opts ...client.CreateOption) error {
				return s.create(t, object, opts)
			},
			Update: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.UpdateOption) error {
				t.Errorf("a %T is updated", object)
				return nil
			},
			Patch: func(_ context.Context, _ client.WithWatch, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
				t.Errorf("a %T is patched", object)
				return nil
			},
			Delete: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.DeleteOption) error {
				t.Errorf("a %T is deleted", object)
				return nil
			},
		}).Build()
	if s.now == nil {
		s.now = func() time.Time { return noon }
	}
	return &Doctor{
		options: s.options, client: c, discovery: discovered{scene: s}, warnings: s, handshake: s, dns: s.dns, accounts: s.accounts,
		ruleset: catalogue.Rules(), engine: rule.NewOnlineEngine(catalogue.Rules()), now: s.now, namespace: cmp.Or(s.only, "shop"),
	}
}

// beyond refuses what is not in the namespace that the user may look into.
func (s *scene) beyond(namespace, resource string) error {
	if s.only == "" || namespace == s.only {
		return nil
	}
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
}

// beyondView is what the role view does not let a user read.
var beyondView = []string{"secrets", "clusterissuers", "customresourcedefinitions", "apiservices", "validatingwebhookconfigurations", "subjectaccessreviews"}

func (s *scene) forbid(resource, name string) error {
	if slices.Contains(s.forbidden, resource) || slices.Contains(s.forbidden, "*") || s.looksOnly && slices.Contains(beyondView, resource) {
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, name, errors.New("no"))
	}
	return nil
}

// create answers reviews and rehearsals, and takes nothing else.
func (s *scene) create(t *testing.T, object client.Object, opts []client.CreateOption) error {
	t.Helper()
	switch object := object.(type) {
	case *authorizationv1.SubjectAccessReview:
		if err := s.forbid("subjectaccessreviews", ""); err != nil {
			return err
		}
		right := object.Spec.ResourceAttributes
		object.Status.Allowed = !slices.Contains(s.denied, right.Verb+" "+right.Resource)
		return nil
	case *cmapi.Certificate:
		options := &client.CreateOptions{}
		options.ApplyOptions(opts)
		if !slices.Equal(options.DryRun, []string{metav1.DryRunAll}) {
			t.Error("a Certificate is created for good")
		}
		if !s.silentAdmission {
			s.warned = append(s.warned, "[skip-unknown-rule] "+object.Annotations[rule.SkipAnnotation])
		}
		if s.refuses != nil {
			return s.refuses
		}
		if s.looksOnly {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "certificates"}, "", errors.New("no"))
		}
		return s.forbid("certificates", "")
	}
	t.Errorf("a %T is created", object)
	return nil
}

// Take implements Warnings.
func (s *scene) Take() []string {
	taken := s.warned
	s.warned = nil
	return taken
}

// Certificates implements Handshake.
func (s *scene) Certificates(_ context.Context, address, _ string) ([][]byte, error) {
	if s.served == nil {
		return nil, fmt.Errorf("connect to %s: no route", address)
	}
	return s.served, nil
}

// discovered implements Discovery.
type discovered struct{ *scene }

// Version implements Discovery.
func (d discovered) Version(context.Context) (*version.Info, error) {
	return &version.Info{GitVersion: "v1.36.3"}, nil
}

// Resources implements Discovery.
func (d discovered) Resources(context.Context, string) ([]string, error) { return d.resources, nil }

// zonesOf implements Accounts.
type zonesOf struct {
	zones  []string
	caller credential.Caller
	err    error
}

func (z zonesOf) Zones(_ context.Context, _ string, keys credential.Keys, _ config.Solver) ([]string, error) {
	if !strings.HasPrefix(keys.ID, "LTAI") {
		return nil, errors.New("these are not the keys")
	}
	return z.zones, z.err
}

func (z zonesOf) Caller(context.Context, string, credential.Keys, config.Solver) (credential.Caller, error) {
	if z.caller == (credential.Caller{}) {
		return z.caller, errors.New("STS refused sts:GetCallerIdentity (InvalidAction.NotFound)")
	}
	return z.caller, nil
}
