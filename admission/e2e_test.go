package admission

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// apiServer is a real API server with cert-manager's definitions, which shows webhooks a client certificate.
type apiServer struct {
	*envtest.Environment
	config *rest.Config
	// callers is the CA of the certificate that it shows.
	callers *authorityOf
}

const callerName = "kube-apiserver-admission"

func startAPIServer(t testing.TB) *apiServer {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS must name the directory of etcd and kube-apiserver (make tools)")
	}
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	s := &apiServer{callers: newAuthority(t, "callers"), Environment: &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(strings.TrimSpace(string(module)), "deploy", "crds")},
		ErrorIfCRDPathMissing: true,
	}}
	s.ControlPlane.GetAPIServer().Configure().Set("admission-control-config-file", s.callerConfig(t))
	if s.config, err = s.Start(); err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	s.config.QPS = -1
	return s
}

// callerConfig tells the API server with which certificate to call webhooks, as the documentation has it.
func (s *apiServer) callerConfig(t testing.TB) string {
	t.Helper()
	certificate, key := s.callers.issue(t, callerName, x509.ExtKeyUsageClientAuth)
	dir := t.TempDir()
	kubeconfig, file := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "admission.yaml")
	writeFile(t, kubeconfig, fmt.Appendf(nil, `apiVersion: v1
kind: Config
users:
- name: '*'
  user: {client-certificate-data: %s, client-key-data: %s}
`, base64.StdEncoding.EncodeToString(certificate), base64.StdEncoding.EncodeToString(key)))
	writeFile(t, file, fmt.Appendf(nil, `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: %q}
`, kubeconfig))
	return file
}

// shownWarnings collects what kubectl would print.
type shownWarnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *shownWarnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// take returns what came since it was called last.
func (w *shownWarnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.texts
	w.texts = nil
	return taken
}

// client is one that an administrator uses.
func (s *apiServer) client(t testing.TB, shown *shownWarnings) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmapi.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(s.config)
	config.WarningHandler = rest.NoWarnings{}
	if shown != nil {
		config.WarningHandler = shown
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t testing.TB, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

func namespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// kubeconfig is that of a user with the rights that the chart gives, in a file.
func (s *apiServer) kubeconfig(t testing.TB, user string, more ...rbacv1.PolicyRule) string {
	t.Helper()
	reads := []string{"get", "list", "watch"}
	create(t, s.client(t, nil),
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: append(more,
			rbacv1.PolicyRule{Verbs: reads, APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates", "issuers", "clusterissuers"}},
			rbacv1.PolicyRule{Verbs: reads, APIGroups: []string{"apiregistration.k8s.io"}, Resources: []string{"apiservices"}},
			rbacv1.PolicyRule{Verbs: reads, APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}},
			rbacv1.PolicyRule{Verbs: reads, APIGroups: []string{""}, Resources: []string{"namespaces"}},
		)},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		},
	)
	added, err := s.AddUser(envtest.User{Name: user}, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := added.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, file, content)
	return file
}

// server is a running `certyun admission`.
type server struct {
	options *Options
	roots   *authorityOf
	// stop ends it and returns what Run returned.
	stop func() error
}

func (s *server) url(path string) string {
	return fmt.Sprintf("https://localhost:%d%s", s.options.SecurePort, path)
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// startServer runs the server as the command does, with a certificate from files, and waits until it is ready.
func startServer(t testing.TB, kubeconfig string, set func(*Options)) *server {
	t.Helper()
	s := &server{options: NewOptions(), roots: newAuthority(t, "serving")}
	dir := t.TempDir()
	certificate, key := s.roots.issue(t, "server", x509.ExtKeyUsageServerAuth)
	s.options.TLS = TLSOptions{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	writeFile(t, s.options.TLS.CertFile, certificate)
	writeFile(t, s.options.TLS.KeyFile, key)
	s.options.Kubeconfig, s.options.SecurePort = kubeconfig, freePort(t)
	s.options.MetricsBindAddress = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	set(s.options)
	s.run(t)
	probe := httpsClient(s.roots, nil)
	eventually(t, "the server is ready", func() bool { return answers(t, probe, s.url("/readyz")) })
	return s
}

func (s *server) run(t testing.TB) {
	t.Helper()
	s.options.Complete()
	if err := s.options.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.options.Run(ctx) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
}

func answers(t testing.TB, c *http.Client, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(req)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

const webhookName = "admission.certyun.internal"

// register tells the API server of the webhook, and waits until it asks it: failurePolicy is Fail, so nothing gets by.
func (s *server) register(t testing.TB, c client.Client) {
	t.Helper()
	rules := func(resources []string, operations ...admissionregistrationv1.OperationType) admissionregistrationv1.RuleWithOperations {
		return admissionregistrationv1.RuleWithOperations{Operations: operations, Rule: admissionregistrationv1.Rule{
			APIGroups: []string{"cert-manager.io"}, APIVersions: []string{"v1"}, Resources: resources,
		}}
	}
	url := s.url("/validate")
	create(t, c, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "certyun"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    webhookName,
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: s.roots.pem()},
			Rules:                   []admissionregistrationv1.RuleWithOperations{rules([]string{"certificates"}, "CREATE", "UPDATE"), rules([]string{"issuers", "clusterissuers"}, "CREATE", "UPDATE", "DELETE")},
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	})
	eventually(t, "the API server asks the webhook", func() bool {
		return apierrors.IsInvalid(c.Create(t.Context(), badKey("probe"), client.DryRunAll))
	})
}

func newCertificate(name string, dnsNames ...string) *cmapi.Certificate {
	return &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: cmapi.CertificateSpec{
			SecretName: name + "-tls", DNSNames: dnsNames, IssuerRef: cmmeta.IssuerReference{Name: "le", Kind: "Issuer", Group: "cert-manager.io"},
		},
	}
}

