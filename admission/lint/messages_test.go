package lint

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// TestMessagesAreInWords looks at all that is said of the cases, as they are and with broken values in them.
func TestMessagesAreInWords(t *testing.T) {
	t.Parallel()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(11, 7))
	dir := t.TempDir()
	for i, c := range all {
		var text strings.Builder
		for _, document := range c.Documents() {
			text.WriteString(document + "\n---\n")
			for range 3 {
				var tree any
				if err := yaml.Unmarshal([]byte(document), &tree); err != nil {
					t.Fatal(err)
				}
				raw, err := yaml.Marshal(spoilt(random, tree, 0))
				if err != nil {
					t.Fatal(err)
				}
				text.WriteString(string(raw) + "\n---\n")
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := lintFiles(t, dir)
	if len(found.Findings) < 1000 {
		t.Errorf("only %d findings", len(found.Findings))
	}
	for _, f := range found.Findings {
		if inside := ruletest.Inside(rule.Finding{Field: f.Field, Message: f.Message, Remedy: f.Remedy}); inside != "" {
			t.Errorf("%s: %s %s: %s. %s", inside, f.Rule, f.Field, f.Message, f.Remedy)
		}
	}
	for _, p := range found.Problems {
		if inside := ruletest.InsideText(p.Message); inside != "" {
			t.Errorf("%s: %s", inside, p.Message)
		}
	}
}

// spoilt is a tree with a broken value somewhere below its kind.
func spoilt(random *rand.Rand, tree any, depth int) any {
	broken := []any{nil, true, 7, -1.5, 1e12, "", "x", "256.0.0.1", "-", "1d", "a b", []any{}, []any{nil}, []any{7}, map[string]any{}, map[string]any{"x": "y"}}
	if depth > 0 && random.IntN(4) == 0 {
		return broken[random.IntN(len(broken))]
	}
	switch tree := tree.(type) {
	case map[string]any:
		var keys []string
		for key := range tree {
			if key != "kind" && key != "apiVersion" {
				keys = append(keys, key)
			}
		}
		if slices.Sort(keys); len(keys) > 0 {
			key := keys[random.IntN(len(keys))]
			tree[key] = spoilt(random, tree[key], depth+1)
		}
		return tree
	case []any:
		if len(tree) > 0 {
			i := random.IntN(len(tree))
			tree[i] = spoilt(random, tree[i], depth+1)
		}
		return tree
	}
	return broken[random.IntN(len(broken))]
}
