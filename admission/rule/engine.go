package rule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// SkipAnnotation on an object names rules, separated by commas, whose denials become warnings for it.
const SkipAnnotation = "certyun.internal/skip"

// SkipUnknown is the rule that speaks about a SkipAnnotation which names no rule.
const SkipUnknown = "skip-unknown-rule"

// Engine judges objects by rules. It holds no state between reviews and is safe for concurrent use.
type Engine struct {
	rules          []Rule
	known, offline map[string]bool
}

// NewEngine returns an engine with these rules: All() beside cert-manager, Catalogue() for files. An annotation may name rules
// for files anywhere.
func NewEngine(rules []Rule) *Engine {
	known, offline := map[string]bool{SkipUnknown: true}, map[string]bool{}
	for _, r := range slices.Concat(rules, Offline()) {
		known[r.ID], offline[r.ID] = true, r.Offline
	}
	return &Engine{rules: rules, known: known, offline: offline}
}

// Request is one object to judge.
type Request struct {
	Operation Operation
	// Object is a *Certificate, *Issuer, *ClusterIssuer, *Ingress or *Gateway. On DELETE it is the object that goes.
	Object metav1.Object
	// Old is the object as it is, on UPDATE; else nil.
	Old metav1.Object
}

// NewObject returns what an object of a kind that is judged is decoded into, nil for other kinds.
func NewObject(kind schema.GroupVersionKind) metav1.Object {
	switch kind {
	case cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind):
		return &cmapi.Certificate{}
	case cmapi.SchemeGroupVersion.WithKind(cmapi.IssuerKind):
		return &cmapi.Issuer{}
	case cmapi.SchemeGroupVersion.WithKind(cmapi.ClusterIssuerKind):
		return &cmapi.ClusterIssuer{}
	case networkingv1.SchemeGroupVersion.WithKind("Ingress"):
		return &networkingv1.Ingress{}
	case schema.GroupVersion(gatewayv1.GroupVersion).WithKind("Gateway"):
		return &gatewayv1.Gateway{}
	}
	return nil
}

// Review returns all findings about an object, in the order in which they are shown. An error means that some rule could
// not look; the findings of the others are returned all the same.
func (e *Engine) Review(ctx context.Context, env *Environment, policy *Policy, req Request) ([]Finding, error) {
	if policy == nil {
		policy = &Policy{}
	}
	if policy.exempts(req.Object.GetNamespace()) {
		return nil, nil
	}
	findings, err := e.judge(ctx, env, req.Operation, req.Object, req.Old)
	findings = e.soften(policy, req.Object, append(findings, e.unknownSkips(req.Object)...))
	switch {
	case req.Operation == Delete:
		mildly(findings, "a deletion is never denied")
	case isAnnotated(req.Object):
		mildly(findings, "not denied on "+titleOfAnnotated(req.Object)) // whatever the policy says
	}
	if req.Old != nil && SameSpec(req.Old, req.Object) {
		mildly(findings, "not denied, for only metadata changes")
	}
	if req.Old != nil && slices.ContainsFunc(findings, denies) {
		before, beforeErr := e.judgeBefore(ctx, env, policy, req)
		err = errors.Join(err, beforeErr)
		ratchet(before, findings)
		if beforeErr != nil {
			mildly(findings, "not denied, for nobody could tell whether it was there before")
		}
	}
	Sort(findings)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a.String() == b.String() }), err
}

// isAnnotated tells whether an object is judged for its annotations: an Ingress or a Gateway.
func isAnnotated(object metav1.Object) bool {
	switch object.(type) {
	case *networkingv1.Ingress, *gatewayv1.Gateway:
		return true
	}
	return false
}

// SameSpec tells whether two versions of an object have the same spec.
func SameSpec(a, b metav1.Object) bool {
	switch a := a.(type) {
	case *cmapi.Certificate:
		b, ok := b.(*cmapi.Certificate)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	case cmapi.GenericIssuer:
		b, ok := b.(cmapi.GenericIssuer)
		return ok && equality.Semantic.DeepEqual(a.GetSpec(), b.GetSpec())
	case *networkingv1.Ingress:
		b, ok := b.(*networkingv1.Ingress)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	case *gatewayv1.Gateway:
		b, ok := b.(*gatewayv1.Gateway)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	}
	return false
}

