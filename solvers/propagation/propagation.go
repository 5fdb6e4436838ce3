// Package propagation tells when a TXT record can be seen in the DNS: when the authoritative name servers of its zone show it.
// They are asked directly, so no cache lies in between, and no recursive resolver is ever asked for the record itself, which
// would make it remember that there is none.
package propagation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
)

// Options say whom to ask and for how long.
type Options struct {
	// Timeout bounds a wait. It must be greater than 0.
	Timeout time.Duration
	// Finder finds the name servers of zones.
	Finder Finder
	// Asker asks the name servers.
	Asker Asker
	// Port is where name servers are asked.
	Port uint16
	// Strict makes an error of a wait in which nobody answered with authority.
	Strict bool
}

// Record is what is waited for.
type Record struct {
	// Tenant is for whom the record was written: the namespace of the keys. What one tenant has done to a zone, or to one of that
	// name, must not show in the waits of another.
	Tenant string
	// Zone and Name are in A-label form, without a dot at the end.
	Zone, Name string
	Value      string
	// Delegated says that cert-manager has found the zone in the DNS, so that resolvers that do not are not believed.
	Delegated bool
}

// Sight is how a wait without an error ended.
type Sight struct {
	// Seen is true when all name servers that answered with authority showed the record, and at least one did.
	Seen bool
	// Blind says why nobody could tell, when it was not seen. The whole timeout has passed then.
	Blind string
}

// Remembered is how many zones are remembered at most. Forgetting one costs another lookup.
const remembered = 4096

// quiet is how long nobody must have answered with authority before that is taken for the network's fault, not a zone's.
const quiet = 10 * time.Minute

// judged is how long a wait must have lasted to say something of its zone, where its caller's deadline cut it short.
const judged = 10 * time.Second

// Watcher waits for records. It is safe for concurrent use: waits for one name share their queries.
type Watcher struct {
	options Options

	mu      sync.Mutex
	zones   *lru.Cache // of *zone, by tenantZone
	watches map[watched]*watch
	tenants *lru.Cache // of *tenant, by name

	// answered is when a name server last answered with authority, in nanoseconds since 1970.
	answered atomic.Int64
	// panicked holds back the news of a second panic over an answer.
	panicked sync.Once
}

type tenantZone struct{ tenant, zone string }

type watched struct {
	tenantZone
	name string
}

func (r Record) watched() watched { return watched{tenantZone{r.Tenant, r.Zone}, r.Name} }

// NewWatcher returns a Watcher.
func NewWatcher(o Options) *Watcher {
	return &Watcher{options: o, zones: lru.New(remembered), tenants: lru.New(maxTenants), watches: map[watched]*watch{}}
}

// Wait returns when the record can be seen, or when the timeout has passed. It returns an error when name servers answer but do
// not show the record, and at once where the zone is not delegated. When nobody can tell it waits for the whole timeout and says so in the Sight, so that whoever goes on
// after a success never goes on early.
//
// A zone whose last wait ran out is slow, for a while or until a wait for it succeeds. One call at a time waits for a slow zone, and
// two for all slow zones of a tenant; others have one look and get an error if the record is not visible. So do those whose zone is
// not known to be slow and turns out to be while two wait. A caller that has few workers loses two to a tenant, not all. A wait that
// the caller's deadline cuts short counts as well, unless there was hardly any time: in a busy account API calls eat some of it, and
// the zone is as slow as before.
func (w *Watcher) Wait(ctx context.Context, r Record) (Sight, error) {
	s := w.enter(r)
	sight, ranOut, err := w.watch(ctx, r, s)
	s.leave(sight.Seen, ranOut)
	return sight, err
}

