package oracle

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	acmeinstall "github.com/cert-manager/cert-manager/internal/apis/acme/install"
	"github.com/cert-manager/cert-manager/internal/apis/certmanager"
	cminstall "github.com/cert-manager/cert-manager/internal/apis/certmanager/install"
	"github.com/cert-manager/cert-manager/internal/apis/certmanager/validation"
	metainstall "github.com/cert-manager/cert-manager/internal/apis/meta/install"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	apiservervalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule"
)

// keySize is the one rule that repeats what cert-manager says, because files are judged without cert-manager.
const keySize = "key-size-for-algorithm"

// certManager refuses objects as a cluster with cert-manager does: by the schema of its CRDs and by its webhook.
type certManager struct {
	scheme  *runtime.Scheme
	schemas map[string]*crdSchema
}

type crdSchema struct {
	validator  apiservervalidation.SchemaValidator
	structural *structuralschema.Structural
	rules      *cel.Validator
}

// celCost is more than any rule costs.
const celCost = 10_000_000

var newCertManager = sync.OnceValues(func() (*certManager, error) {
	c := &certManager{scheme: runtime.NewScheme(), schemas: map[string]*crdSchema{}}
	cminstall.Install(c.scheme)
	acmeinstall.Install(c.scheme)
	metainstall.Install(c.scheme)
	source, err := moduleFolder()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"certificates", "issuers", "clusterissuers"} {
		raw, err := os.ReadFile(filepath.Join(source, "deploy", "crds", "cert-manager.io_"+name+".yaml"))
		if err != nil {
			return nil, err
		}
		if err := c.addSchema(raw); err != nil {
			return nil, err
		}
	}
	return c, nil
})

// moduleFolder is where Go keeps cert-manager's source.
func moduleFolder() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	return strings.TrimSpace(string(out)), err
}

func (c *certManager) addSchema(raw []byte) error {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		return err
	}
	var props apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return err
	}
	s := &crdSchema{}
	if s.validator, _, err = apiservervalidation.NewSchemaValidator(&props); err != nil {
		return err
	}
	if s.structural, err = structuralschema.NewStructural(&props); err != nil {
		return err
	}
	s.rules = cel.NewValidator(s.structural, true, celCost)
	c.schemas[crd.Spec.Names.Kind] = s
	return nil
}

func theCertManager(t testing.TB) *certManager {
	t.Helper()
	c, err := newCertManager()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refuses returns the errors of a cluster with cert-manager about an object in the form that it is written in.
func (c *certManager) refuses(t testing.TB, kind string, tree map[string]any) field.ErrorList {
	t.Helper()
	tree, errs := c.schemaRefuses(t, kind, tree)
	return append(errs, c.webhookRefuses(t, kind, tree)...)
}

// schemaRefuses returns the object as the API server stores it, and the errors because of which no webhook ever sees it.
func (c *certManager) schemaRefuses(t testing.TB, kind string, tree map[string]any) (map[string]any, field.ErrorList) {
	t.Helper()
	tree = jsonNumbers(t, tree)
	s := c.schemas[kind]
	defaulting.Default(tree, s.structural)
	errs := apiservervalidation.ValidateCustomResource(nil, tree, s.validator)
	if len(errs) == 0 && s.rules != nil {
		errs, _ = s.rules.Validate(t.Context(), nil, s.structural, tree, nil, celCost)
	}
	return tree, errs
}

func (c *certManager) webhookRefuses(t testing.TB, kind string, tree map[string]any) field.ErrorList {
	t.Helper()
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "Certificate":
		var v1 cmapi.Certificate
		internal := certmanager.Certificate{}
		c.convert(t, raw, &v1, &internal)
		errs, _ := validation.ValidateCertificate(nil, &internal)
		return errs
	case "Issuer":
		var v1 cmapi.Issuer
		internal := certmanager.Issuer{}
		c.convert(t, raw, &v1, &internal)
		errs, _ := validation.ValidateIssuer(nil, &internal)
		return errs
	}
	var v1 cmapi.ClusterIssuer
	internal := certmanager.ClusterIssuer{}
	c.convert(t, raw, &v1, &internal)
	errs, _ := validation.ValidateClusterIssuer(nil, &internal)
	return errs
}

func (c *certManager) convert(t testing.TB, raw []byte, v1, internal any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(raw, v1); err != nil {
		t.Fatalf("decode: %v\n%s", err, raw)
	}
	if err := c.scheme.Convert(v1, internal, nil); err != nil {
		t.Fatalf("convert: %v", err)
	}
}

