package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// What is used of SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html) and read by GitHub
// (https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string              `json:"id"`
		ShortDescription     sarifMessage        `json:"shortDescription"`
		FullDescription      *sarifMessage       `json:"fullDescription,omitempty"`
		Help                 sarifMessage        `json:"help"`
		HelpURI              string              `json:"helpUri"`
		DefaultConfiguration *sarifConfiguration `json:"defaultConfiguration,omitempty"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifMessage      `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysicalLocation `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogicalLocation `json:"logicalLocations,omitempty"`
	}
	sarifPhysicalLocation struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogicalLocation struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// fingerprint is the name under which SARIF has ours. GitHub makes one of its own from the text of the line.
const fingerprint = "certyunFinding/v1"

func writeSARIF(w io.Writer, r *Report, o Options) error {
	rules, index := sarifRules(o.Rules, r.Findings)
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "certyun", Version: o.Version, InformationURI: projectURL, Rules: rules}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: len(r.Problems) == 0}},
		ColumnKind:  "unicodeCodePoints",
		Results:     make([]sarifResult, len(r.Findings)),
	}
	for _, p := range r.Problems {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{
			Level: "error", Message: sarifMessage{Text: sarifText(sentence(p.Message))}, Locations: sarifLocations(p.File, p.Line, p.Column, nil),
		})
	}
	equal := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		hash := f.hash()
		equal[hash]++
		run.Results[i] = sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: sarifLevel(f.Severity),
			Message:             sarifMessage{Text: sarifText(strings.TrimSpace(f.text() + " " + sentence(f.Remedy)))},
			Locations:           sarifLocations(f.File, f.Line, f.Column, f.logicalLocations()),
			PartialFingerprints: map[string]string{fingerprint: fmt.Sprintf("%s:%d", hash, equal[hash])},
		}
	}
	return encodeJSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifRules returns the rules and where each of them is in the list. A finding may be of a rule that is not among them.
func sarifRules(known []rule.Rule, findings []Finding) (rules []sarifRule, index map[string]int) {
	index = map[string]int{}
	rules = []sarifRule{}
	add := func(r sarifRule) {
		index[r.ID] = len(rules)
		rules = append(rules, r)
	}
	for i := range known {
		add(sarifRuleOf(&known[i]))
	}
	var others []string
	for i := range findings {
		if _, ok := index[findings[i].Rule]; !ok {
			others = append(others, findings[i].Rule)
		}
	}
	slices.Sort(others)
	for _, id := range slices.Compact(others) {
		if skipUnknown := rule.SkipUnknownRule(); id == skipUnknown.ID {
			add(sarifRuleOf(&skipUnknown))
			continue
		}
		text := sarifMessage{Text: id}
		add(sarifRule{ID: id, ShortDescription: text, Help: text, HelpURI: Documentation(url.PathEscape(id))})
	}
	return rules, index
}

func sarifRuleOf(r *rule.Rule) sarifRule {
	return sarifRule{
		ID:               r.ID,
		ShortDescription: sarifMessage{Text: r.Summary},
		FullDescription:  &sarifMessage{Text: r.Why},
		Help: sarifMessage{
			Text:     r.Why + "\n\nWhat to write instead: " + r.Remedy,
			Markdown: r.Why + "\n\n**What to write instead:** " + r.Remedy + "\n\n[" + r.ID + "](" + Documentation(r.ID) + ")",
		},
		HelpURI:              Documentation(r.ID),
		DefaultConfiguration: &sarifConfiguration{Level: sarifLevel(r.Severity)},
	}
}

func sarifLevel(s rule.Severity) string {
	if s == rule.Deny {
		return "error"
	}
	return "warning"
}

// sarifText keeps viewers from making a link of what a manifest says: "[text](target)" is one in SARIF's plain text too.
func sarifText(s string) string {
	s = words.Printable(s)
	if !strings.Contains(s, "](") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(s)
}

func sarifLocations(file string, line, column int, logical []sarifLogicalLocation) []sarifLocation {
	location := sarifLocation{LogicalLocations: logical}
	if file != "" {
		location.PhysicalLocation = &sarifPhysicalLocation{ArtifactLocation: sarifArtifact{URI: artifactURI(file)}}
		if line > 0 {
			location.PhysicalLocation.Region = &sarifRegion{StartLine: line, StartColumn: max(column, 1)}
		}
	}
	if location.PhysicalLocation == nil && logical == nil {
		return []sarifLocation{}
	}
	return []sarifLocation{location}
}

// artifactURI is a file as SARIF names it: relative where the path is. Standard input has no address, but results without one are
// refused by GitHub.
func artifactURI(file string) string {
	if file == Stdin {
		return "stdin"
	}
	p := path.Clean(filepath.ToSlash(file))
	if path.IsAbs(p) {
		return (&url.URL{Scheme: "file", Path: p}).String()
	}
	return (&url.URL{Path: p}).String()
}

func (f *Finding) logicalLocations() []sarifLogicalLocation {
	if f.Object == (Object{}) {
		return nil
	}
	location := sarifLogicalLocation{Name: f.Object.Name, FullyQualifiedName: f.Object.String(), Kind: "resource"}
	if f.Field != "" {
		location = sarifLogicalLocation{Name: f.Field, FullyQualifiedName: f.Object.String() + ": " + f.Field, Kind: "property"}
	}
	location.Name, location.FullyQualifiedName = words.Printable(location.Name), words.Printable(location.FullyQualifiedName)
	return []sarifLogicalLocation{location}
}

// hash stays the same when the finding moves within its file, or with it.
func (f *Finding) hash() string {
	h := sha256.New()
	for _, part := range []string{f.Rule, f.Object.APIVersion, f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Field, f.Message} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
