// Package solvers is the DNS-01 solver: cert-manager's webhook interface over the DNS hosts, and the aggregated API
// server that serves it.
package solvers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"golang.org/x/sync/semaphore"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/provider"
)

// operationTimeout bounds one Present or CleanUp, everything included: cert-manager's interface hands us no context. A generic API
// server answers after 34 seconds with a time-out of its own, whatever the handler does
// (https://github.com/kubernetes/apiserver/blob/v0.36.6/pkg/endpoints/handlers/rest.go, requestTimeoutUpperBound). What went
// wrong must be told before that, or nobody is told. Of a Present's time:
//
//	33 s  all of it
//	23 s  the calls to the cloud, retries and the wait for the quota included (operationTimeout - leastWait)
//	10 s  the wait for the record at least (leastWait), 30 s at most (defaultPropagationTimeout, if the calls took 3 s)
//	10 s  one request to the cloud (wire), and the wait for the records of others beside the own (othersWithin)
//	40 s  a look at all zones of an account (provider): longer than its caller has, for it serves those who come next
const operationTimeout = 33 * time.Second

// leastWait is what the API calls leave to the wait for a record at least. Most records appear within it; where they do not,
// the call that follows finds the record written and has nearly all of the time for the wait.
const leastWait = 10 * time.Second

// Solver presents and cleans up challenges at one DNS host. It implements cert-manager's webhook.Solver.
//
// Everything may be called at any time, concurrently, repeatedly and on any number of replicas.
type Solver struct {
	host     host
	counters *counters
	records  *memory
	// watcher waits until records are visible, longest is how long at most. The API calls before a wait may leave less of the
	// operation's time, but not less than leastWait. Without a watcher, Present returns as soon as the host has the record.
	watcher watcher
	longest time.Duration
	// shown is what the CA may remember, and ahead knows of other challenges; it may be nil.
	shown *ahead.Memory
	ahead neighbours
	// holding bounds how many wait until the CA has forgotten: each holds a worker of cert-manager's.
	holding *semaphore.Weighted
	// ambient is who may use ambient credentials. What is in clusterResources counts as a ClusterIssuer's.
	ambient          config.Ambient
	clusterResources string
	// targets are the domains that CNAME records may lead into, none for any.
	targets []string
	// aliases is asked where CNAME records led a challenge to where nothing can be written; it may be nil.
	aliases aliases
	// anyValue lets values pass that are none of a challenge's.
	anyValue bool
	// inFlight holds a share for each Present and CleanUp. It is no RWMutex: simulated time stands still while somebody waits for one.
	inFlight *semaphore.Weighted
	keys     atomic.Pointer[credential.Reader] // nil until Initialize
}

// watcher waits for records to be visible.
type watcher interface {
	// Wait returns when the record is visible, or when the whole of the wait has passed and nobody could tell whether it is.
	// An error means that it is not visible, and may be later. It may be called concurrently.
	Wait(ctx context.Context, r propagation.Record) (propagation.Sight, error)
	// Watch returns when the record is visible, or when ctx ends, and says which. It looks at intervals of at least that length.
	Watch(ctx context.Context, r propagation.Record, every time.Duration) bool
}

// neighbours knows of the challenges beside the one that is asked for: see package ahead.
type neighbours interface {
	// Own takes the request's record until it is released, and tells where it was written before it was asked for, and whether it is
	// to be trusted that it is still there.
	Own(ctx context.Context, r ahead.Request) (ahead.Owned, error)
	// Heard notes what a request to present tells of its Issuer.
	Heard(r ahead.Request)
	// Removed notes that the request's record was removed, Doubt that it is not where it was written.
	Removed(r ahead.Request)
	Doubt(r ahead.Request)
	// Others writes the records of all other challenges of the same name, as they come, until ctx ends at the latest.
	Others(ctx context.Context, r ahead.Request) []ahead.Sibling
	// Show tells how long the CA must not look for the value yet. If that is no time at all, it notes that the CA looks now.
	Show(r ahead.Request) time.Duration
}

