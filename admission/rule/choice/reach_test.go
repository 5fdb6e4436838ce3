package choice

import (
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestReachIsCertManagersChoice compares the choice among a part of the solvers, with a mark in each, with cert-manager's among
// all as they are.
func TestReachIsCertManagersChoice(t *testing.T) {
	t.Parallel()
	selectors := []*cmacme.CertificateDNSNameSelector{
		nil,
		{},
		{DNSZones: []string{"x.dev"}},
		{DNSZones: []string{"a.x.dev", "Y.dev"}},
		{DNSNames: []string{"a.x.dev"}},
		{DNSNames: []string{"a.x.dev"}, DNSZones: []string{"x.dev"}},
		{MatchLabels: map[string]string{"a": "b"}},
		{MatchLabels: map[string]string{"a": "b", "c": "d"}, DNSZones: []string{"x.dev"}},
		{DNSZones: []string{"*.x.dev"}},
	}
	names := []string{"x.dev", "a.x.dev", "b.a.x.dev", "*.x.dev", "*.y.dev", "z.dev", "192.0.2.1"}
	labels := []map[string]string{nil, {"a": "b"}, {"a": "b", "c": "d", "e": "f"}}
	for i := range len(selectors) * len(selectors) * 4 {
		first, second := selectors[i%len(selectors)], selectors[i/len(selectors)%len(selectors)]
		solvers := []cmacme.ACMEChallengeSolver{solverOf(first, i%4 < 2), solverOf(second, i%4%2 == 0), solverOf(first, i%4%2 == 0)}
		reach := NewReach(t.Context(), solvers)
		for _, name := range names {
			for _, l := range labels {
				order := &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: l}}
				want, _ := solverpicker.Pick(t.Context(), name, Offers(name), solvers, order)
				got := reach.Pick(name, l)
				if (want == nil) != (got < 0) || want != nil && !sameChoice(want, &solvers[got]) {
					t.Errorf("%q with labels %v among %+v: got %d, want %+v", name, l, solvers, got, want)
				}
			}
		}
	}
}

func solverOf(selector *cmacme.CertificateDNSNameSelector, dns bool) cmacme.ACMEChallengeSolver {
	if dns {
		return cmacme.ACMEChallengeSolver{Selector: selector, DNS01: &cmacme.ACMEChallengeSolverDNS01{}}
	}
	return cmacme.ACMEChallengeSolver{Selector: selector, HTTP01: &cmacme.ACMEChallengeSolverHTTP01{}}
}

// sameChoice compares what the choice depends on.
func sameChoice(a, b *cmacme.ACMEChallengeSolver) bool { return cmp.Diff(bare(a, 0), bare(b, 0)) == "" }

// A machine that is busy with other things says no less of an Issuer than an idle one.
func TestClockStopsOnlyALongSearch(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		spent int
		late  time.Duration
		want  bool
	}{
		"nothing looked at, in time":     {0, -time.Hour, false},
		"nothing looked at, too late":    {0, time.Hour, false},
		"a small Issuer, too late":       {reachAtOnce, time.Hour, false},
		"a large Issuer, in time":        {reachBudget, -time.Hour, false},
		"a large Issuer, too late":       {reachAtOnce + 1, time.Hour, true},
		"more than the budget, in time":  {reachBudget + 1, -time.Hour, true},
		"more than the budget, too late": {reachBudget + 1, time.Hour, true},
	} {
		r := NewReach(t.Context(), nil)
		r.spent, r.until = tc.spent, time.Now().Add(-tc.late)
		if got := r.Exhausted(); got != tc.want {
			t.Errorf("%s: exhausted is %v", title, got)
		}
	}
}
