package rule

import (
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule/cases"
)

// scene is a world and what is judged in it. Tests change it as they need before they ask.
type scene struct {
	world  *objects.World
	env    *Environment
	policy *Policy
}

// newScene has the objects of the manifests in its world. An object without a namespace is in "default".
//
// What can be known follows from what is there: with one Secret all Secrets are known, with one CustomResourceDefinition all
// kinds are.
func newScene(t testing.TB, manifests string) *scene {
	t.Helper()
	w := objects.New(IndexKeys)
	w.ClusterResourceNamespace = "cert-manager"
	w.APIServicesKnown = true
	s := &scene{world: w, policy: &Policy{}, env: &Environment{World: w, Settings: testSettings()}}
	for _, document := range documents(t, manifests) {
		s.add(t, document)
	}
	return s
}

// testSettings are those of an installation with the chart's default values beside cert-manager's newest version.
func testSettings() Settings {
	return Settings{
		ClusterResourceNamespace: "cert-manager",
		CertManagerVersion:       "v1.21.2",
		SolverGroup:              "acme.certyun.internal",
		SolverWaits:              true,
		CAs:                      ca.Known(),
		Now:                      time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}
}

// review judges the one object in manifest as if it were being created among the objects of world. Each of change is applied
// before.
func review(t testing.TB, world, manifest string, change ...func(*scene)) []Finding {
	t.Helper()
	return reviewObject(t, newScene(t, world), Request{Operation: Create, Object: object(t, manifest)}, change...)
}

// reviewUpdate judges the change of an object from one manifest to another.
func reviewUpdate(t testing.TB, world, before, after string, change ...func(*scene)) []Finding {
	t.Helper()
	return reviewObject(t, newScene(t, world), Request{Operation: Update, Old: object(t, before), Object: object(t, after)}, change...)
}

// reviewDelete judges the deletion of the object in manifest.
func reviewDelete(t testing.TB, world, manifest string, change ...func(*scene)) []Finding {
	t.Helper()
	return reviewObject(t, newScene(t, world), Request{Operation: Delete, Object: object(t, manifest)}, change...)
}

func reviewObject(t testing.TB, s *scene, request Request, change ...func(*scene)) []Finding {
	t.Helper()
	for _, c := range change {
		c(s)
	}
	return reviewBy(t, All(), s, request)
}

// reviewBy judges by these rules.
func reviewBy(t testing.TB, rules []Rule, s *scene, request Request) []Finding {
	t.Helper()
	findings, err := NewEngine(rules).Review(t.Context(), s.env, s.policy, request)
	if err != nil {
		t.Fatalf("Review: %v", err)
	}
	return findings
}

// texts are the findings of these rules, of all rules when none is named, as a person sees them.
func texts(findings []Finding, rules ...string) []string {
	lines := []string{}
	for _, f := range findings {
		if len(rules) == 0 || slices.Contains(rules, f.Rule) {
			lines = append(lines, f.String())
		}
	}
	return lines
}

// wantFindings demands that one rule says exactly this; other rules may say what they want.
func wantFindings(t testing.TB, rule string, got []Finding, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), texts(got, rule)); diff != "" {
		t.Errorf("findings of %s (-want +got):\n%s\nall findings:\n%s", rule, diff, strings.Join(texts(got), "\n"))
	}
}

// certificate is a manifest with these lines as its spec, beside secretName and issuerRef where the lines have none. The
// lines are indented as they need to be among themselves.
func certificate(spec string) string {
	spec = strings.Trim(dedent(spec), "\n")
	if !hasLine(spec, "secretName:") {
		spec = "secretName: web-tls\n" + spec
	}
	if !hasLine(spec, "issuerRef:") {
		spec += "\nissuerRef: {name: le}"
	}
	return "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: default}\nspec:\n  " +
		strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
}

func hasLine(text, prefix string) bool {
	return strings.HasPrefix(text, prefix) || strings.Contains(text, "\n"+prefix)
}

// document is one object of a manifest.
type document struct {
	kind string
	raw  []byte
}

