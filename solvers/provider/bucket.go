package provider

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How a bucket looks for the rate that the cloud allows. Neither cloud says it in its answers. The curve after a cut is that
// of CUBIC (RFC 9438, section 4.1), over a rate instead of a window: back fast to just below where it was throttled, a stay
// there, then a look at what lies beyond, slow at first.
const (
	// news is how long after a cut a call has to begin for its being throttled to tell something new. The clouds count calls by
	// the second: in one that is used up, all are throttled, however few.
	news = time.Second
	// plateau is how long after a cut the rate is back near the one that was throttled.
	plateau = 3 * time.Second
	// below is how much of the rate that was throttled the plateau is at most.
	below = 0.98
	// probe is how much of the plateau is added as much later again.
	probe = 0.05
	// memory is how long a throttled call is remembered: so long bursts are small, and the next cut goes by what was measured.
	memory = time.Minute
	// carefulBurst is a small burst. It makes up for turns that were missed because this process did not run for a moment.
	carefulBurst = 2
	// floor is the lowest rate in calls a second, for accounts that are not set to a lower one.
	floor = 1.0
)

// What is left of the rate after a cut: the share of the calls that the cloud let through since the cut before, within limits.
// The least is left where there was none of late, because nothing was measured.
const (
	leastKept = 0.5
	mostKept  = 0.9
)

// plateauOver is how far above the rate after a cut the plateau is at most. A cloud that knows no bursts throttles every other
// call of those that come a little faster than it allows, so what it let through may be half of what it allows.
const plateauOver = 1.5

// callRoom is how much time a call is left. Both clouds answer within it.
const callRoom = time.Second

// bucket limits the calls of an account. It begins at the rate that is configured and never goes above it; it is slower while
// the cloud throttles.
//
// Those are served first whose time ends first: of operations that are given the same time, the ones that came first, and one
// that is tried again does not begin at the end.
//
// A rate.Limiter alone would not do: those who wait for one keep the times that they were given when it becomes slower.
type bucket struct {
	ceiling float64

	mu      sync.Mutex
	limiter *rate.Limiter
	// queue are those who wait. Only the first has a reservation.
	queue []*waiter

	// cut is when the rate was cut last, zero if never: from what it became, towards what plateau.
	cut         time.Time
	from, level float64
	// sent and throttled count the calls that began since.
	sent, throttled int
}

// waiter is a call that waits. Its turn tells how long the wait for the token is yet; it is closed if that is too long.
type waiter struct {
	deadline    time.Time // zero for none
	turn        chan time.Duration
	reservation *rate.Reservation
}

func newBucket(qps float64) *bucket {
	// A burst of a fifth of a second's calls, so that a handful of records need not wait for each other.
	return &bucket{ceiling: qps, limiter: rate.NewLimiter(rate.Limit(qps), burst(qps))}
}

func burst(qps float64) int { return max(1, int(qps/5)) }

// wait returns when the account may make another call. It fails with errNoRoom as soon as it is clear that this will not be
// before the deadline of ctx.
func (b *bucket) wait(ctx context.Context) error {
	w, err := b.join(ctx)
	if err != nil {
		return err
	}
	err = w.wait(ctx)
	b.leave(w, err == nil)
	return err
}

