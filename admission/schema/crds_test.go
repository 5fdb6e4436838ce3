package schema

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated_Definitions holds the definitions in the binary to those of the modules that go.mod names.
func TestGenerated_Definitions(t *testing.T) {
	t.Parallel()
	for _, kind := range definedKinds() {
		want := brief(t, filepath.Join(moduleFolder(t, "github.com/cert-manager/cert-manager"), "deploy", "crds", kind.file+".yaml"))
		file := filepath.Join("crds", kind.file+".json")
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s is not that of the module; run make generate", file)
		}
	}
}

// definedKinds are the kinds whose definitions are built in.
func definedKinds() []served {
	return slices.DeleteFunc(servedKinds(), func(k served) bool { return k.file == "" })
}

func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// brief is a definition as JSON, without descriptions and without what only `kubectl get` looks at.
func brief(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	spec := withoutDescriptions(tree["spec"]).(map[string]any)
	for _, version := range spec["versions"].([]any) {
		delete(version.(map[string]any), "additionalPrinterColumns")
	}
	out, err := json.Marshal(map[string]any{"apiVersion": tree["apiVersion"], "kind": tree["kind"], "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// withoutDescriptions leaves out the texts. A property that is called "description" has an object where they have a text.
func withoutDescriptions(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			if _, isText := value.(string); isText && key == "description" {
				delete(tree, key)
				continue
			}
			tree[key] = withoutDescriptions(value)
		}
	case []any:
		for i := range tree {
			tree[i] = withoutDescriptions(tree[i])
		}
	}
	return tree
}

// TestDefinitionsAreOfTheKinds holds our list of kinds to what the definitions say.
func TestDefinitionsAreOfTheKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range definedKinds() {
		raw, err := definitions.ReadFile("crds/" + kind.file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Group, Scope string
				Names        struct{ Kind string }
				Versions     []struct {
					Name   string
					Served bool
					Schema json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		var versions []string
		for _, v := range crd.Spec.Versions {
			if v.Served {
				versions = append(versions, v.Name)
			}
			if !bytes.Equal(v.Schema, crd.Spec.Versions[0].Schema) {
				t.Errorf("%s: the schemas of %s and %s differ", kind.file, v.Name, crd.Spec.Versions[0].Name)
			}
		}
		got := served{group: crd.Spec.Group, kind: crd.Spec.Names.Kind, versions: versions, file: kind.file, cluster: crd.Spec.Scope == "Cluster"}
		if got.group != kind.group || got.kind != kind.kind || got.cluster != kind.cluster || strings.Join(versions, " ") != strings.Join(kind.versions, " ") {
			t.Errorf("the definition is of %+v, and we have %+v", got, kind)
		}
	}
}
