package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Report is all that was measured, in seconds and megabytes (2^20 bytes).
type Report struct {
	mu sync.Mutex

	One       []One      `json:"one,omitempty"`
	Batches   []Batch    `json:"batches,omitempty"`
	Limits    []Limit    `json:"limits,omitempty"`
	Twins     []Twin     `json:"twins,omitempty"`
	Calls     []Calls    `json:"calls,omitempty"`
	Orders    []Orders   `json:"orders,omitempty"`
	Footprint *Footprint `json:"footprint,omitempty"`
	Others    *Others    `json:"others,omitempty"`
}

// One is one way to one certificate for an apex and its wildcard.
type One struct {
	Provider    string    `json:"provider"`
	Way         way       `json:"way"`
	Propagation float64   `json:"propagation"`
	Samples     []float64 `json:"samples"`
}

// Batch is one way to many certificates for an apex and its wildcard each, asked for at once. Ready has the time of each.
type Batch struct {
	Provider    string    `json:"provider"`
	Way         way       `json:"way"`
	Propagation float64   `json:"propagation"`
	Ready       []float64 `json:"ready"`
}

// Limit is the time of limitCertificates certificates with one setting of cert-manager.
type Limit struct {
	Workers    int       `json:"workers"`
	Challenges int       `json:"maxConcurrentChallenges"`
	Ready      []float64 `json:"ready"`
}

// Twin is a second certificate for the same names.
type Twin struct {
	Provider string  `json:"provider"`
	Ready    float64 `json:"ready"`
}

// Calls are those of the cloud's API, lists of the zones among them, for so many names: an apex and its wildcard are two.
type Calls struct {
	Provider  string `json:"provider"`
	Replicas  int    `json:"replicas"`
	Names     int    `json:"names"`
	Calls     int    `json:"calls"`
	ZoneLists int    `json:"zoneLists"`
}

// each is how many calls a name took.
func (c Calls) each() float64 { return tenths(float64(c.Calls) / float64(c.Names)) }

// Orders are all that were measured in one way.
type Orders struct {
	Provider string `json:"provider"`
	Way      way    `json:"way"`
	Issued   int    `json:"issued"`
	Failed   int    `json:"failed"`
}

// Others is the memory of an idle solver without and with open challenges that are not its own.
type Others struct {
	Challenges int     `json:"challenges"`
	WithoutMB  float64 `json:"withoutMB"`
	WithMB     float64 `json:"withMB"`
}

// Footprint is what the solver needs; of several replicas, the most.
type Footprint struct {
	IdleMB float64 `json:"idleMB"`
	// LoadedMB is the peak during the hundred certificates.
	LoadedMB         float64 `json:"loadedMB"`
	GoroutinesIdle   int     `json:"goroutinesIdle"`
	GoroutinesLoaded int     `json:"goroutinesLoaded"`
	GoroutinesAfter  int     `json:"goroutinesAfter"`
	// BackAfter is how long after the load the goroutines were back.
	BackAfter float64 `json:"backAfter"`
	BinaryMB  float64 `json:"binaryMB"`
	ColdStart float64 `json:"coldStart"`
}

func (f *Footprint) loaded(u usage) {
	f.LoadedMB = max(f.LoadedMB, megabytes(u.peak))
	f.GoroutinesLoaded = max(f.GoroutinesLoaded, u.goroutines)
}

func (r *Report) addOne(provider string, w way, propagation time.Duration, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.One {
		if one := &r.One[i]; one.Provider == provider && one.Way == w && one.Propagation == propagation.Seconds() {
			one.Samples = append(one.Samples, seconds(ready)...)
			return
		}
	}
	r.One = append(r.One, One{Provider: provider, Way: w, Propagation: propagation.Seconds(), Samples: seconds(ready)})
}

func (r *Report) addBatch(provider string, w way, propagation time.Duration, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Batches = append(r.Batches, Batch{Provider: provider, Way: w, Propagation: propagation.Seconds(), Ready: seconds(ready)})
}

// addTwin takes the time of the second certificate, if it was issued.
func (r *Report) addTwin(provider string, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, took := range seconds(ready) {
		r.Twins = append(r.Twins, Twin{Provider: provider, Ready: took})
	}
}

