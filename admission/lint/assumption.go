package lint

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

// assumption is what is assumed of all values that are filled in later.
type assumption struct {
	// restore puts the placeholders back into a text.
	restore *strings.Replacer
	// byObject has the manifests that rules are told of.
	byObject map[metav1.Object]*manifest
}

// assume finds the values that are filled in later, and puts something in their place that the kind of object admits.
func (l *linter) assume(ctx context.Context, all []*manifest) error {
	errs := make([]error, len(all))
	each(ctx, len(all), func(i int) {
		if all[i].unknown = all[i].findUnknown(); all[i].unknown != nil && !all[i].unknown.ofType {
			errs[i] = l.assumeOf(ctx, all[i], i)
		}
	})
	for i, m := range all {
		switch {
		case errs[i] != nil:
			return errs[i]
		case m.unknown != nil:
			l.assumption = &assumption{byObject: map[metav1.Object]*manifest{}}
		}
	}
	if l.assumption != nil {
		l.assumption.restore = restorer(all)
		l.noteUnknown()
	}
	return nil
}

// mostDescents is how often a manifest is filled in anew to find out what it admits.
const mostDescents = 1000

// assumeOf fills a manifest in.
func (l *linter) assumeOf(ctx context.Context, m *manifest, n int) error {
	u := m.unknown
	best := map[string]any{}
	for i, p := range u.placeholders {
		best[p] = tokenTexts(tokenOf(n, i))[0]
	}
	as := m.filled(best)
	bestFlaws, err := l.flaws(ctx, as)
	tries := 0
	for i, p := range u.placeholders {
		for _, value := range candidates(tokenOf(n, i)) {
			if tries++; err != nil || bestFlaws == 0 || tries > mostDescents {
				break
			}
			other := with(best, p, value)
			var flaws int
			if flaws, err = l.flaws(ctx, m.filled(other)); flaws < bestFlaws {
				best, bestFlaws = other, flaws
			}
		}
	}
	as = m.filled(best)
	as.unknown.number = n
	*m = *as
	return err
}

// with is an assumption with another value for one placeholder.
func with(assumed map[string]any, placeholder string, value any) map[string]any {
	other := maps.Clone(assumed)
	other[placeholder] = value
	return other
}

func candidates(token string) []any {
	var all []any
	for _, text := range tokenTexts(token) {
		all = append(all, text)
	}
	return append(all, plausible()...)
}

// flaws counts what a cluster would refuse of an object. What cannot even be read is worse than all else.
func (l *linter) flaws(ctx context.Context, m *manifest) (int, error) {
	refused, err := l.refusedNow(ctx, m)
	if m.err != nil {
		return len(refused) + 1000, err
	}
	return len(refused), err
}

// refusedNow is what the API server would refuse of a manifest as it is filled in.
func (l *linter) refusedNow(ctx context.Context, m *manifest) ([]rule.Finding, error) {
	tree, err := m.tree()
	if err != nil {
		return nil, err
	}
	return l.refused(ctx, m, tree)
}

