package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/doctor"
	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/deploy/local/toolbox"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// heldFor keeps a challenge pending after its record is written.
const heldFor = 10 * time.Minute

// situation is one that people get into. Make makes it, and returns the arguments for certyun doctor.
type situation struct {
	cause string
	make  func(t *testing.T, c *patient) []string
}

// patient is a namespace with an account, a zone, an Issuer and a Certificate of the same name, to be damaged before they are
// created.
type patient struct {
	*suite
	name, zone  string
	account     stage.Account
	secret      *corev1.Secret
	issuer      *certmanagerv1.ClusterIssuer
	certificate *certmanagerv1.Certificate
	// exempt keeps the admission server from refusing what is to go wrong.
	exempt bool
	// unserved says that no solver will ever clean a Challenge up, so that its finalizers are removed by hand.
	unserved bool
}

// doctor has certyun doctor name each situation by its cause. Those that damage what all use come one after the other.
func (s *suite) doctor(t *testing.T) {
	t.Run("each alone", func(t *testing.T) {
		for name, one := range situations() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := s.patient(t, one.cause)
				args := one.make(t, p)
				s.expectCause(t, one.cause, args...)
			})
		}
		t.Run("a user who may see one namespace only", func(t *testing.T) {
			t.Parallel()
			s.doctorForUser(t)
		})
		t.Run("an Issuer and its account", func(t *testing.T) {
			t.Parallel()
			s.doctorForAccount(t)
		})
	})
	t.Run("cert-manager may not call the solver", s.doctorCaller)
	t.Run("the solver is not running", s.doctorSolver)
	t.Run("the CA bundle is of another authority", s.doctorBundle)
	t.Run("the serving certificate has expired", s.doctorExpired)
	t.Run("nothing is wrong, and kubectl finds the plugin", s.doctorHealthy)
}

