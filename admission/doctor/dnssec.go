package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/propagation"
)

// clockSkew is by how much clocks may differ where times of signatures are compared, as in Unbound's val-sig-skew-min
// (https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html).
const clockSkew = time.Hour

// maxAuthorities is how many name servers of a zone are asked until one answers with authority.
const maxAuthorities = 4

// distrusted looks, once for each zone, whether those who check DNSSEC believe it: since 2026-03-15 all public CAs do
// (https://cabforum.org/working-groups/server/baseline-requirements/requirements/, section 3.2.2.4).
func (d *records) distrusted(object report.Object, zone string, values map[string]string) bool {
	why, seen := d.zones[zone]
	if !seen {
		why = d.distrust(zone)
		d.zones[zone] = why
	}
	if why != "" {
		d.problem("dnssec-broken", object, "DNSSEC of the zone "+zone+": "+why, with(values, "zone", zone, "why", why))
	}
	return why != ""
}

// distrustedAbove looks at the zone that a name is in, where another one has the record.
func (d *records) distrustedAbove(object report.Object, name string, values map[string]string) bool {
	zone, err := d.dns.zone(d.ctx, name)
	return err == nil && zone != "" && !dnsname.IsPublicSuffix(zone) && d.distrusted(object, zone, values)
}

// distrust is why those who check DNSSEC do not believe a zone, "" where they do or where that cannot be told.
func (d *records) distrust(zone string) string {
	ds, err := d.dns.delegation(d.ctx, zone)
	if err != nil {
		d.checkf(Warning, "DNSSEC of the zone %s: the DS records could not be asked for: %v", zone, err)
		return ""
	}
	if len(ds) == 0 {
		return "" // which is no fault
	}
	if ds = slices.DeleteFunc(ds, func(one *dns.DS) bool { return !isSupported(one) }); len(ds) == 0 {
		d.checkf(Warning, "DNSSEC of the zone %s: nobody checks it, for its DS records are of algorithms that are not in use", zone)
		return ""
	}
	if why := d.dns.brokenAt(d.ctx, zone, ds, d.now()); why != "" {
		return why
	}
	if resolver := d.dns.refusing(d.ctx, zone); resolver != "" {
		return fmt.Sprintf("the resolver %s answers SERVFAIL, and answers well where it is told not to check DNSSEC", resolver)
	}
	d.checkf(OK, "DNSSEC of the zone %s: the DS records of the zone above fit its keys and signatures", zone)
	return ""
}

// delegation are the DS records that the zone above has for a zone.
func (w *DNS) delegation(ctx context.Context, zone string) ([]*dns.DS, error) {
	reply, err := w.ask(ctx, zone, dns.TypeDS)
	if err != nil {
		return nil, err
	}
	return recordsOf[*dns.DS](reply.Answer, zone), nil
}

// recordsOf are the records of a type at a name.
func recordsOf[T dns.RR](all []dns.RR, name string) []T {
	var found []T
	for _, rr := range all {
		if record, ok := rr.(T); ok && strings.EqualFold(rr.Header().Name, dns.Fqdn(name)) {
			found = append(found, record)
		}
	}
	return found
}

// isSupported tells whether a DS record is of algorithms that are checked. A zone that has no such record counts as unsigned
// (https://www.rfc-editor.org/rfc/rfc4035#section-5.2).
func isSupported(ds *dns.DS) bool {
	return slices.Contains([]uint8{dns.SHA1, dns.SHA256, dns.SHA384}, ds.DigestType) &&
		slices.Contains([]uint8{dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519, dns.ED448}, ds.Algorithm)
}

// brokenAt is what is wrong with the zone's keys and signatures, by an answer with authority; "" where there is none.
func (w *DNS) brokenAt(ctx context.Context, zone string, ds []*dns.DS, now time.Time) string {
	servers, _, err := w.finder().Servers(ctx, zone)
	if err != nil {
		return ""
	}
	keySet, err := w.authoritative(ctx, servers, zone, dns.TypeDNSKEY)
	if err != nil {
		return ""
	}
	keys := recordsOf[*dns.DNSKEY](keySet, zone)
	anchors, why := trusted(ds, keys)
	if why != "" {
		return why
	}
	if why := unproven(keySet, dns.TypeDNSKEY, anchors, now); why != "" {
		return "its keys: " + why
	}
	soa, err := w.authoritative(ctx, servers, zone, dns.TypeSOA)
	if err != nil {
		return ""
	}
	if why := unproven(soa, dns.TypeSOA, keys, now); why != "" {
		return "its SOA record: " + why
	}
	return ""
}

// authoritative are the records of a type at a name, and their signatures, from the first of the zone's name servers that answers with
// authority.
func (w *DNS) authoritative(ctx context.Context, servers []propagation.Server, name string, kind uint16) ([]dns.RR, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	query.SetEdns0(ednsSize, true)
	query.RecursionDesired = false
	for _, server := range servers[:min(len(servers), maxAuthorities)] {
		for _, network := range []string{"udp", "tcp"} {
			client := &dns.Client{Net: network, Timeout: queryTimeout / 2}
			reply, _, err := client.ExchangeContext(ctx, query, netip.AddrPortFrom(server.Addr, w.Port).String())
			if err != nil || !reply.Truncated && (!reply.Authoritative || reply.Rcode != dns.RcodeSuccess) {
				break
			}
			if !reply.Truncated {
				return reply.Answer, nil
			}
		}
	}
	return nil, errors.New("no name server answers with authority")
}

