package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
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

// admission checks the admission server, where it is installed.
func (l *looker) admission() {
	l.area = "certyun's admission server"
	configurations := &admissionregistrationv1.ValidatingWebhookConfigurationList{}
	if !l.list("", configurations, client.MatchingLabels{partOf: ours}) {
		return
	}
	if len(configurations.Items) == 0 {
		l.checkf(OK, "not installed")
	}
	for i := range configurations.Items {
		l.judgeConfiguration(&configurations.Items[i])
	}
}

func (l *looker) judgeConfiguration(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
	object := ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", configuration)
	i := slices.IndexFunc(configuration.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool { return w.Name == validating })
	if i < 0 || configuration.Webhooks[i].ClientConfig.Service == nil {
		l.checkf(Warning, "%s: it has no webhook %s that a Service serves", object, validating)
		return
	}
	webhook := &configuration.Webhooks[i]
	service := webhook.ClientConfig.Service
	policy := admissionregistrationv1.Fail
	if webhook.FailurePolicy != nil {
		policy = *webhook.FailurePolicy
	}
	values := map[string]string{
		"configuration": configuration.Name, "service": service.Name, "service-namespace": service.Namespace, "policy": string(policy),
	}
	if len(webhook.ClientConfig.CABundle) == 0 {
		why := "its caBundle is empty: cert-manager's CA injector has not filled it in"
		l.checkf(Problem, "%s: %s", object, why)
		l.sign(Sign{Kind: AdmissionDown, Object: object, Text: why, Values: with(values, "why", why)})
		return
	}
	if !l.admissionPods(object, service, values) {
		return
	}
	l.checkf(OK, "%s: failurePolicy %s", object, policy)
	l.judgeAsked(object, webhook, values)
}

// admissionPods checks the Pods behind the webhook.
func (l *looker) admissionPods(object report.Object, service *admissionregistrationv1.ServiceReference, values map[string]string) bool {
	svc := &corev1.Service{}
	found, known := l.get(service.Namespace, service.Name, svc)
	if !known {
		return true
	}
	if !found {
		why := fmt.Sprintf("its Service %s/%s does not exist", service.Namespace, service.Name)
		l.checkf(Problem, "%s: %s", object, why)
		l.sign(Sign{Kind: AdmissionDown, Object: object, Text: why, Values: with(values, "why", why)})
		return false
	}
	deployment := l.deploymentBehind(svc)
	before := len(l.facts.Signs)
	if deployment == nil || l.deployment(deployment, AdmissionDown) {
		return true
	}
	for i := before; i < len(l.facts.Signs); i++ {
		l.facts.Signs[i].Values = with(values, "why", l.facts.Signs[i].Text)
	}
	return false
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
func (l *looker) rehearse(namespace string) rehearsal {
	if r, done := l.rehearsals[namespace]; done {
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
	l.warnings.Take()
	err := l.client.Create(l.ctx, trial, client.DryRunAll)
	warned := slices.ContainsFunc(l.warnings.Take(), func(w string) bool { return strings.Contains(w, word) })
	l.rehearsals[namespace] = rehearsal{warned: warned || err != nil && strings.Contains(err.Error(), word), err: err}
	return l.rehearsals[namespace]
}

// judgeRehearsal tells whether a webhook other than certyun's keeps Certificates from being written.
func (l *looker) judgeRehearsal(namespace string) {
	if l.unreachable != nil {
		return
	}
	err := l.rehearse(namespace).err
	if apierrors.IsForbidden(err) {
		l.skipf("whether the API server reaches cert-manager's webhook (may not create certificates in %s, not even for show)", namespace)
	}
	if err == nil || !strings.Contains(err.Error(), failedCalling) || strings.Contains(err.Error(), validating) {
		return
	}
	l.checkf(Problem, "creating a Certificate, for show: %s", err)
	l.sign(Sign{Kind: Said, Object: report.Object{Kind: "Namespace", APIVersion: "v1", Name: namespace}, Text: err.Error()})
}

// failedCalling is how an API server says that a webhook does not answer.
const failedCalling = "failed calling webhook"

// judgeAsked tells whether the API server asks certyun's admission server.
func (l *looker) judgeAsked(object report.Object, webhook *admissionregistrationv1.ValidatingWebhook, values map[string]string) {
	namespace := cmp.Or(l.namespace, metav1.NamespaceDefault)
	if !l.isSent(webhook, namespace) {
		return
	}
	r := l.rehearse(namespace)
	switch {
	case r.warned:
		l.checkf(OK, "%s: the API server asks it, and it answers", object)
	case apierrors.IsForbidden(r.err):
		l.skipf("whether the API server can call the admission server (may not create certificates in %s, not even for show)", namespace)
	case r.err != nil && strings.Contains(r.err.Error(), failedCalling) && strings.Contains(r.err.Error(), validating):
		l.checkf(Problem, "%s: %s", object, r.err)
		l.sign(Sign{Kind: Said, Object: object, Text: r.err.Error(), Values: with(values, "why", r.err.Error())})
	case r.err != nil:
		l.skipf("whether the API server can call the admission server (%s)", r.err)
	default:
		why := fmt.Sprintf("a Certificate that it would have warned about was let through in the namespace %s without a word", namespace)
		l.checkf(Problem, "%s: %s", object, why)
		l.sign(Sign{Kind: AdmissionDown, Object: object, Text: why, Values: with(values, "why", why)})
	}
}

// isSent tells whether what is created in a namespace is sent to the webhook at all.
func (l *looker) isSent(webhook *admissionregistrationv1.ValidatingWebhook, name string) bool {
	namespace := &corev1.Namespace{}
	found, known := l.get("", name, namespace)
	if !found || !known {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
	if err != nil || !selector.Matches(labels.Set(namespace.Labels)) {
		l.skipf("whether the API server can call the admission server (what is in the namespace %s is not sent to it; name another one with -n)", name)
		return false
	}
	return true
}
