package oracle

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

// TestChangedManifestsAgainstCertManager changes the corpus at random: fields go, and fields take the values that they have
// elsewhere. Where cert-manager then refuses a field, we are silent about it.
func TestChangedManifestsAgainstCertManager(t *testing.T) {
	t.Parallel()
	c := theCertManager(t)
	manifests := judgedByCertManager(t)
	values := map[string][]any{}
	for _, m := range manifests {
		visit(m.tree, func(object map[string]any, key string) { values[key] = append(values[key], object[key]) })
	}
	refused, accepted := 0, 0
	for i, m := range manifests {
		random := rand.New(rand.NewPCG(uint64(i), 21))
		for range 12 {
			kind := kindOf(m)
			tree := changed(t, random, m.tree, values)
			if !decodes(t, kind, tree) {
				continue
			}
			tree, errs := c.schemaRefuses(t, kind, tree)
			if len(errs) > 0 {
				continue
			}
			errs = c.webhookRefuses(t, kind, tree)
			if len(errs) == 0 {
				accepted++
				continue
			}
			refused++
			if texts := repeats(errs, review(t, m.world, ruletest.Judged(t, yamlOf(t, tree)))); texts != nil {
				t.Errorf("%s: cert-manager refuses %v, and we say\n%s\nabout\n%s", m.name, errs, strings.Join(texts, "\n"), yamlOf(t, tree))
			}
		}
	}
	t.Logf("cert-manager refused %d and accepted %d", refused, accepted)
	if refused < 500 {
		t.Errorf("cert-manager refused %d, which tries too little", refused)
	}
}

// visit calls do with each field of an object or of its parts that may be changed.
func visit(tree any, do func(object map[string]any, key string)) {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			if key != "apiVersion" && key != "kind" && key != "metadata" {
				do(tree, key)
				visit(tree[key], do)
			}
		}
	case []any:
		for _, item := range tree {
			visit(item, do)
		}
	}
}

// changed returns a copy with one to three changes.
func changed(t testing.TB, random *rand.Rand, tree map[string]any, values map[string][]any) map[string]any {
	t.Helper()
	tree = jsonNumbers(t, tree)
	for range 1 + random.IntN(3) {
		var changes []func()
		visit(tree, func(object map[string]any, key string) {
			changes = append(changes,
				func() { delete(object, key) },
				func() { object[key] = runtime.DeepCopyJSONValue(one(random, values[key]...)) },
				func() { object[key] = emptied(object[key]) })
		})
		if len(changes) > 0 {
			one(random, changes...)()
		}
	}
	return jsonNumbers(t, tree)
}

func emptied(value any) any {
	switch value.(type) {
	case string:
		return ""
	case []any:
		return []any{}
	case map[string]any:
		return map[string]any{}
	}
	return value
}

func decodes(t testing.TB, kind string, tree map[string]any) bool {
	t.Helper()
	var object any = &cmapi.Issuer{}
	switch kind {
	case "Certificate":
		object = &cmapi.Certificate{}
	case "ClusterIssuer":
		object = &cmapi.ClusterIssuer{}
	}
	return yaml.UnmarshalStrict(yamlOf(t, tree), object) == nil
}
