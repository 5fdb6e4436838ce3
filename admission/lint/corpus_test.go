package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/placeholder"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/solvers/config"
)

// lintFiles judges files as the command does with its defaults.
func lintFiles(t testing.TB, paths ...string) *report.Report {
	t.Helper()
	return lintWith(t, NewOptions(), paths...)
}

// lintWith judges files with these options.
func lintWith(t testing.TB, o *Options, paths ...string) *report.Report {
	t.Helper()
	o.CertManagerVersion = "v1.21.2"
	if err := o.Complete(paths); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	l, err := o.newLinter()
	if err != nil {
		t.Fatal(err)
	}
	l.read(t.Context(), o.Paths, o.Context, strings.NewReader(""))
	if err := l.settle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	l.env.Settings.Now = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	return l.judge(t.Context())
}

// unknowable are the findings about what is not there. Files never show that.
var unknowable = []string{
	"webhook-apiservice-missing warn", "webhook-solver-unknown warn", "solver-secret-missing warn", "issuer-group-unknown warn", "eab-required deny",
}

// TestCasesHaveTheWebhooksVerdicts holds lint to the cases that the webhook's rules are held to.
func TestCasesHaveTheWebhooksVerdicts(t *testing.T) {
	t.Parallel()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("..", "rule", "cases", filepath.FromSlash(c.Name)+".yaml")
			o := NewOptions()
			o.AmbientCredentials = config.AmbientClusterIssuers // the webhook knows it
			found := lintWith(t, o, file)
			if raw, err := os.ReadFile(file); err == nil && !strings.Contains(string(raw), "cert-manager.io/") && len(found.Problems) == 0 {
				return // an Ingress that has nothing to do with cert-manager
			}
			if len(found.Problems) > 0 || len(found.Objects) == 0 {
				t.Fatalf("%d objects, problems: %v", len(found.Objects), found.Problems)
			}
			if rule.Operation(c.Operation) != rule.Create {
				return // a file is what is to be, and says nothing of what was
			}
			last := slices.MaxFunc(found.Objects, func(a, b report.Judged) int { return a.Line - b.Line })
			var got, want []string
			for _, f := range found.Findings {
				if f.Object == last.Object && f.Line >= last.Line {
					got = append(got, cases.Expectation{Rule: f.Rule, Severity: string(f.Severity), Field: f.Field}.String())
				}
			}
			for _, e := range c.Expect {
				want = append(want, e.String())
			}
			missing, more := without(want, got), without(got, want)
			if slices.ContainsFunc(found.Findings, func(f report.Finding) bool { return f.Rule == "issuer-not-found" && f.Object != last.Object }) {
				// It is said of another object, once for both.
				missing = slices.DeleteFunc(missing, func(f string) bool { return strings.HasPrefix(f, "issuer-not-found ") })
			}
			missing = slices.DeleteFunc(missing, func(f string) bool {
				// What a missing object needs is told of in its place.
				return f == "cm-schema deny spec.issuerRef" || f == "contact-email-invalid warn spec.acme.email" && isUnfilled(c.Object) ||
					slices.Contains(unknowable, f[:strings.LastIndexByte(f, ' ')])
			})
			more = slices.DeleteFunc(more, func(f string) bool { // it only warns where the account's Secret may be there
				return slices.Contains(want, strings.Replace(f, "eab-required warn", "eab-required deny", 1))
			})
			if len(missing)+len(more) > 0 {
				t.Errorf("missing: %q\nbeyond: %q", missing, more)
			}
		})
	}
}

// isUnfilled tells whether something in a manifest is filled in later. A cluster takes it as it is.
func isUnfilled(text string) bool { return len(placeholder.Find(text, false)) > 0 }

// without returns what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// TestEveryFindingHasAPlace looks at all that the corpus is found fault with.
func TestEveryFindingHasAPlace(t *testing.T) {
	t.Parallel()
	for _, f := range lintFiles(t, filepath.Join("..", "rule", "cases")).Findings {
		raw, err := os.ReadFile(f.File)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(raw), "\n")
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > len(lines[f.Line-1]) {
			t.Errorf("%s:%d:%d is no place: %s", f.File, f.Line, f.Column, f.Message)
			continue
		}
		if f.Source != "" && f.Source != lines[f.Line-1] {
			t.Errorf("%s:%d shows %q", f.File, f.Line, f.Source)
		}
	}
}

// TestCertManagersSamplesAreAccepted reads the manifests of cert-manager's own tests, which a cluster accepts.
func TestCertManagersSamplesAreAccepted(t *testing.T) {
	t.Parallel()
	root := filepath.Join(certManager(t), "test")
	found := lintFiles(t, root)
	if len(found.Objects) == 0 {
		t.Fatalf("no objects in %s", root)
	}
	for _, f := range found.Findings {
		if f.Severity == rule.Deny && strings.HasPrefix(f.Rule, "cm-") {
			t.Errorf("%s:%d: %s %s %s", f.File, f.Line, f.Rule, f.Field, f.Message)
		}
	}
	for _, p := range found.Problems {
		t.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
	}
}

// TestGenerated_GuidesMistakes has what people copy from guides.
func TestGenerated_GuidesMistakes(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "guide.yaml")
	found := lintFiles(t, file)
	var got []string
	for _, f := range found.Findings {
		got = append(got, fmt.Sprintf("%d:%d %s %s %s", f.Line, f.Column, f.Rule, f.Severity, f.Field))
	}
	for _, p := range found.Problems {
		got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message))
	}
	slices.Sort(got)
	golden := filepath.Join("testdata", "guide.txt")
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
