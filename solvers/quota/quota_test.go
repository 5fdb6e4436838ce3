package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certyun/certyun/solvers/fault"
)

const configured = 20.0

// errBusy is how a cloud throttles.
var errBusy = &fault.Error{Kind: fault.Throttled, Reason: "too many calls", Code: "Throttling.User"}

// trusted is the quota of a credential that has been seen to work.
func trusted(qps float64) *Quota {
	q := New(qps, "--cloud-qps").Of("LTAI5tExample")
	q.Call("team-a", false).End(nil)
	return q
}

// call makes one call that ends so, after a while.
func call(ctx context.Context, q *Quota, takes time.Duration, ends error) error {
	c := q.Call("team-a", false)
	err := c.Wait(ctx)
	if err == nil {
		time.Sleep(takes)
		err = ends
	}
	c.End(err)
	return err
}

func rateOf(q *Quota) float64 {
	l := q.limit.Load()
	l.grow()
	return float64(l.limiter.Limit())
}

func TestCall_End(t *testing.T) {
	denied := &fault.Error{Kind: fault.Denied, Reason: "no"}
	down := &fault.Error{Kind: fault.Transient, Reason: "it is down"}
	tests := map[string]struct {
		// together are how the calls end that are under way at the same time, and take so long.
		together []error
		takes    time.Duration
		// again is after how long there is another one that is throttled, zero for none.
		again time.Duration
		// want is the rate at once after the last call.
		want float64
	}{
		"nothing happens without a reason":                    {together: []error{nil}, want: configured},
		"a refused call changes nothing":                      {together: []error{denied}, want: configured},
		"a cloud that is down changes nothing":                {together: []error{down}, want: configured},
		"a throttled call cuts the rate":                      {together: []error{errBusy}, want: 17},
		"so does a fault around it":                           {together: []error{fmt.Errorf("adding: %w", errBusy)}, want: 17},
		"calls that were under way together cut it once":      {together: []error{errBusy, errBusy, errBusy, errBusy}, takes: time.Millisecond, want: 17},
		"once, however late they end":                         {together: []error{errBusy, errBusy, errBusy}, takes: 5 * time.Second, want: 17},
		"one that began in the same second cuts it once":      {together: []error{errBusy}, again: 900 * time.Millisecond, want: 17 * 1.018},
		"one that began later cuts it from where it has come": {together: []error{errBusy}, again: 1100 * time.Millisecond, want: 17 * 1.022 * 0.85},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := trusted(configured)
				var running sync.WaitGroup
				for _, ends := range test.together {
					running.Go(func() { _ = call(t.Context(), q, test.takes, ends) })
				}
				running.Wait()
				if test.again > 0 {
					time.Sleep(test.again)
					_ = call(t.Context(), q, 0, errBusy)
				}
				if got := rateOf(q); got < test.want*0.999 || got > test.want*1.001 {
					t.Errorf("%.3f calls a second, want %.3f", got, test.want)
				}
			})
		})
	}
}

func TestLimit_GrowsBackToItsCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := trusted(configured)
		_ = call(t.Context(), q, 0, errBusy)
		var rates []float64
		for range 12 {
			rates = append(rates, rateOf(q))
			time.Sleep(time.Second)
		}
		if !slices.IsSorted(rates) || rates[0] != 17 || rates[11] != configured || rates[5] >= configured {
			t.Errorf("calls a second, each second: %.2f", rates)
		}
	})
}

func TestLimit_HasALowestRate(t *testing.T) {
	for qps, want := range map[float64]float64{configured: lowest, 0.5: 0.5} {
		synctest.Test(t, func(t *testing.T) {
			q, least := trusted(qps), qps
			for range 60 {
				_ = call(t.Context(), q, time.Second, errBusy)
				least = min(least, rateOf(q))
			}
			if least != want {
				t.Errorf("configured %g: the lowest rate was %g, want %g", qps, least, want)
			}
		})
	}
}

// waiting is one who comes at a time and gives up at another, both after the first call has taken what there was.
type waiting struct {
	name     string
	tenant   string
	comes    time.Duration
	givesUp  time.Duration // zero for never
	patient  bool
	deadline time.Duration // zero for none
}