// addCalls counts the calls with an account's keys.
func (r *Report) addCalls(provider string, w way, calls []cloud.Call, account stage.Account) {
	count := Calls{Provider: provider, Replicas: w.replicas(), Names: 2 * callsCertificates}
	for _, call := range calls {
		if call.Owner != account.Owner {
			continue
		}
		count.Calls++
		if isZoneList(call) {
			count.ZoneLists++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Calls = append(r.Calls, count)
}

func (r *Report) addOrders(provider string, w way, out outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.Orders, func(o Orders) bool { return o.Provider == provider && o.Way == w })
	if i < 0 {
		i = len(r.Orders)
		r.Orders = append(r.Orders, Orders{Provider: provider, Way: w})
	}
	r.Orders[i].Issued += len(out.ready)
	r.Orders[i].Failed += out.failed
}

func (r *Report) addLimit(l limit, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Limits = append(r.Limits, Limit{Workers: l.workers, Challenges: l.challenges, Ready: seconds(ready)})
}

// The promises. What certificates with late records may take is reckoned from their basis: see basisOf.
const (
	// oneMargin is how many seconds one certificate may take beyond its basis.
	oneMargin = 1
	// mostCallsOne and mostCalls are how many calls a name may take with one replica and with more: to add the record, to see that it
	// still is the challenge's, and to remove it.
	mostCallsOne, mostCalls = 3.0, 3.5
	// mostTwin is how many seconds the second certificate for the same names may take.
	mostTwin = 75
	// mostOthersMB is how much memory a thousand challenges of others may take.
	mostOthersMB = 10
)

// batchFactor is how many times its basis a hundred certificates may take.
func batchFactor(propagation time.Duration) float64 {
	if propagation > usualPropagation {
		return 1.2
	}
	return 1.15
}

// one is the median of a way; 0 if it was not measured.
func (r *Report) one(provider string, w way, propagation time.Duration) float64 {
	for _, one := range r.One {
		if one.Provider == provider && one.Way == w && one.Propagation == propagation.Seconds() {
			return median(one.Samples)
		}
	}
	return 0
}

// oneBasis is what certyun's median is compared with.
func (r *Report) oneBasis(provider string, propagation time.Duration) float64 {
	return basisOf(r.one(provider, wayCertyun, 0), propagation)
}

// batch is when the last certificate was ready; 0 if it was not measured.
func (r *Report) batch(provider string, w way, propagation time.Duration) float64 {
	for _, b := range r.Batches {
		if b.Provider == provider && b.Way == w && b.Propagation == propagation.Seconds() && len(b.Ready) > 0 {
			return slices.Max(b.Ready)
		}
	}
	return 0
}

// batchBasis is what certyun's hundred are compared with.
func (r *Report) batchBasis(provider string, propagation time.Duration) float64 {
	return basisOf(r.batch(provider, wayCertyun, 0), propagation)
}

// broken names the promises that do not hold.
func (r *Report) broken() error {
	return errors.Join(r.brokenTimes(), r.brokenOrders(), r.brokenCalls(), r.brokenFootprint())
}

func (r *Report) brokenTimes() error {
	var errs []error
	for _, provider := range providers() {
		for _, propagation := range propagations() {
			basis, took := r.oneBasis(provider.Title, propagation), r.one(provider.Title, wayCertyun, propagation)
			if took > basis+oneMargin {
				errs = append(errs, fmt.Errorf("bench: one certificate through %s with a propagation of %s took %.1f s: more than the basis of %.1f s and %d s",
					provider.Title, propagation, took, basis, oneMargin))
			}
		}
		for _, propagation := range batchPropagations() {
			basis, took, factor := r.batchBasis(provider.Title, propagation), r.batch(provider.Title, wayCertyun, propagation), batchFactor(propagation)
			if took > factor*basis {
				errs = append(errs, fmt.Errorf("bench: %d certificates through %s with a propagation of %s took %.1f s: more than %.2f times the basis of %.1f s",
					hundred, provider.Title, propagation, took, factor, basis))
			}
		}
	}
	for _, twin := range r.Twins {
		if twin.Ready > mostTwin {
			errs = append(errs, fmt.Errorf("bench: a second certificate for the same names through %s took %.1f s: more than %d s",
				twin.Provider, twin.Ready, mostTwin))
		}
	}
	return errors.Join(errs...)
}

// brokenOrders lets the plain way fail as it may: it is what certyun is compared with.
func (r *Report) brokenOrders() error {
	var errs []error
	for _, orders := range r.Orders {
		if orders.Failed > 0 && orders.Way != wayPlain {
			errs = append(errs, fmt.Errorf("bench: %d Orders failed through %s (%s)", orders.Failed, orders.Provider, orders.Way))
		}
	}
	return errors.Join(errs...)
}

func (r *Report) brokenCalls() error {
	var errs []error
	for _, calls := range r.Calls {
		most := mostCalls
		if calls.Replicas == 1 {
			most = mostCallsOne
		}
		if calls.each() > most {
			errs = append(errs, fmt.Errorf("bench: a name through %s took %.1f calls (replicas: %d): more than %.1f",
				calls.Provider, calls.each(), calls.Replicas, most))
		}
	}
	return errors.Join(errs...)
}

func (r *Report) brokenFootprint() error {
	var errs []error
	if f := r.Footprint; f != nil && f.GoroutinesAfter > f.GoroutinesIdle+goroutineSlack {
		errs = append(errs, fmt.Errorf("bench: the solver has %d goroutines after the load: %d at the start and %d more are allowed",
			f.GoroutinesAfter, f.GoroutinesIdle, goroutineSlack))
	}
	if o := r.Others; o != nil && o.WithMB > o.WithoutMB+mostOthersMB {
		errs = append(errs, fmt.Errorf("bench: the solver has %.0f MB with %d challenges of others and %.0f MB without: %d MB more are allowed",
			o.WithMB, o.Challenges, o.WithoutMB, mostOthersMB))
	}
	return errors.Join(errs...)
}

// tables writes what was measured.
func (r *Report) tables(out io.Writer) error {
	// Providers are measured side by side.
	slices.SortFunc(r.Twins, func(a, b Twin) int { return cmp.Compare(a.Provider, b.Provider) })
	slices.SortFunc(r.Orders, func(a, b Orders) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Way, b.Way))
	})
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, part := range []struct {
		measured bool
		write    func(io.Writer)
	}{
		{len(r.One) > 0, r.tableOne},
		{len(r.Batches) > 0, r.tableBatches},
		{len(r.Twins) > 0, r.tableTwins},
		{len(r.Calls) > 0, r.tableCalls},
		{len(r.Limits) > 0, r.tableLimits},
		{len(r.Orders) > 0, r.tableOrders},
		{r.Footprint != nil, r.tableFootprint},
		{r.Others != nil, r.tableOthers},
	} {
		if part.measured {
			part.write(table)
		}
	}
	return table.Flush()
}

