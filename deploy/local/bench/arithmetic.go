package bench

import (
	"math"
	"slices"
	"time"
)

// median of an even number of values is the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// basisOf is the least that certificates can take whose records appear late: the time of the same with records that are
// visible at once, and the propagation, once. However many challenges there are, their records may appear side by side.
func basisOf(atOnce float64, propagation time.Duration) float64 {
	return atOnce + propagation.Seconds()
}

// tenths rounds to one decimal.
func tenths(value float64) float64 { return math.Round(value*10) / 10 }

func seconds(durations []time.Duration) []float64 {
	values := make([]float64, len(durations))
	for i, d := range durations {
		values[i] = d.Seconds()
	}
	return values
}
