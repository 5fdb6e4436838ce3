package dnspod_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const rr = "_acme-challenge"

var update = flag.Bool("update", false, "write the golden files anew")

func TestGenerated_Codes(t *testing.T) {
	others := []string{"LimitExceeded.RecordTtlLimit", "InvalidParameterValue", "Something.New", "not a code: " + host.Keys.ID[:12]}
	providertest.Golden(t, "testdata/codes.golden", host.CodesPage(t, dnspod.Known, others...), *update)
}

func TestLines(t *testing.T) {
	for name, test := range map[string]struct {
		line, id      string
		international bool
		want          string
		sent          map[string]string
	}{
		"the default line goes by its id": {want: "0", sent: map[string]string{"RecordLine": "默认", "RecordLineId": "0"}},
		"the international site, whose default line has another name, takes the same": {
			international: true, want: "0", sent: map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
		"a line by name goes without an id": {line: "电信", want: "10=1", sent: map[string]string{"RecordLine": "电信"}},
		"a line by id wins over its name": {
			line: "电信", id: "10=0", want: "10=0", sent: map[string]string{"RecordLine": "电信", "RecordLineId": "10=0"},
		},
		"a line by id alone has the default's name beside it, which is required": {
			id: "10=1", want: "10=1", sent: map[string]string{"RecordLine": "默认", "RecordLineId": "10=1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := host.Start(t, func(o *simulator.CloudOptions) {
				o.Change = func(s *cloud.Settings) { s.International = test.international }
			})
			r := providertest.Challenge("example.com", rr)
			r.Line, r.LineID = test.line, test.id
			if _, err := host.Account(t, world.URL).AddTXT(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			records, calls := world.Records(""), world.Calls()
			if len(records) != 1 || records[0].Line != test.want || len(calls) != 1 {
				t.Fatalf("records %+v and calls %+v, want one each, and the line %s", records, calls, test.want)
			}
			onlyLine := cmpopts.IgnoreMapEntries(func(k, _ string) bool { return !strings.HasPrefix(k, "RecordLine") })
			if diff := cmp.Diff(test.sent, calls[0].Parameters, onlyLine); diff != "" {
				t.Errorf("the line that was sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const retired = "; it looks like a token of the retired DNSPod API or an APPID: create a SecretId (it begins with AKID) and" +
		" SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
	line := providertest.Challenge("example.com", rr)
	line.Line, line.LineID = "默认", "99=9"
	keys := func(id string) credential.Keys { return credential.Keys{ID: id, Secret: "x"} }
	host.Refused(t, map[string]providertest.Refusal{
		"an unknown id of a line is named": {
			Do: providertest.Add(line), Kind: fault.Misconfigured,
			Want: `the zone example.com does not have the line with the id "99=9" (InvalidParameter.RecordLineInvalid)` + setLine,
		},
		"a banned zone is named": {
			Zone: cloud.Zone{Owner: "alice", Name: "spam.com", Status: cloud.ZoneSpam},
			Do:   providertest.Add(providertest.Challenge("spam.com", rr)), Kind: fault.Misconfigured,
			Want: "the zone spam.com is banned (FailedOperation.DomainIsSpam); see to it in the console of DNSPod",
		},
		"a record in a zone of another account stays": {
			Do: func(ctx context.Context, p provider.Provider) error {
				_, err := p.Delete(ctx, "example.org", "50")
				return err
			}, Kind: fault.ZoneNotFound,
			Want: host.Refusals.ForeignZone,
		},
		"a key of the international site": {
			Keys: keys("IKIDnobody"), Do: providertest.List, Kind: fault.CredentialGone, Want: unknownID + createKey,
		},
		"the number of a retired token or an APPID": {
			Keys: keys("1250000000"), Do: providertest.List, Kind: fault.CredentialGone, Want: unknownID + retired,
		},
		"a whole retired token": {
			Keys: keys("12345,0123456789abcdef0123456789abcdef"), Do: providertest.List, Kind: fault.CredentialGone,
			Want: "the SecretId is none of the API 3.0 (AuthFailure.InvalidAuthorization)" + retired,
		},
		"the token part of a retired token": {
			Keys: keys("0123456789abcdef0123456789abcdef"), Do: providertest.List, Kind: fault.CredentialGone, Want: unknownID + retired,
		},
	})
}

func TestDeleteOfWhatIsNoID(t *testing.T) {
	world := host.Start(t, nil)
	_, err := host.Account(t, world.URL).Delete(t.Context(), "example.com", "R-1")
	if want := "the record id is none of DNSPod's"; providertest.Text(err) != want || !fault.Is(err, fault.Misconfigured) {
		t.Errorf("error %v, want %q", err, want)
	}
	if calls := len(world.Calls()); calls != 0 {
		t.Errorf("%d calls, want none", calls)
	}
}

func TestLanguage(t *testing.T) {
	server := host.Serve(t, func(providertest.Asked) providertest.Answer { return providertest.Answer{Body: zones(0)} })
	if _, err := host.Account(t, server.URL).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if language := server.Asked()[0].Header.Get("X-TC-Language"); language != "en-US" {
		t.Errorf("asked for messages in %q", language)
	}
}

func TestIncompleteLists(t *testing.T) {
	const record = `{"RecordId":7,"Name":"X","Type":"TXT","Value":"` + providertest.Value + `"}`
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"fields that are null are left out": {
			body: `{"Response":{"RequestId":"r","DomainCountInfo":{"AllTotal":3},"RecordCountInfo":{"TotalCount":3},
				"DomainList":[null,{"Name":null},{"Name":"example.com"}],
				"RecordList":[null,{"RecordId":null,"Name":"x","Type":"TXT","Value":"` + providertest.Value + `"},` + record + `]}}`,
			want: []string{"example.com"},
		},
		"without a total, a short page is the last": {
			body: `{"Response":{"RequestId":"r","DomainList":[{"Name":"","Punycode":"xn--fsqu00a.com"},{"Name":"bad name"}],
				"RecordList":[` + record + `]}}`,
			want: []string{"xn--fsqu00a.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := host.Serve(t, func(asked providertest.Asked) providertest.Answer {
				if asked.Action == "DescribeRecord" {
					return host.Refuse("UnauthorizedOperation.X") // so that the list decides
				}
				return providertest.Answer{Body: test.body}
			})
			account := host.Account(t, server.URL)
			zones, err := account.Zones(t.Context())
			if diff := cmp.Diff(test.want, zones); diff != "" || err != nil {
				t.Errorf("zones, %v (-want +got):\n%s", err, diff)
			}
			ids, err := account.FindTXT(t.Context(), providertest.Challenge("example.com", "x"))
			if diff := cmp.Diff([]provider.RecordID{"7"}, ids); diff != "" || err != nil {
				t.Errorf("ids, %v (-want +got):\n%s", err, diff)
			}
			if calls := len(server.Asked()); calls != 3 {
				t.Errorf("%d calls, want 3", calls)
			}
		})
	}
}

// TestARecordIsLookedAtByItsID has one record in example.com that lists show as it was half a minute before.
func TestARecordIsLookedAtByItsID(t *testing.T) {
	ours := cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: providertest.Value}
	for name, test := range map[string]struct {
		known  provider.RecordID
		change func(*cloud.Cloud) error
		want   []provider.RecordID
		calls  int
	}{
		"a known id needs no list":                    {known: "5", want: []provider.RecordID{"5"}, calls: 1},
		"a known id of nothing leaves it to the list": {known: "6", want: []provider.RecordID{"5"}, calls: 3},
		"a known id of another cloud's as well":       {known: "R-1", want: []provider.RecordID{"5"}, calls: 2},
		"a record that is listed and has another value by now is not ours": {
			known: "5", calls: 3,
			change: func(c *cloud.Cloud) error {
				return c.Update("alice", cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: "another"})
			},
		},
		"a record that is listed and gone by now is not there": {change: func(c *cloud.Cloud) error { return c.Delete("alice", 5) }, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			world := host.Start(t, func(o *simulator.CloudOptions) { o.Zones[0].Records = []cloud.Record{ours} })
			world.Change(func(s *cloud.Settings) { s.ListLag = 30 * time.Second })
			if test.change != nil {
				if err := test.change(world.Cloud); err != nil {
					t.Fatal(err)
				}
			}
			r := providertest.Challenge("example.com", rr)
			r.Known = test.known
			got, err := host.Account(t, world.URL).FindTXT(t.Context(), r)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("ids, %v (-want +got):\n%s", err, diff)
			}
			if calls := len(world.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}
