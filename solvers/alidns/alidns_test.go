package alidns_test

import (
	"flag"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const rr = "_acme-challenge"

var update = flag.Bool("update", false, "write the golden files anew")

func TestGenerated_Codes(t *testing.T) {
	others := []string{
		"InvalidLine.NoExist", "QuotaExceeded.TTL", "InvalidTTL", // which are about a parameter
		"Something.New", "not a code: " + host.Keys.ID[:8],
	}
	providertest.Golden(t, "testdata/codes.golden", host.CodesPage(t, alidns.Known, others...), *update)
}

func TestRefusals(t *testing.T) {
	low := providertest.Challenge("example.com", rr)
	low.TTL = 60
	ttl := func(code string) string {
		return "the zone example.com does not allow a TTL of 60 seconds (" + code + "); set config.ttl to at least 600, the minimum of the zone's edition"
	}
	host.Refused(t, map[string]providertest.Refusal{
		"the TTL is refused by the code that is seen in the field": {
			Change: func(s *cloud.Settings) { s.TTLCode = "QuotaExceeded.TTL" },
			Do:     providertest.Add(low), Kind: fault.Misconfigured, Calls: 2, Want: ttl("QuotaExceeded.TTL"),
		},
		"the TTL is refused by a code that says nothing": {
			Change: func(s *cloud.Settings) { s.TTLCode = "InvalidParameter" },
			Do:     providertest.Add(low), Kind: fault.Misconfigured, Calls: 2, Want: ttl("InvalidParameter"),
		},
		"the 91st record at one name is too many": {
			Zone: cloud.Zone{Owner: "alice", Name: "full.com", Records: ninety()},
			Do:   providertest.Add(providertest.Challenge("full.com", rr)), Kind: fault.Misconfigured,
			Want: "the zone full.com takes no more TXT records at this name (QuotaExceeded.Record); remove those that are left over from earlier challenges",
		},
		"a CNAME at the name is in the way": {
			Zone: cloud.Zone{Owner: "alice", Name: "cname.com", Records: []cloud.Record{
				{RR: rr, Type: "CNAME", Value: "x.example.com", Line: "default"},
			}},
			Do: providertest.Add(providertest.Challenge("cname.com", rr)), Kind: fault.Misconfigured,
			Want: "a record of another type at the name in the zone cname.com forbids a TXT record (DomainRecordConflict);" +
				" remove that record, or delegate the challenge to another name by CNAME",
		},
		"a locked record stays": {
			Zone: cloud.Zone{Owner: "alice", Name: "locked.com", Records: []cloud.Record{{ID: 7, RR: rr, Type: "TXT", Value: "locked", Locked: true}}},
			Do:   providertest.Remove("7"), Kind: fault.Misconfigured,
			Want: "the record in the zone example.com is locked (DomainRecordLocked); see to it in the console of Alidns",
		},
	})
}

func ninety() []cloud.Record {
	var records []cloud.Record
	for i := range 90 {
		records = append(records, cloud.Record{RR: rr, Type: "TXT", Value: strconv.Itoa(i), Line: "default"})
	}
	return records
}

func TestRegion(t *testing.T) {
	const noRegion = "the region has characters that no region id has; set config.regionId to an id such as cn-hangzhou, or leave it out"
	server := host.Serve(t, func(providertest.Asked) providertest.Answer { return providertest.Answer{Body: zones(0)} })
	cloud := alidns.New(providertest.At(t, server.URL, nil))
	for name, test := range map[string]struct{ region, want string }{
		"none":                {"", ""},
		"a region":            {"cn-hangzhou", ""},
		"what is none":        {"cn hangzhou&x=y", noRegion},
		"a host is no region": {"evil.example.com/", noRegion},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cloud.Account(host.Keys, test.region, nil).Zones(t.Context())
			if got := providertest.Text(err); got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
		})
	}
	inAnyOrder := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff([]string{"", "cn-hangzhou"}, server.Values("RegionId"), inAnyOrder); diff != "" {
		t.Errorf("regions sent (-want +got):\n%s", diff)
	}
}

// TestDebugPrintsNothing sets the variable by which the SDK can be made to print its requests.
func TestDebugPrintsNothing(t *testing.T) {
	server := host.Serve(t, func(providertest.Asked) providertest.Answer { return providertest.Answer{Body: zones(0)} })
	for name, debug := range map[string]string{"sdk alone": "sdk", "sdk among others": "tea,sdk,other"} {
		t.Run(name, func(t *testing.T) {
			output, err := providertest.Child(t, server.URL, "DEBUG="+debug)
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			for _, part := range []string{"Signature", host.Temporary.ID, "SecurityToken", "AccessKeyId", "DescribeDomains"} {
				if strings.Contains(output, part) {
					t.Errorf("the output holds %q:\n%s", part, output)
				}
			}
		})
	}
	if calls := len(server.Asked()); calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}
