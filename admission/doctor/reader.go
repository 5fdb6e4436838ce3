package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

const (
	certManagerVersion = "cert-manager.io/v1"
	acmeVersion        = "acme.cert-manager.io/v1"
)

// reader reads what there is, each Secret and each namespace's events once, and notes what it may not read. It is not for concurrent
// use.
type reader struct {
	*Doctor
	// ctx is that of the look, as long as which a reader lives.
	ctx context.Context

	notChecked []string
	// unreachable is why nothing more can be found out: the API server does not answer.
	unreachable error
	// undefined says which of cert-manager's kinds the API server does not have, "" while all are there.
	undefined string
	// seen tells whether what is examined could be looked at.
	seen    bool
	secrets map[string]*corev1.Secret
	// happened are the events of each namespace that was looked at.
	happened map[string][]corev1.Event
}

func (d *Doctor) reader(ctx context.Context) *reader {
	return &reader{Doctor: d, ctx: ctx, secrets: map[string]*corev1.Secret{}, happened: map[string][]corev1.Event{}}
}

// skipf notes that something could not be looked at.
func (r *reader) skipf(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notChecked, text) {
		r.notChecked = append(r.notChecked, text)
	}
}

// get reads one object. Known is false where that was not allowed, and noted.
func (r *reader) get(namespace, name string, object client.Object) (found, known bool) {
	if r.unreachable != nil {
		return false, false
	}
	err := r.client.Get(r.ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	if r.isUndefined(err, object) {
		return false, false
	}
	if apierrors.IsNotFound(err) {
		return false, true
	}
	return err == nil, r.allowed(err, "get", resourceOf(object), namespace, name)
}

// list reads objects of one kind in a namespace, or with "" in all. Known is false where that was not allowed, and noted.
func (r *reader) list(namespace string, objects client.ObjectList, options ...client.ListOption) (known bool) {
	if r.unreachable != nil {
		return false
	}
	err := r.client.List(r.ctx, objects, append(options, client.InNamespace(namespace))...)
	if r.isUndefined(err, objects) {
		return false
	}
	if apierrors.IsNotFound(err) { // nobody serves the kind
		return true
	}
	return r.allowed(err, "list", resourceOf(objects), namespace, "")
}

// listMine reads objects of one kind in all namespaces or, where that is not allowed, in the one that the user works in.
func (r *reader) listMine(objects client.ObjectList, options ...client.ListOption) (known bool) {
	return r.list("", objects, options...) || r.namespace != "" && r.list(r.namespace, objects, options...)
}

// isUndefined tells whether an API server does not have the kind at all, and notes that where it is one of cert-manager's.
func (r *reader) isUndefined(err error, object runtime.Object) bool {
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "the server could not find the requested resource") {
		return false
	}
	kinds, _, err := r.client.Scheme().ObjectKinds(object)
	if err != nil || len(kinds) == 0 || !strings.HasSuffix(kinds[0].Group, "cert-manager.io") {
		return false
	}
	r.seen = true
	if r.undefined == "" {
		r.undefined = fmt.Sprintf("the API server has no %s of the version %s", resourceOf(object), kinds[0].GroupVersion())
	}
	return true
}

// allowed sorts out why something could not be read.
func (r *reader) allowed(err error, verb, resource, namespace, name string) bool {
	switch {
	case err == nil:
		return true
	case apierrors.IsUnauthorized(err):
		r.unreachable = fmt.Errorf("the Kubernetes API server does not know you: %w", err)
	case apierrors.IsForbidden(err):
		r.skipf("%s (may not %s)", described(resource, namespace, name), permission(verb, resource, namespace, name))
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		r.unreachable = fmt.Errorf("the Kubernetes API server does not answer: %w", err)
	default:
		r.skipf("%s (%s)", described(resource, namespace, name), err)
	}
	return false
}

// may asks whether somebody else has a right. Known is false where that must not be asked.
func (r *reader) may(user string, attributes authorizationv1.ResourceAttributes) (allowed, known bool) {
	if r.unreachable != nil {
		return false, false
	}
	namespace, _, _ := strings.Cut(user, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + strings.Replace(user, "/", ":", 1),
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: &attributes,
	}}
	err := r.client.Create(r.ctx, review)
	if apierrors.IsForbidden(err) {
		r.skipf("what %s may do (may not create subjectaccessreviews)", user)
		return false, false
	}
	if !r.allowed(err, "create", "subjectaccessreviews", "", "") {
		return false, false
	}
	return review.Status.Allowed, true
}

// secret reads a Secret once. Its content is not kept beyond the look, and not shown.
func (r *reader) secret(namespace, name string) (secret *corev1.Secret, known bool) {
	key := namespace + "/" + name
	if secret, ok := r.secrets[key]; ok {
		return secret, true
	}
	secret = &corev1.Secret{}
	found, known := r.get(namespace, name, secret)
	if !known {
		return nil, false
	}
	if !found {
		secret = nil
	}
	r.secrets[key] = secret
	return secret, true
}

// ref names an object.
func ref(apiVersion, kind string, object client.Object) report.Object {
	return report.Object{APIVersion: apiVersion, Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// unnoted takes back what was noted as not checked since there were so many notes: a hint that may not be had is nothing to tell.
func (r *reader) unnoted(notes int) { r.notChecked = r.notChecked[:notes] }

// errNotAllowed is why nobody could look.
var errNotAllowed = errors.New("not allowed to look")
