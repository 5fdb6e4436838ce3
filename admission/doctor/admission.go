package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// validating is the webhook that judges Certificates and Issuers.
const validating = "validate.certyun.internal"

// admission is certyun's admission server.
type admission struct {
	*reader
	sight
	installation *installation
}

func newAdmission(i *installation) *admission {
	return &admission{reader: i.reader, sight: sight{area: "certyun's admission server"}, installation: i}
}

// look checks the admission server, where it is installed.
func (a *admission) look() {
	configurations := &admissionregistrationv1.ValidatingWebhookConfigurationList{}
	if !a.list("", configurations, client.MatchingLabels{partOf: ours}) {
		a.lookBehind()
		return
	}
	if len(configurations.Items) == 0 {
		a.checkf(OK, "not installed")
	}
	for i := range configurations.Items {
		a.judgeConfiguration(&configurations.Items[i])
	}
}

// lookBehind looks at the Pods of an admission server whose webhook configuration nobody may see.
func (a *admission) lookBehind() {
	for _, d := range a.ours("admission") {
		a.judgeDeployment(&d)
		a.running(a.reader, &d, "admission-not-asked", map[string]string{
			"configuration": "its webhook configuration", "service-namespace": d.Namespace, "policy": "not known",
		})
	}
}

// judgeDeployment checks what the Pods of a Deployment need.
func (a *admission) judgeDeployment(d *appsv1.Deployment) {
	a.judgeAuthority(d)
	a.judgePolicy(d)
}

// judgeAuthority checks that the Secret is there in which the server keeps the authority of its serving certificate. It makes none:
// a Pod that finds none waits for it.
func (a *admission) judgeAuthority(d *appsv1.Deployment) {
	name, namespace := argument(d, "--tls-secret-name"), cmp.Or(argument(d, "--tls-secret-namespace"), d.Namespace)
	if name == "" {
		return
	}
	object := report.Object{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Name: name}
	secret := &metav1.PartialObjectMetadata{} // what is in it is nobody's business
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(object.Kind))
	if found, known := a.get(namespace, name, secret); found || !known {
		return
	}
	level := Warning
	if d.Status.ReadyReplicas == 0 && wantedPods(d) > 0 {
		level = Problem
	}
	a.bad(level, "admission-authority-missing", object, "it does not exist", map[string]string{
		"secret-namespace": namespace, "secret": name, waitingDeployment: ref("apps/v1", "Deployment", d).String(),
	})
}

func (a *admission) judgeConfiguration(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
	object := ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", configuration)
	at := slices.IndexFunc(configuration.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool { return w.Name == validating })
	if at < 0 || configuration.Webhooks[at].ClientConfig.Service == nil {
		a.checkf(Warning, "%s: it has no webhook %s that a Service serves", object, validating)
		return
	}
	webhook := &configuration.Webhooks[at]
	service := webhook.ClientConfig.Service
	policy := admissionregistrationv1.Fail
	if webhook.FailurePolicy != nil {
		policy = *webhook.FailurePolicy
	}
	values := map[string]string{
		"configuration": configuration.Name, "service": service.Name, "service-namespace": service.Namespace, "policy": string(policy),
	}
	svc, known := a.serviceAt(service)
	deployment := a.lookAt(svc)
	switch {
	case len(webhook.ClientConfig.CABundle) == 0:
		a.problem("admission-not-asked", object, "its caBundle is empty: cert-manager's CA injector has not filled it in", values)
	case known && svc == nil:
		a.problem("admission-not-asked", object, fmt.Sprintf("its Service %s/%s does not exist", service.Namespace, service.Name), values)
	case deployment == nil || a.deployment(a.reader, deployment, "admission-not-asked", values):
		a.checkf(OK, "%s: failurePolicy %s", object, policy)
		a.judgeAsked(object, webhook, values)
	}
}

// serviceAt is the Service that a webhook configuration names, nil where there is none to be seen.
func (a *admission) serviceAt(service *admissionregistrationv1.ServiceReference) (svc *corev1.Service, known bool) {
	svc = &corev1.Service{}
	found, known := a.get(service.Namespace, service.Name, svc)
	if !found {
		return nil, known
	}
	return svc, known
}

