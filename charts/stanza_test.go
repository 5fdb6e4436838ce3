package charts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/solvers/config"
)

const defaultGroup = "acme.certyun.internal"

// What people paste must work: every manifest in the documents and examples is decoded strictly, the config of each
// solver by the solver's own decoder.
func TestManifestsInDocuments(t *testing.T) {
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	solvers := map[string]int{}
	for _, pattern := range []string{"../README*.md", "../docs/*.md", "../deploy/examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(data)
			if filepath.Ext(file) == ".md" {
				var manifests []string
				for _, match := range fence.FindAllStringSubmatch(text, -1) {
					// Parts of an object have no apiVersion; they are not meant to be applied.
					if strings.HasPrefix(match[1], "apiVersion:") {
						manifests = append(manifests, match[1])
					}
				}
				text = strings.Join(manifests, "\n---\n")
			}
			for document := range strings.SplitSeq(text, "\n---\n") {
				checkManifest(t, file, document, solvers)
			}
		}
	}
	if solvers["alidns"] == 0 || solvers["dnspod"] == 0 {
		t.Errorf("not every solver is documented: %v", solvers)
	}
}

func checkManifest(t *testing.T, file, document string, solvers map[string]int) {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	var object any
	var issuer cmv1.Issuer // a ClusterIssuer has the same spec
	switch kind.Kind {
	case "":
		return
	case "Issuer", "ClusterIssuer":
		object = &issuer
	case "Certificate":
		object = &cmv1.Certificate{}
	case "Ingress":
		object = &networkingv1.Ingress{}
	case "Secret":
		object = &corev1.Secret{}
	default:
		t.Errorf("%s: this test does not know the kind %s", file, kind.Kind)
		return
	}
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		t.Errorf("%s: %s: %v", file, kind.Kind, err)
	}
	if issuer.Spec.ACME == nil {
		return
	}
	for _, solver := range issuer.Spec.ACME.Solvers {
		checkSolver(t, file, solver)
		solvers[solver.DNS01.Webhook.SolverName]++
	}
}

func checkSolver(t *testing.T, where string, solver acmev1.ACMEChallengeSolver) {
	t.Helper()
	webhook := solver.DNS01.Webhook
	if webhook.GroupName != defaultGroup {
		t.Errorf("%s: groupName %q", where, webhook.GroupName)
	}
	var keys config.Keys
	var errs field.ErrorList
	switch webhook.SolverName {
	case "alidns":
		c, e := config.DecodeAlidns(field.NewPath("config"), webhook.Config.Raw)
		keys, errs = c.Keys, e
	case "dnspod":
		c, e := config.DecodeDNSPod(field.NewPath("config"), webhook.Config.Raw)
		keys, errs = c.Keys, e
	default:
		t.Errorf("%s: there is no solver %q", where, webhook.SolverName)
		return
	}
	if err := errs.ToAggregate(); err != nil {
		t.Errorf("%s: %s: %v", where, webhook.SolverName, err)
	}
	if !keys.ID.IsSet() || !keys.Secret.IsSet() {
		t.Errorf("%s: %s: the config names no keys", where, webhook.SolverName)
	}
}

func TestStanzasInNotes(t *testing.T) {
	stanza := regexp.MustCompile(`(?m)^  - dns01:\n(?:^    .*\n)+`)
	found := stanza.FindAllString(notes(t), -1)
	if len(found) != 2 {
		t.Fatalf("the notes hold %d stanzas, want one for each provider", len(found))
	}
	for _, text := range found {
		var solvers []acmev1.ACMEChallengeSolver
		if err := yaml.UnmarshalStrict([]byte(text), &solvers); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		for _, solver := range solvers {
			checkSolver(t, "NOTES.txt", solver)
		}
	}
}
