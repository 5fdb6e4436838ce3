package propagation

import (
	"net/netip"
	"slices"
)

// notPublic are the networks whose addresses do not belong to a name server on the Internet, or hide an address that may not
// (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry).
// Alibaba Cloud's metadata service is at 100.100.100.200, in the shared address space; those of others are link-local.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	"5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// mayAsk tells whether an address may be asked. Whoever controls a zone decides which addresses its name servers have, so
// those of the cluster's own network must not be among them, unless the operator allows that.
func mayAsk(addr netip.Addr, allow []netip.Prefix) bool {
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	return slices.ContainsFunc(allow, contains) || !slices.ContainsFunc(notPublic, contains)
}
