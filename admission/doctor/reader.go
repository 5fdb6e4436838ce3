package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

const (
	certManagerVersion = "cert-manager.io/v1"
	acmeVersion        = "acme.cert-manager.io/v1"
)

// NewScheme returns the types that are looked at.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		cmapi.AddToScheme, acmev1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, discoveryv1.AddToScheme,
		authorizationv1.AddToScheme, apiregistrationv1.AddToScheme, apiextensionsv1.AddToScheme, admissionregistrationv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
}

// NewMapper knows the resources of the types in the scheme. It asks nobody, so that what is wrong with the discovery of one API
// group keeps nobody from looking at the others.
func NewMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for gv, kinds := range map[schema.GroupVersion][]string{
		cmapi.SchemeGroupVersion:       {"Certificate", "CertificateRequest", "Issuer"},
		acmev1.SchemeGroupVersion:      {"Order", "Challenge"},
		corev1.SchemeGroupVersion:      {"Secret", "Event", "Service", "Pod", "ServiceAccount"},
		appsv1.SchemeGroupVersion:      {"Deployment"},
		discoveryv1.SchemeGroupVersion: {"EndpointSlice"},
	} {
		for _, kind := range kinds {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
		}
	}
	for gv, kinds := range map[schema.GroupVersion][]string{
		cmapi.SchemeGroupVersion:                   {"ClusterIssuer"},
		corev1.SchemeGroupVersion:                  {"Namespace"},
		authorizationv1.SchemeGroupVersion:         {"SubjectAccessReview"},
		apiregistrationv1.SchemeGroupVersion:       {"APIService"},
		apiextensionsv1.SchemeGroupVersion:         {"CustomResourceDefinition"},
		admissionregistrationv1.SchemeGroupVersion: {"ValidatingWebhookConfiguration"},
	} {
		for _, kind := range kinds {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeRoot)
		}
	}
	return mapper
}

// looker looks once. It is not for concurrent use.
type looker struct {
	*Doctor
	// ctx is that of the look, as long as which a looker lives.
	ctx context.Context

	facts      Facts
	checks     []Check
	findings   []RuleFinding
	notChecked []string
	// unreachable is why nothing more can be found out: the API server does not answer.
	unreachable error
	// seen tells whether what is examined could be looked at.
	seen bool
	// area is what the next checks belong to.
	area string
	// controller is cert-manager's.
	controller *controller
	secrets    map[string]*corev1.Secret
	// readers are the ServiceAccounts, "namespace/name", of each group's solvers.
	readers map[string]string
	// accounts are the zones of accounts that were asked.
	accounts map[string][]string
	// solved are the names that are solved by each "group/solver".
	solved map[string][]string
	// happened are the events of each namespace that was looked at.
	happened map[string][]corev1.Event
	// idle are the groups whose solvers do not wait until records are visible.
	idle map[string]bool
	// single are the groups whose solvers look at one challenge at a time, so that they need not read Challenges.
	single map[string]bool
	// deployments are cert-manager's, nil where nobody may look for them.
	deployments []appsv1.Deployment
	// rehearsals are what came of creating a Certificate for show, by namespace.
	rehearsals map[string]rehearsal
	// observed is the world for the rules, nil until they are asked.
	observed *observed
}

func (d *Doctor) look(ctx context.Context) *looker {
	return &looker{
		Doctor: d, ctx: ctx, secrets: map[string]*corev1.Secret{}, readers: map[string]string{}, idle: map[string]bool{}, single: map[string]bool{}, accounts: map[string][]string{},
		solved: map[string][]string{}, happened: map[string][]corev1.Event{}, rehearsals: map[string]rehearsal{},
		facts: Facts{
			Program: d.options.Program, Groups: map[string]Group{}, Elsewhere: map[string][]string{}, Works: map[string]bool{},
			DNS: d.options.DNS, Provider: d.options.Provider,
		},
	}
}

// checkf notes how something is.
func (l *looker) checkf(state State, format string, args ...any) {
	c := Check{Area: l.area, State: state, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(l.checks, c) {
		l.checks = append(l.checks, c)
	}
}

// sign notes what is not as it should be, for the causes.
func (l *looker) sign(s Sign) {
	if s.State == "" {
		s.State = Problem
	}
	l.facts.Signs = append(l.facts.Signs, s)
}

// skipf notes that something could not be looked at.
func (l *looker) skipf(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.notChecked, text) {
		l.notChecked = append(l.notChecked, text)
	}
}

