package solvers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	wanted      = "_acme-challenge.example.com " + value
	wantedOther = "_acme-challenge.example.com " + otherValue
)

func TestPresentMakesOneCallAndCleanUpTwoOnceTheZonesAreKnown(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		r.wantTXT("alice", wanted)
		record := r.cloud.Records("example.com")[0]
		if record.TTL != 600 {
			r.t.Errorf("the TTL is %d, want 600", record.TTL)
		}
		r.wantCalls(r.zones, 1)
		r.wantCalls(r.add, 1)
		r.cleanUp()
		r.wantTXT("alice")

		r.cloud.ResetCalls()
		r.present(withKey(otherValue))
		r.cleanUp(withKey(otherValue))
		if calls := r.cloud.Calls(); len(calls) != 3 {
			r.t.Errorf("a warm Present and CleanUp made %d calls, want 3: %v", len(calls), calls)
		}
	})
}

func TestCleanUpWithoutARememberedIDMakesTwoCalls(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		r.present(withKey(otherValue))
		time.Sleep(time.Minute) // so that lists show the records
		r.restart()
		for _, key := range []string{otherValue, value} {
			r.cloud.ResetCalls()
			r.cleanUp(withKey(key))
			r.wantCalls(r.list, 1)
			r.wantCalls(r.remove, 1)
			r.wantCalls(r.zones, 0)
		}
		r.wantTXT("alice")
	})
}

func TestPresentIsIdempotent(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		r.present()
		r.wantTXT("alice", wanted)
		r.restart()
		r.present() // another replica finds it there
		r.wantTXT("alice", wanted)
		time.Sleep(time.Minute)
		r.cleanUp()
		r.wantTXT("alice")
	})
}

func TestApexAndWildcardShareAName(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		r.present(withKey(otherValue))
		r.wantTXT("alice", wanted, wantedOther)
		r.cleanUp()
		r.wantTXT("alice", wantedOther)
		r.cleanUp(withKey(otherValue))
		r.wantTXT("alice")
	})
}

func TestApexAndWildcardFromTwoReplicasAtOnce(t *testing.T) {
	forBoth(t, func(r *rig) {
		replicas := []*Solver{r.solver, r.replica()}
		inParallel(4, func(i int) {
			ch := r.request(withKey([]string{value, otherValue}[i/2]))
			if err := replicas[i%2].Present(ch); err != nil {
				r.t.Errorf("Present: %v", err)
			}
		})
		r.wantTXT("alice", wanted, wantedOther)
		time.Sleep(time.Minute)
		inParallel(2, func(i int) {
			ch := r.request(withKey([]string{value, otherValue}[i]))
			if err := replicas[1-i].CleanUp(ch); err != nil {
				r.t.Errorf("CleanUp: %v", err)
			}
		})
		r.wantTXT("alice")
	})
}

func TestOtherRecordsStayAsTheyAre(t *testing.T) {
	foreign := []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "somebody else's", TTL: 600},
		{RR: "_acme-challenge.www", Type: "TXT", Value: value, TTL: 600},
		{RR: "_acme-challengex", Type: "TXT", Value: value, TTL: 600},
		{RR: "_acme-challenge", Type: "TXT", Value: strings.ToUpper(value), TTL: 600},
		{RR: "@", Type: "TXT", Value: "v=spf1 -all", TTL: 600},
		{RR: "@", Type: "A", Value: "192.0.2.1", TTL: 600},
		{RR: "x", Type: "CNAME", Value: "example.org", TTL: 600},
	}
	forBoth(t, func(r *rig) {
		r.putZone("alice", "example.com", foreign...)
		before := r.cloud.Records("example.com")
		for _, restart := range []bool{false, true} {
			r.present()
			time.Sleep(time.Minute)
			if restart {
				r.restart()
			}
			r.cleanUp()
			if after := r.cloud.Records("example.com"); !slices.Equal(before, after) {
				r.t.Fatalf("records before: %v\nafter: %v", before, after)
			}
		}
	})
}

