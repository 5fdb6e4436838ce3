package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// RecursiveOptions are what a resolver starts with.
type RecursiveOptions struct {
	// Name is the resolver's in the log of questions; empty is "recursive".
	Name string
	// Cache keeps answers, negative ones too, for as long as their TTL allows.
	Cache bool
	// MaxAge caps that, in whole seconds, and the TTLs in answers with it, as Unbound's cache-max-ttl does; zero is no cap.
	MaxAge time.Duration
	// HideSOA makes the resolver drop SOA records of zones below a top-level domain, as some filtering resolvers do. Who
	// looks for a zone through it finds the top-level domain.
	HideSOA bool
}

// Recursive is a resolver that knows only the zones of one Authority, and the top-level domains above them. It asks the first
// name server that answers well, without a network in between.
type Recursive struct {
	authority *Authority
	servers   []*dns.Server
	address   string
	name      string
	maxAge    time.Duration
	hideSOA   bool

	mu      sync.Mutex
	caching bool
	cache   map[question]cached
}

type question struct {
	name  string
	qtype uint16
}

type cached struct {
	result
	stored, expires time.Time
}

// StartRecursive begins to serve, at a free port of 127.0.0.1.
func StartRecursive(a *Authority, o RecursiveOptions) (*Recursive, error) {
	r := &Recursive{
		authority: a, name: cmp.Or(o.Name, "recursive"), maxAge: o.MaxAge, caching: o.Cache, hideSOA: o.HideSOA,
		cache: map[question]cached{},
	}
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	var err error
	for range attempts {
		var port int
		if r.servers, port, err = listenPair(netip.AddrPortFrom(host, 0), dns.HandlerFunc(r.serve)); err == nil {
			r.address = netip.AddrPortFrom(host, uint16(port)).String()
			return r, nil
		}
	}
	return nil, fmt.Errorf("resolver: %w", err)
}

// Close stops the resolver.
func (r *Recursive) Close() error { return shutdown(r.servers) }

// Address is host:port, for UDP and TCP.
func (r *Recursive) Address() string { return r.address }

// SetCache turns the cache on or off, and empties it.
func (r *Recursive) SetCache(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caching = on
	clear(r.cache)
}

func (r *Recursive) serve(w dns.ResponseWriter, q *dns.Msg) {
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery || q.Question[0].Qclass != dns.ClassINET {
		send(w, q, new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented))
		return
	}
	asked := q.Question[0]
	r.authority.log(r.name, asked)
	reply := new(dns.Msg).SetReply(q)
	reply.RecursionAvailable = true
	if !q.RecursionDesired {
		reply.Rcode = dns.RcodeRefused
		send(w, q, reply)
		return
	}
	found := r.lookup(question{dns.CanonicalName(asked.Name), asked.Qtype})
	reply.Rcode, reply.Answer, reply.Ns = found.rcode, found.answer, found.authority
	echoCase(reply, asked.Name)
	send(w, q, reply)
}

// lookup follows CNAMEs. Each record set on the way has its own place in the cache, so that two names with one target are
// answered from what is remembered of the target.
func (r *Recursive) lookup(q question) result {
	var chain []dns.RR
	for range maxChain {
		found := r.step(q)
		found.answer = slices.Concat(chain, found.answer)
		if found.target == "" {
			return found
		}
		chain, q.name = found.answer, found.target
	}
	return result{rcode: dns.RcodeServerFailure, answer: chain}
}

// step answers from the cache, or asks and remembers.
func (r *Recursive) step(q question) result {
	now := r.authority.now()
	if hit, ok := r.cachedAt(q, now); ok {
		return hit
	}
	found := r.ask(q)
	r.store(q, found, now)
	return found
}

// anyType is the cache's type for a name that does not exist: that holds for every type (RFC 2308).
const anyType = dns.TypeANY

func (r *Recursive) cachedAt(q question, now time.Time) (result, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range []question{q, {q.name, anyType}} {
		hit, ok := r.cache[key]
		if !ok || !r.caching || !now.Before(hit.expires) {
			continue
		}
		age := uint32(now.Sub(hit.stored) / time.Second)
		hit.answer, hit.authority = aged(hit.answer, age), aged(hit.authority, age)
		return hit.result, true
	}
	return result{}, false
}

func aged(set []dns.RR, seconds uint32) []dns.RR {
	older := make([]dns.RR, 0, len(set))
	for _, rr := range set {
		rr = dns.Copy(rr)
		rr.Header().Ttl -= min(seconds, rr.Header().Ttl)
		older = append(older, rr)
	}
	return older
}

