package provider

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/certyun/certyun/solvers/fault"
)

// pacer is how an account's rate limit reaches the Transport, which sees every single request: each page of a list counts.
// It belongs to one try of one call.
type pacer struct {
	// bucket is the account's, nil for a credential of which no call has succeeded yet. What the cloud says to such a one
	// slows down nobody else.
	bucket  *bucket
	untried *rate.Limiter
	flag    string

	// ahead says that the next request has waited already.
	ahead atomic.Bool
	// began is when the last request began, nil before the first.
	began atomic.Pointer[time.Time]
}

type pacerKey struct{}

// errNoRoom tells our own limit from one of the cloud's.
var errNoRoom = errors.New("no room under the rate limit")

func (a *Account) pacer() *pacer {
	return &pacer{bucket: a.state.bucket.Load(), untried: a.state.untried, flag: a.accounts.limits.Flag}
}

func (p *pacer) in(ctx context.Context) context.Context { return context.WithValue(ctx, pacerKey{}, p) }

// learn slows the account's calls down if the cloud throttled this one.
func (p *pacer) learn(err error) {
	began := p.began.Load()
	if p.bucket == nil || began == nil || !fault.Is(err, fault.Throttled) || errors.Is(err, errNoRoom) {
		return
	}
	p.bucket.slowDown(*began)
}

// isFull tells whether the call failed because the account's bucket had no room for it. Another try would find none either:
// those who came first have it. A credential that was not tried yet may have got a bucket meanwhile.
func (p *pacer) isFull(err error) bool { return p.bucket != nil && errors.Is(err, errNoRoom) }

// pace waits until the account may make another request.
func pace(ctx context.Context) error {
	p, ok := ctx.Value(pacerKey{}).(*pacer)
	if !ok {
		return nil
	}
	if !p.ahead.CompareAndSwap(true, false) {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	p.began.Store(&now)
	return nil
}

// paceAhead does the waiting of the next pace in advance.
func paceAhead(ctx context.Context) error {
	p, ok := ctx.Value(pacerKey{}).(*pacer)
	if !ok {
		return nil
	}
	err := p.wait(ctx)
	p.ahead.Store(err == nil)
	return err
}

func (p *pacer) wait(ctx context.Context) error {
	var err error
	if p.bucket == nil {
		err = p.untried.Wait(ctx)
	} else {
		err = p.bucket.wait(ctx)
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	f := &fault.Error{
		Kind: fault.Throttled, Cause: fmt.Errorf("%w: %w", errNoRoom, err),
		Reason: "the limit of calls a second to this account left no room before the deadline",
		Remedy: "fewer certificates at once, or a higher " + p.flag + " if the cloud allows it",
	}
	if p.bucket != nil && p.bucket.slowed() {
		f.Reason = "the cloud throttles the calls to this account, and the calls a second that it allows left no room before the deadline"
		f.Remedy = "fewer certificates at once, or a higher limit from the cloud; a higher " + p.flag + " does not help"
	}
	return f
}
