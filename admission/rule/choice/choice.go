// Package choice asks cert-manager's own function which solver it would choose for a name, and says why it is that one.
package choice

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/words"
)

// Choice asks cert-manager's own function which solver it would choose for each name of one Certificate. That function looks
// at every solver and copies those that it prefers for a while; so it is shown only solvers that could win.
type Choice struct {
	ctx     context.Context
	solvers []cmacme.ACMEChallengeSolver
	order   *cmacme.Order
	// always are the places of solvers that could be for any name.
	always []int
	// byName and byZone have the places of the solvers whose selectors have this name, or this zone in lower case.
	byName, byZone map[string][]int
	// long are the entries of those selectors that are too long to be compared with each name.
	long map[int]entries
	// unfinished are the places of those that are neither dns01 nor http01.
	unfinished []int
	// had is whether there is a solver at all for the challenges that are offered. This and the next are made when there is something to
	// remember: for most Certificates there is not.
	had map[offerKind]bool
	// picked are choices among many.
	picked map[string]int
}

// offerKind tells apart what Offers returns.
type offerKind struct {
	count int
	first string
}

// New prepares the choice among the solvers for a Certificate with these labels. cert-manager copies them to the Order.
func New(ctx context.Context, solvers []cmacme.ACMEChallengeSolver, labels map[string]string) *Choice {
	c := &Choice{
		// solverpicker logs each step of its way.
		ctx:     logr.NewContext(ctx, logr.Discard()),
		solvers: make([]cmacme.ACMEChallengeSolver, 0, len(solvers)),
		order:   &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		byName:  map[string][]int{}, byZone: map[string][]int{},
	}
	for i := range solvers {
		// What a copy of it costs does not depend on its configuration. The mark says which one was chosen.
		c.solvers = append(c.solvers, bare(&solvers[i], i))
		c.file(i)
		if solvers[i].DNS01 == nil && solvers[i].HTTP01 == nil {
			c.unfinished = append(c.unfinished, i)
		}
	}
	return c
}

// file puts a solver where the names that it may be for will find it.
func (c *Choice) file(i int) {
	selector := c.solvers[i].Selector
	switch {
	case selector == nil:
		c.always = c.best(c.always, i)
	case !hasLabels(c.order.Labels, selector.MatchLabels):
		return
	case len(selector.DNSNames) > 0:
		for _, name := range selector.DNSNames {
			c.byName[name] = append(c.byName[name], i)
		}
	case len(selector.DNSZones) == 0:
		c.always = c.best(c.always, i)
	default:
		for _, zone := range selector.DNSZones {
			if zone = strings.ToLower(zone); !isOdd(zone) { // no name is in an odd zone but odd ones
				c.byZone[zone] = c.best(c.byZone[zone], i)
			}
		}
	}
}

