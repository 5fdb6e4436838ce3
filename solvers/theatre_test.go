package solvers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	cmfake "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/fake"
	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	"github.com/google/uuid"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator"
)

// theatre is a cluster in simulated time: replicas of the solvers, a cloud whose records take a while to be visible, a
// cert-manager that works on Challenges as the real one does, and a CA that remembers.
type theatre struct {
	*rig
	// delay is how long records take to be visible.
	delay time.Duration
	// max is --ahead, and memory --ca-memory.
	max    int
	memory time.Duration

	// kube and certManager are what the API server has.
	kube, certManager clienttesting.ObjectTracker
	replicas          []*replica
	// route picks the replica that answers a call; it may be nil for the first that lives.
	route func(action string, ch *cmacme.Challenge) *replica
	ca    *rememberingCA
	// followed are CNAME records, by the name in a certificate.
	followed map[string]string
	// allowed are the Issuers whose requests cert-manager allows ambient credentials.
	allowed map[string]bool
}

// replica is one process.
type replica struct {
	*Solver
	ahead *ahead.Ahead
	dead  atomic.Bool
	blind atomic.Bool
	// lag is how many nanoseconds each request of this process is under way before the cloud has it, whoever still waits for the answer.
	lag atomic.Int64
	// watches are open.
	watches sync.Map
	cancel  context.CancelFunc
	ended   chan struct{}
}

var errDead = errors.New("the process is dead")

func newTheatre(r *rig) *theatre {
	s := &theatre{
		rig: r, delay: 3 * time.Second, max: defaultAhead, memory: defaultCAMemory,
		kube: tracker(kubescheme.Scheme), certManager: tracker(cmscheme.Scheme), followed: map[string]string{}, allowed: map[string]bool{},
	}
	s.ca = &rememberingCA{theatre: s, remembers: time.Minute, cache: map[string]answer{}}
	return s
}

func tracker(scheme *runtime.Scheme) clienttesting.ObjectTracker {
	return clienttesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder())
}

// play runs a test with so many replicas for each cloud.
func play(t *testing.T, replicas int, test func(s *theatre)) {
	t.Helper()
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) { playOne(t, v.name, replicas, test) })
	}
}

func playOne(t *testing.T, cloud string, replicas int, test func(s *theatre)) {
	t.Helper()
	vs := vendors()
	v := vs[slices.IndexFunc(vs, func(v vendor) bool { return v.name == cloud })]
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, v)
		defer r.cloud.Close()
		s := newTheatre(r)
		for range replicas {
			s.start()
		}
		test(s)
		s.close()
	})
}

// start adds a replica. The first to come leads.
func (s *theatre) start() *replica {
	p := &replica{ended: make(chan struct{})}
	o := NewOptions()
	o.CAMemory, o.Ahead.Max, o.Ahead.Namespace, o.Server.SolverGroup = s.memory, s.max, "certyun", "acme.certyun.internal"
	h, err := s.host(o, surroundings{clouds: living{p, simulator.Transport(s.handler(s.cloud))}, getenv: func(name string) string { return s.env[name] }}, s.counters)
	if err != nil {
		s.t.Fatal(err)
	}
	p.Solver = newSolver(h, s.counters)
	p.watcher, p.longest = delayed{s}, defaultPropagationTimeout
	p.Solver.ambient, p.clusterResources = s.rig.ambient, "cert-manager"
	p.Solver.keys.Store(credential.NewReader(s.secrets))
	p.Solver.shown = ahead.NewMemory(o.CAMemory)
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	if s.max == 0 {
		close(p.ended)
	} else {
		group := ahead.Group{
			Name: o.Server.SolverGroup, ClusterResources: "cert-manager",
			Solvers: map[string]ahead.Solver{p.Name(): early{p.Solver}},
		}
		p.ahead = ahead.New(ahead.Options{
			Group: group, Max: o.Ahead.Max, Namespace: "certyun", Identity: uuid.NewString(), Memory: p.shown, Names: s,
		})
		p.Solver.ahead = p.ahead
		go func() {
			defer close(p.ended)
			_ = p.ahead.Run(ctx, s.kubeFor(p), s.certManagerFor(p)) // it fails for no clients but real ones
		}()
	}
	s.replicas = append(s.replicas, p)
	time.Sleep(5 * time.Second)
	return p
}

