package propagation

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// The time between two queries to one server for one name: short at first, then a fiftieth of the time waited. So a record is
// noticed soon after it appears, by the measure of how long it took. It must be soon: after a challenge cert-manager goes on
// only at its next tick, once a second, and the challenges of an apex and its wildcard follow each other.
const (
	shortestInterval = 100 * time.Millisecond
	intervalShare    = 50
)

// askTimeout bounds a query of any Asker.
const askTimeout = 10 * time.Second

// crowded is how soon to try again when an address is being asked as much as is allowed.
const crowded = shortestInterval / 5

// lookupAgain is how long to wait before name servers that could not be found are looked for again.
const lookupAgain = 2 * time.Second

// caller is one call that waits for a value at a name.
type caller struct {
	value string
	since time.Time
	// every is the least time between two queries that it asks for, beside shortestInterval.
	every time.Duration
}

// watch polls the servers of a zone for one name, for all who wait for a value there. Of several locks, the Watcher's is taken first,
// then a watch's, then a zone's.
type watch struct {
	watcher *Watcher
	zone    *zone
	name    string
	stop    context.CancelFunc
	// kick asks for a poll before the interval has passed.
	kick chan struct{}

	mu      sync.Mutex
	callers map[*caller]bool
	servers []Server
	failure error // why there are no servers
	answers map[netip.Addr]*answer
	changed chan struct{} // closed at a change
}

// answer is what one server said, at last.
type answer struct {
	// asked is when the last answer with authority was asked for, zero if there was none. shown are the callers whose values it held:
	// whoever has the zone decides how much else it holds.
	asked time.Time
	shown map[*caller]bool
	// failed is when the last query that failed was sent, and why it did.
	failed time.Time
	why    error

	sent     time.Time     // the last query
	pause    time.Duration // until the next one, as it was planned then: by now the interval has grown
	inFlight bool
}

// join begins to watch a name, or takes part in the watch that is there. The caller leaves when it waits no more.
func (w *Watcher) join(ctx context.Context, key watched, self *caller) (*watch, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.watches[key]
	if p == nil {
		// Others may join, and stay longer than who began.
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		p = &watch{
			watcher: w, zone: w.zone(key.tenantZone), name: key.name, stop: stop, kick: make(chan struct{}, 1),
			callers: map[*caller]bool{}, answers: map[netip.Addr]*answer{}, changed: make(chan struct{}),
		}
		w.watches[key] = p
		go p.run(ctx)
	}
	p.enter(self)
	return p, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.leave(self) == 0 {
			p.stop()
			delete(w.watches, key)
		}
	}
}

func (p *watch) enter(self *caller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.callers[self] = true
	select {
	case p.kick <- struct{}{}:
	default: // it is asked for already
	}
}

func (p *watch) leave(self *caller) (left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.callers, self)
	return len(p.callers)
}

// run polls until nobody waits.
func (p *watch) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		polled := time.Now()
		interval := p.poll(ctx)
		timer.Reset(interval)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.kick:
			// However many join at once, the servers are asked once.
			timer.Reset(shortestInterval - time.Since(polled))
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
	}
}

