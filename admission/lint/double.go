package lint

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// double is an object that is given in more than one file: a tree may hold several clusters.
type double struct {
	// given are the manifests, of one file the last, in the order in which they are given.
	given []*manifest
	// lines are where they begin.
	lines []int
	// contents tells those apart that differ: equal ones have the same number.
	contents []int
}

// doubles are all that is given, by object and by file.
type doubles struct {
	byKey map[string]*double
	// issuers are the keys of Issuers among them.
	issuers []string
	// of are the manifests of objects, each with its double.
	of map[metav1.Object]given
	// guessed says that in more than one directory there are objects in a namespace that nobody has written.
	guessed bool
	// below are the keys of doubles that are given in or below a path.
	below map[string]map[string]bool
	// steps are the ways to files, from the root down.
	steps map[string][]string
	// told are those that differ.
	told []report.Double
	// near has the places that nearest has found.
	near sync.Map
}

// given is what is known of an object that is given.
type given struct {
	*manifest
	key string
	// one is nil where the object is given in one file alone.
	one *double
}

// newDoubles looks for doubles among manifests, of which the last of one file counts.
func newDoubles(manifests []*manifest) *doubles {
	d := &doubles{
		byKey: map[string]*double{}, of: map[metav1.Object]given{}, below: map[string]map[string]bool{}, steps: map[string][]string{},
	}
	all := map[string][]*manifest{}
	var keys, guesses []string
	for _, m := range manifests {
		if m.typed == nil || m.err != nil || m.object.APIVersion != m.apiVersion {
			continue
		}
		key := keyOf(m.typed)
		d.of[asSeen(m.typed)] = given{manifest: m, key: key}
		if m.placeless {
			guesses = append(guesses, filepath.Dir(m.doc.file))
		}
		if d.steps[m.doc.file] == nil {
			d.steps[m.doc.file] = stepsTo(m.doc.file)
		}
		if all[key] = append(all[key], m); len(all[key]) == 2 {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		d.add(key, all[key])
	}
	d.guessed = slices.ContainsFunc(guesses, func(directory string) bool { return directory != guesses[0] })
	return d
}

// none tells whether all see the world alike.
func (d *doubles) none() bool { return len(d.byKey) == 0 && !d.guessed }

func (d *doubles) add(key string, all []*manifest) {
	d.tell(all)
	last := map[string]int{}
	for i, m := range all {
		last[m.doc.file] = i
	}
	if len(last) == 1 {
		return
	}
	one := &double{}
	for i, m := range all {
		if last[m.doc.file] == i {
			line, _ := m.locateStart()
			one.given, one.lines = append(one.given, m), append(one.lines, line)
			one.contents = append(one.contents, slices.IndexFunc(one.given, func(before *manifest) bool { return alike(before, m) }))
			d.of[asSeen(m.typed)] = given{manifest: m, key: key, one: one}
			d.spread(key, m)
		}
	}
	d.byKey[key] = one
	if _, isIssuer := all[0].typed.(cmapi.GenericIssuer); isIssuer {
		d.issuers = append(d.issuers, key)
	}
}

// addTo adds to a world what it does not have of these: all but the last.
func (d *doubles) addTo(w *world) {
	for _, one := range d.byKey {
		for _, m := range one.given[:len(one.given)-1] {
			if crt, is := m.typed.(*cmapi.Certificate); is {
				w.AddDouble(crt)
			}
		}
	}
}

// tell remembers an object that differs from file to file.
func (d *doubles) tell(all []*manifest) {
	tree, _ := all[0].tree()
	if !isJudged(all[0].typed) || all[0].isTraffic() && !asksCertManager(tree, true) || !slices.ContainsFunc(all, func(m *manifest) bool { return !alike(all[0], m) }) {
		return
	}
	told := report.Double{Object: all[0].object}
	for _, m := range all {
		line, _ := m.locateStart()
		told.Places = append(told.Places, report.Place{File: m.doc.file, Line: line})
	}
	d.told = append(d.told, told)
}

// alike tells whether two manifests say the same, with the same left to be filled in.
func alike(a, b *manifest) bool {
	if a.unknown != nil && b.unknown != nil {
		return equality.Semantic.DeepEqual(a.unknown.tree, b.unknown.tree)
	}
	if one, is := a.typed.(*secret); is {
		other, _ := b.typed.(*secret)
		return slices.Equal(one.keys, other.keys) && equality.Semantic.DeepEqual(one.ObjectMeta, other.ObjectMeta)
	}
	return equality.Semantic.DeepEqual(a.typed, b.typed)
}

// spread remembers that a double is given below each directory on the way to its file. Where the namespace is a guess it may be none,
// and --context is what is there for all.
func (d *doubles) spread(key string, m *manifest) {
	if !isJudged(m.typed) || m.isBeside || m.placeless && m.object.Namespace != "" {
		return
	}
	steps := d.steps[m.doc.file]
	for i := range steps {
		way := wayTo(steps, i)
		if d.below[way] == nil {
			d.below[way] = map[string]bool{}
		}
		d.below[way][key] = true
	}
}

// stepsTo are the directories on the way to a file, and the file.
func stepsTo(file string) []string {
	path, err := filepath.Abs(file)
	if err != nil {
		path = file
	}
	return strings.Split(strings.TrimPrefix(filepath.ToSlash(path), "/"), "/")
}

// wayTo is the path up to one of the steps.
func wayTo(steps []string, last int) string { return strings.Join(steps[:last+1], "/") }

// together is how many steps two ways have in common.
func together(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// apart tells whether two files are of different clusters: where their ways part, one object is given on both.
func (d *doubles) apart(one, other string) bool {
	if len(d.below) == 0 || one == other {
		return false
	}
	a, b := d.steps[one], d.steps[other]
	n := together(a, b)
	if n == len(a) || n == len(b) {
		return false
	}
	mine, others := d.below[wayTo(a, n)], d.below[wayTo(b, n)]
	if len(mine) > len(others) {
		mine, others = others, mine
	}
	for key := range mine {
		if others[key] {
			return true
		}
	}
	return false
}

// place is where one of a double is.
type place struct {
	*manifest
	line, content int
}

func (p place) where() string { return fmt.Sprintf("%s of %s:%d", p.object, p.doc.file, p.line) }

// view is the world as the objects of one file see it: of doubles it has the nearest, or one that is further away.
type view struct {
	*world
	doubles *doubles
	from    *manifest
	// rank says which of the doubles that differ it has: 0 is the nearest.
	rank int
	// picked are the doubles that somebody asked for, as this view has them.
	picked map[string]place
	// asked are the keys of those that a finding may depend on.
	asked []string
	// foreign is the issuer if it is given for another cluster alone.
	foreign *place
}

var _ evidence.World = (*view)(nil)

// view is the world as a manifest sees it.
func (l *linter) view(m *manifest, rank int) *view {
	w, _ := l.env.World.(*world) // settle made it
	return &view{world: w, doubles: l.doubles, from: m, rank: rank, picked: map[string]place{}}
}

// environment is that of all, with this view.
func (v *view) environment(of *rule.Environment) *rule.Environment {
	if v.doubles.none() {
		return of
	}
	return &rule.Environment{World: v, Settings: of.Settings}
}

// pick is a double as this view has it; ok is false where the object is none.
func (v *view) pick(key string) (picked place, ok bool) {
	one := v.doubles.byKey[key]
	if one == nil {
		return place{}, false
	}
	if picked, ok = v.picked[key]; ok {
		return picked, true
	}
	differ := v.doubles.nearest(v.from.doc.file, key)
	i := differ[min(v.rank, len(differ)-1)]
	picked = place{one.given[i], one.lines[i], one.contents[i]}
	v.picked[key] = picked
	return picked, true
}

// nearest are the places of a double that differ, the nearest to a file first. Of those that are as near it is the last.
func (d *doubles) nearest(file, key string) []int {
	at := [2]string{file, key}
	if known, ok := d.near.Load(at); ok {
		found, _ := known.([]int)
		return found
	}
	one, way := d.byKey[key], d.steps[file]
	near := make([]int, len(one.given))
	for i := range near {
		near[i] = len(near) - 1 - i
	}
	slices.SortStableFunc(near, func(a, b int) int {
		return cmp.Compare(together(d.steps[one.given[b].doc.file], way), together(d.steps[one.given[a].doc.file], way))
	})
	var differ []int
	for _, i := range near {
		if !slices.ContainsFunc(differ, func(j int) bool { return one.contents[j] == one.contents[i] }) {
			differ = append(differ, i)
		}
	}
	d.near.Store(at, differ)
	return differ
}

// lookUp is pick for what a finding may depend on.
func (v *view) lookUp(key string) (place, bool) {
	picked, ok := v.pick(key)
	if ok && !slices.Contains(v.asked, key) {
		v.asked = append(v.asked, key)
	}
	return picked, ok
}

// variants is how many views there are that differ in what was asked for.
func (v *view) variants() int {
	most := 1
	for _, key := range v.asked {
		contents := slices.Clone(v.doubles.byKey[key].contents)
		slices.Sort(contents)
		most = max(most, len(slices.Compact(contents)))
	}
	return most
}

// unlike is the first double that this view has differently.
func (v *view) unlike(other *view) place {
	for _, key := range other.asked {
		mine, _ := v.pick(key)
		if theirs, _ := other.pick(key); mine.content != theirs.content {
			return mine
		}
	}
	return place{manifest: v.from}
}

// shows tells whether an object that is listed is there for this view: of doubles the one that it has, and nothing of another
// cluster's.
func (v *view) shows(object metav1.Object) bool {
	m := v.doubles.of[object]
	if m.manifest == nil {
		return true // of the cluster
	}
	if m.one != nil {
		if picked, _ := v.pick(m.key); picked.manifest != m.manifest {
			return false
		}
	}
	return m.one != nil && v.rank > 0 || !v.doubles.apart(v.from.doc.file, m.doc.file)
}

// isBeside tells whether an object that this view shows is in the same namespace as what is judged. Those of different directories
// that name none may be in any.
func (v *view) isBeside(object metav1.Object) bool {
	m := v.doubles.of[object]
	if m.manifest == nil || object.GetNamespace() == "" || !m.placeless && !v.from.placeless {
		return true
	}
	return filepath.Dir(m.doc.file) == filepath.Dir(v.from.doc.file)
}

// Issuer implements evidence.Issuers.
func (v *view) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	var named metav1.Object = &cmapi.Issuer{ObjectMeta: meta}
	if key.Namespace == "" {
		named = &cmapi.ClusterIssuer{ObjectMeta: meta}
	}
	if picked, ok := v.lookUp(keyOf(named)); ok {
		issuer, _ := picked.typed.(cmapi.GenericIssuer)
		return issuer, nil
	}
	issuer, err := v.world.Issuer(ctx, key)
	if issuer == nil || err != nil {
		return issuer, err
	}
	if m := v.doubles.of[issuer].manifest; m != nil && v.doubles.apart(v.from.doc.file, m.doc.file) {
		line, _ := m.doc.begin()
		v.foreign = &place{manifest: m, line: line}
	}
	return issuer, err
}

// KnownIssuer implements evidence.Issuers.
func (v *view) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return v.Issuer(ctx, key)
}

