package provider

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/fault"
)

// Waits between tries of one call: doubling, and jittered by up to as much again, so that replicas do not try in step.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 8 * time.Second
)

// What a credential may call before one of its calls has succeeded: enough to list a few pages of zones.
const (
	untriedQPS   = 2
	untriedBurst = 5
)

// maxAccounts is how many credentials are remembered at once; the least recently used are forgotten, at the cost of
// another look at their zones.
const maxAccounts = 4096

// Limits of the calls to one DNS host.
type Limits struct {
	// QPS is how many calls a second one account makes at most; fewer while the cloud throttles. Flag is the name of the flag
	// that sets it.
	QPS  float64
	Flag string
	// SerialWrites is for a host that refuses a change to a zone while another is under way.
	SerialWrites bool
}

// Accounts holds what is remembered of the accounts of one DNS host: their zones, locks and rate limits. It is safe for
// concurrent use.
type Accounts struct {
	limits Limits

	mu sync.Mutex // so that two calls do not make two states for one account
	// states is keyed by the identity of a credential, buckets by AccessKey ID.
	states, buckets *lru.Cache
}

// NewAccounts returns an empty Accounts.
func NewAccounts(limits Limits) *Accounts {
	return &Accounts{limits: limits, states: lru.New(maxAccounts), buckets: lru.New(maxAccounts)}
}

// Account wraps a Provider with retries, a rate limit, locks and a zone cache.
type Account struct {
	accounts *Accounts
	state    *state
	keyID    string
	provider Provider
	// patient is explained at Patient.
	patient bool
}

// state is what outlives a call. It belongs to one credential, secret included, so nothing of it can cross from one
// account, or one tenant, to another.
type state struct {
	// bucket is nil until a call with this credential has succeeded.
	bucket atomic.Pointer[bucket]
	// untried limits the calls until then: a tenant who names another's AccessKey ID with a wrong secret must not be able
	// to drain the bucket of that id.
	untried *rate.Limiter

	zones  atomic.Pointer[zoneList]
	flight singleflight.Group
	// unlisted is why the last try of the look at the zones that is under way failed, nil if none has yet.
	unlisted atomic.Pointer[error]

	mu sync.Mutex
	// locks are of zones, and patience of those who are patient and would change one.
	locks, patience map[string]*semaphore.Weighted
}

// Account returns the account that a credential opens. The identity stands for the whole credential, the keyID for its
// public part alone.
func (a *Accounts) Account(identity, keyID string, p Provider) *Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, ok := a.states.Get(identity); ok {
		return &Account{accounts: a, state: s.(*state), keyID: keyID, provider: p}
	}
	s := &state{
		untried: rate.NewLimiter(rate.Limit(min(a.limits.QPS, untriedQPS)), untriedBurst),
		locks:   map[string]*semaphore.Weighted{}, patience: map[string]*semaphore.Weighted{},
	}
	a.states.Add(identity, s)
	return &Account{accounts: a, state: s, keyID: keyID, provider: p}
}

// Patient returns the same account for one who is in no hurry: his calls are made once, and if his context has no deadline they
// wait behind all that have one. In a zone one of his changes is made at a time, so that others wait for one of them at most.
func (a *Account) Patient() *Account {
	patient := *a
	patient.patient = true
	return &patient
}

// AddTXT is Provider.AddTXT with retries.
func (a *Account) AddTXT(ctx context.Context, r TXT) (RecordID, error) {
	var id RecordID
	err := a.change(ctx, r.Zone, func(ctx context.Context) (err error) {
		id, err = a.provider.AddTXT(ctx, r)
		return err
	})
	return id, err
}

// FindTXT is Provider.FindTXT with retries.
func (a *Account) FindTXT(ctx context.Context, r TXT) ([]RecordID, error) {
	var ids []RecordID
	err := a.retry(ctx, func(ctx context.Context) (err error) {
		ids, err = a.provider.FindTXT(ctx, r)
		return err
	})
	return ids, err
}

// Delete is Provider.Delete with retries.
func (a *Account) Delete(ctx context.Context, zone string, id RecordID) error {
	return a.change(ctx, zone, func(ctx context.Context) error { return a.provider.Delete(ctx, zone, id) })
}

// change makes a call that changes a zone. The zone's lock is held for each try and not between tries, nor while the call
// waits for the rate limit: so the limit knows all who wait, and tells at once those who wait in vain.
func (a *Account) change(ctx context.Context, zone string, call func(context.Context) error) error {
	if !a.accounts.limits.SerialWrites {
		return a.retry(ctx, call)
	}
	if a.patient {
		turn := a.state.lockOf(a.state.patience, zone)
		if err := turn.Acquire(ctx, 1); err != nil {
			return err
		}
		defer turn.Release(1)
	}
	lock := a.state.lockOf(a.state.locks, zone)
	return a.retry(ctx, func(ctx context.Context) error {
		if err := paceAhead(ctx); err != nil {
			return err
		}
		if err := lock.Acquire(ctx, 1); err != nil {
			return &fault.Error{Kind: fault.Transient, Reason: "other changes to the zone " + zone + " took all the time there was", Cause: err}
		}
		defer lock.Release(1)
		return call(ctx)
	})
}

func (s *state) lockOf(locks map[string]*semaphore.Weighted, zone string) *semaphore.Weighted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if locks[zone] == nil {
		locks[zone] = semaphore.NewWeighted(1)
	}
	return locks[zone]
}

// retry makes a call until it succeeds, fails for good, or ctx leaves no time for another try. It returns the last
// error that the cloud gave: that says more than a deadline.
func (a *Account) retry(ctx context.Context, call func(context.Context) error) error {
	var last error
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		p := a.pacer()
		err := call(p.in(ctx))
		if err == nil {
			a.trust()
			return nil
		}
		p.learn(err)
		if last == nil || ctx.Err() == nil && !errors.Is(err, errNoRoom) {
			last = err
		}
		after, retryable := fault.Retryable(err)
		if !retryable || a.patient || p.isFull(err) || !sleep(ctx, wait.Jitter(max(backoff, after), 1)) {
			return last
		}
	}
}

// sleep tells whether there was time for it.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// trust gives a credential that works its account's bucket.
func (a *Account) trust() {
	if a.state.bucket.Load() != nil {
		return
	}
	a.accounts.mu.Lock()
	defer a.accounts.mu.Unlock()
	known, ok := a.accounts.buckets.Get(a.keyID)
	if !ok {
		known = newBucket(a.accounts.limits.QPS)
		a.accounts.buckets.Add(a.keyID, known)
	}
	a.state.bucket.Store(known.(*bucket))
}
