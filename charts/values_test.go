package charts

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yamlv3 "go.yaml.in/yaml/v3"
)

// A value of the chart: one that values.yaml explains in a comment.
type value struct {
	path        string
	def         any
	description string
}

func values(t *testing.T) []value {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yamlv3.Node
	if err := yamlv3.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return walk(t, "", doc.Content[0])
}

// walk goes down to the keys that have a comment. A key without one must have children that do.
func walk(t *testing.T, prefix string, node *yamlv3.Node) []value {
	t.Helper()
	var list []value
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, child := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		switch {
		case key.HeadComment != "":
			v := value{path: path, description: prose(key.HeadComment)}
			if err := child.Decode(&v.def); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			list = append(list, v)
		case child.Kind == yamlv3.MappingNode && len(child.Content) > 0:
			list = append(list, walk(t, path+".", child)...)
		default:
			t.Errorf("%s has no comment in values.yaml", path)
		}
	}
	return list
}

// prose joins the lines of a comment. What stands before an empty line is not about the key.
func prose(comment string) string {
	paragraphs := strings.Split(comment, "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(line, "#"))
	}
	return strings.Join(lines, " ")
}

func TestGenerated_Values(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Values of the chart\n\n")
	b.WriteString("<!-- Made from charts/certyun/values.yaml by `make generate`; do not edit. -->\n\n")
	b.WriteString("| Value | Default | What it does |\n| --- | --- | --- |\n")
	for _, v := range values(t) {
		def, err := json.Marshal(v.def)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", v.path, def, strings.ReplaceAll(v.description, "|", `\|`))
	}
	golden(t, "../docs/values.md", b.String())
}

// schema is the part of JSON Schema that tells which values exist.
type schema struct {
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
	Ref                  string            `json:"$ref"`
	Defs                 map[string]schema `json:"$defs"`
}

func TestSchemaKnowsTheValuesAndNoOthers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root schema
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	// Both are of a parent chart: Helm hands `global` down to every chart, and `enabled` is for its condition.
	delete(root.Properties, "global")
	delete(root.Properties, "enabled")

	documented := map[string]bool{}
	for _, v := range values(t) {
		documented[v.path] = true
	}
	known := map[string]bool{}
	paths(t, "", root, root.Defs, documented, known)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(known))); diff != "" {
		t.Errorf("values.yaml and values.schema.json differ (-values +schema):\n%s", diff)
	}
}

// paths collects the schema's values into known, down to those that values.yaml documents as a whole.
func paths(t *testing.T, prefix string, s schema, defs map[string]schema, documented, known map[string]bool) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		s = defs[name]
	}
	if prefix != "" && (documented[prefix] || len(s.Properties) == 0) {
		known[prefix] = true
		return
	}
	if s.AdditionalProperties != false {
		t.Errorf("the schema lets unknown values pass in %q", prefix)
	}
	for name, property := range s.Properties {
		paths(t, strings.TrimPrefix(prefix+"."+name, "."), property, defs, documented, known)
	}
}
