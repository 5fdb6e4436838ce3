// Package e2e tests certyun from end to end: one cluster, in which cert-manager obtains certificates from an ACME server
// through certyun and the simulated clouds.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/kubelet"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/deploy/local/toolbox"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// patience is how long anything in the cluster may take.
const patience = 2 * time.Minute

// issuersNamespace has Issuers that certyun serves.
const issuersNamespace = "issuers"

// vanishedNamespaces have such Issuers too, and are deleted.
func vanishedNamespaces() []string {
	return []string{"vanished-at-once", "vanished-secret", "vanished-role"}
}

// suite is what all tests share.
type suite struct{ *stage.Stage }

func TestMain(m *testing.M) {
	if os.Getenv(actorRole) != "" {
		os.Exit(act())
	}
	// Nearly all time is spent waiting, so more tests run side by side than there are cores.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestEndToEnd(t *testing.T) {
	s := start(t)
	t.Run("certificates", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"a ClusterIssuer issues for an apex and its wildcard":                                    s.clusterIssuers,
			"an Issuer issues with the keys of its own namespace":                                    s.issuers,
			"the keys of one account assume a role of another":                                       s.roles,
			"a solver without keys issues with the token of its ServiceAccount":                      s.keyless,
			"an annotated Ingress gets its certificate":                                              s.annotatedIngress,
			"two zones of two accounts of one cloud are solved at once":                              s.twoAccounts,
			"a resolver that remembers an absence delays nothing":                                    s.rememberedAbsence,
			"name servers that nobody may ask delay a certificate and no more":                       s.unseen,
			"the CA asks for a name when both its values are visible":                                s.together,
			"without --ahead and --ca-memory the Order of an apex and its wildcard fails":            s.oneByOne,
			"two Certificates for the same names are issued, asked for at once":                      s.twins("twins", 0),
			"two Certificates for the same names are issued, ten seconds apart":                      s.twins("apart", 10*time.Second),
			"two names delegated to one are issued":                                                  s.sharedName,
			"a queue longer than --ahead is issued and leaves nothing behind":                        s.narrow,
			"a certificate is renewed":                                                               s.renewal,
			"a Certificate deleted while its second Challenge waits unstarted leaves nothing behind": s.deletionWhilePending,
			"a namespace deleted with its Secret while pending goes away":                            s.namespaceDeletion,
			"only cert-manager may call the solvers":                                                 s.callers,
			"discovery and OpenAPI know the solvers":                                                 s.discovery,
			"a Pod is played with its files, its environment, its probes and its end":                s.pods,
			"kubectl cannot apply what the documents say is refused":                                 s.refusals,
			"kubectl applies what is right, and shows warnings":                                      s.acceptance,
			"what was there before can be changed, but not for the worse":                            s.ratchet,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	})
	t.Run("a namespace deleted with records written ahead goes away and leaves nothing behind", s.namespaceDeletionAhead)
	t.Run("an account that throttles is not slower for its queue", s.throttled)
	t.Run("the replica that writes ahead is killed and replaced, and half of the Certificates are deleted", s.leaderKilled)
	t.Run("the right to read Challenges and Orders is withdrawn and given back", s.withdrawn)
	t.Run("the solver is killed and restarted in the middle", s.solverKilled)
	t.Run("certificates are issued while the admission server is killed and restarted", s.admissionKilled)
	t.Run("certificates are issued with each failure policy, with the admission server and without", s.failurePolicy)
	t.Run("certyun doctor names what is wrong", s.doctor)
	t.Run("no log holds a key", s.logsHoldNoKey)
}

