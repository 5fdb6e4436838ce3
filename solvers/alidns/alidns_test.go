package alidns_test

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

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// value is as a challenge's is: 43 characters of base64url, with the ones that are wildcards to a fuzzy search.
const value = "-_Yx0TdEYz7ihA2Q3NV4b9cUwqWJ1oYkqkq0e1Jk_Zs"

var (
	keys      = credential.Keys{ID: "LTAI5tAliceAliceAlice", Secret: "alice/secret+1"}
	temporary = credential.Keys{ID: "STS.AliceTemporary", Secret: "temporary/secret", Token: "token/with+odd=characters"}
)

// start starts a simulator with one account, alice, and another, bob.
func start(t *testing.T, change func(*simulator.Options)) *simulator.World {
	t.Helper()
	o := simulator.Options{Alidns: simulator.CloudOptions{
		Accounts: []cloud.Account{
			{Owner: "alice", Keys: []cloud.Key{
				{ID: keys.ID, Secret: keys.Secret},
				{ID: temporary.ID, Secret: temporary.Secret, Token: temporary.Token},
			}},
			{Owner: "bob", Keys: []cloud.Key{{ID: "LTAI5tBob", Secret: "bob-secret"}}},
		},
		Zones: []cloud.Zone{{Owner: "alice", Name: "example.com"}, {Owner: "bob", Name: "example.org"}},
	}}
	if change != nil {
		change(&o)
	}
	return simulator.Start(t, o)
}

// at returns the cloud at a URL.
func at(t *testing.T, url string, roots []byte) *alidns.Cloud {
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
	return alidns.New(wire.API{Endpoint: endpoint, Transport: transport})
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

// ignoreOrder compares lists as sets.
func ignoreOrder[T any](less func(a, b T) bool) cmp.Option { return cmpopts.SortSlices(less) }

func TestAddTXT(t *testing.T) {
	for name, test := range map[string]struct {
		zones []cloud.Zone
		add   provider.TXT
		want  []content
	}{
		"a record below the zone is added on the default line": {
			add:  challenge("example.com", "_acme-challenge"),
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "default"}},
		},
		"a name that equals the zone becomes @": {
			add:  challenge("example.com", "@"),
			want: []content{{"example.com", "@", "TXT", value, "default"}},
		},
		"a line of the config is sent": {
			add:  provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "telecom"},
			want: []content{{"example.com", "_acme-challenge", "TXT", value, "telecom"}},
		},
		"a Chinese zone is named as the cloud lists it": {
			zones: []cloud.Zone{{Owner: "alice", Name: "例子.com"}},
			add:   challenge("xn--fsqu00a.com", "_acme-challenge"),
			want:  []content{{"例子.com", "_acme-challenge", "TXT", value, "default"}},
		},
		"a second value stands beside what is there": {
			zones: []cloud.Zone{{Owner: "alice", Name: "example.net", Records: []cloud.Record{
				{RR: "_acme-challenge", Type: "TXT", Value: "another"}, {RR: "@", Type: "TXT", Value: "v=spf1 -all"},
			}}},
			add: challenge("example.net", "_acme-challenge"),
			want: []content{
				{"example.net", "_acme-challenge", "TXT", "another", "default"},
				{"example.net", "@", "TXT", "v=spf1 -all", "default"},
				{"example.net", "_acme-challenge", "TXT", value, "default"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.Alidns.Zones = append(o.Alidns.Zones, test.zones...)
				o.Alidns.Change = func(s *cloud.Settings) { s.RefusePunycode = true }
			})
			id, err := at(t, world.Alidns.URL, nil).Account(keys, "cn-hangzhou", nil).AddTXT(t.Context(), test.add)
			if err != nil {
				t.Fatal(err)
			}
			records := world.Alidns.Records("")
			sort := ignoreOrder(func(a, b content) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
			if diff := cmp.Diff(test.want, contents(records), sort); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			added := slices.IndexFunc(records, func(r cloud.Record) bool { return string(id) == strconv.FormatUint(r.ID, 10) })
			if added < 0 || records[added].Value != value {
				t.Errorf("the id %q is not that of the record; there are %v", id, records)
			}
			if got := world.Alidns.Count("AddDomainRecord"); got != 1 {
				t.Errorf("%d calls of AddDomainRecord, want 1", got)
			}
		})
	}
}

