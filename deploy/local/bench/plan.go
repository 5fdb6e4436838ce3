package bench

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/certyun/certyun/deploy/local/stage"
)

// The cases. Every certificate has a zone or a name of its own, so nobody knows it yet; but for twins, which share theirs.
// All zones are there before the first case runs, and each says how late it shows its records.

// propagations are the times that the records of one certificate take to appear.
func propagations() []time.Duration {
	return []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second}
}

// batchPropagations are the same for a hundred certificates.
func batchPropagations() []time.Duration {
	return []time.Duration{0, usualPropagation, 10 * time.Second}
}

const (
	// rounds is how often the quick cases of one certificate are measured: cert-manager's scheduler ticks once a second, so
	// single times differ by as much.
	rounds = 5

	hundred = 100
	ten     = 10
	// usualPropagation is the propagation of all cases that are measured with one alone.
	usualPropagation = 3 * time.Second
)

// limit is a setting of cert-manager that bounds how many challenges run side by side.
type limit struct{ workers, challenges int }

func (l limit) String() string {
	return fmt.Sprintf("workers-%d-challenges-%d", l.workers, l.challenges)
}

// limitCertificates is how many certificates each setting is measured with.
const limitCertificates = 20

func limitCases() []limit { return []limit{{5, 60}, {20, 60}, {20, 5}} }

// Calls are counted over so many certificates for an apex and its wildcard, one asked for every callsPace.
const (
	callsCertificates = 50
	callsPace         = 300 * time.Millisecond
)

// callsWays are those that calls are counted for.
func callsWays() []way { return []way{wayOneReplica, wayCertyun} }

// twinsApart is how long after a certificate a second one for the same names is asked for.
const twinsApart = 10 * time.Second

// Accounts. Calls are counted by account, so each count has one of its own.
const commonAccount = "bench"

func callsAccount(w way) string { return slug("calls", string(w)) }

// Namespaces, each with its own cert-manager.
func fastLane(p stage.Provider) string { return slug("fast", p.SolverName) }

func slowLane(propagation time.Duration) string { return slug("slow", propagation.String()) }

func batchLane(w way, p stage.Provider, propagation time.Duration) string {
	return slug("batch", string(w), p.SolverName, propagation.String())
}

func limitLane(l limit) string { return l.String() }

func callsLane(w way, p stage.Provider) string { return slug(callsAccount(w), p.SolverName) }

func twinsLane(p stage.Provider) string { return slug("twins", p.SolverName) }

func lanes() []string {
	var all []string
	for _, p := range providers() {
		all = append(all, fastLane(p), twinsLane(p), batchLane(wayPlain, p, usualPropagation))
		for _, propagation := range batchPropagations() {
			all = append(all, batchLane(wayCertyun, p, propagation))
		}
		for _, w := range callsWays() {
			all = append(all, callsLane(w, p))
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
	return slug(string(w), p.SolverName, propagation.String(), strconv.Itoa(round)) + ".example"
}

// laneZone is the zone of all certificates of a namespace.
func laneZone(lane string) string { return lane + ".example" }

func batchDomains(count int, zone string) []string {
	domains := make([]string, count)
	for i := range domains {
		domains[i] = fmt.Sprintf("n%03d.%s", i, zone)
	}
	return domains
}

// delays are all zones of an account and how late each shows its records.
func delays(p stage.Provider, account string) map[string]time.Duration {
	for _, w := range callsWays() {
		if account == callsAccount(w) {
			return map[string]time.Duration{laneZone(callsLane(w, p)): usualPropagation}
		}
	}
	all := map[string]time.Duration{}
	for _, propagation := range propagations() {
		for round := range rounds {
			all[oneZone(wayCertyun, p, propagation, round)] = propagation
		}
		all[oneZone(wayCertyunChecked, p, propagation, 0)] = propagation
		all[oneZone(wayPlain, p, propagation, 0)] = propagation
	}
	for _, propagation := range batchPropagations() {
		all[laneZone(batchLane(wayCertyun, p, propagation))] = propagation
	}
	all[laneZone(batchLane(wayPlain, p, usualPropagation))] = usualPropagation
	all[laneZone(twinsLane(p))] = usualPropagation
	all[laneZone(fastLane(p))] = usualPropagation
	for _, l := range limitCases() {
		if p.SolverName == limitProvider().SolverName {
			all[laneZone(limitLane(l))] = usualPropagation
		}
	}
	return all
}

// limitProvider is the one that cert-manager's limits are measured with: they know no provider.
func limitProvider() stage.Provider { return stage.Alidns() }

func accounts() []string {
	all := []string{commonAccount}
	for _, w := range callsWays() {
		all = append(all, callsAccount(w))
	}
	return all
}

// openAccounts opens all accounts with their zones.
func (r *rig) openAccounts() error {
	for _, p := range providers() {
		for _, owner := range accounts() {
			var zones []string
			for zone, delay := range delays(p, owner) {
				r.World.DNS.SetZoneDelay(zone, delay)
				zones = append(zones, zone)
			}
			slices.Sort(zones)
			account, err := r.AddAccount(p, owner, zones...)
			if err != nil {
				return err
			}
			r.accounts = append(r.accounts, account)
		}
	}
	return nil
}

// account is the one of a provider and an owner.
func (r *rig) account(p stage.Provider, owner string) stage.Account {
	i := slices.IndexFunc(r.accounts, func(a stage.Account) bool { return a.SolverName == p.SolverName && a.Owner == owner })
	return r.accounts[i]
}

// providers are those that are measured with many certificates.
func (r *run) providers() []stage.Provider {
	if r.Quick {
		return providers()[:1]
	}
	return providers()
}