// mildly makes warnings of all denials.
func mildly(findings []Finding, reason string) {
	for i := range findings {
		if findings[i].Severity == Deny {
			findings[i].Severity, findings[i].Mildly = Warn, reason
		}
	}
}

func denies(f Finding) bool { return f.Severity == Deny }

// judgeBefore counts what was wrong with the old object already: whatever was accepted before stays accepted, only what the
// change makes worse is denied. A Certificate's labels choose its solver; a change of labels alone is never denied, so the old
// object is looked at with the new labels too.
func (e *Engine) judgeBefore(ctx context.Context, env *Environment, policy *Policy, req Request) (map[complaint]int, error) {
	findings, err := e.judge(ctx, env, Create, req.Old, nil)
	before := complaints(policy, findings)
	old, ok := req.Old.(*cmapi.Certificate)
	if !ok || maps.Equal(old.Labels, req.Object.GetLabels()) {
		return before, err
	}
	relabelled := old.DeepCopy()
	relabelled.Labels = req.Object.GetLabels()
	findings, moreErr := e.judge(ctx, env, Create, relabelled, nil)
	for c, n := range complaints(policy, findings) {
		before[c] = max(before[c], n)
	}
	return before, errors.Join(err, moreErr)
}

// judge asks every rule.
func (e *Engine) judge(ctx context.Context, env *Environment, op Operation, object, old metav1.Object) ([]Finding, error) {
	switch object := object.(type) {
	case *cmapi.Certificate:
		return e.judgeCertificate(ctx, env, op, object)
	case cmapi.GenericIssuer:
		review := &IssuerReview{Environment: env, Operation: op, Issuer: object}
		if before, ok := old.(cmapi.GenericIssuer); ok {
			review.Old = before
		}
		return ask(e.rules, func(r *Rule) ([]Finding, error) {
			if r.CheckIssuer == nil {
				return nil, nil
			}
			return r.CheckIssuer(ctx, review)
		})
	}
	return e.judgeAnnotated(ctx, env, op, object)
}

func (e *Engine) judgeCertificate(ctx context.Context, env *Environment, op Operation, crt *cmapi.Certificate) ([]Finding, error) {
	if op == Delete {
		return nil, nil
	}
	review, lookErr := newCertificateReview(ctx, env, op, crt)
	findings, err := ask(e.rules, func(r *Rule) ([]Finding, error) {
		if r.CheckCertificate == nil {
			return nil, nil
		}
		return r.CheckCertificate(ctx, review)
	})
	return findings, errors.Join(lookErr, err)
}

// enoughAnnotated is how many warnings about one object are enough. Annotations give all their names to each of its
// Certificates, so that there could be tens of thousands.
const enoughAnnotated = 1000

// judgeAnnotated asks the rules about the annotations, and then the rules about Certificates of those that cert-manager would
// make. All of that only warns: an Ingress routes traffic too, and that matters more than its certificate.
func (e *Engine) judgeAnnotated(ctx context.Context, env *Environment, op Operation, object metav1.Object) ([]Finding, error) {
	if op == Delete {
		return nil, nil
	}
	annotated := &AnnotatedReview{Environment: env, Operation: op, Object: object}
	findings, err := ask(e.rules, func(r *Rule) ([]Finding, error) {
		if r.CheckAnnotated == nil {
			return nil, nil
		}
		return r.CheckAnnotated(ctx, annotated)
	})
	errs := []error{err}
	for _, s := range synthesize(annotated) {
		if len(findings) > enoughAnnotated {
			break
		}
		review, lookErr := newCertificateReview(ctx, env, op, s.certificate)
		review.Synthetic = true
		more, err := ask(e.rules, func(r *Rule) ([]Finding, error) {
			if r.CheckCertificate == nil || r.OwnCertificates {
				return nil, nil
			}
			return r.CheckCertificate(ctx, review)
		})
		errs = append(errs, lookErr, err)
		for _, f := range more {
			findings = append(findings, s.translate(f))
		}
	}
	mildly(findings, "not denied on "+titleOfAnnotated(object))
	return findings, errors.Join(errs...)
}

