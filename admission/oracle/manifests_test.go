// Package oracle holds our rules against cert-manager itself: against its validation, its choice of solvers, its CSRs, and the
// Certificates that it makes for Ingresses and Gateways. It has tests only.
package oracle

import (
	"slices"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// manifest is a case: the object that is judged, and those that are there.
type manifest struct {
	name   string
	object metav1.Object
	// tree is the object as it is written.
	tree  map[string]any
	world *objects.World
}

// corpus are the cases, but for those of package admission/schema's rules, which cert-manager's types often cannot hold.
func corpus(t testing.TB) []*manifest {
	t.Helper()
	var all []*manifest
	for _, c := range casesOf(t, false) {
		m := &manifest{name: c.Name, object: ruletest.Judged(t, []byte(c.Object)), tree: treeOfText(t, c.Object), world: newWorld()}
		for _, document := range c.Existing() {
			switch object := ruletest.Judged(t, []byte(document)).(type) {
			case *cmapi.Certificate:
				m.world.AddCertificate(object)
			case cmapi.GenericIssuer:
				m.world.AddIssuer(object)
			}
		}
		all = append(all, m)
	}
	return all
}

// casesOf returns the cases of package admission/schema's rules, or of all others.
func casesOf(t testing.TB, ofSchema bool) []cases.Case {
	t.Helper()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	schemas := []string{rule.CMNoSuchKind, rule.CMUnknownField, rule.CMSchema, rule.CMUnreadable, rule.CMMetadata}
	return slices.DeleteFunc(all, func(c cases.Case) bool { return slices.Contains(schemas, c.Rule) != ofSchema })
}

func treeOfText(t testing.TB, text string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return tree
}

func newWorld() *objects.World {
	world := objects.New(rule.IndexKeys)
	world.ClusterResourceNamespace = "cert-manager"
	return world
}

// review judges an object as if it were being created.
func review(t testing.TB, world *objects.World, object metav1.Object) []rule.Finding {
	t.Helper()
	return reviewBy(t, rule.NewOnlineEngine(catalogue.Rules()), world, object)
}

func reviewBy(t testing.TB, engine *rule.Engine, world *objects.World, object metav1.Object) []rule.Finding {
	t.Helper()
	env := &rule.Environment{World: world, Settings: rule.Settings{
		ClusterResourceNamespace: "cert-manager",
		CertManagerVersion:       "v1.21.2",
		SolverGroup:              "acme.certyun.internal",
		SolverWaits:              true,
		CAs:                      ca.Known(),
		Now:                      time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}}
	findings, err := engine.Review(t.Context(), env, &rule.Policy{}, rule.Request{Operation: rule.Create, Object: object})
	if err != nil {
		t.Fatalf("Review: %v", err)
	}
	return findings
}

func denials(findings []rule.Finding) []string {
	var texts []string
	for _, f := range findings {
		if f.Severity == rule.Deny {
			texts = append(texts, f.String())
		}
	}
	return texts
}

// fieldsOf are the fields in which some rules find something.
func fieldsOf(findings []rule.Finding, rules ...string) []string {
	var fields []string
	for _, f := range findings {
		if slices.Contains(rules, f.Rule) {
			fields = append(fields, f.Field)
		}
	}
	return fields
}
