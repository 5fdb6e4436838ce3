package choice

import (
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
)

// maxShown is how many names and zones a selector has that is shown to cert-manager as it is. Its function compares all of them, and
// copies them, for each name; a selector may be as long as an object may be large.
const maxShown = 64

// entries are the names and the zones of a selector.
type entries struct{ names, zones map[string]bool }

func entriesOf(selector *cmacme.CertificateDNSNameSelector) entries {
	e := entries{names: map[string]bool{}, zones: map[string]bool{}}
	for _, name := range selector.DNSNames {
		e.names[name] = true
	}
	for _, zone := range selector.DNSZones {
		e.zones[strings.ToLower(zone)] = true
	}
	return e
}

// shown is a solver as it is shown to cert-manager for a name: of a long selector only the entries that the name could match.
func (c *Choice) shown(i int, name string) cmacme.ACMEChallengeSolver {
	solver := c.solvers[i]
	s := solver.Selector
	if s == nil || len(s.DNSNames)+len(s.DNSZones) <= maxShown || isOdd(name) {
		return solver
	}
	e, known := c.long[i]
	if !known {
		e = entriesOf(s)
		if c.long == nil {
			c.long = map[int]entries{}
		}
		c.long[i] = e
	}
	short := &cmacme.CertificateDNSNameSelector{MatchLabels: s.MatchLabels, DNSNames: first(s.DNSNames), DNSZones: first(s.DNSZones)}
	if e.names[name] {
		short.DNSNames = []string{name}
	}
	for zone, ok := name, true; ok; _, zone, ok = strings.Cut(zone, ".") {
		if e.zones[zone] {
			short.DNSZones = []string{zone}
			break // it is the longest
		}
	}
	solver.Selector = short
	return solver
}

// first is one entry of a list that matches no more than the whole: none is another matter, for then any name would do.
func first(list []string) []string { return list[:min(len(list), 1)] }
