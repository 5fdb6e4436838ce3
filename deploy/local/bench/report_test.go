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

	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a run in which all promises hold.
func sample() *Report {
	r := &Report{}
	for _, p := range providers() {
		for _, propagation := range propagations() {
			for _, jitter := range []time.Duration{0, 400 * time.Millisecond, -300 * time.Millisecond} {
				took := 2500*time.Millisecond + jitter
				if propagation > 0 {
					took += propagation + 200*time.Millisecond
				}
				r.addOne(p.Title, wayCertyun, propagation, []time.Duration{took})
			}
			r.addOne(p.Title, wayCertyunChecked, propagation, []time.Duration{124*time.Second + 2*propagation})
			r.addOne(p.Title, wayPlain, propagation, []time.Duration{143 * time.Second})
		}
		for _, propagation := range batchPropagations() {
			r.addBatch(p.Title, wayCertyun, propagation, evenly(hundred, 32*time.Second+propagation*11/10))
		}
		r.addBatch(p.Title, wayPlain, usualPropagation, evenly(ten, 269*time.Second))
		r.addTwin(p.Title, []time.Duration{62 * time.Second})
		r.Calls = append(r.Calls,
			Calls{Provider: p.Title, Replicas: 1, Names: 100, Calls: 301, ZoneLists: 1}, Calls{Provider: p.Title, Replicas: 2, Names: 100, Calls: 332, ZoneLists: 2})
		r.addOrders(p.Title, wayCertyun, outcome{ready: evenly(hundred, time.Minute)})
		r.addOrders(p.Title, wayCertyun, outcome{ready: evenly(ten, time.Minute)})
		r.addOrders(p.Title, wayPlain, outcome{ready: evenly(ten, time.Minute)})
	}
	for _, l := range limitCases() {
		r.addLimit(l, evenly(limitCertificates, 30*time.Second))
	}
	r.Footprint = &Footprint{
		IdleMB: 40.2, LoadedMB: 70.5, GoroutinesIdle: 150, GoroutinesLoaded: 300, GoroutinesAfter: 150 + goroutineSlack,
		BackAfter: 12, BinaryMB: 60, ColdStart: 0.42,
	}
	r.Others = &Others{Challenges: 1000, WithoutMB: 40.2, WithMB: 47}
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

func TestGenerated_Tables(t *testing.T) {
	var out strings.Builder
	if err := sample().tables(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "tables.txt", out.String())
}

func TestGenerated_Charts(t *testing.T) {
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
		"all hold":             {change: func(*Report) {}},
		"nothing was measured": {change: func(r *Report) { *r = Report{} }},
		"one slow sample is no median": {change: func(r *Report) {
			for i := range r.One {
				r.One[i].Samples[len(r.One[i].Samples)-1] += 0.3
			}
		}},
		"a certificate more than a second above its basis": {
			change: func(r *Report) {
				for i := range r.One {
					if one := &r.One[i]; one.Provider == alidns && one.Way == wayCertyun && one.Propagation == 3 {
						one.Samples = []float64{6.6, 6.7, 2}
					}
				}
			},
			want: []string{"bench: one certificate through Alidns with a propagation of 3s took 6.6 s: more than the basis of 5.5 s and 1 s"},
		},
		"a hundred certificates above 1.15 times their basis": {
			change: func(r *Report) { slowest(r, alidns, usualPropagation, 40.3) },
			want: []string{"bench: 100 certificates through Alidns with a propagation of 3s took 40.3 s: " +
				"more than 1.15 times the basis of 35.0 s"},
		},
		"records that are later may cost 1.2 times the basis": {
			change: func(r *Report) { slowest(r, alidns, 10*time.Second, 50.3) },
		},
		"and no more": {
			change: func(r *Report) { slowest(r, alidns, 10*time.Second, 50.5) },
			want: []string{"bench: 100 certificates through Alidns with a propagation of 10s took 50.5 s: " +
				"more than 1.20 times the basis of 42.0 s"},
		},
		"a second certificate that waits for too long": {
			change: func(r *Report) { r.addTwin(alidns, []time.Duration{76 * time.Second}) },
			want:   []string{"bench: a second certificate for the same names through Alidns took 76.0 s: more than 75 s"},
		},
		"an Order that failed": {
			change: func(r *Report) { r.addOrders(alidns, wayCertyun, outcome{failed: 1}) },
			want:   []string{"bench: 1 Orders failed through Alidns (certyun)"},
		},
		"a plain webhook's Order that failed is no promise": {
			change: func(r *Report) { r.addOrders(alidns, wayPlain, outcome{failed: 1}) },
		},
		"a call too many with one replica": {
			change: func(r *Report) { r.Calls[0].Calls = 306 },
			want:   []string{"bench: a name through Alidns took 3.1 calls (replicas: 1): more than 3.0"},
		},
		"calls too many with two replicas": {
			change: func(r *Report) { r.Calls[1].Calls = 356 },
			want:   []string{"bench: a name through Alidns took 3.6 calls (replicas: 2): more than 3.5"},
		},
		"challenges of others that take memory": {
			change: func(r *Report) { r.Others.WithMB = 50.3 },
			want:   []string{"bench: the solver has 50 MB with 1000 challenges of others and 40 MB without: 10 MB more are allowed"},
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

// slowest sets when the last of certyun's hundred certificates was ready.
func slowest(r *Report, provider string, propagation time.Duration, last float64) {
	for i := range r.Batches {
		if b := &r.Batches[i]; b.Provider == provider && b.Way == wayCertyun && b.Propagation == propagation.Seconds() {
			b.Ready[hundred-1] = last
		}
	}
}

func TestCountOfCalls(t *testing.T) {
	r, account := &Report{}, stage.Account{Owner: "calls"}
	r.addCalls("Alidns", wayOneReplica, []cloud.Call{
		{Owner: "calls", Action: "DescribeDomains"},
		{Owner: "calls", Action: "AddDomainRecord", Code: "Throttling.User"},
		{Owner: "others", Action: "AddDomainRecord"},
		{Owner: "calls", Action: "DeleteDomainRecord"},
	}, account)
	want := []Calls{{Provider: "Alidns", Replicas: 1, Names: 2 * callsCertificates, Calls: 3, ZoneLists: 1}}
	if diff := cmp.Diff(want, r.Calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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