// ask collects the findings of all rules. A rule that cannot look keeps no other from looking.
func ask(rules []Rule, check func(*Rule) ([]Finding, error)) ([]Finding, error) {
	var findings []Finding
	var errs []error
	for i := range rules {
		found, err := check(&rules[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", rules[i].ID, err))
		}
		for _, f := range found {
			f.Rule = rules[i].ID
			if f.Severity == "" {
				f.Severity = rules[i].Severity
			}
			findings = append(findings, f)
		}
	}
	return findings, errors.Join(errs...)
}

// soften applies the policy, the bundles and the object's own annotation.
func (e *Engine) soften(policy *Policy, object metav1.Object, findings []Finding) []Finding {
	skipped := skips(object)
	kept := findings[:0]
	for _, f := range findings {
		severity, mildly := policy.severity(f)
		if severity == Off {
			continue
		}
		if mildly != "" || severity == Deny {
			f.Mildly = mildly
		}
		f.Severity = severity
		if f.Severity == Deny && f.CrossResource {
			f.Severity, f.Mildly = crossResource(policy, object, f)
		}
		// No annotation lifts what the cluster itself refuses.
		if f.Severity == Deny && slices.Contains(skipped, f.Rule) && !slices.Contains(policy.NoSkip, f.Rule) && !e.offline[f.Rule] {
			f.Severity, f.Mildly = Warn, "a warning by the annotation "+SkipAnnotation
		}
		kept = append(kept, f)
	}
	return kept
}

// crossResource decides about a denial that another object's change could lift. Helm and Flux apply Certificates before
// Issuers and stop at the first refusal, so within one bundle a denial would keep the change that lifts it from coming.
func crossResource(policy *Policy, object metav1.Object, f Finding) (severity Severity, mildly string) {
	switch policy.CrossResource {
	case CrossDeny:
		return Deny, ""
	case CrossWarn:
		return Warn, "a warning by policy"
	case CrossAuto:
	}
	if bundle := BundleOf(object).SameAs(f.Bundle); bundle != "" {
		return Warn, "same " + bundle + ": not denied, it may change in this upgrade"
	}
	return Deny, ""
}

// ratchet makes warnings of the denials that the old object had too: the same rule about the same value, wherever that is
// now. Where there is no value to compare, the path counts without its indexes, as often as it was there.
func ratchet(before map[complaint]int, after []Finding) {
	for i, f := range after {
		key := complaintOf(f)
		if f.Severity != Deny || before[key] == 0 {
			continue
		}
		if f.Value == nil {
			before[key]--
		}
		after[i].Severity, after[i].Mildly = Warn, "already present, so not denied"
	}
}

// complaint is what makes a finding the same as one about another version of the object.
type complaint struct{ rule, about string }

var indexes = regexp.MustCompile(`\[\d+\]`)

// complaints counts the findings that would be denials by themselves.
func complaints(policy *Policy, findings []Finding) map[complaint]int {
	counts := map[complaint]int{}
	for _, f := range findings {
		if severity, _ := policy.severity(f); severity == Deny {
			counts[complaintOf(f)]++
		}
	}
	return counts
}

func complaintOf(f Finding) complaint {
	if f.Value != nil {
		return complaint{f.Rule, fmt.Sprintf("%T %v", f.Value, f.Value)}
	}
	return complaint{f.Rule, indexes.ReplaceAllString(f.Field, "[]")}
}

// skips are the rules that the object's annotation names.
func skips(object metav1.Object) []string {
	var ids []string
	for id := range strings.SplitSeq(object.GetAnnotations()[SkipAnnotation], ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// maxUnknownSkips is how many rules that there are not are named: an annotation may be very long.
const maxUnknownSkips = 10

func (e *Engine) unknownSkips(object metav1.Object) []Finding {
	var findings []Finding
	for _, id := range skips(object) {
		if !e.known[id] && len(findings) < maxUnknownSkips {
			findings = append(findings, Finding{
				Rule: SkipUnknown, Severity: Warn, Field: "metadata.annotations[" + SkipAnnotation + "]",
				Message: fmt.Sprintf("there is no rule %q", clipped(id)),
			})
		}
	}
	return findings
}
