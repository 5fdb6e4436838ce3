package rule

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller/acmeorders/selectors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Explanation is which solvers cert-manager would choose for the names of one Certificate.
type Explanation struct {
	// Certificate is the object itself, or what cert-manager would make for an Ingress or a Gateway.
	Certificate *cmapi.Certificate
	// Issuer names the issuer, like `ClusterIssuer "le"`, and Server its ACME server, "" when there is none.
	Issuer, Server string
	// Note says why there is nothing to choose, or why the choice does not matter; "" where it does.
	Note string
	// Picks has all names in their order, then the IP addresses.
	Picks []Pick
}

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
	Others []Refusal
}

// Refusal is why a solver is not chosen.
type Refusal struct {
	Solver int
	Is     string
	Why    string
}

// Explain says which solvers cert-manager would choose for a Certificate, or for the Certificates that it would make for an
// Ingress or a Gateway. Any other object has no explanation.
func Explain(ctx context.Context, env *Environment, object metav1.Object) ([]Explanation, error) {
	if crt, ok := object.(*cmapi.Certificate); ok {
		e, err := explain(ctx, env, crt)
		return []Explanation{e}, err
	}
	if !isAnnotated(object) {
		return nil, nil
	}
	var all []Explanation
	for _, s := range synthesize(&AnnotatedReview{Environment: env, Operation: Create, Object: object}) {
		e, err := explain(ctx, env, s.certificate)
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func explain(ctx context.Context, env *Environment, crt *cmapi.Certificate) (Explanation, error) {
	r, err := newCertificateReview(ctx, env, Create, crt)
	e := Explanation{Certificate: crt, Issuer: r.IssuerTitle()}
	_, ours := r.IssuerKey()
	switch {
	case err != nil:
		return e, err
	case !ours:
		e.Note = "an external issuer, which chooses by itself"
		return e, nil
	case r.Issuer == nil:
		e.Note = "not found among what was given"
		return e, nil
	case r.ACME == nil:
		e.Note = "not an ACME issuer, so no solver is needed"
		return e, nil
	}
	e.Server = r.ACME.Server
	if r.solvers(ctx) == nil {
		e.Note = r.CA.Name + " has validated the names beforehand, so no solver is used"
	}
	c := newChoice(ctx, r.ACME.Solvers, crt.Labels)
	for _, name := range slices.Concat(crt.Spec.DNSNames, crt.Spec.IPAddresses) {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		e.Picks = append(e.Picks, c.explain(name, r.ACME.Solvers))
	}
	return e, nil
}

func (c *choice) explain(name string, solvers []cmacme.ACMEChallengeSolver) Pick {
	p := Pick{Name: name, Solver: c.pick(name)}
	if p.Solver >= 0 {
		p.Is, p.Why = titleOfSolver(&solvers[p.Solver]), c.matches(p.Solver, name)
	}
	for i := range solvers {
		if i != p.Solver {
			p.Others = append(p.Others, Refusal{Solver: i, Is: titleOfSolver(&solvers[i]), Why: c.refuses(i, p.Solver, name)})
		}
	}
	return p
}

// matches says by what a solver's selector matches a name.
func (c *choice) matches(i int, name string) string {
	name = strings.ToLower(name)
	selector := c.solvers[i].Selector
	if selector == nil || len(selector.MatchLabels) == 0 && !hasNames(selector) {
		return "it has no selector, so it is for any name"
	}
	var parts []string
	if len(selector.DNSNames) > 0 {
		parts = append(parts, fmt.Sprintf("its dnsNames have %q", clipped(name)))
	}
	if zone := bestZone(c.order.ObjectMeta, selector.DNSZones, name); zone != "" {
		parts = append(parts, fmt.Sprintf("its dnsZones have %q", clipped(zone)))
	}
	if labels := selector.MatchLabels; len(labels) > 0 {
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, oneLine(key+"="+labels[key]))
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

// refuses says why a solver is not chosen for a name; chosen is the one that is, or -1.
func (c *choice) refuses(i, chosen int, name string) string {
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
		if missing := missingLabel(c.order.Labels, solver.Selector.MatchLabels); missing != "" {
			return "it needs label " + missing
		}
	}
	if c.among(name, []int{i}) < 0 {
		return "it is for " + describeNames(solver.Selector)
	}
	if chosen < 0 {
		return ""
	}
	return c.beaten(i, chosen, name)
}

// beaten says by what the chosen solver is before another one that matches as well: a name goes before zones, a longer zone
// before a shorter one, more labels before fewer, and what is first before what comes later.
func (c *choice) beaten(i, chosen int, name string) string {
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

func (c *choice) weight(i int, name string) weight {
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
		return "dns01 webhook " + clipped(oneLine(solver.DNS01.Webhook.GroupName+"/"+solver.DNS01.Webhook.SolverName))
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
			return "http01 ingress " + clipped(oneLine(class))
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
