package ruletest

import (
	"fmt"
	"math/rand/v2"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
)

// Names, zones and labels for random selectors; some cannot match anything.
var (
	Names  = []string{"a.dev", "www.a.dev", "x.www.a.dev", "*.a.dev", "*.www.a.dev", "b.dev", "www.b.dev", "*.b.dev", "WWW.a.dev", "dev", "a.dev.", "x_y.a.dev", "*.dev", "c", "192.0.2.1", "a\\.b.dev", "", ".", "a..dev", "中.dev"}
	zones  = []string{"a.dev", "www.a.dev", "b.dev", "dev", "*.a.dev", "A.dev", "a.dev.", ".a.dev", ".", "", " a.dev", "中.dev", "x_y.a.dev", "a\\.b.dev", "..", "192.0.2.1"}
	Labels = []map[string]string{nil, {"a": "1"}, {"b": "1"}, {"a": "1", "b": "1"}, {"a": "2"}}
)

func RandomSolvers(random *rand.Rand, n int) []cmacme.ACMEChallengeSolver {
	pick := func(list []string) []string {
		var picked []string
		for range random.IntN(3) {
			picked = append(picked, list[random.IntN(len(list))])
		}
		return picked
	}
	solvers := make([]cmacme.ACMEChallengeSolver, n)
	for i := range solvers {
		s := &solvers[i]
		if random.IntN(2) == 0 {
			s.HTTP01 = &cmacme.ACMEChallengeSolverHTTP01{Ingress: &cmacme.ACMEChallengeSolverHTTP01Ingress{Name: fmt.Sprint(i)}}
		}
		if s.HTTP01 == nil || random.IntN(20) == 0 {
			s.DNS01 = &cmacme.ACMEChallengeSolverDNS01{Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{SolverName: fmt.Sprint(i)}}
		}
		if random.IntN(5) == 0 {
			continue
		}
		s.Selector = &cmacme.CertificateDNSNameSelector{MatchLabels: Labels[random.IntN(len(Labels))]}
		if random.IntN(3) == 0 {
			s.Selector.DNSNames = pick(Names)
		}
		if random.IntN(2) == 0 {
			s.Selector.DNSZones = pick(zones)
		}
	}
	return solvers
}
