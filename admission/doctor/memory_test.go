package doctor

import (
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRival tells a CA that remembers from one that saw nothing.
func TestRival(t *testing.T) {
	t.Parallel()
	at := func(after time.Duration) *metav1.Time { return new(metav1.NewTime(noon.Add(after))) }
	wait := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	tests := map[string]struct {
		change func(failed, other *acmev1.Challenge)
		want   bool
	}{
		"the other was valid just before":            {func(_, _ *acmev1.Challenge) {}, true},
		"cert-manager waited for 59 seconds":         {func(failed, _ *acmev1.Challenge) { failed.Spec.Solver.WaitInsteadOfSelfCheck = wait(59 * time.Second) }, true},
		"cert-manager waited for a minute":           {func(failed, _ *acmev1.Challenge) { failed.Spec.Solver.WaitInsteadOfSelfCheck = wait(time.Minute) }, false},
		"cert-manager checked for itself":            {func(failed, _ *acmev1.Challenge) { failed.Spec.Solver.WaitInsteadOfSelfCheck = nil }, false},
		"the other is for another name":              {func(_, other *acmev1.Challenge) { other.Spec.DNSName = "shop.example.com" }, false},
		"the other is for the same name in capitals": {func(_, other *acmev1.Challenge) { other.Spec.DNSName = "WWW.example.com" }, true},
		"the other is solved over HTTP":              {func(_, other *acmev1.Challenge) { other.Spec.Type = acmev1.ACMEChallengeTypeHTTP01 }, false},
		"the other has not had its turn":             {func(_, other *acmev1.Challenge) { other.Status.State = acmev1.Pending }, false},
		"the other had its turn afterwards":          {func(_, other *acmev1.Challenge) { other.Status.PresentedAt = at(time.Second) }, false},
		"the other had its turn minutes before":      {func(_, other *acmev1.Challenge) { other.Status.PresentedAt = at(-2 * time.Minute) }, false},
		"nobody says when the other had its turn":    {func(_, other *acmev1.Challenge) { other.Status.PresentedAt = nil }, true},
		"the other failed too":                       {func(_, other *acmev1.Challenge) { other.Status.State = acmev1.Invalid }, false},
		"the CA quotes the value of the other": {func(failed, other *acmev1.Challenge) {
			other.Status.State, failed.Status.Reason = acmev1.Invalid, `Incorrect TXT record "`+value+`" found`
		}, true},
		"it has not failed yet": {func(failed, _ *acmev1.Challenge) { failed.Status.State = acmev1.Pending }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := &acmev1.Challenge{
				Spec:   acmev1.ChallengeSpec{DNSName: "www.example.com", Type: acmev1.ACMEChallengeTypeDNS01, Key: leftOver, Solver: acmev1.ACMEChallengeSolver{WaitInsteadOfSelfCheck: wait(0)}},
				Status: acmev1.ChallengeStatus{State: acmev1.Invalid, Reason: refusedValue, PresentedAt: at(0)},
			}
			other := failed.DeepCopy()
			other.Spec.Key, other.Status = value, acmev1.ChallengeStatus{State: acmev1.Valid, PresentedAt: at(-5 * time.Second)}
			test.change(failed, other)
			c := &chain{challenges: []*acmev1.Challenge{failed, other}}
			if got := c.rival(failed); (got != nil) != test.want || got == failed {
				t.Errorf("rival = %v", got)
			}
		})
	}
}
