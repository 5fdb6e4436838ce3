package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
)

var update = flag.Bool("update", false, "write the golden files anew")

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := NewCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	// Without any, cobra takes those of the test.
	cmd.SetArgs(append([]string{}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allShown(t *testing.T) []shown {
	t.Helper()
	all, err := withExamples(All())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTable(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(mustRun(t), "\n"), "\n")
	rules := All()
	if len(lines) != len(rules)+1 {
		t.Fatalf("%d rules in %d lines", len(rules), len(lines))
	}
	columns := regexp.MustCompile(` {2,}`)
	if diff := cmp.Diff([]string{"ID", "SEVERITY", "JUDGED IN", "KINDS", "WHAT IS WRONG"}, columns.Split(lines[0], -1)); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	offline := 0
	for i, r := range rules {
		judged := "cluster,files"
		if r.Offline {
			judged = "files"
			offline++
		}
		want := []string{r.ID, string(r.Severity), judged, strings.Join(r.Check.Kinds(), ","), r.Summary}
		if diff := cmp.Diff(want, columns.Split(lines[i+1], -1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.ID, diff)
		}
	}
	if offline == 0 || offline == len(rules) {
		t.Errorf("%d of %d rules are for files only", offline, len(rules))
	}
}

// TestGenerated_Explanation holds what is said about a rule to a file that people have read.
func TestGenerated_Explanation(t *testing.T) {
	t.Parallel()
	r := shown{
		Rule: &rule.Rule{
			ID: "renewal-window-zero", Severity: rule.Deny, Check: rule.Manifests{"Certificate", "Issuer"}, Offline: true,
			Summary: "A renewal window has no length.",
			Why: "cert-manager accepts a windowDuration of 0s, and then its controller panics each time it looks at the Certificate, as is told in " +
				"https://github.com/cert-manager/cert-manager/issues/9100?" + strings.Repeat("x", 60) + " at length.",
			Remedy: "Write how long the window stays open, like 1h.",
		},
		examples: []cases.Case{
			{
				Example: "A window of zero seconds", Message: "spec.renewal: Invalid value: \"0s\": must be greater than 0. [renewal-window-zero]",
				Object: "kind: Certificate\nspec:\n\n  renewal: {}\n",
			},
			{Example: "A change", Operation: "UPDATE", Old: "kind: Certificate\n", Object: "kind: Issuer\n", Message: "it changed"},
			{Example: "A deletion", Operation: "DELETE", Object: "kind: Issuer\n", Message: "it went"},
		},
	}
	got := r.explained()
	path := filepath.Join("testdata", "explained.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/explained.txt is not up to date; read what changed and run make generate (-want +got):\n%s", diff)
	}
}

// TestEveryRuleIsExplained finds all that is known of each rule, in lines that a terminal holds.
func TestEveryRuleIsExplained(t *testing.T) {
	t.Parallel()
	spaces := regexp.MustCompile(`\s+`)
	flat := func(s string) string { return spaces.ReplaceAllString(s, " ") }
	for _, r := range allShown(t) {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			out := mustRun(t, r.ID)
			for _, part := range []string{r.ID, r.Summary, r.Why, r.Remedy, string(r.Severity), report.Documentation(r.ID)} {
				if part == "" || !strings.Contains(flat(out), flat(strings.TrimSpace(part))) {
					t.Errorf("%q is missing in:\n%s", part, out)
				}
			}
			for _, e := range r.examples {
				for _, part := range []string{e.Manifest(), e.Message, strings.TrimSpace(e.Old)} {
					if !strings.Contains(flat(out), flat(part)) {
						t.Errorf("%q is missing in:\n%s", part, out)
					}
				}
			}
			for line := range strings.Lines(wrapped(r.Why+" "+r.Remedy, "  ")) {
				if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > lineWidth && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("a long line: %s", line)
				}
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	decode := func(t *testing.T, text string, into any) {
		t.Helper()
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	var list jsonList
	decode(t, mustRun(t, "-o", "json"), &list)
	if list.APIVersion != "certyun.internal/v1" || list.Kind != "RuleList" || len(list.Rules) != len(All()) {
		t.Errorf("got %s %s with %d rules, want all %d", list.APIVersion, list.Kind, len(list.Rules), len(All()))
	}
	for i, r := range allShown(t) {
		var one jsonSingle
		decode(t, mustRun(t, "--output=json", r.ID), &one)
		if one.Kind != "Rule" || one.APIVersion != list.APIVersion {
			t.Errorf("%s: got %s %s", r.ID, one.APIVersion, one.Kind)
		}
		if diff := cmp.Diff(list.Rules[i], one.jsonRule); diff != "" {
			t.Errorf("%s is not the same alone (-in the list +alone):\n%s", r.ID, diff)
		}
		if one.ID != r.ID || one.Why != r.Why || one.Offline != r.Offline || len(one.Examples) != len(r.examples) {
			t.Errorf("got %+v, want the rule %s", one, r.ID)
		}
	}
}

// TestMarkdown finds each rule in the list as it is alone; docs/rules.md is made of the same list.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	all := mustRun(t, "-o", "markdown")
	for _, r := range allShown(t) {
		one := mustRun(t, "-o", "markdown", r.ID)
		if one != r.markdown() || !strings.Contains(all, "\n"+one) || !strings.Contains(all, "| ["+r.ID+"](#"+r.ID+") |") {
			t.Errorf("%s is not in the list as it is alone:\n%s", r.ID, one)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"a slip of the pen": {
			[]string{"wildcard-needs-dns-01"}, `there is no rule "wildcard-needs-dns-01"; is it wildcard-needs-dns01?`,
		},
		"a part of ids": {
			[]string{"Wildcard"}, `there is no rule "Wildcard"; is it name-constraint-wildcard, acme-wildcard-redundant, wildcard-needs-dns01?`,
		},
		"nothing that is like a rule": {
			[]string{"x"}, "there is no rule \"x\"; `certyun rules` lists them",
		},
		"an unknown format": {
			[]string{"-o", "yaml"}, `--output: there is no format "yaml"; want one of text, json, markdown`,
		},
		"two ids": {
			[]string{"a", "b"}, "accepts at most 1 arg(s), received 2",
		},
		"an unknown flag": {
			[]string{"--all"}, "unknown flag: --all",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, tt.args...)
			exit, ok := errors.AsType[*report.ExitError](err)
			if !ok || exit.ExitCode() != report.CodeUsage || err.Error() != tt.want {
				t.Errorf("got the error %v, want %q with code %d", err, tt.want, report.CodeUsage)
			}
			if out != "" {
				t.Errorf("it wrote %s", out)
			}
		})
	}
}

func TestOffersFewRules(t *testing.T) {
	t.Parallel()
	if near := Near("acme"); len(near) != maxNear {
		t.Errorf("got %s, want %d", near, maxNear)
	}
	if near := Near(""); len(near) != 0 {
		t.Errorf("got %s for nothing", near)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	all := strings.Split(strings.TrimSpace(mustRun(t, cobra.ShellCompNoDescRequestCmd, "")), "\n")
	for _, r := range allShown(t) {
		if !slices.Contains(all, r.ID) {
			t.Errorf("%s is not offered", r.ID)
		}
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"the rest of an id":  {[]string{"wildcard-"}, "wildcard-needs-dns01"},
		"no second id":       {[]string{"wildcard-needs-dns01", ""}, ""},
		"the flag's formats": {[]string{"-o", ""}, "text\njson\nmarkdown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := mustRun(t, append([]string{cobra.ShellCompNoDescRequestCmd}, tt.args...)...)
			got, _, _ := strings.Cut(out, ":4\n")
			if strings.TrimSpace(got) != tt.want {
				t.Errorf("got %s, want %s", out, tt.want)
			}
		})
	}
}