func TestTheRecordIsFoundOnWhateverPageItIs(t *testing.T) {
	for _, many := range []int{25, 130, 600, 3100} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.cloud.Change(func(s *cloud.Settings) { s.RecordLimit = 0 })
				var foreign []cloud.Record
				for i := range many {
					foreign = append(foreign, cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: fmt.Sprintf("foreign-%d", i), TTL: 600})
				}
				r.present()
				r.putZone("alice", "example.com", foreign...)
				time.Sleep(time.Minute)
				r.restart()
				r.cleanUp()
				if got := len(r.txt("alice")); got != many {
					r.t.Errorf("%d records are left, want the %d foreign ones", got, many)
				}
			})
		})
	}
}

func TestZones(t *testing.T) {
	for name, c := range map[string]struct {
		zones        []string // beside example.com
		fqdn, zone   string
		want         string // "" when there is no zone for it
		wantRefusals bool
	}{
		"a separately hosted child is the zone when it was resolved": {
			zones: []string{"sub.example.com"}, fqdn: "_acme-challenge.a.sub.example.com.", zone: "sub.example.com.", want: "_acme-challenge.a.sub.example.com",
		},
		"the parent is the zone when it was resolved, though the account has the child too": {
			zones: []string{"sub.example.com"}, fqdn: "_acme-challenge.a.sub.example.com.", zone: "example.com.", want: "_acme-challenge.a.sub.example.com",
		},
		"a resolved top-level domain is no zone":           {fqdn: fqdn, zone: "com.", want: "_acme-challenge.example.com"},
		"the longest zone wins over a resolved TLD":        {zones: []string{"sub.example.com"}, fqdn: "_acme-challenge.sub.example.com.", zone: "com.", want: "_acme-challenge.sub.example.com"},
		"a resolved public suffix is no zone":              {zones: []string{"example.com.cn"}, fqdn: "_acme-challenge.example.com.cn.", zone: "com.cn.", want: "_acme-challenge.example.com.cn"},
		"no resolved zone at all":                          {fqdn: fqdn, zone: "", want: "_acme-challenge.example.com"},
		"an undelegated child resolves to the parent":      {fqdn: "_acme-challenge.a.b.example.com.", zone: "example.com.", want: "_acme-challenge.a.b.example.com"},
		"a resolved child that the account does not host":  {fqdn: "_acme-challenge.a.b.example.com.", zone: "b.example.com.", want: "_acme-challenge.a.b.example.com"},
		"the name is the zone":                             {fqdn: "example.com.", zone: "example.com.", want: "@.example.com"},
		"CNAME delegation into a zone of the account":      {fqdn: "x.acme.example.com.", zone: "example.com.", want: "x.acme.example.com"},
		"upper case and no trailing dot":                   {fqdn: "_ACME-Challenge.Example.COM", zone: "EXAMPLE.com", want: "_acme-challenge.example.com"},
		"an internationalised zone, resolved as A-labels":  {zones: []string{"例子.com"}, fqdn: "_acme-challenge.xn--fsqu00a.com.", zone: "xn--fsqu00a.com.", want: "_acme-challenge.例子.com"},
		"an internationalised zone, resolved as Unicode":   {zones: []string{"例子.com"}, fqdn: "_acme-challenge.例子.com.", zone: "例子.com.", want: "_acme-challenge.例子.com"},
		"a suffix that is not on a label boundary":         {fqdn: "_acme-challenge.notexample.com.", zone: "notexample.com."},
		"a zone that somebody else hosts":                  {fqdn: "_acme-challenge.bob.org.", zone: "bob.org."},
		"a parent that the account hosts only by its name": {fqdn: "_acme-challenge.example.com.evil.org.", zone: "evil.org."},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				for _, zone := range c.zones {
					r.putZone("alice", zone)
				}
				r.putZone("bob", "bob.org")
				err := r.solver.Present(r.request(withName(c.fqdn, c.zone)))
				if c.want == "" {
					if err == nil || !strings.Contains(err.Error(), "no zone of this account encloses "+strings.TrimSuffix(c.fqdn, ".")) {
						r.t.Fatalf("got the error %v", err)
					}
					r.wantTXT("alice")
					r.wantCalls(r.add, 0)
					return
				}
				if err != nil {
					r.t.Fatal(err)
				}
				r.wantTXT("alice", c.want+" "+value)
				time.Sleep(time.Minute)
				r.restart()
				r.cleanUp(withName(c.fqdn, c.zone))
				r.wantTXT("alice")
			})
		})
	}
}

