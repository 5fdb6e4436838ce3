package report_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

var update = flag.Bool("update", false, "write the golden files anew")

func certificate(namespace, name string) report.Object {
	return report.Object{APIVersion: "cert-manager.io/v1", Kind: "Certificate", Namespace: namespace, Name: name}
}

// rich has a bit of everything, in no order, and what a manifest might hold to fool whoever reads the report.
func rich() *report.Report {
	web, api := certificate("default", "web"), certificate("default", "api")
	issuer := report.Object{APIVersion: "cert-manager.io/v1", Kind: "ClusterIssuer", Name: "letsencrypt"}
	evil := certificate("default", "evil")
	return &report.Report{
		Objects: []report.Judged{
			{File: "certs/web.yaml", Line: 12, Column: 1, Object: api},
			{File: "certs/web.yaml", Line: 1, Column: 1, Object: web},
			{File: report.Stdin, Line: 1, Column: 1, Object: issuer},
			{File: "certs/中文 目录/100%,a:b.yaml", Line: 1, Column: 1, Object: evil},
			{File: "certs/clean.yaml", Line: 1, Column: 1, Object: certificate("default", "clean")},
			{Object: certificate("live", "stored")},
		},
		Findings: []report.Finding{
			{
				Rule: "acme-rate-limit", Severity: rule.Warn, Object: certificate("live", "stored"),
				Message: "50 certificates were asked for this week", Remedy: "Wait",
			},
			{
				Rule: "wildcard-needs-dns01", Severity: rule.Deny, File: "certs/web.yaml", Line: 8, Column: 7, Object: web,
				Field: "spec.dnsNames[1]", Message: `"*.cert-lab.dev": a wildcard needs a DNS-01 solver`,
				Remedy: "Add a dns01 solver to the Issuer", Source: `    - "*.cert-lab.dev"`,
			},
			{
				Rule: "usage-without-ca", Severity: rule.Warn, File: "certs/web.yaml", Line: 5, Column: 3, Object: web,
				Field: "spec.usages", Message: "has cert sign, but isCA is not set", Remedy: "Set isCA, or leave the usage out",
				Source: "\tusages: [cert sign]\r\n",
			},
			{
				Rule: "duplicate-dns-names", Severity: rule.Warn, File: "certs/web.yaml", Line: 20, Column: 1, Object: api,
				Field: "spec.dnsNames[1]", Message: "is there twice",
			},
			{
				Rule: "duplicate-dns-names", Severity: rule.Warn, File: "certs/web.yaml", Line: 20, Column: 9, Object: api,
				Field: "spec.dnsNames[1]", Message: "is there twice",
			},
			{
				Rule: "solvers-empty", Severity: rule.Deny, File: report.Stdin, Line: 9, Column: 9, Object: issuer,
				Field: "spec.acme.solvers", Message: "has no solver. Nothing can be issued?", Remedy: "Add one",
			},
			{
				Rule: "skip-unknown-rule", Severity: rule.Warn, File: "certs/中文 目录/100%,a:b.yaml", Line: 3, Column: 26, Object: evil,
				Field:   "metadata.annotations[certyun.internal/skip]",
				Message: "\"\x1b[31m\u202egnp\u200b\r\n::error::x [click](https://evil.example) %0A \xff\x00 </failure>]]>\" is no rule",
				Remedy:  "Write an id", Source: "    证书: \"\x1b[31m\u202e\" # 值",
			},
		},
		Problems: []report.Problem{
			{File: "certs/broken.yaml", Line: 3, Column: 2, Message: "mapping values are not allowed here"},
			{File: "secret/none.yaml", Message: "open secret/none.yaml: permission denied"},
			{Message: "the cluster does not answer"},
		},
		Doubles: []report.Double{{Object: web, Places: []report.Place{{File: "certs/web.yaml", Line: 1}, {File: "other/web.yaml", Line: 3}}}},
	}
}

// documented are rules that stay as they are, whatever the catalogue says.
func documented() []rule.Rule {
	return []rule.Rule{
		{
			ID: "wildcard-needs-dns01", Severity: rule.Deny, Summary: "A wildcard has no DNS-01 solver.",
			Why: "Let's Encrypt proves wildcards by DNS only.", Remedy: "Add a dns01 solver.",
		},
		{
			ID: "usage-without-ca", Severity: rule.Warn, Summary: "A usage is for CAs.",
			Why: "It is dropped.", Remedy: "Set isCA.",
		},
	}
}

