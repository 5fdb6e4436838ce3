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
	known  known
	policy *Policy
	req    *Request

	// skipped are the rules that the object's annotation names.
	skipped map[string]bool
	// traffic is what else the object is for, "an Ingress" or "a Gateway"; "" for other kinds.
	traffic string
	// sameSpec says that only metadata changes.
	sameSpec bool
}

func newRuling(all known, policy *Policy, req *Request) ruling {
	r := ruling{known: all, policy: policy, req: req}
	if req.Object == nil {
		return r
	}
	for _, id := range skips(req.Object) {
		if r.skipped == nil {
			r.skipped = map[string]bool{}
		}
		r.skipped[id] = true
	}
	r.sameSpec = req.Old != nil && SameSpec(req.Old, req.Object)
	switch req.Object.(type) {
	case *networkingv1.Ingress:
		r.traffic = "an Ingress"
	case *gatewayv1.Gateway:
		r.traffic = "a Gateway"
	}
	return r
}

// judge asks these rules about an object, and makes warnings of what was wrong before the change.
func (r *ruling) judge(ctx context.Context, env *Environment, s *subject, rules []Rule, g *gathering) error {
	if r.req.Old != nil {
		g.before = &history{count: func() (map[complaint]int, error) { return r.before(ctx, env, rules) }}
	}
	err := s.ask(ctx, rules, g.take)
	if g.before == nil {
		return err
	}
	return errors.Join(err, g.before.err)
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
	s, lookErr := lookOnceMore(ctx, env, Create, object, nil)
	err := s.ask(ctx, rules, func(f Finding) error {
		if r.policy.denies(f) {
			counts[complaintOf(f)]++
		}
		return nil
	})
	return counts, errors.Join(lookErr, err)
}

// decide is what becomes of these findings, but for what was there before.
func (r *ruling) decide(findings []Finding) []Finding {
	if len(findings) == 0 {
		return nil
	}
	g := gathering{ruling: r}
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
	case r.skipped[f.Rule] && !r.policy.insistsOn(f.Rule) && !r.known.offline(f.Rule):
		return Warn, "a warning by the annotation " + SkipAnnotation
	case r.req.Operation == Delete:
		return Warn, "a deletion is never denied"
	case r.sameSpec:
		return Warn, "not denied, because only metadata changes"
	}
	return Deny, ""
}

// mayChange tells why another object's change may lift a denial, "" where that is none. Helm and Flux apply Certificates before
// Issuers and stop at the first refusal, so within one bundle a denial would keep the change that lifts it from coming. The marks of a
// bundle are the author's own words, as the annotation is that skips a rule, so a rule that cannot be skipped does not believe them.
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
	if r.policy.insistsOn(f.Rule) {
		return ""
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
