package choice

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/controller/acmeorders/selectors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/words"
)

// Pick is which solver cert-manager would choose for one name.
type Pick struct {
	Name string
	// Solver is its index in spec.acme.solvers, -1 when none would be chosen.
	Solver int
	// Is describes the solver, like "dns01 cloudflare".
	Is string
	// Why says why it is this one.
	Why string
	// Others say of other solvers why they are not.
	Others []Loser
}

// Loser is a solver that is not chosen, and why.
type Loser struct {
	Solver int
	Is     string
	Why    string
}

// Explain says which of the solvers cert-manager would choose for a name.
func (c *Choice) Explain(name string, solvers []cmacme.ACMEChallengeSolver) Pick {
	p := Pick{Name: name, Solver: c.Pick(name)}
	if p.Solver >= 0 {
		p.Is, p.Why = titleOfSolver(&solvers[p.Solver]), c.matches(p.Solver, name)
	}
	for i := range solvers {
		if i != p.Solver {
			p.Others = append(p.Others, Loser{Solver: i, Is: titleOfSolver(&solvers[i]), Why: c.against(i, p.Solver, name)})
		}
	}
	return p
}

// matches says by what a solver's selector matches a name.
func (c *Choice) matches(i int, name string) string {
	name = strings.ToLower(name)
	selector := c.solvers[i].Selector
	if selector == nil || len(selector.MatchLabels) == 0 && !hasNames(selector) {
		return "it has no selector, so it is for any name"
	}
	var parts []string
	if len(selector.DNSNames) > 0 {
		parts = append(parts, fmt.Sprintf("its dnsNames have %q", words.Excerpt(name)))
	}
	if zone := bestZone(c.order.ObjectMeta, selector.DNSZones, name); zone != "" {
		parts = append(parts, fmt.Sprintf("its dnsZones have %q", words.Excerpt(zone)))
	}
	if labels := selector.MatchLabels; len(labels) > 0 {
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, words.Line(key+"="+labels[key]))
		}
		parts = append(parts, "the Certificate has its labels "+shorten(pairs))
	}
	return strings.Join(parts, " and ")
}

// bestZone is the zone by which a name counts, "" where it is in none.
func bestZone(meta metav1.ObjectMeta, zones []string, name string) string {
	best, most := "", 0
	for _, zone := range zones {
		if ok, n := selectors.DNSZones(cmacme.CertificateDNSNameSelector{DNSZones: []string{zone}}).Matches(meta, name); ok && n > most {
			best, most = zone, n
		}
	}
	return best
}

// against says why a solver is not chosen for a name; chosen is the one that is, or -1.
func (c *Choice) against(i, chosen int, name string) string {
	name = strings.ToLower(name)
	solver := &c.solvers[i]
	switch {
	case solver.HTTP01 == nil && solver.DNS01 == nil:
		return "it is neither dns01 nor http01"
	case !c.fits(solver, name) && solver.DNS01 == nil:
		return "HTTP-01 cannot validate a wildcard"
	case !c.fits(solver, name):
		return "DNS-01 cannot validate an IP address"
	}
	if solver.Selector != nil {
		if reasons := c.reasons(i, name); len(reasons) > 0 {
			return strings.Join(reasons, ", and ")
		}
	}
	if chosen < 0 {
		return ""
	}
	return c.beaten(i, chosen, name)
}

// reasons are what keeps a solver that could be for a name from being chosen, were it alone.
func (c *Choice) reasons(i int, name string) []string {
	selector, m := c.solvers[i].Selector, c.miss(i, name)
	var reasons []string
	if m.Labels > 0 {
		missing := missingLabels(c.order.Labels, selector.MatchLabels)
		reasons = append(reasons, "it needs "+labelsInWords(c.order.Labels, selector.MatchLabels, missing))
	}
	if m.Name || m.Zone {
		reasons = append(reasons, "it is for "+describeNames(selector))
	}
	return reasons
}

// beaten says by what the chosen solver is before another one that matches as well: a name goes before zones, a longer zone
// before a shorter one, more labels before fewer, and what is first before what comes later.
func (c *Choice) beaten(i, chosen int, name string) string {
	mine, best := c.weight(i, name), c.weight(chosen, name)
	title := fmt.Sprintf("solvers[%d]", chosen)
	switch {
	case best.names > mine.names:
		return title + " has the name itself in its dnsNames"
	case best.zones > mine.zones && mine.zones > 0:
		return title + " has a longer zone"
	case best.zones > mine.zones:
		return title + " has a zone of it in its dnsZones"
	case best.labels > mine.labels:
		return title + " has more matchLabels"
	}
	return title + " matches as well and comes first"
}

// weight is what cert-manager compares.
type weight struct{ names, zones, labels int }

func (c *Choice) weight(i int, name string) weight {
	s := c.solvers[i].Selector
	if s == nil {
		return weight{}
	}
	_, names := selectors.DNSNames(*s).Matches(c.order.ObjectMeta, name)
	_, zones := selectors.DNSZones(*s).Matches(c.order.ObjectMeta, name)
	_, labels := selectors.Labels(*s).Matches(c.order.ObjectMeta, name)
	return weight{min(names, 1), zones, labels}
}

// titleOfSolver is a solver in a few words, like "dns01 webhook acme.certyun.internal/alidns".
func titleOfSolver(solver *cmacme.ACMEChallengeSolver) string {
	switch {
	case solver.DNS01 != nil && solver.DNS01.Webhook != nil:
		return "dns01 webhook " + words.Excerpt(words.Line(solver.DNS01.Webhook.GroupName+"/"+solver.DNS01.Webhook.SolverName))
	case solver.DNS01 != nil:
		return strings.TrimSpace("dns01 " + strings.Join(slices.DeleteFunc(setFields(solver.DNS01), func(f string) bool { return f == "cnameStrategy" }), ", "))
	case solver.HTTP01 != nil && solver.HTTP01.Ingress != nil:
		ingress := solver.HTTP01.Ingress
		class := ""
		if ingress.IngressClassName != nil {
			class = *ingress.IngressClassName
		} else if ingress.Class != nil {
			class = *ingress.Class
		}
		if class = cmp.Or(class, ingress.Name); class != "" {
			return "http01 ingress " + words.Excerpt(words.Line(class))
		}
		return "http01 ingress"
	case solver.HTTP01 != nil:
		return strings.TrimSpace("http01 " + strings.Join(setFields(solver.HTTP01), ", "))
	}
	return "nothing"
}

// setFields are the fields of an object that are there.
func setFields(object any) []string {
	raw, err := json.Marshal(object)
	var fields map[string]json.RawMessage
	if err != nil || json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(fields))
}
