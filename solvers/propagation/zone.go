package propagation

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Server is one address of a name server.
type Server struct {
	Name string
	Addr netip.Addr
}

// String is "name (address)".
func (s Server) String() string { return s.Name + " (" + s.Addr.String() + ")" }

// maxListed is how many servers an error names. Kubernetes cuts the text of events.
const maxListed = 6

func list(servers []Server) string {
	parts := make([]string, 0, len(servers))
	for _, s := range servers {
		parts = append(parts, s.String())
	}
	return strings.Join(clip(parts), ", ")
}

func clip(parts []string) []string {
	if len(parts) <= maxListed {
		return parts
	}
	return append(slices.Clone(parts[:maxListed]), fmt.Sprintf("and %d more", len(parts)-maxListed))
}

// Whoever controls a zone decides what name servers it has, so both are bounded. 13 is what a zone can announce in a UDP packet
// of 512 bytes (https://www.rfc-editor.org/rfc/rfc8806#section-1).
const (
	maxNames     = 13
	maxAddresses = 26
)

// How long the servers of a zone are believed, and how long when some of their addresses were not found.
const (
	keptFor        = 10 * time.Minute
	keptInPartsFor = time.Minute
	lookupTimeout  = 2 * questionTimeout // the names, and then their addresses
)

// What is asked of one address at once, for all names of a zone.
const (
	maxQueries = 16
	// silentAfter is how many queries in a row stay without any answer until an address is not waited for; it is asked again
	// each askSilentAfter.
	silentAfter    = 2
	askSilentAfter = 5 * time.Second
)

// zone is what is known of a zone's name servers. All of it is public.
type zone struct {
	name    string
	options *Options
	flight  singleflight.Group

	mu      sync.Mutex
	list    []Server
	expires time.Time
	health  map[netip.Addr]*health
}

// health of an address, as far as this zone's queries tell. Another zone with the same address has its own: what is done to one
// zone must not show in another.
type health struct {
	queries  int
	failures int
	next     time.Time
}

func (w *Watcher) zone(name string) *zone {
	if z, ok := w.zones.Get(name); ok {
		return z.(*zone)
	}
	z := &zone{name: name, options: &w.options, health: map[netip.Addr]*health{}}
	w.zones.Add(name, z)
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
	servers, complete, err := z.options.Servers(ctx, z.name)
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

// Servers finds the addresses of a zone's name servers that may be asked: as many as are allowed, each once, ordered by name
// and address. Complete is false when an address of some could not be found for now.
func (o *Options) Servers(ctx context.Context, zone string) (servers []Server, complete bool, err error) {
	names, err := o.names(ctx, zone)
	if err != nil {
		return nil, false, err
	}
	answers := make([]found[netip.Addr], len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { answers[i].values, answers[i].err = o.addresses(ctx, name) })
	}
	all.Wait()
	complete = true
	private := false
	byName := make([][]Server, len(names))
	for i, name := range names {
		complete = complete && answers[i].err == nil
		for _, addr := range answers[i].values {
			if !mayAsk(addr, o.Allow) {
				private = true
				continue
			}
			byName[i] = append(byName[i], Server{strings.TrimSuffix(name, "."), addr})
		}
	}
	servers = share(byName)
	switch {
	case len(servers) > 0:
		return servers, complete, nil
	case private:
		return nil, false, fmt.Errorf("the name servers of the zone %s have only addresses that are not public, which are not asked unless --propagation-allow-networks names them", zone)
	}
	return nil, false, fmt.Errorf("no address of the name servers of the zone %s could be found", zone)
}

// share picks as many addresses as are allowed, so that each name has its turn, and orders them.
func share(byName [][]Server) []Server {
	var servers []Server
	taken := map[netip.Addr]bool{}
	for turn, more := 0, true; more; turn++ {
		more = false
		for _, of := range byName {
			if turn >= len(of) {
				continue
			}
			more = true
			if s := of[turn]; !taken[s.Addr] && len(servers) < maxAddresses {
				taken[s.Addr] = true
				servers = append(servers, s)
			}
		}
	}
	slices.SortFunc(servers, func(a, b Server) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.Addr.Compare(b.Addr)) })
	return servers
}

// rests tells whether an address is to be left alone: it has stayed silent, and was asked a moment ago.
func (z *zone) rests(addr netip.Addr, now time.Time) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[addr]
	return h != nil && h.failures >= silentAfter && (h.queries > 0 || now.Before(h.next))
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

// heard ends a query and notes whether there was any answer.
func (z *zone) heard(addr netip.Addr, answered bool, now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[addr]
	switch {
	case h == nil: // the zone has left this address
		return
	case answered:
		h.failures = 0
	default:
		h.failures++
		h.next = now.Add(askSilentAfter)
	}
	h.queries = max(h.queries-1, 0)
}

// silent tells whether an address has stayed silent so often that nobody should wait for it.
func (z *zone) silent(addr netip.Addr) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	h := z.health[addr]
	return h != nil && h.failures >= silentAfter
}
