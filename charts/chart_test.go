// Package charts tests the Helm chart: what it renders, what its schema refuses, and that its reference is up to date.
package charts

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	chart        = "certyun"
	goldenDir    = "../testdata/golden/chart"
	valuesSuffix = ".values.yaml"
	// imageValues name an image and nothing else: without one nothing is rendered.
	imageValues = goldenDir + "/defaults" + valuesSuffix
)

// helm runs the Helm that `make tools` builds, so that a render does not depend on what else is installed.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	bin := os.Getenv("CERTYUN_LOCAL_BIN")
	if bin == "" {
		bin = "../.local/bin"
	}
	path, err := filepath.Abs(filepath.Join(bin, "helm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("helm is not built, run `make tools`: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	// Nothing of the caller's: no plugins, no repositories, no cluster.
	cmd.Env = []string{"HOME=" + t.TempDir(), "KUBECONFIG=/dev/null"}
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", errors.New(string(exit.Stderr))
	}
	return string(out), err
}

// template renders the chart with an image. What the arguments say comes before it.
func template(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return helm(t, append([]string{"template", "certyun", chart, "--values", imageValues}, args...)...)
}

func render(t *testing.T, args ...string) string {
	t.Helper()
	out, err := template(t, append([]string{"--namespace", "cert-manager"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// notes returns what Helm prints after an install.
func notes(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"install", "certyun", chart, "--values", imageValues, "--namespace", "cert-manager", "--dry-run=client"}, args...)
	out, err := helm(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(out, "\nNOTES:\n")
	if !found {
		t.Fatalf("no notes in the output of helm install:\n%s", out)
	}
	return text
}

// golden compares got with the file, or writes the file anew with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("run `make generate`: %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date, run `make generate` (-file +render):\n%s", file, diff)
	}
}

// valueSets returns the golden value files by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*"+valuesSuffix))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no value sets in %s", goldenDir)
	}
	sets := make(map[string]string, len(files))
	for _, file := range files {
		sets[strings.TrimSuffix(filepath.Base(file), valuesSuffix)] = file
	}
	return sets
}

func TestGenerated_Renders(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join(goldenDir, name+".yaml"), render(t, "--values", values))
			golden(t, filepath.Join(goldenDir, name+".notes.txt"), notes(t, "--values", values))
		})
	}
}

func TestGenerated_Bundle(t *testing.T) {
	const header = "# The chart with its default values, for those who do not use Helm. Made by `make generate`; do not edit.\n" +
		"#\n" +
		"# No image is published yet, so REGISTRY/REPOSITORY stands for yours. It is no name that a node could pull. To install:\n" +
		"#\n" +
		"#   sed 's#REGISTRY/REPOSITORY#registry.example.org/certyun#' deploy/bundle.yaml | kubectl apply -f -\n"
	manifest := render(t, "--set", "image.registry=REGISTRY,image.repository=REPOSITORY")
	golden(t, "../deploy/bundle.yaml", header+manifest)
}