func situations() map[string]situation {
	return map[string]situation{
		"a group name that nobody serves": {"group-not-served", func(t *testing.T, p *patient) []string {
			p.webhook().GroupName, p.unserved = "acme.certyum.internal", true
			return p.begin(t)
		}},
		"a solver name that is unknown": {"solver-unknown", func(t *testing.T, p *patient) []string {
			p.webhook().SolverName, p.unserved = "alydns", true
			return p.begin(t)
		}},
		"a Secret that certyun may not read": {"secret-not-readable", func(t *testing.T, p *patient) []string {
			args := p.beginNamespaced(t)
			// A Challenge that may not be cleaned up holds its namespace until that goes.
			p.atEnd(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.name}})
			return args
		}},
		"a Secret in the wrong namespace": {"secret-in-wrong-namespace", func(t *testing.T, p *patient) []string {
			p.secret.Namespace = metav1.NamespaceDefault
			return p.begin(t)
		}},
		"a Secret without the key": {"secret-key-wrong", func(t *testing.T, p *patient) []string {
			p.secret.StringData = map[string]string{"accessKeyID": p.account.Key.ID, "accessKeySecret": p.account.Key.Secret}
			return p.begin(t)
		}},
		"an AccessKey that is disabled": {"access-key-unknown", func(t *testing.T, p *patient) []string {
			p.changeKey(func(key *cloud.Key) { key.Disabled = true })
			return p.begin(t)
		}},
		"a wrong signature": {"signature-wrong", func(t *testing.T, p *patient) []string {
			p.secret.StringData["accessKeySecret"] = "ofAnotherKey"
			args := p.begin(t)
			// A Challenge waits for keys that work, as long as there are any.
			p.atEnd(t, p.secret)
			return args
		}},
		"a permission that is missing at the cloud": {"cloud-permission-missing", func(t *testing.T, p *patient) []string {
			p.changeKey(func(key *cloud.Key) { key.Denied = []string{"AddDomainRecord"} })
			return p.begin(t)
		}},
		"a zone in another account": {"zone-in-another-account", func(t *testing.T, p *patient) []string {
			p.certificate.Spec.DNSNames = []string{"www.elsewhere.example"}
			p.World.DNS.AddZones("elsewhere.example")
			return p.begin(t)
		}},
		"a zone that resolvers take for a public suffix": {"zone-is-public-suffix", func(t *testing.T, p *patient) []string {
			resolver, err := dns.StartRecursive(p.World.DNS, dns.RecursiveOptions{HideSOA: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := resolver.Close(); err != nil {
					t.Error(err)
				}
			})
			p.issuer.Spec.ACME.Solvers[0].WaitInsteadOfSelfCheck = &metav1.Duration{Duration: heldFor}
			return append(p.begin(t), p.lookFrom(resolver.Address())...)
		}},
		"a cloud that throttles": {"cloud-throttles", func(t *testing.T, p *patient) []string {
			if err := p.World.Alidns.Inject(cloud.Fault{Kind: cloud.Throttle, Owner: p.account.Owner, Action: "AddDomainRecord"}); err != nil {
				t.Fatal(err)
			}
			return p.begin(t)
		}},
		"a record that is not visible yet": {"record-not-visible", func(t *testing.T, p *patient) []string {
			p.World.DNS.SetZoneDelay(p.zone, time.Hour)
			return p.begin(t)
		}},
		"name servers that cannot be asked": {"name-servers-fail-here", func(t *testing.T, p *patient) []string {
			p.World.DNS.AddZones("closed.test")
			if err := p.World.DNS.AddRecords("ns1.closed.test. 300 IN A 127.0.53.53"); err != nil {
				t.Fatal(err)
			}
			if err := p.World.Alidns.PutZone(cloud.Zone{Owner: p.account.Owner, Name: p.zone, NameServers: []string{"ns1.closed.test"}}); err != nil {
				t.Fatal(err)
			}
			p.issuer.Spec.ACME.Solvers[0].WaitInsteadOfSelfCheck = &metav1.Duration{Duration: heldFor}
			return append(p.begin(t), p.lookFrom(p.World.Recursive.Address())...)
		}},
		"a CAA record of another CA": {"caa-forbids", func(t *testing.T, p *patient) []string {
			if err := p.World.DNS.AddRecords(p.zone + `. 300 IN CAA 0 issue "ca.example"`); err != nil {
				t.Fatal(err)
			}
			p.issuer.Spec.ACME.Solvers[0].WaitInsteadOfSelfCheck = &metav1.Duration{Duration: heldFor}
			return append(p.begin(t), p.lookFrom(p.World.Recursive.Address())...)
		}},
		"a wildcard on HTTP-01": {"no-solver-matches", func(t *testing.T, p *patient) []string {
			p.exempt = true
			p.issuer.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}}
			p.certificate.Spec.DNSNames = []string{"*." + p.zone}
			return p.begin(t)
		}},
		"an ACME server that refuses": {"acme-refused", func(t *testing.T, p *patient) []string {
			p.exempt = true
			p.certificate.Spec.DNSNames = []string{"under_score." + p.zone}
			return p.begin(t)
		}},
	}
}

// patient prepares one that would be issued.
func (s *suite) patient(t *testing.T, cause string) *patient {
	t.Helper()
	p := &patient{suite: s, name: "doctor-" + cause}
	p.zone = p.name + ".example"
	p.account = s.account(t, stage.Alidns(), p.name, p.zone)
	issuer, err := s.ClusterIssuer(p.name, p.account)
	if err != nil {
		t.Fatal(err)
	}
	p.issuer, p.secret = issuer, p.account.Secret(certmanager.Namespace)
	reference := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: p.name}
	p.certificate = stage.Certificate(p.name, "web", reference, "www."+p.zone)
	return p
}

func (p *patient) webhook() *acmev1.ACMEIssuerDNS01ProviderWebhook {
	return p.issuer.Spec.ACME.Solvers[0].DNS01.Webhook
}

