package rule

import "strings"

// enough is how many findings of one rule and one severity are kept of an object. Its lists may be as long as an object may be large,
// and nobody reads a thousand warnings.
const enough = 50

// gathering keeps findings about one object as they come, with the severity that they have in the end.
type gathering struct {
	*ruling
	// before is nil where there is no old object.
	before   *history
	findings []Finding
	tallies  map[tally]*struct{ count, last int }
}

// tally is what findings are counted by.
type tally struct {
	rule     string
	severity Severity
}

func newGathering(r *ruling) *gathering {
	return &gathering{ruling: r, tallies: map[tally]*struct{ count, last int }{}}
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
		g.tallies[key] = t
	}
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

// mayDeny tells whether a rule that has warned often enough may still deny.
func (g *gathering) mayDeny(id string) bool {
	worst := Finding{Rule: id}
	if one := g.known[id]; one != nil {
		worst.Severity = one.Severity
	}
	severity, _ := g.severity(worst)
	return severity == Deny
}
