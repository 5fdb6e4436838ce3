package solvers

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// played plays the DNS: a wait takes so long and ends so.
type played struct {
	takes time.Duration
	sight propagation.Sight
	err   error

	records []propagation.Record
	left    []time.Duration // for each wait, the time that the caller had for it
}

func (w *played) Wait(ctx context.Context, r propagation.Record) (propagation.Sight, error) {
	deadline, _ := ctx.Deadline()
	w.records, w.left = append(w.records, r), append(w.left, time.Until(deadline))
	time.Sleep(w.takes)
	return w.sight, w.err
}

func (w *played) Watch(context.Context, propagation.Record, time.Duration) bool { return true }

// watched restarts the rig's solver so that it waits.
func (r *rig) watched(w *played) {
	r.watcher = w
	r.restart()
}

func TestPresentReturnsWhenTheRecordIsVisible(t *testing.T) {
	forBoth(t, func(r *rig) {
		w := &played{takes: 3 * time.Second, sight: propagation.Sight{Seen: true}}
		r.watched(w)
		start := time.Now()
		r.present()
		if took := time.Since(start); took < w.takes {
			t.Errorf("Present returned after %s", took)
		}
		want := []propagation.Record{{Tenant: "team-a", Zone: "example.com", Name: "_acme-challenge.example.com", Value: value, Delegated: true}}
		if diff := cmp.Diff(want, w.records); diff != "" {
			t.Errorf("what was waited for (-want +got):\n%s", diff)
		}
		r.wantTXT("alice", "_acme-challenge.example.com "+value)
		if n := r.unseen(); n != 0 {
			t.Errorf("%g records counted as unseen", n)
		}
		r.cleanUp()
		if len(w.records) != 1 {
			t.Error("CleanUp waits too")
		}
	})
}

func TestTenantsDoNotShareTheirWaits(t *testing.T) {
	forBoth(t, func(r *rig) {
		w := &played{sight: propagation.Sight{Seen: true}}
		r.watched(w)
		r.putZone("bob", "example.org")
		r.present()
		r.present(r.as("team-b", "bob"), withName("_acme-challenge.example.org.", "example.org."))
		if got := []string{w.records[0].Tenant, w.records[1].Tenant}; !slices.Equal(got, []string{"team-a", "team-b"}) {
			t.Errorf("the waits are those of %q", got)
		}
	})
}

func TestARecordThatDoesNotShowUp(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.watched(&played{takes: 30 * time.Second, err: &fault.Error{Kind: fault.Transient, Reason: "the record is written but not visible yet on ns1 (192.0.2.1)"}})
		r.wantError(func() error { return r.solver.Present(r.request()) },
			r.name+": present the TXT record _acme-challenge.example.com: the record is written but not visible yet on ns1 (192.0.2.1)")
		r.wantTXT("alice", "_acme-challenge.example.com "+value)
		r.cleanUp()
		r.wantTXT("alice")
	})
}

func TestARecordThatNobodyCanLookFor(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.watched(&played{takes: 30 * time.Second, sight: propagation.Sight{Blind: "nobody answers"}})
		r.present()
		if n := r.unseen(); n != 1 {
			t.Errorf("%g records counted as unseen, want 1", n)
		}
	})
}

func TestTheCallsLeaveTimeForTheWait(t *testing.T) {
	forBoth(t, func(r *rig) {
		w := &played{sight: propagation.Sight{Seen: true}}
		r.watched(w)
		r.inject(cloud.Fault{Action: r.add, Kind: cloud.Throttle, Count: 3})
		r.present()
		if left := w.left[0]; left < leastWait || left >= operationTimeout {
			t.Errorf("%s were left for the wait", left)
		}

		// A cloud that throttles all the time takes no more than what the wait does not need at least.
		r.inject(cloud.Fault{Action: r.add, Kind: cloud.Throttle})
		start := time.Now()
		err := r.solver.Present(r.request(withKey(otherValue)))
		if took := time.Since(start); !fault.Is(err, fault.Throttled) || took > operationTimeout-leastWait {
			t.Errorf("after %s: %v", took, err)
		}
		if len(w.records) != 1 {
			t.Error("it was waited for a record that was not written")
		}
	})
}
