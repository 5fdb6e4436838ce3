package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// secondRelease installs the solver once more for a test and returns its group. It reads the Secrets of ClusterIssuers alone:
// other namespaces may be gone by now.
func (s *suite) secondRelease(t *testing.T, name string, values ...string) string {
	t.Helper()
	group := name + "." + stage.GroupName
	values = append([]string{"secrets.namespaces={" + certmanager.Namespace + "}"}, values...)
	if err := s.InstallSecond(t.Context(), name, group, values...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := s.Cluster.Helm(context.Background(), "uninstall", name, "--namespace", stage.Namespace, "--wait", "--timeout", "2m")
		if err != nil {
			t.Error(err)
		}
	})
	return group
}

// oneByOne works as solvers do that know of one challenge at a time, with a CA that remembers: the Order of an apex and its
// wildcard fails. It keeps the fault alive, so that all other tests are known to be able to see it.
func (s *suite) oneByOne(t *testing.T) {
	group := s.secondRelease(t, "one-by-one", "solver.extraArgs={--ahead=0,--ca-memory=0}")
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone, name := provider.SolverName+"-forgotten.example", "forgotten-"+provider.SolverName
			account := s.account(t, provider, "forgotten", zone)
			account.Group = group
			issuer := s.issuer(t, "", name, account)
			namespace := s.namespace(t, name)
			certificate := stage.Certificate(namespace, "web", issuer, zone, "*."+zone)
			s.create(t, certificate)
			s.eventually(t, func() error {
				failed, err := s.failedOrders(t, namespace)
				if err == nil && len(failed) == 0 {
					err = errors.New("no Order has failed")
				}
				return err
			})
			s.expectRefusedValue(t, namespace)
			s.delete(t, certificate)
			s.expectNoChallenges(t, namespace)
			s.expectClean(t, provider, zone)
		})
	}
}

// failedOrders names the Orders of the namespace that have failed.
func (s *suite) failedOrders(t *testing.T, namespace string) ([]string, error) {
	t.Helper()
	var orders acmev1.OrderList
	if err := s.Client.List(t.Context(), &orders, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var names []string
	for i := range orders.Items {
		if stage.OrderFailed(&orders.Items[i]) {
			names = append(names, orders.Items[i].Name)
		}
	}
	return names, nil
}

// expectRefusedValue demands that the CA has not found the value of a challenge among those that it saw.
func (s *suite) expectRefusedValue(t *testing.T, namespace string) {
	t.Helper()
	var challenges acmev1.ChallengeList
	if err := s.Client.List(t.Context(), &challenges, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, challenge := range challenges.Items {
		if challenge.Status.State == acmev1.Invalid {
			reasons = append(reasons, challenge.Status.Reason)
		}
	}
	if len(reasons) != 1 || !strings.Contains(reasons[0], "Correct value not found") {
		t.Errorf("challenges failed for other reasons: %q", reasons)
	}
}

// expectClean waits until the zone has no record of a challenge.
func (s *suite) expectClean(t *testing.T, provider stage.Provider, zone string) {
	t.Helper()
	s.eventually(t, func() error {
		if left := s.challengeRecords(provider, zone); len(left) > 0 {
			return fmt.Errorf("records left behind in %s: %q", zone, left)
		}
		return nil
	})
}

// expectRecords waits until the zone has so many records of challenges.
func (s *suite) expectRecords(t *testing.T, provider stage.Provider, zone string, count int) {
	t.Helper()
	s.eventually(t, func() error {
		if there := len(s.challengeRecords(provider, zone)); there < count {
			return fmt.Errorf("%d records in %s, want %d", there, zone, count)
		}
		return nil
	})
}

// together sees that the CA does not ask for a name before all its values are visible.
func (s *suite) together(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone, name := provider.SolverName+"-together.example", "together-"+provider.SolverName
			account := s.account(t, provider, "together", zone)
			issuer := s.issuer(t, "", name, account)
			namespace := s.namespace(t, name)
			s.create(t, stage.Certificate(namespace, "web", issuer, zone, "*."+zone))
			s.expectIssued(t, namespace, "web", zone, "*."+zone)
			asked := s.firstAsked(t, "_acme-challenge."+zone+".")
			for _, call := range writes(s.Endpoint(provider).Calls(), account) {
				if visible := call.Time.Add(s.World.DNS.Delay()); visible.After(asked) {
					t.Errorf("the CA asked %s before a value was visible", visible.Sub(asked))
				}
			}
		})
	}
}