// trusted are the keys that the DS records of the zone above vouch for, or why there are none.
func trusted(ds []*dns.DS, keys []*dns.DNSKEY) (anchors []*dns.DNSKEY, why string) {
	if len(keys) == 0 {
		return nil, fmt.Sprintf("the zone above has DS records (%s), and the zone itself is not signed: it has no DNSKEY", tagsOf(ds))
	}
	for _, key := range keys {
		if key.Flags&dns.ZONE != 0 && key.Flags&dns.REVOKE == 0 && slices.ContainsFunc(ds, func(one *dns.DS) bool { return vouches(one, key) }) {
			anchors = append(anchors, key)
		}
	}
	if anchors == nil {
		return nil, fmt.Sprintf("none of the zone's %d keys is one of those that the DS records of the zone above name (%s)", len(keys), tagsOf(ds))
	}
	return anchors, ""
}

// vouches tells whether a DS record is one of a key.
func vouches(ds *dns.DS, key *dns.DNSKEY) bool {
	if ds.Algorithm != key.Algorithm || ds.KeyTag != key.KeyTag() {
		return false
	}
	own := key.ToDS(ds.DigestType)
	return own != nil && strings.EqualFold(own.Digest, ds.Digest)
}

func tagsOf(ds []*dns.DS) string {
	var tags []string
	for _, one := range ds {
		if tag := fmt.Sprintf("key tag %d", one.KeyTag); !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return listed(tags, "")
}

// unproven is why none of the signatures over a set of records counts that these keys could have made, "" where one does.
func unproven(set []dns.RR, kind uint16, keys []*dns.DNSKEY, now time.Time) string {
	var covered []dns.RR
	var why []string
	for _, rr := range set {
		if rr.Header().Rrtype == kind {
			covered = append(covered, rr)
		}
	}
	for _, rr := range set {
		signature, ok := rr.(*dns.RRSIG)
		if !ok || signature.TypeCovered != kind {
			continue
		}
		for _, key := range keys {
			if key.KeyTag() != signature.KeyTag || key.Algorithm != signature.Algorithm {
				continue
			}
			reason := faultOf(signature, key, covered, now)
			if reason == "" {
				return ""
			}
			why = append(why, reason)
		}
	}
	slices.Sort(why)
	return listed(slices.Compact(why), "there is no signature by a key that counts")
}

// faultOf is what is wrong with a signature, "" where it is good or of an algorithm that is not known here.
func faultOf(signature *dns.RRSIG, key *dns.DNSKEY, set []dns.RR, now time.Time) string {
	err := signature.Verify(key, set)
	switch {
	case !slices.ContainsFunc([]time.Time{now.Add(-clockSkew), now, now.Add(clockSkew)}, signature.ValidityPeriod):
		return fmt.Sprintf("the signature is valid from %s to %s only", timeOfSignature(signature.Inception), timeOfSignature(signature.Expiration))
	case err != nil && !errors.Is(err, dns.ErrAlg):
		return "the signature is not by the key that it names"
	}
	return ""
}

func timeOfSignature(seconds uint32) string {
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// refusing is a resolver that does not answer for a zone unless it is told not to check DNSSEC, "" where there is none.
func (w *DNS) refusing(ctx context.Context, zone string) string {
	for _, resolver := range w.Resolvers {
		fails := w.says(ctx, resolver, zone, false, dns.RcodeServerFailure)
		// Twice, as a failure may pass.
		if fails && w.says(ctx, resolver, zone, true, dns.RcodeSuccess) && w.says(ctx, resolver, zone, false, dns.RcodeServerFailure) {
			return resolver
		}
	}
	return ""
}

// says tells whether a resolver answers with this code when it is asked for the SOA record of a zone, with DNSSEC unchecked or not.
func (w *DNS) says(ctx context.Context, resolver, zone string, unchecked bool, rcode int) bool {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(zone), dns.TypeSOA)
	query.SetEdns0(ednsSize, true)
	query.CheckingDisabled = unchecked
	reply, _, err := (&dns.Client{Timeout: queryTimeout}).ExchangeContext(ctx, query, resolver)
	return err == nil && reply.Rcode == rcode
}

// finder finds the name servers of zones by way of the resolvers, also of those whose DNSSEC is broken.
func (w *DNS) finder() propagation.Finder {
	return propagation.Finder{
		Resolvers: []propagation.Resolver{w}, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	}
}

// LookupNS implements propagation.Resolver.
func (w *DNS) LookupNS(ctx context.Context, name string) ([]*net.NS, error) {
	reply, err := w.ask(ctx, name, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	var servers []*net.NS
	for _, ns := range recordsOf[*dns.NS](reply.Answer, name) {
		servers = append(servers, &net.NS{Host: ns.Ns})
	}
	return servers, foundSome(name, len(servers))
}

// LookupNetIP implements propagation.Resolver.
func (w *DNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	kind := dns.TypeA
	if network == "ip6" {
		kind = dns.TypeAAAA
	}
	reply, err := w.ask(ctx, host, kind)
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, rr := range reply.Answer {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if address, ok := netip.AddrFromSlice(ip); ok {
			addresses = append(addresses, address.Unmap())
		}
	}
	return addresses, foundSome(host, len(addresses))
}

// foundSome is the error for a name that has nothing of what is asked for.
func foundSome(name string, records int) error {
	if records > 0 {
		return nil
	}
	return &net.DNSError{Err: "no such records", Name: name, IsNotFound: true}
}
