package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission"
	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
	evidence "github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/admission/rule"
)

// The admission server reads what any tenant writes, so it has no right on a Secret but the one that holds its own
// authority. Whoever wants it to know which Secrets exist names the namespaces.
func TestAdmissionRights(t *testing.T) {
	reads := []string{"get", "list", "watch"}
	always := []string{
		fmt.Sprintf("everywhere: %v cert-manager.io [certificates issuers clusterissuers]", reads),
		fmt.Sprintf("everywhere: %v apiregistration.k8s.io [apiservices]", reads),
		fmt.Sprintf("everywhere: %v apiextensions.k8s.io [customresourcedefinitions]", reads),
		fmt.Sprintf("everywhere: %v  [namespaces]", reads),
		`in cert-manager: [get list watch update]  [secrets] [certyun-admission-ca]`,
	}
	for name, test := range map[string]struct {
		args []string
		more []string
	}{
		"by default": {},
		"with Secrets opened to the solver": {
			args: []string{"--set", "secrets.clusterWide=true"},
		},
		"with two namespaces opened": {
			args: []string{"--set", "admission.secretMetadata.namespaces={team-a,team-b,team-a}"},
			more: []string{
				fmt.Sprintf("in team-a: %v  [secrets]", reads),
				fmt.Sprintf("in team-b: %v  [secrets]", reads),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := rights(t, objects(t, render(t, test.args...)), "cert-manager", "certyun-admission")
			want := slices.Sorted(slices.Values(slices.Concat(always, test.more)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rights (-want +got):\n%s", diff)
			}
		})
	}
}

// rights lists what a ServiceAccount is granted, whatever the roles are called. Roles that are not the chart's are named.
func rights(t *testing.T, list []unstructured.Unstructured, namespace, account string) []string {
	t.Helper()
	rules := map[string][]rbacv1.PolicyRule{}
	for _, object := range list {
		if kind := object.GetKind(); kind == "Role" || kind == "ClusterRole" {
			key := kind + " " + object.GetNamespace() + "/" + object.GetName()
			rules[key] = decode[rbacv1.ClusterRole](t, object).Rules
		}
	}
	var granted []string
	for _, object := range list {
		if kind := object.GetKind(); kind != "RoleBinding" && kind != "ClusterRoleBinding" {
			continue
		}
		binding := decode[rbacv1.RoleBinding](t, object)
		if !slices.Contains(binding.Subjects, rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: account}) {
			continue
		}
		where, roleNamespace := "everywhere", ""
		if object.GetNamespace() != "" {
			where = "in " + object.GetNamespace()
		}
		if binding.RoleRef.Kind == "Role" {
			roleNamespace = object.GetNamespace()
		}
		found, ok := rules[binding.RoleRef.Kind+" "+roleNamespace+"/"+binding.RoleRef.Name]
		if !ok {
			granted = append(granted, fmt.Sprintf("%s: %s %s of Kubernetes", where, binding.RoleRef.Kind, binding.RoleRef.Name))
		}
		for _, r := range found {
			right := fmt.Sprintf("%s: %v %s %v", where, r.Verbs, strings.Join(r.APIGroups, " "), r.Resources)
			if len(r.ResourceNames) > 0 {
				right += fmt.Sprintf(" %v", r.ResourceNames)
			}
			granted = append(granted, right)
		}
	}
	slices.Sort(granted)
	return granted
}

func TestAdmissionArgumentsAreFlags(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range objects(t, render(t, "--values", values)) {
				if object.GetKind() != "Deployment" || partOf(object) != "admission" {
					continue
				}
				args := decode[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0].Args
				command := admission.NewCommand()
				if args[0] != command.Name() {
					t.Errorf("the command is %q, want %q", args[0], command.Name())
				}
				if err := command.ParseFlags(args[1:]); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What a value says of CAs arrives as it was written, and caPolicies may name it.
func TestCADataValue(t *testing.T) {
	const values = `
admission:
  policy:
    caPolicies: [{server: https://acme.example.org/directory, like: corp}]
  caData:
    authorities:
      corp:
        name: Corp CA
        directory: https://ca.example.org/acme/acme/directory
        eab: {required: no}
        profiles: {list: [{lifetimes: [{validity: 30d}, {from: 2027-01-01, validity: 7d}]}]}
      letsencrypt:
        like: letsencrypt
        limits: {sameNames: 5, sameNamesRefill: 34h, domain: 2000000, orders: 30000000}
`
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	var data map[string]string
	for _, object := range objects(t, render(t, "--values", file)) {
		if object.GetKind() == "ConfigMap" && partOf(object) == "admission" {
			data = decode[corev1.ConfigMap](t, object).Data
		}
	}
	known, err := ca.Known().Extended([]byte(data["ca-data.yaml"]))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, data["ca-data.yaml"])
	}
	decided, err := policy.ReadWith(known, []byte(data["policy.yaml"]), catalogue.Rules())
	if err != nil {
		t.Fatalf("%v in:\n%s", err, data["policy.yaml"])
	}
	for _, server := range []string{"https://ca.example.org/acme/acme/directory", "https://acme.example.org/directory"} {
		if corp := decided.CAs.Lookup(server); corp == nil || corp.Name != "Corp CA" || corp.EAB.Required != ca.No {
			t.Errorf("of %s is known %+v", server, corp)
		}
	}
	if got := decided.CAs.Lookup("https://acme-v02.api.letsencrypt.org/directory").Limits.Orders; got != 30000000 {
		t.Errorf("orders: %v, want 30000000", got)
	}
}

