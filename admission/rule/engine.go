package rule

import (
	"context"
	"errors"
	"slices"
)

// Engine judges objects by rules. It holds no state between reviews and is safe for concurrent use.
type Engine struct {
	// founding are asked before the others.
	founding, others []Rule
	known            known
}

// NewEngine returns an engine for files, which asks all of these rules.
func NewEngine(rules []Rule) *Engine {
	e := &Engine{known: known{}}
	for i := range rules {
		e.known[rules[i].ID] = &rules[i]
	}
	e.take(rules)
	return e
}

// NewOnlineEngine returns an engine for a cluster, which asks those of the rules that are not for files only. An annotation may name
// the others too.
func NewOnlineEngine(rules []Rule) *Engine {
	e := NewEngine(rules)
	e.take(slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Offline }))
	return e
}

func (e *Engine) take(rules []Rule) {
	e.founding = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return !r.Founding })
	e.others = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Founding })
}

// Begin returns a judgement for which no rule has been asked yet. A nil policy changes nothing.
func (e *Engine) Begin(env *Environment, policy *Policy, req Request) *Judgement {
	if policy == nil {
		policy = &Policy{}
	}
	j := &Judgement{engine: e, ruling: newRuling(e.known, policy, &req), env: env}
	j.founding.ruling, j.others.ruling = &j.ruling, &j.ruling
	return j
}

// Review returns all findings about an object, in the order in which they are shown. An error means that some rule could
// not look; the findings of the others are returned all the same.
func (e *Engine) Review(ctx context.Context, env *Environment, policy *Policy, req Request) ([]Finding, error) {
	j := e.Begin(env, policy, req)
	err := j.Founding(ctx)
	err = errors.Join(err, j.Others(ctx))
	return j.Findings(), err
}
