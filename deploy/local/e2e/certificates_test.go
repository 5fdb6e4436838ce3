package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func providers() []stage.Provider { return []stage.Provider{stage.Alidns(), stage.DNSPod()} }

func (s *suite) clusterIssuers(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone := provider.SolverName + "-cluster.example"
			account := s.account(t, provider, "cluster", zone)
			issuer := s.issuer(t, "", "cluster-"+provider.SolverName, account)
			namespace := s.namespace(t, "cluster-"+provider.SolverName)
			s.create(t, stage.Certificate(namespace, "web", issuer, zone, "*."+zone))
			s.expectIssued(t, namespace, "web", zone, "*."+zone)
			if written := s.Endpoint(provider).Calls(); countWrites(written, account) != 2 {
				t.Errorf("%d records were written for an apex and its wildcard, want 2", countWrites(written, account))
			}
		})
	}
}

// countWrites counts the records that were written with the account's keys.
func countWrites(calls []cloud.Call, account stage.Account) int { return len(writes(calls, account)) }

// writes are the calls that wrote a record with the account's keys.
func writes(calls []cloud.Call, account stage.Account) []cloud.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(call cloud.Call) bool {
		return call.Owner != account.Owner || call.Action != "AddDomainRecord" && call.Action != "CreateRecord" || call.Code != ""
	})
}

func (s *suite) issuers(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone := provider.SolverName + "-issuer.example"
			account := s.account(t, provider, "issuer", zone)
			name := "issuer-" + provider.SolverName
			issuer := s.issuer(t, issuersNamespace, name, account)
			s.create(t, stage.Certificate(issuersNamespace, name, issuer, "a.b."+zone, "*.a.b."+zone))
			s.expectIssued(t, issuersNamespace, name, "a.b."+zone, "*.a.b."+zone)
		})
	}
}

// roles issues with a key that may do nothing but assume a role of the account that hosts the zone.
func (s *suite) roles(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone := provider.SolverName + "-role.example"
			host := s.account(t, provider, "role", zone)
			user, err := s.AddRole(host, "dns", zone)
			if err != nil {
				t.Fatal(err)
			}
			name := "role-" + provider.SolverName
			issuer := s.issuer(t, issuersNamespace, name, user)
			s.create(t, stage.Certificate(issuersNamespace, name, issuer, zone, "*."+zone))
			s.expectIssued(t, issuersNamespace, name, zone, "*."+zone)
			for _, call := range s.Endpoint(provider).Calls() {
				if call.Owner == user.Owner && call.Action != "AssumeRole" {
					t.Errorf("the key of the Secret was used for %s", call.Action)
				}
				if call.Owner == host.Owner && !call.Token {
					t.Errorf("%s was called without a session of the role", call.Action)
				}
			}
		})
	}
}

// keyless issues at both clouds through a solver that has nothing but its ServiceAccount's projected tokens, which the clouds verify with
// the API server's keys. It logs all that can be logged, and no Issuer of a namespace may use what it has.
func (s *suite) keyless(t *testing.T) {
	const release = "keyless"
	values := []string{"solver.logging.verbosity=10"}
	federations := map[string]stage.Federation{}
	for _, provider := range providers() {
		zone := provider.SolverName + "-keyless.example"
		host := s.account(t, provider, release, zone)
		f, err := s.Federate(t.Context(), host, stage.Namespace, release+"-certyun-solver", provider.Audience, zone)
		if err != nil {
			t.Fatal(err)
		}
		federations[provider.SolverName] = f
		registered := map[string]string{"alidns": "oidcProviderArn", "dnspod": "providerId"}[provider.SolverName]
		values = append(values, "ambient."+provider.SolverName+".roleArn="+f.Role, "ambient."+provider.SolverName+"."+registered+"="+f.Provider)
	}
	group := s.secondRelease(t, release, values...)
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			f := federations[provider.SolverName]
			f.Account.Group = group
			zone, name := provider.SolverName+"-keyless.example", release+"-"+provider.SolverName
			issuer := s.issuer(t, "", name, f.Account)
			namespace := s.namespace(t, name)
			s.create(t, stage.Certificate(namespace, "web", issuer, zone, "*."+zone))
			s.expectIssued(t, namespace, "web", zone, "*."+zone)
			for _, call := range s.Endpoint(provider).Calls() {
				if call.Owner == f.Account.Owner && !call.Token {
					t.Errorf("%s was called without a session of the role", call.Action)
				}
			}

			// The same solver reads keys as well, whatever it logs.
			keyed := f.Account
			keyed.Ambient = false
			withKeys := s.issuer(t, "", name+"-keys", keyed)
			s.create(t, stage.Certificate(namespace, "keys", withKeys, "keys."+zone))
			s.expectIssued(t, namespace, "keys", "keys."+zone)

			refused := s.issuer(t, namespace, "tenant", f.Account)
			s.create(t, stage.Certificate(namespace, "tenant", refused, "tenant."+zone))
			s.expectReason(t, namespace, "allows an Issuer in this namespace no ambient credentials")
			s.delete(t, &certmanagerv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tenant"}})
			s.expectNoChallenges(t, namespace)
		})
	}
}