func TestAddTXTTwice(t *testing.T) {
	world := start(t, nil)
	account := at(t, world.Alidns.URL, nil).Account(keys, "", nil)
	first, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
	if err != nil || first == "" {
		t.Fatalf("AddTXT = %q, %v, want an id", first, err)
	}
	second, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
	if err != nil || second != "" {
		t.Errorf("AddTXT of an equal record = %q, %v, want no id and no error", second, err)
	}
	if got := len(world.Alidns.Records("example.com")); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
}

func TestFindTXT(t *testing.T) {
	const rr = "_acme-challenge"
	many := func(n int, last cloud.Record) []cloud.Record {
		// Each holds the value, so that the search by value does not thin the pages out.
		records := []cloud.Record{last}
		for i := range n {
			records = append(records, cloud.Record{RR: rr, Type: "TXT", Value: value + strconv.Itoa(i)})
		}
		return records
	}
	for name, test := range map[string]struct {
		records []cloud.Record
		rr      string
		quote   bool
		want    []provider.RecordID
		calls   int
	}{
		"nothing there is an empty list": {rr: rr, calls: 1},
		"the record is found on every line and with every TTL": {
			records: []cloud.Record{
				{ID: 5, RR: rr, Type: "TXT", Value: value, Line: "telecom"}, {ID: 6, RR: rr, Type: "TXT", Value: value, TTL: 3600},
			},
			rr: rr, want: []provider.RecordID{"5", "6"}, calls: 1,
		},
		"a longer name with the same value is another record": {
			records: []cloud.Record{
				{ID: 5, RR: rr + ".www", Type: "TXT", Value: value},
				{ID: 6, RR: rr, Type: "TXT", Value: value},
				{ID: 7, RR: "x" + rr, Type: "TXT", Value: value},
				{ID: 8, RR: "@", Type: "TXT", Value: value},
			},
			rr: rr, want: []provider.RecordID{"6"}, calls: 1,
		},
		"a value that differs in case, or is longer, is another": {
			records: []cloud.Record{
				{ID: 5, RR: rr, Type: "TXT", Value: strings.ToUpper(value)},
				{ID: 6, RR: rr, Type: "TXT", Value: value + "x"},
				{ID: 7, RR: rr, Type: "TXT", Value: strings.ReplaceAll(value, "_", "-")},
				{ID: 8, RR: rr, Type: "TXT", Value: value},
			},
			rr: rr, want: []provider.RecordID{"8"}, calls: 1,
		},
		"a record of another type is another": {
			records: []cloud.Record{{ID: 5, RR: rr, Type: "CNAME", Value: value}, {ID: 6, RR: rr, Type: "A", Value: "192.0.2.1"}},
			rr:      rr, calls: 1,
		},
		"upper case in a listed name does not matter": {
			records: []cloud.Record{{ID: 5, RR: "_ACME-Challenge", Type: "TXT", Value: value}},
			rr:      rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"a Chinese label is the same in both forms": {
			records: []cloud.Record{{ID: 5, RR: rr + ".商店", Type: "TXT", Value: value}},
			rr:      rr + ".xn--czrs0t", want: []provider.RecordID{"5"}, calls: 1,
		},
		"the name of the zone itself is @": {
			records: []cloud.Record{{ID: 5, RR: "@", Type: "TXT", Value: value}, {ID: 6, RR: rr, Type: "TXT", Value: value}},
			rr:      "@", want: []provider.RecordID{"5"}, calls: 1,
		},
		"values that are listed in quotes are the same": {
			records: []cloud.Record{{ID: 5, RR: rr, Type: "TXT", Value: value}},
			rr:      rr, quote: true, want: []provider.RecordID{"5"}, calls: 1,
		},
		"130 values at the name fit one page": {
			records: many(130, cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: value}),
			rr:      rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"ours is the last of 1100": {
			records: many(1100, cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: value}),
			rr:      rr, want: []provider.RecordID{"5"}, calls: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.Alidns.Zones[0].Records = test.records
				o.Alidns.Change = func(s *cloud.Settings) { s.QuoteTXT = test.quote }
			})
			got, err := at(t, world.Alidns.URL, nil).Account(keys, "", nil).FindTXT(t.Context(), challenge("example.com", test.rr))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if calls := len(world.Alidns.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestZones(t *testing.T) {
	many := make([]cloud.Zone, 250)
	names := make([]string, 250)
	for i := range many {
		names[i] = fmt.Sprintf("zone%03d.example", i)
		many[i] = cloud.Zone{Owner: "alice", Name: names[i]}
	}
	for name, test := range map[string]struct {
		zones []cloud.Zone
		want  []string
		calls int
	}{
		"an account without zones has an empty list": {calls: 1},
		"names are canonical": {
			zones: []cloud.Zone{{Owner: "alice", Name: "Example.COM"}, {Owner: "alice", Name: "例子.com"}, {Owner: "alice", Name: "sub.example.com"}},
			want:  []string{"example.com", "sub.example.com", "xn--fsqu00a.com"}, calls: 1,
		},
		"zones of other accounts are not listed": {zones: []cloud.Zone{{Owner: "bob", Name: "example.org"}}, calls: 1},
		"250 zones take three pages":             {zones: many, want: names, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) { o.Alidns.Zones = test.zones })
			got, err := at(t, world.Alidns.URL, nil).Account(keys, "", nil).Zones(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
			if calls := world.Alidns.Count("DescribeDomains"); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	for name, test := range map[string]struct {
		id   provider.RecordID
		want string
		left []string
	}{
		"the record goes and others stay":       {id: "5", left: []string{"other", "locked"}},
		"a record that is gone is success":      {id: "999", left: []string{value, "other", "locked"}},
		"another account's record is gone, too": {id: "50", left: []string{value, "other", "locked"}},
		"a locked record is an error": {
			id: "7", left: []string{value, "other", "locked"},
			want: "the record in the zone example.com is locked (DomainRecordLocked); see to it in the console of Alidns",
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.Alidns.Zones[0].Records = []cloud.Record{
					{ID: 5, RR: "_acme-challenge", Type: "TXT", Value: value},
					{ID: 6, RR: "_acme-challenge", Type: "TXT", Value: "other"},
					{ID: 7, RR: "_acme-challenge", Type: "TXT", Value: "locked", Locked: true},
				}
				o.Alidns.Zones[1].Records = []cloud.Record{{ID: 50, RR: "_acme-challenge", Type: "TXT", Value: value}}
			})
			err := at(t, world.Alidns.URL, nil).Account(keys, "", nil).Delete(t.Context(), "example.com", test.id)
			if got := text(err); got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
			var left []string
			for _, r := range world.Alidns.Records("example.com") {
				left = append(left, r.Value)
			}
			if diff := cmp.Diff(test.left, left, ignoreOrder(func(a, b string) bool { return a < b })); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			if calls := len(world.Alidns.Calls()); calls != 1 {
				t.Errorf("%d calls, want 1", calls)
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
	for name, test := range map[string]struct {
		keys   credential.Keys
		zone   cloud.Zone
		change func(*cloud.Settings)
		do     func(context.Context, provider.Provider) error
		kind   fault.Kind
		want   string
		calls  int
	}{
		"a TTL below the edition's minimum names the minimum": {
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind: fault.Misconfigured, calls: 2,
			want: "the zone example.com does not allow a TTL of 60 seconds (InvalidTTL); set config.ttl to at least 600, the minimum of the zone's edition",
		},
		"a TTL below a paid edition's minimum names that": {
			zone: cloud.Zone{Owner: "alice", Name: "例子.com", Edition: "version_enterprise_basic"},
			do:   add(provider.TXT{Zone: "xn--fsqu00a.com", RR: "_acme-challenge", Value: value, TTL: 1}),
			kind: fault.Misconfigured, calls: 2,
			want: "the zone xn--fsqu00a.com does not allow a TTL of 1 seconds (InvalidTTL); set config.ttl to at least 60, the minimum of the zone's edition",
		},
		"the TTL is refused by the code that is seen in the field": {
			change: func(s *cloud.Settings) { s.TTLCode = "QuotaExceeded.TTL" },
			do:     add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind:   fault.Misconfigured, calls: 2,
			want: "the zone example.com does not allow a TTL of 60 seconds (QuotaExceeded.TTL); set config.ttl to at least 600, the minimum of the zone's edition",
		},
		"the TTL is refused by a code that says nothing": {
			change: func(s *cloud.Settings) { s.TTLCode = "InvalidParameter" },
			do:     add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind:   fault.Misconfigured, calls: 2,
			want: "the zone example.com does not allow a TTL of 60 seconds (InvalidParameter); set config.ttl to at least 600, the minimum of the zone's edition",
		},
		"without the right to read the edition the usual minimum is named": {
			keys: credential.Keys{ID: "LTAI5tWriter", Secret: "writer"},
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 60}),
			kind: fault.Misconfigured, calls: 2,
			want: "the zone example.com does not allow a TTL of 60 seconds (InvalidTTL); set config.ttl to at least 600, the minimum of the free and personal editions",
		},
		"an unknown line is named": {
			do:   add(provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "nowhere"}),
			kind: fault.Misconfigured, calls: 1,
			want: `the zone example.com does not have the line "nowhere" (InvalidParameter); set config.line to a line of the zone's edition, or leave it out`,
		},
		"a zone of another account is named": {
			do:   add(challenge("example.org", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "the zone example.org belongs to another account (IncorrectDomainUser); check that Alidns hosts the zone in the account of this AccessKey",
		},
		"a zone that nobody hosts is named": {
			do:   find(challenge("example.net", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "the account does not host the zone example.net (InvalidDomainName.NoExist); check that Alidns hosts the zone in the account of this AccessKey",
		},
		"a top-level domain is no zone": {
			do:   find(challenge("com", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 1,
			want: "com cannot be a zone of Alidns (InvalidDomainName.Format); check that Alidns hosts the zone in the account of this AccessKey",
		},
		"a Chinese zone that nobody hosts is asked for in both forms": {
			do:   find(challenge("xn--fsqu00a.com", "_acme-challenge")),
			kind: fault.ZoneNotFound, calls: 2,
			want: "the account does not host the zone xn--fsqu00a.com (InvalidDomainName.NoExist); check that Alidns hosts the zone in the account of this AccessKey",
		},
		"a locked zone is named": {
			zone: cloud.Zone{Owner: "alice", Name: "locked.com", Status: cloud.ZoneLocked},
			do:   add(challenge("locked.com", "_acme-challenge")),
			kind: fault.Misconfigured, calls: 1,
			want: "Alidns forbids changes in the zone locked.com (DomainForbidden); see to it in the console of Alidns",
		},
		"the 91st record at one name is too many": {
			zone: cloud.Zone{Owner: "alice", Name: "full.com", Records: ninety()},
			do:   add(challenge("full.com", "_acme-challenge")),
			kind: fault.Misconfigured, calls: 1,
			want: "the zone full.com takes no more TXT records at this name (QuotaExceeded.Record); remove those that are left over from earlier challenges",
		},
		"a CNAME at the name is in the way": {
			zone: cloud.Zone{Owner: "alice", Name: "cname.com", Records: []cloud.Record{{RR: "_acme-challenge", Type: "CNAME", Value: "x.example.com", Line: "default"}}},
			do:   add(challenge("cname.com", "_acme-challenge")),
			kind: fault.Misconfigured, calls: 1,
			want: "a record of another type at the name in the zone cname.com forbids a TXT record (DomainRecordConflict); remove that record, or delegate the challenge to another name by CNAME",
		},
		"an unknown key": {
			keys: credential.Keys{ID: "LTAI5tNobody", Secret: "x"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the AccessKey ID does not exist (InvalidAccessKeyId.NotFound); create an AccessKey for the RAM user and write it to the Secret",
		},
		"a disabled key": {
			keys: credential.Keys{ID: "LTAI5tDisabled", Secret: "disabled"}, do: list, kind: fault.CredentialGone, calls: 1,
			want: "the AccessKey is disabled (InvalidAccessKeyId.Inactive); enable it in the RAM console, or write another to the Secret",
		},
		"a wrong secret": {
			keys: credential.Keys{ID: keys.ID, Secret: "wrong"}, do: list, kind: fault.Denied, calls: 1,
			want: "the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch); check the AccessKey Secret for a wrong value or a stray line break",
		},
		"a policy that does not allow the call names the action": {
			keys: credential.Keys{ID: "LTAI5tReader", Secret: "reader"}, do: add(challenge("example.com", "_acme-challenge")), kind: fault.Denied, calls: 1,
			want: "the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM); allow alidns:AddDomainRecord on the zone in the RAM policy of the user or role (DescribeDomains needs the resource *)",
		},
		"a token that has expired": {
			keys: credential.Keys{ID: "STS.Expired", Secret: "expired", Token: "expired-token"}, do: list, kind: fault.Denied, calls: 1,
			want: "the security token has expired (InvalidSecurityToken.Expired); renew the keys and the token in the Secret: all three belong together",
		},
		"a temporary key without its token": {
			keys: credential.Keys{ID: temporary.ID, Secret: temporary.Secret}, do: list, kind: fault.Denied, calls: 1,
			want: "the AccessKey is a temporary one and has no security token (MissingSecurityToken); set config.securityTokenRef",
		},
		"a clock that is 20 minutes off": {
			change: func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }, do: list, kind: fault.Misconfigured, calls: 1,
			want: "the clock of this node is off (InvalidTimeStamp.Expired); set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := start(t, func(o *simulator.Options) {
				o.Alidns.Change = test.change
				o.Alidns.Accounts[0].Keys = append(o.Alidns.Accounts[0].Keys,
					cloud.Key{ID: "LTAI5tDisabled", Secret: "disabled", Disabled: true},
					cloud.Key{ID: "LTAI5tReader", Secret: "reader", Denied: []string{"AddDomainRecord"}},
					cloud.Key{ID: "LTAI5tWriter", Secret: "writer", Denied: []string{"DescribeDomainInfo"}},
					cloud.Key{ID: "STS.Expired", Secret: "expired", Token: "expired-token", Expires: time.Now().Add(-time.Hour)},
				)
				if test.zone.Name != "" {
					o.Alidns.Zones = append(o.Alidns.Zones, test.zone)
				}
			})
			used := test.keys
			if used == (credential.Keys{}) {
				used = keys
			}
			account := at(t, world.Alidns.URL, nil).Account(used, "", nil)
			for range 2 {
				world.Alidns.ResetCalls()
				err := test.do(t.Context(), account)
				if diff := cmp.Diff(test.want, text(err)); diff != "" || !fault.Is(err, test.kind) {
					t.Fatalf("error %v, want the kind %v (-want +got):\n%s", err, test.kind, diff)
				}
				if got := len(world.Alidns.Calls()); got != test.calls {
					t.Errorf("%d calls, want %d", got, test.calls)
				}
			}
		})
	}
}

func ninety() []cloud.Record {
	var records []cloud.Record
	for i := range 90 {
		records = append(records, cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: strconv.Itoa(i), Line: "default"})
	}
	return records
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

func TestTokenIsSentAndSigned(t *testing.T) {
	world := start(t, nil)
	if _, err := at(t, world.Alidns.URL, nil).Account(temporary, "", nil).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := world.Alidns.Calls(); len(calls) != 1 || !calls[0].Token || calls[0].Owner != "alice" {
		t.Errorf("calls %+v, want one of alice with her token", calls)
	}
}

func TestPunycodeWhereUnicodeIsUnknown(t *testing.T) {
	// The simulator knows both forms; this server, like none that is known but as the documents allow, only one.
	server := serve(t, func(q query) answer {
		if q.Get("DomainName") != "xn--fsqu00a.com" {
			return refuse("InvalidDomainName.NoExist")
		}
		return answer{body: `{"RequestId":"R","RecordId":"42"}`}
	})
	id, err := at(t, server.URL, nil).Account(keys, "", nil).AddTXT(t.Context(), challenge("xn--fsqu00a.com", "_acme-challenge"))
	if err != nil || id != "42" {
		t.Errorf("AddTXT = %q, %v, want 42", id, err)
	}
	want := []string{"例子.com", "xn--fsqu00a.com"}
	if diff := cmp.Diff(want, server.values("DomainName")); diff != "" {
		t.Errorf("names that were asked for (-want +got):\n%s", diff)
	}
}

func TestConcurrentCalls(t *testing.T) {
	world := start(t, nil)
	shared := at(t, world.Alidns.URL, nil)
	one := shared.Account(keys, "", nil)
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 50 {
		group.Go(func() {
			// Every other one is an account of its own, as every call of the solver's makes one.
			account := one
			if i%2 == 0 {
				account = shared.Account(keys, "", nil)
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
	if left := world.Alidns.Records("example.com"); len(left) != 0 {
		t.Errorf("%d records are left", len(left))
	}
}
