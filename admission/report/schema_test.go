package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// sarifSchema is the schema of OASIS. The module carries it, but only in a constant that is not exported, and what it can
// validate itself has gone through its types, which drop what they do not know.
var sarifSchema = sync.OnceValues(func() (*gojsonschema.Schema, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), "schema.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	value, ok := file.Scope.Lookup("schema").Decl.(*ast.ValueSpec).Values[0].(*ast.BasicLit)
	if !ok {
		return nil, errors.New("the schema is no literal")
	}
	text, err := strconv.Unquote(value.Value)
	if err != nil {
		return nil, err
	}
	return gojsonschema.NewSchema(gojsonschema.NewStringLoader(text))
})

// checkSARIF tells what the schema and the standard's words find wrong.
func checkSARIF(text string) error {
	schema, err := sarifSchema()
	if err != nil {
		return err
	}
	result, err := schema.Validate(gojsonschema.NewStringLoader(text))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range result.Errors() {
		errs = append(errs, errors.New(e.String()))
	}
	return errors.Join(errs...)
}

func TestSARIFIsValid(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*report.Report{"a rich report": rich(), "an empty report": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := write(t, report.SARIF, r, report.Options{Rules: catalogue.Rules(), Version: "v1.2.3"})
			if err := checkSARIF(text); err != nil {
				t.Error(err)
			}
			checkSARIFRules(t, text)
		})
	}
}

// TestSchemaFindsFaults proves that the schema is in force.
func TestSchemaFindsFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct{ old, new string }{
		"a line 0":                  {`"startLine": 8`, `"startLine": 0`},
		"a level that there is not": {`"level": "warning"`, `"level": "warn"`},
		"a field that there is not": {`"columnKind"`, `"columnsKind"`},
		"no message":                {`"message": {`, `"massage": {`},
		"an address that is none":   {`"informationUri": "https://`, `"informationUri": "`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := write(t, report.SARIF, rich(), report.Options{})
			if !strings.Contains(text, change.old) {
				t.Fatalf("the report has no %s", change.old)
			}
			if err := checkSARIF(strings.Replace(text, change.old, change.new, 1)); err == nil {
				t.Error("the schema has nothing against it")
			}
		})
	}
}

// checkSARIFRules holds results to the rules that they point at, and to what a schema cannot say.
func checkSARIFRules(t *testing.T, text string) {
	t.Helper()
	var log sarif.Report
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	seen := map[string]bool{}
	for _, result := range run.Results {
		if id := *run.Tool.Driver.Rules[result.RuleIndex].ID; id != *result.RuleID {
			t.Errorf("a result of %s points at the rule %s", *result.RuleID, id)
		}
		for _, fingerprint := range result.PartialFingerprints {
			if seen[fingerprint] {
				t.Errorf("two results have the fingerprint %s", fingerprint)
			}
			seen[fingerprint] = true
		}
	}
}

// fingerprints returns those of all results, in their order.
func fingerprints(t *testing.T, r *report.Report) []string {
	t.Helper()
	var log sarif.Report
	if err := json.Unmarshal([]byte(write(t, report.SARIF, r, report.Options{})), &log); err != nil {
		t.Fatal(err)
	}
	var prints []string
	for _, result := range log.Runs[0].Results {
		prints = append(prints, result.PartialFingerprints["certyunFinding/v1"])
	}
	return prints
}

func TestFingerprints(t *testing.T) {
	t.Parallel()
	base := report.Finding{
		Rule: "r", Severity: rule.Deny, File: "a.yaml", Line: 3, Column: 5, Object: certificate("default", "web"), Field: "spec.x", Message: "is wrong",
	}
	for name, tt := range map[string]struct {
		change func(*report.Finding)
		same   bool
	}{
		"another line":         {func(f *report.Finding) { f.Line, f.Column, f.Source = 30, 1, "x" }, true},
		"another file":         {func(f *report.Finding) { f.File = "b.yaml" }, true},
		"another remedy":       {func(f *report.Finding) { f.Remedy = "Write y" }, true},
		"a milder policy":      {func(f *report.Finding) { f.Severity = rule.Warn }, true},
		"another rule":         {func(f *report.Finding) { f.Rule = "s" }, false},
		"another object":       {func(f *report.Finding) { f.Object.Name = "api" }, false},
		"another namespace":    {func(f *report.Finding) { f.Object.Namespace = "web" }, false},
		"another kind":         {func(f *report.Finding) { f.Object.Kind = "Issuer" }, false},
		"another field":        {func(f *report.Finding) { f.Field = "spec.y" }, false},
		"another message":      {func(f *report.Finding) { f.Message = "is missing" }, false},
		"the same text parted": {func(f *report.Finding) { f.Field, f.Message = "spec.xi", "s wrong" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := base
			tt.change(&changed)
			before := fingerprints(t, &report.Report{Findings: []report.Finding{base}})
			after := fingerprints(t, &report.Report{Findings: []report.Finding{changed}})
			if same := cmp.Equal(before, after); same != tt.same {
				t.Errorf("before %s, after %s", before, after)
			}
		})
	}
	t.Run("two equal ones are told apart", func(t *testing.T) {
		t.Parallel()
		prints := fingerprints(t, &report.Report{Findings: []report.Finding{base, base}})
		one, _ := strings.CutSuffix(prints[0], ":1")
		if prints[1] != one+":2" {
			t.Errorf("got %s, want one with :1 and the same with :2", prints)
		}
	})
}

