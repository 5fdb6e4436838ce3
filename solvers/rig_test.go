package solvers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/testutil"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/simulator"
	simalidns "github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	simdnspod "github.com/certyun/certyun/solvers/simulator/dnspod"
)

// The accounts of the tests: alice and bob, who do not know each other's keys.
const (
	aliceID, aliceSecret = "AKIDaliceLTAI5t", "alice-secret-value"
	bobID, bobSecret     = "AKIDbobLTAI5t", "bob-secret-value"
	fqdn                 = "_acme-challenge.example.com."
	value                = "-dQw4w9WgXcQ_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"
	otherValue           = "_eWx5x0XhYdR-bCdEfGhIjKlMnOpQrStUvWxYzA1234"
)

// nthValue is another value of a challenge for each number.
func nthValue(n int) string { return fmt.Sprintf("%043d", n) }

// vendor is what differs between the two clouds in the tests.
type vendor struct {
	name                     string
	zones, add, list, remove string // actions of the API
	look                     string // the one that tells whether a row is still the challenge's record
	configFor                func(secret string) string
	newCloud                 func(now func() time.Time) *cloud.Cloud
	handler                  func(*cloud.Cloud) http.Handler
	host                     func(*Options, surroundings, *counters) (host, error)
}

func vendors() []vendor {
	return []vendor{{
		name: "alidns", zones: "DescribeDomains", add: "AddDomainRecord", list: "DescribeDomainRecords", remove: "DeleteDomainRecord",
		look: "DescribeDomainRecords",
		configFor: func(secret string) string {
			return fmt.Sprintf(`{"accessKeyIdRef":{"name":%q,"key":"id"},"accessKeySecretRef":{"name":%q,"key":"secret"}}`, secret, secret)
		},
		newCloud: simalidns.NewCloud, handler: simalidns.New,
		host: (*Options).alidnsHost,
	}, {
		name: "dnspod", zones: "DescribeDomainList", add: "CreateRecord", list: "DescribeRecordList", remove: "DeleteRecord",
		look: "DescribeRecord",
		configFor: func(secret string) string {
			return fmt.Sprintf(`{"secretIdRef":{"name":%q,"key":"id"},"secretKeyRef":{"name":%q,"key":"secret"}}`, secret, secret)
		},
		newCloud: simdnspod.NewCloud, handler: simdnspod.New,
		host: (*Options).dnspodHost,
	}}
}

// rig is a solver and the cloud that it talks to, without a network, so that time in it can be simulated.
type rig struct {
	vendor
	t         testing.TB
	cloud     *cloud.Cloud
	secrets   *fakeSecrets
	solver    *Solver
	counters  *counters
	transport http.RoundTripper
	// env is the environment of the process, and ambient who may use what it has: nobody unless a test says so.
	env     map[string]string
	ambient config.Ambient
	// watcher is nil unless a test sets it before restart.
	watcher watcher
	// qps is the limit of calls a second, 0 for the default. It is for a test to set before restart.
	qps float64
}

// forBoth runs a test for each cloud, in simulated time. Alice hosts example.com and keeps her keys in the namespace team-a.
func forBoth(t *testing.T, test func(r *rig)) {
	t.Helper()
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) { forOne(t, v.name, test) })
	}
}

func forOne(t *testing.T, name string, test func(r *rig)) {
	t.Helper()
	vs := vendors()
	v := vs[slices.IndexFunc(vs, func(v vendor) bool { return v.name == name })]
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, v)
		defer r.cloud.Close()
		test(r)
	})
}

func newRig(t testing.TB, v vendor) *rig {
	t.Helper()
	c := v.newCloud(nil)
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}})
	c.PutAccount(cloud.Account{Owner: "bob", Keys: []cloud.Key{{ID: bobID, Secret: bobSecret}}})
	r := &rig{vendor: v, t: t, cloud: c, secrets: newFakeSecrets(), transport: simulator.Transport(v.handler(c))}
	r.secrets.put("team-a", "alice", aliceID, aliceSecret)
	r.secrets.put("team-b", "bob", bobID, bobSecret)
	r.putZone("alice", "example.com")
	r.restart()
	return r
}

// restart replaces the solver by a new one that remembers nothing, as another replica or a new process does.
func (r *rig) restart() {
	r.counters = newCounters(metrics.NewKubeRegistry().Register)
	r.solver = r.replica()
}

// abandoned and unseen are how many records were counted as that.
func (r *rig) abandoned() float64 { return counted(r.t, r.counters.abandoned, r.name) }
func (r *rig) unseen() float64    { return counted(r.t, r.counters.unseen, r.name) }

