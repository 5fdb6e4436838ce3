package rule

import (
	"context"
	"slices"
)

// Engine judges objects by rules. It holds no state between reviews and is safe for concurrent use.
type Engine struct {
	rules []Rule
	known known
}

// NewEngine returns an engine for files, which asks all of these rules.
func NewEngine(rules []Rule) *Engine {
	e := &Engine{rules: rules, known: known{}}
	for i := range rules {
		e.known[rules[i].ID] = &rules[i]
	}
	return e
}

// NewOnlineEngine returns an engine for a cluster, which asks those of the rules that are not for files only. An annotation may name
// the others too.
func NewOnlineEngine(rules []Rule) *Engine {
	e := NewEngine(rules)
	e.rules = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Offline })
	return e
}

// Review returns all findings about an object, in the order in which they are shown. An error means that some rule could
// not look; the findings of the others are returned all the same.
func (e *Engine) Review(ctx context.Context, env *Environment, policy *Policy, req Request) ([]Finding, error) {
	if policy == nil {
		policy = &Policy{}
	}
	r := newRuling(e.rules, e.known, policy, &req)
	var findings []Finding
	var err error
	if req.Object != nil && !policy.exempts(req.Object.GetNamespace()) {
		findings, err = r.findings(ctx, env)
	}
	findings = append(beside(r.decide(req.Manifest), findings), findings...)
	Sort(findings)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a.String() == b.String() }), err
}
