package rule

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/ca"
)

// issuerReachRules are about the solvers of an ACME Issuer next to each other.
func issuerReachRules() []Rule {
	return []Rule{{
		ID: "solver-unreachable", Severity: Warn, Kinds: issuerKinds(),
		Summary: "A solver can never be selected.",
		Why: "cert-manager takes the solver with the most specific selector: dnsNames before dnsZones before matchLabels, and the " +
			"first of equals. This is found by asking cert-manager's own choice (pkg/util/solverpicker) about names that only this solver could be for.",
		Remedy:      "Give the solver a selector of its own, or remove it.",
		CheckIssuer: forACME(checkReach),
	}}
}

// Looking for witnesses costs comparisons of selector entries: each takes some 250 ns. A list of solvers may be as long as an
// object may be large, so that the search has a budget. It is counted for the sake of stable answers; only a machine so slow that
// the whole review would take too long is stopped by the clock.
const (
	reachBudget = 400_000
	reachTime   = 300 * time.Millisecond
	// reachAtOnce is looked at whatever the clock says: it costs a few milliseconds of work, and a process that had to wait for
	// its turn must not call a small Issuer large.
	reachAtOnce = 20_000
	// pickOverhead is what a choice costs by itself.
	pickOverhead = 5
)

func checkReach(ctx context.Context, r *IssuerReview, acme *cmacme.ACMEIssuer) ([]Finding, error) {
	reach := newReach(ctx, acme.Solvers)
	ips := issuesIPs(r.CA(), acme.Profile)
	var findings []Finding
	for i := range acme.Solvers {
		if err := ctx.Err(); err != nil {
			return findings, err
		}
		found := reach.judge(i, ips)
		if reach.exhausted() {
			findings = append(findings, Finding{
				Field:   acmePath("solvers").String(),
				Message: fmt.Sprintf("only the first %d of %d solvers were looked at, since they have so many selectors", i, len(acme.Solvers)),
			})
			break
		}
		findings = append(findings, found...)
	}
	return atMost(findings, acmePath("solvers")), nil
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

// reach asks which solver cert-manager would choose, for Certificates with any labels, and counts what that costs.
type reach struct {
	ctx     context.Context
	solvers []cmacme.ACMEChallengeSolver
	// labels are the keys of the labels that some selector asks for.
	labels []string
	// choices are kept by the values of these labels.
	choices map[string]*choice
	// all is the cost of all selectors, spent what has been spent.
	all, spent int
	// until is when the search ends, whatever is left of its budget.
	until time.Time
}

func (r *reach) exhausted() bool {
	return r.spent > reachBudget || r.spent > reachAtOnce && time.Now().After(r.until)
}

// newReach keeps of each solver what the choice depends on, with its place in the list as a mark by which it is known again:
// solverpicker returns a copy.
func newReach(ctx context.Context, solvers []cmacme.ACMEChallengeSolver) *reach {
	r := &reach{
		// solverpicker logs each step of its way.
		ctx:     logr.NewContext(ctx, logr.Discard()),
		solvers: make([]cmacme.ACMEChallengeSolver, 0, len(solvers)),
		choices: map[string]*choice{},
		until:   time.Now().Add(reachTime),
	}
	for i := range solvers {
		selector := solvers[i].Selector
		r.solvers = append(r.solvers, bare(&solvers[i], i))
		r.all += cost(selector)
		if selector != nil {
			r.labels = slices.AppendSeq(r.labels, maps.Keys(selector.MatchLabels))
		}
	}
	slices.Sort(r.labels)
	r.labels = slices.Compact(r.labels)
	return r
}

// maxChoices is how many choices are kept.
const maxChoices = 64

// choice is the choice for Certificates with these labels.
func (r *reach) choice(labels map[string]string) *choice {
	var key strings.Builder
	matter := map[string]string{}
	for _, label := range r.labels {
		if value, ok := labels[label]; ok {
			matter[label] = value
			fmt.Fprintf(&key, "%q=%q ", label, value)
		}
	}
	c := r.choices[key.String()]
	if c == nil {
		if len(r.choices) == maxChoices {
			clear(r.choices)
		}
		r.spent += r.all
		c = newChoice(r.ctx, r.solvers, matter)
		r.choices[key.String()] = c
	}
	return c
}

// bare is a solver with no more than its kind and its selector, and a mark.
func bare(solver *cmacme.ACMEChallengeSolver, mark int) cmacme.ACMEChallengeSolver {
	b := cmacme.ACMEChallengeSolver{Selector: solver.Selector, WaitInsteadOfSelfCheck: &metav1.Duration{Duration: time.Duration(mark)}}
	if solver.HTTP01 != nil {
		b.HTTP01 = &cmacme.ACMEChallengeSolverHTTP01{}
	}
	if solver.DNS01 != nil {
		b.DNS01 = &cmacme.ACMEChallengeSolverDNS01{}
	}
	return b
}

func cost(selector *cmacme.CertificateDNSNameSelector) int {
	if selector == nil {
		return 1
	}
	return 2 + len(selector.DNSNames) + len(selector.DNSZones) + len(selector.MatchLabels)
}

// pick returns the place of the solver that cert-manager would choose, -1 when there is none.
func (r *reach) pick(name string, labels map[string]string) int {
	c := r.choice(labels)
	places := c.candidates(name)
	r.spent += pickOverhead
	for _, i := range places {
		r.spent += cost(r.solvers[i].Selector)
	}
	return c.among(name, places)
}

// matches tells whether a solver would be chosen if it were alone.
func (r *reach) matches(i int, name string, labels map[string]string) bool {
	r.spent += cost(r.solvers[i].Selector) + pickOverhead
	return pickedFor(r.ctx, name, orderWith(labels), r.solvers[i:i+1]) >= 0
}

// orderWith is the Order for a Certificate with these labels: cert-manager copies them.
func orderWith(labels map[string]string) *cmacme.Order {
	return &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
}

// offers are the challenges that CAs offer for a name: see RFC 8738 for IP addresses; wildcards are for DNS-01 alone.
func offers(name string) []cmacme.ACMEChallenge {
	http, dns := cmacme.ACMEChallenge{Type: "http-01"}, cmacme.ACMEChallenge{Type: "dns-01"}
	switch {
	case strings.HasPrefix(name, "*."):
		return []cmacme.ACMEChallenge{dns}
	case net.ParseIP(name) != nil:
		return []cmacme.ACMEChallenge{http}
	}
	return []cmacme.ACMEChallenge{http, dns}
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

// judge looks for a name that cert-manager would choose this solver for. It gives up when the budget is spent.
func (r *reach) judge(i int, ips bool) []Finding {
	solver := &r.solvers[i]
	if (solver.HTTP01 == nil) == (solver.DNS01 == nil) {
		return nil // cert-manager's own webhook says so.
	}
	var labels map[string]string
	if solver.Selector != nil {
		labels = solver.Selector.MatchLabels
	}
	var winners []int
	for name := range witnesses(solver, ips) {
		if r.exhausted() {
			return nil
		}
		if name != strings.ToLower(name) || !r.matches(i, name, labels) {
			continue
		}
		winner := r.pick(name, labels)
		if winner == i {
			return nil
		}
		if !slices.Contains(winners, winner) {
			winners = append(winners, winner)
		}
	}
	if len(winners) == 0 {
		return r.matchesNothing(i)
	}
	remedy := "Add a selector"
	if cost(solver.Selector) > cost(&cmacme.CertificateDNSNameSelector{}) {
		remedy = "Narrow its selector, or remove it"
	}
	return []Finding{{Field: solverPath(i).String(), Message: "can never be selected; " + r.titles(winners) + " always wins", Remedy: remedy}}
}

// matchesNothing is for a solver whose own selector lets no name through, where that is not the fault of one entry: of those
// selector-never-matches speaks.
func (r *reach) matchesNothing(i int) []Finding {
	solver := &r.solvers[i]
	if len(checkSelector(solver, solverPath(i))) > 0 {
		return nil
	}
	f := Finding{
		Field: solverPath(i).String(), Message: "can never be selected; none of its selector's dnsNames is in its dnsZones",
		Remedy: "Leave dnsZones out",
	}
	isHost := func(name string) bool { return !strings.HasPrefix(name, "*.") }
	if solver.HTTP01 != nil && !slices.ContainsFunc(solver.Selector.DNSNames, isHost) {
		f.Message, f.Remedy = "can never be selected; HTTP-01 cannot validate wildcard names, and its selector has no other", "Use a dns01 solver"
	}
	return []Finding{f}
}

// titles lists solvers, like "solvers[0] (dns01, no selector)".
func (r *reach) titles(places []int) string {
	const most = 3
	var titles []string
	for _, i := range places[:min(len(places), most)] {
		titles = append(titles, fmt.Sprintf("solvers[%d] (%s)", i, describeSolver(&r.solvers[i])))
	}
	if len(places) > most {
		titles = append(titles, fmt.Sprintf("one of %d others", len(places)-most))
	}
	return strings.Join(titles, " or ")
}

// describeSolver says of which kind a solver is and which names it is for, like "dns01, dnsZones cert-lab.dev".
func describeSolver(solver *cmacme.ACMEChallengeSolver) string {
	parts := []string{"http01"}
	if solver.DNS01 != nil {
		parts = []string{"dns01"}
	}
	if s := solver.Selector; s != nil {
		parts = append(parts, describeEntries("dnsNames", s.DNSNames), describeEntries("dnsZones", s.DNSZones))
		var labels []string
		for key, value := range s.MatchLabels {
			labels = append(labels, key+"="+value)
		}
		slices.Sort(labels)
		parts = append(parts, describeEntries("matchLabels", labels))
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	}
	if len(parts) == 1 {
		parts = append(parts, "no selector")
	}
	return strings.Join(parts, ", ")
}

func describeEntries(title string, entries []string) string {
	switch len(entries) {
	case 0:
		return ""
	case 1, 2:
		return title + " " + clipped(strings.Join(entries, " and "))
	}
	return fmt.Sprintf("%s %s and %d more", title, clipped(entries[0]), len(entries)-1)
}
