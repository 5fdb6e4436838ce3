package solvers

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"
)

// counters count, by solver, what operators should know of.
type counters struct {
	// abandoned counts the records that could not be cleaned up and never can be.
	abandoned *metrics.CounterVec
	// unseen counts the records that nobody could look for, so that Present went on after the whole wait.
	unseen *metrics.CounterVec
}

// newCounters returns the counters of a registry, in which they are registered once, however often this is called.
func newCounters(register func(metrics.Registerable) error) *counters {
	return &counters{
		abandoned: counter(register, "certyun_records_abandoned_total",
			"Records that could not be cleaned up and never can be: the credential, the zone or a readable config is gone."),
		unseen: counter(register, "certyun_propagation_unseen_total",
			"Challenges that went on after the whole wait, for no authoritative name server of the zone could be asked whether the record is visible."),
	}
}

func counter(register func(metrics.Registerable) error, name, help string) *metrics.CounterVec {
	c := metrics.NewCounterVec(&metrics.CounterOpts{Name: name, Help: help, StabilityLevel: metrics.ALPHA}, []string{"solver"})
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](register(c)); ok {
		return known.ExistingCollector.(*metrics.CounterVec)
	}
	return c
}