// best adds a solver to a list of those that differ in nothing but their kind, their labels and their place. Of each kind the one with the
// most labels is chosen, and of these the first, so no more than that is kept.
func (c *Choice) best(list []int, i int) []int {
	for n, j := range list {
		if !sameKind(&c.solvers[i], &c.solvers[j]) {
			continue
		}
		if matchLabels(c.solvers[i].Selector) > matchLabels(c.solvers[j].Selector) {
			list[n] = i
		}
		return list
	}
	return append(list, i)
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

func sameKind(a, b *cmacme.ACMEChallengeSolver) bool {
	return (a.HTTP01 != nil) == (b.HTTP01 != nil) && (a.DNS01 != nil) == (b.DNS01 != nil)
}

func matchLabels(selector *cmacme.CertificateDNSNameSelector) int {
	if selector == nil {
		return 0
	}
	return len(selector.MatchLabels)
}

func hasNames(selector *cmacme.CertificateDNSNameSelector) bool {
	return selector != nil && len(selector.DNSNames)+len(selector.DNSZones) > 0
}

func hasLabels(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// maxName is how long a name can be in the DNS, with a dot for each of its labels (RFC 1035, section 2.3.4).
const maxName = 255

// isOdd tells whether a name is not just labels with dots between them, and perhaps one at the end, or longer than any.
func isOdd(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '.' || strings.Contains(name, "..") {
		return true
	}
	return strings.ContainsFunc(name, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && r != '*' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Offers are the challenges that CAs offer for a name: see RFC 8738 for IP addresses; wildcards are for DNS-01 alone.
func Offers(name string) []cmacme.ACMEChallenge {
	http, dns := cmacme.ACMEChallenge{Type: "http-01"}, cmacme.ACMEChallenge{Type: "dns-01"}
	switch {
	case strings.HasPrefix(name, "*."):
		return []cmacme.ACMEChallenge{dns}
	case net.ParseIP(name) != nil:
		return []cmacme.ACMEChallenge{http}
	}
	return []cmacme.ACMEChallenge{http, dns}
}

func kindOf(name string) offerKind {
	offered := Offers(name)
	return offerKind{len(offered), offered[0].Type}
}

// Pick returns the place of the solver that cert-manager would choose for a name, -1 when there is none. CAs return names in
// lower case.
func (c *Choice) Pick(name string) int {
	name = strings.ToLower(name)
	places := c.candidates(name)
	if len(places) <= fewPlaces {
		return c.among(name, places)
	}
	picked, known := c.picked[name]
	if !known {
		picked = c.among(name, places)
		if c.picked == nil {
			c.picked = map[string]int{}
		}
		c.picked[name] = picked
	}
	return picked
}

// fewPlaces is among how many solvers a choice is made anew each time. One among more is kept, for a name may be there many times.
const fewPlaces = 8

// among is Pick with these solvers alone.
func (c *Choice) among(name string, places []int) int {
	if len(places) == 0 {
		return -1
	}
	solvers := make([]cmacme.ACMEChallengeSolver, 0, len(places))
	for _, i := range places {
		solvers = append(solvers, c.shown(i, name))
	}
	return pickedFor(c.ctx, name, c.order, solvers)
}

// pickedFor returns the mark of the solver that cert-manager would choose, -1 when there is none.
func pickedFor(ctx context.Context, name string, order *cmacme.Order, solvers []cmacme.ACMEChallengeSolver) int {
	chosen, _ := solverpicker.Pick(ctx, name, Offers(name), solvers, order)
	if chosen == nil {
		return -1
	}
	return int(chosen.WaitInsteadOfSelfCheck.Duration)
}

func (c *Choice) candidates(name string) []int {
	if isOdd(name) {
		return c.all()
	}
	places := append(slices.Clone(c.always), c.byName[name]...)
	for zone, ok := name, true; ok; _, zone, ok = strings.Cut(zone, ".") {
		places = append(places, c.byZone[zone]...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

func (c *Choice) all() []int {
	places := make([]int, len(c.solvers))
	for i := range places {
		places[i] = i
	}
	return places
}

// Has tells whether there is a solver of the kind that could be for this name, whatever its selector.
func (c *Choice) Has(name string) bool {
	kind := kindOf(name)
	has, known := c.had[kind]
	if !known {
		has = slices.ContainsFunc(c.solvers, func(s cmacme.ACMEChallengeSolver) bool { return c.fits(&s, name) })
		if c.had == nil {
			c.had = map[offerKind]bool{}
		}
		c.had[kind] = has
	}
	return has
}

// maxUnfinished is how many solvers without a kind are looked at for a name. No Issuer in a cluster has any.
const maxUnfinished = 4

// Unfinished tells whether a solver that is neither dns01 nor http01, so that cert-manager's webhook refuses the Issuer, would be for
// this name: then nobody knows yet which solver it is to have.
func (c *Choice) Unfinished(name string) bool {
	if len(c.unfinished) > maxUnfinished {
		return true
	}
	name = strings.ToLower(name)
	for _, i := range c.unfinished {
		solver := c.shown(i, name)
		solver.DNS01, solver.HTTP01 = &cmacme.ACMEChallengeSolverDNS01{}, &cmacme.ACMEChallengeSolverHTTP01{}
		if pickedFor(c.ctx, name, c.order, []cmacme.ACMEChallengeSolver{solver}) >= 0 {
			return true
		}
	}
	return false
}

func (c *Choice) fits(solver *cmacme.ACMEChallengeSolver, name string) bool {
	for _, offer := range Offers(name) {
		if offer.Type == "http-01" && solver.HTTP01 != nil || offer.Type == "dns-01" && solver.DNS01 != nil {
			return true
		}
	}
	return false
}

// mostSolvers is how many solvers a message describes.
const mostSolvers = 3

// Kinds lists solvers, like "solvers[0]: http01".
func (c *Choice) Kinds() string {
	var parts []string
	for i := range c.solvers[:min(len(c.solvers), mostSolvers)] {
		parts = append(parts, fmt.Sprintf("solvers[%d]: %s", i, titleOfKind(&c.solvers[i])))
	}
	if more := len(c.solvers) - mostSolvers; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

func titleOfKind(solver *cmacme.ACMEChallengeSolver) string {
	switch {
	case solver.DNS01 != nil:
		return "dns01"
	case solver.HTTP01 != nil:
		return "http01"
	}
	return "neither dns01 nor http01"
}

// Describe says of which kind a solver is and which names it is for, like "dns01, dnsZones cert-lab.dev".
func Describe(solver *cmacme.ACMEChallengeSolver) string {
	parts := []string{titleOfKind(solver)}
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

// describeNames lists what a selector is for, like "dnsNames a.dev, dnsZones b.dev".
func describeNames(selector *cmacme.CertificateDNSNameSelector) string {
	parts := []string{describeEntries("dnsNames", selector.DNSNames), describeEntries("dnsZones", selector.DNSZones)}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

func describeEntries(title string, entries []string) string {
	switch len(entries) {
	case 0:
		return ""
	case 1, 2:
		return title + " " + words.Excerpt(strings.Join(entries, " and "))
	}
	return fmt.Sprintf("%s %s and %d more", title, words.Excerpt(entries[0]), len(entries)-1)
}

func shorten(parts []string) string {
	if len(parts) > mostSolvers {
		parts = append(parts[:mostSolvers:mostSolvers], fmt.Sprintf("and %d more", len(parts)-mostSolvers))
	}
	return strings.Join(parts, ", ")
}