// jsonNumbers has whole numbers as the API server has them.
func jsonNumbers(t testing.TB, tree map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var numbered map[string]any
	if err := yaml.Unmarshal(raw, &numbered); err != nil {
		t.Fatal(err)
	}
	return whole(numbered).(map[string]any)
}

func whole(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for key := range tree {
			tree[key] = whole(tree[key])
		}
	case []any:
		for i := range tree {
			tree[i] = whole(tree[i])
		}
	case float64:
		if n := int64(tree); float64(n) == tree {
			return n
		}
	}
	return tree
}

func fieldsOfErrors(errs field.ErrorList) []string {
	var fields []string
	for _, err := range errs {
		fields = append(fields, err.Field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

func kindOf(m *manifest) string {
	kind, _ := m.tree["kind"].(string)
	return kind
}

// judgedByCertManager is the part of the corpus that cert-manager's webhook sees.
func judgedByCertManager(t testing.TB) []*manifest {
	t.Helper()
	c := theCertManager(t)
	return slices.DeleteFunc(corpus(t), func(m *manifest) bool { return c.schemas[kindOf(m)] == nil })
}

// repeats returns the findings that say something about a field that cert-manager refuses.
func repeats(errs field.ErrorList, findings []rule.Finding) []string {
	refused := fieldsOfErrors(errs)
	var texts []string
	for _, f := range findings {
		if f.Rule != keySize && slices.ContainsFunc(refused, func(path string) bool { return within(f.Field, path) }) {
			texts = append(texts, f.String())
		}
	}
	return texts
}

// within tells whether a path is another one, or a field of it. An error about the whole spec, or about a whole solver, is about
// no field of it.
func within(path, of string) bool {
	rest, found := strings.CutPrefix(path, of)
	if !found || rest == "" {
		return found
	}
	return of != "spec" && !wholeSolver.MatchString(of) && (rest[0] == '.' || rest[0] == '[')
}

var wholeSolver = regexp.MustCompile(`^spec\.acme\.solvers\[\d+\]$`)

func TestNothingIsSaidOfWhatCertManagerRefuses(t *testing.T) {
	t.Parallel()
	c := theCertManager(t)
	for _, m := range judgedByCertManager(t) {
		for _, text := range repeats(c.refuses(t, kindOf(m), m.tree), review(t, m.world, m.object)) {
			t.Errorf("%s: cert-manager refuses this field already: %s", m.name, text)
		}
	}
}

// TestRandomCertificatesAgainstCertManager puts Certificates together from good and bad values. Where cert-manager refuses, we
// are silent; where its own code cannot make a CSR of what its webhook lets pass, we deny, and only there.
func TestRandomCertificatesAgainstCertManager(t *testing.T) {
	t.Parallel()
	c := theCertManager(t)
	random := rand.New(rand.NewPCG(1, 21))
	refused, unbuildable, buildable := 0, 0, 0
	for range 3000 {
		crt := randomCertificate(random)
		tree, errs := c.schemaRefuses(t, "Certificate", treeOf(t, crt))
		if len(errs) > 0 {
			continue
		}
		errs = c.webhookRefuses(t, "Certificate", tree)
		findings := review(t, newWorld(), crt)
		if texts := repeats(errs, findings); texts != nil {
			t.Fatalf("cert-manager refuses %v, and we say\n%s\nabout\n%s", errs, strings.Join(texts, "\n"), yamlOf(t, crt))
		}
		if len(errs) > 0 {
			refused++
			continue
		}
		err := c.makeCSR(crt)
		if err != nil {
			unbuildable++
		} else {
			buildable++
		}
		denied := slices.ContainsFunc(findings, func(f rule.Finding) bool {
			return f.Severity == rule.Deny && slices.Contains([]string{"csr-cannot-be-built", "csr-round-trip-mismatch", keySize}, f.Rule)
		})
		if denied != (err != nil) {
			t.Fatalf("making a CSR: %v, and we say\n%s\nabout\n%s", err, strings.Join(denials(findings), "\n"), yamlOf(t, crt))
		}
	}
	t.Logf("cert-manager refused %d, could make no CSR of %d, and could of %d", refused, unbuildable, buildable)
	if min(refused, unbuildable, buildable) < 200 {
		t.Errorf("cert-manager refused %d, could make no CSR of %d, and could of %d, which tries too little", refused, unbuildable, buildable)
	}
}

func treeOf(t testing.TB, object any) map[string]any {
	t.Helper()
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func yamlOf(t testing.TB, object any) []byte {
	t.Helper()
	raw, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
