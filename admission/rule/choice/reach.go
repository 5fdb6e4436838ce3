package choice

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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

// Reach asks which solver cert-manager would choose, for Certificates with any labels, and counts what that costs.
type Reach struct {
	ctx     context.Context
	solvers []cmacme.ACMEChallengeSolver
	// labels are the keys of the labels that some selector asks for.
	labels []string
	// choices are kept by the values of these labels.
	choices map[string]*Choice
	// all is the cost of all selectors, spent what has been spent.
	all, spent int
	// until is when the search ends, whatever is left of its budget.
	until time.Time
}

// Exhausted tells whether the budget is spent.
func (r *Reach) Exhausted() bool {
	return r.spent > reachBudget || r.spent > reachAtOnce && time.Now().After(r.until)
}

// NewReach keeps of each solver what the choice depends on, with its place in the list as a mark by which it is known again:
// solverpicker returns a copy.
func NewReach(ctx context.Context, solvers []cmacme.ACMEChallengeSolver) *Reach {
	r := &Reach{
		// solverpicker logs each step of its way.
		ctx:     logr.NewContext(ctx, logr.Discard()),
		solvers: make([]cmacme.ACMEChallengeSolver, 0, len(solvers)),
		choices: map[string]*Choice{},
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
func (r *Reach) choice(labels map[string]string) *Choice {
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
		c = New(r.ctx, r.solvers, matter)
		r.choices[key.String()] = c
	}
	return c
}

// cost is how many comparisons a selector takes.
func cost(selector *cmacme.CertificateDNSNameSelector) int {
	if selector == nil {
		return 1
	}
	return 2 + len(selector.DNSNames) + len(selector.DNSZones) + len(selector.MatchLabels)
}

// Pick returns the place of the solver that cert-manager would choose, -1 when there is none.
func (r *Reach) Pick(name string, labels map[string]string) int {
	c := r.choice(labels)
	places := c.candidates(name)
	r.spent += pickOverhead
	for _, i := range places {
		r.spent += cost(r.solvers[i].Selector)
	}
	return c.among(name, places)
}

// Matches tells whether a solver would be chosen if it were alone.
func (r *Reach) Matches(i int, name string, labels map[string]string) bool {
	r.spent += cost(r.solvers[i].Selector) + pickOverhead
	return pickedFor(r.ctx, name, orderWith(labels), r.solvers[i:i+1]) >= 0
}

// orderWith is the Order for a Certificate with these labels: cert-manager copies them.
func orderWith(labels map[string]string) *cmacme.Order {
	return &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
}
