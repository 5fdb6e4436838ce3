package ca

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"
)

// AddressName is a name of a domain whose owner answers with an address that the name itself tells.
type AddressName struct {
	// Domain is the owner's.
	Domain  string
	Address netip.Addr
	// Delegates tells whether the owner leads questions about challenges on to the address, so that who runs a name server there can
	// answer DNS-01.
	Delegates bool
}

// Public tells whether anybody may reach the address.
func (n AddressName) Public() bool { return Reserved(n.Address) == "" }

// embedding is a domain of this sort.
type embedding struct {
	domain    string
	delegates bool
	// loopback says that names in which there is no address lead to 127.0.0.1.
	loopback bool
}

// embeddings are as their owners describe them: https://nip.io, https://sslip.io, https://traefik.me, https://readme.localtest.me. What
// xip.io answered is in https://github.com/basecamp/xip-pdns; it is out of service.
func embeddings() []embedding {
	return []embedding{
		{domain: "nip.io"},
		{domain: "sslip.io", delegates: true},
		{domain: "xip.io"},
		{domain: "traefik.me", loopback: true},
		{domain: "localtest.me", loopback: true},
	}
}

// AddressIn finds the address that a name tells; ok is false for a name that tells none.
func AddressIn(name string) (found AddressName, ok bool) {
	name = strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(name, ".")), "*.")
	for _, e := range embeddings() {
		rest, within := strings.CutSuffix("."+name, "."+e.domain)
		if !within {
			continue
		}
		found = AddressName{Domain: e.domain, Delegates: e.delegates}
		found.Address, ok = addressAtEnd(strings.TrimPrefix(rest, "."))
		if !ok && e.loopback {
			found.Address, ok = netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
		}
		return found, ok
	}
	return found, false
}

// An address is written with dots or dashes at the end of a name or of one of its labels, or as eight hexadecimal digits.
var (
	dotted = regexp.MustCompile(`(?:^|[.-])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$`)
	dashed = regexp.MustCompile(`(?:^|[.-])(\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3})(?:$|\.)`)
	digits = regexp.MustCompile(`(?:^|[.-])([0-9a-f]{8})$`)
)

// addressAtEnd reads the address in what stands before the domain.
func addressAtEnd(text string) (netip.Addr, bool) {
	for _, form := range []*regexp.Regexp{dotted, dashed} {
		if match := form.FindStringSubmatch(text); match != nil {
			if addr, err := netip.ParseAddr(strings.ReplaceAll(match[1], "-", ".")); err == nil {
				return addr, true
			}
		}
	}
	label := text[strings.LastIndexByte(text, '.')+1:]
	if addr, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":")); err == nil && strings.Contains(label, "-") {
		return addr, true
	}
	if match := digits.FindStringSubmatch(text); match != nil {
		if raw, err := hex.DecodeString(match[1]); err == nil {
			return netip.AddrFromSlice(raw)
		}
	}
	return netip.Addr{}, false
}
