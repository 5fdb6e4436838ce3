package bench

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a run in which all promises hold.
func sample() *Report {
	r := &Report{}
	for _, p := range providers() {
		for _, propagation := range propagations() {
			for _, w := range []way{wayFloor, wayCertyun} {
				for _, jitter := range []time.Duration{0, 400 * time.Millisecond, -300 * time.Millisecond} {
					took := 2500*time.Millisecond + jitter
					if w == wayCertyun {
						took += 2*propagation + 200*time.Millisecond
					}
					r.addOne(p.Title, w, propagation, took)
				}
			}
			r.addOne(p.Title, wayCertyunChecked, propagation, 124*time.Second+2*propagation)
			r.addOne(p.Title, wayPlain, propagation, 143*time.Second)
		}
		r.addBatch(p.Title, wayPlain, evenly(ten, 269*time.Second))
		r.addBatch(p.Title, wayFloor, evenly(hundred, 40*time.Second))
		r.addBatch(p.Title, wayCertyun, evenly(hundred, 150*time.Second))
	}
	for _, l := range limitCases() {
		r.addLimit(l, evenly(limitCertificates, 30*time.Second))
	}
	r.Footprint = &Footprint{
		IdleMB: 40.2, LoadedMB: 70.5, GoroutinesIdle: 150, GoroutinesLoaded: 300, GoroutinesAfter: 150 + goroutineSlack,
		BackAfter: 12, BinaryMB: 60, ColdStart: 0.42,
	}
	return r
}

// evenly are times of certificates that become ready one after the other.
func evenly(count int, last time.Duration) []time.Duration {
	var all []time.Duration
	for i := range count {
		all = append(all, last*time.Duration(i+1)/time.Duration(count))
	}
	return all
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestTables(t *testing.T) {
	var out strings.Builder
	if err := sample().tables(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "tables.txt", out.String())
}

func TestCharts(t *testing.T) {
	root := t.TempDir()
	if err := sample().write(root, "docs"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bench-one.svg", "bench-hundred.svg"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(strings.NewReader(string(text)))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		golden(t, name, string(text))
	}
	if _, err := os.Stat(filepath.Join(root, ".local", "bench.json")); err != nil {
		t.Error(err)
	}
}

func TestPromises(t *testing.T) {
	alidns := providers()[0].Title
	for name, test := range map[string]struct {
		change func(*Report)
		want   []string
	}{
		"all hold": {change: func(*Report) {}},
		"nothing was measured": {change: func(r *Report) {
			r.One, r.Batches, r.Footprint = nil, nil, nil
		}},
		"one slow sample is no median": {change: func(r *Report) {
			for i := range r.One {
				r.One[i].Samples[len(r.One[i].Samples)-1] += 0.3
			}
		}},
		"a certificate more than a second above its floor": {
			change: func(r *Report) {
				for i := range r.One {
					if one := &r.One[i]; one.Provider == alidns && one.Way == wayCertyun && one.Propagation == 3 {
						one.Samples = []float64{9.6, 9.7, 2}
					}
				}
			},
			want: []string{"bench: one certificate through Alidns with a propagation of 3s took 9.6 s: more than the floor of 8.5 s and 1 s"},
		},
		"a hundred certificates above 1.15 times their floor": {
			change: func(r *Report) {
				for i := range r.Batches {
					if b := &r.Batches[i]; b.Provider == alidns && b.Way == wayCertyun {
						b.Ready[hundred-1] = 184.1
					}
				}
			},
			want: []string{"bench: 100 certificates through Alidns took 184.1 s: more than 1.15 times the floor of 160.0 s"},
		},
		"goroutines that stay": {
			change: func(r *Report) { r.Footprint.GoroutinesAfter++ },
			want:   []string{"bench: the solver has 161 goroutines after the load: 150 at the start and 10 more are allowed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample()
			test.change(r)
			var got []string
			if err := r.broken(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	got, err := ParseOptions([]string{"-quick", "-only", "one,limits", "-charts", "docs"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := Options{Out: io.Discard, Charts: "docs", Only: []string{"one", "limits"}, Quick: true}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Options{}, "Out")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.runs(partHundred) || !got.runs(partOne) || !(Options{}).runs(partHundred) {
		t.Error("the parts to run are wrong")
	}
	for _, args := range [][]string{{"-only", "two"}, {"more"}, {"-nonsense"}} {
		if _, err := ParseOptions(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