func (r *Recursive) store(q question, found result, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ttl, ok := lifetime(found)
	if !r.caching || !ok {
		return
	}
	if found.rcode == dns.RcodeNameError {
		q.qtype = anyType
	}
	r.cache[q] = cached{result: found, stored: now, expires: now.Add(time.Duration(ttl) * time.Second)}
}

// lifetime is the least TTL in an answer; for a negative one that of the SOA, and at most its minimum.
func lifetime(found result) (ttl uint32, ok bool) {
	if found.rcode != dns.RcodeSuccess && found.rcode != dns.RcodeNameError {
		return 0, false
	}
	ttl = ^uint32(0)
	for _, rr := range slices.Concat(found.answer, found.authority) {
		ttl, ok = min(ttl, rr.Header().Ttl), true
		if soa, negative := rr.(*dns.SOA); negative && !slices.Contains(found.answer, rr) {
			ttl = min(ttl, soa.Minttl)
		}
	}
	return ttl, ok
}

// ask asks the first name server that answers well.
func (r *Recursive) ask(q question) result {
	found, ok := r.authority.upstream(q)
	switch {
	case !ok || found.referral:
		return result{rcode: dns.RcodeServerFailure}
	case !found.known:
		found = r.authority.above(q)
	case r.hideSOA:
		isSOA := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }
		found.answer = slices.DeleteFunc(found.answer, isSOA)
		found.authority = slices.DeleteFunc(found.authority, isSOA)
	}
	found.answer, found.authority = r.capped(found.answer), r.capped(found.authority)
	return found
}

// capped lowers TTLs to the longest that the resolver remembers anything.
func (r *Recursive) capped(set []dns.RR) []dns.RR {
	if r.maxAge == 0 {
		return set
	}
	most := uint32(r.maxAge / time.Second)
	lower := make([]dns.RR, 0, len(set))
	for _, rr := range set {
		rr = dns.Copy(rr)
		rr.Header().Ttl = min(rr.Header().Ttl, most)
		lower = append(lower, rr)
	}
	return lower
}

// upstream answers, without following a CNAME, as the first name server that a resolver would accept an answer from.
func (a *Authority) upstream(q question) (found result, ok bool) {
	a.mu.Lock()
	names := slices.Clone(a.names)
	a.mu.Unlock()
	for _, ns := range names {
		mode, at := a.present(ns)
		if !slices.Contains([]Mode{Normal, Truncated, WrongCase, ExtraCNAME}, mode) {
			continue
		}
		if zone, known := a.zoneOf(q.name); known {
			found, found.target = a.ask(zone, q.name, q.qtype, at)
		}
		return found, true
	}
	return result{}, false
}

// above answers for names outside of all zones as the servers of the root and of the top-level domains would.
func (a *Authority) above(q question) result {
	labels := dns.SplitDomainName(q.name)
	if len(labels) == 0 {
		return apexResult(".", "a.root-servers.net.", q)
	}
	tld := labels[len(labels)-1] + "."
	if !a.hasBelow(tld) {
		return result{rcode: dns.RcodeNameError, authority: []dns.RR{parentSOA(".", "a.root-servers.net.")}}
	}
	host := "a.nic." + tld
	if len(labels) == 1 {
		return apexResult(tld, host, q)
	}
	if a.hasBelow(q.name) {
		return result{authority: []dns.RR{parentSOA(tld, host)}}
	}
	return result{rcode: dns.RcodeNameError, authority: []dns.RR{parentSOA(tld, host)}}
}

func apexResult(zone, host string, q question) result {
	switch q.qtype {
	case dns.TypeSOA:
		return result{answer: []dns.RR{parentSOA(zone, host)}}
	case dns.TypeNS:
		header := dns.RR_Header{Name: zone, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: hostTTL}
		return result{answer: []dns.RR{&dns.NS{Hdr: header, Ns: host}}}
	}
	return result{authority: []dns.RR{parentSOA(zone, host)}}
}

// parentTTL is the negative TTL of the root and of top-level domains: long in the world, short here, so that a zone that is
// added is soon found.
const parentTTL = 5

func parentSOA(zone, host string) dns.RR {
	return &dns.SOA{
		Hdr:  dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: parentTTL},
		Ns:   host,
		Mbox: "hostmaster." + strings.TrimPrefix(zone, "."), Serial: 1, Refresh: 1800, Retry: 900, Expire: 604800, Minttl: parentTTL,
	}
}

// hasBelow says whether a zone lies below a name.
func (a *Authority) hasBelow(name string) bool {
	for _, c := range a.clouds {
		if slices.ContainsFunc(c.Served(), func(zone string) bool { return strings.HasSuffix(zone+".", "."+name) }) {
			return true
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for zone := range a.zones {
		if strings.HasSuffix(zone, "."+name) {
			return true
		}
	}
	return false
}
