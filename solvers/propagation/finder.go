package propagation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Resolver finds the name servers of zones. Names are absolute, with a dot at the end. *net.Resolver implements it.
type Resolver interface {
	LookupNS(ctx context.Context, name string) ([]*net.NS, error)
	// LookupNetIP returns the addresses of a host of one family: the network is "ip4" or "ip6".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const (
	// questionTimeout is how long all resolvers together have to answer a question. A *net.Resolver asks twice in that time.
	questionTimeout = 10 * time.Second
	// patience is how long a resolver has to itself until the next is asked as well.
	patience = 2 * time.Second
	// familyPatience is how long the addresses of one family are waited for when those of the other are known: some resolvers
	// never answer questions for IPv6.
	familyPatience = time.Second
)

var errUnanswered = errors.New("no answer for the addresses of one family")

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

// Finder finds the name servers of zones.
type Finder struct {
	// Resolvers are asked in their order, the next one also when those before it let it wait.
	Resolvers []Resolver
	// Allow has networks of addresses that may be asked although they are not public.
	Allow []netip.Prefix
}

// Servers finds the addresses of a zone's name servers that may be asked: as many as are allowed, each once, ordered by name
// and address. Complete is false when an address of some could not be found for now.
func (f Finder) Servers(ctx context.Context, zone string) (servers []Server, complete bool, err error) {
	names, err := f.names(ctx, zone)
	if err != nil {
		return nil, false, err
	}
	answers := make([]found[netip.Addr], len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { answers[i].values, answers[i].err = f.addresses(ctx, name) })
	}
	all.Wait()
	complete = true
	private := false
	byName := make([][]Server, len(names))
	for i, name := range names {
		complete = complete && answers[i].err == nil
		for _, addr := range answers[i].values {
			if !mayAsk(addr, f.Allow) {
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

// names returns the names of the zone's name servers, in order and with the dot at their end.
func (f Finder) names(ctx context.Context, zone string) ([]string, error) {
	names, err := inTurn(ctx, f.Resolvers, func(ctx context.Context, r Resolver) ([]string, error) {
		records, err := r.LookupNS(ctx, zone+".")
		names := make([]string, 0, len(records))
		for _, record := range records {
			names = append(names, strings.ToLower(record.Host))
		}
		return names, err
	})
	switch {
	case len(names) > 0:
		slices.Sort(names)
		names = slices.Compact(names)
		return names[:min(len(names), maxNames)], nil
	case isNotFound(err):
		return nil, &AbsentError{zone}
	}
	return nil, notFoundYet(zone)
}

// AbsentError says that the resolvers answered, and that a zone has no name servers: it is not delegated.
type AbsentError struct{ Zone string }

// Error implements error.
func (e *AbsentError) Error() string {
	return "the zone " + e.Zone + " has no name servers in the DNS"
}

// above returns the closest zone above another one that has name servers, "" for none.
func (f Finder) above(ctx context.Context, zone string) string {
	for _, parent, more := strings.Cut(zone, "."); more; _, parent, more = strings.Cut(parent, ".") {
		if names, _ := f.names(ctx, parent); len(names) > 0 {
			return parent
		}
	}
	return ""
}

func notFoundYet(zone string) error {
	return fmt.Errorf("the name servers of the zone %s could not be found", zone)
}

// addresses returns the addresses of a name server, IPv4 before IPv6. An error means that more may be found another time.
func (f Finder) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	addresses, err := inTurn(ctx, f.Resolvers, func(ctx context.Context, r Resolver) ([]netip.Addr, error) {
		return bothFamilies(ctx, r, name)
	})
	if isNotFound(err) {
		err = nil
	}
	for i, addr := range addresses {
		addresses[i] = addr.Unmap().WithZone("")
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses), err
}

// bothFamilies asks one resolver for IPv4 and IPv6 addresses. An error beside addresses says that one family is missing.
func bothFamilies(ctx context.Context, r Resolver, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	families := [...]string{"ip4", "ip6"}
	answers := make(chan found[netip.Addr], len(families)) // whoever answers late is not held up
	for _, family := range families {
		go func() {
			values, err := r.LookupNetIP(ctx, family, name)
			answers <- found[netip.Addr]{values, err}
		}()
	}
	var addresses []netip.Addr
	var failure, none error
	var enough <-chan time.Time
	for range families {
		select {
		case <-enough:
			failure = errUnanswered
		case answer := <-answers:
			addresses = append(addresses, answer.values...)
			switch {
			case isNotFound(answer.err):
				none = answer.err
			case answer.err != nil:
				failure = answer.err
			case len(addresses) > 0:
				enough = time.After(familyPatience)
			}
		}
	}
	if failure == nil && len(addresses) == 0 {
		return nil, none
	}
	return addresses, failure
}

// found is what a resolver answered.
type found[T any] struct {
	values []T
	err    error
}

// inTurn asks the resolvers in their order: the next one when one has failed, and also when those before it let it wait. The
// first values that are found count, with the error beside them. Else the error says that there are none if a resolver knows.
func inTurn[T any](ctx context.Context, resolvers []Resolver, ask func(context.Context, Resolver) ([]T, error)) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	answers := make(chan found[T], len(resolvers))
	next := time.NewTimer(0)
	defer next.Stop()
	var failure error
	for begun, ended := 0, 0; ended < len(resolvers); {
		select {
		case <-next.C:
			if begun == len(resolvers) {
				continue
			}
			r := resolvers[begun]
			begun++
			go func() {
				values, err := ask(ctx, r)
				answers <- found[T]{values, err}
			}()
			next.Reset(patience)
		case answer := <-answers:
			ended++
			if len(answer.values) > 0 {
				return answer.values, answer.err
			}
			if !isNotFound(failure) {
				failure = answer.err
			}
			next.Reset(0)
		}
	}
	return nil, failure
}

func isNotFound(err error) bool {
	dnsError, ok := errors.AsType[*net.DNSError](err)
	return ok && dnsError.IsNotFound
}
