package solvers

import (
	"slices"
	"strings"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// step is one call to one of two replicas.
type step struct {
	call    string
	replica int
}

// orders are all orders of n calls to two replicas.
func orders(n int) [][]step {
	all := [][]step{nil}
	for range n {
		var longer [][]step
		for _, order := range all {
			for _, next := range []step{{"Present", 0}, {"Present", 1}, {"CleanUp", 0}, {"CleanUp", 1}} {
				longer = append(longer, append(slices.Clip(order), next))
			}
		}
		all = longer
	}
	return all
}

// TestEveryOrderOnTwoReplicas presents and cleans up one record, however a CA that reuses authorizations makes it be asked for: a
// CleanUp that succeeds leaves nothing, and one that comes after an edit leaves what the edit made.
func TestEveryOrderOnTwoReplicas(t *testing.T) {
	for name, between := range map[string]time.Duration{
		"steps at once": time.Millisecond, "a second between steps": time.Second, "less than the lag between steps": 11 * time.Second,
		"more than the lag between steps": 31 * time.Second,
	} {
		for _, lag := range []time.Duration{0, 30 * time.Second} {
			for _, v := range vendors() {
				if v.name == "alidns" && lag > 0 {
					continue // its lists do not lag
				}
				t.Run(v.name+", "+name+", lists lag by "+lag.String(), func(t *testing.T) {
					for _, order := range orders(4) {
						forOne(t, v.name, func(r *rig) {
							r.cloud.Change(func(s *cloud.Settings) { s.ListLag = lag })
							r.perform(order, between)
						})
					}
				})
			}
		}
	}
}

func (r *rig) perform(order []step, between time.Duration) {
	replicas := []*Solver{r.solver, r.replica()}
	for _, s := range order {
		call := map[string]func(*whapi.ChallengeRequest) error{"Present": replicas[s.replica].Present, "CleanUp": replicas[s.replica].CleanUp}
		if err := call[s.call](r.request()); err != nil {
			r.t.Fatalf("%v: %s: %v", order, s.call, err)
		}
		switch got := strings.Count(strings.Join(r.txt("alice"), "\n"), wanted); {
		case s.call == "CleanUp" && got > 0:
			r.t.Fatalf("%v: a CleanUp succeeded, and the record is still there", order)
		case s.call == "Present" && got != 1:
			r.t.Fatalf("%v: there are %d records after Present", order, got)
		}
		time.Sleep(between)
	}
}

// TestARowThatWasEditedIsNotRemoved has somebody make another record of the challenge's row, at every moment of every order of three calls
// to two replicas.
func TestARowThatWasEditedIsNotRemoved(t *testing.T) {
	for edit, change := range map[string]func(*cloud.Record){
		"another value":                func(rec *cloud.Record) { rec.Value = "v=spf1 -all" },
		"another name":                 func(rec *cloud.Record) { rec.RR = "www" },
		"another name, type and value": func(rec *cloud.Record) { rec.RR, rec.Type, rec.Value = "www", "CNAME", "example.net" },
	} {
		for _, lag := range []time.Duration{0, 30 * time.Second} {
			t.Run(edit+", lists lag by "+lag.String(), func(t *testing.T) {
				for _, order := range orders(2) {
					forBoth(t, func(r *rig) {
						r.present()
						if r.name != "alidns" { // whose lists do not lag
							r.cloud.Change(func(s *cloud.Settings) { s.ListLag = lag })
						}
						edited := r.cloud.Records("example.com")[0]
						change(&edited)
						if err := r.cloud.Update("alice", edited); err != nil {
							r.t.Fatal(err)
						}
						r.perform(append(order, step{"CleanUp", 0}), time.Second)
						if diff := cmp.Diff([]cloud.Record{edited}, r.cloud.Records("example.com")); diff != "" {
							r.t.Fatalf("%v: what is left (-want +got):\n%s", order, diff)
						}
					})
				}
			})
		}
	}
}
