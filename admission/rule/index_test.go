package rule_test

import (
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

// hosts are names that each have a registered domain of their own.
func hosts(n int) []string {
	names := make([]string, 0, n)
	for i := range n {
		names = append(names, fmt.Sprintf("www.h%d.dev", i))
	}
	return names
}

func TestUnderWhichKeysACertificateIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		names, addresses []string
		want             map[evidence.Index]int
	}{
		"no names":                           {want: map[evidence.Index]int{evidence.ByIssuer: 1}},
		"two names of one domain":            {names: []string{"a.h1.dev", "*.h1.dev"}, want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByNames: 1, evidence.ByDomain: 1}},
		"addresses alone":                    {addresses: []string{"192.0.2.1"}, want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByNames: 1}},
		"as many names as are known":         {names: hosts(999), want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByNames: 1, evidence.ByDomain: 999}},
		"so many that there may be more":     {names: hosts(1000), want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByDomain: 1000}},
		"many more":                          {names: hosts(60_000), want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByDomain: 1000}},
		"names and addresses, together many": {names: hosts(999), addresses: []string{"192.0.2.1"}, want: map[evidence.Index]int{evidence.ByIssuer: 1, evidence.ByDomain: 999}},
	}
	for name, c := range tests {
		got := map[evidence.Index]int{}
		crt := &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: c.names, IPAddresses: c.addresses, IssuerRef: cmmeta.IssuerReference{Name: "le"}}}
		for index, keys := range rule.IndexKeys(crt) {
			got[index] = len(keys)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: keys (-want +got):\n%s", name, diff)
		}
	}
}

func TestNamesKeys(t *testing.T) {
	t.Parallel()
	key := evidence.NamesKey([]string{"a.dev", "b.dev"})
	tests := map[string]struct {
		names []string
		same  bool
	}{
		"another order":        {[]string{"b.dev", "a.dev"}, true},
		"another case":         {[]string{"A.dev", "b.DEV"}, true},
		"a name twice":         {[]string{"a.dev", "b.dev", "a.dev"}, true},
		"a name less":          {[]string{"a.dev"}, false},
		"one name of both":     {[]string{"a.devb.dev"}, false},
		"one with a separator": {[]string{"a.dev,b.dev"}, false},
	}
	for name, c := range tests {
		if same := evidence.NamesKey(c.names) == key; same != c.same {
			t.Errorf("%s is the same: %t", name, same)
		}
	}
	if long := evidence.NamesKey(hosts(60_000)); len(long) > 64 {
		t.Errorf("the key of many names has %d bytes", len(long))
	}
}
