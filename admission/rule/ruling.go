package rule

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// ruling is what becomes of the findings about one request.
type ruling struct {
	rules  []Rule
	known  known
	policy *Policy
	req    *Request

	// skipped are the rules that the object's annotation names.
	skipped []string
	// traffic is what else the object is for, "an Ingress" or "a Gateway"; "" for other kinds.
	traffic string
	// sameSpec says that only metadata changes.
	sameSpec bool
}

func newRuling(rules []Rule, all known, policy *Policy, req *Request) *ruling {
	r := &ruling{rules: rules, known: all, policy: policy, req: req}
	if req.Object == nil {
		return r
	}
	r.skipped, r.sameSpec = skips(req.Object), req.Old != nil && SameSpec(req.Old, req.Object)
	switch req.Object.(type) {
	case *networkingv1.Ingress:
		r.traffic = "an Ingress"
	case *gatewayv1.Gateway:
		r.traffic = "a Gateway"
	}
	return r
}

// findings asks the rules about the object. What would be denied for another object's sake is asked again where the answer is
// fresh, by the rules that said so alone: what was applied a moment ago may not have come to the cache.
func (r *ruling) findings(ctx context.Context, env *Environment) ([]Finding, error) {
	findings, err := r.ask(ctx, env, r.rules)
	hasty := func(f Finding) bool { return f.Severity == Deny && f.CrossResource }
	if env.Fresh != nil && slices.ContainsFunc(findings, hasty) {
		again := map[string]bool{}
		for _, f := range findings {
			again[f.Rule] = again[f.Rule] || hasty(f)
		}
		fresh := &Environment{World: env.Fresh, Settings: env.Settings}
		more, moreErr := r.ask(ctx, fresh, slices.DeleteFunc(slices.Clone(r.rules), func(one Rule) bool { return !again[one.ID] }))
		findings = append(slices.DeleteFunc(findings, func(f Finding) bool { return again[f.Rule] }), more...)
		err = errors.Join(err, moreErr)
	}
	return append(findings, r.decide(unknownSkips(r.known, r.req.Object))...), err
}

// ask asks these rules, and makes warnings of what was wrong before the change.
func (r *ruling) ask(ctx context.Context, env *Environment, rules []Rule) ([]Finding, error) {
	g := newGathering(r)
	if r.req.Old != nil {
		g.before = &history{count: func() (map[complaint]int, error) { return r.before(ctx, env, rules) }}
	}
	err := judge(ctx, env, rules, r.req.Operation, r.req.Object, r.req.Old, g.take)
	return g.findings, errors.Join(err, g.before.problem())
}

// before counts what was wrong with the old object already: whatever was accepted before stays accepted, only what the
// change makes worse is denied. A Certificate's labels choose its solver; a change of labels alone is never denied, so the old
// object is looked at with the new labels too.
func (r *ruling) before(ctx context.Context, env *Environment, rules []Rule) (map[complaint]int, error) {
	before, err := r.complaints(ctx, env, rules, r.req.Old)
	old, ok := r.req.Old.(*cmapi.Certificate)
	if !ok || maps.Equal(old.Labels, r.req.Object.GetLabels()) {
		return before, err
	}
	relabelled := old.DeepCopy()
	relabelled.Labels = r.req.Object.GetLabels()
	more, moreErr := r.complaints(ctx, env, rules, relabelled)
	for c, n := range more {
		before[c] = max(before[c], n)
	}
	return before, errors.Join(err, moreErr)
}

// complaints counts what would be denied by itself of an object. There is no bound: what is left out would be new.
func (r *ruling) complaints(ctx context.Context, env *Environment, rules []Rule, object metav1.Object) (map[complaint]int, error) {
	counts := map[complaint]int{}
	err := judge(ctx, env, rules, Create, object, nil, func(f Finding) error {
		if r.policy.denies(f) {
			counts[complaintOf(f)]++
		}
		return nil
	})
	return counts, err
}

// decide is what becomes of these findings, but for what was there before.
func (r *ruling) decide(findings []Finding) []Finding {
	g := newGathering(r)
	for _, f := range findings {
		_ = g.take(f) // enough of one rule is not enough of all
	}
	return g.findings
}

// severity is what a finding comes to, and why it only warns where its rule denies.
func (r *ruling) severity(f Finding) (severity Severity, downgraded string) {
	set, ofManifest := r.policy.Rules[f.Rule], r.known.ofManifest(f.Rule)
	switch {
	case set == Off:
		return Off, ""
	case f.Severity != Deny && set != Deny:
		return f.Severity, ""
	case r.traffic != "" && r.req.Operation != Delete && !ofManifest: // whatever the policy says
		return Warn, "not denied on " + r.traffic
	case set == Warn:
		return Warn, "a warning by policy"
	case ofManifest: // the API server itself refuses it
		return Deny, ""
	}
	return r.lifted(f)
}

// lifted tells why a finding that would be denied is not.
func (r *ruling) lifted(f Finding) (severity Severity, downgraded string) {
	if downgraded := r.mayChange(f); downgraded != "" {
		return Warn, downgraded
	}
	switch {
	case slices.Contains(r.skipped, f.Rule) && !slices.Contains(r.policy.NoSkip, f.Rule) && !r.known.offline(f.Rule):
		return Warn, "a warning by the annotation " + SkipAnnotation
	case r.req.Operation == Delete:
		return Warn, "a deletion is never denied"
	case r.sameSpec:
		return Warn, "not denied, because only metadata changes"
	}
	return Deny, ""
}

// mayChange tells why another object's change may lift a denial, "" where that is none. Helm and Flux apply Certificates before
// Issuers and stop at the first refusal, so within one bundle a denial would keep the change that lifts it from coming.
func (r *ruling) mayChange(f Finding) string {
	if !f.CrossResource {
		return ""
	}
	switch r.policy.CrossResource {
	case CrossDeny:
		return ""
	case CrossWarn:
		return "a warning by policy"
	case CrossAuto:
	}
	if bundle := BundleOf(r.req.Object).SameAs(f.Bundle); bundle != "" {
		return "same " + bundle + ": not denied, it may change in this upgrade"
	}
	return ""
}

// beside leaves out of what is said of a manifest what the rules make needless. Where a rule denies the same field, or something in
// an object that is missing, it knows better what is wrong.
func beside(manifest, judged []Finding) []Finding {
	return slices.DeleteFunc(manifest, func(m Finding) bool {
		return (m.Rule == CMSchema || m.Rule == CMUnreadable) && slices.ContainsFunc(judged, func(f Finding) bool {
			inside := m.Type == field.ErrorTypeRequired && strings.HasPrefix(f.Field, m.Field+".")
			return f.Severity == Deny && (f.Field == m.Field || inside)
		})
	})
}
