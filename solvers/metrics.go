package solvers

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
)

// counters count, by solver, what operators should know of. No label is a name that a tenant chooses.
type counters struct {
	// operations are Present and CleanUp, with what became of them; took is how long they did, inFlight how many there are now.
	operations *metrics.CounterVec
	took       *metrics.HistogramVec
	inFlight   *metrics.GaugeVec
	// calls are those of the clouds' APIs, callTook how long their requests were under way, and queued how long they waited for their turn.
	calls    *metrics.CounterVec
	callTook *metrics.HistogramVec
	queued   *metrics.CounterVec
	// propagation is how long records took to be visible.
	propagation *metrics.HistogramVec
	// ahead counts what was written ahead and taken back, held the values that were held back from the CA.
	ahead *metrics.CounterVec
	held  *metrics.CounterVec
	// sessions counts what credentials were asked for, and sessionEnds is when the last that was given ends.
	sessions    *metrics.CounterVec
	sessionEnds *metrics.GaugeVec
	// abandoned counts the records that could not be cleaned up and never can be.
	abandoned *metrics.CounterVec
	// unseen counts the records that nobody could look for, so that Present went on after the whole wait.
	unseen *metrics.CounterVec
}

// register registers in a registry, once for each name.
type register func(metrics.Registerable) error

// newCounters returns the counters of a registry, in which they are registered once, however often this is called.
func newCounters(r register) *counters {
	return &counters{
		operations: r.counter("certyun_solver_operations_total",
			"What cert-manager asked for, by operation (present, cleanup) and outcome: ok, abandoned, or the kind of the error.", "operation", "outcome"),
		took: r.histogram("certyun_solver_operation_duration_seconds", "How long it took, by operation.",
			[]float64{.1, .25, .5, 1, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 35}, "operation"),
		inFlight: r.gauge("certyun_solver_operations_in_flight", "How many operations are under way, by operation.", "operation"),
		calls: r.counter("certyun_cloud_calls_total",
			"Calls of the cloud's API, by action and outcome: ok, or the kind of the error, of which throttled is one.", "action", "outcome"),
		callTook: r.histogram("certyun_cloud_call_duration_seconds", "How long the requests of a call were under way, by action.",
			[]float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "action"),
		queued: r.counter("certyun_cloud_calls_queued_seconds_total", "How long calls waited for their turn under the account's limit of calls a second."),
		propagation: r.histogram("certyun_propagation_seconds",
			"How long a record took from when the cloud had it until all authoritative name servers of its zone showed it.",
			[]float64{.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 45, 60, 120}),
		ahead: r.counter("certyun_records_ahead_total",
			"Records of challenges that cert-manager had not started yet, by what was done: written, or taken_back because nobody asked for them.", "action"),
		held: r.counter("certyun_challenges_held_total", "Challenges that were held back, for the CA may have remembered that their record was not there."),
		sessions: r.counter("certyun_sessions_total",
			"Sessions that were asked for, by kind (role: a role was assumed with keys; ambient: the solver's own identity) and outcome: ok, or the kind of the error.",
			"kind", "outcome"),
		sessionEnds: r.gauge("certyun_session_end_timestamp_seconds", "When the session that was given last ends, in seconds since 1970, by kind.", "kind"),
		abandoned: r.counter("certyun_records_abandoned_total",
			"Records that could not be cleaned up and never can be: the credential, the zone or a readable config is gone."),
		unseen: r.counter("certyun_propagation_unseen_total",
			"Challenges that went on after the whole wait, for no authoritative name server of the zone could be asked whether the record is visible."),
	}
}

// buildInfo says which version of the program runs.
func (r register) buildInfo(version string) {
	info := once(r, metrics.NewGaugeVec(&metrics.GaugeOpts{
		Name: "certyun_build_info", Help: "1 for the version of the program and of Go that it was built with.", StabilityLevel: metrics.ALPHA,
	}, []string{"version", "go_version"}))
	info.WithLabelValues(version, runtime.Version()).Set(1)
}

func (r register) counter(name, help string, labels ...string) *metrics.CounterVec {
	return once(r, metrics.NewCounterVec(&metrics.CounterOpts{Name: name, Help: help, StabilityLevel: metrics.ALPHA}, bySolver(labels)))
}

func (r register) gauge(name, help string, labels ...string) *metrics.GaugeVec {
	return once(r, metrics.NewGaugeVec(&metrics.GaugeOpts{Name: name, Help: help, StabilityLevel: metrics.ALPHA}, bySolver(labels)))
}

func (r register) histogram(name, help string, buckets []float64, labels ...string) *metrics.HistogramVec {
	o := &metrics.HistogramOpts{Name: name, Help: help, Buckets: buckets, StabilityLevel: metrics.ALPHA}
	return once(r, metrics.NewHistogramVec(o, bySolver(labels)))
}

func bySolver(labels []string) []string { return append([]string{"solver"}, labels...) }

// once registers a collector, or returns the one that is registered by this name.
func once[C metrics.Registerable](r register, c C) C {
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](r(c)); ok {
		return known.ExistingCollector.(C)
	}
	return c
}

// outcomeOf is a label: few, and never a text of somebody else's.
func outcomeOf(err error) string {
	f, known := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return "ok"
	case known:
		return f.Kind.String()
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return fault.Transient.String()
	}
	return "unknown"
}

// The operations.
const (
	presenting = "present"
	cleaning   = "cleanup"
)

// operation counts one from now on, until its outcome is told.
func (c *counters) operation(solver, operation string) (end func(outcome string)) {
	begun, gauge := time.Now(), c.inFlight.WithLabelValues(solver, operation)
	gauge.Inc()
	return func(outcome string) {
		gauge.Dec()
		c.operations.WithLabelValues(solver, operation, outcome).Inc()
		c.took.WithLabelValues(solver, operation).Observe(time.Since(begun).Seconds())
	}
}

// observer counts the calls of a solver: it is a wire.Observer.
type observer struct {
	*counters
	solver string
}

// Called implements wire.Observer.
func (o observer) Called(action string, err error, waited, took time.Duration) {
	o.calls.WithLabelValues(o.solver, action, outcomeOf(err)).Inc()
	o.callTook.WithLabelValues(o.solver, action).Observe(took.Seconds())
	o.queued.WithLabelValues(o.solver).Add(waited.Seconds())
}

// opened counts a session that was asked for.
func (o observer) opened(kind credential.Kind, ends time.Time, err error) {
	o.sessions.WithLabelValues(o.solver, string(kind), outcomeOf(err)).Inc()
	if err == nil && !ends.IsZero() {
		o.sessionEnds.WithLabelValues(o.solver, string(kind)).Set(float64(ends.Unix()))
	}
}
