package solvers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/component-base/metrics"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// series are what a registry has, without those of time, in the form name{labels} value.
func series(families []*dto.MetricFamily) map[string]float64 {
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetName() != "solver" {
					labels = append(labels, l.GetValue())
				}
			}
			name := fmt.Sprintf("%s{%s}", strings.TrimPrefix(family.GetName(), "certyun_"), strings.Join(labels, ","))
			switch {
			case m.GetHistogram() != nil:
				got[name] = float64(m.GetHistogram().GetSampleCount())
			case m.GetGauge() != nil:
				got[name] = m.GetGauge().GetValue()
			default:
				got[name] = m.GetCounter().GetValue()
			}
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(r *rig)
		want func(r *rig) map[string]float64
	}{
		"a challenge": {
			do: func(r *rig) { r.present(); r.cleanUp() },
			want: func(r *rig) map[string]float64 {
				return map[string]float64{
					"solver_operations_total{present,ok}": 1, "solver_operations_total{cleanup,ok}": 1,
					"solver_operation_duration_seconds{present}": 1, "solver_operation_duration_seconds{cleanup}": 1,
					"solver_operations_in_flight{present}": 0, "solver_operations_in_flight{cleanup}": 0,
					"cloud_calls_total{" + r.zones + ",ok}": 1, "cloud_calls_total{" + r.add + ",ok}": 1,
					"cloud_calls_total{" + r.look + ",ok}": 1, "cloud_calls_total{" + r.remove + ",ok}": 1,
					"cloud_call_duration_seconds{" + r.zones + "}": 1, "cloud_call_duration_seconds{" + r.add + "}": 1,
					"cloud_call_duration_seconds{" + r.look + "}": 1, "cloud_call_duration_seconds{" + r.remove + "}": 1,
					"cloud_calls_queued_seconds_total{}": 0,
				}
			},
		},
		"keys that the cloud does not know": {
			do: func(r *rig) {
				r.secrets.put("team-a", "alice", "AKIDnobody", "x")
				_ = r.solver.Present(r.request())
				r.cleanUp()
			},
			want: func(r *rig) map[string]float64 {
				return map[string]float64{
					"solver_operations_total{present,credential_gone}": 1, "solver_operations_total{cleanup,abandoned}": 1,
					"solver_operation_duration_seconds{present}": 1, "solver_operation_duration_seconds{cleanup}": 1,
					"solver_operations_in_flight{present}": 0, "solver_operations_in_flight{cleanup}": 0,
					"cloud_calls_total{" + r.zones + ",credential_gone}": 1, "cloud_call_duration_seconds{" + r.zones + "}": 1,
					"cloud_calls_total{" + r.list + ",credential_gone}": 1, "cloud_call_duration_seconds{" + r.list + "}": 1,
					"cloud_calls_queued_seconds_total{}": 0, "records_abandoned_total{}": 1,
				}
			},
		},
		"a cloud that throttles once": {
			do: func(r *rig) {
				r.inject(cloud.Fault{Kind: cloud.Throttle, Action: r.add, Count: 1})
				r.present()
			},
			want: func(r *rig) map[string]float64 {
				return map[string]float64{
					"solver_operations_total{present,ok}": 1, "solver_operation_duration_seconds{present}": 1, "solver_operations_in_flight{present}": 0,
					"cloud_calls_total{" + r.zones + ",ok}": 1, "cloud_calls_total{" + r.add + ",throttled}": 1, "cloud_calls_total{" + r.add + ",ok}": 1,
					"cloud_call_duration_seconds{" + r.zones + "}": 1, "cloud_call_duration_seconds{" + r.add + "}": 2,
					"cloud_calls_queued_seconds_total{}": 0,
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				registry := metrics.NewKubeRegistry()
				r.counters = newCounters(registry.Register)
				r.solver = r.replica()
				test.do(r)
				families, err := registry.Gather()
				if err != nil {
					r.t.Fatal(err)
				}
				if diff := cmp.Diff(test.want(r), series(families)); diff != "" {
					r.t.Errorf("metrics (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMetrics_Sessions(t *testing.T) {
	forRoles(t, func(r *rig) {
		registry := metrics.NewKubeRegistry()
		r.counters = newCounters(registry.Register)
		r.solver = r.replica()
		r.present(r.byRole)
		r.putRole(cloud.Role{ARN: r.roleARN()})
		time.Sleep(2 * time.Hour)
		_ = r.solver.Present(r.request(r.byRole))
		families, err := registry.Gather()
		if err != nil {
			r.t.Fatal(err)
		}
		got := series(families)
		ends := time.Unix(int64(got["session_end_timestamp_seconds{role}"]), 0)
		if got["sessions_total{role,ok}"] != 1 || got["sessions_total{role,denied}"] != 1 || time.Since(ends).Round(time.Minute) != time.Hour {
			r.t.Errorf("sessions: %v", got)
		}
	})
}

// TestMetrics_OfTime: how long records take, what is written ahead and taken back, what is held back.
func TestMetrics_OfTime(t *testing.T) {
	play(t, 0, func(s *theatre) {
		registry := metrics.NewKubeRegistry()
		s.counters = newCounters(registry.Register)
		s.start()
		_, challenges := s.apexAndWildcard("web", nthValue(1), nthValue(2))
		s.solve(challenges...)
		never := s.challenge(s.order("team-a", "never", "never.example.com"), 0, nthValue(3))
		time.Sleep(10 * time.Second)
		s.remove(never)
		time.Sleep(time.Minute)
		families, err := registry.Gather()
		if err != nil {
			s.t.Fatal(err)
		}
		got := map[string]float64{}
		for name, value := range series(families) {
			if strings.HasPrefix(name, "records_ahead") || strings.HasPrefix(name, "propagation_seconds") {
				got[name] = value
			}
		}
		if got["records_ahead_total{taken_back}"] != 1 || got["records_ahead_total{written}"] < 1 || got["propagation_seconds{}"] < 2 {
			s.t.Errorf("metrics: %v", got)
		}
		for _, family := range families {
			if family.GetName() == "certyun_propagation_seconds" {
				h := family.GetMetric()[0].GetHistogram()
				if mean := h.GetSampleSum() / float64(h.GetSampleCount()); mean < s.delay.Seconds() || mean > s.delay.Seconds()+3 {
					s.t.Errorf("records take %.1f s, want about %v", mean, s.delay)
				}
			}
		}
	})
}

var descriptor = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "(.+)", constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// TestGenerated_Metrics makes docs/metrics.md of what is registered, and holds it to Prometheus's own rules for names.
func TestGenerated_Metrics(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics of `certyun solver`\n\nMade by `make generate`. Do not edit.\n\n" +
		"They are served at `--metrics-bind-address`, with those of Go, of the process and of the API server. No label is the name of an object, a\n" +
		"namespace or a domain. `solver` is alidns or dnspod.\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	registry := metrics.NewKubeRegistry()
	capture := register(func(c metrics.Registerable) error {
		if err := registry.Register(c); err != nil {
			return err
		}
		descriptions := make(chan *prometheus.Desc, 1)
		c.Describe(descriptions)
		parts := descriptor.FindStringSubmatch((<-descriptions).String())
		if parts == nil {
			t.Fatalf("%s cannot be described", c.FQName())
		}
		labels := strings.Split(parts[3], ",")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", parts[1], sample(c, len(labels)), strings.Join(labels, ", "), cell(strings.TrimPrefix(parts[2], "[ALPHA] ")))
		return nil
	})
	newCounters(capture)
	capture.buildInfo("1.2.3")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(b.String(), "\n| `"); rows != len(families) {
		t.Errorf("%d metrics are described, and %d are looked at", rows, len(families))
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	checkDocument(t, "metrics.md", b.String())
}

// sample gives a metric one series, without which the linter does not see it, and says of which kind it is.
func sample(c metrics.Registerable, labels int) (kind string) {
	values := make([]string, labels)
	switch c := c.(type) {
	case *metrics.CounterVec:
		c.WithLabelValues(values...)
		return "counter"
	case *metrics.HistogramVec:
		c.WithLabelValues(values...)
		return "histogram"
	case *metrics.GaugeVec:
		c.WithLabelValues(values...)
		return "gauge"
	}
	return "unknown"
}
