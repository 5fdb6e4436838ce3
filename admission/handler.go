package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/json"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// A review ends within one second. After reviewTimeout the rules stop where they are; one that does not is left alone after
// reviewGrace, and the review ends without it.
const (
	reviewTimeout = 900 * time.Millisecond
	reviewGrace   = 50 * time.Millisecond
)

// Limits of the API server on warnings: once all of them are longer than 4,096 characters it cuts each at 256 and drops what
// is then too much (k8s.io/apiserver/pkg/endpoints/filters/warning.go).
const (
	maxWarning  = 256
	maxWarnings = 8
)

// maxCauses bounds an answer: an object of the greatest size can have a hundred thousand wrong names.
const maxCauses = 100

// largeObject is the size of objects, in bytes, that are judged one at a time. A Certificate of 100 names has 4,000; one of the
// greatest size takes a hundred megabytes and a core for a second, and whoever may create one may create many.
const largeObject = 128 << 10

// incompleteNote is the warning of a review in which not all rules could look.
const incompleteNote = "[certyun] some checks could not be made in time, or for want of an answer from the API server"

// handler answers AdmissionReviews.
type handler struct {
	engine *rule.Engine
	// world answers from a cache, fresh does not.
	world, fresh evidence.World
	settings     rule.Settings
	policy       *policyFile
	// large has room for one: whoever judges a large object.
	large chan struct{}
	// exempt are the user names whose requests are never judged.
	exempt  map[string]bool
	metrics *reviewMetrics
}

// Handle judges one request. It never fails: what cannot be judged is let through.
func (h *handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	start := time.Now()
	response := h.review(ctx, &req)
	h.metrics.reviewed(&req, &response, time.Since(start))
	return response
}

func (h *handler) review(ctx context.Context, req *admission.Request) admission.Response {
	if h.exempt[req.UserInfo.Username] || req.SubResource != "" {
		return admission.Allowed("")
	}
	request, err := decode(req)
	if err != nil {
		klog.V(2).InfoS("An object could not be read and was let through", "kind", req.Kind.Kind, "namespace", req.Namespace, "name", req.Name, "err", err)
		h.metrics.unfinished(req)
		return admission.Allowed("").WithWarnings("[certyun] this " + req.Kind.Kind + " could not be read, so it was not checked")
	}
	if request == nil || unjudged(request) {
		return admission.Allowed("")
	}
	v := h.inTime(ctx, request, len(req.Object.Raw)+len(req.OldObject.Raw))
	if v.err != nil {
		klog.ErrorS(v.err, "Some rules could not look", "kind", req.Kind.Kind, "namespace", req.Namespace, "name", req.Name)
		h.metrics.unfinished(req)
	}
	h.metrics.found(v.findings)
	return answer(req, request.Object, v)
}

// verdict is what a review came to. An error means that not all rules could look.
type verdict struct {
	findings []rule.Finding
	err      error
}

// inTime judges within the time that a review has, whatever the rules do.
func (h *handler) inTime(ctx context.Context, request *rule.Request, size int) verdict {
	v, err := rule.Guarded(ctx, reviewTimeout, reviewGrace, func(ctx context.Context) (verdict, error) {
		release, err := h.turn(ctx, size)
		if err != nil {
			return verdict{}, err
		}
		defer release() // not before the rules have ended, even where the review has
		return h.judge(ctx, request), nil
	})
	if err != nil {
		return verdict{err: err}
	}
	return v
}

// turn waits until an object of this size may be judged. Whoever had a turn gives it back.
func (h *handler) turn(ctx context.Context, size int) (release func(), err error) {
	if size < largeObject {
		return func() {}, nil
	}
	select {
	case h.large <- struct{}{}:
		return func() { <-h.large }, nil
	case <-ctx.Done():
		return nil, errors.New("other large objects were being judged all the time")
	}
}

// judge asks the engine.
func (h *handler) judge(ctx context.Context, request *rule.Request) (v verdict) {
	decided := h.policy.decided.Load()
	settings := h.settings
	settings.CAs, settings.Now = decided.CAs, time.Now()
	world, fresh := evidence.ForReview(h.world, h.fresh)
	env := &rule.Environment{World: world, Fresh: fresh, Settings: settings}
	v.findings, v.err = h.engine.Review(ctx, env, decided.Policy, *request)
	return v
}