// documents splits a manifest, leaving out what is empty.
func documents(t testing.TB, manifests string) []document {
	t.Helper()
	var found []document
	for _, raw := range cases.Split(dedent(manifests)) {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(raw), &meta); err != nil {
			t.Fatalf("decode manifest: %v\n%s", err, raw)
		}
		if meta.Kind != "" {
			found = append(found, document{kind: meta.Kind, raw: []byte(raw)})
		} else if strings.TrimSpace(raw) != "" {
			t.Fatalf("a document has no kind:\n%s", raw)
		}
	}
	return found
}

// dedent removes the tabs that a literal has only because of the code around it.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}

// object decodes the one object of a manifest that can be judged.
func object(t testing.TB, manifest string) metav1.Object {
	t.Helper()
	docs := documents(t, manifest)
	if len(docs) != 1 {
		t.Fatalf("the manifest has %d objects, want 1:\n%s", len(docs), manifest)
	}
	return docs[0].decode(t)
}

func (d document) decode(t testing.TB) metav1.Object {
	t.Helper()
	var o metav1.Object
	switch d.kind {
	case "Certificate":
		o = &cmapi.Certificate{}
	case "Issuer":
		o = &cmapi.Issuer{}
	case "ClusterIssuer":
		o = &cmapi.ClusterIssuer{}
	case "Ingress":
		o = &networkingv1.Ingress{}
	case "Gateway":
		o = &gatewayv1.Gateway{}
	case "Secret":
		o = &metav1.PartialObjectMetadata{}
	default:
		t.Fatalf("nobody judges a %s", d.kind)
	}
	d.into(t, o)
	if o.GetNamespace() == "" && d.kind != "ClusterIssuer" {
		o.SetNamespace("default")
	}
	return o
}

func (d document) into(t testing.TB, target any) {
	t.Helper()
	if d.kind == "Secret" {
		if err := yaml.Unmarshal(d.raw, target); err != nil {
			t.Fatalf("decode %s: %v", d.kind, err)
		}
		return
	}
	if err := yaml.UnmarshalStrict(d.raw, target); err != nil {
		t.Fatalf("decode %s: %v\n%s", d.kind, err, d.raw)
	}
}

// add puts an object into the world.
func (s *scene) add(t testing.TB, d document) {
	t.Helper()
	switch d.kind {
	case "APIService":
		s.world.AddAPIService(apiService(t, d))
		return
	case "CustomResourceDefinition":
		var crd struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(d.raw, &crd); err != nil {
			t.Fatalf("decode CustomResourceDefinition: %v", err)
		}
		s.world.KindsKnown = true
		s.world.AddKind(schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind})
		return
	}
	switch o := d.decode(t).(type) {
	case *cmapi.Certificate:
		s.world.AddCertificate(o)
	case cmapi.GenericIssuer:
		s.world.AddIssuer(o)
	case *metav1.PartialObjectMetadata:
		s.world.SecretsKnown = true
		s.world.AddSecret(o)
	}
}

// apiService reads an APIService. What it serves is not in the object; here it is the list in the annotation "resources".
func apiService(t testing.TB, d document) *evidence.APIService {
	t.Helper()
	var o struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Status   struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := yaml.Unmarshal(d.raw, &o); err != nil {
		t.Fatalf("decode APIService: %v", err)
	}
	service := &evidence.APIService{Name: o.Metadata.Name}
	for _, c := range o.Status.Conditions {
		if c.Type == "Available" {
			service.Available = c.Status == metav1.ConditionTrue
		}
	}
	if list := o.Metadata.Annotations["resources"]; list != "" {
		service.Resources = strings.Split(list, ",")
	}
	return service
}

func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Catalogue() {
		if seen[r.ID] {
			t.Errorf("two rules are called %q", r.ID)
		}
		seen[r.ID] = true
		if r.Severity == "" || len(r.Kinds) == 0 || r.Summary == "" || r.Why == "" || r.Remedy == "" {
			t.Errorf("the rule does not document itself: %+v", r)
		}
		bySchema := slices.ContainsFunc(cmSchemaRules(), func(other Rule) bool { return other.ID == r.ID })
		if hasCheck(&r) == bySchema {
			t.Errorf("rule %q checks nothing, or package admission/schema does it too", r.ID)
		}
	}
}

func hasCheck(r *Rule) bool {
	return r.CheckCertificate != nil || r.CheckIssuer != nil || r.CheckAnnotated != nil
}