func TestTheZoneIsFoundInALongList(t *testing.T) {
	for _, many := range []int{250, 3100} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			forBoth(t, func(r *rig) {
				for i := range many {
					r.putZone("alice", fmt.Sprintf("zone-%d.example", i))
				}
				last := fmt.Sprintf("zone-%d.example", many-1)
				r.present(withName("_acme-challenge."+last+".", last+"."))
				r.present(withName("_acme-challenge.zone-0.example.", "zone-0.example."))
				r.wantTXT("alice", "_acme-challenge."+last+" "+value, "_acme-challenge.zone-0.example "+value)
			})
		})
	}
}

func TestAStaleZoneListIsReadAgainOnce(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.putZone("alice", "sub.example.com")
		name := withName("_acme-challenge.sub.example.com.", "example.org.")
		r.present(name)
		r.removeZone("alice", "sub.example.com")
		r.cloud.ResetCalls()
		time.Sleep(time.Second)
		r.present(name, withKey(otherValue))
		r.wantTXT("alice", "_acme-challenge.sub.example.com "+otherValue)
		r.wantCalls(r.zones, 1)
		r.wantCalls(r.add, 2)
	})
}

func TestEveryCodeForAZoneThatMovedDropsTheList(t *testing.T) {
	codes := map[string][]string{
		"alidns": {"InvalidDomainName.NoExist", "InvalidDomainName.Format", "IncorrectDomainUser"},
		"dnspod": {
			"InvalidParameterValue.DomainNotExists", "InvalidParameter.DomainInvalid", "InvalidParameter.DomainIdInvalid",
			"ResourceNotFound.NoDataOfDomain", "FailedOperation.NotDomainOwner", "FailedOperation.DomainOwnedByOtherUser",
			"OperationDenied.NoPermissionToOperateDomain", "OperationDenied.DomainOwnerAllowedOnly", "OperationDenied.AccessDenied",
		},
	}
	for vendor, codes := range codes {
		for _, code := range codes {
			t.Run(code, func(t *testing.T) {
				forOne(t, vendor, func(r *rig) {
					r.putZone("alice", "sub.example.com")
					name := withName("_acme-challenge.sub.example.com.", "example.org.")
					r.present(name)
					if err := r.cloud.RemoveZone("alice", "sub.example.com"); err != nil {
						r.t.Fatal(err)
					}
					r.inject(cloud.Fault{Kind: cloud.Error, Action: r.add, Status: 400, Code: code, Message: "moved", Count: 1})
					r.cloud.ResetCalls()
					time.Sleep(time.Second)
					r.present(name, withKey(otherValue)) // into the zone that encloses it
					r.present(name, withKey(nthValue(3)))
					r.wantTXT("alice", "_acme-challenge.sub.example.com "+otherValue, "_acme-challenge.sub.example.com "+nthValue(3))
					r.wantCalls(r.zones, 1)
					r.wantCalls(r.add, 3)
				})
			})
		}
	}
}

func TestAZoneThatIsListedButRefusedFailsOnce(t *testing.T) {
	codes := map[string]string{"alidns": "IncorrectDomainUser", "dnspod": "OperationDenied.NoPermissionToOperateDomain"}
	forBoth(t, func(r *rig) {
		r.inject(cloud.Fault{Kind: cloud.Error, Action: r.add, Status: 400, Code: codes[r.name], Message: "not yours"})
		r.wantError(func() error {
			r.cloud.ResetCalls()
			return r.solver.Present(r.request())
		}, "example.com", codes[r.name], "the Secret team-a/alice")
		r.wantCalls(r.add, 1)
	})
}

func TestCleanUpWithNothingThere(t *testing.T) {
	forOne(t, "alidns", func(r *rig) {
		start := time.Now()
		r.cleanUp()
		r.wantSince(start, 0)
	})
	forOne(t, "dnspod", func(r *rig) {
		start := time.Now()
		r.cleanUp() // in one call, since no other replica, nor this one after a restart, would know more
		r.wantSince(start, 30*time.Second)
		r.wantCalls(r.remove, 0)
	})
}