// start builds what is missing and starts the stage for the whole package.
func start(t *testing.T) *suite {
	t.Helper()
	box, err := toolbox.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Build(t.Context(), os.Stderr, toolbox.ForCluster()...); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	played, err := stage.Start(t.Context(), stage.Options{
		Toolbox:          box,
		Images:           map[string]kubelet.Image{actorImage: {Entrypoint: "/actor", Program: self}},
		IssuerNamespaces: append(vanishedNamespaces(), issuersNamespace),
		Step: func(name string, do func() error) error {
			started := time.Now()
			err := do()
			t.Logf("%s: %.1f s", name, time.Since(started).Seconds())
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(played.Explain(context.Background()))
		}
		if err := played.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &suite{Stage: played}
}

// account opens an account and, when the test ends, sees that its zones come to hold the records of others and nothing else. What was
// written ahead for a Challenge that nobody has started goes a moment after the Challenge.
func (s *suite) account(t *testing.T, provider stage.Provider, owner string, zones ...string) stage.Account {
	t.Helper()
	account, err := s.AddAccount(provider, owner, zones...)
	if err != nil {
		t.Fatal(err)
	}
	before := map[string][]cloud.Record{}
	for _, zone := range zones {
		before[zone] = s.Endpoint(provider).Records(zone)
		if len(before[zone]) == 0 {
			t.Fatalf("zone %s has no records of others to watch", zone)
		}
	}
	t.Cleanup(func() {
		for _, zone := range zones {
			err := stage.Eventually(context.WithoutCancel(t.Context()), patience, func() error {
				if diff := cmp.Diff(before[zone], s.Endpoint(provider).Records(zone)); diff != "" {
					return fmt.Errorf("zone %s at %s is not as it was (-before +after):\n%s", zone, provider.Title, diff)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	return account
}

// issuer makes an Issuer for the account; without a namespace, a ClusterIssuer.
func (s *suite) issuer(t *testing.T, namespace, name string, account stage.Account) cmmeta.IssuerReference {
	t.Helper()
	ref, err := s.CreateIssuer(t.Context(), namespace, name, account)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// namespace makes one that goes away after the test.
func (s *suite) namespace(t *testing.T, name string) string {
	t.Helper()
	s.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return name
}

func (s *suite) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := s.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *suite) delete(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := s.Client.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually fails the test when the try does not work in time.
func (s *suite) eventually(t *testing.T, try func() error) {
	t.Helper()
	if err := stage.Eventually(t.Context(), patience, try); err != nil {
		t.Fatal(err)
	}
}

// expectIssued waits for a certificate and checks for whom it is.
func (s *suite) expectIssued(t *testing.T, namespace, name string, dnsNames ...string) {
	t.Helper()
	certificate, err := s.WaitForCertificate(t.Context(), namespace, name, patience)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dnsNames, certificate.DNSNames); diff != "" {
		t.Errorf("names of the certificate (-want +got):\n%s", diff)
	}
	s.expectNoChallenges(t, namespace)
	if failed, err := s.failedOrders(t, namespace); err != nil || len(failed) > 0 {
		t.Errorf("Orders have failed: %q, %v", failed, err)
	}
}

// expectNoChallenges waits until cert-manager has cleaned up: a certificate may be there a moment earlier.
func (s *suite) expectNoChallenges(t *testing.T, namespace string) {
	t.Helper()
	s.eventually(t, func() error { return s.NoChallenges(t.Context(), namespace) })
}

// challengeRecords lists the values that certyun has put at _acme-challenge names of the zone.
func (s *suite) challengeRecords(provider stage.Provider, zone string) []string {
	var values []string
	for _, record := range s.Endpoint(provider).Records(zone) {
		if strings.HasPrefix(record.RR, "_acme-challenge") && !strings.Contains(record.Value, " ") {
			values = append(values, record.Value)
		}
	}
	return values
}

// pendingFor is how long a challenge stays presented in the tests that need one.
const pendingFor = 5 * time.Second

// expectPresented waits until a challenge's record is visible and cert-manager waits for no good reason: see pendingFor.
func (s *suite) expectPresented(t *testing.T, provider stage.Provider, namespace, zone string) {
	t.Helper()
	s.eventually(t, func() error {
		if len(s.challengeRecords(provider, zone)) == 0 {
			return fmt.Errorf("no challenge record in %s yet", zone)
		}
		var challenges acmev1.ChallengeList
		if err := s.Client.List(t.Context(), &challenges, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, challenge := range challenges.Items {
			if challenge.Status.Presented {
				return nil
			}
		}
		return fmt.Errorf("no challenge in %s is presented yet", namespace)
	})
}