// badKey is a Certificate that no cluster can issue.
func badKey(name string) *cmapi.Certificate {
	crt := newCertificate(name, name+".certyun.dev")
	crt.Spec.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 2048}
	return crt
}

func http01Solver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
}

func dns01Solver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{CloudDNS: &acmev1.ACMEIssuerDNS01ProviderCloudDNS{Project: "p"}}}
}

func acmeIssuer(name string, solvers ...acmev1.ACMEChallengeSolver) *cmapi.Issuer {
	return &cmapi.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:     "https://acme-v02.api.letsencrypt.org/directory",
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name + "-account"}},
			Solvers:    solvers,
		}}},
	}
}

// refusal is what a client reads of a denial.
type refusal struct {
	Code         int32
	Kind, Name   string
	Fields       []string
	Rules        []string
	MessageIsAll bool
}

// refused reads a denial. The rules are named at the end of each cause.
func refused(t testing.TB, err error) refusal {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		t.Fatalf("the error is no denial: %v", err)
	}
	s := status.Status()
	r := refusal{Code: s.Code, Kind: s.Details.Kind, Name: s.Details.Name, MessageIsAll: strings.HasPrefix(s.Message,
		fmt.Sprintf("admission webhook %q denied the request: %s.%s %q is invalid: ", webhookName, s.Details.Kind, s.Details.Group, s.Details.Name))}
	for _, cause := range s.Details.Causes {
		r.Fields = append(r.Fields, cause.Field)
		r.Rules = append(r.Rules, cause.Message[strings.LastIndex(cause.Message, "["):])
		r.MessageIsAll = r.MessageIsAll && strings.Contains(s.Message, cause.Field+": "+cause.Message)
	}
	return r
}