func TestLint(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := helm(t, "lint", "--strict", "--quiet", chart, "--values", values); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusedValues(t *testing.T) {
	for name, test := range map[string]struct {
		values string
		want   string
	}{
		"a value that the chart does not have": {
			values: "groupname: acme.example.org",
			want:   "additional properties 'groupname' not allowed",
		},
		"a switch of a parent chart that is a word": {
			values: "enabled: \"yes\"",
			want:   "at '/enabled': got string, want boolean",
		},
		"a value one level down that the chart does not have": {
			values: "solver: {replicas: 2}",
			want:   "at '/solver': additional properties 'replicas' not allowed",
		},
		"a port that only root may open": {
			values: "solver: {service: {port: 443}}",
			want:   "at '/solver/service/port': minimum: got 443, want 1,025",
		},
		"a port in quotes": {
			values: "solver: {service: {port: \"8443\"}}",
			want:   "at '/solver/service/port': got string, want integer",
		},
		"a Service type that cannot serve an APIService": {
			values: "solver: {service: {type: ExternalName}}",
			want:   "at '/solver/service/type': value must be one of",
		},
		"a group that is not a DNS name": {
			values: "groupName: Acme_Example",
			want:   "at '/groupName'",
		},
		"a group with one label": {
			values: "groupName: certyun",
			want:   "at '/groupName'",
		},
		"a group of cert-manager's own": {
			values: "groupName: acme.cert-manager.io",
			want:   "at '/groupName': 'not' failed",
		},
		"an endpoint without TLS that is not on this machine": {
			values: "solver: {alidns: {endpoint: \"http://alidns.example.org\"}}",
			want:   "at '/solver/alidns/endpoint'",
		},
		"an endpoint of STS without TLS": {
			values: "solver: {dnspod: {stsEndpoint: \"http://sts.example.org\"}}",
			want:   "at '/solver/dnspod/stsEndpoint'",
		},
		"an endpoint with a password in it": {
			values: "solver: {dnspod: {endpoint: \"https://user:password@dnspod.example.org\"}}",
			want:   "at '/solver/dnspod/endpoint'",
		},
		"an endpoint of a metadata service without TLS": {
			values: "solver: {alidns: {metadataEndpoint: \"http://100.100.100.200\"}}",
			want:   "at '/solver/alidns/metadataEndpoint'",
		},
		"a word for ambient credentials that there is not": {
			values: "ambient: {credentials: issuers}",
			want:   "at '/ambient/credentials': value must be one of 'cluster-issuers', 'all', 'none'",
		},
		"a RAM role without its provider": {
			values: "ambient: {alidns: {roleArn: 'acs:ram::1234567890123456:role/certyun'}}",
			want:   "ambient.alidns.roleArn and ambient.alidns.oidcProviderArn must both be set, or neither",
		},
		"an OIDC provider without a RAM role": {
			values: "ambient: {alidns: {oidcProviderArn: 'acs:ram::1234567890123456:oidc-provider/ack'}}",
			want:   "ambient.alidns.roleArn and ambient.alidns.oidcProviderArn must both be set, or neither",
		},
		"a CAM role without its provider": {
			values: "ambient: {dnspod: {roleArn: 'qcs::cam::uin/100000000001:roleName/certyun'}}",
			want:   "ambient.dnspod.roleArn and ambient.dnspod.providerId must both be set, or neither",
		},
		"an OIDC provider without a CAM role": {
			values: "ambient: {dnspod: {providerId: cls-01234567}}",
			want:   "ambient.dnspod.roleArn and ambient.dnspod.providerId must both be set, or neither",
		},
		"a role in the place of its provider": {
			values: "ambient: {alidns: {oidcProviderArn: 'acs:ram::1234567890123456:role/certyun'}}",
			want:   "at '/ambient/alidns/oidcProviderArn'",
		},
		"the ARN of a CAM provider in the place of its name": {
			values: "ambient: {dnspod: {providerId: 'qcs::cam::uin/100000000001:oidc-provider/cls-01234567'}}",
			want:   "at '/ambient/dnspod/providerId'",
		},
		"a region that is a name": {
			values: "ambient: {dnspod: {region: Guangzhou}}",
			want:   "at '/ambient/dnspod/region'",
		},
		"a token for nobody": {
			values: "ambient: {alidns: {audience: ''}}",
			want:   "at '/ambient/alidns/audience'",
		},
		"a token that Kubernetes does not issue": {
			values: "ambient: {dnspod: {tokenExpirationSeconds: 599}}",
			want:   "at '/ambient/dnspod/tokenExpirationSeconds': minimum: got 599, want 600",
		},
		"a token's time with a unit": {
			values: "ambient: {alidns: {tokenExpirationSeconds: 1h}}",
			want:   "at '/ambient/alidns/tokenExpirationSeconds': got string, want integer",
		},
		"an ambient value that the chart does not have": {
			values: "ambient: {alidns: {providerArn: ''}}",
			want:   "at '/ambient/alidns': additional properties 'providerArn' not allowed",
		},
		"a rate below zero": {
			values: "solver: {dnspod: {qps: -1}}",
			want:   "at '/solver/dnspod/qps'",
		},
		"a digest that is too short": {
			values: "image: {digest: \"sha256:abc\"}",
			want:   "at '/image/digest'",
		},
		"a registry that is no text": {
			values: "image: {registry: [registry.example.org]}",
			want:   "at '/image/registry': got array, want string",
		},
		"an unknown pull policy": {
			values: "image: {pullPolicy: Sometimes}",
			want:   "at '/image/pullPolicy'",
		},
		"a wildcard in the place of a namespace": {
			values: "secrets: {namespaces: [\"*\"]}",
			want:   "at '/secrets/namespaces/0'",
		},
		"one namespace where a list belongs": {
			values: "secrets: {namespaces: team-a}",
			want:   "at '/secrets/namespaces': got string, want array",
		},
		"namespaces beside every namespace": {
			values: "secrets: {clusterWide: true, namespaces: [team-a]}",
			want:   "secrets.clusterWide reads every namespace",
		},
		"a wait without a unit": {
			values: "propagation: {timeout: 30}",
			want:   "at '/propagation/timeout'",
		},
		"a quoted wait without a unit": {
			values: "propagation: {timeout: \"30\"}",
			want:   "at '/propagation/timeout'",
		},
		"a wait that leaves no time for the calls before it": {
			values: "propagation: {timeout: 30.1s}",
			want:   "at '/propagation/timeout'",
		},
		"a wait of a minute": {
			values: "propagation: {timeout: 1m}",
			want:   "at '/propagation/timeout'",
		},
		"strict about no wait": {
			values: "propagation: {timeout: 0s, strict: true}",
			want:   "propagation.strict has no meaning without a wait",
		},
		"a wait below zero": {
			values: "propagation: {timeout: -5s}",
			want:   "at '/propagation/timeout'",
		},
		"a wait of another unit": {
			values: "propagation: {timeout: 1d}",
			want:   "at '/propagation/timeout'",
		},
		"one resolver where a list belongs": {
			values: "propagation: {nameservers: 223.5.5.5}",
			want:   "at '/propagation/nameservers': got string, want array",
		},
		"a resolver with a scheme": {
			values: "propagation: {nameservers: [\"tls://223.5.5.5\"]}",
			want:   "at '/propagation/nameservers/0'",
		},
		"two resolvers in one": {
			values: "propagation: {nameservers: [\"223.5.5.5,119.29.29.29\"]}",
			want:   "at '/propagation/nameservers/0'",
		},
		"a name server's port in quotes": {
			values: "propagation: {port: \"53\"}",
			want:   "at '/propagation/port': got string, want integer",
		},
		"a name server's port that does not exist": {
			values: "propagation: {port: 65536}",
			want:   "at '/propagation/port': maximum: got 65,536, want 65,535",
		},
		"an address where a network belongs": {
			values: "propagation: {allowNetworks: [10.0.0.1]}",
			want:   "at '/propagation/allowNetworks/0'",
		},
		"domains for CNAME records with a star": {
			values: "solver: {cnameTargets: ['*.example.net']}",
			want:   "at '/solver/cnameTargets/0'",
		},
		"a word in the place of a switch": {
			values: "propagation: {strict: \"yes\"}",
			want:   "at '/propagation/strict': got string, want boolean",
		},
		"a propagation value that the chart does not have": {
			values: "propagation: {nameServers: []}",
			want:   "at '/propagation': additional properties 'nameServers' not allowed",
		},
		"no records ahead and yet the rights for them": {
			values: "ahead: {max: 0}",
			want:   "at '/ahead/max': minimum: got 0, want 1",
		},
		"fewer records ahead than none": {
			values: "ahead: {enabled: false, max: -1}",
			want:   "at '/ahead/max': minimum: got -1, want 0",
		},
		"more records ahead than a ConfigMap holds": {
			values: "ahead: {max: 1001}",
			want:   "at '/ahead/max': maximum: got 1,001, want 1,000",
		},
		"a part of a record": {
			values: "ahead: {max: 1.5}",
			want:   "at '/ahead/max': got number, want integer",
		},
		"a number of records in quotes": {
			values: "ahead: {max: \"200\"}",
			want:   "at '/ahead/max': got string, want integer",
		},
		"a memory without a unit": {
			values: "ahead: {caMemory: 60}",
			want:   "at '/ahead/caMemory'",
		},
		"a quoted memory without a unit": {
			values: "ahead: {caMemory: \"60\"}",
			want:   "at '/ahead/caMemory'",
		},
		"a memory of another unit": {
			values: "ahead: {caMemory: 1d}",
			want:   "at '/ahead/caMemory'",
		},
		"a memory below zero": {
			values: "ahead: {caMemory: -60s}",
			want:   "at '/ahead/caMemory'",
		},
		"a memory of more than ten minutes": {
			values: "ahead: {caMemory: 10m1s}",
			want:   "at '/ahead/caMemory'",
		},
		"a memory of more than six hundred seconds": {
			values: "ahead: {caMemory: 600.5s}",
			want:   "at '/ahead/caMemory'",
		},
		"no memory at all": {
			values: "ahead: {caMemory: \"\"}",
			want:   "at '/ahead/caMemory'",
		},
		"a word in the place of the switch for records ahead": {
			values: "ahead: {enabled: \"yes\"}",
			want:   "at '/ahead/enabled': got string, want boolean",
		},
		"a value of records ahead that the chart does not have": {
			values: "ahead: {queue: 200}",
			want:   "at '/ahead': additional properties 'queue' not allowed",
		},
		"a ServiceAccount of somebody else without its name": {
			values: "solver: {serviceAccount: {create: false}}",
			want:   "solver.serviceAccount.name is needed",
		},
		"a log format that the solver does not have": {
			values: "solver: {logging: {format: xml}}",
			want:   "at '/solver/logging/format'",
		},
		"an admission value that the chart does not have": {
			values: "admission: {policies: {}}",
			want:   "at '/admission': additional properties 'policies' not allowed",
		},
		"a failure policy that does not exist": {
			values: "admission: {failurePolicy: Warn}",
			want:   "at '/admission/failurePolicy': value must be one of",
		},
		"less time than a review may take": {
			values: "admission: {timeoutSeconds: 1}",
			want:   "at '/admission/timeoutSeconds': minimum: got 1, want 2",
		},
		"more time than the API server gives": {
			values: "admission: {timeoutSeconds: 31}",
			want:   "at '/admission/timeoutSeconds': maximum: got 31, want 30",
		},
		"an admission port that only root may open": {
			values: "admission: {service: {port: 443}}",
			want:   "at '/admission/service/port': minimum: got 443, want 1,025",
		},
		"metrics on the port of reviews": {
			values: "admission: {metrics: {port: 9443}}",
			want:   "admission.metrics.port and admission.service.port must differ",
		},
		"the solver's metrics on its own port": {
			values: "solver: {metrics: {port: 8443}}",
			want:   "solver.metrics.port and solver.service.port must differ",
		},
		"a severity that does not exist": {
			values: "admission: {policy: {rules: {wildcard-needs-dns01: error}}}",
			want:   "at '/admission/policy/rules/wildcard-needs-dns01': value must be one of",
		},
		"true in the place of a severity": {
			values: "admission: {policy: {rules: {wildcard-needs-dns01: on}}}",
			want:   "at '/admission/policy/rules/wildcard-needs-dns01': value must be one of",
		},
		"a rule that cannot be one": {
			values: "admission: {policy: {rules: {Wildcard: warn}}}",
			want:   "at '/admission/policy/rules': additional properties 'Wildcard' not allowed",
		},
		"a rule that there is not": {
			values: "admission: {policy: {rules: {wildcard-needs-dns: warn}}}",
			want:   "at '/admission/policy/rules': additional properties 'wildcard-needs-dns' not allowed",
		},
		"a rule in noSkip that there is not": {
			values: "admission: {policy: {noSkip: [wildcard-needs-dns]}}",
			want:   "at '/admission/policy/noSkip/0': value must be one of",
		},
		"a CA that nobody knows": {
			values: "admission: {policy: {caPolicies: [{server: 'https://ca.example.org/dir', like: lets-encrypt}]}}",
			want:   "at '/admission/policy/caPolicies/0/like': value must be one of",
		},
		"CA data that is a list": {
			values: "admission: {caData: {authorities: [{name: Corp CA}]}}",
			want:   "at '/admission/caData/authorities'",
		},
		"CA data of another kind": {
			values: "admission: {caData: {kind: Policy}}",
			want:   "at '/admission/caData/kind'",
		},
		"a CA without the level that names it": {
			values: "admission: {caData: {corp: {name: Corp CA}}}",
			want:   "at '/admission/caData': additional properties 'corp' not allowed",
		},
		"a word for yes or no": {
			values: "admission: {policy: {exemptByLabel: never}}",
			want:   "at '/admission/policy/exemptByLabel'",
		},
		"neither allowed nor denied": {
			values: "admission: {unjudged: warn}",
			want:   "at '/admission/unjudged': value must be one of",
		},
		"a policy of another kind": {
			values: "admission: {policy: {kind: ClusterPolicy}}",
			want:   "at '/admission/policy/kind'",
		},
		"a word of the policy that it does not have": {
			values: "admission: {policy: {exempt: [sandbox]}}",
			want:   "at '/admission/policy': additional properties 'exempt' not allowed",
		},
		"a CA of the policy without its server": {
			values: "admission: {policy: {caPolicies: [{like: private}]}}",
			want:   "at '/admission/policy/caPolicies/0': missing property 'server'",
		},
		"the Secrets of all namespaces": {
			values: "admission: {secretMetadata: {namespaces: [\"*\"]}}",
			want:   "at '/admission/secretMetadata/namespaces/0'",
		},
		"names of certificates that nobody verifies": {
			values: "admission: {clientNames: [api-server]}",
			want:   "admission.clientNames needs admission.clientCA.configMapName",
		},
		"a selector with an operator that does not exist": {
			values: "admission: {namespaceSelector: {matchExpressions: [{key: a, operator: Equals}]}}",
			want:   "at '/admission/namespaceSelector/matchExpressions/0/operator'",
		},
		"an admission ServiceAccount of somebody else without its name": {
			values: "admission: {serviceAccount: {create: false}}",
			want:   "admission.serviceAccount.name is needed",
		},
		"a label that selects the Pods": {
			values: "commonLabels: {app.kubernetes.io/name: mine}",
			want:   "at '/commonLabels/app.kubernetes.io~1name'",
		},
		"a label of Pods that selects them": {
			values: "admission: {podLabels: {app.kubernetes.io/component: mine}}",
			want:   "at '/admission/podLabels/app.kubernetes.io~1component'",
		},
		"a version with a word behind it": {
			values: "certManager: {version: v1.21.2 or later}",
			want:   "at '/certManager/version'",
		},
		"an environment variable without a name": {
			values: "solver: {extraEnv: [{value: x}]}",
			want:   "at '/solver/extraEnv/0': missing property 'name'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(test.values), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := template(t, "--values", file)
			if err == nil {
				t.Fatalf("rendered:\n%s", out)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("helm says %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestNothingIsRenderedWithoutAnImage(t *testing.T) {
	const want = `image.registry and image.repository must both be set: no image of certyun is published yet.
Build one from certyun's source, push it to a registry that your cluster can read, and name it:

  make image IMAGE=registry.example.org/certyun IMAGE_OUTPUT=type=registry
  helm install certyun … --set image.registry=registry.example.org --set image.repository=certyun
`
	for name, set := range map[string]string{
		"nothing is set":                    "image.tag=0.1.0",
		"the registry alone":                "image.registry=registry.example.org",
		"the repository alone":              "image.repository=certyun",
		"a digest alone":                    "image.digest=sha256:" + strings.Repeat("0", 64),
		"the registry is taken back":        "image.registry=null,image.repository=certyun",
		"the solver alone is installed":     "admission.enabled=false",
		"the admission server is installed": "solver.enabled=false",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := helm(t, "template", "certyun", chart, "--set", set)
			if err == nil {
				t.Fatalf("rendered:\n%s", out)
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("helm says %q, want %q in it", err, want)
			}
		})
	}
}

// objects decodes a render.
func objects(t *testing.T, manifest string) []unstructured.Unstructured {
	t.Helper()
	var list []unstructured.Unstructured
	for doc := range strings.SplitSeq(manifest, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		if string(data) == "null" {
			continue
		}
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(data); err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		list = append(list, object)
	}
	return list
}

func decode[T any](t *testing.T, object unstructured.Unstructured) T {
	t.Helper()
	var typed T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return typed
}

func TestRolesGrantNoMoreThanIsUsed(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range objects(t, render(t, "--values", values)) {
				if kind := object.GetKind(); kind != "Role" && kind != "ClusterRole" {
					continue
				}
				// A Role and a ClusterRole hold the same rules.
				for _, rule := range decode[rbacv1.ClusterRole](t, object).Rules {
					checkRule(t, object, rule)
				}
			}
		})
	}
}

