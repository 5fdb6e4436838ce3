package propagation

import (
	"fmt"
	"time"

	"github.com/certyun/certyun/solvers/fault"
)

// How much of cert-manager's few workers one tenant may hold with zones that do not show their records. A tenant can have as many
// zones and credentials as he likes, so neither is what is counted.
const (
	// slowAtOnce is how many waits for slow zones of one tenant go on at a time, each for another zone.
	slowAtOnce = 2
	// glance is how long one look at a slow zone may take for which no wait may go on. It mostly ends sooner: when each name server
	// has answered.
	glance = time.Second
	// slowFor is how long a zone is slow after a wait for it ran out, unless one succeeds before.
	slowFor = 10 * time.Minute
	// maxSlow is how many slow zones of a tenant are remembered, and maxTenants how many tenants are.
	maxSlow    = 64
	maxTenants = 1024
)

// tenant is what is known of the slow zones of one namespace. The Watcher's lock guards it.
type tenant struct {
	// slow has the zones for which a wait ran out, and when one last did.
	slow map[string]time.Time
	// held are the zones for which a wait goes on although they are slow, or turned out to be.
	held map[string]bool
}

func (w *Watcher) tenant(name string) *tenant {
	if t, ok := w.tenants.Get(name); ok {
		return t.(*tenant)
	}
	t := &tenant{slow: map[string]time.Time{}, held: map[string]bool{}}
	w.tenants.Add(name, t)
	return t
}

// hold tells whether a wait for a slow zone may go on, and counts it.
func (t *tenant) hold(zone string) bool {
	if t.held[zone] || len(t.held) >= slowAtOnce {
		return false
	}
	t.held[zone] = true
	return true
}

// forget drops the zones that were slow too long ago.
func (t *tenant) forget(now time.Time) {
	for zone, ranOut := range t.slow {
		if now.Sub(ranOut) >= slowFor {
			delete(t.slow, zone)
		}
	}
}

// remember notes that a wait for the zone ran out. Of too many zones, the one that was slow longest ago is forgotten.
func (t *tenant) remember(zone string, now time.Time) {
	t.slow[zone] = now
	if len(t.slow) <= maxSlow {
		return
	}
	oldest := zone
	for other, ranOut := range t.slow {
		if ranOut.Before(t.slow[oldest]) {
			oldest = other
		}
	}
	delete(t.slow, oldest)
}

// patience is how long a wait for a zone that is not known to be slow goes on until it counts as a wait for one that is: the less, the
// more zones of the tenant are slow. Else whoever comes with a new zone each time would hold a worker with each.
func (t *tenant) patience() time.Duration {
	return max(glance, judged*slowAtOnce/time.Duration(max(slowAtOnce, len(t.slow))))
}

// stay is one wait, as its tenant's.
type stay struct {
	watcher *Watcher
	tenant  *tenant
	record  Record
	// holds says that the wait goes on although the zone is slow.
	holds bool
	// glances says that it is for one look alone, and free how long it may go on without holding.
	glances bool
	free    time.Duration
}

func (w *Watcher) enter(r Record) *stay {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &stay{watcher: w, tenant: w.tenant(r.Tenant), record: r}
	s.tenant.forget(time.Now())
	s.free = s.tenant.patience()
	if _, slow := s.tenant.slow[r.Zone]; slow {
		s.holds = s.tenant.hold(r.Zone)
		s.glances, s.free = !s.holds, glance
	}
	return s
}

// due fires when the wait needs to hold; it never does if it holds already.
func (s *stay) due() <-chan time.Time {
	if s.holds {
		return nil
	}
	return time.After(s.free)
}

// goOn tells whether the wait may go on after its free time. Where nobody at all answers, no tenant is to blame.
func (s *stay) goOn() bool {
	if !s.watcher.hears() {
		return true
	}
	s.watcher.mu.Lock()
	defer s.watcher.mu.Unlock()
	s.holds = s.tenant.hold(s.record.Zone)
	return s.holds
}

func (s *stay) leave(seen, ranOut bool) {
	s.watcher.mu.Lock()
	defer s.watcher.mu.Unlock()
	if s.holds {
		delete(s.tenant.held, s.record.Zone)
	}
	switch {
	case seen:
		delete(s.tenant.slow, s.record.Zone)
	case ranOut:
		s.tenant.remember(s.record.Zone, time.Now())
	}
}

// crowded is the error of a wait that may not go on because others do.
func (s *stay) crowded() error {
	s.watcher.mu.Lock()
	defer s.watcher.mu.Unlock()
	if s.tenant.held[s.record.Zone] {
		return &fault.Error{
			Kind:   fault.Transient,
			Reason: "the name servers of the zone " + s.record.Zone + " took too long to show the last record, and another challenge is waiting for them",
			Remedy: "this one is tried again; until the zone has caught up, its challenges wait one after the other",
		}
	}
	return &fault.Error{
		Kind: fault.Transient,
		Reason: fmt.Sprintf("the record is written but not visible yet, and as many challenges as may are waiting for slow zones with keys from the namespace %s",
			s.record.Tenant),
		Remedy: "this one is tried again, and goes on as soon as its record is visible; find out why the other zones are slow",
	}
}
