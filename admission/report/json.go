package report

import (
	"encoding/json"
	"io"

	"github.com/certyun/certyun/admission/rule"
)

// jsonReport is the format's own shape. It is API: fields are added, never renamed.
type jsonReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Summary    jsonSummary   `json:"summary"`
	Findings   []jsonFinding `json:"findings"`
	Problems   []jsonProblem `json:"problems"`
	Doubles    []jsonDouble  `json:"doubles"`
}

type jsonSummary struct {
	Objects int `json:"objects"`
	Deny    int `json:"deny"`
	Warn    int `json:"warn"`
}

type jsonFinding struct {
	Rule     string        `json:"rule"`
	Severity rule.Severity `json:"severity"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Column   int           `json:"column"`
	Object   Object        `json:"object"`
	Field    string        `json:"field"`
	Message  string        `json:"message"`
	Remedy   string        `json:"remedy"`
	Docs     string        `json:"docs"`
}

type jsonProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

type jsonDouble struct {
	Object Object      `json:"object"`
	Places []jsonPlace `json:"places"`
}

type jsonPlace struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func writeJSON(w io.Writer, r *Report) error {
	out := jsonReport{
		APIVersion: "certyun.internal/v1",
		Kind:       "Report",
		Summary:    jsonSummary{Objects: len(r.Objects), Deny: r.count(rule.Deny), Warn: r.count(rule.Warn)},
		Findings:   make([]jsonFinding, len(r.Findings)),
		Problems:   make([]jsonProblem, len(r.Problems)),
		Doubles:    make([]jsonDouble, len(r.Doubles)),
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		out.Findings[i] = jsonFinding{
			Rule: f.Rule, Severity: f.Severity, File: f.File, Line: f.Line, Column: f.Column, Object: f.Object,
			Field: f.Field, Message: f.Message, Remedy: f.Remedy, Docs: documentation + "#" + f.Rule,
		}
	}
	for i, p := range r.Problems {
		out.Problems[i] = jsonProblem(p)
	}
	for i, d := range r.Doubles {
		out.Doubles[i] = jsonDouble{Object: d.Object, Places: make([]jsonPlace, len(d.Places))}
		for j, p := range d.Places {
			out.Doubles[i].Places[j] = jsonPlace(p)
		}
	}
	return encodeJSON(w, out)
}

// encodeJSON writes a value for machines that people can read too.
func encodeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