// restorer puts the placeholders back into texts.
func restorer(all []*manifest) *strings.Replacer {
	var pairs []string
	for n, m := range all {
		if m.unknown == nil {
			continue
		}
		for i, p := range m.unknown.placeholders {
			token := tokenOf(n, i)
			if text := fmt.Sprint(m.unknown.assumed[p]); strings.Contains(text, token) {
				pairs = append(pairs, text, p, token+".dev", p, token, p)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// noteUnknown says how many values are filled in later, and what to do about it.
func (l *linter) noteUnknown() {
	values := 0
	files := map[string]bool{}
	var first []string
	for _, m := range l.given {
		if m.unknown == nil || !m.unknown.ofType && !m.mayBeOurs() {
			continue
		}
		values += len(m.unknown.fields)
		if !files[m.doc.file] && len(first) < mostNamed {
			line, _ := m.locate(m.unknown.fields[0])
			first = append(first, fmt.Sprintf("%s:%d", m.doc.file, line))
		}
		files[m.doc.file] = true
	}
	if values == 0 {
		return
	}
	l.notes = append(l.notes, fmt.Sprintf(
		"%s to be filled in later, in %s (%s): only what holds whatever that is was checked. Fill them in first for the rest, "+
			"as in \"flux build kustomization … | certyun lint -\", \"kustomize build … | certyun lint -\" or \"envsubst < FILE | certyun lint -\"",
		count(values, "value"), count(len(files), "file"), strings.Join(first, ", ")))
}

// vagueName is the name of an object which is filled in later.
type vagueName struct {
	kind            string
	namespace, name *regexp.Regexp
}

func vagueNames(all []*manifest) []vagueName {
	var vague []vagueName
	for _, m := range all {
		if isUnknown(m.object.Name) || isUnknown(m.object.Namespace) {
			vague = append(vague, vagueName{
				kind: m.object.Kind, namespace: unknownText{m.object.Namespace, true}.pattern(""), name: unknownText{m.object.Name, true}.pattern(""),
			})
		}
	}
	return vague
}

// perhaps tells whether an object that is not there may be one whose name is filled in later, or is looked for by such a name.
func (w *world) perhaps(kind, namespace, name string) bool {
	return tokens.MatchString(namespace) || tokens.MatchString(name) || slices.ContainsFunc(w.vague, func(v vagueName) bool {
		return v.kind == kind && v.namespace.MatchString(namespace) && v.name.MatchString(name)
	})
}

// kindOf is the kind that a key is of.
func kindOf(key evidence.IssuerKey) string {
	if key.Namespace == "" {
		return "ClusterIssuer"
	}
	return "Issuer"
}

// filling is a value for one placeholder of one manifest.
type filling struct {
	of          *manifest
	placeholder string
	value       any
}

// fillings are all that are tried: the forms that values have, and what makes a text equal to one of the others.
func fillings(told []*manifest, more []string) iter.Seq[filling] {
	texts := more
	for _, m := range told {
		texts = append(texts, textsOf(m)...)
	}
	return func(yield func(filling) bool) {
		for _, m := range told {
			if m.unknown == nil {
				continue
			}
			for i, p := range m.unknown.placeholders {
				for _, value := range slices.Concat(candidates(tokenOf(m.unknown.number, i)), m.unknown.captures(p, texts)) {
					if !yield(filling{m, p, value}) {
						return
					}
				}
			}
		}
	}
}

// spot is what findings are told apart by, whatever their words.
type spot struct {
	rule, field string
	severity    rule.Severity
}

func spotOf(f rule.Finding) spot { return spot{f.Rule, f.Field, f.Severity} }

func spots(findings []rule.Finding) map[spot]bool {
	all := make(map[spot]bool, len(findings))
	for _, f := range findings {
		all[spotOf(f)] = true
	}
	return all
}

// doubt holds the findings about one object against other ways to fill in what is not known.
type doubt struct {
	*linter
	// few asks the rules alone that have found something.
	few *rule.Engine
	// subject is what is judged, and refused what the API server refuses of it.
	subject *manifest
	refused []rule.Finding
	// as are manifests as they are filled in for now, and now is what is found then.
	as  map[*manifest]*manifest
	now map[spot]bool
	// left are the findings that have been there every time.
	left []rule.Finding
}

// mostTrials is how often one object is judged, and mostTold how many objects beside it are filled in otherwise. Where that is not enough
// to be certain, nothing is said.
const (
	mostTrials = 600
	mostTold   = 6
)

// certain are the findings that hold whatever is filled in: those that no filling mends without another mistake.
func (l *linter) certain(ctx context.Context, m *manifest, refused, findings []rule.Finding) []rule.Finding {
	d := &doubt{linter: l, few: fewRules(findings), subject: m, refused: refused, as: map[*manifest]*manifest{}, now: spots(findings), left: findings}
	told := d.try(ctx, m, m)
	vague := slices.DeleteFunc(slices.Clone(told), func(one *manifest) bool { return one.unknown == nil })
	if len(vague) > mostTold+1 {
		return nil
	}
	more := []string{l.env.Settings.SolverGroup, l.env.Settings.ClusterResourceNamespace}
	for _, f := range findings {
		more = append(more, f.Rule)
	}
	trials := 0
	for f := range fillings(told, more) {
		if trials++; trials > mostTrials {
			d.left = nil
		}
		if len(d.left) == 0 || ctx.Err() != nil {
			break
		}
		current := d.current(f.of)
		d.try(ctx, f.of, current.filled(with(current.unknown.assumed, f.placeholder, f.value)))
	}
	// Of a value of which nothing is known only that it may not be there at all can be said.
	left := slices.DeleteFunc(d.left, func(f rule.Finding) bool { return f.Type != field.ErrorTypeForbidden && m.isNothing(f.Field) })
	return l.restored(m, left, told)
}

// fewRules asks the rules that have these findings.
func fewRules(findings []rule.Finding) *rule.Engine {
	return rule.NewEngine(slices.DeleteFunc(catalogue.Rules(), func(r rule.Rule) bool {
		_, ofManifest := r.Check.(rule.Manifests)
		return !ofManifest && !slices.ContainsFunc(findings, func(f rule.Finding) bool { return f.Rule == r.ID })
	}))
}

func (d *doubt) current(m *manifest) *manifest {
	if as := d.as[m]; as != nil {
		return as
	}
	return m
}

// try judges the object with a manifest filled in otherwise. It returns the manifests that matter to it, the object's own first.
func (d *doubt) try(ctx context.Context, of, as *manifest) []*manifest {
	if as.err != nil && of.err == nil {
		return nil
	}
	subject, refused := d.current(d.subject), d.refused
	if of == d.subject {
		var err error
		subject = as
		if refused, err = d.refusedNow(ctx, as); err != nil {
			return nil
		}
	}
	world := &supposed{as: map[metav1.Object]metav1.Object{}, told: map[metav1.Object]bool{}}
	for m, current := range d.as {
		world.as[asSeen(m.typed)] = asSeen(current.typed)
	}
	if of != as {
		world.as[asSeen(of.typed)] = asSeen(as.typed)
	}
	v := d.view(subject, 0)
	found, _ := d.ask(ctx, d.few, v, refused, world)
	if told := spots(found); !slices.ContainsFunc(d.left, func(f rule.Finding) bool { return !told[spotOf(f)] }) {
		return world.matters(d.assumption, d.subject)
	}
	found, _ = d.ask(ctx, d.engine, v, refused, world)
	d.compare(of, as, refused, spots(found))
	return world.matters(d.assumption, d.subject)
}

// compare leaves what is found again. A filling that mends something, and does nothing else that is denied, is gone on with.
func (d *doubt) compare(of, as *manifest, refused []rule.Finding, found map[spot]bool) {
	for s := range found {
		if s.severity == rule.Deny && !d.now[s] {
			return
		}
	}
	before := len(d.left)
	d.left = slices.DeleteFunc(slices.Clone(d.left), func(f rule.Finding) bool { return !found[spotOf(f)] })
	if len(d.left) == before {
		return
	}
	d.as[of], d.now = as, found
	if of == d.subject {
		d.refused = refused
	}
}

// matters are an object that was judged and, after it, the manifests that the world has told of.
func (s *supposed) matters(a *assumption, subject *manifest) []*manifest {
	found := []*manifest{subject}
	for object := range s.told {
		if m := a.byObject[object]; m != nil && m != subject {
			found = append(found, m)
		}
	}
	slices.SortFunc(found[1:], func(a, b *manifest) int { return strings.Compare(a.doc.file+string(a.raw), b.doc.file+string(b.raw)) })
	return found
}

// restored are findings with placeholders in their words. What can only be said with a value that was assumed is not said.
func (l *linter) restored(subject *manifest, findings []rule.Finding, told []*manifest) []rule.Finding {
	var kept []rule.Finding
	for _, f := range findings {
		f.Field, f.Message, f.Remedy = l.assumption.restore.Replace(f.Field), l.assumption.restore.Replace(f.Message), l.assumption.restore.Replace(f.Remedy)
		if written, known := subject.written(f.Field); known && f.Value != nil {
			f.Value = written
		}
		if text, ok := f.Value.(string); ok {
			f.Value = l.assumption.restore.Replace(text)
		}
		if !slices.ContainsFunc(told, func(m *manifest) bool { return m.unknown.saidIn(f.Message + " " + f.Remedy) }) {
			kept = append(kept, f)
		}
	}
	return kept
}

// written is the text with placeholders that a field has.
func (m *manifest) written(field string) (text string, has bool) {
	if m.unknown == nil {
		return "", false
	}
	i := slices.Index(m.unknown.fields, field)
	if i < 0 {
		return "", false
	}
	return m.unknown.texts[i].text, true
}

// isNothing tells whether nothing at all is known of a field's value.
func (m *manifest) isNothing(field string) bool {
	text, has := m.written(field)
	return has && slices.Contains(m.unknown.placeholders, text)
}

// saidIn tells whether a text has one of the values that were assumed.
func (u *unknown) saidIn(text string) bool {
	if u == nil {
		return false
	}
	for _, value := range u.assumed {
		word := fmt.Sprint(value)
		if regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(word) + `(?:\W|$)`).MatchString(text) {
			return true
		}
	}
	return false
}

// mostTexts is how many texts of other objects are tried in the place of a placeholder.
const mostTexts = 200

// textsOf are the texts of a manifest, and the domains that names among them are in.
func textsOf(m *manifest) []string {
	tree, err := m.tree()
	if err != nil {
		return nil
	}
	var found []string
	add := func(text string) {
		if text != "" && len(text) < 256 && len(found) < mostTexts && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	eachText(tree["spec"], func(text string) {
		add(text)
		name := strings.TrimPrefix(text, "*.")
		for strings.Count(name, ".") > 0 && !strings.ContainsAny(name, "/:@ ") {
			add(name)
			add("www." + name)
			_, name, _ = strings.Cut(name, ".")
		}
	})
	metadata, _ := tree["metadata"].(map[string]any)
	eachText(metadata, add)
	return found
}

func eachText(tree any, do func(string)) {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			do(key)
			eachText(tree[key], do)
		}
	case []any:
		for _, item := range tree {
			eachText(item, do)
		}
	case string:
		do(tree)
	}
}
