// Package solvers is the DNS-01 solver: cert-manager's webhook interface over the DNS hosts, and the aggregated API
// server that serves it.
package solvers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/provider"
)

// operationTimeout bounds one Present or CleanUp, everything included: cert-manager's interface hands us no context. A generic
// API server answers after 34 seconds with a time-out of its own, whatever the handler does
// (https://github.com/kubernetes/apiserver/blob/v0.36.3/pkg/endpoints/handlers/rest.go, requestTimeoutUpperBound). What went
// wrong must be told before that, or nobody is told.
const operationTimeout = 33 * time.Second

// leastWait is what the API calls leave to the wait for a record at least. Most records appear within it; where they do not,
// the call that follows finds the record written and has nearly all of the time for the wait.
const leastWait = 10 * time.Second

// Host is one DNS host.
type Host struct {
	// Name is the solverName that Issuers use.
	Name string
	// Accounts is what is remembered of the host's accounts.
	Accounts *provider.Accounts
	// Decode reads the config that an Issuer has for this host. Errors carry the path.
	Decode func(path *field.Path, raw []byte) (Plan, field.ErrorList)
	// Open returns the provider that acts with these keys. It makes no call.
	Open func(keys credential.Keys, plan Plan) provider.Provider
	// ListLag is how long a new record may be missing from the host's lists.
	ListLag time.Duration
}

// Plan is what an Issuer wants, in the terms of any host.
type Plan struct {
	Keys config.Keys
	// Region is sent along with the calls, where the host knows regions.
	Region string
	// Record has the TTL and the line of the records to write.
	Record provider.TXT
}

// Solver presents and cleans up challenges at one DNS host. It implements cert-manager's webhook.Solver.
//
// Everything may be called at any time, concurrently, repeatedly and on any number of replicas.
type Solver struct {
	host       Host
	visibility *Visibility
	counters   Counters
	records    *memory
	// inFlight holds a share for each Present and CleanUp.
	inFlight *semaphore.Weighted
	keys     atomic.Pointer[credential.Reader] // nil until Initialize
}

// Counter counts events of one sort.
type Counter interface {
	Inc()
}

// Counters count what operators should know of.
type Counters struct {
	// Abandoned counts the records that could not be cleaned up and never can be.
	Abandoned Counter
	// Unseen counts the records that nobody could look for, so that Present went on after the whole wait.
	Unseen Counter
}

// Watcher waits for records to be visible.
type Watcher interface {
	// Wait returns when the record is visible, or when the whole of the wait has passed and nobody could tell whether it is.
	// An error means that it is not visible, and may be later. It may be called concurrently.
	Wait(ctx context.Context, r propagation.Record) (propagation.Sight, error)
}

// Visibility makes Present wait until records are visible.
type Visibility struct {
	Watcher Watcher
	// Timeout is how long a wait takes at most. The API calls before it may leave less of the operation's time, but not less than
	// leastWait.
	Timeout time.Duration
}

// NewSolver returns the solver for a host. Without a Visibility, Present returns as soon as the host has the record.
func NewSolver(host Host, visibility *Visibility, counters Counters) *Solver {
	return &Solver{
		host: host, visibility: visibility, counters: counters,
		records: newMemory(), inFlight: semaphore.NewWeighted(math.MaxInt64),
	}
}

// Name returns the solverName that Issuers use.
func (s *Solver) Name() string { return s.host.Name }

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

// Present makes sure that the challenge's TXT record exists, and returns when it is visible. Other records at the name stay as
// they are.
func (s *Solver) Present(ch *whapi.ChallengeRequest) error {
	defer s.begin()()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()

	start := time.Now()
	c, zone, err := s.write(ctx, ch)
	if err != nil {
		return s.explain("present", ch, c, err)
	}
	written := time.Now()
	if err := s.await(ctx, ch, c, zone); err != nil {
		return s.explain("present", ch, c, err)
	}
	klog.InfoS("Presented the challenge",
		append(s.logFields(ch, c), "zone", zone, "duration", time.Since(start), "waited", time.Since(written))...)
	return nil
}

// write adds the challenge's record and returns the zone that it is in. It leaves time to wait for the record: without that
// time Present could not succeed, so a worker of cert-manager's would be held for nothing.
func (s *Solver) write(ctx context.Context, ch *whapi.ChallengeRequest) (*challenge, string, error) {
	if s.visibility != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, operationTimeout-min(s.visibility.Timeout, leastWait))
		defer cancel()
	}
	c, err := s.open(ctx, ch)
	if err != nil {
		return c, "", err
	}
	zone, err := s.add(ctx, c)
	return c, zone, err
}

