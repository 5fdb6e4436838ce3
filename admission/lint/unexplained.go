package lint

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
)

// explanations says which solvers would be picked for an object, and for which names that depends on what is filled in later.
func (l *linter) explanations(ctx context.Context, m *manifest) (all []rule.Explanation, open map[string]bool, err error) {
	if l.assumption == nil {
		all, err = rule.Explain(ctx, l.view(m, 0).environment(l.env), m.typed)
		return all, nil, err
	}
	world := &supposed{told: map[metav1.Object]bool{}}
	all, err = l.explainIn(ctx, world, m)
	differing := map[string]bool{}
	for f := range fillings(world.matters(l.assumption, m), nil) {
		as := f.of.filled(with(f.of.unknown.assumed, f.placeholder, f.value))
		if ctx.Err() != nil || as.err != nil || l.isWorse(ctx, f.of, as) {
			continue
		}
		other := m
		if f.of == m {
			other = as
		}
		world := &supposed{told: map[metav1.Object]bool{}, as: map[metav1.Object]metav1.Object{asSeen(f.of.typed): asSeen(as.typed)}}
		if others, err := l.explainIn(ctx, world, other); err == nil {
			differ(all, others, differing)
		}
	}
	open = map[string]bool{}
	for name := range differing {
		open[l.assumption.restore.Replace(name)] = true
	}
	return l.restoredExplanations(all), open, err
}

// explainIn explains an object in a world. An issuer that may be one of those whose names are filled in later is no mistake.
func (l *linter) explainIn(ctx context.Context, world *supposed, m *manifest) ([]rule.Explanation, error) {
	all, err := rule.Explain(ctx, world.environment(l.view(m, 0).environment(l.env)), m.typed)
	if !errors.Is(err, objects.ErrHidden) || l.live != nil {
		return all, err
	}
	for i := range all {
		all[i].Note = "filled in later"
	}
	return all, nil
}

// isWorse tells whether a manifest as it is filled in otherwise has more that a cluster would refuse.
func (l *linter) isWorse(ctx context.Context, m, as *manifest) bool {
	before, err := l.flaws(ctx, m)
	after, asErr := l.flaws(ctx, as)
	return err != nil || asErr != nil || after > before
}

// differ notes the names for which others pick another solver.
func differ(all, others []rule.Explanation, open map[string]bool) {
	for i := range all {
		for k, pick := range all[i].Picks {
			if i >= len(others) || k >= len(others[i].Picks) || others[i].Picks[k].Solver != pick.Solver {
				open[pick.Name] = true
			}
		}
	}
}

// restoredExplanations are explanations with placeholders in their words.
func (l *linter) restoredExplanations(all []rule.Explanation) []rule.Explanation {
	restore := l.assumption.restore.Replace
	for i := range all {
		e := &all[i]
		e.Issuer, e.Server, e.Note = restore(e.Issuer), restore(e.Server), restore(e.Note)
		e.Certificate = e.Certificate.DeepCopy()
		e.Certificate.Spec.SecretName = restore(e.Certificate.Spec.SecretName)
		for k := range e.Picks {
			restorePick(&e.Picks[k], restore)
		}
	}
	return all
}

func restorePick(p *choice.Pick, restore func(string) string) {
	p.Name, p.Is, p.Why = restore(p.Name), restore(p.Is), restore(p.Why)
	for i := range p.Others {
		p.Others[i].Is, p.Others[i].Why = restore(p.Others[i].Is), restore(p.Others[i].Why)
	}
}
