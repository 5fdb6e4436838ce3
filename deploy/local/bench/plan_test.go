package bench

import (
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certyun/certyun/deploy/local/stage"
)

func TestNamesOfThePlan(t *testing.T) {
	names := lanes()
	for _, name := range names {
		for _, message := range validation.IsDNS1123Label(name) {
			t.Errorf("namespace %q: %s", name, message)
		}
	}
	for _, p := range providers() {
		zones := slices.Collect(maps.Keys(delays(p, commonAccount)))
		// As many as there are measurements of one certificate, or two would share one.
		one := len(propagations()) * (rounds + 2)
		if rest := len(batchPropagations()) + 3; len(zones) != one+rest && len(zones) != one+rest+len(limitCases()) {
			t.Errorf("%s has %d zones", p.Title, len(zones))
		}
		for _, w := range callsWays() {
			zones = slices.AppendSeq(zones, maps.Keys(delays(p, callsAccount(w))))
		}
		for _, zone := range zones {
			for _, message := range validation.IsDNS1123Subdomain(zone) {
				t.Errorf("zone %q: %s", zone, message)
			}
		}
		names = append(names, zones...)
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			t.Errorf("%q is used twice", names[i])
		}
	}
}

func TestDelays(t *testing.T) {
	p := stage.Alidns()
	delays := delays(p, commonAccount)
	for _, propagation := range propagations() {
		for _, w := range []way{wayCertyun, wayCertyunChecked, wayPlain} {
			if got := delays[oneZone(w, p, propagation, 0)]; got != propagation {
				t.Errorf("one, %s: %s, want %s", w, got, propagation)
			}
		}
	}
	for _, propagation := range batchPropagations() {
		if got := delays[laneZone(batchLane(wayCertyun, p, propagation))]; got != propagation {
			t.Errorf("many certificates: %s, want %s", got, propagation)
		}
	}
	for _, lane := range []string{batchLane(wayPlain, p, usualPropagation), twinsLane(p), limitLane(limitCases()[0])} {
		if got := delays[laneZone(lane)]; got != usualPropagation {
			t.Errorf("%s: %s", lane, got)
		}
	}
}

func TestWays(t *testing.T) {
	for w, want := range map[way]struct {
		group    string
		checked  bool
		replicas int
	}{
		wayPlain:          {plainGroup, true, 2},
		wayCertyun:        {stage.GroupName, false, 2},
		wayOneReplica:     {singleGroup, false, 1},
		wayCertyunChecked: {stage.GroupName, true, 2},
	} {
		if w.group() != want.group || w.replicas() != want.replicas {
			t.Errorf("%s: group %s, replicas %d", w, w.group(), w.replicas())
		}
		if checked := w.wait() == nil; checked != want.checked {
			t.Errorf("%s: self check %t", w, checked)
		}
	}
}
