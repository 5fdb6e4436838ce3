package issuer

import (
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

func issuerObject(t testing.TB, manifest string) *cmapi.Issuer {
	t.Helper()
	issuer, ok := ruletest.Object(t, manifest).(*cmapi.Issuer)
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
