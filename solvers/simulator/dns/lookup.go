package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// result is what the zones say to one question.
type result struct {
	rcode      int
	answer     []dns.RR
	authority  []dns.RR
	additional []dns.RR
	// target is the name that the CNAME in a resolver's answer leads to, which is still to be asked for.
	target string
	// known says that one of the zones encloses the name; referral that the name lies beyond a cut.
	known, referral bool
}

// maxChain ends CNAME loops.
const maxChain = 8

// resolve answers a question from the zones as they were at a time, and follows CNAMEs as long as they stay in them.
func (a *Authority) resolve(name string, qtype uint16, at time.Time) result {
	name = dns.CanonicalName(name)
	var chain []dns.RR
	for range maxChain {
		zone, ok := a.zoneOf(name)
		if !ok {
			return result{rcode: dns.RcodeSuccess, answer: chain, known: len(chain) > 0, referral: len(chain) > 0}
		}
		r, target := a.ask(zone, name, qtype, at)
		r.answer = append(chain, r.answer...)
		if target == "" {
			return r
		}
		chain, name = r.answer, target
	}
	return result{rcode: dns.RcodeServerFailure, answer: chain, known: true}
}

// ask answers from one zone. A target is the name that a CNAME points to and that is still to be asked for.
func (a *Authority) ask(zone, name string, qtype uint16, at time.Time) (r result, target string) {
	if cut := a.cutAbove(zone, name, qtype, at); cut != nil {
		return result{authority: cut, additional: a.glue(cut), known: true, referral: true}, ""
	}
	set, exists := a.recordsAt(zone, name, at)
	if !exists {
		set, exists = a.wildcard(zone, name, at)
	}
	r = result{known: true, answer: filter(set, qtype)}
	switch {
	case len(r.answer) > 0:
		if qtype == dns.TypeNS {
			r.additional = a.glue(r.answer)
		}
	case !exists:
		r.rcode, r.authority = dns.RcodeNameError, []dns.RR{a.soa(zone)}
	default:
		if alias := filter(set, dns.TypeCNAME); len(alias) > 0 {
			r.answer = alias[:1]
			return r, dns.CanonicalName(alias[0].(*dns.CNAME).Target)
		}
		r.authority = []dns.RR{a.soa(zone)}
	}
	return r, ""
}

// zoneOf is the longest zone that encloses a name.
func (a *Authority) zoneOf(name string) (string, bool) {
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		if zone := name[off:]; a.serves(zone) {
			return zone, true
		}
	}
	return "", false
}

func (a *Authority) serves(zone string) bool {
	a.mu.Lock()
	static := a.zones[zone]
	a.mu.Unlock()
	if static {
		return true
	}
	for _, c := range a.clouds {
		if _, ok := c.Serves(strings.TrimSuffix(zone, ".")); ok {
			return true
		}
	}
	return false
}

// cutAbove returns the NS records of the delegation, if any, that lies between the zone and the name.
func (a *Authority) cutAbove(zone, name string, qtype uint16, at time.Time) []dns.RR {
	labels := dns.SplitDomainName(name)
	for depth := dns.CountLabel(zone) + 1; depth <= len(labels); depth++ {
		if depth == len(labels) && qtype == dns.TypeDS {
			return nil // the parent answers for DS at the cut
		}
		owner := dns.Fqdn(strings.Join(labels[len(labels)-depth:], "."))
		set, _ := a.recordsAt(zone, owner, at)
		if cut := filter(set, dns.TypeNS); len(cut) > 0 {
			return cut
		}
	}
	return nil
}

// wildcard answers for a name that does not exist from the wildcard below its closest encloser (RFC 4592).
func (a *Authority) wildcard(zone, name string, at time.Time) ([]dns.RR, bool) {
	for encloser := name; encloser != zone; {
		off, end := dns.NextLabel(encloser, 0)
		if end {
			return nil, false
		}
		encloser = encloser[off:]
		if _, exists := a.recordsAt(zone, encloser, at); !exists {
			continue
		}
		set, exists := a.recordsAt(zone, "*."+encloser, at)
		for i, rr := range set {
			set[i] = dns.Copy(rr)
			set[i].Header().Name = name
		}
		return set, exists
	}
	return nil, false
}

