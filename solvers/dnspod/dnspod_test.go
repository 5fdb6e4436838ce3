package dnspod_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// value is as a challenge's is: 43 characters of base64url.
const value = "-_Yx0TdEYz7ihA2Q3NV4b9cUwqWJ1oYkqkq0e1Jk_Zs"

var (
	keys      = credential.Keys{ID: "AKIDaliceAliceAliceAlice", Secret: "alice/secret+1"}
	temporary = credential.Keys{ID: "AKIDaliceTemporary", Secret: "temporary/secret", Token: "token/with+odd=characters"}
)

// start starts a simulator with one account, alice, and another, bob.
func start(t *testing.T, change func(*simulator.Options)) *simulator.World {
	t.Helper()
	o := simulator.Options{DNSPod: simulator.CloudOptions{
		Accounts: []cloud.Account{
			{Owner: "alice", Keys: []cloud.Key{
				{ID: keys.ID, Secret: keys.Secret},
				{ID: temporary.ID, Secret: temporary.Secret, Token: temporary.Token},
			}},
			{Owner: "bob", Keys: []cloud.Key{{ID: "AKIDbob", Secret: "bob-secret"}}},
		},
		Zones: []cloud.Zone{{Owner: "alice", Name: "example.com"}, {Owner: "bob", Name: "example.org"}},
	}}
	if change != nil {
		change(&o)
	}
	return simulator.Start(t, o)
}

// at returns the cloud at a URL.
func at(t *testing.T, url string, roots []byte) *dnspod.Cloud {
	t.Helper()
	endpoint, err := wire.ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := wire.NewTransport(rootsFile(t, roots))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return dnspod.New(wire.API{Endpoint: endpoint, Transport: transport})
}

