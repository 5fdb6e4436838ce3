package choice

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/words"
)

// Miss is what keeps the nearest solver from being chosen for a name that none is chosen for.
type Miss struct {
	// Text is like "solvers[0] needs label use-dns01=true on the Certificate, which has none, and 4 more".
	Text string
	// Labels are how many of its labels the Certificate does not have.
	Labels int
	// Name and Zone tell whether the name would have to be in its dnsNames, and in its dnsZones.
	Name, Zone bool
}

// maxWeighed is how many solvers are looked at for the nearest, and how many entries of each.
const maxWeighed = 64

// Misses says how near the nearest solver comes, and how many others there are.
func (c *Choice) Misses(name string) Miss {
	name = strings.ToLower(name)
	nearest, best, bestNear, others := Miss{}, 0, -1, 0
	for i := range c.solvers {
		s := &c.solvers[i]
		if !c.fits(s, name) || s.Selector == nil {
			continue
		}
		others++
		if others > maxWeighed {
			continue
		}
		m, near := c.miss(i, name), nearness(s.Selector, name)
		lacks := min(m.Labels, 1)
		if m.Name || m.Zone {
			lacks++
		}
		if bestNear < 0 || lacks < best || lacks == best && near > bestNear {
			nearest, best, bestNear = m, lacks, near
		}
	}
	if others > 1 {
		nearest.Text += fmt.Sprintf(", and %d more", others-1)
	}
	return nearest
}

// miss says all that keeps a solver from being chosen for a name.
func (c *Choice) miss(i int, name string) Miss {
	s := c.solvers[i].Selector
	missing := missingLabels(c.order.Labels, s.MatchLabels)
	m := Miss{Labels: len(missing)}
	isFor := func(other cmacme.CertificateDNSNameSelector) bool {
		return c.forName(i, name, &other)
	}
	m.Name = len(s.DNSNames) > 0 && !isFor(cmacme.CertificateDNSNameSelector{DNSNames: s.DNSNames})
	m.Zone = len(s.DNSZones) > 0 && !isFor(cmacme.CertificateDNSNameSelector{DNSZones: s.DNSZones})
	title, lacks := fmt.Sprintf("solvers[%d]", i), labelsInWords(c.order.Labels, s.MatchLabels, missing)
	switch {
	case !m.Name && !m.Zone:
		m.Text = title + " needs " + lacks
	case lacks == "":
		m.Text = title + ": " + describeNames(s)
	default:
		m.Text = title + " needs " + lacks + ", and is for " + describeNames(s)
	}
	return m
}

// forName asks whether a solver with this selector in the place of its own would be chosen if it were alone.
func (c *Choice) forName(i int, name string, selector *cmacme.CertificateDNSNameSelector) bool {
	solver := c.solvers[i]
	if len(selector.DNSNames)+len(selector.DNSZones) > maxShown && !isOdd(name) {
		shown := c.shown(i, name).Selector
		selector = &cmacme.CertificateDNSNameSelector{
			DNSNames: shown.DNSNames[:min(len(shown.DNSNames), len(selector.DNSNames))],
			DNSZones: shown.DNSZones[:min(len(shown.DNSZones), len(selector.DNSZones))],
		}
	}
	solver.Selector = selector
	return pickedFor(c.ctx, name, c.order, []cmacme.ACMEChallengeSolver{solver}) >= 0
}

// nearness is how many labels at its end a name has in common with an entry of a selector.
func nearness(selector *cmacme.CertificateDNSNameSelector, name string) int {
	most := 0
	for _, entries := range [][]string{selector.DNSNames, selector.DNSZones} {
		for _, entry := range entries[:min(len(entries), maxWeighed)] {
			most = max(most, commonLabels(strings.ToLower(entry), name))
		}
	}
	return most
}

func commonLabels(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	n := 0
	for n < min(len(as), len(bs)) && as[len(as)-1-n] == bs[len(bs)-1-n] {
		n++
	}
	return n
}

// missingLabels are those that a Certificate does not have as they are wanted, in order.
func missingLabels(labels, wanted map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(wanted)), func(key string) bool {
		got, ok := labels[key]
		return ok && got == wanted[key]
	})
}

// labelsInWords names the labels that a Certificate does not have, "" where it has all.
func labelsInWords(labels, wanted map[string]string, missing []string) string {
	pair := func(key string) string { return words.Excerpt(words.Line(key + "=" + wanted[key])) }
	switch len(missing) {
	case 0:
		return ""
	case 1:
		if got, ok := labels[missing[0]]; ok {
			return fmt.Sprintf("label %s on the Certificate, which has %q", pair(missing[0]), words.Excerpt(got))
		}
		return "label " + pair(missing[0]) + " on the Certificate, which has none"
	case 2:
		return fmt.Sprintf("labels %s and %s on the Certificate", pair(missing[0]), pair(missing[1]))
	}
	return fmt.Sprintf("label %s and %d more of its matchLabels on the Certificate", pair(missing[0]), len(missing)-1)
}
