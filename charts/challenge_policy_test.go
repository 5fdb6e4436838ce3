package charts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	acmeclient "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/typed/acme/v1"
	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// jane may do what she likes, as far as roles are concerned.
const jane = "jane"

// startAPIServer starts a real API server with cert-manager's definitions.
func startAPIServer(t *testing.T) *rest.Config {
	t.Helper()
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join("..", ".local", "bin")
	}
	server := &envtest.Environment{
		BinaryAssetsDirectory: assets, ErrorIfCRDPathMissing: true,
		CRDDirectoryPaths: []string{filepath.Join(strings.TrimSpace(string(module)), "deploy", "crds")},
	}
	config, err := server.Start()
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	return config
}

// as returns what one uses who has all rights.
func as(t *testing.T, config *rest.Config, user string) acmeclient.AcmeV1Interface {
	t.Helper()
	its := rest.CopyConfig(config)
	its.Impersonate.UserName, its.QPS = user, -1
	set, err := versioned.NewForConfig(its)
	if err != nil {
		t.Fatal(err)
	}
	return set.AcmeV1()
}

func newChallenge(name string) *cmacme.Challenge {
	return &cmacme.Challenge{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{cmacme.ACMEDomainQualifiedFinalizer}},
		Spec: cmacme.ChallengeSpec{
			Type: cmacme.ACMEChallengeTypeDNS01, DNSName: "example.com", Key: "the-value", Token: "token", URL: "https://ca.test/1", AuthorizationURL: "https://ca.test/a",
			IssuerRef: cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer"},
			Solver:    cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{GroupName: "acme.certyun.internal", SolverName: "alidns"}}},
		},
	}
}

func newOrder(name string) *cmacme.Order {
	return &cmacme.Order{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       cmacme.OrderSpec{Request: []byte("request"), IssuerRef: cmmeta.IssuerReference{Name: "le"}, DNSNames: []string{"example.com"}},
	}
}

// change changes what is there.
func change(ctx context.Context, asked acmeclient.AcmeV1Interface, resource, subresource, patch string) error {
	return asked.RESTClient().Patch(types.MergePatchType).Namespace("default").Resource(resource).Name("there").SubResource(strings.Fields(subresource)...).
		Body([]byte(patch)).Do(ctx).Error()
}

func TestChallengePolicy(t *testing.T) {
	config := startAPIServer(t)
	admin, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "all"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: jane},
			{Kind: rbacv1.ServiceAccountKind, Name: "cert-manager", Namespace: "cert-manager"},
			{Kind: rbacv1.ServiceAccountKind, Name: "cert-manager", Namespace: "team-a"},
		},
	}
	if err := admin.Create(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	controller := as(t, config, certManager)
	if _, err := controller.Challenges("default").Create(t.Context(), newChallenge("there"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := controller.Orders("default").Create(t.Context(), newOrder("there"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	install(t, admin, as(t, config, jane), objects(t, render(t, "--set", "hardening.challengePolicy=true")))

	const creates = "only cert-manager's controller (" + certManager + ") creates Challenges and Orders; create a Certificate instead"
	const changes = "only cert-manager's controller (" + certManager + ") changes the spec and the status of Challenges and Orders"
	create := func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
		_, err := asked.Challenges("default").Create(ctx, newChallenge("new"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	patches := func(resource, subresource, patch string) func(context.Context, acmeclient.AcmeV1Interface) error {
		return func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
			return change(ctx, asked, resource, subresource, patch)
		}
	}
	for _, test := range []struct {
		name string
		do   func(context.Context, acmeclient.AcmeV1Interface) error
		// want is the refusal that others get, "" for none. cert-manager gets none.
		want string
	}{
		{"to create a Challenge", create, creates},
		{"to create an Order", func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
			_, err := asked.Orders("default").Create(ctx, newOrder("new"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}, creates},
		{"to apply a Challenge", func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
			body := `{"apiVersion":"acme.cert-manager.io/v1","kind":"Challenge","metadata":{"name":"applied"},"spec":{"type":"DNS-01","dnsName":"example.com","key":"v",` +
				`"token":"t","url":"u","authorizationURL":"a","issuerRef":{"name":"le"},"solver":{}}}`
			return asked.RESTClient().Patch(types.ApplyPatchType).Namespace("default").Resource("challenges").Name("applied").
				Param("fieldManager", "somebody").Param("dryRun", "All").Body([]byte(body)).Do(ctx).Error()
		}, creates},
		{"to change a Challenge's key", patches("challenges", "", `{"spec":{"key":"v=spf1 -all"}}`), changes},
		{"to change a Challenge's solver", patches("challenges", "", `{"spec":{"solver":{"dns01":{"cnameStrategy":"Follow"}}}}`), changes},
		{"to change a Challenge's status", patches("challenges", "status", `{"status":{"processing":true,"presented":true}}`), changes},
		{"to take a Challenge's status away", patches("challenges", "status", `{"status":null}`), changes},
		{"to change an Order's names", patches("orders", "", `{"spec":{"dnsNames":["example.org"]}}`), changes},
		{"to change an Order's status", patches("orders", "status", `{"status":{"authorizations":[{"url":"https://ca.test/a","identifier":"example.com"}]}}`), changes},
		{"to change a status where there was one", patches("orders", "status", `{"status":{"state":"valid"}}`), changes},
		{"to annotate a Challenge", patches("challenges", "", `{"metadata":{"annotations":{"certyun.internal/again":"1"},"labels":{"team":"a"}}}`), ""},
		{"to annotate an Order", patches("orders", "", `{"metadata":{"annotations":{"example.org/note":"1"}}}`), ""},
		{"to change nothing", patches("challenges", "", `{}`), ""},
		{"to drop the finalizers of a Challenge", patches("challenges", "", `{"metadata":{"finalizers":null}}`), ""},
		{"to delete a Challenge", func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
			return asked.Challenges("default").Delete(ctx, "there", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		}, ""},
		{"to delete all Orders", func(ctx context.Context, asked acmeclient.AcmeV1Interface) error {
			return asked.Orders("default").DeleteCollection(ctx, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}, metav1.ListOptions{})
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, user := range []string{jane, "system:serviceaccount:team-a:cert-manager"} {
				if got := refusal(test.do(t.Context(), as(t, config, user))); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
					t.Errorf("%s: %q, want %q", user, got, test.want)
				}
			}
			if err := test.do(t.Context(), controller); err != nil {
				t.Errorf("cert-manager: %v", err)
			}
		})
	}
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(apierrors.ReasonForError(err), ": ", err)
}

// install creates the policy and its binding, and waits until it is in force.
func install(t *testing.T, admin client.Client, asked acmeclient.AcmeV1Interface, objects []unstructured.Unstructured) {
	t.Helper()
	var installed []string
	for _, object := range objects {
		if strings.HasPrefix(object.GetKind(), "ValidatingAdmissionPolicy") {
			installed = append(installed, object.GetKind()+" "+object.GetName())
			if err := admin.Create(t.Context(), &object); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{"ValidatingAdmissionPolicy cert-manager.certyun-challenges", "ValidatingAdmissionPolicyBinding cert-manager.certyun-challenges"}
	if diff := cmp.Diff(want, installed); diff != "" {
		t.Fatalf("what is installed (-want +got):\n%s", diff)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		_, err := asked.Challenges("default").Create(t.Context(), newChallenge("probe"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsForbidden(err) {
			return
		}
	}
	t.Fatal("the policy does not come into force")
}