// Watch returns when the record can be seen, or when ctx ends, and says which. It is for one who looks for a record that nobody
// waits for yet, or beside another: it says nothing of the zone, and no zone is too slow for it.
func (w *Watcher) Watch(ctx context.Context, r Record, every time.Duration) bool {
	self := &caller{value: r.Value, since: time.Now(), every: every}
	watch, leave := w.join(ctx, r.watched(), self)
	defer leave()
	for {
		view, changed := watch.look(self)
		if view.visible() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// watch waits. It tells whether the zone's name servers were given enough time and are to blame.
func (w *Watcher) watch(ctx context.Context, r Record, s *stay) (sight Sight, ranOut bool, err error) {
	start := time.Now()
	timeout, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()

	self := &caller{value: r.Value, since: start}
	watch, leave := w.join(ctx, r.watched(), self)
	defer leave()
	due := s.due()
	for {
		view, changed := watch.look(self)
		if view.visible() {
			return Sight{Seen: true}, false, nil
		}
		if err := view.notInDNS(r); err != nil {
			return Sight{}, false, err
		}
		if s.glances && view.complete() {
			return Sight{}, true, s.crowded()
		}
		select {
		case <-changed:
			continue
		case <-due:
			if !s.goOn() {
				return Sight{}, true, s.crowded()
			}
			s.glances = false
			continue
		case <-timeout.Done():
		}
		view, _ = watch.look(self)
		if !view.visible() {
			watch.zone.doubt()
		}
		return w.conclude(view.final(), r, time.Since(start))
	}
}

// conclude judges what is known when the time is over, and has been waited for.
func (w *Watcher) conclude(v view, r Record, waited time.Duration) (sight Sight, ranOut bool, err error) {
	enough := waited >= min(w.options.Timeout, judged)
	switch {
	case v.visible():
		return Sight{Seen: true}, false, nil
	case len(v.missing) > 0:
		return Sight{}, enough, notYet(v.missing)
	}
	sight, err = w.unheard(v, r, waited)
	return sight, enough && w.hears(), err
}

// unheard is for a record about which no name server has said anything.
func (w *Watcher) unheard(v view, r Record, waited time.Duration) (Sight, error) {
	switch {
	case waited < w.options.Timeout:
		return Sight{}, &fault.Error{
			Kind:   fault.Transient,
			Reason: "no time was left to wait until the record is visible",
			Remedy: "it is tried again; if this goes on, the API of the DNS host is slow or throttles",
		}
	case w.options.Strict:
		return Sight{}, &fault.Error{
			Kind: fault.Transient, Reason: v.blind(r.Zone),
			Remedy: fmt.Sprintf("allow egress to port %d over UDP and TCP, or leave out --propagation-strict", w.options.Port),
		}
	}
	return Sight{Blind: v.blind(r.Zone)}, nil
}

// hears tells whether anybody at all has answered with authority lately. If not, the way out is closed, and no zone is to
// blame for not being seen.
func (w *Watcher) hears() bool {
	return time.Since(time.Unix(0, w.answered.Load())) < quiet
}

// notInDNS is the error for a record of a zone that is not delegated, nil where that is not the case.
func (v view) notInDNS(r Record) error {
	absent, ok := errors.AsType[*undelegatedError](v.failure)
	if !ok || r.Delegated {
		return nil
	}
	remedy := "delegate it at its registrar to the name servers that the DNS host names for it; it is tried again"
	if absent.above != "" && !dnsname.IsPublicSuffix(absent.above) {
		remedy = fmt.Sprintf("the DNS looks for its names in %s: delegate it there by NS records, or remove the zone %s if the account has %s too; it is tried again",
			absent.above, r.Zone, absent.above)
	}
	return &fault.Error{Kind: fault.Transient, Reason: absent.Error() + " yet, so nobody can see the record", Remedy: remedy}
}

// notYet is the error for a record that some name servers do not show.
func notYet(missing []Server) error {
	return &fault.Error{
		Kind:   fault.Transient,
		Reason: "the record is written but not visible yet on " + list(missing),
		Remedy: "it is tried again; if it stays so, compare the zone's name servers in the DNS with those that the DNS host names for it",
	}
}