func TestCall_Wait(t *testing.T) {
	const ms = time.Millisecond
	tests := map[string]struct {
		calls []waiting
		// want says who called, and when.
		want []string
	}{
		"first come, first served": {
			[]waiting{{name: "a", comes: ms}, {name: "b", comes: 2 * ms}, {name: "c", comes: 3 * ms}}, []string{"a 1s", "b 2s", "c 3s"},
		},
		"those in a hurry go before those who are patient": {
			[]waiting{{name: "patient 1", comes: ms, patient: true}, {name: "patient 2", comes: 2 * ms, patient: true}, {name: "hasty", comes: 3 * ms}},
			[]string{"patient 1 1s", "hasty 2s", "patient 2 3s"}, // the first has its reservation
		},
		"tenants take turns, however many calls one has": {
			[]waiting{
				{name: "a1", tenant: "a", comes: ms},
				{name: "a2", tenant: "a", comes: 2 * ms},
				{name: "a3", tenant: "a", comes: 3 * ms},
				{name: "b1", tenant: "b", comes: 4 * ms},
				{name: "b2", tenant: "b", comes: 5 * ms},
				{name: "c1", tenant: "c", comes: 1200 * ms},
			},
			[]string{"a1 1s", "b1 2s", "c1 3s", "a2 4s", "b2 5s", "a3 6s"},
		},
		"one who is patient waits for other tenants too": {
			[]waiting{{name: "a1", tenant: "a", comes: ms}, {name: "b1", tenant: "b", comes: 2 * ms, patient: true}, {name: "a2", tenant: "a", comes: 3 * ms}},
			[]string{"a1 1s", "a2 2s", "b1 3s"},
		},
		"who gives up leaves the place to the next": {
			[]waiting{{name: "a", comes: ms}, {name: "gone", comes: 2 * ms, givesUp: 1500 * ms}, {name: "c", comes: 3 * ms}}, []string{"a 1s", "c 2s"},
		},
		"who gives up as the first leaves the token": {
			[]waiting{{name: "gone", comes: ms, givesUp: 500 * ms}, {name: "b", comes: 2 * ms}}, []string{"b 1s"},
		},
		"who could not begin a second before the end does not begin": {
			[]waiting{{name: "a", comes: ms}, {name: "late", comes: 2 * ms, deadline: 2500 * ms}, {name: "in time", comes: 3 * ms, deadline: 4 * time.Second}},
			[]string{"a 1s", "in time 2s"},
		},
		"where nobody waits, all of the time may be used": {
			[]waiting{{name: "a", comes: 1500 * ms, deadline: 10 * ms}}, []string{"a 1.5s"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, start := trusted(1), time.Now()
				_ = call(t.Context(), q, 0, nil)
				var mu sync.Mutex
				var got []string
				var running sync.WaitGroup
				for _, w := range test.calls {
					running.Go(func() {
						time.Sleep(w.comes)
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						if w.givesUp > 0 {
							time.AfterFunc(w.givesUp, cancel)
						}
						if w.deadline > 0 {
							ctx, cancel = context.WithTimeout(ctx, w.deadline)
							defer cancel()
						}
						if q.Call(w.tenant, w.patient).Wait(ctx) == nil {
							mu.Lock()
							defer mu.Unlock()
							got = append(got, fmt.Sprint(w.name, " ", time.Since(start).Round(100*ms)))
						}
					})
				}
				running.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("calls %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestCall_WaitAheadIsTheWaitOfTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, start := trusted(1), time.Now()
		_ = call(t.Context(), q, 0, nil)
		c := q.Call("team-a", false)
		for i, wait := range []func(context.Context) error{c.WaitAhead, c.Wait, c.Wait} {
			if err := wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took, want := time.Since(start), []time.Duration{time.Second, time.Second, 2 * time.Second}[i]; took.Round(time.Millisecond) != want {
				t.Errorf("wait %d ended after %s, want %s", i+1, took, want)
			}
		}
	})
}

func TestCall_FullTellsOurLimitFromTheClouds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := trusted(1)
		_ = call(t.Context(), q, 0, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		c := q.Call("team-a", false)
		err := c.Wait(ctx)
		if !c.Full(err) || c.Full(errBusy) || !fault.Is(err, fault.Throttled) {
			t.Errorf("our limit: %v", err)
		}
		if c.End(err); rateOf(q) != 1 {
			t.Error("our own limit slows us down")
		}
		if c := q.Call("team-a", false); !errors.Is(c.Wait(cancelled(t)), context.Canceled) {
			t.Error("who goes is told something else")
		}
	})
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestQuotas_ForgetIdsInTheEnd(t *testing.T) {
	q := New(configured, "--cloud-qps")
	for i := range 2 * maxLimits {
		q.Of(fmt.Sprint("id ", i)).trust()
	}
	if got := []int{q.untried.Len(), q.limits.Len()}; !slices.Equal(got, []int{maxLimits, maxLimits}) {
		t.Errorf("%d limits are remembered, want %d of each kind", got, maxLimits)
	}
}
