// Package oracle holds our rules against cert-manager itself: against its validation, its choice of solvers, its CSRs, and the
// Certificates that it makes for Ingresses and Gateways. It has tests only.
package oracle

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// manifest is one file of testdata/manifests: the object that is judged, and those that are there.
type manifest struct {
	name string
	// rejected are the fields that cert-manager refuses, as the header says.
	rejected []string
	object   metav1.Object
	// tree is the object as it is written.
	tree  map[string]any
	world *objects.World
}

func corpus(t testing.TB) []*manifest {
	t.Helper()
	root := filepath.Join("..", "..", "testdata", "manifests")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no manifests in %s: %v", root, err)
	}
	var all []*manifest
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := &manifest{name: filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml"), world: newWorld()}
		m.read(t, raw)
		all = append(all, m)
	}
	return all
}

func newWorld() *objects.World {
	world := objects.New(rule.IndexKeys)
	world.ClusterResourceNamespace = "cert-manager"
	return world
}

func (m *manifest) read(t testing.TB, raw []byte) {
	t.Helper()
	for line := range strings.Lines(string(raw)) {
		if fields, found := strings.CutPrefix(line, "# cert-manager: rejects "); found {
			m.rejected = strings.Split(strings.TrimSpace(fields), ", ")
		}
	}
	docs := split(t, raw)
	for i, doc := range docs {
		object := decode(t, m.name, doc)
		if i == len(docs)-1 {
			m.object = object
			if err := yaml.Unmarshal(doc, &m.tree); err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			return
		}
		switch object := object.(type) {
		case *cmapi.Certificate:
			m.world.AddCertificate(object)
		case cmapi.GenericIssuer:
			m.world.AddIssuer(object)
		}
	}
}

// split returns the documents that are not empty.
func split(t testing.TB, raw []byte) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	var docs [][]byte
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(doc)) > 0 {
			docs = append(docs, doc)
		}
	}
}

// decode returns an object that is judged or that is asked about, nil for one of another kind.
func decode(t testing.TB, name string, doc []byte) metav1.Object {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var object metav1.Object
	switch kind.Kind {
	case "Certificate":
		object = &cmapi.Certificate{}
	case "Issuer":
		object = &cmapi.Issuer{}
	case "ClusterIssuer":
		object = &cmapi.ClusterIssuer{}
	case "Ingress":
		object = &networkingv1.Ingress{}
	case "Gateway":
		object = &gatewayv1.Gateway{}
	default:
		return nil
	}
	if err := yaml.UnmarshalStrict(doc, object); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if object.GetNamespace() == "" && kind.Kind != "ClusterIssuer" {
		object.SetNamespace("default")
	}
	return object
}

// review judges an object as if it were being created.
func review(t testing.TB, world *objects.World, object metav1.Object) []rule.Finding {
	t.Helper()
	return reviewBy(t, rule.NewEngine(rule.All()), world, object)
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