func (r *Report) tableOne(out io.Writer) {
	fmt.Fprint(out, "\nOne certificate for an apex and its wildcard: seconds until it is ready\n\n")
	fmt.Fprint(out, "  PROPAGATION\tPROVIDER\tBASIS\tCERTYUN\tABOVE BASIS\tCERTYUN, SELF CHECK\tPLAIN, SELF CHECK\n")
	for _, propagation := range propagations() {
		for _, provider := range providers() {
			value := func(w way) float64 { return r.one(provider.Title, w, propagation) }
			basis := r.oneBasis(provider.Title, propagation)
			fmt.Fprintf(out, "  %s\t%s\t%.1f\t%.1f\t%+.1f\t%.1f\t%.1f\n", propagation, provider.Title, basis, value(wayCertyun),
				value(wayCertyun)-basis, value(wayCertyunChecked), value(wayPlain))
		}
	}
}

func (r *Report) tableBatches(out io.Writer) {
	fmt.Fprint(out, "\nMany certificates at once: seconds until the last is ready\n\n")
	fmt.Fprintf(out, "  PROPAGATION\tPROVIDER\tBASIS OF %[1]d\tCERTYUN, %[1]d\tRATIO\tPLAIN, SELF CHECK, %[2]d\n", hundred, ten)
	for _, propagation := range batchPropagations() {
		for _, provider := range r.batchProviders() {
			basis, took := r.batchBasis(provider.Title, propagation), r.batch(provider.Title, wayCertyun, propagation)
			plain := "-"
			if value := r.batch(provider.Title, wayPlain, propagation); value > 0 {
				plain = fmt.Sprintf("%.1f", value)
			}
			fmt.Fprintf(out, "  %s\t%s\t%.1f\t%.1f\t%.2f\t%s\n", propagation, provider.Title, basis, took, took/basis, plain)
		}
	}
}