// get reads one object. Known is false where that was not allowed, and noted.
func (l *looker) get(namespace, name string, object client.Object) (found, known bool) {
	if l.unreachable != nil {
		return false, false
	}
	err := l.client.Get(l.ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	if l.isUndefined(err, object) {
		return false, false
	}
	if apierrors.IsNotFound(err) {
		return false, true
	}
	return err == nil, l.allowed(err, "get", resourceOf(object), namespace, name)
}

// list reads objects of one kind in a namespace, or with "" in all. Known is false where that was not allowed, and noted.
func (l *looker) list(namespace string, objects client.ObjectList, options ...client.ListOption) (known bool) {
	if l.unreachable != nil {
		return false
	}
	err := l.client.List(l.ctx, objects, append(options, client.InNamespace(namespace))...)
	if l.isUndefined(err, objects) {
		return false
	}
	if apierrors.IsNotFound(err) { // nobody serves the kind
		return true
	}
	return l.allowed(err, "list", resourceOf(objects), namespace, "")
}

// isUndefined tells whether an API server does not have the kind at all, and notes that where it is one of cert-manager's.
func (l *looker) isUndefined(err error, object runtime.Object) bool {
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "the server could not find the requested resource") {
		return false
	}
	kinds, _, err := l.client.Scheme().ObjectKinds(object)
	if err != nil || len(kinds) == 0 || !strings.HasSuffix(kinds[0].Group, "cert-manager.io") {
		return false
	}
	l.seen = true
	l.undefined(fmt.Sprintf("the API server has no %s of the version %s", resourceOf(object), kinds[0].GroupVersion()))
	return true
}

// allowed sorts out why something could not be read.
func (l *looker) allowed(err error, verb, resource, namespace, name string) bool {
	switch {
	case err == nil:
		return true
	case apierrors.IsUnauthorized(err):
		l.unreachable = fmt.Errorf("the Kubernetes API server does not know you: %w", err)
	case apierrors.IsForbidden(err):
		l.skipf("%s (may not %s)", described(resource, namespace, name), permission(verb, resource, namespace, name))
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		l.unreachable = fmt.Errorf("the Kubernetes API server does not answer: %w", err)
	default:
		l.skipf("%s (%s)", described(resource, namespace, name), err)
	}
	return false
}

// described is what was to be read, as "the secret web in default".
func described(resource, namespace, name string) string {
	text := resource
	if name != "" {
		text = strings.TrimSuffix(resource, "s") + " " + name
	}
	if namespace != "" {
		text += " in " + namespace
	}
	return text
}

// permission is a permission, as "list secrets in default".
func permission(verb, resource, namespace, name string) string {
	where := ""
	if namespace != "" {
		where = " in " + namespace
	} else if verb == "list" {
		where = " in all namespaces"
	}
	return strings.TrimSpace(verb+" "+resource+" "+name) + where
}

// resourceOf is the resource of an object or a list, as people call it.
func resourceOf(object runtime.Object) string {
	name := fmt.Sprintf("%T", object)
	name = strings.TrimSuffix(name[strings.LastIndex(name, ".")+1:], "List")
	if m, ok := object.(*metav1.PartialObjectMetadata); ok {
		name = m.Kind
	}
	if m, ok := object.(*metav1.PartialObjectMetadataList); ok {
		name = strings.TrimSuffix(m.Kind, "List")
	}
	return strings.ToLower(name) + "s"
}

// may asks whether somebody else has a right. Known is false where that must not be asked.
func (l *looker) may(user string, attributes authorizationv1.ResourceAttributes) (allowed, known bool) {
	if l.unreachable != nil {
		return false, false
	}
	namespace, _, _ := strings.Cut(user, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + strings.Replace(user, "/", ":", 1),
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: &attributes,
	}}
	err := l.client.Create(l.ctx, review)
	if apierrors.IsForbidden(err) {
		l.skipf("what %s may do (may not create subjectaccessreviews)", user)
		return false, false
	}
	if !l.allowed(err, "create", "subjectaccessreviews", "", "") {
		return false, false
	}
	return review.Status.Allowed, true
}

// secret reads a Secret once. Its content is not kept beyond the look, and not shown.
func (l *looker) secret(namespace, name string) (secret *corev1.Secret, known bool) {
	key := namespace + "/" + name
	if secret, ok := l.secrets[key]; ok {
		return secret, true
	}
	secret = &corev1.Secret{}
	found, known := l.get(namespace, name, secret)
	if !known {
		return nil, false
	}
	if !found {
		secret = nil
	}
	l.secrets[key] = secret
	return secret, true
}

// ref names an object.
func ref(apiVersion, kind string, object client.Object) report.Object {
	return report.Object{APIVersion: apiVersion, Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}