// await returns when the record is visible, or when there was nobody to tell for the whole of the wait.
func (s *Solver) await(ctx context.Context, ch *whapi.ChallengeRequest, c *challenge, zone string) error {
	if s.visibility == nil {
		return nil
	}
	sight, err := s.visibility.Watcher.Wait(ctx, propagation.Record{Account: c.identity, Zone: zone, Name: c.name, Value: c.value})
	if err != nil || sight.Seen {
		return err
	}
	s.counters.Unseen.Inc()
	klog.InfoS("Warning: nobody could tell whether the record is visible, so the challenge goes on after the whole wait",
		append(s.logFields(ch, c), "zone", zone, "wait", s.visibility.Timeout, "cause", sight.Blind)...)
	return nil
}

// add writes the record into the zone that the name belongs to, remembers its id and returns the zone.
func (s *Solver) add(ctx context.Context, c *challenge) (zone string, err error) {
	err = c.account.InZone(ctx, c.name, c.resolvedZone, func(z string) error {
		zone = z
		record, err := c.recordIn(zone)
		if err != nil {
			return err
		}
		id, err := c.account.AddTXT(ctx, record)
		if err != nil {
			return err
		}
		s.records.presented(c.key(), zone, id)
		return nil
	})
	return zone, err
}

// CleanUp removes the challenge's TXT record: the one with this name, type and value, and no other. When there is none, or
// when there never can be a way to remove it, that is success: cert-manager keeps the Challenge, and the namespace that
// holds it, until CleanUp succeeds.
func (s *Solver) CleanUp(ch *whapi.ChallengeRequest) error {
	defer s.begin()()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()

	start := time.Now()
	c, err := s.open(ctx, ch)
	if err == nil {
		err = s.remove(ctx, c)
	}
	switch {
	case err == nil:
		klog.InfoS("Cleaned up the challenge", append(s.logFields(ch, c), "duration", time.Since(start))...)
		return nil
	case hopeless(err):
		s.counters.Abandoned.Inc()
		klog.InfoS("Gave up the challenge's record: it can never be cleaned up with what the Challenge names; remove it by hand if it exists",
			append(s.logFields(ch, c), "cause", s.explain("clean up", ch, c, err).Error())...)
		return nil
	}
	return s.explain("clean up", ch, c, err)
}

// errConfig marks what is wrong with the config of a Challenge. cert-manager copies it from the Issuer when it makes the
// Challenge and never changes it, so it stays wrong.
var errConfig = errors.New("the config of the solver")

// hopeless tells whether cleaning up can never work: there is nothing to sign with, no zone to look in, or no way to know.
func hopeless(err error) bool {
	return fault.Is(err, fault.CredentialGone) || fault.Is(err, fault.ZoneNotFound) || errors.Is(err, errConfig)
}

// remove deletes the record by its id if that is remembered, else it finds it first.
func (s *Solver) remove(ctx context.Context, c *challenge) error {
	if known := s.records.get(c.key()); known.id != "" {
		err := c.account.Delete(ctx, known.zone, known.id)
		if err == nil {
			s.records.removed(c.key())
			return nil
		}
		if !fault.Is(err, fault.ZoneNotFound) {
			return err
		}
	}
	found := false
	err := c.account.InLikelyZone(ctx, c.name, c.resolvedZone, func(zone string) error {
		record, err := c.recordIn(zone)
		if err != nil {
			return err
		}
		ids, err := c.account.FindTXT(ctx, record)
		if err != nil {
			return err
		}
		found = len(ids) > 0
		return deleteAll(ctx, c.account, zone, ids)
	})
	if err != nil {
		return err
	}
	if !found {
		return s.believeEmpty(c)
	}
	s.records.removed(c.key())
	return nil
}