func checkRule(t *testing.T, role unstructured.Unstructured, rule rbacv1.PolicyRule) {
	t.Helper()
	if slices.Contains(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs), "*") {
		t.Errorf("%s holds a wildcard: %v", role.GetName(), rule)
	}
	if role.GetLabels()["app.kubernetes.io/component"] == "admission" {
		return // TestAdmissionRights tells exactly what is granted
	}
	if slices.Contains(rule.Resources, "secrets") && !slices.Equal(rule.Verbs, []string{"get"}) {
		t.Errorf("%s lets Secrets be read by other means than by name: %v", role.GetName(), rule.Verbs)
	}
}

func TestPodsAreRestricted(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range objects(t, render(t, "--values", values)) {
				if object.GetKind() == "Deployment" {
					checkPod(t, decode[appsv1.Deployment](t, object).Spec.Template.Spec)
				}
			}
		})
	}
}

// checkPod holds a Pod against the Pod Security Standard "restricted" (https://kubernetes.io/docs/concepts/security/pod-security-standards/)
// and against what certyun adds to it: a read-only root, and bounds on what it uses.
func checkPod(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	if pod.SecurityContext == nil || pod.SecurityContext.SeccompProfile == nil {
		t.Fatal("the Pod has no security context with a seccomp profile")
	}
	if profile := pod.SecurityContext.SeccompProfile.Type; profile != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("seccomp profile %s", profile)
	}
	if nonRoot := pod.SecurityContext.RunAsNonRoot; nonRoot == nil || !*nonRoot {
		t.Error("the Pod may run as root")
	}
	for _, container := range pod.Containers {
		want := &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			RunAsUser:                container.SecurityContext.RunAsUser,
		}
		if diff := cmp.Diff(want, container.SecurityContext); diff != "" {
			t.Errorf("security context of %s (-want +got):\n%s", container.Name, diff)
		}
		for _, list := range []corev1.ResourceList{container.Resources.Requests, container.Resources.Limits} {
			if list.Cpu().IsZero() || list.Memory().IsZero() {
				t.Errorf("%s does not bound CPU and memory: %v", container.Name, container.Resources)
			}
		}
	}
}