func (r *rig) wantSince(start time.Time, want time.Duration) {
	r.t.Helper()
	if took := time.Since(start); took != want {
		r.t.Errorf("it took %s, want %s", took, want)
	}
}

func TestCleanUpsThatWaitForListsHoldFewWorkers(t *testing.T) {
	forOne(t, "dnspod", func(r *rig) {
		var waited, left atomic.Int32
		inParallel(10, func(i int) {
			err := r.solver.CleanUp(r.request(withKey(nthValue(i))))
			switch {
			case err == nil:
				waited.Add(1)
			case strings.Contains(err.Error(), "the record is not listed"):
				left.Add(1)
			default:
				r.t.Error(err)
			}
		})
		if waited.Load() != maxHeld || left.Load() != 10-maxHeld {
			r.t.Errorf("%d waited and %d were left for later, want %d and %d", waited.Load(), left.Load(), maxHeld, 10-maxHeld)
		}
	})
}

func TestARecordThatListsDoNotShowYet(t *testing.T) {
	forOne(t, "dnspod", func(r *rig) {
		r.cloud.Change(func(s *cloud.Settings) { s.ListLag = 30 * time.Second })
		r.present()
		r.cleanUp() // by its id
		r.wantTXT("alice")

		r.present(withKey(otherValue))
		r.restart()
		time.Sleep(12 * time.Second)
		start := time.Now()
		r.cleanUp(withKey(otherValue)) // as soon as it is listed
		r.wantSince(start, 20*time.Second)
		r.wantTXT("alice")
	})
}

func TestARecordWithoutTheRightToReadItByItsID(t *testing.T) {
	forOne(t, "dnspod", func(r *rig) {
		r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{"DescribeRecord"}}}})
		r.cloud.Change(func(s *cloud.Settings) { s.ListLag = 30 * time.Second })
		r.present()
		r.cleanUp()
		r.wantTXT("alice")
	})
}

func TestTransientFaultsAreRetried(t *testing.T) {
	for name, fault := range map[string]cloud.Fault{
		"an HTML page of a gateway":           {Kind: cloud.HTML, Count: 2},
		"an HTML page with status 200":        {Kind: cloud.HTML, Status: 200, Count: 2},
		"a code that is a number":             {Kind: cloud.NonStringCode, Count: 2},
		"an answer that is cut off":           {Kind: cloud.Truncated, Count: 2},
		"10 MB of text":                       {Kind: cloud.Large, Count: 1},
		"a reset connection":                  {Kind: cloud.Reset, Count: 2},
		"a call that hangs":                   {Kind: cloud.Hang, Count: 1},
		"an answer lost after the work":       {Kind: cloud.Reset, Applied: true, Count: 1},
		"an answer cut off after the work":    {Kind: cloud.Truncated, Applied: true, Count: 1},
		"throttling":                          {Kind: cloud.Throttle, Count: 3},
		"throttling as 400":                   {Kind: cloud.Throttle, Status: 400, Count: 3},
		"throttling as 503":                   {Kind: cloud.Throttle, Status: 503, Count: 3},
		"an answer that takes eight seconds":  {Kind: cloud.Slow, Latency: 8 * time.Second, Count: 1},
		"an answer that takes twelve seconds": {Kind: cloud.Slow, Latency: 12 * time.Second, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				for _, action := range []string{r.zones, r.add, r.list, r.remove} {
					fault.Action = action
					r.inject(fault)
				}
				r.present()
				r.wantTXT("alice", wanted)
				time.Sleep(time.Minute)
				r.restart()
				r.cleanUp()
				r.wantTXT("alice")
			})
		})
	}
}

