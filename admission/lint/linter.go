package lint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/schema"
	"github.com/certyun/certyun/admission/words"
	"github.com/certyun/certyun/solvers/config"
)

// After reviewTimeout the rules stop where they are, and one that does not is left alone after reviewGrace. That is only there for
// objects that are made to take long.
const (
	reviewTimeout = 10 * time.Second
	reviewGrace   = time.Second
)

// maxObject is the largest request that the API server takes
// (https://github.com/kubernetes/apiserver/blob/v0.36.6/pkg/server/config.go, MaxRequestBodyBytes).
const maxObject = 3 << 20

// linter reads everything first, then judges: any object may be what another one needs.
type linter struct {
	engine    *rule.Engine
	decided   *policy.Decided
	validator *schema.Validator
	wanted    func(id string) bool

	// given are judged, beside only are there.
	given, beside []*manifest
	problems      []report.Problem
	// notes are for people, and change nothing.
	notes []string
	// passedOver are the files that are not judged, by the reason.
	passedOver map[reason][]string
	env        *rule.Environment
	live       *live
	doubles    *doubles
	// assumption is what is assumed of values that are filled in later, nil where all are known.
	assumption *assumption
	// eachMissing says of each object that something is missing for it, not only of the first.
	eachMissing bool
	// anyRole is whom the operator lets use the solvers' own credentials, as if for any role; nil where that is not known.
	anyRole *config.Ambient
	// readSecrets are the Secrets that Issuers read, by namespace and name.
	readSecrets map[[2]string]bool
}

// newLinter reads the policy and the CA data.
func (o *Options) newLinter() (*linter, error) {
	known, err := ca.FromFile(o.CADataFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-data: %w", err)
	}
	var raw []byte
	if o.PolicyFile != "" {
		if raw, err = os.ReadFile(o.PolicyFile); err != nil {
			return nil, fmt.Errorf("--policy: %w", err)
		}
	}
	decided, err := policy.ReadWith(known, raw, catalogue.Rules())
	if err != nil {
		return nil, fmt.Errorf("--policy %s: %w", o.PolicyFile, err)
	}
	validator := schema.New()
	validator.CertManager = o.CertManagerVersion
	return &linter{
		engine: rule.NewEngine(catalogue.Rules()), decided: decided, validator: validator, wanted: o.wanted,
	}, nil
}

// read reads all files. What cannot be read is a problem, and keeps nothing else from being read.
func (l *linter) read(ctx context.Context, paths, beside []string, stdin io.Reader) {
	files := newFinder() // what is named to be judged is judged, though it may lie in a directory that is only to be there
	l.given = l.manifests(ctx, files, paths, stdin)
	l.beside = l.manifests(ctx, files, beside, stdin)
	l.notePassedOver()
}

// maxProblems is how many problems of one file are told of.
const maxProblems = 100

func (l *linter) manifests(ctx context.Context, files *finder, paths []string, stdin io.Reader) []*manifest {
	files.sources, files.problems, files.outside, files.fragments, files.overseers = nil, nil, nil, nil, nil
	for _, path := range paths {
		files.add(path)
	}
	l.problems = append(l.problems, files.problems...)
	l.noteOutside(files.outside)
	l.passOver(fragment, files.fragments...)
	reads := make([]reading, len(files.sources))
	each(ctx, len(reads), func(i int) { reads[i] = files.sources[i].read(stdin) })
	var documents []*document
	for i := range reads {
		documents = append(documents, reads[i].documents...)
		l.problems = append(l.problems, reads[i].problems...)
		if reads[i].isStrange {
			l.passOver(strange, files.sources[i].path)
		}
	}
	parts := make([]part, len(documents))
	each(ctx, len(documents), func(i int) { parts[i] = documents[i].parse() })
	isFragment := fragmentsOf(files.overseers, parts)
	var found []*manifest
	perFile := map[string]int{}
	for i, p := range parts {
		file := documents[i].file
		if isFragment(file) {
			l.passOver(fragment, file)
			continue
		}
		found = append(found, p.manifests...)
		l.passOverPart(file, &p)
		for _, problem := range p.problems {
			if perFile[file]++; perFile[file] == maxProblems {
				problem.Message += "; more that cannot be read is not told of"
			}
			if perFile[file] <= maxProblems && !l.isToldOf(problem) {
				l.problems = append(l.problems, problem)
			}
		}
	}
	return found
}

