package rule

import (
	"fmt"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func issuerObject(t testing.TB, manifest string) *cmapi.Issuer {
	t.Helper()
	issuer, ok := object(t, manifest).(*cmapi.Issuer)
	if !ok {
		t.Fatalf("not an Issuer:\n%s", manifest)
	}
	return issuer
}

func TestSolverUnreachable(t *testing.T) {
	t.Parallel()
	const dns, http = "dns01: {route53: {region: r}}", "http01: {ingress: {}}"
	// solvers are told by pairs of a kind and a selector.
	solvers := func(pairs ...string) string {
		lines := "solvers:"
		for i, part := range pairs {
			switch {
			case i%2 == 0:
				lines += "\n- " + part
			case part != "":
				lines += "\n  selector: " + part
			}
		}
		return lines
	}
	says := func(i int, text string) []string {
		return []string{fmt.Sprintf(`[solver-unreachable] spec.acme.solvers[%d]: can never be selected; %s`, i, text)}
	}
	const private = "\nserver: https://ca.corp.internal/directory"
	runIssuerReviews(t, "solver-unreachable", map[string]issuerReviewCase{
		"one solver":                        {},
		"HTTP-01 before DNS-01":             {acme: solvers(http, "", dns, "")},
		"a zone beside the rest":            {acme: solvers(dns, "", dns, "{dnsZones: [x.dev]}")},
		"a zone within a zone":              {acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsZones: [a.x.dev]}")},
		"a zone around a zone":              {acme: solvers(dns, "{dnsZones: [a.x.dev]}", dns, "{dnsZones: [x.dev]}")},
		"one zone of two is free":           {acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsZones: [x.dev, y.dev]}")},
		"labels beside none":                {acme: solvers(dns, "", dns, "{matchLabels: {a: b}}")},
		"a name in another's zone":          {acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsNames: [www.x.dev]}")},
		"a zone of which names are others'": {acme: solvers(dns, "{dnsNames: [x.dev, \"*.x.dev\"]}", dns, "{dnsZones: [x.dev]}")},
		"only the wildcard is free":         {acme: solvers(http, "{dnsZones: [x.dev]}", dns, "{dnsZones: [x.dev]}")},
		"the rest, with a zone .test":       {acme: solvers(dns, "{dnsZones: [test, dev]}", dns, "")},
		"DNS-01 after DNS-01":               {acme: solvers(dns, "", dns, ""), want: says(1, "solvers[0] (dns01, no selector) always wins. Add a selector")},
		"an empty selector":                 {acme: solvers(dns, "", dns, "{}"), want: says(1, "solvers[0] (dns01, no selector) always wins. Add a selector")},
		"the same zone, in capitals": {
			acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsZones: [X.DEV]}"),
			want: says(1, "solvers[0] (dns01, dnsZones x.dev) always wins. Narrow its selector, or remove it"),
		},
		"the same zone with labels before": {acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsZones: [x.dev], matchLabels: {a: b}}")},
		"the same labels": {
			acme: solvers(dns, "{matchLabels: {a: b}}", dns, "{matchLabels: {a: b}}"),
			want: says(1, "solvers[0] (dns01, matchLabels a=b) always wins. Narrow its selector, or remove it"),
		},
		"two zones, of two others": {
			acme: solvers(dns, "{dnsZones: [x.dev]}", dns, "{dnsZones: [y.dev]}", dns, "{dnsZones: [x.dev, y.dev]}"),
			want: says(2, "solvers[0] (dns01, dnsZones x.dev) or solvers[1] (dns01, dnsZones y.dev) always wins. Narrow its selector, or remove it"),
		},
		"the same name": {
			acme: solvers(dns, "{dnsNames: [a.x.dev, b.x.dev, c.x.dev]}", dns, "{dnsNames: [b.x.dev]}"),
			want: says(1, "solvers[0] (dns01, dnsNames a.x.dev and 2 more) always wins. Narrow its selector, or remove it"),
		},
		"HTTP-01 for a name, DNS-01 for it before": {
			acme: solvers(dns, "{dnsNames: [a.x.dev]}", http, "{dnsNames: [a.x.dev]}"),
			want: says(1, "solvers[0] (dns01, dnsNames a.x.dev) always wins. Narrow its selector, or remove it"),
		},
		"HTTP-01 after DNS-01, classic":           {acme: solvers(dns, "", http, ""), want: says(1, "solvers[0] (dns01, no selector) always wins. Add a selector")},
		"HTTP-01 after DNS-01, with IP addresses": {acme: solvers(dns, "", http, "") + "\nprofile: shortlived"},
		"HTTP-01 after DNS-01, a private server":  {acme: solvers(dns, "", http, "") + private},
		"HTTP-01 for wildcards": {
			acme: solvers(http, `{dnsNames: ["*.x.dev"]}`),
			want: says(0, "HTTP-01 cannot validate wildcard names, and its selector has no other. Use a dns01 solver"),
		},
		"names outside the zones": {
			acme: solvers(dns, `{dnsNames: [a.x.dev], dnsZones: [y.dev]}`),
			want: says(0, "none of its selector's dnsNames is in its dnsZones. Leave dnsZones out"),
		},
		"a dead name twice, of which another rule speaks":         {acme: solvers(dns, "{dnsNames: [A.x.dev]}", dns, "{dnsNames: [A.x.dev]}")},
		"a zone that never matches, of which another rule speaks": {acme: solvers(dns, `{dnsZones: [x.dev.]}`)},
		"two kinds in one, as cert-manager":                       {acme: solvers(dns, "", "{"+dns+", "+http+"}", "")},
	})
}

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
		reach := newReach(t.Context(), solvers)
		for _, name := range names {
			for _, l := range labels {
				order := &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: l}}
				want, _ := solverpicker.Pick(t.Context(), name, offers(name), solvers, order)
				got := reach.pick(name, l)
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

func sameChoice(a, b *cmacme.ACMEChallengeSolver) bool { return choiceOf(a) == choiceOf(b) }

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
		r := newReach(t.Context(), nil)
		r.spent, r.until = tc.spent, time.Now().Add(-tc.late)
		if got := r.exhausted(); got != tc.want {
			t.Errorf("%s: exhausted is %v", title, got)
		}
	}
}
