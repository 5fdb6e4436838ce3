package admission

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/certyun/certyun/admission/rule"
)

const policyHead = "apiVersion: certyun.internal/v1\nkind: Policy\n"

func gaugeValue(t testing.TB, gauge prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := gauge.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

func TestPolicyIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	synctest.Test(t, func(t *testing.T) {
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(policyHead + "rules: {spoken: warn}\n")
		gauge := newReviewMetrics().policyValid
		source, err := newPolicyFile(file, spokenRules(), gauge)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go source.watch(ctx)
		steps := []struct {
			title string
			do    func()
			want  rule.Severity
			valid float64
		}{
			{"as it was read first", func() {}, rule.Warn, 1},
			{"changed", func() { write(policyHead + "rules: {spoken: off}\n") }, rule.Off, 1},
			{"broken", func() { write(policyHead + "rules: {spoken: perhaps}\n") }, rule.Off, 0},
			{"still broken", func() {}, rule.Off, 0},
			{"gone", func() { _ = os.Remove(file) }, rule.Off, 0},
			{"there again, as broken as before", func() { write(policyHead + "rules: {spoken: perhaps}\n") }, rule.Off, 0},
			{"mended", func() { write(policyHead + "rules: {spoken: deny}\n") }, rule.Deny, 1},
		}
		for _, step := range steps {
			step.do()
			time.Sleep(policyInterval)
			synctest.Wait()
			if got := source.decided.Load().Policy.Rules["spoken"]; got != step.want {
				t.Errorf("%s: the severity is %q, want %q", step.title, got, step.want)
			}
			if got := gaugeValue(t, gauge); got != step.valid {
				t.Errorf("%s: certyun_admission_policy_valid is %v, want %v", step.title, got, step.valid)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestAServerDoesNotStartWithABadPolicy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("rules: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := newPolicyFile(file, spokenRules(), newReviewMetrics().policyValid)
	if err == nil || !strings.HasPrefix(err.Error(), "--policy "+file+": the policy must begin with") {
		t.Errorf("the error is %v", err)
	}
}
