// Package policy is the file in which an operator decides about rules: for the admission server and for checks of files alike.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/document"
	"github.com/certyun/certyun/admission/rule"
)

// apiVersion and kind stand at the head of a policy file.
const (
	apiVersion = "certyun.internal/v1"
	kind       = "Policy"
)

// File is the form of a policy in a file.
type File struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Rules gives rules another severity: deny, warn or off.
	Rules map[string]severity `json:"rules,omitempty"`
	// ExemptNamespaces are not judged.
	ExemptNamespaces []string `json:"exemptNamespaces,omitempty"`
	// CrossResource is auto, deny or warn.
	CrossResource rule.CrossResource `json:"crossResource,omitempty"`
	// NoSkip lists rules that an object's annotation cannot soften.
	NoSkip []string `json:"noSkip,omitempty"`
	// ExemptByLabel is true where it is nil.
	ExemptByLabel *bool `json:"exemptByLabel,omitempty"`
	// CAPolicies extends the table of CAs.
	CAPolicies []ca.Override `json:"caPolicies,omitempty"`
}

// severity is a rule.Severity as a person writes it: "off" without quotes is YAML's false.
type severity rule.Severity

// UnmarshalJSON implements json.Unmarshaler.
func (s *severity) UnmarshalJSON(raw []byte) error {
	if string(raw) == "false" {
		*s = severity(rule.Off)
		return nil
	}
	var word string
	if json.Unmarshal(raw, &word) != nil {
		word = string(raw) // it is none of the words, and validation says where
	}
	*s = severity(word)
	return nil
}

// Decided is what a policy file decides.
type Decided struct {
	Policy *rule.Policy
	CAs    *ca.Table
	// ExemptByLabel tells whether a namespace may exempt itself by a label. The webhook's configuration sees to it.
	ExemptByLabel bool
}

// Read reads a policy about the CAs that are known, as ReadWith does.
func Read(raw []byte, rules []rule.Rule) (*Decided, error) { return ReadWith(ca.Known(), raw, rules) }

// ReadWith reads a policy strictly: an unknown field, rule or word is an error that names its path. Nothing is the default policy.
// The rules for files alone are among the rules, so that one file does for all. Beside an error there is what can be used of the policy:
// all of it but the entries that are wrong.
func ReadWith(known *ca.Table, raw []byte, rules []rule.Rule) (*Decided, error) {
	f, err := parse(raw)
	wrong := []error{}
	if err != nil {
		wrong = append(wrong, fmt.Errorf("the policy cannot be read: %w", err))
	}
	if f == nil {
		f = newFile()
	}
	wrong = append(wrong, f.validate(rules)...)
	table, wrongCAs := known.With(f.CAPolicies)
	for _, err := range wrongCAs {
		wrong = append(wrong, fmt.Errorf("caPolicies%w", err))
	}
	severities := make(map[string]rule.Severity, len(f.Rules))
	for id, s := range f.Rules {
		severities[id] = rule.Severity(s)
	}
	return &Decided{CAs: table, ExemptByLabel: f.ExemptByLabel == nil || *f.ExemptByLabel, Policy: &rule.Policy{
		Rules: severities, ExemptNamespaces: f.ExemptNamespaces, CrossResource: f.CrossResource, NoSkip: f.NoSkip,
	}}, errors.Join(wrong...)
}

func newFile() *File { return &File{APIVersion: apiVersion, Kind: kind} }

// parse returns what can be read of a file, nil where that is nothing.
func parse(raw []byte) (*File, error) {
	text, err := document.JSON(raw, "a policy")
	if text == nil {
		return nil, err
	}
	f := &File{}
	errs := document.Decode(text, f)
	if len(errs) > 0 && text[0] != '{' {
		f = nil
	}
	return f, errors.Join(append([]error{err}, errs...)...)
}

// validate says what is wrong with the entries, and leaves these out.
func (f *File) validate(rules []rule.Rule) []error {
	var errs []error
	if f.APIVersion != apiVersion || f.Kind != kind {
		errs = append(errs, fmt.Errorf("the policy must begin with apiVersion: %s and kind: %s", apiVersion, kind))
	}
	known := func(id string) bool {
		return id == rule.SkipUnknown || slices.ContainsFunc(rules, func(r rule.Rule) bool { return r.ID == id })
	}
	for _, id := range slices.Sorted(maps.Keys(f.Rules)) {
		s := rule.Severity(f.Rules[id])
		understood := slices.Contains([]rule.Severity{rule.Deny, rule.Warn, rule.Off}, s)
		if !known(id) {
			errs = append(errs, fmt.Errorf("rules: there is no rule %q", id))
		}
		if !understood {
			errs = append(errs, fmt.Errorf("rules.%s: %q must be deny, warn or off", id, s))
		}
		if !known(id) || !understood {
			delete(f.Rules, id)
		}
	}
	f.ExemptNamespaces = keep(f.ExemptNamespaces, &errs, func(i int, ns string) error {
		if len(validation.IsDNS1123Label(ns)) == 0 {
			return nil
		}
		return fmt.Errorf("exemptNamespaces[%d]: %q is not the name of a namespace", i, ns)
	})
	if !slices.Contains([]rule.CrossResource{"", rule.CrossAuto, rule.CrossDeny, rule.CrossWarn}, f.CrossResource) {
		errs = append(errs, fmt.Errorf("crossResource: %q must be auto, deny or warn", f.CrossResource))
		f.CrossResource = ""
	}
	f.NoSkip = keep(f.NoSkip, &errs, func(i int, id string) error {
		if known(id) {
			return nil
		}
		return fmt.Errorf("noSkip[%d]: there is no rule %q", i, id)
	})
	return errs
}

// keep is a list without its entries that are wrong, which are told.
func keep(list []string, errs *[]error, wrong func(int, string) error) []string {
	var kept []string
	for i, one := range list {
		if err := wrong(i, one); err != nil {
			*errs = append(*errs, err)
			continue
		}
		kept = append(kept, one)
	}
	return kept
}