func TestArtifactURIs(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"a.yaml":            "a.yaml",
		"./a/../b.yaml":     "b.yaml",
		"../a.yaml":         "../a.yaml",
		"/etc/a b.yaml":     "file:///etc/a%20b.yaml",
		"a:b.yaml":          "./a:b.yaml",
		"a%20b#c?d.yaml":    "a%2520b%23c%3Fd.yaml",
		"证书/\xff\n.yaml":    "%E8%AF%81%E4%B9%A6/%FF%0A.yaml",
		report.Stdin:        "stdin",
		"dir//sub/./x.yaml": "dir/sub/x.yaml",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var log sarif.Report
			text := write(t, report.SARIF, &report.Report{Findings: []report.Finding{{Rule: "r", File: file, Line: 1}}}, report.Options{})
			if err := checkSARIF(text); err != nil {
				t.Error(err)
			}
			if err := json.Unmarshal([]byte(text), &log); err != nil {
				t.Fatal(err)
			}
			if got := *log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// junitElement is what Jenkins allows in an element
// (https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd).
type junitElement struct {
	required, optional, children []string
	text                         bool
}

var junitElements = map[string]junitElement{
	"testsuites": {optional: []string{"name", "tests", "failures", "errors", "time"}, children: []string{"testsuite"}},
	"testsuite": {
		required: []string{"name", "tests", "failures", "errors"},
		optional: []string{"skipped", "file", "time", "timestamp", "hostname", "id", "package", "group", "log", "url"},
		children: []string{"testcase"},
	},
	"testcase": {
		required: []string{"name"}, optional: []string{"classname", "time", "group"},
		children: []string{"failure", "error", "skipped", "system-out", "system-err"},
	},
	"failure":    {optional: []string{"type", "message"}, text: true},
	"error":      {optional: []string{"type", "message"}, text: true},
	"system-out": {text: true},
}

// checkJUnit tells what is wrong with a report: its elements, their attributes, and counts that do not add up.
func checkJUnit(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	counts := junitCounts{}
	var path []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return counts.check()
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := checkJUnitElement(path, token); err != nil {
				return err
			}
			counts.add(token)
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" && (len(path) == 0 || !junitElements[path[len(path)-1]].text) {
				return errors.New("text in " + strings.Join(path, "/"))
			}
		}
	}
}

func checkJUnitElement(path []string, e xml.StartElement) error {
	known, ok := junitElements[e.Name.Local]
	if !ok {
		return errors.New("there is no element " + e.Name.Local)
	}
	if len(path) == 0 && e.Name.Local != "testsuites" {
		return errors.New("the root is " + e.Name.Local)
	}
	if len(path) > 0 && !slices.Contains(junitElements[path[len(path)-1]].children, e.Name.Local) {
		return errors.New(e.Name.Local + " in " + strings.Join(path, "/"))
	}
	var names []string
	for _, a := range e.Attr {
		names = append(names, a.Name.Local)
		if !slices.Contains(known.required, a.Name.Local) && !slices.Contains(known.optional, a.Name.Local) {
			return errors.New(e.Name.Local + " has no attribute " + a.Name.Local)
		}
	}
	for _, name := range known.required {
		if !slices.Contains(names, name) {
			return errors.New(e.Name.Local + " lacks the attribute " + name)
		}
	}
	return nil
}

// junitCounts are what the suites say of themselves (first number) and what they have.
type junitCounts map[string]*[2]int

func (c junitCounts) add(e xml.StartElement) {
	at := func(name string) *[2]int {
		if c[name] == nil {
			c[name] = &[2]int{}
		}
		return c[name]
	}
	switch e.Name.Local {
	case "testcase":
		at("suite tests")[1]++
		at("all tests")[1]++
	case "failure", "error":
		at("suite " + e.Name.Local + "s")[1]++
		at("all " + e.Name.Local + "s")[1]++
	case "testsuite", "testsuites":
		level := map[string]string{"testsuite": "suite ", "testsuites": "all "}[e.Name.Local]
		for _, a := range e.Attr {
			if n, err := strconv.Atoi(a.Value); err == nil && slices.Contains([]string{"tests", "failures", "errors"}, a.Name.Local) {
				at(level + a.Name.Local)[0] += n
			}
		}
	}
}

func (c junitCounts) check() error {
	for name, n := range c {
		if n[0] != n[1] {
			return errors.New(name + ": says " + strconv.Itoa(n[0]) + ", has " + strconv.Itoa(n[1]))
		}
	}
	return nil
}