// partOf tells which of the two servers an object belongs to.
func partOf(object unstructured.Unstructured) string {
	return object.GetLabels()["app.kubernetes.io/component"]
}

// The API server of a cluster without a Pod network dials the port that the APIService and the webhook configuration name,
// wherever the Service sends it.
func TestOnePortEverywhere(t *testing.T) {
	type ports struct {
		Argument                   string
		Container, Service, Dialed int64
	}
	got := map[string]*ports{"solver": {}, "admission": {}}
	for _, object := range objects(t, render(t, "--set", "solver.service.port=9444,admission.service.port=9445")) {
		got := got[partOf(object)]
		switch object.GetKind() {
		case "Deployment":
			container := decode[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0]
			got.Container = int64(container.Ports[0].ContainerPort)
			index := slices.IndexFunc(container.Args, func(arg string) bool { return strings.HasPrefix(arg, "--secure-port=") })
			got.Argument = container.Args[index]
		case "Service":
			got.Service = int64(decode[corev1.Service](t, object).Spec.Ports[0].Port)
		case "APIService":
			got.Dialed, _, _ = unstructured.NestedInt64(object.Object, "spec", "service", "port")
		case "ValidatingWebhookConfiguration":
			for _, webhook := range decode[admissionregistrationv1.ValidatingWebhookConfiguration](t, object).Webhooks {
				got.Dialed = int64(*webhook.ClientConfig.Service.Port)
			}
		}
	}
	want := map[string]*ports{
		"solver":    {Argument: "--secure-port=9444", Container: 9444, Service: 9444, Dialed: 9444},
		"admission": {Argument: "--secure-port=9445", Container: 9445, Service: 9445, Dialed: 9445},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// A type that the chart writes would fight with one that somebody else set.
func TestServiceTypeIsWrittenOnlyWhenSet(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want map[string]corev1.ServiceType
	}{
		"not set": {want: map[string]corev1.ServiceType{"solver": "", "admission": ""}},
		"set": {
			args: []string{"--set", "solver.service.type=LoadBalancer,admission.service.type=NodePort"},
			want: map[string]corev1.ServiceType{"solver": corev1.ServiceTypeLoadBalancer, "admission": corev1.ServiceTypeNodePort},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]corev1.ServiceType{}
			for _, object := range objects(t, render(t, test.args...)) {
				if object.GetKind() == "Service" {
					got[partOf(object)] = decode[corev1.Service](t, object).Spec.Type
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("types (-want +got):\n%s", diff)
			}
		})
	}
}

