package solvers

import (
	"context"
	"sync"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/provider"
)

// Present makes sure that the challenge's TXT record exists, and returns when the CA may look for it: when it is visible, as are
// those of the other challenges of its name, and when the CA has forgotten an answer without it. Other records at the name stay as
// they are.
func (s *Solver) Present(ch *whapi.ChallengeRequest) error {
	defer s.begin()()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()

	start, end := time.Now(), s.counters.operation(s.Name(), presenting)
	c, zone, written, err := s.present(ctx, ch)
	if err != nil {
		err = c.credential.Judge(err)
		end(outcomeOf(err))
		s.log("Could not present the challenge", c, outcomeOf(err), start, "zone", zone)
		return s.explain("present", c, s.astray(ctx, c, err))
	}
	end(outcomeOf(nil))
	s.log("Presented the challenge", c, outcomeOf(nil), start, "zone", zone, "waited", time.Since(written))
	return nil
}

func (s *Solver) present(ctx context.Context, ch *whapi.ChallengeRequest) (c *challenge, zone string, written time.Time, err error) {
	writing, stop := context.WithTimeout(ctx, s.writeTime())
	defer stop()
	c, err = s.open(writing, ch)
	r := s.requestOf(c)
	if s.ahead != nil {
		s.ahead.Heard(r)
	}
	if err != nil {
		return c, "", time.Time{}, err
	}
	others := s.others(writing, r)
	defer others.wait() // nothing of it outlives the operation
	defer stop()
	if zone, err = s.write(writing, c, r); err != nil {
		return c, zone, time.Time{}, err
	}
	written = time.Now()
	sight, err := s.await(ctx, c, zone)
	if err != nil {
		s.doubt(c, r)
		return c, zone, written, err
	}
	s.awaitOthers(ctx, writing, r, others.wait(), sight)
	return c, zone, written, s.show(ctx, r)
}

// writeTime is what a Present has for its calls. It leaves time to wait for the record: without that time Present could not
// succeed, so a worker of cert-manager's would be held for nothing.
func (s *Solver) writeTime() time.Duration {
	if s.watcher == nil {
		return operationTimeout
	}
	return operationTimeout - min(s.longest, leastWait)
}

// own takes the challenge's record, until it is released.
func (s *Solver) own(ctx context.Context, r ahead.Request) (ahead.Owned, error) {
	if s.ahead == nil {
		return ahead.Owned{Asked: time.Now(), Release: func() {}}, nil
	}
	return s.ahead.Own(ctx, r)
}

// write adds the challenge's record and returns the zone that it is in.
func (s *Solver) write(ctx context.Context, c *challenge, r ahead.Request) (zone string, err error) {
	owned, err := s.own(ctx, r)
	if err != nil {
		return "", err
	}
	defer owned.Release()
	if !owned.Trust || owned.Known.Account != c.fingerprint() {
		return s.add(ctx, c, ahead.Record{})
	}
	return s.add(ctx, c, owned.Known)
}

// add writes the record into the zone that the name belongs to, unless it is known to be there, remembers its id and returns the
// zone.
func (s *Solver) add(ctx context.Context, c *challenge, known ahead.Record) (zone string, err error) {
	zones := c.account.InZone(c.name, c.resolvedZone)
	for zones.Next(ctx) {
		zones.Err = s.addTo(ctx, c, known, zones.Zone)
	}
	return zones.Zone, zones.Err
}

func (s *Solver) addTo(ctx context.Context, c *challenge, known ahead.Record, zone string) error {
	if known.Zone == zone {
		s.records.presented(c.key(), zone, provider.RecordID(known.ID))
		return nil
	}
	record, err := c.recordIn(zone)
	if err != nil {
		return err
	}
	id, err := c.account.AddTXT(ctx, record)
	if err != nil {
		return err
	}
	if id != "" {
		c.added = time.Now()
		s.shown.Missed(c.name, c.value) // there was none until now
	}
	s.withdraw(ctx, c, known, zone)
	s.records.presented(c.key(), zone, id)
	return nil
}

// withdraw removes a record that was written ahead into another zone: the account has one that the DNS does not use.
func (s *Solver) withdraw(ctx context.Context, c *challenge, known ahead.Record, zone string) {
	known = s.remembered(c, known)
	if known.ID == "" || known.Zone == zone {
		return
	}
	if _, err := s.removeFrom(ctx, c, known.Zone, known.ID); err != nil {
		klog.InfoS("Warning: the challenge's record was written into a zone that is not its own, and could not be removed there",
			"name", c.name, "zone", known.Zone, "cause", err.Error())
	}
}

