package propagation

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long the servers of a zone are believed, and how long when some of their addresses were not found.
const (
	keptFor        = 10 * time.Minute
	keptInPartsFor = time.Minute
	lookupTimeout  = 2 * questionTimeout // the names, and then their addresses
)

// What is asked of one address, for all names of a zone.
const (
	maxQueries = 16 // at once
	// afterFailure is how long an address that gave no answer with authority is left alone.
	afterFailure = time.Second
	// maxFailures is how many queries in a row may stay without such an answer before what was said earlier counts no more.
	maxFailures = 3
	// silentAfter is how many queries in a row stay without any answer until an address is not waited for; it is asked again
	// each askSilentAfter.
	silentAfter    = 2
	askSilentAfter = 5 * time.Second
)

// zone is what is known of a zone's name servers. All of it is public.
type zone struct {
	name   string
	finder Finder
	// ask asks one name server.
	ask    func(ctx context.Context, server netip.Addr, name string) ([]string, error)
	flight singleflight.Group

	mu      sync.Mutex
	list    []Server
	expires time.Time
	health  map[netip.Addr]*health
}

// health of an address, as far as this zone's queries tell. Another zone with the same address has its own: what is done to one zone must
// not show in another.
type health struct {
	// queries are under way.
	queries int
	// failures counts the queries since the last answer with authority, silences those since the last answer of any sort.
	failures, silences int
	// next is when it may be asked again.
	next time.Time
}

func (w *Watcher) zone(key tenantZone) *zone {
	if z, ok := w.zones.Get(key); ok {
		return z.(*zone)
	}
	z := &zone{name: key.zone, finder: w.options.Finder, ask: w.question, health: map[netip.Addr]*health{}}
	w.zones.Add(key, z)
	return z
}

// servers returns the addresses to ask, in a stable order, or why there are none.
func (z *zone) servers(ctx context.Context) ([]Server, error) {
	z.mu.Lock()
	known, fresh := z.list, time.Now().Before(z.expires)
	z.mu.Unlock()
	if fresh {
		return known, nil
	}
	// Who began the lookup may leave before it ends; others still wait for it.
	found := z.flight.DoChan("", func() (any, error) {
		lookup, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return z.lookup(lookup)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-found:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.([]Server), nil
	}
}

// doubt makes the next wait look for the zone's name servers again: they may have changed.
func (z *zone) doubt() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.expires = time.Time{}
}

func (z *zone) lookup(ctx context.Context) ([]Server, error) {
	servers, complete, err := z.finder.Servers(ctx, z.name)
	if absent, ok := errors.AsType[*AbsentError](err); ok {
		err = z.undelegated(ctx, absent)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if err != nil && len(z.list) == 0 {
		return nil, err
	}
	if err != nil {
		servers = z.list // a resolver that fails for now takes nothing away
	}
	kept := keptFor
	if !complete {
		kept = keptInPartsFor
	}
	z.list, z.expires = servers, time.Now().Add(kept)
	for addr := range z.health {
		if !slices.ContainsFunc(servers, func(s Server) bool { return s.Addr == addr }) {
			delete(z.health, addr)
		}
	}
	return servers, nil
}

// undelegatedError is for a zone that is not in the DNS, where above is the one that has its names, "" if that is not known.
type undelegatedError struct {
	*AbsentError
	above string
}

// Unwrap returns what the resolvers said.
func (e *undelegatedError) Unwrap() error { return e.AbsentError }

// maxParents is how many of the name servers above a zone are asked whether they delegate it.
const maxParents = 4

// undelegated asks the name servers above the zone whether the resolvers are right: some hide zones. If nobody says otherwise, they are.
func (z *zone) undelegated(ctx context.Context, absent *AbsentError) error {
	above := z.finder.above(ctx, z.name)
	if above == "" {
		return &undelegatedError{absent, ""}
	}
	servers, _, _ := z.finder.Servers(ctx, above) // where none can be asked, the resolvers' word counts
	delegated := make(chan bool, maxParents)
	servers = servers[:min(len(servers), maxParents)]
	for _, server := range servers {
		go func() {
			_, err := z.ask(ctx, server.Addr, z.name)
			delegated <- errors.Is(err, errReferral)
		}()
	}
	for range servers {
		if <-delegated {
			return notFoundYet(z.name)
		}
	}
	return &undelegatedError{absent, above}
}

// rests tells whether an address is to be left alone: it has failed a moment ago, or stayed silent and is being asked.
func (z *zone) rests(addr netip.Addr, now time.Time) bool {
	h := z.healthOf(addr)
	return now.Before(h.next) || h.silences >= silentAfter && h.queries > 0
}

// healthOf returns a copy.
func (z *zone) healthOf(addr netip.Addr) health {
	z.mu.Lock()
	defer z.mu.Unlock()
	if h := z.health[addr]; h != nil {
		return *h
	}
	return health{}
}

// reserve tells whether an address may be asked one more question now, and counts it.
func (z *zone) reserve(addr netip.Addr) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[addr]
	if h == nil {
		h = &health{}
		z.health[addr] = h
	}
	if h.queries >= maxQueries {
		return false
	}
	h.queries++
	return true
}

// heard ends a query and notes how it ended.
func (z *zone) heard(addr netip.Addr, err error, now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[addr]
	if h == nil {
		return // the zone has left this address
	}
	h.queries = max(h.queries-1, 0)
	if err == nil {
		h.failures, h.silences, h.next = 0, 0, time.Time{}
		return
	}
	h.failures++
	h.next = now.Add(afterFailure)
	if !errors.Is(err, errSilent) {
		h.silences = 0
		return
	}
	if h.silences++; h.silences >= silentAfter {
		h.next = now.Add(askSilentAfter)
	}
}