// changeKey changes the account's key at the cloud.
func (p *patient) changeKey(change func(*cloud.Key)) {
	key := p.account.Key
	change(&key)
	p.World.Alidns.PutAccount(cloud.Account{Owner: p.account.Owner, Keys: []cloud.Key{key}})
}

// begin makes all of it, and returns the arguments to examine the Certificate.
func (p *patient) begin(t *testing.T) []string {
	t.Helper()
	p.place(t)
	p.create(t, p.secret, p.issuer, p.certificate)
	return p.examined(t)
}

// beginNamespaced makes an Issuer in place of a ClusterIssuer, in a namespace whose Secrets certyun may not read.
func (p *patient) beginNamespaced(t *testing.T) []string {
	t.Helper()
	p.place(t)
	issuer, err := p.Issuer(p.name, p.name, p.account)
	if err != nil {
		t.Fatal(err)
	}
	p.certificate.Spec.IssuerRef.Kind = "Issuer"
	p.create(t, p.account.Secret(p.name), issuer, p.certificate)
	return p.examined(t)
}

func (p *patient) place(t *testing.T) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.name}}
	if p.exempt {
		namespace.Labels = map[string]string{"certyun.internal/admission": "off"}
	}
	p.create(t, namespace)
}

// examined are the arguments to examine the Certificate, which is removed with its records when the test ends.
func (p *patient) examined(t *testing.T) []string {
	t.Helper()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := client.IgnoreNotFound(p.Client.Delete(ctx, p.certificate)); err != nil {
			t.Error(err)
		}
		if err := stage.Eventually(ctx, patience, func() error { return p.challengesGone(ctx) }); err != nil {
			t.Error(err)
		}
	})
	return []string{"certificate", "web", "-n", p.name}
}

// challengesGone says which Challenges are still there, and lets go of those that nobody can clean up: cert-manager may have put its
// finalizer on them before doctor was done.
func (p *patient) challengesGone(ctx context.Context) error {
	if !p.unserved {
		return p.NoChallenges(ctx, p.name)
	}
	var challenges acmev1.ChallengeList
	if err := p.Client.List(ctx, &challenges, client.InNamespace(p.name)); err != nil {
		return err
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	for i := range challenges.Items {
		if challenge := &challenges.Items[i]; challenge.DeletionTimestamp != nil {
			if err := client.IgnoreNotFound(p.Client.Patch(ctx, challenge, patch)); err != nil {
				return err
			}
		}
	}
	return p.NoChallenges(ctx, p.name)
}

// atEnd removes an object before the Certificate is removed.
func (p *patient) atEnd(t *testing.T, object client.Object) {
	t.Helper()
	t.Cleanup(func() {
		if err := p.Client.Delete(context.WithoutCancel(t.Context()), object); err != nil {
			t.Error(err)
		}
	})
}

// lookFrom are the arguments to look at the DNS of the stage.
func (p *patient) lookFrom(resolver string) []string {
	return []string{"--dns", "--nameservers", resolver, "--dns-port", fmt.Sprint(p.World.DNS.Port())}
}

// examine runs certyun doctor as a user would, and returns what it says and with which code it ends.
func (s *suite) examine(t *testing.T, args ...string) (*doctor.Diagnosis, int) {
	t.Helper()
	box, err := toolbox.Open()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"doctor", "--kubeconfig", s.Cluster.Kubeconfig, "-o", "json"}, args...)
	command := exec.CommandContext(t.Context(), box.Path(toolbox.Certyun), args...)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	found := &doctor.Diagnosis{}
	if err := json.Unmarshal(out.Bytes(), found); err != nil {
		t.Fatalf("certyun %v: %v: %s", args, err, said.String())
	}
	return found, command.ProcessState.ExitCode()
}