func (r *Report) tableTwins(out io.Writer) {
	fmt.Fprintf(out, "\nA second certificate for the same names, %s after the first, records appear after %s\n\n", twinsApart, usualPropagation)
	fmt.Fprint(out, "  PROVIDER\tREADY AFTER\n")
	for _, twin := range r.Twins {
		fmt.Fprintf(out, "  %s\t%.1f s\n", twin.Provider, twin.Ready)
	}
}

func (r *Report) tableCalls(out io.Writer) {
	fmt.Fprintf(out, "\nCalls of the cloud's API, lists of the zones among them: %d certificates, one every %s, records appear after %s\n\n",
		callsCertificates, callsPace, usualPropagation)
	fmt.Fprint(out, "  PROVIDER\tREPLICAS\tNAMES\tCALLS\tLISTS OF ZONES\tCALLS FOR EACH NAME\n")
	for _, calls := range r.Calls {
		fmt.Fprintf(out, "  %s\t%d\t%d\t%d\t%d\t%.1f\n", calls.Provider, calls.Replicas, calls.Names, calls.Calls, calls.ZoneLists, calls.each())
	}
}

func (r *Report) tableOrders(out io.Writer) {
	fmt.Fprint(out, "\nOrders of all that was measured\n\n")
	fmt.Fprint(out, "  PROVIDER\tWAY\tISSUED\tFAILED\n")
	for _, orders := range r.Orders {
		fmt.Fprintf(out, "  %s\t%s\t%d\t%d\n", orders.Provider, orders.Way, orders.Issued, orders.Failed)
	}
}

func (r *Report) tableLimits(out io.Writer) {
	fmt.Fprintf(out, "\nWhat cert-manager limits: %d certificates, records appear after %s\n\n", limitCertificates, usualPropagation)
	fmt.Fprint(out, "  WORKERS\tMAX CONCURRENT CHALLENGES\tFIRST READY\tLAST READY\n")
	for _, l := range r.Limits {
		if len(l.Ready) > 0 {
			fmt.Fprintf(out, "  %d\t%d\t%.1f s\t%.1f s\n", l.Workers, l.Challenges, slices.Min(l.Ready), slices.Max(l.Ready))
		}
	}
}

func (r *Report) tableFootprint(out io.Writer) {
	f := r.Footprint
	fmt.Fprint(out, "\nFootprint of the solver\n\n")
	fmt.Fprintf(out, "  resident memory, idle\t%.0f MB\n", f.IdleMB)
	fmt.Fprintf(out, "  resident memory, peak of %d certificates\t%.0f MB\n", hundred, f.LoadedMB)
	fmt.Fprintf(out, "  goroutines, at the start\t%d\n", f.GoroutinesIdle)
	fmt.Fprintf(out, "  goroutines, most under load\t%d\n", f.GoroutinesLoaded)
	fmt.Fprintf(out, "  goroutines, %.0f s after the load\t%d\n", f.BackAfter, f.GoroutinesAfter)
	fmt.Fprintf(out, "  program, stripped\t%.0f MB\n", f.BinaryMB)
	fmt.Fprintf(out, "  cold start to ready\t%.2f s\n", f.ColdStart)
}

func (r *Report) tableOthers(out io.Writer) {
	fmt.Fprintf(out, "\nMemory of the idle solver\n\n")
	fmt.Fprintf(out, "  without open challenges\t%.0f MB\n", r.Others.WithoutMB)
	fmt.Fprintf(out, "  with %d of others\t%.0f MB\n", r.Others.Challenges, r.Others.WithMB)
}

// write writes the numbers, and the charts of what was measured.
func (r *Report) write(root, charts string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	files := map[string][]byte{filepath.Join(root, ".local", "bench.json"): append(text, '\n')}
	if charts != "" {
		if !filepath.IsAbs(charts) {
			charts = filepath.Join(root, charts)
		}
		if len(r.One) > 0 {
			files[filepath.Join(charts, "bench-one.svg")] = r.chartOne().SVG()
		}
		if len(r.batchProviders()) > 0 {
			files[filepath.Join(charts, "bench-hundred.svg")] = r.chartBatches().SVG()
		}
	}
	for file, content := range files {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}