// firstAsked is when the CA first asked for the TXT records of a name.
func (s *suite) firstAsked(t *testing.T, name string) time.Time {
	t.Helper()
	for _, query := range s.World.DNS.Queries() {
		if query.Server == "validation" && query.Type == "TXT" && strings.EqualFold(query.Name, name) {
			return query.Time
		}
	}
	t.Fatalf("the CA has not asked for %s", name)
	return time.Time{}
}

// twins asks for a second certificate for the names of another one, with another kind of key, so long after it.
func (s *suite) twins(name string, apart time.Duration) func(*testing.T) {
	return func(t *testing.T) {
		for _, provider := range providers() {
			t.Run(provider.Title, func(t *testing.T) {
				t.Parallel()
				zone, name := provider.SolverName+"-"+name+".example", name+"-"+provider.SolverName
				issuer := s.issuer(t, "", name, s.account(t, provider, name, zone))
				namespace := s.namespace(t, name)
				s.create(t, stage.Certificate(namespace, "ecdsa", issuer, zone, "*."+zone))
				time.Sleep(apart)
				second := stage.Certificate(namespace, "rsa", issuer, zone, "*."+zone)
				second.Spec.PrivateKey.Algorithm, second.Spec.PrivateKey.Size = certmanagerv1.RSAKeyAlgorithm, 2048
				s.create(t, second)
				s.expectIssued(t, namespace, "ecdsa", zone, "*."+zone)
				s.expectIssued(t, namespace, "rsa", zone, "*."+zone)
			})
		}
	}
}

// sharedName issues for two names whose challenges are delegated to one name.
func (s *suite) sharedName(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone, front, name := provider.SolverName+"-target.example", provider.SolverName+"-front.example", "shared-"+provider.SolverName
			account := s.account(t, provider, "shared", zone)
			s.World.DNS.AddZones(front)
			names := []string{"a." + front, "b." + front}
			for _, name := range names {
				if err := s.World.DNS.AddRecords("_acme-challenge." + name + ". 300 IN CNAME _acme-challenge.shared." + zone + "."); err != nil {
					t.Fatal(err)
				}
			}
			issuer, err := s.ClusterIssuer(name, account)
			if err != nil {
				t.Fatal(err)
			}
			issuer.Spec.ACME.Solvers[0].DNS01.CNAMEStrategy = acmev1.FollowStrategy
			s.create(t, account.Secret(certmanager.Namespace), issuer)
			ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: name}
			namespace := s.namespace(t, name)
			for _, name := range names {
				s.create(t, stage.Certificate(namespace, name, ref, name))
			}
			for _, name := range names {
				s.expectIssued(t, namespace, name, name)
			}
		})
	}
}

// many asks for a certificate for each of so many names of the zone and their wildcards.
func (s *suite) many(t *testing.T, namespace string, issuer cmmeta.IssuerReference, zone string, count int) []*certmanagerv1.Certificate {
	t.Helper()
	var all []*certmanagerv1.Certificate
	for i := range count {
		domain := fmt.Sprintf("n%02d.%s", i, zone)
		all = append(all, stage.Certificate(namespace, fmt.Sprintf("n%02d", i), issuer, domain, "*."+domain))
		s.create(t, all[i])
	}
	return all
}

func (s *suite) expectAllIssued(t *testing.T, certificates []*certmanagerv1.Certificate) {
	t.Helper()
	for _, certificate := range certificates {
		s.expectIssued(t, certificate.Namespace, certificate.Name, certificate.Spec.DNSNames...)
	}
}

// slowly makes the DNS show a zone's records so late that challenges with records written ahead can be looked at.
func (s *suite) slowly(zone string) { s.World.DNS.SetZoneDelay(zone, 15*time.Second) }