// expectCause waits until the first thing that is wrong is of this cause.
func (s *suite) expectCause(t *testing.T, cause string, args ...string) {
	t.Helper()
	s.eventually(t, func() error {
		found, code := s.examine(t, args...)
		if len(found.Causes) == 0 || found.Causes[0].Cause != cause || code != 1 {
			text, err := json.Marshal(found)
			return errors.Join(err, fmt.Errorf("want %s, code 1; got code %d: %s", cause, code, text))
		}
		if first := found.Causes[0]; strings.ContainsAny(first.Sentence+first.Next, "{}<>") {
			return fmt.Errorf("something is left out: %s %s", first.Sentence, first.Next)
		}
		return nil
	})
}

// doctorForUser looks with the rights of somebody who may read one namespace, without its Secrets.
func (s *suite) doctorForUser(t *testing.T) {
	p := s.patient(t, "ordinary-user")
	p.changeKey(func(key *cloud.Key) { key.Disabled = true })
	args := append(p.begin(t), "--as", "alice")
	s.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.name, Name: "alice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "alice"}},
	})
	s.expectCause(t, "access-key-unknown", args...)
	found, _ := s.examine(t, args...)
	for _, want := range []string{
		"clusterissuer " + p.name + " (may not get clusterissuers " + p.name + ")",
		"secret web in " + p.name + " (may not get secrets web in " + p.name + ")",
	} {
		if !slices.Contains(found.NotChecked, want) {
			t.Errorf("it does not say that it could not look at the %s: %q", want, found.NotChecked)
		}
	}
}

// doctorForAccount asks the clouds, and looks for keys in what is said.
func (s *suite) doctorForAccount(t *testing.T) {
	for _, provider := range providers() {
		zone := "account-" + provider.SolverName + ".example"
		account := s.account(t, provider, "examined", zone)
		name := "examined-" + provider.SolverName
		s.issuer(t, "", name, account)
		args := []string{"issuer", name, "--provider", "--alidns-endpoint", s.World.Alidns.URL, "--dnspod-endpoint", s.World.DNSPod.URL}
		s.eventually(t, func() error {
			found, code := s.examine(t, args...)
			text, err := json.Marshal(found)
			switch {
			case err != nil:
				return err
			case strings.Contains(string(text), account.Key.ID) || strings.Contains(string(text), account.Key.Secret):
				t.Fatalf("it shows a key: %s", text)
			case found.State != doctor.Healthy || code != 0 || !strings.Contains(string(text), zone):
				return fmt.Errorf("code %d: %s", code, text)
			}
			return nil
		})
	}
}

// doctorCaller takes cert-manager's right to call the solver away.
func (s *suite) doctorCaller(t *testing.T) {
	binding := &rbacv1.ClusterRoleBinding{}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Name: stage.Namespace + ":certyun-solver:caller"}, binding); err != nil {
		t.Fatal(err)
	}
	s.delete(t, binding)
	defer func() {
		binding.ResourceVersion, binding.UID = "", ""
		s.create(t, binding)
	}()
	args := s.patient(t, "caller-not-allowed").begin(t)
	s.expectCause(t, "caller-not-allowed", args...)
	s.expectCause(t, "caller-not-allowed")
}

// doctorSolver takes the solver's Pods away.
func (s *suite) doctorSolver(t *testing.T) {
	p := s.patient(t, "solver-not-running")
	s.scaleSolver(t, 0)
	defer func() {
		s.scaleSolver(t, 2)
		if err := s.WaitForAPIService(t.Context(), stage.GroupName); err != nil {
			t.Error(err)
		}
	}()
	s.eventually(t, func() error { return s.solversRun(0) }) // for a while after it was told to stop, a solver still answers
	args := p.begin(t)
	s.eventually(t, func() error { return s.apiServiceUnavailable(t, stage.GroupName, "") })
	s.expectCause(t, "solver-not-running", args...)
	s.expectCause(t, "solver-not-running")
}

func (s *suite) scaleSolver(t *testing.T, replicas int32) {
	t.Helper()
	solver := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "certyun-solver"}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := s.Client.Patch(t.Context(), solver, patch); err != nil {
		t.Fatal(err)
	}
}

