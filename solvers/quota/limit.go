package quota

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How the rate follows what the cloud allows: additive increase, multiplicative decrease.
const (
	// kept is what is left of the rate when the cloud throttles.
	kept = 0.85
	// gained is how much of the rate after a cut is added each second.
	gained = 0.02
	// news is how long after a cut a call has to begin for its being throttled to tell something new. The clouds count calls by
	// the second: in one that is used up, all are throttled, however few.
	news = time.Second
	// lowest is the lowest rate in calls a second, for accounts that are not set to a lower one.
	lowest = 1.0
	// memory is how long a throttled call is remembered when callers are told why they wait.
	memory = time.Minute
)

// callRoom is how much time a call is left. Both clouds answer within it.
const callRoom = time.Second

// limit is that of an account.
type limit struct {
	ceiling float64
	// turn is held by whoever waits for the limiter. Those behind it have no reservation yet, so a cut counts for them too.
	turn turn

	mu      sync.Mutex
	limiter *rate.Limiter
	cut     time.Time // zero if never
	from    float64   // the rate after the cut
}

func newLimit(qps float64, burst int) *limit {
	return &limit{ceiling: qps, limiter: rate.NewLimiter(rate.Limit(qps), burst)}
}

// burst is a fifth of a second's calls, so that a handful of records need not wait for each other.
func burst(qps float64) int { return max(1, int(qps/5)) }

// wait returns when the account may make another call. One for which there is no wait may use all of its time.
func (l *limit) wait(ctx context.Context, c caller) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	waiting, cancel := leaving(ctx, callRoom)
	defer cancel()
	if err := l.turn.take(waiting, c); err != nil {
		return err
	}
	defer l.turn.leave()
	l.grow()
	if l.limiter.Allow() {
		return nil
	}
	return l.limiter.Wait(waiting)
}

// leaving ends so long before ctx does.
func leaving(ctx context.Context, room time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-room))
}

// grow gives the limiter the rate of now.
func (l *limit) grow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut.IsZero() {
		l.limiter.SetLimit(rate.Limit(min(l.ceiling, l.from*(1+gained*time.Since(l.cut).Seconds()))))
	}
}

// slowDown says that the cloud throttled a call that began at the given time.
func (l *limit) slowDown(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut.IsZero() && began.Before(l.cut.Add(news)) {
		return
	}
	l.cut, l.from = time.Now(), max(kept*float64(l.limiter.Limit()), min(lowest, l.ceiling))
	l.limiter.SetLimit(rate.Limit(l.from))
	l.limiter.SetBurst(1)
}

// slowed tells whether it is the cloud's limit that makes callers wait, and not the configured one.
func (l *limit) slowed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut.IsZero() && (time.Since(l.cut) < memory || float64(l.limiter.Limit()) < l.ceiling)
}

// caller is one who makes a call.
type caller struct {
	tenant  string
	patient bool
}

// turn is held by one at a time. Those in a hurry go before the patient, of them the tenant whose turn was longest ago, and of his
// calls the first that came: a tenant with many calls keeps no other out who has a few.
type turn struct {
	mu   sync.Mutex
	held bool
	// waiting are in the order in which they came.
	waiting []waiter
	// served is at which turn a tenant had one last, as long as somebody waits.
	served map[string]int
	turns  int
}

type waiter struct {
	caller
	// mine is closed when the turn is this one's.
	mine chan struct{}
}

func (t *turn) take(ctx context.Context, c caller) error {
	mine, taken := t.join(c)
	if taken {
		return nil
	}
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		t.giveUp(mine)
		return ctx.Err()
	}
}

// join takes a turn that is free, or returns what is closed when it is one's turn.
func (t *turn) join(c caller) (mine chan struct{}, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.held {
		t.held, t.turns, t.served = true, 0, map[string]int{}
		t.serve(c)
		return nil, true
	}
	mine = make(chan struct{})
	t.waiting = append(t.waiting, waiter{c, mine})
	return mine, false
}

func (t *turn) serve(c caller) {
	t.turns++
	t.served[c.tenant] = t.turns
}

// giveUp leaves the queue, or hands on the turn that came at the same moment.
func (t *turn) giveUp(mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.IndexFunc(t.waiting, func(w waiter) bool { return w.mine == mine }); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		return
	}
	t.handOn()
}

func (t *turn) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handOn()
}

// handOn wakes the next one. The caller holds mu.
func (t *turn) handOn() {
	if len(t.waiting) == 0 {
		t.held = false
		return
	}
	next := 0
	for i, w := range t.waiting {
		if t.before(w, t.waiting[next]) {
			next = i
		}
	}
	w := t.waiting[next]
	t.waiting = slices.Delete(t.waiting, next, next+1)
	t.serve(w.caller)
	close(w.mine)
}

// before tells whether one who came later goes first all the same.
func (t *turn) before(a, b waiter) bool {
	if a.patient != b.patient {
		return b.patient
	}
	return t.served[a.tenant] < t.served[b.tenant]
}