func TestPolicyValue(t *testing.T) {
	var text string
	// A bare off, which YAML reads as false.
	const off = `admission.policy.caPolicies=[{"server":"https://acme-v02.api.letsencrypt.org/directory","like":false},{"server":"https://ca.example.org/acme/directory","like":"step-ca"}]`
	for _, object := range objects(t, render(t, "--values", goldenDir+"/everything"+valuesSuffix, "--set-json", off)) {
		if object.GetKind() == "ConfigMap" && partOf(object) == "admission" {
			text = decode[corev1.ConfigMap](t, object).Data["policy.yaml"]
		}
	}
	decided, err := policy.Read([]byte(text), catalogue.Rules())
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	want := &rule.Policy{
		Rules: map[string]rule.Severity{
			"acme-name-may-fail": rule.Off, "secret-name-shared": rule.Warn, "wildcard-needs-dns01": rule.Deny,
		},
		ExemptNamespaces: []string{"sandbox"},
		CrossResource:    rule.CrossWarn,
		NoSkip:           []string{"wildcard-needs-dns01"},
	}
	if diff := cmp.Diff(want, decided.Policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if decided.CAs.Lookup("https://ca.example.org/acme/directory") == nil {
		t.Error("the CA of the policy is not known")
	}
	if decided.CAs.Lookup("https://acme-v02.api.letsencrypt.org/directory") != nil {
		t.Error("a server that is off has a policy")
	}
}

// Only what cert-manager reads may be refused for want of an answer. Deletions and traffic are never held up.
func TestFailurePolicies(t *testing.T) {
	for _, failure := range []admissionregistrationv1.FailurePolicyType{admissionregistrationv1.Ignore, admissionregistrationv1.Fail} {
		t.Run(string(failure), func(t *testing.T) {
			got := map[string]admissionregistrationv1.FailurePolicyType{}
			for _, webhook := range webhooks(t, "--set", "admission.failurePolicy="+string(failure)) {
				got[webhook.Name] = *webhook.FailurePolicy
			}
			want := map[string]admissionregistrationv1.FailurePolicyType{
				validates:   failure,
				deletes:     admissionregistrationv1.Ignore,
				annotations: admissionregistrationv1.Ignore,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("failure policies (-want +got):\n%s", diff)
			}
		})
	}
}

// A namespace's labels exempt it only while the policy lets them.
func TestExemptionByLabel(t *testing.T) {
	own := metav1.LabelSelectorRequirement{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"cert-manager"}}
	byLabel := []metav1.LabelSelectorRequirement{
		{Key: "cert-manager.io/disable-validation", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"true"}},
		{Key: "certyun.internal/admission", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"off"}},
	}
	for name, test := range map[string]struct {
		args []string
		want []metav1.LabelSelectorRequirement
	}{
		"by default":   {nil, append(byLabel, own)},
		"by the value": {[]string{"--set", "admission.policy.exemptByLabel=true"}, append(byLabel, own)},
		"not":          {[]string{"--set", "admission.policy.exemptByLabel=false"}, []metav1.LabelSelectorRequirement{own}},
		"nobody": {
			[]string{"--set", "admission.policy.exemptByLabel=false", "--set", "admission.exemptOwnNamespaces=false"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, webhook := range webhooks(t, test.args...) {
				if diff := cmp.Diff(test.want, webhook.NamespaceSelector.MatchExpressions); diff != "" {
					t.Errorf("%s (-want +got):\n%s", webhook.Name, diff)
				}
			}
		})
	}
}

// webhooks returns the entries of the webhook configuration.
func webhooks(t *testing.T, args ...string) []admissionregistrationv1.ValidatingWebhook {
	t.Helper()
	for _, object := range objects(t, render(t, args...)) {
		if object.GetKind() == "ValidatingWebhookConfiguration" {
			return decode[admissionregistrationv1.ValidatingWebhookConfiguration](t, object).Webhooks
		}
	}
	t.Fatal("there is no webhook configuration")
	return nil
}

// What the READMEs show is what is said.
func TestRejectionInReadmes(t *testing.T) {
	world := evidence.New(rule.IndexKeys)
	issuer := &cmv1.ClusterIssuer{}
	issuer.Name = "letsencrypt-http01"
	issuer.Spec.ACME = &acmev1.ACMEIssuer{
		Server: "https://acme-v02.api.letsencrypt.org/directory",
		Solvers: []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
			Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{},
		}}},
	}
	issuer.Status.Conditions = []cmv1.IssuerCondition{{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue}}
	world.AddIssuer(issuer)
	for _, file := range []string{"../README.md", "../README.zh-CN.md"} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(data), "  name: web\n")
			manifest, after, _ := strings.Cut(after, "```\n\n```console\n$ kubectl apply -f web.yaml\n")
			shown, _, found := strings.Cut(after, "```\n")
			if !found {
				t.Fatal("the README shows no rejected Certificate")
			}
			certificate := &cmv1.Certificate{}
			if err := yaml.UnmarshalStrict([]byte("metadata:\n  name: web\n  namespace: default\n"+manifest), certificate); err != nil {
				t.Fatal(err)
			}
			settings := rule.Settings{CertManagerVersion: "v1.21.2", CAs: ca.Known(), Now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
			findings, err := rule.NewOnlineEngine(catalogue.Rules()).Review(t.Context(), &rule.Environment{World: world, Settings: settings},
				&rule.Policy{}, rule.Request{Operation: rule.Create, Object: certificate})
			if err != nil {
				t.Fatal(err)
			}
			said := make([]string, 0, len(findings))
			for _, f := range findings {
				said = append(said, f.String())
			}
			if diff := cmp.Diff(shown, "The Certificate \"web\" is invalid: "+strings.Join(said, "\n")+"\n"); diff != "" {
				t.Errorf("-shown +said:\n%s", diff)
			}
		})
	}
}