// Follow implements ahead.Names.
func (s *theatre) Follow(_ context.Context, dnsName string) (string, error) {
	if name := s.followed[dnsName]; name != "" {
		return name, nil
	}
	return "_acme-challenge." + dnsName, nil
}

// stop ends a replica as SIGTERM does.
func (p *replica) stop() {
	p.cancel()
	<-p.ended
}

// kill ends a replica as SIGKILL does: nothing that it has begun goes on.
func (p *replica) kill() {
	p.dead.Store(true)
	p.stop()
}

func (s *theatre) close() {
	for _, p := range s.replicas {
		p.stop()
	}
}

// living lets the requests of a dead process fail.
type living struct {
	*replica
	next http.RoundTripper
}

func (l living) RoundTrip(request *http.Request) (*http.Response, error) {
	if l.dead.Load() {
		return nil, errDead
	}
	lag := time.Duration(l.lag.Load())
	if lag == 0 {
		return l.next.RoundTrip(request)
	}
	type answer struct {
		response *http.Response
		err      error
	}
	arrived := make(chan answer, 1)
	sent := request.WithContext(context.WithoutCancel(request.Context()))
	time.AfterFunc(lag, func() {
		response, err := l.next.RoundTrip(sent) //nolint:bodyclose // who waits for the answer closes it
		arrived <- answer{response, err}
	})
	select {
	case <-request.Context().Done():
		return nil, request.Context().Err()
	case a := <-arrived:
		return a.response, a.err
	}
}

func (p *replica) kubernetes(tracker clienttesting.ObjectTracker, fake *clienttesting.Fake) {
	fake.AddReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return p.refuses(action)
	})
	fake.AddReactor("*", "*", clienttesting.ObjectReaction(tracker))
	fake.AddWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		if refused, _, err := p.refuses(action); refused {
			return true, nil, err
		}
		w, err := tracker.Watch(action.GetResource(), action.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		p.watches.Store(w, true)
		return true, watch.Filter(w, func(e watch.Event) (watch.Event, bool) { return e, !p.dead.Load() && !p.blind.Load() }), nil
	})
}

func (p *replica) refuses(action clienttesting.Action) (bool, runtime.Object, error) {
	switch {
	case p.dead.Load():
		return true, nil, errDead
	case p.blind.Load() && action.GetResource().Group == cmacme.SchemeGroupVersion.Group:
		return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", errors.New("no such right"))
	}
	return false, nil, nil
}

func (s *theatre) kubeFor(p *replica) *kubefake.Clientset {
	client := &kubefake.Clientset{}
	p.kubernetes(s.kube, &client.Fake)
	return client
}

func (s *theatre) certManagerFor(p *replica) *cmfake.Clientset {
	client := &cmfake.Clientset{}
	p.kubernetes(s.certManager, &client.Fake)
	return client
}

// delayed looks at the cloud's records as they were some time ago.
type delayed struct{ s *theatre }

func (d delayed) shows(r propagation.Record) bool {
	return slices.Contains(d.s.visible(r.Zone, r.Name), r.Value)
}

func (d delayed) Wait(ctx context.Context, r propagation.Record) (propagation.Sight, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if d.Watch(ctx, r, 0) {
		return propagation.Sight{Seen: true}, nil
	}
	return propagation.Sight{}, errors.New("the record is written but not visible yet")
}

func (d delayed) Watch(ctx context.Context, r propagation.Record, every time.Duration) bool {
	for !d.shows(r) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(max(every, 100*time.Millisecond)):
		}
	}
	return true
}

// visible are the values that the name servers show.
func (s *theatre) visible(zone, name string) []string {
	records, _ := s.cloud.Lookup(zone, strings.TrimSuffix(name, "."+zone), time.Now().Add(-s.delay))
	var values []string
	for _, record := range records {
		if record.Type == "TXT" {
			values = append(values, record.Value)
		}
	}
	return values
}

// rememberingCA asks through a resolver that keeps answers, absences too.
type rememberingCA struct {
	*theatre
	remembers time.Duration

	mu    sync.Mutex
	cache map[string]answer
}

