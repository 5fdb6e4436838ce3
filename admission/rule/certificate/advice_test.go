package certificate

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/rule/choice"
)

// TestAdviceLeadsToASolver follows what is said about the nearest solver, and asks again: once is enough.
func TestAdviceLeadsToASolver(t *testing.T) {
	t.Parallel()
	type selector = cmacme.CertificateDNSNameSelector
	for name, test := range map[string]struct {
		selectors []selector
		labels    map[string]string
		text, fix string
	}{
		"a label": {
			selectors: []selector{{MatchLabels: map[string]string{"a": "1"}}},
			text:      "solvers[0] needs label a=1 on the Certificate, which has none", fix: "Add the label or a solver without selector",
		},
		"two labels": {
			selectors: []selector{{MatchLabels: map[string]string{"a": "1", "b": "2"}}}, labels: map[string]string{"b": "3"},
			text: "solvers[0] needs labels a=1 and b=2 on the Certificate", fix: "Add the labels or a solver without selector",
		},
		"a label and names": {
			selectors: []selector{{MatchLabels: map[string]string{"a": "1"}, DNSNames: []string{"x.cn", "*.x.cn"}}},
			text:      "solvers[0] needs label a=1 on the Certificate, which has none, and is for dnsNames x.cn and *.x.cn",
			fix:       `Add the label and "sub.x.cn" to its dnsNames`,
		},
		"a label and zones": {
			selectors: []selector{{MatchLabels: map[string]string{"a": "1"}, DNSZones: []string{"y.cn"}}},
			text:      "solvers[0] needs label a=1 on the Certificate, which has none, and is for dnsZones y.cn",
			fix:       `Add the label and "sub.x.cn" to its dnsZones`,
		},
		"names and zones": {
			selectors: []selector{{DNSNames: []string{"www.y.cn"}, DNSZones: []string{"y.cn"}}},
			text:      "solvers[0]: dnsNames www.y.cn, dnsZones y.cn", fix: `Add "sub.x.cn" to its dnsNames and "sub.x.cn" to its dnsZones`,
		},
		"a label, and a zone that is right": {
			selectors: []selector{{MatchLabels: map[string]string{"a": "1"}, DNSZones: []string{"x.cn"}}},
			text:      "solvers[0] needs label a=1 on the Certificate, which has none", fix: "Add the label or a solver without selector",
		},
		"the nearest of many": {
			selectors: []selector{{DNSZones: []string{"y.cn"}}, {DNSZones: []string{"www.x.cn"}}, {DNSNames: []string{"z.dev"}}, {MatchLabels: map[string]string{"a": "1"}, DNSZones: []string{"z.dev"}}},
			text:      "solvers[1]: dnsZones www.x.cn, and 3 more", fix: `Add "sub.x.cn" to its dnsZones`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var solvers []cmacme.ACMEChallengeSolver
			for _, s := range test.selectors {
				solvers = append(solvers, cmacme.ACMEChallengeSolver{Selector: s.DeepCopy(), DNS01: &cmacme.ACMEChallengeSolverDNS01{}})
			}
			why := choice.New(t.Context(), solvers, test.labels).Misses("sub.x.cn")
			fix := selectorRemedy("sub.x.cn", why)
			if why.Text != test.text || fix != test.fix {
				t.Errorf("got  %s\n     %s\nwant %s\n     %s", why.Text, fix, test.text, test.fix)
			}
			labels := follow(t, solvers, why.Text, fix, test.labels)
			if choice.New(t.Context(), solvers, labels).Pick("sub.x.cn") < 0 {
				t.Errorf("no solver after the advice was followed: %s", fix)
			}
		})
	}
}

// additions are what a remedy says to add to a selector.
var additions = regexp.MustCompile(`"([^"]+)" to its (dnsNames|dnsZones)`)

// follow does what a remedy says to the solver that the text names, and returns the labels that the Certificate then has.
func follow(t *testing.T, solvers []cmacme.ACMEChallengeSolver, text, fix string, labels map[string]string) map[string]string {
	t.Helper()
	var i int
	if _, err := fmt.Sscanf(text, "solvers[%d]", &i); err != nil {
		t.Fatal(err)
	}
	s := solvers[i].Selector
	for _, add := range additions.FindAllStringSubmatch(fix, -1) {
		if add[2] == "dnsNames" {
			s.DNSNames = append(s.DNSNames, add[1])
		} else {
			s.DNSZones = append(s.DNSZones, add[1])
		}
	}
	if strings.Contains(fix, "the label") {
		labels = maps.Clone(labels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, s.MatchLabels)
	}
	return labels
}
