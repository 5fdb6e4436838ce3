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
	webhookadmissionv1 "k8s.io/apiserver/pkg/admission/plugin/webhook/config/apis/webhookadmission/v1"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/solvers/config"
)

const defaultGroup = "acme.certyun.internal"

var yamlFence = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The chart takes the values that the reference of the solver shows.
func TestValuesInDocuments(t *testing.T) {
	found := 0
	for _, fence := range yamlFence.FindAllStringSubmatch(read(t, "../docs/solvers.md"), -1) {
		text := dedent(fence[1])
		if !regexp.MustCompile(`(?m)^(ambient|solver):$`).MatchString(text) {
			continue
		}
		found++
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := template(t, "--values", file); err != nil {
			t.Errorf("%v, of:\n%s", err, text)
		}
	}
	if found < 5 {
		t.Errorf("only %d examples of values were found", found)
	}
}

// What people paste must work: every manifest in the documents and examples is decoded strictly, the config of each
// solver by the solver's own decoder.
func TestManifestsInDocuments(t *testing.T) {
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
			if filepath.Base(file) == "rules.md" {
				continue // these are wrong on purpose, and run with the rules
			}
			if filepath.Ext(file) == ".md" {
				var manifests []string
				for _, match := range yamlFence.FindAllStringSubmatch(text, -1) {
					// Parts of an object have no apiVersion; they are not meant to be applied.
					if manifest := dedent(match[1]); strings.HasPrefix(manifest, "apiVersion:") {
						manifests = append(manifests, manifest)
					}
				}
				text = strings.Join(manifests, "\n---\n")
			}
			for document := range strings.SplitSeq(text, "\n---\n") {
				checkManifest(t, file, document, solvers)
			}
		}
	}
	for _, kind := range []string{"alidns", "dnspod", "alidns without keys", "dnspod without keys"} {
		if solvers[kind] == 0 {
			t.Errorf("there is no Issuer for %s: %v", kind, solvers)
		}
	}
}