type answer struct {
	values []string
	until  time.Time
}

// finds tells whether the CA finds the value.
func (c *rememberingCA) finds(name, value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.cache[name]
	if !time.Now().Before(known.until) {
		known = answer{c.visible("example.com", name), time.Now().Add(c.remembers)}
		c.cache[name] = known
	}
	return slices.Contains(known.values, value)
}

// order makes an Order with authorizations for the names, as cert-manager does, without its Challenges.
func (s *theatre) order(namespace, name string, dnsNames ...string) *cmacme.Order {
	s.t.Helper()
	return s.orderOf("letsencrypt", namespace, name, dnsNames...)
}

func (s *theatre) orderOf(issuer, namespace, name string, dnsNames ...string) *cmacme.Order {
	s.t.Helper()
	o := &cmacme.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), CreationTimestamp: metav1.Now().Rfc3339Copy()},
		Spec:       cmacme.OrderSpec{IssuerRef: cmmeta.IssuerReference{Name: issuer}, DNSNames: dnsNames},
		Status:     cmacme.OrderStatus{State: cmacme.Pending},
	}
	for i, dnsName := range dnsNames {
		identifier, wildcard := strings.CutPrefix(dnsName, "*.")
		o.Status.Authorizations = append(o.Status.Authorizations, cmacme.ACMEAuthorization{
			URL: fmt.Sprintf("https://ca.test/%s/%s/%d", namespace, name, i), Identifier: identifier, Wildcard: &wildcard, InitialState: cmacme.Pending,
		})
	}
	if err := s.certManager.Add(o); err != nil {
		s.t.Fatal(err)
	}
	return o
}

// challenge makes the Challenge of an Order's authorization.
func (s *theatre) challenge(o *cmacme.Order, i int, value string, changes ...func(*cmacme.Challenge)) *cmacme.Challenge {
	s.t.Helper()
	a := o.Status.Authorizations[i]
	ch := &cmacme.Challenge{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: fmt.Sprintf("%s-%d", o.Name, i), UID: types.UID(fmt.Sprintf("%s/%s-%d", o.Namespace, o.Name, i)),
			CreationTimestamp: metav1.Now().Rfc3339Copy(),
			OwnerReferences:   []metav1.OwnerReference{*metav1.NewControllerRef(o, cmacme.SchemeGroupVersion.WithKind("Order"))},
		},
		Spec: cmacme.ChallengeSpec{
			AuthorizationURL: a.URL, DNSName: a.Identifier, Wildcard: *a.Wildcard, Type: cmacme.ACMEChallengeTypeDNS01, Key: value, IssuerRef: o.Spec.IssuerRef,
			Solver: cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{
				GroupName: "acme.certyun.internal", SolverName: s.name, Config: &apiextensionsv1.JSON{Raw: []byte(s.configFor("alice"))},
			}}},
		},
	}
	for _, change := range changes {
		change(ch)
	}
	if err := s.certManager.Add(ch); err != nil {
		s.t.Fatal(err)
	}
	return ch
}

func (s *theatre) update(ch *cmacme.Challenge, change func(*cmacme.Challenge)) {
	s.t.Helper()
	change(ch)
	if err := s.certManager.Update(cmacme.SchemeGroupVersion.WithResource("challenges"), ch.DeepCopy(), ch.Namespace); err != nil {
		s.t.Fatal(err)
	}
}

// remove deletes an object; one with a finalizer only once that is gone.
func (s *theatre) remove(ch *cmacme.Challenge) {
	s.t.Helper()
	err := s.certManager.Delete(cmacme.SchemeGroupVersion.WithResource("challenges"), ch.Namespace, ch.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		s.t.Fatal(err)
	}
}

func (s *theatre) request(ch *cmacme.Challenge) *whapi.ChallengeRequest {
	name, _ := s.Follow(context.Background(), ch.Spec.DNSName)
	return &whapi.ChallengeRequest{
		Type: "dns-01", DNSName: ch.Spec.DNSName, Key: ch.Spec.Key, ResourceNamespace: ch.Namespace,
		ResolvedFQDN: name + ".", ResolvedZone: "example.com.", Config: ch.Spec.Solver.DNS01.Webhook.Config,
		AllowAmbientCredentials: s.allowed[ch.Spec.IssuerRef.Name],
	}
}

