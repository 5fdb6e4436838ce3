package issuer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// reachRules are about the solvers of an ACME Issuer next to each other.
func reachRules() []rule.Rule {
	return []rule.Rule{{
		ID: "solver-unreachable", Severity: rule.Warn,
		Summary: "A solver can never be selected.",
		Why: "cert-manager takes the solver with the most specific selector: dnsNames before dnsZones before matchLabels, and the " +
			"first of equals. This is found by asking cert-manager's own choice (pkg/util/solverpicker) about names that only this solver could be for.",
		Remedy: "Give the solver a selector of its own, or remove it.",
		Check:  forACME(checkReach),
	}}
}

func checkReach(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	reach := reachability{choice.NewReach(ctx, acme.Solvers), acme.Solvers}
	ips := issuesIPs(r.CA(), acme.Profile)
	for i := range rule.Until(ctx, acme.Solvers) {
		found, f := reach.judge(i, ips)
		if reach.Exhausted() {
			return yield(rule.Finding{
				Field:   fieldpath.ACME("solvers").String(),
				Message: fmt.Sprintf("only the first %d of %d solvers were looked at, since they have so many selectors", i, len(acme.Solvers)),
			})
		}
		if !found {
			continue
		}
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

// issuesIPs tells whether the CA may issue for IP addresses: only HTTP-01 is for them.
func issuesIPs(policy *ca.Policy, profile string) bool {
	if policy == nil {
		return true
	}
	if p := policy.Profile(profile); p != nil && p.IPs != ca.Unknown {
		return p.IPs == ca.Yes
	}
	return policy.Names.IPs != ca.No
}

// stranger is a name that is in no zone of which anybody has a selector.
const stranger = "some-name.of-which-no-selector-knows"

// witnesses are names of which at least one is this solver's if any name at all is.
func witnesses(solver *cmacme.ACMEChallengeSolver, ips bool) iter.Seq[string] {
	var names, zones []string
	if selector := solver.Selector; selector != nil {
		names, zones = selector.DNSNames, selector.DNSZones
	}
	switch {
	case len(names) > 0:
		return slices.Values(names)
	case len(zones) > 0:
		return func(yield func(string) bool) {
			for _, zone := range zones {
				zone = strings.ToLower(zone)
				if !yield(stranger+"."+zone) || !yield(zone) || !yield("*."+zone) {
					return
				}
			}
		}
	case ips && solver.HTTP01 != nil:
		return slices.Values([]string{stranger, "192.0.2.1"})
	}
	return slices.Values([]string{stranger, "*." + stranger})
}

// reachability is which of an Issuer's solvers can be reached.
type reachability struct {
	*choice.Reach
	solvers []cmacme.ACMEChallengeSolver
}

// judge looks for a name that cert-manager would choose this solver for. It gives up when the budget is spent.
func (r *reachability) judge(i int, ips bool) (found bool, f rule.Finding) {
	solver := &r.solvers[i]
	if (solver.HTTP01 == nil) == (solver.DNS01 == nil) {
		return false, f // cert-manager's own webhook says so.
	}
	var labels map[string]string
	if solver.Selector != nil {
		labels = solver.Selector.MatchLabels
	}
	var winners []int
	for name := range witnesses(solver, ips) {
		if r.Exhausted() {
			return false, f
		}
		if name != strings.ToLower(name) || !r.Matches(i, name, labels) {
			continue
		}
		winner := r.Pick(name, labels)
		if winner == i {
			return false, f
		}
		if !slices.Contains(winners, winner) {
			winners = append(winners, winner)
		}
	}
	if len(winners) == 0 {
		return r.matchesNothing(i)
	}
	remedy := "Add a selector"
	if s := solver.Selector; s != nil && len(s.DNSNames)+len(s.DNSZones)+len(s.MatchLabels) > 0 {
		remedy = "Narrow its selector, or remove it"
	}
	return true, rule.Finding{Field: fieldpath.Solver(i).String(), Message: "can never be selected; " + r.titles(winners) + " always wins", Remedy: remedy}
}

// matchesNothing is for a solver whose own selector lets no name through, where that is not the fault of one entry: of those
// selector-never-matches speaks.
func (r *reachability) matchesNothing(i int) (found bool, f rule.Finding) {
	solver := &r.solvers[i]
	mistaken := errors.New("an entry never matches")
	if checkSelector(solver, fieldpath.Solver(i), func(rule.Finding) error { return mistaken }) != nil {
		return false, f
	}
	f = rule.Finding{
		Field: fieldpath.Solver(i).String(), Message: "can never be selected; none of its selector's dnsNames is in its dnsZones",
		Remedy: "Leave dnsZones out",
	}
	isHost := func(name string) bool { return !strings.HasPrefix(name, "*.") }
	if solver.HTTP01 != nil && !slices.ContainsFunc(solver.Selector.DNSNames, isHost) {
		f.Message, f.Remedy = "can never be selected; HTTP-01 cannot validate wildcard names, and its selector has no other", "Use a dns01 solver"
	}
	return true, f
}

// titles lists solvers, like "solvers[0] (dns01, no selector)".
func (r *reachability) titles(places []int) string {
	const most = 3
	var titles []string
	for _, i := range places[:min(len(places), most)] {
		titles = append(titles, fmt.Sprintf("solvers[%d] (%s)", i, choice.Describe(&r.solvers[i])))
	}
	if len(places) > most {
		titles = append(titles, fmt.Sprintf("one of %d others", len(places)-most))
	}
	return strings.Join(titles, " or ")
}
