package doctor

import (
	"testing"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// TestCNAME looks at names to which a wildcard answers, in place of a CNAME that somebody wrote for a challenge.
func TestCNAME(t *testing.T) {
	t.Parallel()
	const (
		toCDN       = "*.example.com. 60 IN CNAME shop.w.kunlun.example."
		wrongSecret = presenting + "the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch)"
		noZone      = "alidns: present the TXT record shop.w.kunlun.example: no zone of this account encloses shop.w.kunlun.example; add the domain to the account"
	)
	tests := map[string]struct {
		records []string
		name    string
		follow  bool
		// later is a record that comes after a resolver has asked for the name.
		later string
		// reason is what the Challenge complains about; "" is a Certificate that is ready.
		reason           string
		causes, warnings []string
		check            string
	}{
		"a ready certificate": {
			records: []string{toCDN},
			check:   "CNAME _acme-challenge.www.example.com → shop.w.kunlun.example: that is a wildcard, which does not answer there any more as soon as the record is written",
		},
		"a certificate that is stuck for its keys":            {records: []string{toCDN}, reason: wrongSecret, causes: []string{"signature-wrong"}},
		"the wildcard is two labels above":                    {records: []string{toCDN}, name: "a.b.example.com"},
		"wildcards on two levels":                             {records: []string{toCDN, "*.b.example.com. 60 IN CNAME other.kunlun.example."}, name: "a.b.example.com"},
		"the name itself is one that the wildcard is not for": {records: []string{toCDN, "www.example.com. 60 IN A 192.0.2.1", "*.www.example.com. 60 IN CNAME shop.w.kunlun.example."}},
		"the wildcard leads through a chain":                  {records: []string{"*.example.com. 60 IN CNAME a.kunlun.example.", "a.kunlun.example. 60 IN CNAME shop.w.kunlun.example."}},
		"the apex":                                            {records: []string{toCDN}, name: "example.com"},
		"a wildcard of addresses":                             {records: []string{"*.example.com. 60 IN A 192.0.2.1"}},
		"a wildcard of texts":                                 {records: []string{`*.example.com. 60 IN TXT "v=spf1 -all"`}},
		"an explicit CNAME beside the wildcard": {
			records: []string{toCDN, "_acme-challenge.www.example.com. 60 IN CNAME www.acme.kunlun.example."}, warnings: []string{"cname-not-followed"},
		},
		"an explicit CNAME to what the wildcard leads to": {
			records: []string{toCDN, "_acme-challenge.www.example.com. 60 IN CNAME shop.w.kunlun.example."}, warnings: []string{"cname-not-followed"},
		},
		"an explicit CNAME of the apex to what the wildcard leads to": {
			records: []string{toCDN, "_acme-challenge.example.com. 60 IN CNAME shop.w.kunlun.example."}, name: "example.com", warnings: []string{"cname-not-followed"},
		},
		"a resolver remembers the wildcard, and the record is there": {
			records: []string{toCDN}, later: "_acme-challenge.www.example.com. 60 IN TXT x",
		},
		"an explicit CNAME and no wildcard": {
			records: []string{"_acme-challenge.www.example.com. 60 IN CNAME www.acme.kunlun.example."}, warnings: []string{"cname-not-followed"},
		},
		"an explicit CNAME, and the solver follows": {
			records: []string{toCDN, "_acme-challenge.www.example.com. 60 IN CNAME www.acme.kunlun.example."}, follow: true,
		},
		"the solver follows the wildcard to a CDN": {
			records: []string{toCDN}, follow: true, reason: noZone, causes: []string{"cname-of-wildcard"},
		},
		"the solver of somebody else does": {
			records: []string{toCDN}, follow: true, reason: "zone kunlun.example. not found", causes: []string{"cname-of-wildcard", "unknown"},
		},
		"the solver follows it to a domain that is not there": {
			records: []string{"*.example.com. 60 IN CNAME shop.nowhere.test."}, follow: true,
			reason: "no zone of this account encloses shop.nowhere.test", causes: []string{"cname-of-wildcard"},
		},
		"the solver follows it, and the keys are wrong": {
			records: []string{toCDN}, follow: true, reason: wrongSecret, causes: []string{"signature-wrong"}, warnings: []string{"cname-of-wildcard"},
		},
		"the solver follows it, and the certificate is ready": {
			records: []string{toCDN}, follow: true, warnings: []string{"cname-of-wildcard"},
		},
		"the solver follows it within the zone": {
			records: []string{"*.example.com. 60 IN CNAME lb.example.com.", "lb.example.com. 60 IN A 192.0.2.1"}, follow: true,
			check: "CNAME _acme-challenge.www.example.com → lb.example.com: at _acme-challenge.www.example.com that is a wildcard",
		},
		"an explicit CNAME leads to a name to which a wildcard answers": {
			records: []string{"_acme-challenge.www.example.com. 60 IN CNAME www.acme.example.com.", "*.acme.example.com. 60 IN CNAME shop.w.kunlun.example."}, follow: true,
			reason: noZone, causes: []string{"cname-of-wildcard"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := internet(t, simulator.DNSOptions{Recursive: dns.RecursiveOptions{Cache: true}})
			w.DNS.AddZones("kunlun.example")
			if err := w.DNS.AddRecords(test.records...); err != nil {
				t.Fatal(err)
			}
			if test.later != "" {
				if path, err := seenFrom(w).follow(t.Context(), "_acme-challenge.www.example.com"); err != nil || len(path) != 2 {
					t.Fatalf("path %q: %v", path, err)
				}
				if err := w.DNS.AddRecords(test.later); err != nil {
					t.Fatal(err)
				}
			}
			s := healthy(t)
			s.dns, s.options.DNS = seenFrom(w), true
			issuer := find[*cmapi.Issuer](t, s, "le")
			serveDirectory(t, issuer, "letsencrypt.example")
			if test.follow {
				issuer.Spec.ACME.Solvers[0].DNS01.CNAMEStrategy = acmev1.FollowStrategy
			}
			if test.reason != "" {
				s.issuance(t, test.reason)
			} else {
				s.ready(t)
			}
			if test.name != "" {
				find[*cmapi.Certificate](t, s, "www").Spec.DNSNames = []string{test.name}
			}
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff([][]string{test.causes, test.warnings}, [][]string{ids(found.Causes), ids(found.Warnings)}); diff != "" {
				t.Errorf("causes and warnings (-want +got):\n%s\n%v", diff, found.Checks)
			}
			if test.check != "" && !hasCheck(found, test.check) {
				t.Errorf("no check says %q: %q", test.check, found.Checks)
			}
		})
	}
}
