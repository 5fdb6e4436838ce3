package cloud

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var faultKinds = []FaultKind{Throttle, Error, HTML, NonStringCode, Truncated, Large, Body, Hang, Reset, Slow}

// Inject makes matching requests fail from now on and returns the fault's id.
func (c *Cloud) Inject(f Fault) (int, error) {
	if !slices.Contains(faultKinds, f.Kind) {
		return 0, fmt.Errorf("fault kind %q: want one of %q", f.Kind, faultKinds)
	}
	if f.Kind == Error && f.Code == "" {
		return 0, fmt.Errorf("fault kind %q needs a code", f.Kind)
	}
	if f.Count < 0 || f.Skip < 0 || f.Latency < 0 {
		return 0, fmt.Errorf("fault with a negative count, skip or latency")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextFlt++
	f.ID = c.nextFlt
	c.faults = append(c.faults, &f)
	return f.ID, nil
}

// Faults lists the faults that are still to come.
func (c *Cloud) Faults() []Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Fault, 0, len(c.faults))
	for _, f := range c.faults {
		list = append(list, *f)
	}
	return list
}

// ClearFaults ends all faults. Requests that hang already go on hanging.
func (c *Cloud) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// takeFault finds the fault that a request meets and counts it down.
func (c *Cloud) takeFault(call Call) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, f := range c.faults {
		if !f.matches(call) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		taken := *f
		if f.Count == 1 {
			c.faults = slices.Delete(c.faults, i, i+1)
		} else if f.Count > 1 {
			f.Count--
		}
		return &taken
	}
	return nil
}

func (f Fault) matches(call Call) bool {
	return (f.Action == "" || strings.EqualFold(f.Action, call.Action)) &&
		(f.Owner == "" || f.Owner == call.Owner) &&
		(f.Zone == "" || ASCII(f.Zone) == ASCII(call.Zone))
}

// maxCalls bounds the log of a simulator that runs for long.
const maxCalls = 100_000

func (c *Cloud) log(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) >= maxCalls {
		c.calls = slices.Delete(c.calls, 0, maxCalls/2)
	}
	c.calls = append(c.calls, call)
}

// Calls lists the requests since the start or the last ResetCalls, by the time they ended.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Count is how many requests there were with one of these actions; with no action it counts all.
func (c *Cloud) Count(actions ...string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, call := range c.calls {
		if len(actions) == 0 || slices.Contains(actions, call.Action) {
			n++
		}
	}
	return n
}

// ResetCalls empties the log.
func (c *Cloud) ResetCalls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = nil
}

// sleep waits, and ends early when the cloud is closed.
func (c *Cloud) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.closed:
	}
}