func (s *theatre) replica(action string, ch *cmacme.Challenge) *replica {
	if s.route != nil {
		if p := s.route(action, ch); !p.dead.Load() {
			return p
		}
	}
	for _, p := range s.replicas {
		if !p.dead.Load() {
			return p
		}
	}
	s.t.Fatal("no replica lives")
	return nil
}

// retry calls until it works, as cert-manager's work queue does: at once after the first failure, whose text is new, and then
// after 5, 10, 20, … seconds.
func retry(call func() error) {
	for pause := time.Duration(0); call() != nil; pause = max(5*time.Second, 2*pause) {
		time.Sleep(pause)
	}
}

// begin is what cert-manager does before Present.
func (s *theatre) begin(ch *cmacme.Challenge) {
	s.update(ch, func(ch *cmacme.Challenge) { ch.Status.Processing = true })
	s.update(ch, func(ch *cmacme.Challenge) { ch.Finalizers = []string{cmacme.ACMEDomainQualifiedFinalizer} })
	s.update(ch, func(ch *cmacme.Challenge) { ch.Status.State = cmacme.Pending })
	time.Sleep(50 * time.Millisecond)
}

// present calls Present until it works, and lets the CA look. It tells whether the CA found the value.
func (s *theatre) present(ch *cmacme.Challenge) bool {
	retry(func() error { return s.replica("present", ch).Present(s.request(ch)) })
	at := metav1.Now().Rfc3339Copy()
	time.Sleep(300 * time.Millisecond)
	found := s.ca.finds(strings.TrimSuffix(s.request(ch).ResolvedFQDN, "."), ch.Spec.Key)
	s.update(ch, func(ch *cmacme.Challenge) {
		ch.Status.Presented, ch.Status.PresentedAt, ch.Status.State = true, &at, cmacme.Valid
		if !found {
			ch.Status.State = cmacme.Invalid
		}
	})
	return found
}

// cleanUp calls CleanUp until it works, and lets go of the Challenge.
func (s *theatre) cleanUp(ch *cmacme.Challenge) {
	retry(func() error { return s.replica("clean up", ch).CleanUp(s.request(ch)) })
	s.update(ch, func(ch *cmacme.Challenge) { ch.Finalizers = nil })
	s.update(ch, func(ch *cmacme.Challenge) { ch.Status.Processing, ch.Status.Presented = false, false })
}

// solve works on Challenges of one DNS name as cert-manager does: one after the other. It tells whether all were valid.
func (s *theatre) solve(challenges ...*cmacme.Challenge) bool {
	valid := true
	for _, ch := range challenges {
		time.Sleep(700 * time.Millisecond) // until the scheduler's next tick
		s.begin(ch)
		valid = s.present(ch) && valid
		s.cleanUp(ch)
	}
	return valid
}

// finish ends an Order as cert-manager does: its Challenges go.
func (s *theatre) finish(o *cmacme.Order, challenges ...*cmacme.Challenge) {
	o.Status.State = cmacme.Valid
	if err := s.certManager.Update(cmacme.SchemeGroupVersion.WithResource("orders"), o.DeepCopy(), o.Namespace); err != nil {
		s.t.Fatal(err)
	}
	for _, ch := range challenges {
		s.remove(ch)
	}
}

// apexAndWildcard makes an Order for both, with its Challenges.
func (s *theatre) apexAndWildcard(name string, values ...string) (*cmacme.Order, []*cmacme.Challenge) {
	o := s.order("team-a", name, "example.com", "*.example.com")
	return o, []*cmacme.Challenge{s.challenge(o, 0, values[0]), s.challenge(o, 1, values[1])}
}

// restartWatches lets the watches of a replica end, as the API server does now and then.
func (s *theatre) restartWatches(p *replica) {
	p.watches.Range(func(w, _ any) bool {
		w.(watch.Interface).Stop()
		p.watches.Delete(w)
		return true
	})
	time.Sleep(5 * time.Second)
}