// expectReason waits for a Challenge that says why it does not go on.
func (s *suite) expectReason(t *testing.T, namespace, want string) {
	t.Helper()
	s.eventually(t, func() error {
		var challenges acmev1.ChallengeList
		if err := s.Client.List(t.Context(), &challenges, client.InNamespace(namespace)); err != nil {
			return err
		}
		reasons := []string{}
		for _, ch := range challenges.Items {
			if strings.Contains(ch.Status.Reason, want) {
				return nil
			}
			reasons = append(reasons, ch.Status.Reason)
		}
		return fmt.Errorf("no challenge says that the solver %s; they say %q", want, reasons)
	})
}

func (s *suite) annotatedIngress(t *testing.T) {
	zone := "ingress.example"
	account := s.account(t, stage.Alidns(), "ingress", zone)
	issuer := s.issuer(t, "", "ingress", account)
	namespace := s.namespace(t, "ingress")
	s.create(t, stage.Ingress(namespace, "shop", issuer.Name, "shop."+zone))
	s.expectIssued(t, namespace, "shop", "shop."+zone)
}

// twoAccounts issues one certificate for two zones, each of an account of its own, and sees that no account's keys wrote
// into the other's zone.
func (s *suite) twoAccounts(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zones := []string{provider.SolverName + "-first.example", provider.SolverName + "-second.example"}
			name := "two-" + provider.SolverName
			var solvers []acmev1.ACMEChallengeSolver
			var issuer *certmanagerv1.ClusterIssuer
			accounts := map[string]stage.Account{}
			for i, zone := range zones {
				account := s.account(t, provider, fmt.Sprintf("two%d", i), zone)
				accounts[zone] = account
				s.create(t, account.Secret(certmanager.Namespace))
				var err error
				if issuer, err = s.ClusterIssuer(name, account); err != nil {
					t.Fatal(err)
				}
				solver := issuer.Spec.ACME.Solvers[0]
				solver.Selector = &acmev1.CertificateDNSNameSelector{DNSZones: []string{zone}}
				solvers = append(solvers, solver)
			}
			issuer.Spec.ACME.Solvers = solvers
			s.create(t, issuer)
			namespace := s.namespace(t, name)
			ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: name}
			names := []string{zones[0], "*." + zones[0], zones[1], "*." + zones[1]}
			s.create(t, stage.Certificate(namespace, "web", ref, names...))
			s.expectIssued(t, namespace, "web", names...)
			for zone, account := range accounts {
				for _, call := range s.Endpoint(provider).Calls() {
					if call.Owner == account.Owner && call.Zone != "" && call.Zone != zone {
						t.Errorf("the keys of %s were used for %s in zone %s", account.Owner, call.Action, call.Zone)
					}
				}
				if writes := countWrites(s.Endpoint(provider).Calls(), account); writes != 2 {
					t.Errorf("%d records were written in %s, want 2", writes, zone)
				}
			}
		})
	}
}