// recordsAt are all records at one name of a zone, and whether the name exists.
func (a *Authority) recordsAt(zone, name string, at time.Time) (set []dns.RR, exists bool) {
	if name == zone {
		set, exists = append(set, a.soa(zone)), true
		set = append(set, a.apexNS(zone)...)
	}
	static, below := a.staticAt(name)
	set, exists = append(set, static...), exists || below
	at = at.Add(-a.zoneDelay(zone))
	for _, c := range a.clouds {
		records, there := c.Lookup(strings.TrimSuffix(zone, "."), relative(name, zone), at)
		exists = exists || there
		for _, r := range records {
			if rr := convert(name, r); rr != nil {
				set = append(set, rr)
			}
		}
	}
	return set, exists || len(set) > 0
}

func (a *Authority) staticAt(name string) (set []dns.RR, exists bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	set = slices.Clone(a.records[name])
	for _, ns := range a.names {
		if ns.Name == name {
			set = append(set, addressRecord(name, ns.Address))
		}
	}
	if len(set) > 0 {
		return set, true
	}
	for owner := range a.records {
		if strings.HasSuffix(owner, "."+name) {
			return nil, true
		}
	}
	return nil, slices.ContainsFunc(a.names, func(ns *NameServer) bool { return strings.HasSuffix(ns.Name, "."+name) })
}

// hostTTL is the TTL of NS records and of name servers' addresses.
const hostTTL = 3600

func addressRecord(name string, address netip.Addr) dns.RR {
	header := dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: hostTTL}
	return &dns.A{Hdr: header, A: address.AsSlice()}
}

func (a *Authority) soa(zone string) dns.RR {
	return &dns.SOA{
		Hdr:    dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:     a.apexNS(zone)[0].(*dns.NS).Ns,
		Mbox:   "hostmaster." + defaultDomain,
		Serial: 1, Refresh: 3600, Retry: 1200, Expire: 86400, Minttl: negativeTTL,
	}
}

func (a *Authority) apexNS(zone string) []dns.RR {
	var hosts []string
	for _, c := range a.clouds {
		if own, ok := c.Serves(strings.TrimSuffix(zone, ".")); ok {
			hosts = append(hosts, own...)
		}
	}
	if len(hosts) == 0 {
		for _, ns := range a.NameServers() {
			hosts = append(hosts, ns.Name)
		}
	}
	var set []dns.RR
	for _, host := range hosts {
		header := dns.RR_Header{Name: zone, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: hostTTL}
		set = append(set, &dns.NS{Hdr: header, Ns: dns.CanonicalName(host)})
	}
	return set
}

// glue are the addresses that the zones know for the hosts in NS records.
func (a *Authority) glue(set []dns.RR) []dns.RR {
	var glue []dns.RR
	for _, rr := range set {
		static, _ := a.staticAt(dns.CanonicalName(rr.(*dns.NS).Ns))
		glue = append(glue, filter(static, dns.TypeA)...)
		glue = append(glue, filter(static, dns.TypeAAAA)...)
	}
	return glue
}

func filter(set []dns.RR, qtype uint16) []dns.RR {
	var match []dns.RR
	for _, rr := range set {
		if rr.Header().Rrtype == qtype || qtype == dns.TypeANY {
			match = append(match, rr)
		}
	}
	return match
}

func relative(name, zone string) string {
	if name == zone {
		return "@"
	}
	return strings.TrimSuffix(name, "."+zone)
}

// convert makes a cloud's record into one of the DNS, or nil where the value has not the form that the type asks for.
func convert(name string, r cloud.Record) dns.RR {
	if r.Type == "TXT" {
		header := dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(r.TTL)}
		return &dns.TXT{Hdr: header, Txt: characterStrings(r.Value)}
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, r.TTL, r.Type, r.Value))
	if err != nil {
		return nil
	}
	return rr
}

// characterStrings cuts a TXT value into pieces of at most 255 bytes, in the library's presentation form.
func characterStrings(value string) []string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var pieces []string
	for len(value) > 255 {
		pieces, value = append(pieces, escape.Replace(value[:255])), value[255:]
	}
	return append(pieces, escape.Replace(value))
}
