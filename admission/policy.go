package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	strictjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
)

// policyAPIVersion and policyKind stand at the head of a policy file.
const (
	policyAPIVersion = "certyun.internal/v1"
	policyKind       = "Policy"
)

// policyInterval is how often a policy file is looked at. A mounted ConfigMap takes the kubelet a minute to change.
const policyInterval = 5 * time.Second

// PolicyFile is the form of a policy in a file.
type PolicyFile struct {
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
}

// ReadPolicy reads a policy strictly: an unknown field, rule or word is an error that names its path. Nothing is the default
// policy.
func ReadPolicy(raw []byte, rules []rule.Rule) (*Decided, error) {
	document, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return nil, fmt.Errorf("the policy cannot be read: %w", err)
	}
	f := PolicyFile{APIVersion: policyAPIVersion, Kind: policyKind}
	if string(document) != "null" {
		f = PolicyFile{}
		unknown, err := strictjson.UnmarshalStrict(document, &f)
		if err := errors.Join(append(unknown, err)...); err != nil {
			return nil, fmt.Errorf("the policy cannot be read: %w", err)
		}
	}
	table, caErr := ca.Known().With(f.CAPolicies)
	if caErr != nil {
		caErr = fmt.Errorf("caPolicies%w", caErr)
	}
	if err := errors.Join(f.validate(rules), caErr); err != nil {
		return nil, err
	}
	severities := make(map[string]rule.Severity, len(f.Rules))
	for id, s := range f.Rules {
		severities[id] = rule.Severity(s)
	}
	return &Decided{CAs: table, Policy: &rule.Policy{
		Rules: severities, ExemptNamespaces: f.ExemptNamespaces, CrossResource: f.CrossResource, NoSkip: f.NoSkip,
	}}, nil
}

func (f *PolicyFile) validate(rules []rule.Rule) error {
	var errs []error
	if f.APIVersion != policyAPIVersion || f.Kind != policyKind {
		errs = append(errs, fmt.Errorf("the policy must begin with apiVersion: %s and kind: %s", policyAPIVersion, policyKind))
	}
	known := func(id string) bool {
		return id == rule.SkipUnknown || slices.ContainsFunc(rules, func(r rule.Rule) bool { return r.ID == id })
	}
	for _, id := range slices.Sorted(maps.Keys(f.Rules)) {
		if !known(id) {
			errs = append(errs, fmt.Errorf("rules: there is no rule %q", id))
		}
		if s := rule.Severity(f.Rules[id]); !slices.Contains([]rule.Severity{rule.Deny, rule.Warn, rule.Off}, s) {
			errs = append(errs, fmt.Errorf("rules.%s: %q must be deny, warn or off", id, s))
		}
	}
	for i, ns := range f.ExemptNamespaces {
		if len(validation.IsDNS1123Label(ns)) > 0 {
			errs = append(errs, fmt.Errorf("exemptNamespaces[%d]: %q is not the name of a namespace", i, ns))
		}
	}
	if !slices.Contains([]rule.CrossResource{"", rule.CrossAuto, rule.CrossDeny, rule.CrossWarn}, f.CrossResource) {
		errs = append(errs, fmt.Errorf("crossResource: %q must be auto, deny or warn", f.CrossResource))
	}
	for i, id := range f.NoSkip {
		if !known(id) {
			errs = append(errs, fmt.Errorf("noSkip[%d]: there is no rule %q", i, id))
		}
	}
	return errors.Join(errs...)
}

// policySource holds the policy in force and reads its file again when it changes. Reading decided is safe at any time.
type policySource struct {
	file    string
	rules   []rule.Rule
	decided atomic.Pointer[Decided]
	valid   prometheus.Gauge

	// last is what the file held when it was last understood or refused, and lastErr why it was refused.
	last    []byte
	lastErr error
}

// newPolicySource reads the policy for the first time. Without a file it is the default policy for good. The gauge says
// whether the file can be used.
func newPolicySource(file string, rules []rule.Rule, valid prometheus.Gauge) (*policySource, error) {
	s := &policySource{file: file, rules: rules, valid: valid}
	return s, s.read()
}

// read puts the file's policy in force. Where it cannot be used, the policy that is in force stays.
func (s *policySource) read() error {
	err := s.readFile()
	s.valid.Set(1)
	if err != nil {
		s.valid.Set(0)
	}
	return err
}

func (s *policySource) readFile() error {
	var raw []byte
	if s.file != "" {
		var err error
		if raw, err = os.ReadFile(s.file); err != nil {
			return fmt.Errorf("--policy: %w", err)
		}
	}
	if s.decided.Load() != nil && bytes.Equal(raw, s.last) {
		return s.lastErr
	}
	s.last = raw
	decided, err := ReadPolicy(raw, s.rules)
	if err != nil {
		s.lastErr = fmt.Errorf("--policy %s: %w", s.file, err)
		return s.lastErr
	}
	s.lastErr = nil
	s.decided.Store(decided)
	return nil
}

// watch reads the file again and again until ctx ends, and logs what changes.
func (s *policySource) watch(ctx context.Context) {
	if s.file == "" {
		return
	}
	ticker := time.NewTicker(policyInterval)
	defer ticker.Stop()
	complaint := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := s.decided.Load()
		err := s.read()
		switch {
		case err != nil && err.Error() != complaint:
			klog.ErrorS(err, "The policy file cannot be used; the policy that was read before stays in force")
		case s.decided.Load() != before:
			klog.InfoS("Read the policy anew", "file", s.file)
		}
		complaint = ""
		if err != nil {
			complaint = err.Error()
		}
	}
}