// newSolver returns a solver that waits for nothing and remembers nothing of the CA.
func newSolver(h host, counters *counters) *Solver {
	return &Solver{
		host: h, counters: counters, records: newMemory(), shown: ahead.NewMemory(0),
		holding: semaphore.NewWeighted(maxHeld), inFlight: semaphore.NewWeighted(math.MaxInt64),
	}
}

// Name returns the solverName that Issuers use.
func (s *Solver) Name() string { return s.host.name }

// Initialize prepares for reading Secrets. It calls nobody, so it cannot fail for a passing reason, which the API server
// would take as a reason to exit.
func (s *Solver) Initialize(restConfig *rest.Config, _ <-chan struct{}) error {
	// The default limit of 5 requests a second is meant for controllers; here, each challenge reads a Secret.
	limited := rest.CopyConfig(restConfig)
	limited.QPS, limited.Burst = 100, 200
	limited.Timeout = 10 * time.Second
	client, err := kubernetes.NewForConfig(limited)
	if err != nil {
		return fmt.Errorf("creating a client for the Kubernetes API server: %w", err)
	}
	s.keys.Store(credential.NewReader(secrets{client.CoreV1()}))
	return nil
}

// Initialized tells whether Initialize has run.
func (s *Solver) Initialized() bool { return s.keys.Load() != nil }

// Drain returns when no Present or CleanUp is in flight, or when ctx ends. Those that begin meanwhile wait for it.
func (s *Solver) Drain(ctx context.Context) {
	if s.inFlight.Acquire(ctx, math.MaxInt64) == nil {
		s.inFlight.Release(math.MaxInt64)
	}
}

// begin counts an operation as in flight until the returned function is called.
func (s *Solver) begin() (end func()) {
	_ = s.inFlight.Acquire(context.Background(), 1) // which cannot fail with a context that never ends
	return func() { s.inFlight.Release(1) }
}

// CleanUp removes the challenge's TXT record: the one with this name, type and value, and no other. When there is none, or
// when there never can be a way to remove it, that is success: cert-manager keeps the Challenge, and the namespace that
// holds it, until CleanUp succeeds.
func (s *Solver) CleanUp(ch *whapi.ChallengeRequest) error {
	defer s.begin()()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()

	start, end := time.Now(), s.counters.operation(s.Name(), cleaning)
	c, err := s.open(ctx, ch)
	if c.name != "" {
		s.shown.Concluded(c.name, c.value) // cert-manager asks for this when the CA is done
	}
	if err == nil {
		err = s.takeAway(ctx, c)
	}
	if err == nil {
		end(outcomeOf(nil))
		s.log("Cleaned up the challenge", c, outcomeOf(nil), start)
		return nil
	}
	err = s.unlessHopeless(c, err)
	if err == nil {
		end("abandoned")
		return nil
	}
	end(outcomeOf(err))
	s.log("Could not clean up the challenge", c, outcomeOf(err), start)
	return err
}

// takeAway removes the challenge's record, alone.
func (s *Solver) takeAway(ctx context.Context, c *challenge) error {
	r := s.requestOf(c)
	owned, err := s.own(ctx, r)
	if err != nil {
		return err
	}
	defer owned.Release()
	if err := s.remove(ctx, c, owned); err != nil {
		return err
	}
	if s.ahead != nil {
		s.ahead.Removed(r)
	}
	return nil
}

// unlessHopeless makes a success of an error of a removal that can never work.
func (s *Solver) unlessHopeless(c *challenge, err error) error {
	if err = c.credential.Judge(err); !hopeless(err) {
		return s.explain("clean up", c, err)
	}
	s.counters.abandoned.WithLabelValues(s.Name()).Inc()
	klog.InfoS("Gave up the challenge's record: it can never be cleaned up with what the Challenge names; remove it by hand if it exists",
		append(s.logFields(c), "cause", s.explain("clean up", c, err).Error())...)
	return nil
}