func write(t *testing.T, format report.Format, r *report.Report, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGenerated_Formats holds every format of one rich report to a file that people have read.
func TestGenerated_Formats(t *testing.T) {
	t.Parallel()
	options := report.Options{Rules: documented(), Version: "1.2.3"}
	colored := options
	colored.Color = true
	for file, tt := range map[string]struct {
		format  report.Format
		options report.Options
	}{
		"report.txt":         {report.Text, options},
		"report-colored.txt": {report.Text, colored},
		"report.json":        {report.JSON, options},
		"report.sarif":       {report.SARIF, options},
		"report-junit.xml":   {report.JUnit, options},
		"report-github.txt":  {report.GitHub, options},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			got := write(t, tt.format, rich(), tt.options)
			path := filepath.Join("testdata", file)
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
				t.Errorf("testdata/%s is not up to date; read what changed and run make generate (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestOrder writes the same whatever order the lists have, and leaves them as they were.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, format := range report.Formats() {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			r := rich()
			want := write(t, format, r, report.Options{})
			if diff := cmp.Diff(rich(), r); diff != "" {
				t.Errorf("writing changed the report (-before +after):\n%s", diff)
			}
			for i, j := 0, len(r.Findings)-1; i < j; i, j = i+1, j-1 {
				r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i]
			}
			r.Objects[0], r.Objects[3] = r.Objects[3], r.Objects[0]
			r.Problems[0], r.Problems[2] = r.Problems[2], r.Problems[0]
			if diff := cmp.Diff(want, write(t, format, r, report.Options{})); diff != "" {
				t.Errorf("another order gives another report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for format, want := range map[report.Format]string{
		report.Text:   "No object to judge.\n",
		report.GitHub: "",
		report.JSON: `{
  "apiVersion": "certyun.internal/v1",
  "kind": "Report",
  "summary": {
    "objects": 0,
    "deny": 0,
    "warn": 0
  },
  "findings": [],
  "problems": [],
  "doubles": []
}
`,
		report.JUnit: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="certyun" tests="0" failures="0" errors="0"></testsuites>
`,
		report.SARIF: `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "certyun",
          "informationUri": "https://github.com/certyun/certyun",
          "rules": []
        }
      },
      "invocations": [
        {
          "executionSuccessful": true
        }
      ],
      "columnKind": "unicodeCodePoints",
      "results": []
    }
  ]
}
`,
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, write(t, format, &report.Report{}, report.Options{})); diff != "" {
				t.Errorf("an empty report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	web := certificate("default", "web")
	judged := []report.Judged{{File: "a.yaml", Line: 1, Column: 1, Object: web}}
	base := report.Finding{Rule: "r", Severity: rule.Deny, File: "a.yaml", Line: 3, Column: 5, Object: web, Field: "spec.x", Message: "is wrong"}
	with := func(change func(*report.Finding)) *report.Report {
		f := base
		change(&f)
		return &report.Report{Objects: judged, Findings: []report.Finding{f}}
	}
	const end = "\n1 object judged: 1 denial, 0 warnings.\nA rule is explained by: certyun rules r\n"
	for name, tt := range map[string]struct {
		report *report.Report
		want   string
	}{
		"nothing is found": {
			&report.Report{Objects: judged}, "1 object judged: nothing found.\n",
		},
		"the only file cannot be read": {
			&report.Report{Problems: []report.Problem{{File: "a.yaml", Message: "is a directory"}}},
			"a.yaml: error: is a directory.\n\nNo object to judge. 1 thing could not be checked.\n",
		},
		"nothing is known of the source": {
			with(func(*report.Finding) {}), "a.yaml:3:5: deny [r] Certificate default/web: spec.x: is wrong.\n" + end,
		},
		"the mark stands under the column": {
			with(func(f *report.Finding) { f.Source = "    x: 1" }),
			"a.yaml:3:5: deny [r] Certificate default/web: spec.x: is wrong.\n    3 |     x: 1\n      |     ^\n" + end,
		},
		"wide characters and tabs before the column": {
			with(func(f *report.Finding) { f.Source, f.Column = "\t证书: 1", 4 }),
			"a.yaml:3:4: deny [r] Certificate default/web: spec.x: is wrong.\n    3 |     证书: 1\n      |         ^\n" + end,
		},
		"a column behind the end of the line": {
			with(func(f *report.Finding) { f.Source, f.Column = "x:", 3 }),
			"a.yaml:3:3: deny [r] Certificate default/web: spec.x: is wrong.\n    3 | x:\n      |   ^\n" + end,
		},
		"a column that the line does not have": {
			with(func(f *report.Finding) { f.Source, f.Column = "x:", 9 }),
			"a.yaml:3:9: deny [r] Certificate default/web: spec.x: is wrong.\n    3 | x:\n" + end,
		},
		"a column far into a long line": {
			with(func(f *report.Finding) {
				f.Source, f.Column = strings.Repeat("a", 100)+"B"+strings.Repeat("c", 500), 101
			}),
			"a.yaml:3:101: deny [r] Certificate default/web: spec.x: is wrong.\n    3 | …" + strings.Repeat("a", 60) + "B" +
				strings.Repeat("c", 59) + "…\n      | " + strings.Repeat(" ", 61) + "^\n" + end,
		},
		"an object without a namespace, in no file, wrong as a whole": {
			with(func(f *report.Finding) {
				f.File, f.Line, f.Column, f.Field = "", 0, 0, ""
				f.Object = report.Object{Kind: "ClusterIssuer", Name: "le"}
			}), "deny [r] ClusterIssuer le: is wrong.\n" + end,
		},
		"a question is not ended twice, a remedy is": {
			with(func(f *report.Finding) { f.Message, f.Remedy = "is it?", "Write y" }),
			"a.yaml:3:5: deny [r] Certificate default/web: spec.x: is it?\n    Fix: Write y.\n" + end,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, write(t, report.Text, tt.report, report.Options{})); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOfRule takes over what a rule found, without what reports say elsewhere.
func TestOfRule(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		finding rule.Finding
		want    report.Finding
	}{
		"a denial has its value": {
			rule.Finding{Rule: "r", Severity: rule.Deny, Field: "spec.x", Type: field.ErrorTypeNotSupported, Value: "a\nb", Message: "is wrong", Remedy: "Write c"},
			report.Finding{Rule: "r", Severity: rule.Deny, Field: "spec.x", Message: `"a\nb": is wrong`, Remedy: "Write c"},
		},
		"a warning has its value": {
			rule.Finding{Rule: "r", Severity: rule.Warn, Value: "a", Message: "may be wrong", Remedy: "Write c"},
			report.Finding{Rule: "r", Severity: rule.Warn, Message: `"a": may be wrong`, Remedy: "Write c"},
		},
		"a denial that only warns says why": {
			rule.Finding{Rule: "r", Severity: rule.Warn, Value: 1, Message: "is wrong", Downgraded: "it was so before"},
			report.Finding{Rule: "r", Severity: rule.Warn, Message: "1: is wrong (it was so before)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, report.Of(tt.finding)); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	deny := report.Finding{Severity: rule.Deny}
	warn := report.Finding{Severity: rule.Warn}
	for name, tt := range map[string]struct {
		report            report.Report
		deny, warn, never int
	}{
		"nothing":               {report.Report{}, 0, 0, 0},
		"a warning":             {report.Report{Findings: []report.Finding{warn}}, 0, 1, 0},
		"a denial":              {report.Report{Findings: []report.Finding{warn, deny}}, 1, 1, 0},
		"a problem":             {report.Report{Problems: []report.Problem{{}}}, 3, 3, 3},
		"a problem beside more": {report.Report{Findings: []report.Finding{warn, deny}, Problems: []report.Problem{{}}}, 3, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for failOn, want := range map[report.FailOn]int{report.FailOnDeny: tt.deny, report.FailOnWarn: tt.warn, report.FailOnNever: tt.never} {
				if got := tt.report.Code(failOn); got != want {
					t.Errorf("--fail-on %s gives %d, want %d", failOn, got, want)
				}
				err := tt.report.Exit(failOn)
				if want == 0 {
					if err != nil {
						t.Errorf("--fail-on %s gives the error %v", failOn, err)
					}
					continue
				}
				exit, ok := errors.AsType[*report.ExitError](err)
				if !ok || exit.ExitCode() != want || err.Error() != "" {
					t.Errorf("--fail-on %s gives %#v, want a silent error with code %d", failOn, err, want)
				}
			}
		})
	}
}

func TestExitWithText(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such thing")
	for name, tt := range map[string]struct {
		err  error
		code int
	}{
		"usage":     {report.Usage(cause), 2},
		"unchecked": {report.Unchecked(cause), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrapped := fmt.Errorf("lint: %w", tt.err)
			exit, ok := errors.AsType[*report.ExitError](wrapped)
			if !ok || exit.ExitCode() != tt.code || !errors.Is(wrapped, cause) || tt.err.Error() != "no such thing" {
				t.Errorf("got %#v, want code %d and the cause", wrapped, tt.code)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	format, failOn := report.Text, report.FailOnDeny
	for _, known := range report.Formats() {
		if err := format.Set(string(known)); err != nil || format != known || format.String() != string(known) {
			t.Errorf("set %s: got %s, %v", known, format, err)
		}
	}
	for _, known := range report.FailOns() {
		if err := failOn.Set(string(known)); err != nil || failOn != known || failOn.String() != string(known) {
			t.Errorf("set %s: got %s, %v", known, failOn, err)
		}
	}
	const wantFormat, wantFailOn = "want one of text, json, sarif, junit, github", "want one of deny, warn, never"
	if err := format.Set("yaml"); err == nil || err.Error() != wantFormat || format != report.GitHub {
		t.Errorf("set yaml: got %s, %v; want %s", format, err, wantFormat)
	}
	if err := failOn.Set(""); err == nil || err.Error() != wantFailOn || failOn != report.FailOnNever {
		t.Errorf("set nothing: got %s, %v; want %s", failOn, err, wantFailOn)
	}
}

// TestWriteFails tells that the reader went away, in every format.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	for _, format := range report.Formats() {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			if err := report.Write(closedPipe{}, format, rich(), report.Options{}); !errors.Is(err, os.ErrClosed) {
				t.Errorf("got the error %v, want %v", err, os.ErrClosed)
			}
		})
	}
	if err := report.Write(&bytes.Buffer{}, "yaml", rich(), report.Options{}); err == nil {
		t.Error("an unknown format is written without an error")
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
