package rule

import (
	"context"
	"errors"
	"slices"
)

// Judgement is what becomes of one object: the founding rules are asked first, then the others. What is found can be had at any time, so
// whoever has waited long enough takes what there is.
type Judgement struct {
	ruling

	engine  *Engine
	env     *Environment
	subject *subject
	// founding and others are what was found by each.
	founding, others gathering
}

// Founding asks the founding rules. They do not end with ctx: it bounds the look for the object's issuer. A panic is an error.
func (j *Judgement) Founding(ctx context.Context) (err error) {
	if j.spared() {
		return nil
	}
	defer recovered(&err)
	j.subject, err = newSubject(ctx, j.env, j.req.Operation, j.req.Object, j.req.Old)
	return errors.Join(err, j.ask(ctx, j.engine.founding, &j.founding))
}

// Others asks the rules that are not founding, after Founding.
func (j *Judgement) Others(ctx context.Context) error {
	if j.spared() || j.subject == nil {
		return nil
	}
	return j.ask(ctx, j.engine.others, &j.others)
}

// Findings are what has been found by now, in the order in which they are shown.
func (j *Judgement) Findings() []Finding {
	findings := append(j.founding.now(), j.others.now()...)
	if !j.spared() {
		findings = append(findings, j.decide(unknownSkips(j.known, j.req.Object))...)
	}
	findings = append(beside(j.decide(j.req.Manifest), findings), findings...)
	Sort(findings)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a.String() == b.String() })
}

// spared tells whether no rule is asked about the object.
func (j *Judgement) spared() bool {
	return j.req.Object == nil || j.policy.exempts(j.req.Object.GetNamespace())
}

// ask asks these rules about the object. What would be denied for another object's sake is asked again where the answer is fresh, by
// the rules that said so alone: what was applied a moment ago may not have come to the cache.
func (j *Judgement) ask(ctx context.Context, rules []Rule, g *gathering) error {
	err := j.judge(ctx, j.env, j.subject, rules, g)
	hasty := func(f Finding) bool { return f.Severity == Deny && f.CrossResource }
	if j.env.Fresh == nil || !slices.ContainsFunc(g.findings, hasty) {
		return err
	}
	again := map[string]bool{}
	for _, f := range g.findings {
		again[f.Rule] = again[f.Rule] || hasty(f)
	}
	return errors.Join(err, j.confirm(ctx, rules, g, again))
}

// confirm asks some rules again where the answer is fresh. What they said before stands where nobody answers.
func (j *Judgement) confirm(ctx context.Context, rules []Rule, g *gathering, again map[string]bool) error {
	fresh := &Environment{World: j.env.Fresh, Settings: j.env.Settings}
	s, err := lookOnceMore(ctx, fresh, j.req.Operation, j.req.Object, j.req.Old)
	if err != nil {
		return err
	}
	second := gathering{ruling: g.ruling}
	err = j.judge(ctx, fresh, s, slices.DeleteFunc(slices.Clone(rules), func(one Rule) bool { return !again[one.ID] }), &second)
	g.replace(again, second.findings)
	return err
}