// renewal asks for a certificate that is due for renewal some seconds after it was issued, and waits for the second one.
func (s *suite) renewal(t *testing.T) {
	zone := "renewal.example"
	account := s.account(t, stage.DNSPod(), "renewal", zone)
	issuer := s.issuer(t, "", "renewal", account)
	namespace := s.namespace(t, "renewal")
	certificate := stage.Certificate(namespace, "web", issuer, zone, "*."+zone)
	const life = 90 * 24 * time.Hour
	certificate.Spec.Duration = &metav1.Duration{Duration: life}
	certificate.Spec.RenewBefore = &metav1.Duration{Duration: life - 20*time.Second}
	s.create(t, certificate)
	first, err := s.WaitForCertificate(t.Context(), namespace, "web", patience)
	if err != nil {
		t.Fatal(err)
	}
	s.eventually(t, func() error {
		second, err := s.Issued(t.Context(), namespace, "web")
		if err != nil {
			return err
		}
		if second.SerialNumber.Cmp(first.SerialNumber) == 0 {
			return fmt.Errorf("the certificate is still the first one")
		}
		return nil
	})
	// It would go on renewing for as long as it is there.
	s.delete(t, certificate)
	s.expectNoChallenges(t, namespace)
}

// deletionWhilePending deletes a Certificate while its first Challenge is presented and the second one waits, whose record was
// written ahead.
func (s *suite) deletionWhilePending(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone := provider.SolverName + "-deleted.example"
			account := s.account(t, provider, "deleted", zone)
			account.Wait = pendingFor
			name := "deleted-" + provider.SolverName
			issuer := s.issuer(t, "", name, account)
			namespace := s.namespace(t, name)
			certificate := stage.Certificate(namespace, "web", issuer, zone, "*."+zone)
			s.create(t, certificate)
			s.expectPresented(t, provider, namespace, zone)
			s.expectRecords(t, provider, zone, 2)
			s.expectOneUnstarted(t, namespace)
			s.delete(t, certificate)
			s.expectNoChallenges(t, namespace)
			s.expectClean(t, provider, zone)
		})
	}
}

func (s *suite) expectOneUnstarted(t *testing.T, namespace string) {
	t.Helper()
	var challenges acmev1.ChallengeList
	if err := s.Client.List(t.Context(), &challenges, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	unstarted := 0
	for _, challenge := range challenges.Items {
		if !challenge.Status.Processing && len(challenge.Finalizers) == 0 {
			unstarted++
		}
	}
	if unstarted != 1 {
		t.Errorf("%d of %d challenges are not started, want 1", unstarted, len(challenges.Items))
	}
}

// namespaceDeletion deletes a namespace with everything in it, the Secret with the keys and the permission to read it
// too, while a challenge is pending. In which order they go is chance. Nobody has the keys any more, so the record may
// stay; the namespace may not.
func (s *suite) namespaceDeletion(t *testing.T) {
	for name, test := range map[string]struct {
		namespace string
		first     func(t *testing.T, namespace string, account stage.Account)
	}{
		"all at once": {vanishedNamespaces()[0], func(*testing.T, string, stage.Account) {}},
		"the Secret first": {vanishedNamespaces()[1], func(t *testing.T, namespace string, account stage.Account) {
			s.delete(t, account.Secret(namespace))
		}},
		"the permission first": {vanishedNamespaces()[2], func(t *testing.T, namespace string, _ stage.Account) {
			if err := s.Client.DeleteAllOf(t.Context(), &rbacv1.RoleBinding{}, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := test.namespace + ".example"
			account, err := s.AddAccount(stage.Alidns(), test.namespace, zone)
			if err != nil {
				t.Fatal(err)
			}
			account.Wait = pendingFor
			issuer := s.issuer(t, test.namespace, "vanished", account)
			s.create(t, stage.Certificate(test.namespace, "web", issuer, zone, "*."+zone))
			s.expectPresented(t, stage.Alidns(), test.namespace, zone)
			test.first(t, test.namespace, account)
			s.delete(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: test.namespace}})
			s.eventually(t, func() error { return s.namespaceGone(t, test.namespace) })
		})
	}
}

func (s *suite) namespaceGone(t *testing.T, name string) error {
	var namespace corev1.Namespace
	err := s.Client.Get(t.Context(), client.ObjectKey{Name: name}, &namespace)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("namespace %s is still there: %w", name, s.NoChallenges(t.Context(), name))
}
