package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

// broken are values of which most do not fit into most fields.
var broken = []string{
	`null`, `true`, `7`, `-1`, `1.5`, `99999999999`, `""`, `"x"`, `"256.0.0.1"`, `"-"`, `"1d"`, `"a b"`, `[]`, `[null]`, `["x"]`, `[7]`, `[{}]`, `[[]]`,
	`{}`, `{"x":"y"}`, `{"":null}`, `[{"name":7,"uid":[],"apiVersion":{}}]`,
}

// TestMessagesAreInWords puts broken values into every field of every kind whose definition is there, and into the metadata.
func TestMessagesAreInWords(t *testing.T) {
	t.Parallel()
	m := &mangler{t: t, validator: New(), told: map[string]bool{}}
	for kind, file := range map[string]string{"Certificate": "cert-manager.io_certificates", "Issuer": "cert-manager.io_issuers"} {
		c, err := compile(file)
		if err != nil {
			t.Fatal(err)
		}
		m.kind = kind
		spec := c.structural.Properties["spec"]
		m.walk(&spec, "spec", func(value any) any { return map[string]any{"metadata": map[string]any{"name": "x"}, "spec": value} })
		for _, name := range append(metadataFields(), "no-such-field") {
			m.try(func(value any) any {
				return map[string]any{"metadata": map[string]any{"name": "x", name: value}, "spec": map[string]any{}}
			})
			m.try(func(value any) any {
				return map[string]any{"metadata": map[string]any{"name": "x", name: map[string]any{"app": value}}, "spec": map[string]any{}}
			})
		}
		m.try(func(value any) any { return map[string]any{"metadata": value, "spec": value} })
	}
	if len(m.told) < 50 {
		t.Errorf("only %d messages were seen", len(m.told))
	}
}

// mangler judges objects of a kind with broken values in them.
type mangler struct {
	t         *testing.T
	validator *Validator
	kind      string
	told      map[string]bool
}

func (m *mangler) try(object func(value any) any) {
	for _, raw := range broken {
		var value any
		if err := json.Unmarshal([]byte(raw), &value); err != nil {
			m.t.Fatal(err)
		}
		whole, _ := object(plain(value)).(map[string]any)
		whole["apiVersion"], whole["kind"] = "cert-manager.io/v1", m.kind
		findings, err := m.validator.Validate(m.t.Context(), whole)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, f := range findings {
			if inside := ruletest.Inside(f); inside != "" && !m.told[f.Message] {
				m.t.Errorf("%s: with %s: %s", inside, raw, f)
			}
			m.told[f.Message] = true
		}
	}
}

// deep is how long a path may be: all below it are fields of a pod, which are alike.
const deep = 120

// walk goes through the fields of a schema; object puts a value at its place.
func (m *mangler) walk(s *structuralschema.Structural, path string, object func(any) any) {
	if len(path) > deep {
		return
	}
	m.try(object)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		m.walk(&property, path+"."+name, func(value any) any { return object(map[string]any{name: value}) })
	}
	if s.Items != nil {
		m.walk(s.Items, path+"[0]", func(value any) any { return object([]any{value}) })
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		m.walk(s.AdditionalProperties.Structural, fmt.Sprintf("%s[x]", path), func(value any) any { return object(map[string]any{"x": value}) })
	}
}

// TestForeignMessages has what the API machinery says where no definition of cert-manager's makes it say so today.
func TestForeignMessages(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]string{
		`no such key: certificateRefs evaluating rule: tls mode must be set`:                  "tls mode must be set",
		`"spec.addresses[0]" must validate one and only one schema (oneOf). Found none valid`: "has none of the forms that the schema admits",
		`"" must validate at least one schema (anyOf)`:                                        "has none of the forms that the schema admits",
		`spec.x in body must be of type ipv4: "256.0.0.1"`:                                    "is not of the form that the schema demands",
		`Checked value must be of type integer with format int32`:                             "does not fit into 32 bits",
		`spec.x in body should be at least 1 chars long`:                                      "must not be empty",
		`exactly one of tpp, cloud, or ngts must be configured`:                               "exactly one of tpp, cloud, or ngts must be configured",
	} {
		if got := sentence(detail); got != want {
			t.Errorf("sentence(%q) = %q, want %q", detail, got, want)
		}
	}
}