// isToldOf tells whether the last problem was that this file is a template: its documents are not told of one by one.
func (l *linter) isToldOf(problem report.Problem) bool {
	if len(l.problems) == 0 || problem.Message != templateProblem {
		return false
	}
	last := l.problems[len(l.problems)-1]
	return last.File == problem.File && last.Message == problem.Message
}

// each calls do with 0 to n-1, from as many goroutines as there are processors.
func each(ctx context.Context, n int, do func(int)) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	working.Wait()
}

// settle makes a world of what was read and of what is live. An error means that the cluster cannot be asked.
func (l *linter) settle(ctx context.Context, o *Options) error {
	all := slices.Concat(l.beside, l.given)
	for i, m := range all {
		m.isBeside = i < len(l.beside)
		m.placeless = o.guessed && m.object.Namespace == ""
		m.settle(o.Namespace)
	}
	if err := l.assume(ctx, all); err != nil {
		return err
	}
	if o.Cluster {
		config, err := o.Kubeconfig.ToRESTConfig()
		if err == nil {
			l.live, err = look(ctx, config, namespaces(all))
		}
		if err != nil {
			return fmt.Errorf("--cluster: %w", err)
		}
	}
	each(ctx, len(all), func(i int) { all[i].typed, all[i].err = all[i].decode() })
	for _, m := range all {
		if _, is := m.typed.(*secret); is {
			m.raw = nil // its values are not kept
		}
	}
	var applied []metav1.Object
	placeless := map[metav1.Object]bool{}
	for _, m := range all {
		if l.assumption != nil && m.typed != nil {
			l.assumption.byObject[asSeen(m.typed)] = m
		}
		if m.typed != nil && m.err == nil && m.object.APIVersion == m.apiVersion && (m.unknown == nil || m.object.Kind != "APIService") {
			applied = append(applied, m.typed)
			placeless[m.typed] = m.placeless
		}
	}
	ambient, anyRole, err := o.ambient()
	if err != nil {
		return err
	}
	l.anyRole = anyRole
	l.eachMissing = o.Strict || o.Cluster
	given := newWorld(applied, placeless, o.ClusterResourceNamespace, l.live)
	given.vague = vagueNames(all)
	given.learn(all)
	l.env = &rule.Environment{
		World: given,
		Settings: rule.Settings{
			ClusterResourceNamespace: o.ClusterResourceNamespace, CertManagerVersion: o.CertManagerVersion, SolverGroup: o.SolverGroup,
			SolverWaits: o.SolverWaits, Ambient: ambient, DefaultIssuer: o.DefaultIssuer, Strict: o.Strict, CAs: l.decided.CAs, Now: time.Now(),
		},
	}
	l.doubles = newDoubles(all)
	l.doubles.addTo(given)
	l.noteDoubles()
	l.readSecrets = l.secretsRead(all)
	return nil
}

