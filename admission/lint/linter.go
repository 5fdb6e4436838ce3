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

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/schema"
	"github.com/certyun/certyun/admission/words"
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
	env   *rule.Environment
	live  *live
	// readSecrets are the Secrets that Issuers read, by namespace and name.
	readSecrets map[[2]string]bool
}

// newLinter reads the policy.
func (o *Options) newLinter() (*linter, error) {
	var raw []byte
	if o.PolicyFile != "" {
		var err error
		if raw, err = os.ReadFile(o.PolicyFile); err != nil {
			return nil, fmt.Errorf("--policy: %w", err)
		}
	}
	decided, err := policy.Read(raw, catalogue.Rules())
	if err != nil {
		return nil, fmt.Errorf("--policy %s: %w", o.PolicyFile, err)
	}
	return &linter{
		engine: rule.NewEngine(catalogue.Rules()), decided: decided, validator: schema.New(), wanted: o.wanted,
	}, nil
}

// read reads all files. What cannot be read is a problem, and keeps nothing else from being read.
func (l *linter) read(ctx context.Context, paths, beside []string, stdin io.Reader) {
	files := newFinder() // what is named to be judged is judged, though it may lie in a directory that is only to be there
	l.given = l.manifests(ctx, files, paths, stdin)
	l.beside = l.manifests(ctx, files, beside, stdin)
}

// maxProblems is how many problems of one file are told of.
const maxProblems = 100

func (l *linter) manifests(ctx context.Context, files *finder, paths []string, stdin io.Reader) []*manifest {
	files.sources, files.problems, files.outside = nil, nil, nil
	for _, path := range paths {
		files.add(path)
	}
	l.problems = append(l.problems, files.problems...)
	l.noteOutside(files.outside)
	reads := make([]struct {
		documents []*document
		problems  []report.Problem
	}, len(files.sources))
	each(ctx, len(reads), func(i int) { reads[i].documents, reads[i].problems = files.sources[i].read(stdin) })
	var documents []*document
	for _, read := range reads {
		documents = append(documents, read.documents...)
		l.problems = append(l.problems, read.problems...)
	}
	parts := make([]part, len(documents))
	each(ctx, len(documents), func(i int) { parts[i] = documents[i].parse() })
	var found []*manifest
	perFile := map[string]int{}
	for i, p := range parts {
		found = append(found, p.manifests...)
		if p.note != "" {
			l.notes = append(l.notes, p.note)
		}
		for _, problem := range p.problems {
			if perFile[documents[i].file]++; perFile[documents[i].file] == maxProblems {
				problem.Message += "; more that cannot be read is not told of"
			}
			if perFile[documents[i].file] <= maxProblems {
				l.problems = append(l.problems, problem)
			}
		}
	}
	return found
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
	for _, m := range all {
		m.settle(o.Namespace)
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
	var applied []metav1.Object
	for _, m := range all {
		if m.typed != nil && m.err == nil && m.object.APIVersion == m.apiVersion {
			applied = append(applied, m.typed)
		}
	}
	l.noteTwice()
	world := newWorld(applied, o.ClusterResourceNamespace, l.live)
	world.learn(all)
	l.env = &rule.Environment{
		World: world,
		Settings: rule.Settings{
			ClusterResourceNamespace: o.ClusterResourceNamespace, CertManagerVersion: o.CertManagerVersion, SolverGroup: o.SolverGroup,
			SolverWaits: o.SolverWaits, DefaultIssuer: o.DefaultIssuer, CAs: l.decided.CAs, Now: time.Now(),
		},
	}
	l.readSecrets = l.secretsRead(all)
	return nil
}

// namespaces are those that objects are in.
func namespaces(manifests []*manifest) []string {
	var found []string
	for _, m := range manifests {
		if m.object.Namespace != "" {
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

// noteTwice tells of objects that are given twice: one apply leaves only the last.
func (l *linter) noteTwice() {
	first := map[string]*manifest{}
	var notes []string
	for _, m := range l.given {
		if m.typed == nil || !isJudged(m.typed) {
			continue
		}
		key := keyOf(m.typed)
		if before := first[key]; before != nil {
			line, _ := m.locateStart()
			beforeLine, _ := before.locateStart()
			notes = append(notes, fmt.Sprintf("%s is given twice, in %s:%d and in %s:%d: the last one counts",
				m.object, before.doc.file, beforeLine, m.doc.file, line))
		}
		first[key] = m
	}
	if more := len(notes) - mostNamed; more > 0 {
		notes = append(notes[:mostNamed], fmt.Sprintf("and %d more objects are given twice", more))
	}
	l.notes = append(l.notes, notes...)
}

// judged is what came of one manifest.
type judged struct {
	// here says that it is one of the objects that are judged.
	here     bool
	findings []report.Finding
	problem  string
}

// judge judges what was given.
func (l *linter) judge(ctx context.Context) *report.Report {
	results := make([]judged, len(l.given))
	each(ctx, len(l.given), func(i int) { results[i] = l.judgeOne(ctx, l.given[i]) })
	found := &report.Report{Problems: l.problems}
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
		found.Findings = append(found.Findings, results[i].findings...)
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
	refused, err := l.refused(ctx, m)
	if err != nil {
		return judged{}, err
	}
	request, ours := rule.Request{Operation: rule.Create}, isJudged(newObject(m.apiVersion, m.object.Kind))
	if ours && m.err == nil {
		request = l.request(m)
	}
	request.Manifest = refused
	findings, err := l.engine.Review(ctx, l.env, l.decided.Policy, request)
	switch {
	case err != nil && !errors.Is(err, objects.ErrHidden):
		j.problem = fmt.Sprintf("some rules could not look: %v", err)
	case ours && m.err != nil && !slices.ContainsFunc(refused, func(f rule.Finding) bool { return f.Severity == rule.Deny }):
		j.problem = fmt.Sprintf("cannot be read: %v", m.err)
	}
	j.findings = l.report(m, findings)
	j.here = ours || len(j.findings) > 0
	return j, nil
}

// refused is what the API server would refuse. Where only the case of the apiVersion is wrong, the rest is looked at too.
func (l *linter) refused(ctx context.Context, m *manifest) ([]rule.Finding, error) {
	tree, err := m.tree()
	if err != nil {
		return nil, err
	}
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
func (l *linter) report(m *manifest, findings []rule.Finding) []report.Finding {
	if m.prefix == "" {
		defer m.doc.forget() // no other object asks for places in it
	}
	var found []report.Finding
	for _, f := range findings {
		if !l.wanted(f.Rule) {
			continue
		}
		r := report.Of(f)
		r.File, r.Object = m.doc.file, m.object
		r.Line, r.Column = m.locate(f.Field)
		r.Source = m.source(f, r.Line)
		found = append(found, r)
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
