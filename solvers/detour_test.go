package solvers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// leading is a DNS of CNAME records: where the names lead. A wildcard answers for all that it encloses and that is not there.
type leading struct {
	records map[string]string
	failure error
	takes   time.Duration
	asked   atomic.Int32
}

func (l *leading) Target(ctx context.Context, name string) (string, error) {
	l.asked.Add(1)
	wait(ctx, l.takes)
	if l.failure != nil || ctx.Err() != nil {
		return "", errors.Join(l.failure, ctx.Err())
	}
	for at := name; ; {
		if target, found := l.records[at]; found {
			return target, nil
		}
		encloser := strings.TrimPrefix(at, "*.")
		_, there := l.records[encloser]
		_, parent, more := strings.Cut(encloser, ".")
		if there || !more {
			return "", nil
		}
		at = "*." + parent
	}
}

const cdn = "shop.w.kunlun.test"

func TestPresent_WhereCNAMERecordsLeadOutOfTheAccount(t *testing.T) {
	const (
		wrong  = "no zone of this account encloses " + cdn + "; add the domain to the account, or use the keys of the account that hosts it"
		unsure = "no zone of this account encloses " + cdn + ", to which CNAME records lead from _acme-challenge.a.shop.example.com; " +
			"leave cnameStrategy: Follow out for this name unless they were made for the challenge; if they were, use the keys of the account that hosts their target"
	)
	says := func(wildcard, where string) string {
		return "a wildcard CNAME (" + wildcard + ") answers for _acme-challenge.a.shop.example.com and leads to " + cdn + ", which is in " + where +
			"; leave cnameStrategy: Follow out for this name, or write an explicit CNAME record for it"
	}
	const nowhere = "no zone of this account"
	for name, test := range map[string]struct {
		dns     *leading
		targets []string
		want    string
	}{
		"a wildcard of the domain": {
			dns: &leading{records: map[string]string{"*.example.com": cdn}}, want: says("*.example.com", nowhere),
		},
		"a wildcard right above": {
			dns: &leading{records: map[string]string{"*.a.shop.example.com": cdn}}, want: says("*.a.shop.example.com", nowhere),
		},
		"a wildcard between": {
			dns: &leading{records: map[string]string{"*.shop.example.com": cdn}}, want: says("*.shop.example.com", nowhere),
		},
		"a wildcard out of the list of targets": {
			dns:     &leading{records: map[string]string{"*.example.com": cdn}},
			targets: []string{"acme.example.com"}, want: says("*.example.com", "none of the domains of --cname-targets"),
		},
		"an explicit record": {
			dns: &leading{records: map[string]string{"_acme-challenge.a.shop.example.com": cdn}}, want: wrong,
		},
		"an explicit record beside a wildcard that leads elsewhere": {
			dns:  &leading{records: map[string]string{"_acme-challenge.a.shop.example.com": cdn, "*.example.com": "elsewhere.test"}},
			want: wrong,
		},
		"a record that is gone by now": {dns: &leading{}, want: wrong},
		"a DNS that does not answer":   {dns: &leading{failure: errors.New("no route")}, want: unsure},
		"a DNS that is slow":           {dns: &leading{takes: time.Hour}, want: unsure},
		"nobody to ask":                {want: unsure},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				if test.dns != nil {
					r.solver.aliases = test.dns
				}
				r.solver.targets = test.targets
				led := func(ch *whapi.ChallengeRequest) {
					ch.DNSName, ch.ResolvedFQDN, ch.ResolvedZone = "A.shop.example.com", cdn+".", "w.kunlun.test."
				}
				start := time.Now()
				err := r.solver.Present(r.request(led))
				if took := time.Since(start); took > detourWithin {
					t.Errorf("it took %s", took)
				}
				if err == nil || !strings.Contains(err.Error(), ": "+test.want) {
					t.Fatalf("error %v\nwant %s", err, test.want)
				}
				r.wantError(func() error { return r.solver.Present(r.request(led)) }, test.want)
				r.wantTXT("alice")
				r.cleanUp(led)
			})
		})
	}
}

