// Package dns serves the zones of simulated clouds: authoritative name servers, which may lag and may differ from each other,
// and a recursive resolver in front of them that caches as real ones do.
package dns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Mode is how a name server treats queries.
type Mode string

const (
	Normal Mode = ""
	// Lame name servers were never told about the zones: an empty answer without the authoritative bit.
	Lame Mode = "lame"
	// Intercepted answers are true but lack the authoritative bit, as where a resolver sits in between.
	Intercepted Mode = "intercepted"
	Refused     Mode = "refused"
	ServFail    Mode = "servfail"
	// Silent name servers never answer.
	Silent Mode = "silent"
	// Truncated name servers set the TC bit on all UDP answers and give none of the records.
	Truncated Mode = "truncated"
	// WrongCase name servers echo the question in another case.
	WrongCase Mode = "wrong-case"
	// ExtraCNAME name servers put an unrelated CNAME record before the answer.
	ExtraCNAME Mode = "extra-cname"
)

var modes = []Mode{Normal, Lame, Intercepted, Refused, ServFail, Silent, Truncated, WrongCase, ExtraCNAME}

// NameServer is one authoritative name server.
type NameServer struct {
	// Name is the host name in NS records. It has an address record of its own.
	Name string
	// Address is given by Start: the next one of 127.0.0.1, 127.0.0.2, …
	Address netip.Addr
	// Delay is how far this name server is behind the others.
	Delay time.Duration
	Mode  Mode
}

// Options are what the authoritative side starts with.
type Options struct {
	// Clouds are where the zones come from.
	Clouds []*cloud.Cloud
	// Now is the clock of the clouds; nil is time.Now.
	Now func() time.Time
	// NameServers all listen at one free port. None means ns1.simulator.test alone.
	NameServers []NameServer
	// Delay is the time between an API call and the DNS that shows it.
	Delay time.Duration
}

// Query is one question that a name server or the resolver got.
type Query struct {
	Time   time.Time
	Server string
	Name   string
	Type   string
}

// Authority is the authoritative side of the DNS.
type Authority struct {
	clouds  []*cloud.Cloud
	now     func() time.Time
	port    int
	servers []*dns.Server

	mu      sync.Mutex
	delay   time.Duration
	slow    map[string]time.Duration
	names   []*NameServer
	zones   map[string]bool
	records map[string][]dns.RR
	queries []Query
}

// defaultDomain is the zone of the name servers' own names.
const defaultDomain = "simulator.test."

// negativeTTL is the TTL and the minimum of the zones' SOA, in seconds.
const negativeTTL = 600

// Start begins to serve.
func Start(o Options) (*Authority, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authority{
		clouds: slices.Clone(o.Clouds), now: o.Now, delay: o.Delay,
		zones: map[string]bool{defaultDomain: true}, records: map[string][]dns.RR{}, slow: map[string]time.Duration{},
	}
	if err := a.nameServers(o.NameServers); err != nil {
		return nil, err
	}
	if err := a.listen(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) nameServers(list []NameServer) error {
	if len(list) == 0 {
		list = []NameServer{{Name: "ns1." + defaultDomain}}
	}
	next := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, ns := range list {
		if !slices.Contains(modes, ns.Mode) {
			return fmt.Errorf("name server %s: mode %q: want one of %q", ns.Name, ns.Mode, modes)
		}
		ns.Name, ns.Address = dns.CanonicalName(ns.Name), next
		next = next.Next()
		a.names = append(a.names, &ns)
	}
	return nil
}

// attempts is how often a port that is free for some but not for all listeners is given up for another.
const attempts = 20

func (a *Authority) listen() (err error) {
	for range attempts {
		if err = a.listenAtOnePort(); err == nil {
			return nil
		}
	}
	return err
}

func (a *Authority) listenAtOnePort() error {
	port := 0
	var servers []*dns.Server
	for _, ns := range a.names {
		handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { a.serve(ns, w, q) })
		pair, bound, err := listenPair(netip.AddrPortFrom(ns.Address, uint16(port)), handler)
		if err != nil {
			return errors.Join(fmt.Errorf("name server %s: %w", ns.Name, err), shutdown(servers))
		}
		servers, port = append(servers, pair...), bound
	}
	a.servers, a.port = servers, port
	return nil
}

// listenPair serves UDP and TCP at one address and returns the port.
func listenPair(at netip.AddrPort, handler dns.Handler) ([]*dns.Server, int, error) {
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, 0, err
	}
	port := packets.LocalAddr().(*net.UDPAddr).Port
	streams, err := net.Listen("tcp", netip.AddrPortFrom(at.Addr(), uint16(port)).String())
	if err != nil {
		return nil, 0, errors.Join(err, packets.Close())
	}
	servers := []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: streams, Handler: handler}}
	for _, s := range servers {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = s.ActivateAndServe() }() // it ends when the server is shut down
		<-ready
	}
	return servers, port, nil
}

func shutdown(servers []*dns.Server) error {
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Shutdown())
	}
	return errors.Join(errs...)
}

// Close stops all name servers.
func (a *Authority) Close() error { return shutdown(a.servers) }

// Port is where all name servers listen.
func (a *Authority) Port() int { return a.port }

// Addresses lists host:port of each name server.
func (a *Authority) Addresses() []string {
	var list []string
	for _, ns := range a.NameServers() {
		list = append(list, net.JoinHostPort(ns.Address.String(), strconv.Itoa(a.port)))
	}
	return list
}

// NameServers lists the name servers as they are.
func (a *Authority) NameServers() []NameServer {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]NameServer, 0, len(a.names))
	for _, ns := range a.names {
		list = append(list, *ns)
	}
	return list
}

// ChangeNameServer sets the mode of a name server and how far it lags behind the others.
func (a *Authority) ChangeNameServer(name string, mode Mode, delay time.Duration) error {
	if !slices.Contains(modes, mode) {
		return fmt.Errorf("mode %q: want one of %q", mode, modes)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ns := range a.names {
		if ns.Name == dns.CanonicalName(name) {
			ns.Mode, ns.Delay = mode, delay
			return nil
		}
	}
	return fmt.Errorf("no name server %s", name)
}

// Delay is the time between an API call and the DNS that shows it.
func (a *Authority) Delay() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.delay
}

// SetDelay sets the time between an API call and the DNS that shows it.
func (a *Authority) SetDelay(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.delay = d
}

// SetZoneDelay makes the DNS show a zone's records later than those of other zones, by this much.
func (a *Authority) SetZoneDelay(zone string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow[dns.CanonicalName(cloud.ASCII(zone))] = d
}

func (a *Authority) zoneDelay(zone string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.slow[zone]
}

// AddZones serves more zones, beside those of the clouds.
func (a *Authority) AddZones(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		a.zones[dns.CanonicalName(cloud.ASCII(name))] = true
	}
}

// AddRecords serves more records, in zone-file form, in any of the zones.
func (a *Authority) AddRecords(lines ...string) error {
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			return fmt.Errorf("record %q: %w", line, err)
		}
		if rr == nil {
			return fmt.Errorf("record %q: empty", line)
		}
		a.mu.Lock()
		name := dns.CanonicalName(rr.Header().Name)
		a.records[name] = append(a.records[name], rr)
		a.mu.Unlock()
	}
	return nil
}

// Queries lists the questions since the start.
func (a *Authority) Queries() []Query {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.queries)
}

func (a *Authority) log(server string, q dns.Question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queries = append(a.queries, Query{Time: a.now(), Server: server, Name: q.Name, Type: dns.TypeToString[q.Qtype]})
}