// IssuersByAccountKey implements evidence.Issuers.
func (v *view) IssuersByAccountKey(ctx context.Context, namespace, secretName string) ([]cmapi.GenericIssuer, error) {
	all, err := v.world.IssuersByAccountKey(ctx, namespace, secretName)
	for _, key := range v.doubles.issuers {
		picked, _ := v.pick(key)
		issuer, _ := picked.typed.(cmapi.GenericIssuer)
		if !slices.Contains(all, issuer) && v.HasAccountKey(issuer, namespace, secretName) {
			all = append(all, issuer)
		}
	}
	var found []cmapi.GenericIssuer
	for _, issuer := range all {
		if v.shows(issuer) && v.isBeside(issuer) {
			v.lookUp(v.doubles.of[issuer].key)
			found = append(found, issuer)
		}
	}
	slices.SortFunc(found, evidence.CompareIssuers)
	return found, err
}

// Certificate implements evidence.Certificates.
func (v *view) Certificate(ctx context.Context, namespace, name string) (*cmapi.Certificate, error) {
	if picked, ok := v.lookUp(keyOf(&cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})); ok {
		crt, _ := picked.typed.(*cmapi.Certificate)
		return crt, nil
	}
	return v.world.Certificate(ctx, namespace, name)
}

// CertificatesBySecret implements evidence.Certificates.
func (v *view) CertificatesBySecret(ctx context.Context, namespace, secretName string) ([]*cmapi.Certificate, error) {
	all, err := v.world.CertificatesBySecret(ctx, namespace, secretName)
	var found []*cmapi.Certificate
	for _, crt := range all {
		if v.shows(crt) && v.isBeside(crt) {
			found = append(found, crt)
		}
	}
	return found, err
}