func TestFaultsOfOneCloudAreRetried(t *testing.T) {
	for name, c := range map[string]struct{ vendor, code string }{
		"another change to the zone":  {"alidns", "LastOperationNotFinished"},
		"a change of DNS under way":   {"alidns", "RecordForbidden.DNSChange"},
		"a nonce that was used":       {"alidns", "SignatureNonceUsed"},
		"throttling of the API":       {"alidns", "Throttling.Api"},
		"bare throttling":             {"alidns", "Throttling"},
		"an internal error":           {"dnspod", "InternalError"},
		"the bare limit of requests":  {"dnspod", "RequestLimitExceeded"},
		"the account's limit":         {"dnspod", "RequestLimitExceeded.UinLimitExceeded"},
		"dnspod's own limit":          {"dnspod", "FailedOperation.FrequencyLimit"},
		"operations too frequent":     {"dnspod", "InvalidParameter.OperationIsTooFrequent"},
		"an operation that failed so": {"dnspod", "InvalidParameter.OperateFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			forOne(t, c.vendor, func(r *rig) {
				r.inject(cloud.Fault{Kind: cloud.Error, Action: r.add, Status: 400, Code: c.code, Message: "try again", Count: 2})
				start := time.Now()
				r.present()
				r.wantTXT("alice", wanted)
				if took := time.Since(start); took < time.Second {
					r.t.Errorf("three tries took %v: there was no backoff", took)
				}
			})
		})
	}
}

func TestFaultsThatNeverEnd(t *testing.T) {
	for name, fault := range map[string]cloud.Fault{
		"throttling":      {Kind: cloud.Throttle},
		"calls that hang": {Kind: cloud.Hang},
		"resets":          {Kind: cloud.Reset},
		"HTML":            {Kind: cloud.HTML},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.present() // so that the zones are known
				fault.Action = r.add
				r.inject(fault)
				r.wantError(func() error {
					r.cloud.ResetCalls()
					start := time.Now()
					err := r.solver.Present(r.request(withKey(otherValue)))
					if took := time.Since(start); took < 15*time.Second || took > 55*time.Second {
						r.t.Errorf("it took %v", took)
					}
					return err
				})
				if got := r.cloud.Count(r.add); got < 3 || got > 10 {
					r.t.Errorf("%d tries", got)
				}
			})
		})
	}
}

func TestPermanentErrorsAreNotRetried(t *testing.T) {
	for name, c := range map[string]struct {
		vendor string
		setUp  func(r *rig)
		parts  []string
	}{
		"an unknown AccessKey ID": {
			"alidns", func(r *rig) { r.secrets.put("team-a", "alice", "LTAI5tNobody", aliceSecret) },
			[]string{"InvalidAccessKeyId.NotFound", "the Secret team-a/alice"},
		},
		"a wrong AccessKey Secret": {
			"alidns", func(r *rig) { r.secrets.put("team-a", "alice", aliceID, "wrong") },
			[]string{"SignatureDoesNotMatch", "the Secret team-a/alice"},
		},
		"no permission in RAM": {"alidns", func(r *rig) {
			r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{"AddDomainRecord"}}}})
		}, []string{"alidns:AddDomainRecord", "the Secret team-a/alice"}},
		"an unknown SecretId": {
			"dnspod", func(r *rig) { r.secrets.put("team-a", "alice", "AKIDnobody", aliceSecret) },
			[]string{"AuthFailure.SecretIdNotFound", "the Secret team-a/alice"},
		},
		"a retired DNSPod token": {
			"dnspod", func(r *rig) { r.secrets.put("team-a", "alice", "123456", "0123456789abcdef0123456789abcdef") },
			[]string{"AuthFailure.SecretIdNotFound", "token", "the Secret team-a/alice"},
		},
		"a wrong SecretKey": {
			"dnspod", func(r *rig) { r.secrets.put("team-a", "alice", aliceID, "wrong") },
			[]string{"AuthFailure.SignatureFailure", "the Secret team-a/alice"},
		},
		"no permission in CAM": {"dnspod", func(r *rig) {
			r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{"CreateRecord"}}}})
		}, []string{"dnspod:CreateRecord", "the Secret team-a/alice"}},
		"a clock that is off, at Alidns": {"alidns", func(r *rig) { r.cloud.Change(func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }) }, []string{"clock"}},
		"a clock that is off, at DNSPod": {"dnspod", func(r *rig) { r.cloud.Change(func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }) }, []string{"clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			forOne(t, c.vendor, func(r *rig) {
				c.setUp(r)
				calls := 0
				r.wantError(func() error {
					r.cloud.ResetCalls()
					err := r.solver.Present(r.request())
					calls = 0
					for _, call := range r.cloud.Calls() {
						if call.Code != "" {
							calls++
						}
					}
					return err
				}, c.parts...)
				if calls != 1 {
					r.t.Errorf("%d calls were refused, want 1", calls)
				}
				r.wantTXT("alice")
			})
		})
	}
}

