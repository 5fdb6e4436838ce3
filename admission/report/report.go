// Package report says what a check of many objects found: as text for people, and as JSON, SARIF, JUnit and GitHub
// annotations for machines.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/rule"
)

// Stdin is the File of what came from standard input.
const Stdin = "-"

// Report is what a check found. Writers sort what they write, so the order of its lists does not matter.
type Report struct {
	// Objects are all that were judged, those without a finding too.
	Objects []Judged
	// Findings are what is wrong with them.
	Findings []Finding
	// Problems are what kept the check from being whole: files that could not be read or parsed, evidence that was out of reach.
	Problems []Problem
	// Doubles are the objects that are given more than once, and differ.
	Doubles []Double
}

// Double is an object that is given more than once, and all places where it is.
type Double struct {
	Object Object
	Places []Place
}

// Place is where an object begins.
type Place struct {
	// File and Line are as in Judged.
	File string
	Line int
}

// Object names a Kubernetes object.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Namespace is empty for what has none.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is the object as people call it: Certificate default/web.
func (o Object) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}

// Judged is one object and where it begins.
type Judged struct {
	// File is the path as it was given, Stdin for standard input, or "" for an object that is in no file.
	File string
	// Line and Column count from 1, Column in characters; 0 is not known.
	Line, Column int
	Object       Object
}

// Finding is one thing that is wrong with one object, and where.
type Finding struct {
	// Rule is the ID of a rule. Its documentation is found by it.
	Rule     string
	Severity rule.Severity
	// File, Line and Column are as in Judged, but of the field.
	File         string
	Line, Column int
	Object       Object
	// Field is the path of the field, like spec.dnsNames[0], or "".
	Field string
	// Message says what is wrong, without a full stop at its end.
	Message string
	// Remedy says what to write instead, without a full stop at its end, or "".
	Remedy string
	// Source is the text of the line, for people to see, or "".
	Source string
}

// Of returns a finding as a rule made it. The caller says where it is.
func Of(f rule.Finding) Finding {
	return Finding{Rule: f.Rule, Severity: f.Severity, Field: f.Field, Message: f.Text(), Remedy: f.Remedy}
}

// Problem is something that could not be checked.
type Problem struct {
	// File, Line and Column are as in Judged.
	File         string
	Line, Column int
	Message      string
}

// Format is a way to write a report. It is a flag's value.
type Format string

// These are the formats.
const (
	Text   Format = "text"
	JSON   Format = "json"
	SARIF  Format = "sarif"
	JUnit  Format = "junit"
	GitHub Format = "github"
)

// Formats returns all formats.
func Formats() []Format { return []Format{Text, JSON, SARIF, JUnit, GitHub} }

// Set takes a flag's value.
func (f *Format) Set(s string) error { return choose(f, s, Formats()) }

// String is the format's name.
func (f *Format) String() string { return string(*f) }

// Type is what help calls the value.
func (f *Format) Type() string { return "format" }

// FailOn is the mildest finding for which a check ends in failure. It is a flag's value.
type FailOn string

// These are the values of FailOn.
const (
	FailOnDeny  FailOn = "deny"
	FailOnWarn  FailOn = "warn"
	FailOnNever FailOn = "never"
)

// FailOns returns all values of FailOn.
func FailOns() []FailOn { return []FailOn{FailOnDeny, FailOnWarn, FailOnNever} }

// Set takes a flag's value.
func (f *FailOn) Set(s string) error { return choose(f, s, FailOns()) }

// String is the value's name.
func (f *FailOn) String() string { return string(*f) }

// Type is what help calls the value.
func (f *FailOn) Type() string { return "severity" }

func choose[T ~string](target *T, s string, known []T) error {
	if !slices.Contains(known, T(s)) {
		names := make([]string, len(known))
		for i, k := range known {
			names[i] = string(k)
		}
		return fmt.Errorf("want one of %s", strings.Join(names, ", "))
	}
	*target = T(s)
	return nil
}

// Options say how a report is written.
type Options struct {
	// Color is for text on a terminal.
	Color bool
	// Rules are those that the findings are of. SARIF carries their documentation.
	Rules []rule.Rule
	// Version is the version of certyun.
	Version string
}