// lookAt looks at what the Pods behind a Service need. It returns their Deployment, nil where there is none to be seen.
func (a *admission) lookAt(svc *corev1.Service) *appsv1.Deployment {
	if svc == nil {
		return nil
	}
	deployment := a.deploymentBehind(svc)
	if deployment != nil {
		a.judgeDeployment(deployment)
	}
	return deployment
}

// word is in the warning that certyun's admission server has about what is created for show.
const word = "certyun-doctor-looks"

// rehearsal is what came of creating a Certificate for show.
type rehearsal struct {
	// warned tells whether certyun's admission server was asked.
	warned bool
	err    error
}

// rehearse asks the API server, once, to create for show a Certificate about which certyun always has something to say.
func (i *installation) rehearse(namespace string) rehearsal {
	if r, done := i.rehearsals[namespace]; done {
		return r
	}
	trial := &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "certyun-doctor-", Namespace: namespace, Annotations: map[string]string{rule.SkipAnnotation: word},
		},
		Spec: cmapi.CertificateSpec{
			SecretName: "certyun-doctor", DNSNames: []string{"certyun-doctor.invalid"},
			IssuerRef: cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "certyun-doctor"},
		},
	}
	i.warnings.Take()
	err := i.client.Create(i.ctx, trial, client.DryRunAll)
	warned := slices.ContainsFunc(i.warnings.Take(), func(w string) bool { return strings.Contains(w, word) })
	i.rehearsals[namespace] = rehearsal{warned: warned || err != nil && strings.Contains(err.Error(), word), err: err}
	return i.rehearsals[namespace]
}

// judgeRehearsal tells whether a webhook other than certyun's keeps Certificates from being written.
func (i *installation) judgeRehearsal(namespace string) {
	if i.unreachable != nil {
		return
	}
	err := i.rehearse(namespace).err
	if apierrors.IsForbidden(err) {
		i.skipf("whether the API server reaches cert-manager's webhook (may not create certificates in %s, not even for show)", namespace)
	}
	if err == nil || !strings.Contains(err.Error(), failedCalling) || strings.Contains(err.Error(), validating) {
		return
	}
	i.complaint(report.Object{Kind: "Namespace", APIVersion: "v1", Name: namespace}, err.Error(), nil)
}

// failedCalling is how an API server says that a webhook does not answer.
const failedCalling = "failed calling webhook"

// judgeAsked tells whether the API server asks certyun's admission server.
func (a *admission) judgeAsked(object report.Object, webhook *admissionregistrationv1.ValidatingWebhook, values map[string]string) {
	namespace := cmp.Or(a.namespace, metav1.NamespaceDefault)
	if !a.isSent(webhook, namespace) {
		return
	}
	r := a.installation.rehearse(namespace)
	switch {
	case r.warned:
		a.checkf(OK, "%s: the API server asks it, and it answers", object)
	case apierrors.IsForbidden(r.err):
		a.skipf("whether the API server can call the admission server (may not create certificates in %s, not even for show)", namespace)
	case r.err != nil && strings.Contains(r.err.Error(), failedCalling) && strings.Contains(r.err.Error(), validating):
		a.complaint(object, r.err.Error(), values)
	case r.err != nil:
		a.skipf("whether the API server can call the admission server (%s)", r.err)
	default:
		a.problem("admission-not-asked", object,
			fmt.Sprintf("a Certificate that it would have warned about was let through in the namespace %s without a word", namespace), values)
	}
}

// isSent tells whether what is created in a namespace is sent to the webhook at all.
func (a *admission) isSent(webhook *admissionregistrationv1.ValidatingWebhook, name string) bool {
	namespace := &corev1.Namespace{}
	found, known := a.get("", name, namespace)
	if !found || !known {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
	if err != nil || !selector.Matches(labels.Set(namespace.Labels)) {
		a.skipf("whether the API server can call the admission server (what is in the namespace %s is not sent to it; name another one with -n)", name)
		return false
	}
	return true
}
