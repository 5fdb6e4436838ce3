package provider

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/quota"
)

// maxAccounts is how many credentials are remembered at once; the least recently used are forgotten, at the cost of another look at
// their zones.
const maxAccounts = 4096

// Accounts holds what is remembered of the accounts of one DNS host: their zones, locks and quotas. It is safe for concurrent use.
type Accounts struct {
	quotas *quota.Quotas
	// serial is for a host that refuses a change to a zone while another is under way.
	serial bool

	mu     sync.Mutex // so that two calls do not make two states for one account
	states *lru.Cache // by the identity of a credential
	kept   keptLists
}

// NewAccounts returns an empty Accounts. With serialWrites, one change to a zone is made at a time.
func NewAccounts(quotas *quota.Quotas, serialWrites bool) *Accounts {
	return &Accounts{quotas: quotas, serial: serialWrites, states: lru.New(maxAccounts)}
}

// Open returns the Provider for one try of one call, whose requests keep to its pace. It makes no call.
type Open func(pace *quota.Call) Provider

// Account wraps a Provider with retries, a quota, locks and a zone cache.
type Account struct {
	accounts *Accounts
	state    *state
	open     Open
	// tenant is explained at For, and patient at Patient.
	tenant  string
	patient bool
	// calls counts the tries of all calls; it is nil where nobody asks.
	calls *atomic.Int64
}

// state is what outlives a call. It belongs to one credential, secret included, so nothing of it can cross from one account, or one
// tenant, to another.
type state struct {
	quota *quota.Quota

	zones  atomic.Pointer[zoneList]
	flight singleflight.Group
	// barred is why the zones may not be listed, nil if they may or nobody has tried.
	barred atomic.Pointer[barring]
	// hosted are zones that a call has shown to be the account's while they could not be listed.
	hosted *lru.Cache
	// unlisted is why the last try of the look at the zones that is under way failed, nil if none has yet.
	unlisted atomic.Pointer[error]

	mu sync.Mutex
	// locks are of zones, and patience of those who are patient and would change one, as long as somebody has borrowed them.
	locks, patience map[string]*lock
}

// lock is held by one at a time.
type lock struct {
	*semaphore.Weighted
	borrowers int
}

// Account returns the account that a credential opens. The identity stands for the whole credential, the keyID for its public part
// alone.
func (a *Accounts) Account(identity, keyID string, open Open) *Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, ok := a.states.Get(identity); ok {
		return &Account{accounts: a, state: s.(*state), open: open}
	}
	s := &state{quota: a.quotas.Of(keyID), hosted: lru.New(maxHosted), locks: map[string]*lock{}, patience: map[string]*lock{}}
	a.states.Add(identity, s)
	return &Account{accounts: a, state: s, open: open}
}

// For returns the same account for calls of a tenant's. Where calls have to wait, the tenants of an account take turns.
func (a *Account) For(tenant string) *Account {
	its := *a
	its.tenant, its.calls = tenant, &atomic.Int64{}
	return &its
}

// Calls is how many calls were tried since For.
func (a *Account) Calls() int64 {
	if a == nil || a.calls == nil {
		return 0
	}
	return a.calls.Load()
}

// Patient returns the same account for one who is in no hurry: his calls are made once, and wait behind all others. In a zone one of
// his changes is made at a time, so that others wait for one of them at most.
func (a *Account) Patient() *Account {
	patient := *a
	patient.patient = true
	return &patient
}

// AddTXT is Provider.AddTXT with retries.
func (a *Account) AddTXT(ctx context.Context, r TXT) (id RecordID, err error) {
	t := a.change(ctx, r.Zone)
	defer t.end()
	for t.next(err) {
		id, err = t.provider.AddTXT(ctx, r)
	}
	return id, t.err
}

// FindTXT is Provider.FindTXT with retries.
func (a *Account) FindTXT(ctx context.Context, r TXT) (ids []RecordID, err error) {
	t := a.tries(ctx)
	defer t.end()
	for t.next(err) {
		ids, err = t.provider.FindTXT(ctx, r)
	}
	return ids, t.err
}

// Delete is Provider.Delete with retries.
func (a *Account) Delete(ctx context.Context, zone string, id RecordID) (was bool, err error) {
	t := a.change(ctx, zone)
	defer t.end()
	for t.next(err) {
		was, err = t.provider.Delete(ctx, zone, id)
	}
	return was, t.err
}

// borrow returns the lock of a zone. It has to be given back.
func (s *state) borrow(locks map[string]*lock, zone string) *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	if locks[zone] == nil {
		locks[zone] = &lock{Weighted: semaphore.NewWeighted(1)}
	}
	locks[zone].borrowers++
	return locks[zone]
}

func (s *state) giveBack(locks map[string]*lock, zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if locks[zone].borrowers--; locks[zone].borrowers == 0 {
		delete(locks, zone)
	}
}
