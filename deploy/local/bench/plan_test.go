package bench

import (
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
	// As many zones as there are measurements, or two would share one.
	const perPropagation = 2*rounds + 2
	want := len(propagations())*perPropagation + 3 + len(limitCases())
	for _, p := range providers() {
		zones := zones(p)
		if len(zones) != want {
			t.Errorf("%s has %d zones, want %d", p.Title, len(zones), want)
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

func TestOnlyTheFloorHasRecordsAtOnce(t *testing.T) {
	p := stage.Alidns()
	delays := delays(p)
	for _, propagation := range propagations() {
		if got := delays[oneZone(wayFloor, p, propagation, 0)]; got != 0 {
			t.Errorf("floor: %s", got)
		}
		for _, w := range []way{wayCertyun, wayCertyunChecked, wayPlain} {
			if got := delays[oneZone(w, p, propagation, 0)]; got != propagation {
				t.Errorf("%s: %s, want %s", w, got, propagation)
			}
		}
	}
	if got := delays[batchZone(wayCertyun, p, "batch")]; got != batchPropagation {
		t.Errorf("many certificates: %s", got)
	}
}

func TestWays(t *testing.T) {
	for w, want := range map[way]struct {
		group   string
		checked bool
	}{
		wayFloor:          {plainGroup, false},
		wayPlain:          {plainGroup, true},
		wayCertyun:        {stage.GroupName, false},
		wayCertyunChecked: {stage.GroupName, true},
	} {
		if w.group() != want.group {
			t.Errorf("%s: group %s", w, w.group())
		}
		if checked := w.wait() == nil; checked != want.checked {
			t.Errorf("%s: self check %t", w, checked)
		}
	}
}
