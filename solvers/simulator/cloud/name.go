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
