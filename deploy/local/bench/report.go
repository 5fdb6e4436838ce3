package bench

import (
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

	"github.com/certyun/certyun/deploy/local/certmanager"
)

// Report is all that was measured, in seconds and megabytes (2^20 bytes).
type Report struct {
	mu sync.Mutex

	One       []One      `json:"one,omitempty"`
	Batches   []Batch    `json:"batches,omitempty"`
	Limits    []Limit    `json:"limits,omitempty"`
	Footprint *Footprint `json:"footprint,omitempty"`
}

// One is one way to one certificate for an apex and its wildcard. The floor's samples are those with records visible at
// once, whatever the propagation.
type One struct {
	Provider    string    `json:"provider"`
	Way         way       `json:"way"`
	Propagation float64   `json:"propagation"`
	Samples     []float64 `json:"samples"`
}

// Batch is one way to many certificates for an apex and its wildcard each, asked for at once. Ready has the time of each.
type Batch struct {
	Provider string    `json:"provider"`
	Way      way       `json:"way"`
	Ready    []float64 `json:"ready"`
}

// Limit is the time of limitCertificates certificates with one setting of cert-manager.
type Limit struct {
	Workers    int       `json:"workers"`
	Challenges int       `json:"maxConcurrentChallenges"`
	Ready      []float64 `json:"ready"`
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

func (r *Report) addOne(provider string, w way, propagation, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w == wayFloor {
		propagation = 0
	}
	for i := range r.One {
		if one := &r.One[i]; one.Provider == provider && one.Way == w && one.Propagation == propagation.Seconds() {
			one.Samples = append(one.Samples, took.Seconds())
			return
		}
	}
	r.One = append(r.One, One{Provider: provider, Way: w, Propagation: propagation.Seconds(), Samples: []float64{took.Seconds()}})
}

func (r *Report) addBatch(provider string, w way, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Batches = append(r.Batches, Batch{Provider: provider, Way: w, Ready: seconds(ready)})
}

func (r *Report) addLimit(l limit, ready []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Limits = append(r.Limits, Limit{Workers: l.workers, Challenges: l.challenges, Ready: seconds(ready)})
}

// The promises.
const (
	// oneMargin is how many seconds one certificate may take beyond its floor.
	oneMargin = 1
	// batchFactor is how many times its floor a hundred certificates may take.
	batchFactor = 1.15
)

// one is the median of a way; 0 if it was not measured.
func (r *Report) one(provider string, w way, propagation time.Duration) float64 {
	for _, one := range r.One {
		if one.Provider != provider || one.Way != w {
			continue
		}
		if w == wayFloor {
			return floorOf(median(one.Samples), oneRounds, propagation)
		}
		if one.Propagation == propagation.Seconds() {
			return median(one.Samples)
		}
	}
	return 0
}

// batch is when the last certificate was ready; 0 if it was not measured.
func (r *Report) batch(provider string, w way) float64 {
	for _, b := range r.Batches {
		if b.Provider != provider || b.Way != w {
			continue
		}
		last := slices.Max(b.Ready)
		if w == wayFloor {
			return floorOf(last, batchRounds(oneRounds*len(b.Ready), certmanager.DefaultWorkers), batchPropagation)
		}
		return last
	}
	return 0
}

// broken names the promises that do not hold.
func (r *Report) broken() error {
	var errs []error
	for _, provider := range providers() {
		for _, propagation := range propagations() {
			floor, took := r.one(provider.Title, wayFloor, propagation), r.one(provider.Title, wayCertyun, propagation)
			if took > floor+oneMargin {
				errs = append(errs, fmt.Errorf("bench: one certificate through %s with a propagation of %s took %.1f s: more than the floor of %.1f s and %d s",
					provider.Title, propagation, took, floor, oneMargin))
			}
		}
		if floor, took := r.batch(provider.Title, wayFloor), r.batch(provider.Title, wayCertyun); took > batchFactor*floor {
			errs = append(errs, fmt.Errorf("bench: %d certificates through %s took %.1f s: more than %.2f times the floor of %.1f s",
				hundred, provider.Title, took, batchFactor, floor))
		}
	}
	if f := r.Footprint; f != nil && f.GoroutinesAfter > f.GoroutinesIdle+goroutineSlack {
		errs = append(errs, fmt.Errorf("bench: the solver has %d goroutines after the load: %d at the start and %d more are allowed",
			f.GoroutinesAfter, f.GoroutinesIdle, goroutineSlack))
	}
	return errors.Join(errs...)
}

// tables writes what was measured.
func (r *Report) tables(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	if len(r.One) > 0 {
		r.tableOne(table)
	}
	if len(r.Batches) > 0 {
		r.tableBatches(table)
	}
	if len(r.Limits) > 0 {
		r.tableLimits(table)
	}
	if r.Footprint != nil {
		r.Footprint.table(table)
	}
	return table.Flush()
}

func (r *Report) tableOne(out io.Writer) {
	fmt.Fprint(out, "\nOne certificate for an apex and its wildcard: seconds until it is ready\n\n")
	fmt.Fprint(out, "  PROPAGATION\tPROVIDER\tFLOOR\tCERTYUN\tABOVE FLOOR\tCERTYUN, SELF CHECK\tPLAIN, SELF CHECK\n")
	for _, propagation := range propagations() {
		for _, provider := range providers() {
			value := func(w way) float64 { return r.one(provider.Title, w, propagation) }
			fmt.Fprintf(out, "  %s\t%s\t%.1f\t%.1f\t%+.1f\t%.1f\t%.1f\n", propagation, provider.Title, value(wayFloor), value(wayCertyun),
				value(wayCertyun)-value(wayFloor), value(wayCertyunChecked), value(wayPlain))
		}
	}
}

func (r *Report) tableBatches(out io.Writer) {
	fmt.Fprintf(out, "\nMany certificates at once, records appear after %s: seconds until the last is ready\n\n", batchPropagation)
	fmt.Fprintf(out, "  PROVIDER\tFLOOR OF %[1]d\tCERTYUN, %[1]d\tRATIO\tPLAIN, SELF CHECK, %[2]d\n", hundred, ten)
	for _, provider := range providers() {
		floor, took := r.batch(provider.Title, wayFloor), r.batch(provider.Title, wayCertyun)
		if floor == 0 {
			continue
		}
		fmt.Fprintf(out, "  %s\t%.1f\t%.1f\t%.2f\t%.1f\n", provider.Title, floor, took, took/floor, r.batch(provider.Title, wayPlain))
	}
}

func (r *Report) tableLimits(out io.Writer) {
	fmt.Fprintf(out, "\nWhat cert-manager limits: %d certificates, records appear after %s\n\n", limitCertificates, batchPropagation)
	fmt.Fprint(out, "  WORKERS\tMAX CONCURRENT CHALLENGES\tFIRST READY\tLAST READY\n")
	for _, l := range r.Limits {
		fmt.Fprintf(out, "  %d\t%d\t%.1f s\t%.1f s\n", l.Workers, l.Challenges, slices.Min(l.Ready), slices.Max(l.Ready))
	}
}

func (f *Footprint) table(out io.Writer) {
	fmt.Fprint(out, "\nFootprint of the solver\n\n")
	fmt.Fprintf(out, "  resident memory, idle\t%.0f MB\n", f.IdleMB)
	fmt.Fprintf(out, "  resident memory, peak of %d certificates\t%.0f MB\n", hundred, f.LoadedMB)
	fmt.Fprintf(out, "  goroutines, at the start\t%d\n", f.GoroutinesIdle)
	fmt.Fprintf(out, "  goroutines, most under load\t%d\n", f.GoroutinesLoaded)
	fmt.Fprintf(out, "  goroutines, %.0f s after the load\t%d\n", f.BackAfter, f.GoroutinesAfter)
	fmt.Fprintf(out, "  program, stripped\t%.0f MB\n", f.BinaryMB)
	fmt.Fprintf(out, "  cold start to ready\t%.2f s\n", f.ColdStart)
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
		if r.batch(providers()[0].Title, wayCertyun) > 0 {
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
