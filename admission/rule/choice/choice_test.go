package choice_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// The choice looks at few solvers; cert-manager's own function looks at all of them. They must agree.
func TestChoiceAgreesWithCertManager(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 4400 {
		solvers := ruletest.RandomSolvers(random, random.IntN(12))
		if round%11 == 0 {
			lengthen(random, solvers)
		}
		labels := ruletest.Labels[random.IntN(len(ruletest.Labels))]
		c := choice.New(t.Context(), solvers, labels)
		for _, name := range ruletest.Names {
			lower := strings.ToLower(name)
			want, _ := solverpicker.Pick(t.Context(), lower, choice.Offers(lower), solvers, &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: labels}})
			got := c.Pick(name)
			if want == nil {
				if got != -1 {
					t.Fatalf("%q: solver %d, cert-manager chooses none of %+v", name, got, solvers)
				}
				continue
			}
			if got < 0 || cmp.Diff(*want, solvers[got]) != "" {
				t.Fatalf("%q: solver %d, cert-manager chooses %+v of %+v", name, got, want, solvers)
			}
		}
	}
}

// lengthen makes selectors so long that the choice does not show all of them to cert-manager.
func lengthen(random *rand.Rand, solvers []cmacme.ACMEChallengeSolver) {
	for i := range solvers {
		s := solvers[i].Selector
		for n := range 100 {
			other := fmt.Sprintf("other-%d.example", n)
			if s != nil && len(s.DNSNames) > 0 {
				s.DNSNames = slices.Insert(s.DNSNames, random.IntN(len(s.DNSNames)+1), other)
			}
			if s != nil && len(s.DNSZones) > 0 {
				s.DNSZones = slices.Insert(s.DNSZones, random.IntN(len(s.DNSZones)+1), other)
			}
		}
	}
}

func BenchmarkChoice(b *testing.B) {
	for _, solvers := range []int{1, 100} {
		b.Run(fmt.Sprintf("100 names, %d solvers", solvers), func(b *testing.B) {
			issuer := ruletest.BigIssuer(solvers, 1, "z")
			var names []string
			for i := range 100 {
				names = append(names, fmt.Sprintf("www.z-%d-0.cert-lab.dev", i%solvers))
			}
			b.ReportAllocs()
			for b.Loop() {
				c := choice.New(b.Context(), issuer.Spec.ACME.Solvers, nil)
				for _, name := range names {
					if c.Pick(name) < 0 {
						b.Fatal(name)
					}
				}
			}
		})
	}
}
