package solvers

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"

	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// What the cloud of the benchmark allows, and what is promised of it.
const (
	allowedQPS   = 20
	allowedBurst = 5
	manyAtOnce   = 500
)

// leastUsed is how much of what the cloud allows is used: less where more is configured than that.
func leastUsed(configured float64) float64 {
	if configured > allowedQPS {
		return 0.8
	}
	return 0.9
}

// cert-manager tries a challenge again after so long, doubling
// (https://github.com/cert-manager/cert-manager/blob/v1.21.2/pkg/controller/util.go). One that so many tries were not enough
// for, which are five minutes, counts as failed for good.
const (
	firstRetry = 5 * time.Second
	mostTries  = 7
)

// BenchmarkQuota presents and cleans up 500 challenges at once at a cloud that allows 20 calls a second, and tries each as
// often as cert-manager would. It runs in real time, with all the cases side by side, and takes about a minute.
func BenchmarkQuota(b *testing.B) {
	for b.Loop() {
		var runs []*quotaRun
		for _, v := range vendors() {
			for _, qps := range []float64{allowedQPS, 2.5 * allowedQPS, 5 * allowedQPS} {
				runs = append(runs, newQuotaRun(b, v, qps))
			}
		}
		inParallel(len(runs), func(i int) { runs[i].run() })
		least, failed, broken := 1.0, int64(0), false
		for _, run := range runs {
			used := run.used()
			b.Logf("%-6s --%s-qps=%-3g  allowed %d/s  used %.1f/s  ratio %.3f, at least %.2f  failed for good %d of %d", run.rig.name, run.rig.name,
				run.rig.qps, allowedQPS, used*allowedQPS, used, leastUsed(run.rig.qps), run.failed.Load(), manyAtOnce)
			least, failed = min(least, used), failed+run.failed.Load()
			broken = broken || used < leastUsed(run.rig.qps)
			run.rig.cloud.Close()
		}
		b.ReportMetric(least, "used/allowed")
		b.ReportMetric(float64(failed), "failed")
		if broken || failed > 0 {
			b.Fatal("not enough of the allowed rate is used, or a challenge failed for good")
		}
	}
}

// quotaRun is one case of BenchmarkQuota.
type quotaRun struct {
	rig    *rig
	took   time.Duration
	failed atomic.Int64
}

func newQuotaRun(b *testing.B, v vendor, qps float64) *quotaRun {
	b.Helper()
	r := newRig(b, v)
	r.cloud.Change(func(s *cloud.Settings) { s.RecordLimit = 0 })
	r.cloud.PutAccount(cloud.Account{
		Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}, QPS: allowedQPS, Burst: allowedBurst,
	})
	// The API calls of a Present have the time that they have where it waits for its record.
	r.watcher = seenAtOnce{}
	r.qps = qps
	r.restart()
	return &quotaRun{rig: r}
}

func (q *quotaRun) run() {
	start := time.Now()
	inParallel(manyAtOnce, func(i int) {
		ch := q.rig.request(withName(fmt.Sprintf("_acme-challenge.www%d.example.com.", i), "example.com."))
		if !persist(q.rig.solver.Present, ch) || !persist(q.rig.solver.CleanUp, ch) {
			q.failed.Add(1)
		}
	})
	q.took = time.Since(start)
}

// persist tries an operation as cert-manager does, and tells whether it succeeded in the end.
func persist(operation func(*whapi.ChallengeRequest) error, ch *whapi.ChallengeRequest) bool {
	for try, pause := 0, firstRetry; try < mostTries; try, pause = try+1, 2*pause {
		if operation(ch) == nil {
			return true
		}
		time.Sleep(pause)
	}
	return false
}

// used is how many calls the cloud let through of those that it would have.
func (q *quotaRun) used() float64 {
	passed := 0
	for _, call := range q.rig.cloud.Calls() {
		if call.Code == "" {
			passed++
		}
	}
	return float64(passed) / (allowedBurst + allowedQPS*q.took.Seconds())
}

// seenAtOnce is a Watcher to which every record is visible.
type seenAtOnce struct{}

func (seenAtOnce) Wait(context.Context, propagation.Record) (propagation.Sight, error) {
	return propagation.Sight{Seen: true}, nil
}

func (seenAtOnce) Watch(context.Context, propagation.Record, time.Duration) bool { return true }

// BenchmarkCalls counts the API calls for each issued name once the account's zones are known.
func BenchmarkCalls(b *testing.B) {
	const names = 100
	for _, v := range vendors() {
		b.Run(v.name, func(b *testing.B) {
			r := newRig(b, v)
			defer r.cloud.Close()
			r.qps = 1e6
			r.restart()
			r.present()
			r.cleanUp()
			for b.Loop() {
				r.cloud.ResetCalls()
				inParallel(names, func(i int) {
					name := withName(fmt.Sprintf("_acme-challenge.www%d.example.com.", i), "example.com.")
					if err := r.solver.Present(r.request(name)); err != nil {
						b.Error(err)
					}
					if err := r.solver.CleanUp(r.request(name)); err != nil {
						b.Error(err)
					}
				})
				if got := len(r.cloud.Calls()); got != 3*names {
					b.Fatalf("%d calls for %d names, want 3 for each", got, names)
				}
			}
			b.ReportMetric(float64(len(r.cloud.Calls()))/names, "calls/name")
		})
	}
}
