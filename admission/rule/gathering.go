package rule

import (
	"slices"
	"strings"
	"sync"
)

// enough is how many findings of one rule and one severity are kept of an object. Its lists may be as long as an object may be large,
// and nobody reads a thousand warnings.
const enough = 50

// gathering keeps findings about one object as they come, with the severity that they have in the end.
type gathering struct {
	*ruling
	// before is nil where there is no old object.
	before  *history
	tallies map[tally]*struct{ count, last int }

	// mu is for whoever takes the findings while more come.
	mu       sync.Mutex
	findings []Finding
}

// tally is what findings are counted by.
type tally struct {
	rule     string
	severity Severity
}

// take is a Yield for findings of all rules. Its error is errEnough.
func (g *gathering) take(f Finding) error {
	if f.Severity, f.Downgraded = g.severity(f); f.Severity == Off {
		return errEnough
	}
	if f.Severity == Deny && g.before != nil {
		if excuse := g.before.excuse(f); excuse != "" {
			f.Severity, f.Downgraded = Warn, excuse
		}
	}
	if g.keep(f) || f.Severity == Warn && g.mayDeny(f.Rule) {
		return nil
	}
	return errEnough
}

// keep tells whether there was room for the finding. Where there was not, the last one says so.
func (g *gathering) keep(f Finding) bool {
	key := tally{f.Rule, f.Severity}
	t := g.tallies[key]
	if t == nil {
		t = &struct{ count, last int }{}
		if g.tallies == nil {
			g.tallies = map[tally]*struct{ count, last int }{}
		}
		g.tallies[key] = t
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch t.count++; {
	case t.count <= enough:
		t.last = len(g.findings)
		g.findings = append(g.findings, f)
	case t.count == enough+1:
		list, _, _ := strings.Cut(f.Field, "[")
		g.findings[t.last] = Finding{
			Rule: f.Rule, Severity: f.Severity, Downgraded: f.Downgraded, Field: list, Message: "there are more of these mistakes",
		}
	}
	return t.count <= enough
}

// now are the findings that have come.
func (g *gathering) now() []Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.findings)
}

// replace puts others in the place of the findings of some rules.
func (g *gathering) replace(rules map[string]bool, others []Finding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.findings = append(slices.DeleteFunc(g.findings, func(f Finding) bool { return rules[f.Rule] }), others...)
}

// mayDeny tells whether a rule that has warned often enough may still deny.
func (g *gathering) mayDeny(id string) bool {
	worst := Finding{Rule: id}
	if one := g.known[id]; one != nil {
		worst.Severity = one.Severity
	}
	severity, _ := g.severity(worst)
	return severity == Deny
}