// hopeless tells whether cleaning up can never work: there is nothing to sign with, no zone to look in, or no way to know.
func hopeless(err error) bool {
	return fault.Is(err, fault.CredentialGone) || fault.Is(err, fault.ZoneNotFound) || errors.Is(err, errConfig) || errors.Is(err, errTarget) || errors.Is(err, errAmbient)
}

// remove makes sure that the record is not there. It removes nothing but what the cloud says to be the challenge's record: a row may be
// another record by now, and a row that is gone says nothing of one that another replica has written since.
func (s *Solver) remove(ctx context.Context, c *challenge, owned ahead.Owned) error {
	known, looked := s.remembered(c, owned.Known), time.Now()
	removed, err := s.removeWhere(ctx, c, known)
	if err == nil && !removed {
		err = s.lookAgain(ctx, c, known.Zone, looked, owned.Asked.Add(s.host.listLag))
	}
	if err != nil {
		return err
	}
	s.records.forget(c.key())
	s.shown.Missed(c.name, c.value)
	return nil
}

// remembered is where the record was written, as far as is known here or from another replica.
func (s *Solver) remembered(c *challenge, elsewhere ahead.Record) ahead.Record {
	if known := s.records.get(c.key()); known.id != "" {
		return ahead.Record{Zone: known.zone, ID: string(known.id)}
	}
	if elsewhere.Account == c.fingerprint() {
		return elsewhere
	}
	return ahead.Record{}
}

// removeWhere looks for the record where it was written, and where its name says that it is.
func (s *Solver) removeWhere(ctx context.Context, c *challenge, known ahead.Record) (removed bool, err error) {
	looked := ""
	if known.Zone != "" {
		removed, err = s.removeFrom(ctx, c, known.Zone, known.ID)
		if removed || err != nil && !fault.Is(err, fault.ZoneNotFound) {
			return removed, err
		}
		if err == nil {
			looked = known.Zone
		}
	}
	zones := c.account.InLikelyZone(c.name, c.resolvedZone)
	for zones.Next(ctx) {
		if zones.Zone == looked {
			zones.Err = nil
			continue
		}
		removed, zones.Err = s.removeFrom(ctx, c, zones.Zone, "")
	}
	return removed, zones.Err
}

// removeFrom finds the record in a zone and deletes it. One that cannot be deleted keeps no other.
func (s *Solver) removeFrom(ctx context.Context, c *challenge, zone, known string) (removed bool, err error) {
	record, err := c.recordIn(zone)
	if err != nil {
		return false, err
	}
	record.Known = provider.RecordID(known)
	ids, err := c.account.FindTXT(ctx, record)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, id := range ids {
		was, err := c.account.Delete(ctx, zone, id)
		removed = removed || was
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// lookEvery is how often lists that lag are looked at.
const lookEvery = 5 * time.Second

// errUnlisted is for a record that may be there although the lists do not show it.
var errUnlisted = &fault.Error{
	Kind: fault.Transient, Reason: "the record is not listed, and may have been written a moment ago",
	Remedy: "the lists of this DNS host lag behind by up to 30 seconds, so it is looked for again",
}

// lookAgain looks until the lists show the record, or until they prove that it is not there: to a look before proof, they may not show
// yet what was written last. It keeps one of cert-manager's workers waiting, so that few may do it at a time.
func (s *Solver) lookAgain(ctx context.Context, c *challenge, zone string, looked, proof time.Time) error {
	if !looked.Before(proof) {
		return nil
	}
	if !c.patient {
		if !s.holding.TryAcquire(1) {
			return errUnlisted
		}
		defer s.holding.Release(1)
	}
	for looked.Before(proof) {
		wait(ctx, min(lookEvery, time.Until(proof)))
		if looked = time.Now(); ctx.Err() != nil {
			return errUnlisted
		}
		if removed, err := s.removeWhere(ctx, c, ahead.Record{Zone: zone}); removed || err != nil {
			return err
		}
	}
	return nil
}