// dedent takes away the indentation of the first line from all lines: a manifest may be in a list.
func dedent(text string) string {
	indentation := text[:len(text)-len(strings.TrimLeft(text, " "))]
	return strings.ReplaceAll(strings.TrimPrefix(text, indentation), "\n"+indentation, "\n")
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
	case "Policy":
		if _, err := policy.Read([]byte(document), catalogue.Rules()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		return
	case "CertificateAuthorities":
		if _, err := ca.Known().Extended([]byte(document)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		return
	case "AdmissionConfiguration":
		checkAdmissionConfiguration(t, file, document)
		return
	case "Config":
		object = &clientcmdv1.Config{}
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
		kind := solver.DNS01.Webhook.SolverName
		if checkSolver(t, file, solver) {
			kind += " without keys"
		}
		solvers[kind]++
	}
}

// checkAdmissionConfiguration decodes what the API server is told about its plug-ins, and what one of these is told.
func checkAdmissionConfiguration(t *testing.T, file, document string) {
	t.Helper()
	var configuration apiserverv1.AdmissionConfiguration
	if err := yaml.UnmarshalStrict([]byte(document), &configuration); err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	for _, plugin := range configuration.Plugins {
		var webhooks webhookadmissionv1.WebhookAdmission
		if err := yaml.UnmarshalStrict(plugin.Configuration.Raw, &webhooks); err != nil {
			t.Errorf("%s: %s: %v", file, plugin.Name, err)
		}
		if webhooks.KubeConfigFile == "" {
			t.Errorf("%s: %s names no kubeconfig", file, plugin.Name)
		}
	}
}

// checkSolver tells whether the solver's config names no keys.
func checkSolver(t *testing.T, where string, solver acmev1.ACMEChallengeSolver) (keyless bool) {
	t.Helper()
	if wait := solver.WaitInsteadOfSelfCheck; wait == nil || wait.Duration != 0 {
		t.Errorf("%s: waitInsteadOfSelfCheck is %v, want 0s: certyun waits by itself", where, wait)
	}
	webhook := solver.DNS01.Webhook
	if webhook.GroupName != defaultGroup {
		t.Errorf("%s: groupName %q", where, webhook.GroupName)
	}
	var keys config.Keys
	var errs field.ErrorList
	switch webhook.SolverName {
	case "alidns", "alidns-solver":
		c, e := config.DecodeAlidns(field.NewPath("config"), webhook.Config.Raw)
		keys, errs = c.Keys, e
	case "dnspod":
		c, e := config.DecodeDNSPod(field.NewPath("config"), webhook.Config.Raw)
		keys, errs = c.Keys, e
	default:
		t.Errorf("%s: there is no solver %q", where, webhook.SolverName)
		return false
	}
	if err := errs.ToAggregate(); err != nil {
		t.Errorf("%s: %s: %v", where, webhook.SolverName, err)
	}
	return keys.Ambient()
}

// The stanzas leave cert-manager's own check out only where nothing is lost by that.
func TestStanzasInNotes(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		waits bool
		says  string
	}{
		"by default": {waits: true, says: "certyun answers when the zone's name servers\nshow the record, or after 30s (propagation.timeout)."},
		"with another wait": {
			args: []string{"--set", "propagation.timeout=12.5s"}, waits: true, says: "or after 12.5s (propagation.timeout).",
		},
		"with a cert-manager that knows the field": {args: []string{"--set", "certManager.version=v1.21.0"}, waits: true, says: "is safe here"},
		"with one that is about to":                {args: []string{"--set", "certManager.version=v1.21.0-beta.0"}, waits: true, says: "is safe here"},
		"with one that does not know it": {
			args: []string{"--set", "certManager.version=v1.20.3"}, says: "cert-manager v1.20.3 (certManager.version) always checks by itself",
		},
		"with records ahead": {
			args: []string{"--set", "ahead.caMemory=0"}, waits: true, says: "which\ndoes not know it.\n\nThe Secret",
		},
		"without records ahead and with one replica": {
			args: []string{"--set", "ahead.enabled=false,solver.replicaCount=1"}, waits: true, says: "forget the first answer.\n\nThe Secret",
		},
		"without records ahead and with two replicas": {
			args: []string{"--set", "ahead.enabled=false"}, waits: true, says: "They fail if two replicas work on them",
		},
		"without records ahead and the CA's memory": {
			args: []string{"--set", "ahead.enabled=false,ahead.caMemory=0s"}, waits: true, says: "WARNING: ahead.enabled is false and ahead.caMemory is 0s.",
		},
		"without the wait":                {args: []string{"--set", "propagation.timeout=0"}, says: "do not set\nwaitInsteadOfSelfCheck."},
		"without the wait and without it": {args: []string{"--values", goldenDir + "/without-propagation" + valuesSuffix}, says: "do not set\nwaitInsteadOfSelfCheck."},
	} {
		t.Run(name, func(t *testing.T) {
			text := notes(t, test.args...)
			if !strings.Contains(text, test.says) {
				t.Errorf("the notes do not say %q:\n%s", test.says, text)
			}
			if keyless := checkStanzas(t, text, test.waits); keyless > 0 {
				t.Errorf("a stanza names no keys:\n%s", text)
			}
		})
	}
}

// checkStanzas returns how many of them name no keys.
func checkStanzas(t *testing.T, notes string, waits bool) (keyless int) {
	t.Helper()
	stanza := regexp.MustCompile(`(?m)^  - .*\n(?:^    .*\n)+`)
	found := stanza.FindAllString(notes, -1)
	if len(found) != 2 {
		t.Fatalf("the notes hold %d stanzas, want one for each provider", len(found))
	}
	for _, text := range found {
		var solvers []acmev1.ACMEChallengeSolver
		if err := yaml.UnmarshalStrict([]byte(text), &solvers); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		for _, solver := range solvers {
			if !waits {
				if solver.WaitInsteadOfSelfCheck != nil {
					t.Errorf("cert-manager's own check is left out:\n%s", text)
				}
				solver.WaitInsteadOfSelfCheck = &metav1.Duration{}
			}
			if checkSolver(t, "NOTES.txt", solver) {
				keyless++
			}
		}
	}
	return keyless
}

// An install without an image is refused, so each that people paste names one.
func TestInstallsInDocumentsNameAnImage(t *testing.T) {
	t.Parallel()
	installs := regexp.MustCompile(`helm (?:install|upgrade --install) certyun .*`)
	found := 0
	for _, pattern := range []string{"../README*.md", "../docs/*.md", "../deploy/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, file := range files {
			for _, command := range installs.FindAllString(strings.ReplaceAll(read(t, file), "\\\n", ""), -1) {
				found++
				if !strings.Contains(command, "image.registry=") || !strings.Contains(command, "image.repository=") {
					t.Errorf("%s: no image is named in %q", file, command)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d installs were found", found)
	}
}
