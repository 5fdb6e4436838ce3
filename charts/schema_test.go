package charts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
)

// definition is what stands in the schema under this name.
func definition(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)(\n    "` + name + `": )\{.*?\n    \}`)
}

// What a policy may name is known when the chart is made, so Helm refuses any other word before it changes a cluster.
func TestGenerated_SchemaOfThePolicy(t *testing.T) {
	file := filepath.Join(chart, "values.schema.json")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rules, severities := []any{}, map[string]any{}
	for _, r := range catalogue.All() {
		rules = append(rules, r.ID)
		severities[r.ID] = map[string]string{"$ref": "#/$defs/severity"}
	}
	cas := []any{}
	for _, id := range ca.Known().IDs() {
		cas = append(cas, id)
	}
	text := string(raw)
	for name, words := range map[string]map[string]any{
		"severities": {
			"description": "A severity for each rule of docs/rules.md. Made by `make generate`.",
			"type":        "object", "additionalProperties": false, "properties": severities,
		},
		"ruleID": {"description": "A rule of docs/rules.md. Made by `make generate`.", "enum": rules},
		"caID":   {"description": "A CA that certyun knows. YAML reads a bare off as false. Made by `make generate`.", "enum": append(cas, false)},
	} {
		list, err := json.MarshalIndent(words, "    ", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if !definition(name).MatchString(text) {
			t.Fatalf("the schema has no definition %q", name)
		}
		text = definition(name).ReplaceAllString(text, "${1}"+strings.ReplaceAll(string(list), "$", "$$"))
	}
	golden(t, file, text)
}
