package oracle

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/offline"
	"github.com/certyun/certyun/admission/rule/ruletest"
	"github.com/certyun/certyun/admission/schema"
)

// difference is one of those that are meant.
type difference struct {
	Of, Pattern, With string
	pattern           *regexp.Regexp
	seen              bool
}

// comparison holds what files are refused for against what a cluster refuses.
type comparison struct {
	certManager *certManager
	schemas     *schema.Validator
	engine      *rule.Engine

	differences []*difference
	// found counts what each rule said.
	found             map[string]int
	refused, accepted int
}

func newComparison(t *testing.T) *comparison {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certmanager-differences.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{certManager: theCertManager(t), schemas: schema.New(), engine: rule.NewEngine(catalogue.Rules()), found: map[string]int{}}
	if err := yaml.Unmarshal(raw, &c.differences); err != nil {
		t.Fatal(err)
	}
	for _, d := range c.differences {
		d.pattern = regexp.MustCompile(d.Pattern)
	}
	return c
}

// meant replaces what may differ.
func (c *comparison) meant(of string, lines []string) []string {
	for i := range lines {
		for _, d := range c.differences {
			if d.Pattern == "" || d.Of != of && d.Of != "both" || !d.pattern.MatchString(lines[i]) {
				continue
			}
			d.seen = true
			lines[i] = d.pattern.ReplaceAllString(lines[i], d.With)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func linesOf(errs field.ErrorList) []string {
	lines := []string{}
	for _, err := range errs {
		lines = append(lines, err.Field+": "+err.Type.String())
	}
	return lines
}

// says are the findings that restate what cert-manager's webhook says.
func (c *comparison) says(findings []rule.Finding) []string {
	lines := []string{}
	for _, f := range findings {
		c.found[f.Rule]++
		size, _ := f.Value.(int)
		if strings.HasPrefix(f.Rule, "cm-") || f.Rule == keySize && f.Severity == rule.Deny && size >= 0 {
			lines = append(lines, f.Field+": "+f.Type.String())
		}
	}
	return lines
}

// compare demands that an object that is written like this is refused by a cluster if and only if we say so, and of the same
// fields.
func (c *comparison) compare(t *testing.T, name string, written map[string]any) {
	t.Helper()
	kind, _ := written["kind"].(string)
	refused, err := c.schemas.Validate(t.Context(), jsonNumbers(t, written))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range refused {
		c.found[f.Rule]++
	}
	tree, errs := c.certManager.schemaRefuses(t, kind, written)
	decoded := decodes(t, kind, tree)
	if bad := len(errs) > 0 || !decoded; bad != (refused != nil) {
		t.Errorf("%s: the API server says %v, cert-manager can decode it: %v, and we say %v about\n%s", name, errs, decoded, refused, yamlOf(t, written))
	}
	if !decoded {
		c.refused++
		return
	}
	// The webhook sees nothing that the schema refuses, but that is said of a file too.
	want := c.meant("certmanager", linesOf(c.certManager.webhookRefuses(t, kind, tree)))
	object := ruletest.Judged(t, yamlOf(t, written))
	findings := reviewBy(t, c.engine, newWorld(), object)
	if len(want)+len(errs) > 0 {
		c.refused++
	} else {
		c.accepted++
	}
	got := c.meant("certyun", c.says(findings))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: fields (-cert-manager +certyun):\n%s%s", name, diff, yamlOf(t, written))
	}
}

// TestFilesAreRefusedAsAClusterRefuses compares the cases, cert-manager's own manifests, the bounds of every check, and what comes of
// them by changes at random.
func TestFilesAreRefusedAsAClusterRefuses(t *testing.T) {
	t.Parallel()
	c := newComparison(t)
	var seeds []map[string]any
	for _, m := range judgedByCertManager(t) {
		seeds = append(seeds, m.tree)
	}
	for _, s := range samples(t) {
		seeds = append(seeds, s.tree)
	}
	seeds = append(seeds, slices.Concat(writtenTrees(t), boundTrees(t))...)
	values := map[string][]any{}
	for _, tree := range seeds {
		visit(tree, func(object map[string]any, key string) { values[key] = append(values[key], object[key]) })
	}
	for i, tree := range seeds {
		c.compare(t, "as it is written", jsonNumbers(t, tree))
		random := rand.New(rand.NewPCG(uint64(i), 5))
		for range 6 {
			c.compare(t, "changed", changed(t, random, tree, values))
		}
		if t.Failed() {
			return
		}
	}
	random := rand.New(rand.NewPCG(5, 21))
	for range 3000 {
		c.compare(t, "made at random", written(t, randomCertificate(random)))
	}
	t.Logf("a cluster refuses %d and accepts %d", c.refused, c.accepted)
	if c.refused < 3000 || c.accepted < 1000 {
		t.Errorf("a cluster refuses %d and accepts %d, which tries too little", c.refused, c.accepted)
	}
	for _, d := range c.differences {
		if d.Pattern != "" && !d.seen {
			t.Errorf("nothing differs any more as in %q", d.Pattern)
		}
	}
	// These are about more than what cert-manager's webhook looks at.
	others := []string{rule.CMNoSuchKind, rule.CMMetadata, rule.CMUnknownField, rule.CMSecretData}
	for _, r := range offline.Rules() {
		if c.found[r.ID] == 0 && !slices.Contains(others, r.ID) {
			t.Errorf("the rule %s said nothing", r.ID)
		}
	}
}

// written is a Certificate as a file has it.
func written(t *testing.T, crt *cmapi.Certificate) map[string]any {
	t.Helper()
	tree := treeOf(t, crt)
	delete(tree, "status")
	delete(tree["metadata"].(map[string]any), "creationTimestamp")
	return tree
}

// writtenTrees are objects of cert-manager's kinds that its types cannot hold. Metadata is held against a real API server elsewhere.
func writtenTrees(t *testing.T) []map[string]any {
	t.Helper()
	var trees []map[string]any
	for _, c := range casesOf(t, true) {
		tree := treeOfText(t, c.Object)
		kind, _ := tree["kind"].(string)
		if c.Rule != rule.CMMetadata && theCertManager(t).schemas[kind] != nil && tree["apiVersion"] == "cert-manager.io/v1" {
			trees = append(trees, tree)
		}
	}
	return trees
}