// deleteAll goes on after a failure: one locked record keeps no other.
func deleteAll(ctx context.Context, account *provider.Account, zone string, ids []provider.RecordID) error {
	var errs []error
	for _, id := range ids {
		if err := account.Delete(ctx, zone, id); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// believeEmpty decides whether a list without the record means that there is none. Where lists lag, it does only at a
// second look that is later than the lag.
func (s *Solver) believeEmpty(c *challenge) error {
	if s.host.ListLag == 0 || s.records.believeEmpty(c.key(), s.host.ListLag) {
		return nil
	}
	return &fault.Error{
		Kind: fault.Transient, Reason: "the record is not listed yet",
		Remedy: fmt.Sprintf("the lists of this DNS host lag behind by up to %d seconds, so it is looked for again", int(s.host.ListLag.Seconds())),
	}
}

// challenge is a ChallengeRequest, understood.
type challenge struct {
	name, resolvedZone, value string
	plan                      Plan
	identity                  string
	account                   *provider.Account
	// secretNames are the Secrets that the keys came from, for error texts.
	secretNames []string
}

// open understands the request and reads the keys. On an error it returns as much of the challenge as it understood.
func (s *Solver) open(ctx context.Context, ch *whapi.ChallengeRequest) (*challenge, error) {
	c := &challenge{value: ch.Key}
	name, err := dnsname.Parse(ch.ResolvedFQDN)
	if err != nil {
		return c, misconfigured(fmt.Errorf("%w: resolvedFQDN: %w", errConfig, err))
	}
	c.name = name
	if zone, err := dnsname.Parse(ch.ResolvedZone); err == nil {
		c.resolvedZone = zone // else cert-manager found none, and the account's own zones decide
	}
	if c.value == "" {
		return c, misconfigured(fmt.Errorf("%w: the challenge has no key to present", errConfig))
	}
	if c.plan, err = s.decode(ch); err != nil {
		return c, err
	}
	reader := s.keys.Load()
	if reader == nil {
		return c, &fault.Error{Kind: fault.Transient, Reason: "certyun is still starting"}
	}
	keys, err := reader.Read(ctx, ch.ResourceNamespace, c.plan.Keys)
	if err != nil {
		return c, err
	}
	c.secretNames = secretNames(ch.ResourceNamespace, c.plan.Keys)
	c.identity = keys.Identity()
	c.account = s.host.Accounts.Account(c.identity, keys.ID, s.host.Open(keys, c.plan))
	return c, nil
}

func (s *Solver) decode(ch *whapi.ChallengeRequest) (Plan, error) {
	var raw []byte
	if ch.Config != nil {
		raw = ch.Config.Raw
	}
	plan, errs := s.host.Decode(field.NewPath("config"), raw)
	if err := errs.ToAggregate(); err != nil {
		return plan, misconfigured(fmt.Errorf("%w: %w", errConfig, err))
	}
	if !plan.Keys.Named() {
		return plan, misconfigured(fmt.Errorf("%w names no Secret; credentials of the environment are not used by this version of certyun, so name the Secret with the access key", errConfig))
	}
	return plan, nil
}

func misconfigured(err error) error {
	return &fault.Error{Kind: fault.Misconfigured, Reason: err.Error(), Cause: err}
}

// recordIn is the challenge's record in a zone.
func (c *challenge) recordIn(zone string) (provider.TXT, error) {
	rr, err := dnsname.Relative(c.name, zone)
	if err != nil {
		return provider.TXT{}, misconfigured(err)
	}
	r := c.plan.Record
	r.Zone, r.RR, r.Value = zone, rr, c.value
	return r, nil
}

// key is what the challenge's record is remembered by. The credential is part of it: no account ever sees an id that
// another one was given.
func (c *challenge) key() recordKey {
	return recordKey{identity: c.identity, name: c.name, value: c.value}
}

// explain says what failed. Where the cloud refused the keys, it says which Secret they are from.
func (s *Solver) explain(action string, ch *whapi.ChallengeRequest, c *challenge, err error) error {
	name := c.name
	if name == "" {
		name = ch.ResolvedFQDN
	}
	refused := fault.Is(err, fault.Denied) || fault.Is(err, fault.CredentialGone) || fault.Is(err, fault.ZoneNotFound)
	if refused && len(c.secretNames) > 0 {
		return fmt.Errorf("%s: %s the TXT record %s: %w; the keys are from %s", s.host.Name, action, name, err, strings.Join(c.secretNames, " and "))
	}
	return fmt.Errorf("%s: %s the TXT record %s: %w", s.host.Name, action, name, err)
}

func secretNames(namespace string, keys config.Keys) []string {
	var names []string
	seen := map[string]bool{}
	for _, ref := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if ref.IsSet() && !seen[ref.Name] {
			seen[ref.Name] = true
			names = append(names, fmt.Sprintf("the Secret %s/%s", namespace, ref.Name))
		}
	}
	return names
}

// logFields never hold the config, the keys or the record's value.
func (s *Solver) logFields(ch *whapi.ChallengeRequest, c *challenge) []any {
	return []any{"solver", s.host.Name, "uid", ch.UID, "dnsName", ch.DNSName, "fqdn", c.name, "resolvedZone", c.resolvedZone, "namespace", ch.ResourceNamespace}
}
