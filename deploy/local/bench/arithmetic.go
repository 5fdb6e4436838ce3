package bench

import (
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

// batchRounds is how many challenges a worker works on, one after the other. A challenge holds its worker while its record
// appears: cert-manager calls Present in the worker, and Present returns when the record is visible. So C challenges on W
// workers wait in at least C/W rounds, however fast everything else is.
func batchRounds(challenges, workers int) int { return (challenges + workers - 1) / workers }

// floorOf is what no solver can beat: the time of a solver that returns at once with records that are visible at once,
// plus the propagation of the rounds, which that run did not have to wait for.
func floorOf(atOnce float64, rounds int, propagation time.Duration) float64 {
	return atOnce + float64(rounds)*propagation.Seconds()
}

func seconds(durations []time.Duration) []float64 {
	values := make([]float64, len(durations))
	for i, d := range durations {
		values[i] = d.Seconds()
	}
	return values
}