func counted(t testing.TB, c *metrics.CounterVec, solver string) float64 {
	t.Helper()
	n, err := testutil.GetCounterMetricValue(c.WithLabelValues(solver))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (r *rig) replica() *Solver {
	o := NewOptions()
	if r.qps > 0 {
		o.Alidns.QPS, o.DNSPod.QPS = r.qps, r.qps
	}
	h, err := r.host(o, surroundings{clouds: r.transport, metadata: r.transport, getenv: func(name string) string { return r.env[name] }}, r.counters)
	if err != nil {
		r.t.Fatal(err)
	}
	s := newSolver(h, r.counters)
	s.watcher, s.longest = r.watcher, defaultPropagationTimeout
	s.ambient, s.clusterResources = r.ambient, "cert-manager"
	s.keys.Store(credential.NewReader(r.secrets))
	return s
}

func (r *rig) putZone(owner, name string, records ...cloud.Record) {
	r.t.Helper()
	if err := r.cloud.PutZone(cloud.Zone{Owner: owner, Name: name, Records: records}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) removeZone(owner, name string) {
	r.t.Helper()
	if err := r.cloud.RemoveZone(owner, name); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) inject(f cloud.Fault) {
	r.t.Helper()
	if err := r.cloud.Inject(f); err != nil {
		r.t.Fatal(err)
	}
}

// request is the usual challenge, changed as a test wants it.
func (r *rig) request(changes ...func(*whapi.ChallengeRequest)) *whapi.ChallengeRequest {
	ch := &whapi.ChallengeRequest{
		UID: "00000000-0000-0000-0000-000000000001", Type: "dns-01", DNSName: "example.com", Key: value,
		ResourceNamespace: "team-a", ResolvedFQDN: fqdn, ResolvedZone: "example.com.",
		Config: &apiextensionsv1.JSON{Raw: []byte(r.configFor("alice"))},
	}
	for _, change := range changes {
		change(ch)
	}
	return ch
}

func withKey(key string) func(*whapi.ChallengeRequest) {
	return func(ch *whapi.ChallengeRequest) { ch.Key = key }
}

func withName(fqdn, zone string) func(*whapi.ChallengeRequest) {
	return func(ch *whapi.ChallengeRequest) { ch.ResolvedFQDN, ch.ResolvedZone = fqdn, zone }
}

func withConfig(raw string) func(*whapi.ChallengeRequest) {
	return func(ch *whapi.ChallengeRequest) { ch.Config = &apiextensionsv1.JSON{Raw: []byte(raw)} }
}

// as makes the request that of another account: its namespace, its Secret.
func (r *rig) as(namespace, secret string) func(*whapi.ChallengeRequest) {
	return func(ch *whapi.ChallengeRequest) {
		ch.ResourceNamespace = namespace
		ch.Config = &apiextensionsv1.JSON{Raw: []byte(r.configFor(secret))}
	}
}

func (r *rig) present(changes ...func(*whapi.ChallengeRequest)) {
	r.t.Helper()
	if err := r.solver.Present(r.request(changes...)); err != nil {
		r.t.Fatalf("Present: %v", err)
	}
}

func (r *rig) cleanUp(changes ...func(*whapi.ChallengeRequest)) {
	r.t.Helper()
	if err := r.solver.CleanUp(r.request(changes...)); err != nil {
		r.t.Fatalf("CleanUp: %v", err)
	}
}

// txt lists the TXT records of an account as "name value".
func (r *rig) txt(owner string) []string {
	var names []string
	for _, record := range r.cloud.Records("") {
		if record.Type == "TXT" && record.Owner == owner {
			names = append(names, record.RR+"."+record.Zone+" "+record.Value)
		}
	}
	slices.Sort(names)
	return names
}

func (r *rig) wantTXT(owner string, want ...string) {
	r.t.Helper()
	slices.Sort(want)
	if got := r.txt(owner); !slices.Equal(got, want) {
		r.t.Fatalf("TXT records of %s:\n got %q\nwant %q", owner, got, want)
	}
}

func (r *rig) wantCalls(action string, want int) {
	r.t.Helper()
	if got := r.cloud.Count(action); got != want {
		r.t.Errorf("%s was called %d times, want %d", action, got, want)
	}
}

// wantError calls an operation twice and checks that it fails with the same text, which has each of the parts and nothing that
// changes from call to call or that is secret.
func (r *rig) wantError(operation func() error, parts ...string) {
	r.t.Helper()
	first := operation()
	if first == nil {
		r.t.Fatal("got no error")
	}
	time.Sleep(90 * time.Minute) // dates would differ
	second := operation()
	if second == nil || first.Error() != second.Error() {
		r.t.Fatalf("the text of the error changes:\n%v\n%v", first, second)
	}
	for _, part := range parts {
		if !strings.Contains(first.Error(), part) {
			r.t.Errorf("the error does not say %q:\n%v", part, first)
		}
	}
	for _, secret := range []string{aliceID, aliceSecret, bobID, bobSecret, "Signature=", "RequestId", "HostId", "AccessKeyId=", "2000-01-01", "http://", "https://"} {
		if strings.Contains(first.Error(), secret) {
			r.t.Errorf("the error holds %q:\n%v", secret, first)
		}
	}
}

// fakeSecrets is an API server that has Secrets and nothing else.
type fakeSecrets struct {
	mu      sync.Mutex
	secrets map[string]*corev1.Secret
	asked   []string
	failure error
}

func newFakeSecrets() *fakeSecrets { return &fakeSecrets{secrets: map[string]*corev1.Secret{}} }

func (f *fakeSecrets) put(namespace, name, id, secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets[namespace+"/"+name] = &corev1.Secret{Data: map[string][]byte{"id": []byte(id), "secret": []byte(secret)}}
}

func (f *fakeSecrets) remove(namespace, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.secrets, namespace+"/"+name)
}

func (f *fakeSecrets) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, namespace)
	if f.failure != nil {
		return nil, f.failure
	}
	if s := f.secrets[namespace+"/"+name]; s != nil {
		return s, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}