// namespaceDeletionAhead deletes a namespace while most of its challenges have records that cert-manager has not asked for.
func (s *suite) namespaceDeletionAhead(t *testing.T) {
	zone, name := "vanished-ahead.example", "vanished-ahead"
	issuer := s.issuer(t, "", name, s.account(t, stage.DNSPod(), name, zone))
	namespace := s.namespace(t, name)
	s.slowly(zone)
	s.many(t, namespace, issuer, zone, 8)
	s.expectRecords(t, stage.DNSPod(), zone, 12)
	s.delete(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	s.eventually(t, func() error { return s.namespaceGone(t, namespace) })
	s.expectClean(t, stage.DNSPod(), zone)
}

// narrow has a queue that is longer than what may be written ahead.
func (s *suite) narrow(t *testing.T) {
	zone, name := "narrow.example", "narrow"
	account := s.account(t, stage.Alidns(), name, zone)
	account.Group = s.secondRelease(t, name, "ahead.max=2")
	issuer := s.issuer(t, "", name, account)
	s.expectAllIssued(t, s.many(t, s.namespace(t, name), issuer, zone, 8))
	s.expectClean(t, stage.Alidns(), zone)
}

// throttled compares certificates of an account that may call seldom, before and while it has a long queue of challenges that
// cert-manager does not start.
func (s *suite) throttled(t *testing.T) {
	const waiting = 30
	zone, name := "throttled.example", "throttled"
	account := s.account(t, stage.Alidns(), name, zone)
	s.World.Alidns.PutAccount(cloud.Account{Owner: name, Keys: []cloud.Key{account.Key}, QPS: 2, Burst: 2})
	issuer := s.issuer(t, "", name, account)
	namespace := s.namespace(t, name)
	issue := func(host string) time.Duration {
		started := time.Now()
		s.create(t, stage.Certificate(namespace, host, issuer, host+"."+zone))
		s.expectIssued(t, namespace, host, host+"."+zone)
		return time.Since(started)
	}
	issue("first") // with it the Issuer gets ready, and the account's zones known
	alone := issue("alone")
	end := s.unstarted(t, name+"-queue", account, "busy."+zone, waiting)
	s.expectRecords(t, stage.Alidns(), zone, 1)
	beside := issue("beside")
	if left := len(s.challengeRecords(stage.Alidns(), zone)); left >= waiting {
		t.Errorf("the whole queue of %d was written before the certificate was there", left)
	}
	t.Logf("alone %s, beside a queue %s", alone, beside)
	if beside > 3*alone { // the whole queue takes 15 s
		t.Errorf("a certificate took %s beside a queue and %s alone", beside, alone)
	}
	end()
	s.expectClean(t, stage.Alidns(), zone)
	if refused := s.refusedCalls(account); refused == 0 {
		t.Error("the account did not throttle")
	}
}

// refusedCalls counts the calls with the account's keys that the cloud did not take.
func (s *suite) refusedCalls(account stage.Account) int {
	refused := 0
	for _, call := range s.Endpoint(account.Provider).Calls() {
		if call.Owner == account.Owner && call.Code != "" {
			refused++
		}
	}
	return refused
}

// unstarted makes Challenges for one name that cert-manager never presents: it starts one of a name at a time, and there is no
// such Issuer. The returned function deletes them.
func (s *suite) unstarted(t *testing.T, namespace string, account stage.Account, dnsName string, count int) (end func()) {
	t.Helper()
	s.namespace(t, namespace)
	issuer, err := s.ClusterIssuer("nobody", account)
	if err != nil {
		t.Fatal(err)
	}
	ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: issuer.Name}
	wildcard := false
	authorization := acmev1.ACMEAuthorization{
		URL: "https://acme.example/authz/1", Identifier: dnsName, Wildcard: &wildcard, InitialState: acmev1.Pending,
		Challenges: []acmev1.ACMEChallenge{{URL: "https://acme.example/chall/1", Token: rand.Text(), Type: "dns-01"}},
	}
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "queue"},
		Spec:       acmev1.OrderSpec{Request: []byte("none"), IssuerRef: ref, DNSNames: []string{dnsName}},
	}
	s.create(t, order)
	order.Status = acmev1.OrderStatus{State: acmev1.Pending, Authorizations: []acmev1.ACMEAuthorization{authorization}}
	if err := s.Client.Status().Update(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	owner := metav1.NewControllerRef(order, acmev1.SchemeGroupVersion.WithKind(acmev1.OrderKind))
	for i := range count {
		s.create(t, &acmev1.Challenge{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("queue-%d", i), OwnerReferences: []metav1.OwnerReference{*owner},
			},
			Spec: acmev1.ChallengeSpec{
				URL: authorization.Challenges[0].URL, AuthorizationURL: authorization.URL, DNSName: dnsName,
				Type: acmev1.ACMEChallengeTypeDNS01, Token: authorization.Challenges[0].Token, Key: challengeValue(), IssuerRef: ref,
				Solver: issuer.Spec.ACME.Solvers[0],
			},
		})
	}
	return func() {
		for _, kind := range []client.Object{&acmev1.Order{}, &acmev1.Challenge{}} {
			if err := s.Client.DeleteAllOf(t.Context(), kind, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
		}
		s.expectNoChallenges(t, namespace)
	}
}

