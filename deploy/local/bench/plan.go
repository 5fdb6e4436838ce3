package bench

import (
	"fmt"
	"slices"
	"time"

	"github.com/certyun/certyun/deploy/local/stage"
)

// The cases. Every certificate has a zone or a name of its own, so nobody knows it yet. All zones are there before the
// first case runs, and each says how late it shows its records.

// propagations are the times that records take to appear.
func propagations() []time.Duration {
	return []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second}
}

const (
	// rounds is how often the quick cases of one certificate are measured: cert-manager's scheduler ticks once a second, so
	// single times differ by as much.
	rounds = 5
	// oneRounds is how many challenges of a certificate run one after the other: its apex and its wildcard share a record
	// name, so cert-manager takes them in turn.
	oneRounds = 2

	hundred = 100
	ten     = 10
	// batchPropagation is the propagation of all groups of certificates.
	batchPropagation = 3 * time.Second
)

// limit is a setting of cert-manager that bounds how many challenges run side by side.
type limit struct{ workers, challenges int }

func (l limit) String() string {
	return fmt.Sprintf("workers-%d-challenges-%d", l.workers, l.challenges)
}

// limitCertificates is how many certificates each setting is measured with.
const limitCertificates = 20

func limitCases() []limit { return []limit{{5, 60}, {20, 60}, {20, 5}} }

// Namespaces, each with its own cert-manager.
func fastLane(p stage.Provider) string { return slug("fast", p.SolverName) }

func slowLane(propagation time.Duration) string { return slug("slow", propagation.String()) }

func batchLane(w way, p stage.Provider) string { return slug("batch", string(w), p.SolverName) }

func limitLane(l limit) string { return l.String() }

func lanes() []string {
	var all []string
	for _, p := range providers() {
		all = append(all, fastLane(p))
		for _, w := range []way{wayFloor, wayCertyun, wayPlain} {
			all = append(all, batchLane(w, p))
		}
	}
	for _, propagation := range propagations() {
		all = append(all, slowLane(propagation))
	}
	for _, l := range limitCases() {
		all = append(all, limitLane(l))
	}
	return all
}

// oneZone is the zone of one measurement of one certificate.
func oneZone(w way, p stage.Provider, propagation time.Duration, round int) string {
	return slug(string(w), p.SolverName, propagation.String(), fmt.Sprint(round)) + ".example"
}

// batchZone is the zone of many certificates. What they are for distinguishes those of one way.
func batchZone(w way, p stage.Provider, purpose string) string {
	return slug(purpose, string(w), p.SolverName) + ".example"
}

func batchDomains(count int, zone string) []string {
	domains := make([]string, count)
	for i := range domains {
		domains[i] = fmt.Sprintf("n%03d.%s", i, zone)
	}
	return domains
}

// delays are all zones of a provider and how late each shows its records.
func delays(p stage.Provider) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, propagation := range propagations() {
		for round := range rounds {
			all[oneZone(wayCertyun, p, propagation, round)] = propagation
			all[oneZone(wayFloor, p, propagation, round)] = 0
		}
		all[oneZone(wayCertyunChecked, p, propagation, 0)] = propagation
		all[oneZone(wayPlain, p, propagation, 0)] = propagation
	}
	all[batchZone(wayFloor, p, "batch")] = 0
	all[batchZone(wayCertyun, p, "batch")] = batchPropagation
	all[batchZone(wayPlain, p, "batch")] = batchPropagation
	for _, l := range limitCases() {
		all[batchZone(wayCertyun, p, l.String())] = batchPropagation
	}
	return all
}

func zones(p stage.Provider) []string {
	var names []string
	for zone := range delays(p) {
		names = append(names, zone)
	}
	slices.Sort(names)
	return names
}

func (r *rig) delayZones() {
	for _, p := range providers() {
		for zone, delay := range delays(p) {
			r.World.DNS.SetZoneDelay(zone, delay)
		}
	}
}

// providers are those that are measured with many certificates.
func (r *run) providers() []stage.Provider {
	if r.Quick {
		return providers()[:1]
	}
	return providers()
}