func TestPresent_CNAMERecordsAreAskedForOnlyWhereTheyLeadAstray(t *testing.T) {
	forBoth(t, func(r *rig) {
		dns := &leading{records: map[string]string{"*.shop.test": "x.example.com"}}
		r.solver.aliases = dns
		r.present(func(ch *whapi.ChallengeRequest) { ch.DNSName, ch.ResolvedFQDN = "shop.test", "x.example.com." })
		r.wantTXT("alice", "x.example.com "+value)
		_ = r.solver.Present(r.request(func(ch *whapi.ChallengeRequest) {
			ch.DNSName, ch.ResolvedFQDN, ch.ResolvedZone = "shop.test", "_acme-challenge.shop.test.", "shop.test."
		}))
		if n := dns.asked.Load(); n != 0 {
			t.Errorf("the DNS was asked %d times", n)
		}
	})
}

func TestPresent_AWildcardCNAMEWithoutTheRightToListZones(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.solver.aliases = &leading{records: map[string]string{"*.example.com": cdn}}
		r.mayOnly(false, "example.com")
		r.wantError(func() error {
			return r.solver.Present(r.request(withName(cdn+".", "w.kunlun.test.")))
		}, "a wildcard CNAME (*.example.com) answers for _acme-challenge.example.com")
	})
}

func TestPresent_AWildcardCNAMEInARealDNS(t *testing.T) {
	w := connect(t, nil, func(o *simulator.Options, _ *PropagationOptions) {
		for _, c := range []*simulator.CloudOptions{&o.Alidns, &o.DNSPod} {
			c.Zones[0].Records = []cloud.Record{
				{RR: "*", Type: "CNAME", Value: cdn + "."},
				{RR: "_acme-challenge.own", Type: "CNAME", Value: cdn + "."},
			}
		}
	})
	for _, v := range vendors() {
		zone := v.name + ".example"
		for name, want := range map[string]string{
			"www." + zone: "a wildcard CNAME (*." + zone + ") answers for _acme-challenge.www." + zone + " and leads to " + cdn,
			"own." + zone: "no zone of this account encloses " + cdn + "; add the domain",
		} {
			ch := w.request(v)
			ch.DNSName, ch.ResolvedFQDN, ch.ResolvedZone = name, cdn+".", "w.kunlun.test."
			if err := w.solver[v.name].Present(ch); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		}
	}
}

// TestPresent_ATargetOfCNAMERecordsThatHasRecordsOfItsOwn has two names lead to one that is in use.
func TestPresent_ATargetOfCNAMERecordsThatHasRecordsOfItsOwn(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.putZone("alice", "example.com",
			cloud.Record{RR: "www", Type: "TXT", Value: "v=spf1 -all", TTL: 600}, cloud.Record{RR: "www", Type: "A", Value: "192.0.2.1", TTL: 600})
		before := r.cloud.Records("example.com")
		from := func(dnsName string) func(*whapi.ChallengeRequest) {
			return func(ch *whapi.ChallengeRequest) { ch.DNSName, ch.ResolvedFQDN = dnsName, "www.example.com." }
		}
		r.present(from("a.test"))
		r.present(from("b.test"), withKey(otherValue))
		r.wantTXT("alice", "www.example.com v=spf1 -all", "www.example.com "+value, "www.example.com "+otherValue)
		time.Sleep(time.Minute)
		r.restart()
		r.cleanUp(from("a.test"))
		r.wantTXT("alice", "www.example.com v=spf1 -all", "www.example.com "+otherValue)
		r.cleanUp(from("b.test"), withKey(otherValue))
		if after := r.cloud.Records("example.com"); !slices.Equal(before, after) {
			t.Errorf("records before: %v\nafter: %v", before, after)
		}
	})
}
