package lint

import (
	"flag"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
)

// every is of how many values in the cases one is looked at by TestAPlaceholderIsWhateverItMayBecome.
var every = flag.Uint64("placeholders", 97, "put a placeholder in one of so many values of the cases")

// judge is a linter whose objects a test gives it as trees.
type judge struct {
	*linter
	options *Options
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	o := NewOptions()
	o.CertManagerVersion = "v1.21.2"
	if err := o.Complete([]string{"."}); err != nil {
		t.Fatal(err)
	}
	l, err := o.newLinter()
	if err != nil {
		t.Fatal(err)
	}
	return &judge{l, o}
}

// texts judges the last of some documents among the others.
func (j *judge) texts(t *testing.T, texts ...string) []report.Finding {
	t.Helper()
	l := &linter{engine: j.engine, decided: j.decided, validator: j.validator, wanted: j.wanted}
	for _, text := range texts {
		d := &document{file: "test.yaml", line: 1, column: 1, text: []byte(text)}
		l.given = append(l.given, d.parse().manifests...)
	}
	if err := l.settle(t.Context(), j.options); err != nil {
		t.Fatal(err)
	}
	l.env.Settings.Now = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	var found []report.Finding
	for _, f := range l.judgeOne(t.Context(), l.given[len(l.given)-1]).findings {
		found = append(found, f.Finding)
	}
	return found
}

func (j *judge) trees(t *testing.T, trees []any) []report.Finding {
	t.Helper()
	texts := make([]string, len(trees))
	for i, tree := range trees {
		text, err := yaml.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	return j.texts(t, texts...)
}

// leaf is a value of a tree that is neither list nor map, and how to change it.
type leaf struct {
	// path has no indexes.
	path  string
	value any
	set   func(any)
}

func leaves(path string, tree any, set func(any)) []leaf {
	var all []leaf
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range sortedKeys(tree) {
			all = append(all, leaves(path+"."+key, tree[key], func(v any) { tree[key] = v })...)
		}
	case []any:
		for i := range tree {
			all = append(all, leaves(path, tree[i], func(v any) { tree[i] = v })...)
		}
	default:
		all = append(all, leaf{path, tree, set})
	}
	return all
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// caseTrees are the documents of a case, and all their values.
func caseTrees(t *testing.T, c cases.Case) (trees []any, values []leaf) {
	t.Helper()
	for _, text := range c.Documents() {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		trees = append(trees, tree)
		for _, one := range leaves(fmt.Sprint(tree["kind"]), tree, nil) {
			if one.path != fmt.Sprint(tree["kind"])+".kind" && !strings.HasSuffix(one.path, ".apiVersion") {
				values = append(values, one)
			}
		}
	}
	return trees, values
}

type told map[spot]bool

func toldOf(findings []report.Finding) told {
	all := told{}
	for _, f := range findings {
		all[spot{f.Rule, f.Field, f.Severity}] = true
	}
	return all
}

// denies tells whether something is denied that is not in another.
func (t told) deniesBeyond(other told) bool {
	for s := range t {
		if s.severity == rule.Deny && !other[s] {
			return true
		}
	}
	return false
}

// TestAPlaceholderIsWhateverItMayBecome holds, for values of all cases: what is found with a placeholder in the place of the value is
// also found with each value that another case has there, unless that value is another mistake.
func TestAPlaceholderIsWhateverItMayBecome(t *testing.T) {
	t.Parallel()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	pool := map[string][]any{}
	for _, c := range all {
		_, values := caseTrees(t, c)
		for _, one := range values {
			if !slices.Contains(pool[one.path], one.value) {
				pool[one.path] = append(pool[one.path], one.value)
			}
		}
	}
	j := newJudge(t)
	looked := 0
	for _, c := range all {
		if c.Operation != "CREATE" {
			continue
		}
		trees, values := caseTrees(t, c)
		for i, one := range values {
			if !sampled(c.Name, i) {
				continue
			}
			was := toldOf(j.trees(t, trees))
			if len(was) == 0 {
				break
			}
			looked++
			one.set("${UNKNOWN}")
			unknown := toldOf(j.trees(t, trees))
			for _, value := range slices.Concat([]any{one.value}, pool[one.path]) {
				one.set(value)
				got := toldOf(j.trees(t, trees))
				if got.deniesBeyond(unknown) {
					continue
				}
				for s := range unknown {
					if !got[s] {
						t.Errorf("%s: %s %s %s is found whatever %s is, but %v mends it", c.Name, s.rule, s.severity, s.field, one.path, value)
					}
				}
			}
			one.set(one.value)
		}
	}
	if looked == 0 {
		t.Error("nothing was looked at")
	}
}

// sampled tells whether a value is looked at.
func sampled(name string, i int) bool {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, i)
	return h.Sum64()%*every == 0
}