func TestJUnitIsValid(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*report.Report{"a rich report": rich(), "an empty report": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := checkJUnit(write(t, report.JUnit, r, report.Options{})); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestJUnitCheckFindsFaults proves that the check is in force.
func TestJUnitCheckFindsFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct{ old, new string }{
		"a count that is wrong":            {`failures="2"`, `failures="3"`},
		"a suite's count that is wrong":    {`tests="4"`, `tests="5"`},
		"an attribute that there is not":   {`classname=`, `class=`},
		"an element that there is not":     {`<failure type="solvers-empty"`, `<failed type="solvers-empty"`},
		"a suite without a name":           {`<testsuite name="cluster"`, `<testsuite`},
		"a character that XML cannot have": {`cluster`, "\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := write(t, report.JUnit, rich(), report.Options{})
			if !strings.Contains(text, change.old) {
				t.Fatalf("the report has no %s", change.old)
			}
			if err := checkJUnit(strings.Replace(text, change.old, change.new, 1)); err == nil {
				t.Error("the check has nothing against it")
			}
		})
	}
}

// checkJSON tells whether a report is one value of our own shape.
func checkJSON(text string) error {
	var out struct {
		APIVersion, Kind string
		Summary          struct{ Objects, Deny, Warn int }
		Findings         []struct {
			Rule, Severity, File string
			Line, Column         int
			Object               report.Object
			Field, Message       string
			Remedy, Docs         string
		}
		Problems []report.Problem
		Doubles  []report.Double
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		return err
	}
	if out.Findings == nil || out.Problems == nil || out.Doubles == nil || out.Summary.Deny+out.Summary.Warn != len(out.Findings) {
		return errors.New("the lists do not fit the summary")
	}
	if decoder.More() {
		return errors.New("more follows")
	}
	return nil
}

// checkGitHub tells whether there is one command for each annotation and nothing else.
func checkGitHub(text string, annotations int) error {
	lines := strings.SplitAfter(text, "\n")
	if last := lines[len(lines)-1]; last != "" {
		return errors.New("the last line has no end")
	}
	lines = lines[:len(lines)-1]
	if len(lines) != annotations {
		return errors.New("there are " + strconv.Itoa(len(lines)) + " lines")
	}
	for _, line := range lines {
		command, _, ok := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		name, properties, _ := strings.Cut(command, " ")
		if !strings.HasPrefix(line, "::") || !ok || name != "error" && name != "warning" {
			return errors.New("no command: " + line)
		}
		for property := range strings.SplitSeq(properties, ",") {
			key, value, ok := strings.Cut(property, "=")
			if !ok || !slices.Contains([]string{"file", "line", "col", "title"}, key) || strings.Contains(value, ":") {
				return errors.New("no property: " + property)
			}
		}
	}
	return checkVisible(text)
}

// checkVisible tells whether a terminal would do more than show the text.
func checkVisible(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		for _, r := range line {
			if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
				return errors.New("not visible: " + strconv.QuoteToASCII(line))
			}
		}
	}
	return nil
}

// FuzzFormats gives any report in every format: one that its readers can read, and that does nothing to a terminal.
func FuzzFormats(f *testing.F) {
	f.Add("r", "a.yaml", 1, 1, "Certificate", "ns", "web", "spec.x", "is wrong", "Write y", "x: 1")
	f.Add("r\n", "-", 0, 0, "\x1b[0m", "\u202e", "\x00", "]]>", "::error::%0A\r\n", "[a](b)", "\t\xff\xfe")
	f.Add("", "", -1, -1, "", "", "", "", "", "", "")
	f.Add("#%zz", "a:b,c%/\n", 7, 1<<40, "\uFFFE", "\uFFFF", "\U0001F468\u200D\U0001F469", "a.b", "?", ".", strings.Repeat("证\t", 300))
	f.Fuzz(func(t *testing.T, id, file string, line, column int, kind, namespace, name, field, message, remedy, source string) {
		object := report.Object{APIVersion: message, Kind: kind, Namespace: namespace, Name: name}
		finding := report.Finding{
			Rule: id, Severity: rule.Deny, File: file, Line: line, Column: column, Object: object, Field: field, Message: message,
			Remedy: remedy, Source: source,
		}
		warning := finding
		warning.Severity = rule.Warn
		r := &report.Report{
			Objects:  []report.Judged{{File: file, Line: line, Column: column, Object: object}},
			Findings: []report.Finding{finding, warning, finding},
			Problems: []report.Problem{{File: file, Line: line, Column: column, Message: message}},
		}
		for format, check := range map[report.Format]func(string) error{
			report.Text:   checkVisible,
			report.JSON:   checkJSON,
			report.SARIF:  checkSARIF,
			report.JUnit:  checkJUnit,
			report.GitHub: func(text string) error { return checkGitHub(text, 4) },
		} {
			var b bytes.Buffer
			if err := report.Write(&b, format, r, report.Options{Version: "1"}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if err := check(b.String()); err != nil {
				t.Errorf("%s: %v\n%s", format, err, b.String())
			}
		}
	})
}