func TestSecrets(t *testing.T) {
	const hint = "create it in the namespace of the Issuer"
	for name, c := range map[string]struct {
		id, secret string // "-" leaves the key out
		noSecret   bool
		want       string // "" when Present succeeds
		cleanUp    bool   // whether CleanUp succeeds, because it can never work
	}{
		"white space around the values": {id: " " + aliceID + "\n", secret: "\t" + aliceSecret + "\r\n", cleanUp: true},
		"no Secret":                     {noSecret: true, want: "the Secret team-a/alice does not exist; " + hint, cleanUp: true},
		"a missing key":                 {id: aliceID, secret: "-", want: `the Secret team-a/alice has no key "secret"`, cleanUp: true},
		"an empty value":                {id: " \n", secret: aliceSecret, want: `the value of the key "id" in the Secret team-a/alice is empty`},
		"white space inside":            {id: aliceID, secret: "alice secret", want: `the value of the key "secret" in the Secret team-a/alice has white space`},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.secrets.put("team-a", "alice", c.id, c.secret)
				if c.noSecret {
					r.secrets.remove("team-a", "alice")
				} else if c.secret == "-" {
					delete(r.secrets.secrets["team-a/alice"].Data, "secret")
				}
				if c.want == "" {
					r.present()
					r.cleanUp()
					return
				}
				r.wantError(func() error { return r.solver.Present(r.request()) }, c.want)
				err := r.solver.CleanUp(r.request())
				if got := err == nil; got != c.cleanUp {
					r.t.Errorf("CleanUp returned %v", err)
				}
				if got := r.abandoned() == 1; got != c.cleanUp {
					r.t.Errorf("%g records were counted as abandoned", r.abandoned())
				}
			})
		})
	}
}

func TestARotatedKeyWorksAtOnce(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "AKIDnewLTAI5t", Secret: "new"}}})
		r.secrets.put("team-a", "alice", "AKIDnewLTAI5t", "new")
		time.Sleep(time.Minute)
		r.cleanUp()
		r.wantTXT("alice")
	})
}

func TestTwoAccountsWithTheSameZoneDoNotMix(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.putZone("bob", "example.com")
		bob := r.as("team-b", "bob")
		inParallel(2, func(i int) {
			var changes []func(*whapi.ChallengeRequest)
			if i == 1 {
				changes = append(changes, bob)
			}
			if err := r.solver.Present(r.request(changes...)); err != nil {
				r.t.Errorf("Present: %v", err)
			}
		})
		r.wantTXT("alice", wanted)
		r.wantTXT("bob", wanted)
		r.cleanUp(bob)
		r.wantTXT("alice", wanted)
		r.wantTXT("bob")
		r.cleanUp()
		r.wantTXT("alice")
	})
}

func TestOnlyTheResourceNamespaceIsRead(t *testing.T) {
	forBoth(t, func(r *rig) {
		err := r.solver.Present(r.request(func(ch *whapi.ChallengeRequest) { ch.ResourceNamespace = "team-b" })) // which has no Secret "alice"
		if err == nil || !strings.Contains(err.Error(), "the Secret team-b/alice does not exist") {
			r.t.Errorf("got the error %v", err)
		}
		if !slices.Equal(r.secrets.asked, []string{"team-b"}) {
			r.t.Errorf("asked for Secrets in %q", r.secrets.asked)
		}
	})
}

func TestConfigsThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"an unknown field": {`{"endpoint":"https://evil.example"}`, "config.endpoint: Forbidden"},
		"a wrong type":     {`{"ttl":"600"}`, "config.ttl: Invalid value"},
		"not an object":    {`[]`, "config: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.wantError(func() error { return r.solver.Present(r.request(withConfig(c.config))) }, c.want)
				r.cleanUp(withConfig(c.config)) // the Challenge can never become readable
				if r.abandoned() != 1 || len(r.cloud.Calls()) != 0 {
					r.t.Errorf("abandoned %g, calls %v", r.abandoned(), r.cloud.Calls())
				}
			})
		})
	}
}

func TestWhereCNAMERecordsMayLead(t *testing.T) {
	const domain = "delegated.example.com"
	for name, test := range map[string]struct {
		dnsName, fqdn string
		refused       bool
	}{
		"nowhere":                                   {dnsName: "example.com", fqdn: "_acme-challenge.example.com."},
		"nowhere, in another spelling":              {dnsName: "Example.COM", fqdn: "_Acme-Challenge.example.com."},
		"to the domain itself":                      {dnsName: "shop.test", fqdn: domain + "."},
		"beneath it":                                {dnsName: "shop.test", fqdn: "_acme-challenge.shop.Delegated.example.com."},
		"to another name of the account":            {dnsName: "shop.test", fqdn: "www.example.com.", refused: true},
		"to the apex":                               {dnsName: "shop.test", fqdn: "example.com.", refused: true},
		"to the name of another's challenge":        {dnsName: "shop.test", fqdn: "_acme-challenge.example.com.", refused: true},
		"to a name that only ends in its letters":   {dnsName: "shop.test", fqdn: "not" + domain + ".", refused: true},
		"to a name that the certificate has itself": {dnsName: "shop.example.com", fqdn: "shop.example.com.", refused: true},
		"from a name that is none":                  {dnsName: "", fqdn: "_acme-challenge.example.com.", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				led := func(ch *whapi.ChallengeRequest) { ch.DNSName, ch.ResolvedFQDN = test.dnsName, test.fqdn }
				r.present(led)
				written := r.txt("alice")
				r.solver.targets = []string{"elsewhere.test", domain}
				if !test.refused {
					r.present(led)
					r.cleanUp(led)
					r.wantTXT("alice")
					return
				}
				calls := len(r.cloud.Calls())
				r.wantError(func() error { return r.solver.Present(r.request(led)) },
					"CNAME records lead to "+strings.ToLower(strings.TrimSuffix(test.fqdn, "."))+", which is in none of the domains of --cname-targets", "solver.cnameTargets")
				r.cleanUp(led)
				if r.abandoned() != 1 || len(r.cloud.Calls()) != calls {
					r.t.Errorf("abandoned %g, calls %v", r.abandoned(), r.cloud.Calls()[calls:])
				}
				r.wantTXT("alice", written...)
			})
		})
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.wantError(func() error { return r.solver.Present(r.request(withKey(""))) }, "not that of a DNS-01 challenge")
		r.wantError(func() error { return r.solver.Present(r.request(withName("", "example.com."))) }, "the domain name is empty")
		r.wantError(func() error { return r.solver.Present(r.request(withName("a..b.", "example.com."))) }, "empty label")
		unstarted := newSolver(r.solver.host, r.counters)
		r.wantError(func() error { return unstarted.Present(r.request()) }, "still starting")
	})
}

func TestCleanUpThatCanNeverWorkSucceeds(t *testing.T) {
	for name, setUp := range map[string]func(r *rig){
		"the Secret is gone": func(r *rig) { r.secrets.remove("team-a", "alice") },
		"the key is deleted": func(r *rig) { r.cloud.PutAccount(cloud.Account{Owner: "alice"}) },
		"the key is disabled": func(r *rig) {
			r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Disabled: true}}})
		},
		"the zone is gone":                   func(r *rig) { r.removeZone("alice", "example.com") },
		"the zone is gone for a new process": func(r *rig) { r.removeZone("alice", "example.com"); r.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.present()
				setUp(r)
				r.cleanUp()
				// Where only the record's id is asked for, a zone that is gone and a record that is gone look the same.
				if r.abandoned() != 1 && name != "the zone is gone" {
					r.t.Errorf("%g records were counted as abandoned, want 1", r.abandoned())
				}
			})
		})
	}
}