// apiServiceUnavailable tells whether the API server says so, in these words.
func (s *suite) apiServiceUnavailable(t *testing.T, group, words string) error {
	t.Helper()
	service := &apiregistrationv1.APIService{}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Name: "v1alpha1." + group}, service); err != nil {
		return err
	}
	for _, c := range service.Status.Conditions {
		if c.Type == apiregistrationv1.Available && c.Status != apiregistrationv1.ConditionTrue && strings.Contains(c.Message, words) {
			return nil
		}
	}
	return fmt.Errorf("the API service is as it is: %v", service.Status.Conditions)
}

// doctorBundle makes the API server trust another authority.
func (s *suite) doctorBundle(t *testing.T) {
	service := &apiregistrationv1.APIService{}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Name: "v1alpha1." + stage.GroupName}, service); err != nil {
		t.Fatal(err)
	}
	const annotation = "cert-manager.io/inject-ca-from"
	was := service.Annotations[annotation]
	bundle, _ := authority(t, time.Now().Add(time.Hour))
	s.patchService(t, service, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{annotation: nil}}, "spec": map[string]any{"caBundle": bundle},
	})
	defer func() {
		s.patchService(t, service, map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotation: was}}})
		if err := s.WaitForAPIService(t.Context(), stage.GroupName); err != nil {
			t.Error(err)
		}
	}()
	s.eventually(t, func() error { return s.apiServiceUnavailable(t, stage.GroupName, "unknown authority") })
	s.expectCause(t, "apiservice-ca-wrong")
}

func (s *suite) patchService(t *testing.T, service *apiregistrationv1.APIService, change map[string]any) {
	t.Helper()
	patch, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Client.Patch(t.Context(), service, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}
}

// doctorExpired serves another group with a certificate that has expired.
func (s *suite) doctorExpired(t *testing.T) {
	const group = "expired.certyun.internal"
	bundle, certificate := authority(t, time.Now().Add(-time.Hour))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ErrorLog: log.New(io.Discard, "", 0), // the API server refuses it again and again
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "expired"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	port := int32(listener.Addr().(*net.TCPAddr).Port)
	registration := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: "v1alpha1." + group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: group, Version: "v1alpha1", GroupPriorityMinimum: 1000, VersionPriority: 15, CABundle: bundle,
			Service: &apiregistrationv1.ServiceReference{Namespace: stage.Namespace, Name: "expired", Port: &port},
		},
	}
	s.create(t, service, registration)
	defer s.delete(t, registration, service)
	s.eventually(t, func() error { return s.apiServiceUnavailable(t, group, "expired") })
	s.expectCause(t, "serving-certificate-expired", "--group-name", group)
}

// authority makes a CA in PEM form, and a certificate of its for the Service "expired".
func authority(t *testing.T, expires time.Time) ([]byte, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "another authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	ca, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: expires,
		DNSNames: []string{"expired." + stage.Namespace + ".svc"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}
}

// doctorHealthy examines what works, through kubectl.
func (s *suite) doctorHealthy(t *testing.T) {
	account := s.account(t, stage.Alidns(), "healthy", "healthy.example")
	issuer := s.issuer(t, "", "healthy", account)
	namespace := s.namespace(t, "healthy")
	s.create(t, stage.Certificate(namespace, "web", issuer, "www.healthy.example"))
	box, err := toolbox.Open()
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	if err := os.Symlink(box.Path(toolbox.Certyun), filepath.Join(plugins, "kubectl-certyun")); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), box.Path(toolbox.Kubectl), "certyun", "doctor", "certificate", "web", "-n", namespace, "--watch", "--kubeconfig", s.Cluster.Kubeconfig)
	command.Env = append(os.Environ(), "PATH="+plugins)
	text, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "\nCertificate healthy/web: ready\n\n✓ Certificate healthy/web: ready") {
		t.Errorf("kubectl certyun doctor: %v:\n%s", err, text)
	}
	t.Logf("\n%s", text)
	s.expectNoChallenges(t, namespace)
}