func TestAgainstAnAPIServer(t *testing.T) {
	api := startAPIServer(t)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	writeFile(t, policy, []byte(policyHead))
	callerCA := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, callerCA, api.callers.pem())
	s := startServer(t, api.kubeconfig(t, "certyun-admission"), func(o *Options) {
		o.PolicyFile, o.ClientCAFile, o.ClientNames = policy, callerCA, []string{callerName}
	})
	shown := &shownWarnings{}
	c := api.client(t, shown)
	s.register(t, c)
	shown.take()

	t.Run("a Certificate before its Issuer passes with a warning", func(t *testing.T) {
		create(t, c, newCertificate("early", "early.certyun.dev"))
		wantWarning(t, shown.take(), "[issuer-not-found] spec.issuerRef")
	})
	t.Run("good manifests pass without a word", func(t *testing.T) {
		create(t, c, acmeIssuer("le", http01Solver()), newCertificate("good", "good.certyun.dev"))
		if got := shown.take(); len(got) > 0 {
			t.Errorf("warnings: %q", got)
		}
	})
	t.Run("a bad Certificate is denied with all causes", func(t *testing.T) {
		crt := badKey("bad")
		crt.Spec.DNSNames = append(crt.Spec.DNSNames, "*.wild.certyun.dev")
		want := refusal{422, "Certificate", "bad", []string{"spec.dnsNames[1]", "spec.privateKey.size"}, []string{"[wildcard-needs-dns01]", "[key-size-for-algorithm]"}, true}
		for title, options := range map[string][]client.CreateOption{"create": nil, "dry run": {client.DryRunAll}} {
			if diff := cmp.Diff(want, refused(t, c.Create(t.Context(), crt.DeepCopy(), options...))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", title, diff)
			}
		}
	})
	t.Run("an Issuer that names no Secret is denied, and a ClusterIssuer is not", func(t *testing.T) {
		issuer := acmeIssuer("keyless", acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{
			Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{GroupName: "acme.certyun.internal", SolverName: "dnspod"},
		}})
		// Beside the denial stands the warning that nobody serves the group here.
		want := []string{"[webhook-ambient-not-allowed]", "[webhook-apiservice-missing]"}
		if diff := cmp.Diff(want, refused(t, c.Create(t.Context(), issuer)).Rules); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
		create(t, c, &cmapi.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "keyless"}, Spec: issuer.Spec})
		shown.take()
	})
	t.Run("kubectl prints every path", func(t *testing.T) { testKubectl(t, api) })
	t.Run("a name that the API server makes", func(t *testing.T) {
		crt := badKey("")
		crt.Name, crt.GenerateName, crt.Spec.DNSNames = "", "bad-", []string{"made.certyun.dev"}
		if got := refused(t, c.Create(t.Context(), crt)); !strings.HasPrefix(got.Name, "bad-") {
			t.Errorf("the name in the denial is %q", got.Name)
		}
	})
	t.Run("an update is denied only for what it makes worse", func(t *testing.T) { testRatchet(t, c, shown) })
	t.Run("an Issuer that was changed a moment ago counts as it is", func(t *testing.T) { testFreshness(t, c) })
	t.Run("a deletion of an Issuer in use warns", func(t *testing.T) {
		shown.take()
		if err := c.Delete(t.Context(), acmeIssuer("le")); err != nil {
			t.Fatal(err)
		}
		wantWarning(t, shown.take(), "[issuer-delete-in-use]")
	})
	t.Run("nobody else gets a review, and probes need no certificate", func(t *testing.T) {
		stranger := httpsClient(s.roots, nil)
		for path, want := range map[string]int{"/validate": 403, "/livez": 200, "/readyz": 200, "/": 404} {
			if got := status(t, stranger, s.url(path)); got != want {
				t.Errorf("%s: status %d, want %d", path, got, want)
			}
		}
	})
	t.Run("reviews are counted", func(t *testing.T) { testMetrics(t, s) })
	t.Run("a changed policy needs no restart", func(t *testing.T) {
		writeFile(t, policy, []byte(policyHead+"rules: {key-size-for-algorithm: off}\n"))
		eventually(t, "the rule is off", func() bool { return c.Create(t.Context(), badKey("by-policy"), client.DryRunAll) == nil })
	})
	t.Run("the end", func(t *testing.T) {
		if err := s.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

// testKubectl holds how a denial and a warning look to a person. What the rules say is theirs; here it is about the frame.
func testKubectl(t *testing.T, api *apiServer) {
	t.Helper()
	manifest := filepath.Join(t.TempDir(), "bad.yaml")
	writeFile(t, manifest, []byte(`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: bad, namespace: default}
spec:
  secretName: bad-tls
  dnsNames: ["*.wild.certyun.dev"]
  privateKey: {algorithm: ECDSA, size: 2048}
  issuerRef: {name: le}
`))
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, kubeconfig, api.KubeConfig)
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append(args, "--kubeconfig", kubeconfig)...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("kubectl %v succeeds:\n%s", args, out)
		}
		return string(out)
	}
	for title, args := range map[string][]string{
		"create": {"create", "-f", manifest}, "apply": {"apply", "-f", manifest}, "server-side apply": {"apply", "--server-side", "-f", manifest},
	} {
		lines := strings.Split(strings.TrimSpace(run(args...)), "\n")
		beginnings := []string{`The Certificate "bad" is invalid: `, "* spec.dnsNames[0]: ", "* spec.privateKey.size: "}
		for i, beginning := range beginnings {
			if len(lines) != len(beginnings) || !strings.HasPrefix(lines[i], beginning) {
				t.Fatalf("%s prints\n%s\nwant these beginnings: %q", title, strings.Join(lines, "\n"), beginnings)
			}
		}
	}
}

func wantWarning(t *testing.T, got []string, beginning string) {
	t.Helper()
	if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, beginning) }) {
		t.Errorf("no warning begins with %q: %q", beginning, got)
	}
}