// challengeValue has the form of those in challenges' records.
func challengeValue() string {
	sum := sha256.Sum256([]byte(rand.Text()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// leaderKilled kills the replica that writes ahead, in the middle of it, and has its Pod replaced. Then half of the Certificates
// go.
func (s *suite) leaderKilled(t *testing.T) {
	const certificates, records = 20, 35 // five are of challenges that cert-manager's workers present
	zone, name := "leader-killed.example", "leader-killed"
	issuer := s.issuer(t, "", name, s.account(t, stage.Alidns(), name, zone))
	namespace := s.namespace(t, name)
	s.slowly(zone)
	all := s.many(t, namespace, issuer, zone, certificates)
	s.expectRecords(t, stage.Alidns(), zone, records)
	s.killLeader(t)
	for _, certificate := range all[:certificates/2] {
		s.delete(t, certificate)
	}
	s.expectAllIssued(t, all[certificates/2:])
	s.expectClean(t, stage.Alidns(), zone)
}

// killLeader ends the process of the replica that holds the Lease without asking it, and deletes its Pod.
func (s *suite) killLeader(t *testing.T) {
	t.Helper()
	var lease coordinationv1.Lease
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: stage.Namespace, Name: stage.GroupName}, &lease); err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		t.Fatal("nobody holds the Lease")
	}
	holder, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	leader := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: holder}}
	mark := labels.Set{"certyun.internal/e2e": "leader"}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{%q:"leader"}}}`, "certyun.internal/e2e"))
	if err := s.Client.Patch(t.Context(), leader, patch); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, func() error {
		killed, err := s.Cluster.Kubelet.Kill(stage.Namespace, labels.SelectorFromSet(mark))
		if err == nil && killed != 1 {
			err = fmt.Errorf("%d Pods were killed", killed)
		}
		return err
	})
	s.delete(t, leader)
}

// withdrawn takes the right to read Challenges and Orders away and gives it back. The CA's memory is then known to each process
// alone, so that there is one replica here.
func (s *suite) withdrawn(t *testing.T) {
	zone, name := "withdrawn.example", "withdrawn"
	issuer := s.issuer(t, "", name, s.account(t, stage.DNSPod(), name, zone))
	namespace := s.namespace(t, name)
	issue := func(host string) time.Duration {
		domain, started := host+"."+zone, time.Now()
		s.create(t, stage.Certificate(namespace, host, issuer, domain, "*."+domain))
		s.expectIssued(t, namespace, host, domain, "*."+domain)
		return time.Since(started)
	}
	binding := &rbacv1.ClusterRoleBinding{}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Name: "certyun:certyun-solver:ahead"}, binding); err != nil {
		t.Fatal(err)
	}
	s.delete(t, binding)
	defer s.scaleSolver(t, 2)
	s.restartWithOne(t) // a watch that is open stays open without the right
	if took := issue("without"); took < stage.CAMemory {
		t.Errorf("a certificate without the right took %s: the CA's memory was not waited out", took)
	}
	binding.ResourceVersion, binding.UID = "", ""
	s.create(t, binding)
	for attempt := range 4 {
		took := issue(fmt.Sprintf("again%d", attempt))
		t.Logf("with the right again: %s", took)
		if took < stage.CAMemory/2 {
			return
		}
	}
	t.Error("certificates are as slow as without the right")
}

// restartWithOne starts the solver anew, with one replica.
func (s *suite) restartWithOne(t *testing.T) {
	t.Helper()
	s.scaleSolver(t, 0)
	s.eventually(t, func() error { return s.solversRun(0) })
	s.scaleSolver(t, 1)
	s.eventually(t, func() error { return s.solversRun(1) })
	if err := s.WaitForAPIService(t.Context(), stage.GroupName); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) solversRun(want int) error {
	ids, err := s.Cluster.Kubelet.Processes(stage.Namespace, labels.SelectorFromSet(labels.Set{
		"app.kubernetes.io/component": "solver", "app.kubernetes.io/instance": stage.Release,
	}))
	if err == nil && len(ids) != want {
		err = fmt.Errorf("%d solvers run, want %d", len(ids), want)
	}
	return err
}