// VisitCertificates implements evidence.Certificates.
func (v *view) VisitCertificates(ctx context.Context, index evidence.Index, key string, visit func(*cmapi.Certificate) bool) error {
	return v.world.VisitCertificates(ctx, index, key, func(crt *cmapi.Certificate) bool { return !v.shows(crt) || visit(crt) })
}

// Secret implements evidence.Secrets.
func (v *view) Secret(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, bool, error) {
	if picked, ok := v.pick(keyOf(named(namespace, name))); ok {
		found, _ := asSeen(picked.typed).(*metav1.PartialObjectMetadata)
		return found, true, nil
	}
	return v.world.Secret(ctx, namespace, name)
}

// SecretKeys implements evidence.Secrets.
func (v *view) SecretKeys(ctx context.Context, namespace, name string) (keys []string, known bool, err error) {
	if picked, ok := v.pick(keyOf(named(namespace, name))); ok {
		found, _ := picked.typed.(*secret)
		return found.keys, found.knowsKeys(), nil
	}
	found, _, _ := v.world.Secret(ctx, namespace, name) // what is not known has no keys either
	if m := v.doubles.of[found].manifest; found != nil && m != nil && v.doubles.apart(v.from.doc.file, m.doc.file) {
		return nil, false, nil // another cluster's
	}
	return v.world.SecretKeys(ctx, namespace, name)
}