// The same release name in two namespaces, each with a group of its own, shares no object.
func TestTwoInstallsDoNotClash(t *testing.T) {
	seen := map[string]string{}
	for _, namespace := range []string{"a", "b"} {
		manifest, err := template(t, "--namespace", namespace, "--set", "groupName="+namespace+".example.org")
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range objects(t, manifest) {
			key := strings.Join([]string{object.GetKind(), object.GetNamespace(), object.GetName()}, "/")
			if other, clash := seen[key]; clash {
				t.Errorf("%s is made by the installs in %s and %s", key, other, namespace)
			}
			seen[key] = namespace
		}
	}
}

func TestEveryObjectIsLabelled(t *testing.T) {
	want := labels.SelectorFromSet(labels.Set{"team": "platform", "app.kubernetes.io/part-of": "certyun"})
	args := []string{"--set", "commonLabels.team=platform", "--values", filepath.Join(goldenDir, "everything"+valuesSuffix)}
	for _, object := range objects(t, render(t, args...)) {
		if got := labels.Set(object.GetLabels()); !want.Matches(got) {
			t.Errorf("%s %s has the labels %v", object.GetKind(), object.GetName(), got)
		}
	}
}

// A label or an annotation that is set at two places, or that the chart has as well, is written once.
func TestLabelsAreWrittenOnce(t *testing.T) {
	manifest := render(t, "--set", "commonLabels.team=platform,commonLabels.app\\.kubernetes\\.io/part-of=shop,commonLabels.helm\\.sh/chart=mine",
		"--set", "solver.podLabels.team=dns,admission.podLabels.app\\.kubernetes\\.io/part-of=gate",
		"--set", "solver.podAnnotations.kubectl\\.kubernetes\\.io/default-container=sidecar")
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Errorf("%v in\n%s", err, document)
		}
	}
	type written struct{ Team, PartOf, Container string }
	got := map[string]written{}
	for _, object := range objects(t, manifest) {
		if object.GetKind() != "Deployment" {
			continue
		}
		if diff := cmp.Diff("shop platform mine", strings.Join([]string{object.GetLabels()["app.kubernetes.io/part-of"], object.GetLabels()["team"], object.GetLabels()["helm.sh/chart"]}, " ")); diff != "" {
			t.Errorf("labels of %s (-want +got):\n%s", object.GetName(), diff)
		}
		pod := decode[appsv1.Deployment](t, object).Spec.Template
		got[partOf(object)] = written{pod.Labels["team"], pod.Labels["app.kubernetes.io/part-of"], pod.Annotations["kubectl.kubernetes.io/default-container"]}
	}
	want := map[string]written{"solver": {"dns", "shop", "sidecar"}, "admission": {"platform", "gate", "admission"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Pods (-want +got):\n%s", diff)
	}
}

// With null a value of the chart is taken back, as Helm documents. For lists and mappings that is to say none.
func TestNullIsNone(t *testing.T) {
	for _, value := range []string{
		"commonLabels", "imagePullSecrets", "certManager.otherServiceAccountNames", "secrets.namespaces", "secrets.resourceNames", "ambient.roleArns",
		"propagation.nameservers", "propagation.allowNetworks", "solver.cnameTargets", "solver.podLabels", "solver.podAnnotations", "solver.extraArgs",
		"admission.policy", "admission.exemptUsers", "admission.namespaceSelector", "admission.objectSelector", "admission.clientNames",
		"admission.secretMetadata.namespaces", "admission.podLabels", "admission.podAnnotations", "admission.tolerations",
	} {
		if _, err := template(t, "--set", value+"=null"); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}