// Write writes a report. It does not change it.
func Write(w io.Writer, format Format, r *Report, o Options) error {
	sorted := r.sorted()
	var err error
	switch format {
	case Text:
		err = writeText(w, sorted, o)
	case JSON:
		err = writeJSON(w, sorted)
	case SARIF:
		err = writeSARIF(w, sorted, o)
	case JUnit:
		err = writeJUnit(w, sorted)
	case GitHub:
		err = writeGitHub(w, sorted)
	default:
		err = fmt.Errorf("there is no format %q", format)
	}
	if err != nil {
		return fmt.Errorf("could not write the report: %w", err)
	}
	return nil
}

// sorted returns the report in the order in which it is shown: by file and line.
func (r *Report) sorted() *Report {
	s := &Report{
		Objects: slices.Clone(r.Objects), Findings: slices.Clone(r.Findings), Problems: slices.Clone(r.Problems), Doubles: slices.Clone(r.Doubles),
	}
	slices.SortStableFunc(s.Doubles, func(a, b Double) int { return compareObjects(a.Object, b.Object) })
	slices.SortStableFunc(s.Objects, func(a, b Judged) int {
		return cmp.Or(comparePlaces(a.File, b.File, a.Line, b.Line, a.Column, b.Column), compareObjects(a.Object, b.Object))
	})
	slices.SortStableFunc(s.Findings, func(a, b Finding) int {
		return cmp.Or(
			comparePlaces(a.File, b.File, a.Line, b.Line, a.Column, b.Column),
			compareObjects(a.Object, b.Object),
			// deny stands before warn in the alphabet too.
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
	slices.SortStableFunc(s.Problems, func(a, b Problem) int {
		return cmp.Or(comparePlaces(a.File, b.File, a.Line, b.Line, a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return s
}

func comparePlaces(aFile, bFile string, aLine, bLine, aColumn, bColumn int) int {
	return cmp.Or(cmp.Compare(aFile, bFile), cmp.Compare(aLine, bLine), cmp.Compare(aColumn, bColumn))
}

func compareObjects(a, b Object) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.APIVersion, b.APIVersion),
	)
}

// count returns how many findings have a severity.
func (r *Report) count(s rule.Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// These are how a command that checks ends. They are API.
const (
	// CodeClean says that there is nothing at or above FailOn.
	CodeClean = 0
	// CodeFindings says that there is.
	CodeFindings = 1
	// CodeUsage says that the command was called wrongly.
	CodeUsage = 2
	// CodeUnchecked says that something could not be checked, whatever else was found.
	CodeUnchecked = 3
)

// ExitError is an error that says how the process ends.
type ExitError struct {
	Code int
	// Err is what to tell the user, nil where they were told everything already.
	Err error
}

// Usage returns an error for a command that was called wrongly.
func Usage(err error) error { return &ExitError{Code: CodeUsage, Err: err} }

// Unchecked returns an error for a check that could not be made.
func Unchecked(err error) error { return &ExitError{Code: CodeUnchecked, Err: err} }

// Error is empty where nothing is left to say.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode is what the process ends with.
func (e *ExitError) ExitCode() int { return e.Code }

// Code is what a command ends with that made this report.
func (r *Report) Code(failOn FailOn) int {
	switch {
	case len(r.Problems) > 0:
		return CodeUnchecked
	case failOn != FailOnNever && r.count(rule.Deny) > 0, failOn == FailOnWarn && r.count(rule.Warn) > 0:
		return CodeFindings
	default:
		return CodeClean
	}
}

// Exit is the error of a command that has written this report, nil for a clean one.
func (r *Report) Exit(failOn FailOn) error {
	if code := r.Code(failOn); code != CodeClean {
		return &ExitError{Code: code}
	}
	return nil
}

// DocumentsURL is where the documents are for all who have only the binary.
const DocumentsURL = projectURL + "/blob/main/docs/"

// documentation is where the rules are described, in the repository and for all who have only the binary.
const (
	documentation    = "docs/rules.md"
	projectURL       = "https://github.com/certyun/certyun"
	documentationURL = DocumentsURL + "rules.md"
)

// Documentation is the address of a rule's description.
func Documentation(id string) string { return documentationURL + "#" + id }
