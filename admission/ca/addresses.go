package ca

import "net/netip"

// Reserved names the document that takes an address out of the public Internet, like "RFC 1918"; "" for a public address.
//
// The blocks are those of https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry (2026-08-21), for which no public CA may issue (section 1.6.1 of
// the Baseline Requirements, "Reserved IP Address"), and multicast, where nothing answers.
func Reserved(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return reserved4(addr.As4())
	}
	if addr.Is6() {
		return reserved6(addr.As16())
	}
	return ""
}

func reserved4(a [4]byte) string {
	switch {
	case a[0] == 10, a[0] == 172 && a[1]&0xf0 == 16, a[0] == 192 && a[1] == 168:
		return "RFC 1918"
	case a[0] == 127:
		return "RFC 1122, loopback"
	case a[0] == 169 && a[1] == 254:
		return "RFC 3927, link-local"
	case a[0] == 100 && a[1]&0xc0 == 64:
		return "RFC 6598, shared address space"
	case a == [4]byte{192, 0, 2, a[3]}, a == [4]byte{198, 51, 100, a[3]}, a == [4]byte{203, 0, 113, a[3]}:
		return "RFC 5737, documentation"
	case a[0] == 0:
		return "RFC 791, this network"
	case a == [4]byte{192, 0, 0, a[3]}:
		return "RFC 6890, IETF protocol assignments"
	case a == [4]byte{192, 31, 196, a[3]}:
		return "RFC 7535, AS112"
	case a == [4]byte{192, 52, 193, a[3]}:
		return "RFC 7450, AMT"
	case a == [4]byte{192, 88, 99, a[3]}:
		return "RFC 7526, 6to4 relay anycast"
	case a == [4]byte{192, 175, 48, a[3]}:
		return "RFC 7534, AS112"
	case a[0] == 198 && a[1]&0xfe == 18:
		return "RFC 2544, benchmarking"
	case a[0]&0xf0 == 224:
		return "RFC 5771, multicast"
	case a[0]&0xf0 == 240:
		return "RFC 1112, reserved"
	}
	return ""
}

func reserved6(a [16]byte) string {
	addr := netip.AddrFrom16(a)
	in := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }
	switch {
	case addr.IsLoopback(), addr.IsUnspecified():
		return "RFC 4291"
	case a[0]&0xfe == 0xfc:
		return "RFC 4193, unique local"
	case in("fe80::/10"):
		return "RFC 4291, link-local"
	case a[0] == 0xff:
		return "RFC 4291, multicast"
	case in("2001:db8::/32"), in("3fff::/20"):
		return "RFC 3849 and RFC 9637, documentation"
	case in("64:ff9b::/96"), in("64:ff9b:1::/48"):
		return "RFC 6052 and RFC 8215, IPv4/IPv6 translation"
	case in("100::/64"), in("100:0:0:1::/64"):
		return "RFC 6666 and RFC 9780, discard and dummy prefixes"
	case in("2001::/23"):
		return "RFC 2928, IETF protocol assignments"
	case in("2002::/16"):
		return "RFC 3056, 6to4"
	case in("2620:4f:8000::/48"):
		return "RFC 7534, AS112"
	case in("5f00::/16"):
		return "RFC 9602, segment routing"
	}
	return ""
}