func TestCleanUpThatMayWorkLaterFails(t *testing.T) {
	for name, setUp := range map[string]func(r *rig){
		"the Secret may not be read": func(r *rig) {
			r.secrets.failure = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "alice", nil)
		},
		"the API server is down": func(r *rig) { r.secrets.failure = apierrors.NewInternalError(fmt.Errorf("dial tcp 10.0.0.1:443")) },
		"the secret is wrong":    func(r *rig) { r.secrets.put("team-a", "alice", aliceID, "wrong") },
		"no permission": func(r *rig) {
			r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{"*"}}}})
		},
		"the cloud is down": func(r *rig) { r.inject(cloud.Fault{Kind: cloud.HTML}) },
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.present()
				setUp(r)
				r.wantError(func() error { return r.solver.CleanUp(r.request()) }, "clean up the TXT record _acme-challenge.example.com")
				if r.abandoned() != 0 {
					r.t.Error("the record was counted as abandoned")
				}
				r.wantTXT("alice", wanted)
			})
		})
	}
}

func TestWritesToOneAlidnsZoneAreSerialised(t *testing.T) {
	forOne(t, "alidns", func(r *rig) {
		r.cloud.Change(func(s *cloud.Settings) { s.RejectOverlappingWrites, s.WriteTime = true, 300*time.Millisecond })
		inParallel(20, func(i int) {
			if err := r.solver.Present(r.request(withKey(nthValue(i)))); err != nil {
				r.t.Errorf("Present: %v", err)
			}
		})
		r.wantCalls(r.add, 20)
		if got := len(r.txt("alice")); got != 20 {
			r.t.Errorf("%d records", got)
		}
	})
}

func TestAHundredChallengesStayBelowTheCloudsLimit(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.cloud.Change(func(s *cloud.Settings) { s.RecordLimit = 0 })
		r.cloud.PutAccount(cloud.Account{Owner: "alice", QPS: 20, Burst: 1, Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}})
		inParallel(100, func(i int) {
			if err := r.solver.Present(r.request(withKey(nthValue(i)))); err != nil {
				r.t.Errorf("Present: %v", err)
			}
		})
		if got := len(r.txt("alice")); got != 100 {
			r.t.Errorf("%d records, want 100", got)
		}
		rejected := 0
		for _, call := range r.cloud.Calls() {
			if call.Code != "" {
				rejected++
			}
		}
		if rejected > 5 {
			r.t.Errorf("%d calls were rejected", rejected)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.cloud.Change(func(s *cloud.Settings) { s.RecordLimit = 0 })
		inParallel(50, func(i int) {
			ch := r.request(withKey(nthValue(i)))
			if err := r.solver.Present(ch); err != nil {
				r.t.Errorf("Present: %v", err)
			}
			if err := r.solver.CleanUp(ch); err != nil {
				r.t.Errorf("CleanUp: %v", err)
			}
		})
		r.wantTXT("alice")
	})
}

func inParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func TestGuessesUnderAnothersKeyIDAreFewAndKeepTheOwnerOutNever(t *testing.T) {
	forBoth(t, func(r *rig) {
		var owner time.Duration
		inParallel(201, func(i int) {
			if i < 200 {
				name := fmt.Sprintf("guess-%d", i)
				r.secrets.put("team-b", name, aliceID, fmt.Sprintf("wrong-%d", i))
				if r.solver.Present(r.request(r.as("team-b", name))) == nil {
					r.t.Error("a wrong secret was accepted")
				}
				return
			}
			time.Sleep(5 * time.Second)
			if got := r.cloud.Count(r.zones); got > 20 {
				r.t.Errorf("%d guesses reached the cloud within five seconds", got)
			}
			start := time.Now()
			r.present()
			owner = time.Since(start)
		})
		if owner > time.Second {
			r.t.Errorf("the owner waited %s", owner)
		}
		time.Sleep(time.Minute) // until the last has given up
		if got := r.cloud.Count(r.zones); got > 90 {
			r.t.Errorf("%d of 200 guesses reached the cloud", got)
		}
	})
}
