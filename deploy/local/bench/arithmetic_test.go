package bench

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   float64
	}{
		"nothing was measured":               {nil, 0},
		"one value is its own median":        {[]float64{4}, 4},
		"the middle one of three, unordered": {[]float64{9, 1, 2}, 2},
		"the mean of the two in the middle":  {[]float64{1, 100, 3, 2}, 2.5},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(test.values)
			if got := median(test.values); got != test.want {
				t.Errorf("median %v, want %v", got, test.want)
			}
			if len(test.values) != before || before == 3 && test.values[0] != 9 {
				t.Errorf("the values were changed: %v", test.values)
			}
		})
	}
}

func TestBasis(t *testing.T) {
	for name, test := range map[string]struct {
		atOnce      float64
		propagation time.Duration
		want        float64
	}{
		"propagation is paid once":               {2.5, 3 * time.Second, 5.5},
		"records that are there at once":         {2.5, 0, 2.5},
		"however many certificates there are":    {32, 10 * time.Second, 42},
		"propagation of less than a second, too": {1, 250 * time.Millisecond, 1.25},
	} {
		t.Run(name, func(t *testing.T) {
			if got := basisOf(test.atOnce, test.propagation); got != test.want {
				t.Errorf("basis %v, want %v", got, test.want)
			}
		})
	}
}

func TestTenths(t *testing.T) {
	for value, want := range map[float64]float64{2.02: 2, 2.04: 2, 2.06: 2.1, 2.5: 2.5} {
		if got := tenths(value); got != want {
			t.Errorf("%v: %v, want %v", value, got, want)
		}
	}
}