// decode returns nil for what no rule judges.
func decode(req *admission.Request) (*rule.Request, error) {
	raw := req.Object.Raw
	if req.Operation == admissionv1.Delete {
		raw = req.OldObject.Raw
	}
	if rule.NewObject(schema.GroupVersionKind(req.Kind)) == nil || len(raw) == 0 {
		return nil, nil
	}
	object, err := read(req, raw)
	if err != nil {
		return nil, err
	}
	request := &rule.Request{Operation: rule.Operation(req.Operation), Object: object}
	if req.Operation == admissionv1.Update {
		if request.Old, err = read(req, req.OldObject.Raw); err != nil {
			return nil, fmt.Errorf("the old object: %w", err)
		}
	}
	return request, nil
}

func read(req *admission.Request, raw []byte) (metav1.Object, error) {
	object := rule.NewObject(schema.GroupVersionKind(req.Kind))
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, object); err != nil {
		return nil, err
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(req.Namespace) // the client may have left it to the URL
	}
	return object, nil
}

// unjudged tells whether a request is none of our business: the object is on its way out, or only metadata changes that no
// rule reads.
func unjudged(r *rule.Request) bool {
	if r.Operation == rule.Delete {
		return false
	}
	if r.Object.GetDeletionTimestamp() != nil {
		return true
	}
	return r.Old != nil && rule.SameSpec(r.Old, r.Object) &&
		equality.Semantic.DeepEqual(r.Old.GetLabels(), r.Object.GetLabels()) &&
		equality.Semantic.DeepEqual(meant(r.Old), meant(r.Object))
}

// meant are the annotations that rules read.
func meant(object metav1.Object) map[string]string {
	annotations := map[string]string{}
	for name, value := range object.GetAnnotations() {
		for _, part := range []string{"cert-manager.io/", "certyun.internal/", "certmanager.k8s.io/", "kubernetes.io/tls-acme"} {
			if strings.Contains(name, part) {
				annotations[name] = value
			}
		}
	}
	return annotations
}

// answer turns a verdict into a response: a denial as the API server itself words an invalid object, or warnings.
func answer(req *admission.Request, object metav1.Object, v verdict) admission.Response {
	if slices.ContainsFunc(v.findings, func(f rule.Finding) bool { return f.Severity == rule.Deny }) {
		return denied(req, object, v.findings)
	}
	shown := warnings(v.findings)
	if v.err != nil {
		shown = append(shown, incompleteNote)
	}
	return admission.Allowed("").WithWarnings(shown...)
}

// warnings keeps to the API server's limits: single lines, no longer and no more than it shows.
func warnings(findings []rule.Finding) []string {
	shown := make([]string, 0, min(len(findings), maxWarnings)+2)
	for i, f := range findings {
		if i == maxWarnings {
			return append(shown, fmt.Sprintf("… and %d more; run certyun lint", len(findings)-i))
		}
		text := []rune(words.OneLine(f.String()))
		if len(text) > maxWarning {
			text = append(text[:maxWarning-1], '…')
		}
		shown = append(shown, string(text))
	}
	return shown
}

// denied says everything twice: as causes, which kubectl prints, and in the message, which is all that Helm and Flux print.
func denied(req *admission.Request, object metav1.Object, findings []rule.Finding) admission.Response {
	name := req.Name
	if name == "" {
		name = object.GetGenerateName() // the API server has not made a name of it yet
	}
	causes, lines := []metav1.StatusCause{}, []string{}
	for i, f := range findings {
		if i == maxCauses {
			more := fmt.Sprintf("… and %d more", len(findings)-i)
			causes, lines = append(causes, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Message: more}), append(lines, more)
			break
		}
		text := f.Cause()
		if f.Severity != rule.Deny {
			text = "Warning: " + text + " [" + f.Rule + "]"
		}
		causes = append(causes, metav1.StatusCause{Type: causeType(f), Field: f.Field, Message: words.OneLine(text)})
		lines = append(lines, words.OneLine(f.String()))
	}
	message := lines[0]
	if len(lines) > 1 {
		message = "[" + strings.Join(lines, ", ") + "]"
	}
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
		Message: fmt.Sprintf("%s.%s %q is invalid: %s", req.Kind.Kind, req.Kind.Group, name, message),
		Details: &metav1.StatusDetails{Group: req.Kind.Group, Kind: req.Kind.Kind, Name: name, Causes: causes},
	}}}
}

func causeType(f rule.Finding) metav1.CauseType {
	if f.Type == "" {
		return metav1.CauseType(field.ErrorTypeInvalid)
	}
	return metav1.CauseType(f.Type)
}
