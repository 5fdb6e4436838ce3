package report

import (
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// The elements as Jenkins describes them
// (https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd);
// GitLab reads the same ones (https://docs.gitlab.com/ci/testing/unit_test_reports/).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		File     string      `xml:"file,attr,omitempty"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Failure   *junitFailure `xml:"failure"`
		Error     *junitFailure `xml:"error"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite for each file, with a case for each finding, each object without one, and each problem. Warnings
// pass: there is no such thing in JUnit.
func writeJUnit(w io.Writer, r *Report) error {
	out := junitSuites{Name: "certyun", Suites: r.suites()}
	for i := range out.Suites {
		out.Tests += out.Suites[i].Tests
		out.Failures += out.Suites[i].Failures
		out.Errors += out.Suites[i].Errors
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suites returns a suite for each file, in their order.
func (r *Report) suites() []junitSuite {
	byFile := map[string]*junitSuite{}
	add := func(file string, c junitCase) {
		suite := byFile[file]
		if suite == nil {
			suite = &junitSuite{Name: suiteName(file), File: suiteFile(file)}
			byFile[file] = suite
		}
		c.Classname = suite.Name
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Error != nil {
			suite.Errors++
		}
	}
	type place struct {
		file   string
		object Object
	}
	found := map[place]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		found[place{f.File, f.Object}] = true
		add(f.File, f.junitCase())
	}
	for _, o := range r.Objects {
		if !found[place{o.File, o.Object}] {
			add(o.File, junitCase{Name: words.Printable(o.Object.String())})
		}
	}
	for _, p := range r.Problems {
		message := words.Printable(sentence(p.Message))
		add(p.File, junitCase{Name: "can be checked", Error: &junitFailure{
			Type: "unchecked", Message: message, Text: junitText(p.File, p.Line, p.Column, message),
		}})
	}
	var suites []junitSuite
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		suites = append(suites, *byFile[file])
	}
	return suites
}

func (f *Finding) junitCase() junitCase {
	message := words.Printable(f.text())
	text := junitText(f.File, f.Line, f.Column, message)
	if f.Remedy != "" {
		text += "\n" + words.Printable(sentence(f.Remedy))
	}
	text += "\n" + Documentation(words.Printable(f.Rule))
	name := strings.TrimSpace(f.Object.String() + " " + f.Field)
	c := junitCase{Name: words.Printable(f.Rule + ": " + name)}
	if f.Severity == rule.Deny {
		c.Failure = &junitFailure{Type: words.Printable(f.Rule), Message: message, Text: text}
	} else {
		c.SystemOut = "warning: " + text
	}
	return c
}

// junitText begins with the place, since many viewers show only the text.
func junitText(file string, line, column int, message string) string {
	if p := place(file, line, column); p != "" {
		return p + ": " + message
	}
	return message
}

func suiteName(file string) string {
	if file == "" {
		return "cluster"
	}
	return fileName(file)
}

func suiteFile(file string) string {
	if file == Stdin {
		return ""
	}
	return words.Printable(file)
}
