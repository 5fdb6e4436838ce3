package cloud

import (
	"fmt"
	"slices"
	"strings"
)

var faultKinds = []FaultKind{Throttle, Error, HTML, NonStringCode, Truncated, Large, Hang, Reset, Slow}

// Inject makes matching requests fail from now on.
func (c *Cloud) Inject(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("fault kind %q: want one of %q", f.Kind, faultKinds)
	}
	if f.Kind == Error && f.Code == "" {
		return fmt.Errorf("fault kind %q needs a code", f.Kind)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &f)
	return nil
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
	i := slices.IndexFunc(c.faults, func(f *Fault) bool { return f.matches(call) })
	if i < 0 {
		return nil
	}
	taken := *c.faults[i]
	switch taken.Count {
	case 0: // for ever
	case 1:
		c.faults = slices.Delete(c.faults, i, i+1)
	default:
		c.faults[i].Count--
	}
	return &taken
}

func (f Fault) matches(call Call) bool {
	return (f.Action == "" || strings.EqualFold(f.Action, call.Action)) && (f.Owner == "" || f.Owner == call.Owner)
}

func (c *Cloud) log(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call.Time = c.now()
	c.calls = append(c.calls, call)
}

// Calls lists the requests since the start or the last ResetCalls, by the time they ended.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Count is how many requests there were with an action.
func (c *Cloud) Count(action string) int {
	n := 0
	for _, call := range c.Calls() {
		if call.Action == action {
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
