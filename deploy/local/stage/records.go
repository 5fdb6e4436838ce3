package stage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Change is a record that was written or removed.
type Change struct {
	Time    time.Time
	Cloud   string
	Removed bool
	Record  cloud.Record
}

// Name is the record's full name.
func (c Change) Name() string {
	if c.Record.RR == "@" {
		return c.Record.Zone
	}
	return c.Record.RR + "." + c.Record.Zone
}

// Watch collects what happens to the clouds' records, from now on until the returned function is called, which returns
// all of it. Each change is told as well when it is seen.
func (s *Stage) Watch(ctx context.Context, tell func(Change)) (stop func() []Change) {
	ctx, cancel := context.WithCancel(ctx)
	before := s.snapshot()
	var changes []Change
	look := func() {
		now := s.snapshot()
		for _, change := range compare(before, now) {
			changes = append(changes, change)
			tell(change)
		}
		before = now
	}
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
				look()
			}
		}
	})
	return func() []Change {
		cancel()
		done.Wait()
		look()
		return changes
	}
}

// held is a record and the cloud that holds it.
type held struct {
	cloud  string
	record cloud.Record
}

func (s *Stage) snapshot() []held {
	var all []held
	for _, provider := range []Provider{Alidns(), DNSPod()} {
		for _, record := range s.Endpoint(provider).Records("") {
			all = append(all, held{provider.Title, record})
		}
	}
	return all
}

// compare lists the differences, in the clouds' order.
func compare(before, now []held) []Change {
	var changes []Change
	for _, h := range before {
		if !slices.ContainsFunc(now, h.same) {
			changes = append(changes, Change{Time: time.Now(), Cloud: h.cloud, Removed: true, Record: h.record})
		}
	}
	for _, h := range now {
		if !slices.ContainsFunc(before, h.same) {
			changes = append(changes, Change{Time: time.Now(), Cloud: h.cloud, Record: h.record})
		}
	}
	return changes
}

func (h held) same(other held) bool { return h.cloud == other.cloud && h.record.ID == other.record.ID }
