package provider

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/quota"
)

// Waits between tries of one call: doubling, and jittered by up to as much again, so that replicas do not try in step.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 8 * time.Second
)

// tries makes a call until it succeeds, fails for good, or its context leaves no time for another try:
//
//	for t.next(err) {
//		err = t.provider.…
//	}
//	return t.err
type tries struct {
	ctx     context.Context
	account *Account
	// zone is the one whose lock each try holds, "" for none; between tries it is free. Those who are patient hold patience as well, from
	// the first try on.
	zone           string
	lock, patience *lock
	// locked and waiting say which of them are held.
	locked, waiting bool
	backoff         time.Duration

	// provider and call are those of the try under way, nil before the first.
	provider Provider
	call     *quota.Call
	// err is what became of the call: the last error that the cloud gave says more than a deadline.
	err error
}

func (a *Account) tries(ctx context.Context) *tries {
	return &tries{ctx: ctx, account: a, backoff: firstBackoff}
}

// change makes a call that changes a zone. It has to be ended.
func (a *Account) change(ctx context.Context, zone string) *tries {
	t := a.tries(ctx)
	if !a.accounts.serial {
		return t
	}
	t.zone, t.lock = zone, a.state.borrow(a.state.locks, zone)
	if a.patient {
		t.patience = a.state.borrow(a.state.patience, zone)
	}
	return t
}

// next ends the try under way, whose error is told, and begins another if there is to be one.
func (t *tries) next(err error) bool {
	if t.call == nil {
		return t.queueUp() && t.begin()
	}
	t.unlock()
	return t.again(err) && t.begin()
}

// queueUp waits for the turn of one who is patient.
func (t *tries) queueUp() bool {
	if t.patience == nil {
		return true
	}
	t.err = t.patience.Acquire(t.ctx, 1)
	t.waiting = t.err == nil
	return t.waiting
}

// begin begins a try, or the next one where there was no room for that.
func (t *tries) begin() bool {
	for {
		t.call = t.account.state.quota.Call(t.account.tenant, t.account.patient)
		err := t.enter()
		if err == nil {
			t.provider = t.account.open(t.call)
			if t.account.calls != nil {
				t.account.calls.Add(1)
			}
			return true
		}
		if !t.again(err) {
			return false
		}
	}
}

// enter takes the lock of a try, behind which its requests wait for the quota. One who is patient waits for the quota before: behind
// all others, he would keep those out who want to change the same zone.
func (t *tries) enter() error {
	if t.lock == nil {
		return nil
	}
	if t.patience != nil {
		if err := t.call.WaitAhead(t.ctx); err != nil {
			return err
		}
	}
	if err := t.lock.Acquire(t.ctx, 1); err != nil {
		return &fault.Error{Kind: fault.Transient, Reason: "other changes to the zone " + t.zone + " took all the time there was", Cause: err}
	}
	t.locked = true
	return nil
}

func (t *tries) unlock() {
	if t.locked {
		t.lock.Release(1)
		t.locked = false
	}
}

// again tells whether the call is to be tried again after this error, and waits until then.
func (t *tries) again(err error) bool {
	t.call.End(err)
	if err == nil {
		t.err = nil
		return false
	}
	if t.err == nil || t.ctx.Err() == nil && !quota.Full(err) {
		t.err = err
	}
	after, retryable := fault.Retryable(err)
	if !retryable || t.account.patient || t.call.Full(err) || !sleep(t.ctx, wait.Jitter(max(t.backoff, after), 1)) {
		return false
	}
	t.backoff = min(2*t.backoff, maxBackoff)
	return true
}

// end lets go of what is held, also where a try panicked.
func (t *tries) end() {
	t.unlock()
	if t.waiting {
		t.patience.Release(1)
	}
	if t.lock != nil {
		t.account.state.giveBack(t.account.state.locks, t.zone)
	}
	if t.patience != nil {
		t.account.state.giveBack(t.account.state.patience, t.zone)
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
