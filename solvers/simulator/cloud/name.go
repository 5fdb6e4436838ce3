package cloud

import (
	"strings"

	"golang.org/x/net/idna"
)

// ASCII is a name in lower-case A-labels, without a trailing dot. A name that IDNA refuses is only put in lower case, so that
// every name has a form to be compared by.
func ASCII(name string) string {
	folded := foldName(name)
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
	ascii, err := profile.ToASCII(folded)
	if err != nil {
		return folded
	}
	return strings.TrimSuffix(ascii, ".")
}

func foldName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// asciiRR is the form in which RRs are compared; the zone itself is "@".
func asciiRR(rr string) string {
	if rr == "" {
		return "@"
	}
	return ASCII(rr)
}

// ValidZone says whether a name has the form that both clouds ask of a zone's.
func ValidZone(name string) bool {
	return strings.Contains(name, ".") && strings.Trim(name, ".") == name && !strings.ContainsAny(name, " *_")
}

// ValidRR says whether both clouds take the RR for a TXT record: "@", or labels of letters, digits, "-" and "_".
func ValidRR(rr string) bool {
	if rr == "@" {
		return true
	}
	for label := range strings.SplitSeq(rr, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool { return !validRune(c) }) {
			return false
		}
	}
	return len(rr) <= 253
}

func validRune(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// Page is the part of a list from an offset on.
func Page[E any](list []E, offset, size int) []E {
	from := min(offset, len(list))
	return list[from:min(from+size, len(list))]
}