func (w *waiter) wait(ctx context.Context) error {
	var left time.Duration
	select {
	case <-ctx.Done():
		return ctx.Err()
	case d, ok := <-w.turn:
		if !ok {
			return errNoRoom
		}
		left = d
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// join puts a call into the queue, if it has the time. Those that come after it may lose their places for it.
func (b *bucket) join(ctx context.Context) (*waiter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.adjust(now)
	w := &waiter{turn: make(chan time.Duration, 1)}
	w.deadline, _ = ctx.Deadline()
	place := len(b.queue)
	for place > 1 && w.before(b.queue[place-1]) {
		place--
	}
	if !w.hasRoom(now, b.delay(now, place)) {
		return nil, errNoRoom
	}
	b.queue = slices.Insert(b.queue, place, w)
	if len(b.queue) == 1 {
		b.serve(now)
	}
	b.dismiss(now, place+1)
	return w, nil
}

func (w *waiter) before(other *waiter) bool {
	return !w.deadline.IsZero() && (other.deadline.IsZero() || w.deadline.Before(other.deadline))
}

// leave takes a call out of the queue, and gives back the token of one that is not made.
func (b *bucket) leave(w *waiter, made bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if made {
		b.sent++
	} else if w.reservation != nil {
		w.reservation.CancelAt(now)
	}
	i := slices.Index(b.queue, w)
	if i < 0 {
		return
	}
	b.queue = slices.Delete(b.queue, i, i+1)
	if i == 0 {
		b.adjust(now)
		b.serve(now)
	}
}

// serve gives the next token to the first in the queue that has the time to wait for it.
func (b *bucket) serve(now time.Time) {
	for len(b.queue) > 0 {
		w := b.queue[0]
		reservation := b.limiter.ReserveN(now, 1)
		if left := reservation.DelayFrom(now); w.hasRoom(now, left) {
			w.reservation = reservation
			w.turn <- left
			return
		}
		reservation.CancelAt(now)
		close(w.turn)
		b.queue = b.queue[1:]
	}
}

// delay is how long a call waits that has so many others before it, of whom the first has its reservation. The rate is taken
// for that of the plateau where it is on the way there.
func (b *bucket) delay(now time.Time, before int) time.Duration {
	missing := float64(max(1, before)) - b.limiter.TokensAt(now)
	qps := float64(b.limiter.Limit())
	if before > 0 {
		qps = min(b.ceiling, max(qps, b.level))
	}
	return time.Duration(max(0, missing) / qps * float64(time.Second))
}

func (w *waiter) hasRoom(now time.Time, wait time.Duration) bool {
	return w.deadline.IsZero() || wait <= 0 || w.deadline.Sub(now) >= wait+callRoom
}

// slowDown tells the bucket that the cloud throttled a call that began at the given time.
func (b *bucket) slowDown(began time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if began.After(b.cut) {
		b.throttled++
	}
	if !b.cut.IsZero() && began.Before(b.cut.Add(news)) {
		return
	}
	now := time.Now()
	kept := leastKept
	if b.remembers(now) {
		kept = min(max(1-float64(b.throttled)/float64(max(1, b.sent)), leastKept), mostKept)
	}
	throttled, lowest := b.rateAt(began), min(floor, b.ceiling)
	b.from = max(kept*throttled, lowest)
	b.level = max(min(below*throttled, plateauOver*b.from), lowest)
	b.cut, b.sent, b.throttled = now, 0, 0
	b.adjust(now)
	b.dismiss(now, 1)
}

// dismiss sends those away, from this place in the queue on, who will not have their turn in time as it is now.
func (b *bucket) dismiss(now time.Time, place int) {
	kept := min(place, len(b.queue))
	for _, w := range b.queue[kept:] {
		if !w.hasRoom(now, b.delay(now, kept)) {
			close(w.turn)
			continue
		}
		b.queue[kept] = w
		kept++
	}
	clear(b.queue[kept:])
	b.queue = b.queue[:kept]
}

// adjust gives the limiter the rate of now.
func (b *bucket) adjust(now time.Time) {
	b.limiter.SetLimitAt(now, rate.Limit(b.rateAt(now)))
	size := burst(b.ceiling)
	if b.remembers(now) {
		size = min(size, carefulBurst)
	}
	b.limiter.SetBurstAt(now, size)
}

// rateAt is the rate at a time after the last cut.
func (b *bucket) rateAt(t time.Time) float64 {
	if b.cut.IsZero() {
		return b.ceiling
	}
	x := t.Sub(b.cut).Seconds()/plateau.Seconds() - 1
	if x < 0 {
		return min(b.ceiling, b.level+(b.level-b.from)*x*x*x)
	}
	return min(b.ceiling, b.level*(1+probe*x*x*x))
}

// remembers tells whether the cloud throttled of late.
func (b *bucket) remembers(now time.Time) bool {
	return !b.cut.IsZero() && now.Sub(b.cut) < memory
}

// slowed tells whether it is the cloud's limit that makes callers wait, and not the configured one.
func (b *bucket) slowed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return b.remembers(now) || b.rateAt(now) < b.ceiling
}