// poll asks those servers whose answer somebody waits for, and returns the time until the next poll.
func (p *watch) poll(ctx context.Context) time.Duration {
	servers, err := p.zone.servers(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers, p.failure = servers, err
	if err != nil {
		p.announce()
		return lookupAgain
	}
	now := time.Now()
	planned := p.interval(now)
	interval := planned
	for _, server := range servers {
		a := p.answers[server.Addr]
		if a == nil {
			a = &answer{}
			p.answers[server.Addr] = a
		}
		tooSoon := now.Sub(a.sent) < min(a.pause, planned)
		if a.inFlight || tooSoon || !p.wanted(server.Addr, a) || p.zone.rests(server.Addr, now) {
			continue
		}
		if !p.zone.reserve(server.Addr) {
			interval = min(interval, crowded)
			continue
		}
		a.inFlight, a.sent, a.pause = true, now, planned
		// A query ends by itself, soon. Its outcome is worth knowing even when nobody waits any more.
		go p.ask(context.WithoutCancel(ctx), server.Addr, a, now)
	}
	return interval
}

// wanted tells whether somebody waits for what this server has not shown.
func (p *watch) wanted(addr netip.Addr, a *answer) bool {
	reliable := p.zone.healthOf(addr).failures < maxFailures
	for c := range p.callers {
		if !reliable || !a.shows(c) {
			return true
		}
	}
	return false
}

// interval is short again for each who joins.
func (p *watch) interval(now time.Time) time.Duration {
	interval := time.Duration(math.MaxInt64)
	for c := range p.callers {
		interval = min(interval, max(now.Sub(c.since)/intervalShare, shortestInterval, c.every))
	}
	return interval
}

// ask asks one server and notes its answer.
func (p *watch) ask(ctx context.Context, server netip.Addr, a *answer, asked time.Time) {
	values, err := p.zone.ask(ctx, server, p.name)
	now := time.Now()
	p.zone.heard(server, err, now)
	if err == nil {
		p.watcher.answered.Store(now.UnixNano())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.inFlight = false
	if err == nil {
		a.asked, a.shown = asked, p.awaited(values)
	} else {
		a.failed, a.why = asked, err
	}
	p.announce()
}

// awaited are those who wait for one of the values.
func (p *watch) awaited(values []string) map[*caller]bool {
	shown := map[*caller]bool{}
	for c := range p.callers {
		if slices.Contains(values, c.value) {
			shown[c] = true
		}
	}
	return shown
}

// question is put to one server. What a stranger answers must end no process: a panic over it is a bad answer.
func (w *Watcher) question(ctx context.Context, server netip.Addr, name string) (values []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			w.panicked.Do(func() {
				klog.InfoS("Warning: the answer of a name server made the reading of it panic; such answers count as bad ones, and this is told once",
					"server", server, "name", name, "panic", fmt.Sprint(cause))
			})
			values, err = nil, errBadAnswer
		}
	}()
	return w.options.Asker.Ask(ctx, netip.AddrPortFrom(server, w.options.Port), name)
}

// announce tells all who wait that there is something new.
func (p *watch) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// answersTo tells whether the server answered with authority a query that was sent since the caller came.
func (a *answer) answersTo(c *caller) bool {
	return a != nil && !a.asked.IsZero() && !a.asked.Before(c.since)
}

func (a *answer) shows(c *caller) bool { return a.answersTo(c) && a.shown[c] }

// view is how the world looks to one who waits.
type view struct {
	// shown counts the servers that show the value, missing are those that answer without it, pending are those that have not
	// been heard yet, and out are those that are left out.
	shown            int
	missing, pending []Server
	out              []refusal
	failure          error
}

type refusal struct {
	server Server
	why    error
}

func (v view) visible() bool { return v.shown > 0 && len(v.missing) == 0 && len(v.pending) == 0 }

// complete tells whether each of the name servers has been heard, or will not be.
func (v view) complete() bool { return len(v.pending) == 0 && v.shown+len(v.missing)+len(v.out) > 0 }

// final is the view when no time is left: who has not been heard by then does not answer.
func (v view) final() view {
	for _, server := range v.pending {
		v.out = append(v.out, refusal{server, errSilent})
	}
	v.pending = nil
	return v
}

// look returns the view of one who waits, and what will be closed when it changes.
func (p *watch) look(c *caller) (view, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := view{failure: p.failure}
	for _, server := range p.servers {
		a, health := p.answers[server.Addr], p.zone.healthOf(server.Addr)
		reliable := health.failures < maxFailures
		switch {
		case reliable && a.shows(c):
			v.shown++
		case reliable && a.answersTo(c):
			v.missing = append(v.missing, server)
		case a != nil && !a.failed.IsZero() && !a.failed.Before(c.since):
			v.out = append(v.out, refusal{server, a.why})
		case health.silences >= silentAfter:
			v.out = append(v.out, refusal{server, errSilent})
		default:
			v.pending = append(v.pending, server)
		}
	}
	return v, p.changed
}

// blind says why nobody could tell.
func (v view) blind(zone string) string {
	failure := v.failure
	if failure == nil && len(v.out) == 0 {
		failure = notFoundYet(zone) // the lookup is still under way
	}
	if failure != nil {
		return "nobody could be asked whether the record is visible: " + failure.Error()
	}
	slices.SortFunc(v.out, func(a, b refusal) int { return strings.Compare(a.server.String(), b.server.String()) })
	parts := make([]string, 0, len(v.out))
	for _, r := range v.out {
		parts = append(parts, r.server.String()+" "+r.why.Error())
	}
	return "none of the name servers of the zone " + zone + " answers with authority: " + strings.Join(clip(parts), ", ")
}