// await returns when the record is visible, or when there was nobody to tell for the whole of the wait.
func (s *Solver) await(ctx context.Context, c *challenge, zone string) (propagation.Sight, error) {
	if s.watcher == nil {
		s.shown.Saw(c.name, c.value)
		return propagation.Sight{}, nil
	}
	sight, err := s.watcher.Wait(ctx, propagation.Record{Tenant: c.request.ResourceNamespace, Zone: zone, Name: c.name, Value: c.value, Delegated: zone == c.resolvedZone})
	if err != nil {
		return sight, err
	}
	s.shown.Saw(c.name, c.value)
	if sight.Seen {
		s.sawAfter(c.added)
		return sight, nil
	}
	s.counters.unseen.WithLabelValues(s.Name()).Inc()
	klog.InfoS("Warning: nobody could tell whether the record is visible, so the challenge goes on after the whole wait",
		append(s.logFields(c), "zone", zone, "wait", s.longest, "cause", sight.Blind)...)
	return sight, nil
}

// sawAfter notes how long a record took to be visible since it was added, if it is known when that was.
func (s *Solver) sawAfter(added time.Time) {
	if !added.IsZero() {
		s.counters.propagation.WithLabelValues(s.Name()).Observe(time.Since(added).Seconds())
	}
}

// doubt is for a record that is not visible although it was written.
func (s *Solver) doubt(c *challenge, r ahead.Request) {
	s.shown.Missed(c.name, c.value)
	if s.ahead != nil {
		s.ahead.Doubt(r)
	}
}

// gathering is what becomes of the other challenges of a name, beside the wait for the own record.
type gathering struct {
	done     sync.WaitGroup
	siblings []ahead.Sibling
}

func (g *gathering) wait() []ahead.Sibling {
	g.done.Wait()
	return g.siblings
}

// others writes the records of the other challenges of the name, in the background.
func (s *Solver) others(ctx context.Context, r ahead.Request) *gathering {
	g := &gathering{}
	if s.ahead != nil {
		g.done.Go(func() { g.siblings = s.ahead.Others(ctx, r) })
	}
	return g
}

// othersWithin is how long the records of other challenges are waited for when the own one is visible. They were written at about
// the same time. One that does not show then is written where the DNS does not look, and holds up nobody again.
const othersWithin = 10 * time.Second

// awaitOthers returns when the records of the other challenges are visible, those as well that came while others were waited for.
func (s *Solver) awaitOthers(ctx, writing context.Context, r ahead.Request, siblings []ahead.Sibling, sight propagation.Sight) {
	ctx, cancel := context.WithTimeout(ctx, othersWithin)
	defer cancel()
	awaited := map[string]bool{}
	for {
		var all sync.WaitGroup
		fresh := false
		for _, sibling := range siblings {
			if awaited[sibling.Value] {
				continue
			}
			awaited[sibling.Value], fresh = true, true
			all.Go(func() { s.awaitOther(ctx, r, sibling, sight) })
		}
		all.Wait()
		if !fresh || ctx.Err() != nil || writing.Err() != nil {
			return
		}
		siblings = s.ahead.Others(writing, r)
	}
}

func (s *Solver) awaitOther(ctx context.Context, r ahead.Request, sibling ahead.Sibling, sight propagation.Sight) {
	nobodyToAsk := s.watcher == nil || !sight.Seen
	record := propagation.Record{Tenant: r.ResourceNamespace, Zone: sibling.Zone, Name: r.Name, Value: sibling.Value}
	switch {
	case nobodyToAsk:
		s.shown.Saw(r.Name, sibling.Value)
	case !s.shown.Hopeful(r.Name, sibling.Value):
	case s.watcher.Watch(ctx, record, 0):
		s.shown.Saw(r.Name, sibling.Value)
	default:
		s.shown.Overlooked(r.Name, sibling.Value)
	}
}

// Bounds of holding back: a margin before the deadline, and how many may hold a worker of cert-manager's at a time.
const (
	showMargin = 500 * time.Millisecond
	maxHeld    = 2
)

// errHeld is for a value that the CA must not look for yet.
var errHeld = &fault.Error{
	Kind:   fault.Transient,
	Reason: "the record is visible, but the CA may still remember that the record was not there: it looked for another value of this name a moment ago",
	Remedy: "this is tried again, and goes on within the time of --ca-memory",
}

// show lets the CA look for the value, when it has forgotten what it saw before. Where that takes longer than there is time, or
// too many wait already, it is for another try.
func (s *Solver) show(ctx context.Context, r ahead.Request) error {
	for first := true; ; first = false {
		held := s.held(r)
		if held == 0 {
			return nil
		}
		if first {
			s.counters.held.WithLabelValues(s.Name()).Inc()
		}
		if deadline, _ := ctx.Deadline(); time.Until(deadline) < held+showMargin || !s.holding.TryAcquire(1) {
			return errHeld
		}
		wait(ctx, held)
		s.holding.Release(1)
	}
}

func (s *Solver) held(r ahead.Request) time.Duration {
	if s.ahead == nil {
		return s.shown.Show(ahead.Claim{Name: r.Name, Value: r.Key}, nil)
	}
	return s.ahead.Show(r)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
