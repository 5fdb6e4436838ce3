// Package dnsname does arithmetic on domain names: one canonical spelling, labels relative to a zone, and the longest
// zone that encloses a name. It asks nobody; every function is pure.
//
// A canonical name is lower case, in A-label form ("xn--fsqu00a.com", RFC 5890), without a trailing dot.
package dnsname

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Apex is how both clouds spell the record name that equals its zone.
const Apex = "@"

// Limits of RFC 1035, section 2.3.4, on the canonical text form.
const (
	maxLabel = 63
	maxName  = 253
)

// The other characters that IDNA reads as a dot (RFC 3490, section 3.1).
const otherDots = "\u3002\uff0e\uff61"

// Parse returns the canonical form of a name, given with or without a trailing dot, in any case, in A-label or in
// Unicode form. Labels such as "_acme-challenge" and "*" are names here.
func Parse(s string) (string, error) {
	name := strings.TrimSuffix(strings.Map(toDot, s), ".")
	if name == "" {
		return "", errors.New("the domain name is empty")
	}
	labels := strings.Split(name, ".")
	for i, label := range labels {
		canonical, err := parseLabel(label)
		if err != nil {
			return "", fmt.Errorf("%q is not a domain name: %w", s, err)
		}
		labels[i] = canonical
	}
	name = strings.Join(labels, ".")
	if len(name) > maxName {
		return "", fmt.Errorf("%q is not a domain name: it is longer than %d characters", s, maxName)
	}
	return name, nil
}

func toDot(r rune) rune {
	if strings.ContainsRune(otherDots, r) {
		return '.'
	}
	return r
}

func parseLabel(label string) (string, error) {
	if isASCII(label) {
		label = strings.ToLower(label)
	} else {
		// Lookup mapping as browsers do (UTS 46); not transitional, so that "ß" keeps its own name.
		ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false)).ToASCII(label)
		if err != nil {
			return "", fmt.Errorf("the label %q is not valid in a domain name", label)
		}
		label = ascii
	}
	switch {
	case label == "":
		return "", errors.New("it has an empty label")
	case len(label) > maxLabel:
		return "", fmt.Errorf("a label is longer than %d characters", maxLabel)
	case strings.ContainsFunc(label, notInLabel):
		return "", fmt.Errorf("the label %q has a character that no label may have", label)
	}
	return label, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_', r == '*':
		return false
	}
	return true
}

// Unicode returns the Unicode form of a canonical name: the form in which both clouds list Chinese domains. A label
// that has none stays as it is, and so does one whose Unicode form Parse reads as another label, so that Parse undoes it.
func Unicode(name string) string {
	labels := strings.Split(name, ".")
	for i, label := range labels {
		if !strings.HasPrefix(label, "xn--") {
			continue
		}
		u, err := idna.ToUnicode(label)
		if err != nil {
			continue
		}
		if back, err := parseLabel(u); err == nil && back == label {
			labels[i] = u
		}
	}
	return strings.Join(labels, ".")
}

// Encloses tells whether the canonical name is the zone itself or lies beneath it, on label boundaries.
func Encloses(zone, name string) bool {
	return name == zone || zone != "" && strings.HasSuffix(name, "."+zone)
}

// Relative returns the canonical name relative to its zone, Apex when they are equal. It fails when the zone does not
// enclose the name.
func Relative(name, zone string) (string, error) {
	if !Encloses(zone, name) {
		return "", fmt.Errorf("%s does not lie in the zone %s", name, zone)
	}
	if name == zone {
		return Apex, nil
	}
	return strings.TrimSuffix(name, "."+zone), nil
}

// Join is the inverse of Relative.
func Join(rr, zone string) string {
	if rr == Apex || rr == "" {
		return zone
	}
	return rr + "." + zone
}

// LongestZone returns the longest of the canonical zones that encloses the canonical name.
func LongestZone(zones []string, name string) (string, bool) {
	longest := ""
	for _, zone := range zones {
		if len(zone) > len(longest) && Encloses(zone, name) {
			longest = zone
		}
	}
	return longest, longest != ""
}

// Wildcards are the wildcards that may answer for a canonical name which is not there: the closest first, none of a public suffix.
func Wildcards(name string) []string {
	var wildcards []string
	for _, parent, more := strings.Cut(name, "."); more && !IsPublicSuffix(parent); _, parent, more = strings.Cut(parent, ".") {
		wildcards = append(wildcards, "*."+parent)
	}
	return wildcards
}

// IsPublicSuffix tells whether a zone is one under which others register theirs, such as com.cn, so that no account can host it.
// A resolver that filters SOA records makes cert-manager resolve such zones. The list is that of https://publicsuffix.org.
func IsPublicSuffix(zone string) bool {
	suffix, icann := publicsuffix.PublicSuffix(zone)
	return suffix == zone && (icann || !strings.Contains(zone, "."))
}