// namespaces are those that objects are in.
func namespaces(manifests []*manifest) []string {
	var found []string
	for _, m := range manifests {
		if m.object.Namespace != "" && !isUnknown(m.object.Namespace) {
			found = append(found, m.object.Namespace)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// mostNamed is how many of what a note is about are named.
const mostNamed = 3

// noteOutside tells of links that are not followed.
func (l *linter) noteOutside(links []string) {
	for _, link := range links[:min(len(links), mostNamed)] {
		l.notes = append(l.notes, link+" leads out of the directory that was named, so it is not followed: name what it leads to as well if it is to be read")
	}
	if more := len(links) - mostNamed; more > 0 {
		l.notes = append(l.notes, fmt.Sprintf("and %d more links are not followed", more))
	}
}

// noteDoubles tells of objects that are given more than once.
func (l *linter) noteDoubles() {
	told := l.doubles.told
	if len(told) == 0 {
		return
	}
	var places []string
	for _, p := range told[0].Places {
		places = append(places, fmt.Sprintf("%s:%d", p.File, p.Line))
	}
	more := ""
	if len(told) > 1 {
		more = fmt.Sprintf(", as are %s more", count(len(told)-1, "object"))
	}
	l.notes = append(l.notes, fmt.Sprintf("%s is given more than once, and not alike (%s)%s: of one file the last counts, of several the nearest to what refers to it",
		told[0].Object, someOf(places), more))
}

// ask asks an engine's rules about an object of which this is refused, in a view of the world, with what is supposed of it if that is not
// nil.
func (l *linter) ask(ctx context.Context, engine *rule.Engine, v *view, refused []rule.Finding, supposed *supposed) ([]rule.Finding, error) {
	request := rule.Request{Operation: rule.Create}
	if isJudged(newObject(v.from.apiVersion, v.from.object.Kind)) && v.from.err == nil {
		request = l.request(v.from)
	}
	request.Manifest = refused
	env := supposed.environment(v.environment(l.env))
	if v.from.unknown.leavesRole() {
		env = l.withAnyRole(env)
	}
	return engine.Review(ctx, env, l.decided.Policy, request)
}

// mostDoubles is with how many of an object that is given more than once another is judged, the nearest first.
const mostDoubles = 32

// elsewhere makes warnings of what is denied for another object's sake, of which there are several, and is not so with each of them: they
// may be those of several clusters.
func (l *linter) elsewhere(ctx context.Context, v *view, refused, findings []rule.Finding) {
	if !slices.ContainsFunc(findings, mayBeElsewhere) {
		return
	}
	if v.foreign != nil {
		soften(findings, nil, "known only of "+v.foreign.where())
	}
	for rank := 1; rank < min(v.variants(), mostDoubles); rank++ {
		other := l.view(v.from, rank)
		again, _ := l.ask(ctx, l.engine, other, refused, nil) // where it cannot look it does not deny
		soften(findings, again, "not so with "+other.unlike(v).where())
	}
	rule.Sort(findings)
}

func mayBeElsewhere(f rule.Finding) bool { return f.Severity == rule.Deny && f.CrossResource }

// soften makes warnings of denials that depend on another object and are not among these.
func soften(findings, again []rule.Finding, why string) {
	for i := range findings {
		f := &findings[i]
		same := func(other rule.Finding) bool {
			return other.Severity == rule.Deny && other.Rule == f.Rule && other.Field == f.Field
		}
		if mayBeElsewhere(*f) && !slices.ContainsFunc(again, same) {
			f.Severity, f.Downgraded = rule.Warn, why
		}
	}
}

// judged is what came of one manifest.
type judged struct {
	// here says that it is one of the objects that are judged.
	here     bool
	findings []placed
	problem  string
}

// judge judges what was given.
func (l *linter) judge(ctx context.Context) *report.Report {
	results := make([]judged, len(l.given))
	each(ctx, len(l.given), func(i int) { results[i] = l.judgeOne(ctx, l.given[i]) })
	l.quieten(results)
	found := &report.Report{Problems: l.problems, Doubles: l.doubles.told}
	for i, m := range l.given {
		line, column := 0, 0
		if results[i].here || results[i].problem != "" {
			line, column = m.locateStart()
		}
		if results[i].here {
			found.Objects = append(found.Objects, report.Judged{File: m.doc.file, Line: line, Column: column, Object: m.object})
		}
		if results[i].problem != "" {
			found.Problems = append(found.Problems, problemAt(m.doc.file, line, column, fmt.Sprintf("%s: %s", m.object, results[i].problem)))
		}
		for _, f := range results[i].findings {
			found.Findings = append(found.Findings, f.Finding)
		}
	}
	return found
}

// judgeOne judges one object, within bounds. Whatever goes wrong is the object's problem alone.
func (l *linter) judgeOne(ctx context.Context, m *manifest) judged {
	review := func(ctx context.Context) (judged, error) { return l.review(ctx, m) }
	if s, is := m.typed.(*secret); is && len(s.refused) > 0 && l.reads(m) {
		review = func(ctx context.Context) (judged, error) { return l.reviewSecret(ctx, m, s) }
	} else if !m.mayBeOurs() {
		return judged{}
	}
	if len(m.raw) > maxObject {
		return judged{problem: fmt.Sprintf("is larger than %d MiB, which no API server takes, so it was not checked", maxObject>>20)}
	}
	j, err := rule.Guarded(ctx, reviewTimeout, reviewGrace, review)
	if err != nil {
		return judged{here: true, problem: err.Error()}
	}
	return j
}

// review says what the API server would refuse, and what the rules find.
func (l *linter) review(ctx context.Context, m *manifest) (j judged, err error) {
	tree, err := m.tree()
	if err != nil {
		return judged{}, err
	}
	if m.isTraffic() && !asksCertManager(tree, l.env.Settings.DefaultIssuer) {
		return judged{}, nil
	}
	refused, err := l.refused(ctx, m, tree)
	if err != nil {
		return judged{}, err
	}
	ours := isJudged(newObject(m.apiVersion, m.object.Kind))
	v := l.view(m, 0)
	findings, err := l.ask(ctx, l.engine, v, refused, nil)
	switch {
	case err != nil && !errors.Is(err, objects.ErrHidden):
		j.problem = fmt.Sprintf("some rules could not look: %v", err)
	case ours && m.err != nil && !slices.ContainsFunc(refused, func(f rule.Finding) bool { return f.Severity == rule.Deny }):
		j.problem = "cannot be read: " + schema.Unreadable(m.err, "")
	}
	if l.assumption != nil && len(findings) > 0 {
		findings = l.certain(ctx, m, refused, findings)
	}
	l.elsewhere(ctx, v, refused, findings)
	j.findings = l.report(m, findings)
	j.here = ours || len(j.findings) > 0
	return j, nil
}

// refused is what the API server would refuse. Where only the case of the apiVersion is wrong, the rest is looked at too.
func (l *linter) refused(ctx context.Context, m *manifest, tree map[string]any) ([]rule.Finding, error) {
	refused, err := l.validator.Validate(ctx, tree)
	if err != nil || m.apiVersion == m.object.APIVersion {
		return refused, err
	}
	tree["apiVersion"] = m.apiVersion
	more, err := l.validator.Validate(ctx, tree)
	return append(refused, more...), err
}

// request is what applying the object asks for.
func (l *linter) request(m *manifest) rule.Request {
	request := rule.Request{Operation: rule.Create, Object: m.typed}
	if l.live != nil {
		if old := l.live.old[keyOf(m.typed)]; old != nil {
			request.Operation, request.Old = rule.Update, old
		}
	}
	return request
}

// report says where the findings are that are wanted.
func (l *linter) report(m *manifest, findings []rule.Finding) []placed {
	if m.prefix == "" {
		defer m.doc.forget() // no other object asks for places in it
	}
	var found []placed
	for _, f := range findings {
		if !l.wanted(f.Rule) || f.Namespaced && m.placeless && f.Severity != rule.Deny {
			continue
		}
		if f.Namespaced && m.placeless {
			f.Severity, f.Downgraded = rule.Warn, "a warning, since its namespace is not known"
		}
		r := report.Of(f)
		r.File, r.Object = m.doc.file, m.object
		r.Line, r.Column = m.locate(f.Field)
		r.Source = m.source(f, r.Line)
		found = append(found, placed{Finding: r, follows: f.Follows, missing: f.Missing})
	}
	return found
}

// source is the text of a finding's line. What an Issuer gives to a webhook may be a secret, put there by mistake; so of an Issuer
// only a line is shown that has nothing but a field whose value the rule prints itself. Of a Secret none is shown.
func (m *manifest) source(f rule.Finding, line int) string {
	if m.object.Kind == "Secret" {
		return ""
	}
	text := m.doc.source(line)
	if strings.Contains(strings.ToLower(m.object.Kind), "issuer") &&
		(f.Value == nil || strings.Contains(text, "{") || strings.Contains(f.Field, "webhook.config")) {
		return ""
	}
	return text
}

// tell writes the notes for people.
func (l *linter) tell(w io.Writer) {
	if l.live != nil {
		for _, note := range l.live.notes {
			l.notes = append(l.notes, "--cluster: "+note+", so nothing is said of them")
		}
		l.live.notes = nil
	}
	for _, note := range l.notes {
		_, _ = fmt.Fprintln(w, "certyun:", words.Printable(note))
	}
}
