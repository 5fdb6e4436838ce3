package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
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

// Why an object was not judged in full.
const (
	incomplete = "some checks could not be made in time, or for want of an answer from the API server"
	unreadable = "it could not be read"
)

// What to do about it where it is refused.
const (
	laterOrSmaller = "Apply it again; a smaller object is checked sooner"
	asTheAPISays   = "Compare its fields with the API of cert-manager's version that this certyun was built for"
)

// incompleteNote is the warning of a review in which not all rules could look.
const incompleteNote = "[certyun] " + incomplete

// handler answers AdmissionReviews.
type handler struct {
	engine *rule.Engine
	// world answers from a cache, fresh does not.
	world, fresh evidence.World
	settings     rule.Settings
	policy       *policyFile
	// large has room for one: whoever judges a large object.
	large chan struct{}
	// denyUnjudged refuses what was not judged in full, where anything is refused at all.
	denyUnjudged bool
	// exempt are the user names whose requests are never judged.
	exempt  map[string]bool
	metrics *reviewMetrics
}

// Handle judges one request. It never fails: what cannot be judged is let through, unless an operator has it refused.
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
		klog.V(2).InfoS("An object could not be read", "kind", req.Kind.Kind, "namespace", req.Namespace, "name", req.Name, "err", err)
		h.metrics.unfinished(req)
		if h.refuses(req) {
			return unjudged(req, req.Name, unreadable, asTheAPISays)
		}
		return admission.Allowed("").WithWarnings("[certyun] this " + req.Kind.Kind + " could not be read, so it was not checked")
	}
	if request == nil || nothingToJudge(request) {
		return admission.Allowed("")
	}
	v := h.inTime(ctx, request, len(req.Object.Raw)+len(req.OldObject.Raw))
	if v.err != nil {
		klog.ErrorS(v.err, "Some rules could not look", "kind", req.Kind.Kind, "namespace", req.Namespace, "name", req.Name)
		h.metrics.unfinished(req)
	}
	if certyuns(request.Object) {
		v.findings = slices.DeleteFunc(v.findings, func(f rule.Finding) bool { return f.Severity != rule.Deny })
	}
	h.metrics.found(v.findings)
	return h.answer(req, request.Object, v)
}

// certyuns tells whether an object is labelled as one that certyun's chart installs. Nobody but another release wrote it, in an order
// that Helm chose, so nothing is to be said about it but a denial: whoever copies the labels is spared advice and no more.
func certyuns(object metav1.Object) bool {
	labels := object.GetLabels()
	return labels[evidence.PartOfLabel] == evidence.PartOf && labels["app.kubernetes.io/component"] == "solver"
}

// verdict is what a review came to. An error means that not all rules could look.
type verdict struct {
	findings []rule.Finding
	err      error
}

// inTime judges within the time that a review has, whatever the rules do. The founding rules take the time that they need, and wait for
// nobody; what was found by then counts, whatever becomes of the others.
func (h *handler) inTime(ctx context.Context, request *rule.Request, size int) verdict {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	judgement := h.begin(request)
	err := judgement.Founding(ctx)
	_, othersErr := rule.Guarded(ctx, reviewTimeout, reviewGrace, func(ctx context.Context) (struct{}, error) {
		release, err := h.turn(ctx, size)
		if err != nil {
			return struct{}{}, err
		}
		defer release() // not before the rules have ended, even where the review has
		return struct{}{}, judgement.Others(ctx)
	})
	return verdict{findings: judgement.Findings(), err: errors.Join(err, othersErr)}
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

// begin begins to judge by the policy that is in force.
func (h *handler) begin(request *rule.Request) *rule.Judgement {
	decided := h.policy.decided.Load()
	settings := h.settings
	settings.CAs, settings.Now = decided.CAs, time.Now()
	world, fresh := evidence.ForReview(h.world, h.fresh)
	return h.engine.Begin(&rule.Environment{World: world, Fresh: fresh, Settings: settings}, decided.Policy, *request)
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

// nothingToJudge tells whether a request is none of our business: the object is on its way out, or only metadata changes that no
// rule reads.
func nothingToJudge(r *rule.Request) bool {
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

// answer turns a verdict into a response: a denial as the API server itself words an invalid object, or warnings. What is wrong with the
// policy is said beside all of it.
func (h *handler) answer(req *admission.Request, object metav1.Object, v verdict) admission.Response {
	var notes []string
	if note := h.policy.note(); note != "" {
		notes = append(notes, excerpt(note))
	}
	switch {
	case slices.ContainsFunc(v.findings, func(f rule.Finding) bool { return f.Severity == rule.Deny }):
		return denied(req, nameOf(req, object), v.findings).WithWarnings(notes...)
	case v.err != nil && h.refuses(req):
		return unjudged(req, nameOf(req, object), incomplete, laterOrSmaller).WithWarnings(append(warnings(v.findings), notes...)...)
	case v.err != nil:
		notes = append(notes, incompleteNote)
	}
	return admission.Allowed("").WithWarnings(append(warnings(v.findings), notes...)...)
}

// refuses tells whether this request is refused where it cannot be judged. Deletions and traffic are never held up.
func (h *handler) refuses(req *admission.Request) bool {
	return h.denyUnjudged && req.Operation != admissionv1.Delete && req.Kind.Group == certmanager.GroupName
}

// unjudged is the answer to what was not judged in full, where that is not let through.
func unjudged(req *admission.Request, name, why, remedy string) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable,
		Message: fmt.Sprintf("%s.%s %q was not checked in full, and this cluster refuses what was not (admission.unjudged: deny): %s. %s. "+
			"If it is refused again, ask who runs the cluster: the log of certyun's admission server says why",
			req.Kind.Kind, req.Kind.Group, name, why, remedy),
	}}}
}

// warnings keeps to the API server's limits: single lines, no longer and no more than it shows.
func warnings(findings []rule.Finding) []string {
	shown := make([]string, 0, min(len(findings), maxWarnings)+2)
	for i, f := range findings {
		if i == maxWarnings {
			return append(shown, fmt.Sprintf("… and %d more; run certyun lint", len(findings)-i))
		}
		shown = append(shown, excerpt(f.String()))
	}
	return shown
}

// excerpt is a text as a warning can show it.
func excerpt(text string) string {
	line := []rune(words.OneLine(text))
	if len(line) > maxWarning {
		line = append(line[:maxWarning-1], '…')
	}
	return string(line)
}

// nameOf is the name in a request, or what the API server is yet to make one of.
func nameOf(req *admission.Request, object metav1.Object) string {
	if req.Name == "" {
		return object.GetGenerateName()
	}
	return req.Name
}

// denied says everything twice: as causes, which kubectl prints, and in the message, which is all that Helm and Flux print.
func denied(req *admission.Request, name string, findings []rule.Finding) admission.Response {
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
