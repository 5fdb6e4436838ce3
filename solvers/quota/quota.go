// Package quota says how fast an account of a cloud is called.
//
// The clouds do not say in their answers what they allow. So an account begins at the rate that is configured and never goes above
// it, is cut when the cloud throttles, and grows again from there. Measured with the clouds that are simulated in this package's
// tests, between 0.99 (at the rate that the cloud allows) and 0.84 (where more is configured) of what is allowed is used.
package quota

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/fault"
)

// What all credentials of one AccessKey ID together may call of which no call has succeeded yet: enough to list a few pages of
// zones. Each wrong secret is a credential of its own.
const (
	untriedQPS   = 2
	untriedBurst = 5
)

// maxLimits is how many accounts are remembered; the least recently used are forgotten, at the cost of starting anew.
const maxLimits = 4096

// errNoRoom tells our own limit from one of the cloud's.
var errNoRoom = errors.New("no room under the rate limit")

// Quotas are those of all accounts of one DNS host. They are safe for concurrent use.
type Quotas struct {
	qps  float64
	flag string

	mu sync.Mutex // so that two calls do not make two limits for one account
	// limits are those of credentials that work, and untried those of the others. Both are by the hash of the AccessKey ID: whoever
	// names one may make it long.
	limits, untried *lru.Cache
}

// New returns quotas of so many calls a second for each account, at most. The flag is the name of the one that sets it.
func New(qps float64, flag string) *Quotas {
	return &Quotas{qps: qps, flag: flag, limits: lru.New(maxLimits), untried: lru.New(maxLimits)}
}

// Of returns what one credential may call.
func (q *Quotas) Of(keyID string) *Quota {
	account := sha256.Sum256([]byte(keyID))
	untried := q.limitOf(q.untried, account, func() *limit { return newLimit(min(q.qps, untriedQPS), untriedBurst) })
	return &Quota{quotas: q, account: account, untried: untried}
}

func (q *Quotas) limitOf(limits *lru.Cache, account [sha256.Size]byte, fresh func() *limit) *limit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known, ok := limits.Get(account); ok {
		return known.(*limit)
	}
	l := fresh()
	limits.Add(account, l)
	return l
}

// Quota is what one credential may call. It has a share in the limit of its AccessKey ID only once one of its calls has succeeded: a
// tenant who names another's id with a wrong secret must not be able to drain or slow down the account. Until then all such
// credentials of the id have a small limit together, in which their tenants take turns. It is safe for concurrent use.
type Quota struct {
	quotas  *Quotas
	account [sha256.Size]byte
	untried *limit
	limit   atomic.Pointer[limit]
}

// trust gives a credential that works its account's limit.
func (q *Quota) trust() {
	if q.limit.Load() == nil {
		q.limit.Store(q.quotas.limitOf(q.quotas.limits, q.account, func() *limit { return newLimit(q.quotas.qps, burst(q.quotas.qps)) }))
	}
}

// Call begins one try of one call of a tenant's. A patient one goes behind all that are not.
func (q *Quota) Call(tenant string, patient bool) *Call {
	return &Call{quota: q, limit: q.limit.Load(), caller: caller{tenant, patient}}
}

// Call is one try of one call, and may be several requests: each page of a list counts. It is not for concurrent use.
type Call struct {
	quota *Quota
	// limit is nil for a credential of which no call has succeeded yet. What the cloud says to such a one slows down nobody else.
	limit  *limit
	caller caller
	// ahead says that the next request has waited already.
	ahead bool
	// began is when the last request did, zero before the first.
	began time.Time
}

// WaitAhead does the waiting of the next Wait in advance: a lock is better taken after it.
func (c *Call) WaitAhead(ctx context.Context) error {
	err := c.wait(ctx)
	c.ahead = err == nil
	return err
}

// Wait returns when the account may make another request. The error is a *fault.Error where there is no room for one before the
// deadline.
func (c *Call) Wait(ctx context.Context) error {
	if !c.ahead {
		if err := c.wait(ctx); err != nil {
			return err
		}
	}
	c.ahead, c.began = false, time.Now()
	return nil
}

// End learns from how the call ended.
func (c *Call) End(err error) {
	switch {
	case err == nil:
		c.quota.trust()
	case c.limit != nil && !c.began.IsZero() && fault.Is(err, fault.Throttled) && !errors.Is(err, errNoRoom):
		c.limit.slowDown(c.began)
	}
}

// Full tells whether the call failed because there was no room for it under the account's limit. Another try would find none either:
// those who came first have it. A credential that was not tried yet may have got the limit meanwhile.
func (c *Call) Full(err error) bool { return c.limit != nil && Full(err) }

// Full tells whether there was no room for a call.
func Full(err error) bool { return errors.Is(err, errNoRoom) }

func (c *Call) wait(ctx context.Context) error {
	limit := cmp.Or(c.limit, c.quota.untried)
	err := limit.wait(ctx, c.caller)
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	f := &fault.Error{
		Kind: fault.Throttled, Cause: fmt.Errorf("%w: %w", errNoRoom, err),
		Reason: "the limit of calls a second to this account left no room before the deadline",
		Remedy: "fewer certificates at once, or a higher " + c.quota.quotas.flag + " if the cloud allows it",
	}
	if c.limit != nil && c.limit.slowed() {
		f.Reason = "the cloud throttles the calls to this account, and the calls a second that it allows left no room before the deadline"
		f.Remedy = "fewer certificates at once, or a higher limit from the cloud; a higher " + c.quota.quotas.flag + " does not help"
	}
	return f
}
