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

func TestRounds(t *testing.T) {
	for name, test := range map[string]struct{ challenges, workers, want int }{
		"a hundred certificates with cert-manager's workers": {200, 5, 40},
		"the last round need not be full":                    {201, 5, 41},
		"fewer challenges than workers":                      {2, 5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := batchRounds(test.challenges, test.workers); got != test.want {
				t.Errorf("%d rounds, want %d", got, test.want)
			}
		})
	}
}

func TestFloor(t *testing.T) {
	if got := floorOf(2.5, oneRounds, 3*time.Second); got != 8.5 {
		t.Errorf("one certificate: %v", got)
	}
	if got := floorOf(40, batchRounds(200, 5), 3*time.Second); got != 160 {
		t.Errorf("a hundred certificates: %v", got)
	}
}