func testRatchet(t *testing.T, c client.Client, shown *shownWarnings) {
	t.Helper()
	// It was there before the webhook was: an Issuer that can do it makes it pass, and then changes.
	issuer := acmeIssuer("ratchet", dns01Solver())
	crt := newCertificate("ratchet", "*.ratchet.certyun.dev")
	crt.Spec.IssuerRef.Name = "ratchet"
	create(t, c, issuer, crt)
	issuer.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{http01Solver()}
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	shown.take()
	crt.Spec.DNSNames = append(crt.Spec.DNSNames, "www.certyun.dev")
	if err := c.Update(t.Context(), crt); err != nil {
		t.Fatalf("an update that makes nothing worse: %v", err)
	}
	wantWarning(t, shown.take(), "[wildcard-needs-dns01] spec.dnsNames[0]:")
	crt.Spec.DNSNames = append(crt.Spec.DNSNames, "*.worse.certyun.dev")
	got := refused(t, c.Update(t.Context(), crt))
	if diff := cmp.Diff([]string{"spec.dnsNames[2]", "spec.dnsNames[0]"}, got.Fields); diff != "" {
		t.Errorf("fields of the denial (-want +got):\n%s", diff)
	}
	crt.Spec.DNSNames = crt.Spec.DNSNames[:2]
	crt.Finalizers = []string{"certyun.dev/held"}
	shown.take()
	if err := c.Update(t.Context(), crt); err != nil {
		t.Fatalf("a finalizer: %v", err)
	}
	if got := shown.take(); len(got) > 0 {
		t.Errorf("a finalizer: warnings %q", got)
	}
}

// testFreshness changes an Issuer and applies a Certificate that needs the change at once, before the change can have reached
// the cache.
func testFreshness(t *testing.T, c client.Client) {
	t.Helper()
	fresh := acmeIssuer("fresh", http01Solver())
	create(t, c, fresh)
	for i := range 20 {
		crt := newCertificate(fmt.Sprintf("fresh-%d", i), fmt.Sprintf("*.fresh-%d.certyun.dev", i))
		crt.Spec.IssuerRef.Name = "fresh"
		fresh.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{dns01Solver()}
		if err := c.Update(t.Context(), fresh); err != nil {
			t.Fatal(err)
		}
		if err := c.Create(t.Context(), crt); err != nil {
			t.Fatalf("after %d changes: %v", i, err)
		}
		if err := c.Delete(t.Context(), crt); err != nil {
			t.Fatal(err)
		}
		fresh.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{http01Solver()}
		if err := c.Update(t.Context(), fresh); err != nil {
			t.Fatal(err)
		}
	}
}

func testMetrics(t *testing.T, s *server) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.options.MetricsBindAddress+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`certyun_admission_reviews_total{decision="denied",kind="Certificate",operation="CREATE"}`,
		`certyun_admission_reviews_total{decision="warned",kind="Issuer",operation="DELETE"} 1`,
		`certyun_admission_findings_total{rule="key-size-for-algorithm",severity="deny"}`,
		`certyun_admission_review_duration_seconds_bucket{kind="Certificate",le="0.005"}`,
		"certyun_admission_policy_valid 1",
		"certyun_admission_exempt_namespaces 0",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	if strings.Contains(string(body), "certyun_admission_incomplete_reviews_total{") {
		t.Error("some reviews were incomplete")
	}
}

// The server signs its own certificate with a CA in a Secret that the chart made empty. It may do nothing else with Secrets.
func TestTheCertificateOfAnAuthorityInASecret(t *testing.T) {
	api := startAPIServer(t)
	c := api.client(t, nil)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-admission-ca", Annotations: map[string]string{cmapi.AllowsInjectionFromSecretAnnotation: "true"}},
	}
	create(t, c, namespaceOf("certyun"), secret)
	s := &server{options: NewOptions()}
	s.options.TLS = TLSOptions{SecretNamespace: "certyun", SecretName: "certyun-admission-ca", DNSNames: []string{"localhost"}}
	s.options.SecurePort, s.options.MetricsBindAddress = freePort(t), "0"
	s.options.Kubeconfig = api.kubeconfig(t, "certyun-dynamic", rbacv1.PolicyRule{
		Verbs: []string{"get", "list", "watch", "update"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"certyun-admission-ca"},
	})
	s.run(t)

	serves := func() (ca string, ok bool) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(secret.Data["ca.crt"]) {
			return "", false
		}
		probe := httpsClient(newAuthority(t, "nobody"), nil)
		probe.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
		return string(secret.Data["ca.crt"]), answers(t, probe, s.url("/readyz"))
	}
	var first string
	eventually(t, "it serves with a certificate of the CA in the Secret", func() (ok bool) { first, ok = serves(); return ok })

	secret.Data = nil
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves with a certificate of the next CA", func() bool {
		second, ok := serves()
		return ok && second != first
	})
	if secret.Annotations[cmapi.AllowsInjectionFromSecretAnnotation] != "true" {
		t.Errorf("the ca injector may not read the Secret any more: %v", secret.Annotations)
	}
}