// rootsFile writes roots into a file, and returns "" for none.
func rootsFile(t *testing.T, roots []byte) string {
	t.Helper()
	if len(roots) == 0 {
		return ""
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func challenge(zone, rr string) provider.TXT {
	return provider.TXT{Zone: zone, RR: rr, Value: value, TTL: 600}
}

// content is what a test says about a record.
type content struct{ Zone, RR, Type, Value, Line string }

func contents(records []cloud.Record) []content {
	var list []content
	for _, r := range records {
		list = append(list, content{r.Zone, r.RR, r.Type, r.Value, r.Line})
	}
	return list
}

func TestAddTXT(t *testing.T) {
	for name, test := range map[string]struct {
		zones  []cloud.Zone
		change func(*cloud.Settings)
		add    provider.TXT
		want   []content
		sent   map[string]string
	}{
		"a record below the zone is added on the default line, by its id": {
			add:  challenge("example.com", "_acme-challenge"),
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "0"}},
			sent: map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
		"the international site, whose default line has another name, takes the same": {
			change: func(s *cloud.Settings) { s.International = true },
			add:    challenge("example.com", "_acme-challenge"),
			want:   []content{{"example.com", "_acme-challenge", "TXT", value, "0"}},
			sent:   map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
		"a name that equals the zone becomes @": {
			add:  challenge("example.com", "@"),
			want: []content{{"example.com", "@", "TXT", value, "0"}},
			sent: map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
		"a line by name goes without an id": {
			add:  provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "电信"},
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "10=1"}},
			sent: map[string]string{"RecordLine": "电信"},
		},
		"a line by id wins over its name": {
			add:  provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "电信", LineID: "10=0"},
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "10=0"}},
			sent: map[string]string{"RecordLine": "电信", "RecordLineId": "10=0"},
		},
		"a line by id alone has the default's name beside it, which is required": {
			add:  provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, LineID: "10=1"},
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "10=1"}},
			sent: map[string]string{"RecordLine": "默认", "RecordLineId": "10=1"},
		},
		"a Chinese zone is named as the cloud lists it": {
			zones:  []cloud.Zone{{Owner: "alice", Name: "例子.com"}},
			change: func(s *cloud.Settings) { s.RefusePunycode = true },
			add:    challenge("xn--fsqu00a.com", "_acme-challenge"),
			want:   []content{{"例子.com", "_acme-challenge", "TXT", value, "0"}},
			sent:   map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
		"a second value stands beside what is there": {
			zones: []cloud.Zone{{Owner: "alice", Name: "example.net", Records: []cloud.Record{
				{RR: "_acme-challenge", Type: "TXT", Value: "another"}, {RR: "@", Type: "TXT", Value: "v=spf1 -all"},
			}}},
			add: challenge("example.net", "_acme-challenge"),
			want: []content{
				{"example.net", "_acme-challenge", "TXT", "another", "0"},
				{"example.net", "@", "TXT", "v=spf1 -all", "0"},
				{"example.net", "_acme-challenge", "TXT", value, "0"},
			},
			sent: map[string]string{"RecordLine": "默认", "RecordLineId": "0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.DNSPod.Zones = append(o.DNSPod.Zones, test.zones...)
				o.DNSPod.Change = test.change
			})
			id, err := at(t, world.DNSPod.URL, nil).Account(keys, nil).AddTXT(t.Context(), test.add)
			if err != nil {
				t.Fatal(err)
			}
			records := world.DNSPod.Records("")
			sort := cmpopts.SortSlices(func(a, b content) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
			if diff := cmp.Diff(test.want, contents(records), sort); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			added := slices.IndexFunc(records, func(r cloud.Record) bool { return string(id) == strconv.FormatUint(r.ID, 10) })
			if added < 0 || records[added].Value != value {
				t.Errorf("the id %q is not that of the record; there are %v", id, records)
			}
			calls := world.DNSPod.Calls()
			if len(calls) != 1 {
				t.Fatalf("calls %+v, want one", calls)
			}
			onlyLine := cmpopts.IgnoreMapEntries(func(k, _ string) bool { return !strings.HasPrefix(k, "RecordLine") })
			if diff := cmp.Diff(test.sent, calls[0].Parameters, onlyLine); diff != "" {
				t.Errorf("the line that was sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAddTXTTwice(t *testing.T) {
	world := start(t, nil)
	account := at(t, world.DNSPod.URL, nil).Account(keys, nil)
	first, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
	if err != nil || first == "" {
		t.Fatalf("AddTXT = %q, %v, want an id", first, err)
	}
	second, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
	if err != nil || second != "" {
		t.Errorf("AddTXT of an equal record = %q, %v, want no id and no error", second, err)
	}
	if got := len(world.DNSPod.Records("example.com")); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
}

func TestFindTXT(t *testing.T) {
	const rr = "_acme-challenge"
	many := func(n int, last cloud.Record) []cloud.Record {
		records := []cloud.Record{last}
		for i := range n {
			records = append(records, cloud.Record{RR: rr, Type: "TXT", Value: value + strconv.Itoa(i)})
		}
		return records
	}
	for name, test := range map[string]struct {
		records []cloud.Record
		rr      string
		change  func(*cloud.Settings)
		want    []provider.RecordID
		calls   int
	}{
		"an empty list, which the API calls an error, is an empty list": {rr: rr, calls: 1},
		"the record is found on every line and with every TTL, by its exact id": {
			records: []cloud.Record{
				{ID: 9007199254740993, RR: rr, Type: "TXT", Value: value, Line: "10=1"},
				{ID: 9007199254740995, RR: rr, Type: "TXT", Value: value, TTL: 3600},
			},
			rr: rr, want: []provider.RecordID{"9007199254740993", "9007199254740995"}, calls: 1,
		},
		"a longer name with the same value is another record": {
			records: []cloud.Record{
				{ID: 5, RR: rr + ".www", Type: "TXT", Value: value}, {ID: 6, RR: rr, Type: "TXT", Value: value}, {ID: 7, RR: "@", Type: "TXT", Value: value},
			},
			rr: rr, want: []provider.RecordID{"6"}, calls: 1,
		},
		"a value that differs in case, or is longer, is another": {
			records: []cloud.Record{
				{ID: 5, RR: rr, Type: "TXT", Value: strings.ToUpper(value)},
				{ID: 6, RR: rr, Type: "TXT", Value: value + "x"},
				{ID: 8, RR: rr, Type: "TXT", Value: value},
			},
			rr: rr, want: []provider.RecordID{"8"}, calls: 1,
		},
		"a record of another type is another": {
			records: []cloud.Record{{ID: 5, RR: rr, Type: "CNAME", Value: value}, {ID: 6, RR: rr, Type: "A", Value: "192.0.2.1"}},
			rr:      rr, calls: 1,
		},
		"the name of the zone itself is @": {
			records: []cloud.Record{{ID: 5, RR: "@", Type: "TXT", Value: value}, {ID: 6, RR: rr, Type: "TXT", Value: value}},
			rr:      "@", want: []provider.RecordID{"5"}, calls: 1,
		},
		"values that are listed in quotes are the same": {
			records: []cloud.Record{{ID: 5, RR: rr, Type: "TXT", Value: value}},
			rr:      rr, change: func(s *cloud.Settings) { s.QuoteTXT = true }, want: []provider.RecordID{"5"}, calls: 1,
		},
		"120 values at the name fit one page": {
			records: many(120, cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: value}),
			rr:      rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"3100 values take two pages": {
			records: many(3100, cloud.Record{ID: 50000, RR: rr, Type: "TXT", Value: value}),
			rr:      rr, want: []provider.RecordID{"50000"}, calls: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.DNSPod.Zones[0].Records = test.records
				o.DNSPod.Change = test.change
			})
			got, err := at(t, world.DNSPod.URL, nil).Account(keys, nil).FindTXT(t.Context(), challenge("example.com", test.rr))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if calls := len(world.DNSPod.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestZones(t *testing.T) {
	many := make([]cloud.Zone, 3100)
	names := make([]string, 3100)
	for i := range many {
		names[i] = fmt.Sprintf("zone%04d.example", i)
		many[i] = cloud.Zone{Owner: "alice", Name: names[i]}
	}
	for name, test := range map[string]struct {
		zones []cloud.Zone
		want  []string
		calls int
	}{
		"an account without zones, which the API calls an error, has an empty list": {calls: 1},
		"names are canonical": {
			zones: []cloud.Zone{{Owner: "alice", Name: "Example.COM"}, {Owner: "alice", Name: "例子.com"}, {Owner: "alice", Name: "sub.example.com"}},
			want:  []string{"example.com", "sub.example.com", "xn--fsqu00a.com"}, calls: 1,
		},
		"a paused and a banned zone are listed": {
			zones: []cloud.Zone{{Owner: "alice", Name: "a.com", Status: cloud.ZonePaused}, {Owner: "alice", Name: "b.com", Status: cloud.ZoneSpam}},
			want:  []string{"a.com", "b.com"}, calls: 1,
		},
		"zones of other accounts are not listed": {zones: []cloud.Zone{{Owner: "bob", Name: "example.org"}}, calls: 1},
		"3100 zones take two pages":              {zones: many, want: names, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) { o.DNSPod.Zones = test.zones })
			got, err := at(t, world.DNSPod.URL, nil).Account(keys, nil).Zones(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
			if calls := world.DNSPod.Count("DescribeDomainList"); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	for name, test := range map[string]struct {
		zone  string
		id    provider.RecordID
		want  string
		left  int
		calls int
	}{
		"the record goes and the other stays":  {zone: "example.com", id: "9007199254740993", left: 1, calls: 1},
		"a record that is gone is success":     {zone: "example.com", id: "999", left: 2, calls: 1},
		"a record of another zone is not ours": {zone: "example.com", id: "50", left: 2, calls: 1},
		"an id that is none is refused":        {zone: "example.com", id: "R-1", left: 2, want: "the record id is none of DNSPod's"},
		"a zone of another account is named": {
			zone: "example.org", id: "50", left: 2, calls: 1,
			want: "the zone example.org belongs to another account, or the SecretId may not use it (OperationDenied.NoPermissionToOperateDomain); check that DNSPod hosts the zone in the account of this SecretId",
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.DNSPod.Zones[0].Records = []cloud.Record{
					// A float64 cannot tell one from the other.
					{ID: 9007199254740993, RR: "_acme-challenge", Type: "TXT", Value: value},
					{ID: 9007199254740992, RR: "_acme-challenge", Type: "TXT", Value: "other"},
				}
				o.DNSPod.Zones[1].Records = []cloud.Record{{ID: 50, RR: "_acme-challenge", Type: "TXT", Value: value}}
			})
			err := at(t, world.DNSPod.URL, nil).Account(keys, nil).Delete(t.Context(), test.zone, test.id)
			if got := text(err); got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
			left := world.DNSPod.Records("example.com")
			if len(left) != test.left || !slices.ContainsFunc(left, func(r cloud.Record) bool { return r.Value == "other" }) {
				t.Errorf("left are %v, want %d", left, test.left)
			}
			if calls := len(world.DNSPod.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRefusals(t *testing.T) {
	const retired = "; it looks like a token of the retired DNSPod API or an APPID: create a SecretId (it begins with AKID) and" +
		" SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
	for name, test := range map[string]struct {
		keys   credential.Keys
		zone   cloud.Zone
		change func(*cloud.Settings)
		do     func(context.Context, provider.Provider) error
		kind   fault.Kind
		want   string
		calls  int
	}{
		"a TTL below the plan's minimum names the minimum": {
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind: fault.Misconfigured, calls: 3,
			want: "the zone example.com does not allow a TTL of 60 seconds (LimitExceeded.RecordTtlLimit); set config.ttl to at least 600, the minimum of the zone's plan",
		},
		"a TTL below a paid plan's minimum names that": {
			zone: cloud.Zone{Owner: "alice", Name: "例子.com", Edition: "DP_EXTRA"},
			do:   add(provider.TXT{Zone: "xn--fsqu00a.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind: fault.Misconfigured, calls: 3,
			want: "the zone xn--fsqu00a.com does not allow a TTL of 60 seconds (LimitExceeded.RecordTtlLimit); set config.ttl to at least 120, the minimum of the zone's plan",
		},
		"without the right to read the plan the usual minimum is named": {
			keys: credential.Keys{ID: "AKIDwriter", Secret: "writer"},
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind: fault.Misconfigured, calls: 2,
			want: "the zone example.com does not allow a TTL of 60 seconds (LimitExceeded.RecordTtlLimit); set config.ttl to at least 600, the minimum of the free and personal plans",
		},
		"an unknown line is named": {
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "nowhere"}),
			kind: fault.Misconfigured, calls: 1,
			want: `the zone example.com does not have the line "nowhere" (InvalidParameter.RecordLineInvalid); set config.recordLine or config.recordLineId to a line of the zone's plan, or leave both out`,
		},
		"an unknown id of a line is named": {
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "默认", LineID: "99=9"}),
			kind: fault.Misconfigured, calls: 1,
			want: `the zone example.com does not have the line with the id "99=9" (InvalidParameter.RecordLineInvalid); set config.recordLine or config.recordLineId to a line of the zone's plan, or leave both out`,
		},
		"a zone of another account is named": {
			do:   add(challenge("example.org", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "the zone example.org belongs to another account, or the SecretId may not use it (OperationDenied.NoPermissionToOperateDomain); check that DNSPod hosts the zone in the account of this SecretId",
		},
		"a zone that nobody hosts is named": {
			do:   find(challenge("example.net", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "the account does not host the zone example.net (InvalidParameterValue.DomainNotExists); check that DNSPod hosts the zone in the account of this SecretId",
		},
		"a top-level domain is no zone": {
			do:   find(challenge("com", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "com cannot be a zone of DNSPod (InvalidParameter.DomainInvalid); check that DNSPod hosts the zone in the account of this SecretId",
		},
		"a locked zone is named": {
			zone: cloud.Zone{Owner: "alice", Name: "locked.com", Status: cloud.ZoneLocked},
			do:   add(challenge("locked.com", "_acme-challenge")),
			kind: fault.Misconfigured, calls: 1,
			want: "the zone locked.com is locked (FailedOperation.DomainIsLocked); see to it in the console of DNSPod",
		},
		"a banned zone is named": {
			zone: cloud.Zone{Owner: "alice", Name: "spam.com", Status: cloud.ZoneSpam},
			do:   add(challenge("spam.com", "_acme-challenge")),
			kind: fault.Misconfigured, calls: 1,
			want: "the zone spam.com is banned (FailedOperation.DomainIsSpam); see to it in the console of DNSPod",
		},
		"an unknown key": {
			keys: credential.Keys{ID: "AKIDnobody", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound); create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret",
		},
		"a key of the international site": {
			keys: credential.Keys{ID: "IKIDnobody", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound); create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret",
		},
		"the number of a retired token or an APPID": {
			keys: credential.Keys{ID: "1250000000", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound)" + retired,
		},
		"a whole retired token": {
			keys: credential.Keys{ID: "12345,0123456789abcdef0123456789abcdef", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId is none of the API 3.0 (AuthFailure.InvalidAuthorization)" + retired,
		},
		"the token part of a retired token": {
			keys: credential.Keys{ID: "0123456789abcdef0123456789abcdef", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound)" + retired,
		},
		"a disabled key": {
			keys: credential.Keys{ID: "AKIDdisabled", Secret: "disabled"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound); create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret",
		},
		"a wrong secret": {
			keys: credential.Keys{ID: keys.ID, Secret: "wrong"}, do: list, kind: fault.Denied, calls: 1,
			want: "the SecretKey does not match the SecretId (AuthFailure.SignatureFailure); check the SecretKey for a wrong value or a stray line break",
		},
		"a policy that does not allow the call names the action": {
			keys: credential.Keys{ID: "AKIDreader", Secret: "reader"}, do: add(challenge("example.com", "_acme-challenge")), kind: fault.Denied, calls: 1,
			want: "the CAM policy does not allow dnspod:CreateRecord (AuthFailure.UnauthorizedOperation); allow dnspod:CreateRecord in the CAM policy of the user or role",
		},
		"a token that has expired": {
			keys: credential.Keys{ID: "AKIDexpired", Secret: "expired", Token: "expired-token"}, do: list, kind: fault.Denied, calls: 1,
			want: "the token has expired or is not valid for the SecretId (AuthFailure.TokenFailure); renew the keys and the token in the Secret: all three belong together",
		},
		"a temporary key without its token": {
			keys: credential.Keys{ID: temporary.ID, Secret: temporary.Secret}, do: list, kind: fault.Denied, calls: 1,
			want: "the token has expired or is not valid for the SecretId (AuthFailure.TokenFailure); renew the keys and the token in the Secret: all three belong together",
		},
		"a clock that is 20 minutes off": {
			change: func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }, do: list, kind: fault.Misconfigured, calls: 1,
			want: "the clock of this node is off (AuthFailure.SignatureExpire); set the node's clock, for example with NTP: Tencent Cloud allows 5 minutes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.DNSPod.Change = test.change
				o.DNSPod.Accounts[0].Keys = append(o.DNSPod.Accounts[0].Keys,
					cloud.Key{ID: "AKIDdisabled", Secret: "disabled", Disabled: true},
					cloud.Key{ID: "AKIDreader", Secret: "reader", Denied: []string{"CreateRecord"}},
					cloud.Key{ID: "AKIDwriter", Secret: "writer", Denied: []string{"DescribeDomain"}},
					cloud.Key{ID: "AKIDexpired", Secret: "expired", Token: "expired-token", Expires: time.Now().Add(-time.Hour)},
				)
				if test.zone.Name != "" {
					o.DNSPod.Zones = append(o.DNSPod.Zones, test.zone)
				}
			})
			used := test.keys
			if used == (credential.Keys{}) {
				used = keys
			}
			account := at(t, world.DNSPod.URL, nil).Account(used, nil)
			for range 2 {
				world.DNSPod.ResetCalls()
				err := test.do(t.Context(), account)
				if diff := cmp.Diff(test.want, text(err)); diff != "" || !fault.Is(err, test.kind) {
					t.Fatalf("error %v, want the kind %v (-want +got):\n%s", err, test.kind, diff)
				}
				if strings.Contains(text(err), used.ID) {
					t.Errorf("the error holds the SecretId")
				}
				if got := len(world.DNSPod.Calls()); got != test.calls {
					t.Errorf("%d calls, want %d", got, test.calls)
				}
			}
		})
	}
}

func add(r provider.TXT) func(context.Context, provider.Provider) error {
	return func(ctx context.Context, p provider.Provider) error {
		_, err := p.AddTXT(ctx, r)
		return err
	}
}

func find(r provider.TXT) func(context.Context, provider.Provider) error {
	return func(ctx context.Context, p provider.Provider) error {
		_, err := p.FindTXT(ctx, r)
		return err
	}
}

func list(ctx context.Context, p provider.Provider) error {
	_, err := p.Zones(ctx)
	return err
}

func TestTokenIsSent(t *testing.T) {
	world := start(t, nil)
	if _, err := at(t, world.DNSPod.URL, nil).Account(temporary, nil).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := world.DNSPod.Calls(); len(calls) != 1 || !calls[0].Token || calls[0].Owner != "alice" {
		t.Errorf("calls %+v, want one of alice with her token", calls)
	}
}

func TestConcurrentCalls(t *testing.T) {
	world := start(t, nil)
	shared := at(t, world.DNSPod.URL, nil)
	one := shared.Account(keys, nil)
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 50 {
		group.Go(func() {
			// Every other one is an account of its own, as every call of the solver's makes one.
			account := one
			if i%2 == 0 {
				account = shared.Account(keys, nil)
			}
			r := provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value + strconv.Itoa(i), TTL: 600}
			id, err := account.AddTXT(t.Context(), r)
			errs <- err
			ids, err := account.FindTXT(t.Context(), r)
			errs <- err
			if !slices.Equal(ids, []provider.RecordID{id}) {
				errs <- fmt.Errorf("found %v, want %v", ids, id)
			}
			errs <- account.Delete(t.Context(), "example.com", id)
		})
	}
	group.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		t.Error(err)
	}
	if left := world.DNSPod.Records("example.com"); len(left) != 0 {
		t.Errorf("%d records are left", len(left))
	}
}
