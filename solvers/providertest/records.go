package providertest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const rr = "_acme-challenge"

// more is what a list has that is longer than a page.
const more = 150

// pages is how many pages a list takes.
func pages(entries, page int) int { return (entries + page - 1) / page }

// content is what a test says about a record.
type content struct{ Zone, RR, Type, Value, Line string }

func contents(records []cloud.Record) []content {
	var list []content
	for _, r := range records {
		list = append(list, content{r.Zone, r.RR, r.Type, r.Value, r.Line})
	}
	return list
}

func (h Host) zones(t *testing.T) {
	many := make([]cloud.Zone, h.ZonePage+more)
	names := make([]string, len(many))
	for i := range many {
		names[i] = fmt.Sprintf("zone%04d.example", i)
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
		"a paused and a banned zone are listed": {
			zones: []cloud.Zone{{Owner: "alice", Name: "a.com", Status: cloud.ZonePaused}, {Owner: "alice", Name: "b.com", Status: cloud.ZoneSpam}},
			want:  []string{"a.com", "b.com"}, calls: 1,
		},
		"zones of other accounts are not listed": {zones: []cloud.Zone{{Owner: "bob", Name: "example.org"}}, calls: 1},
		"a list longer than a page":              {zones: many, want: names, calls: pages(len(many), h.ZonePage)},
	} {
		t.Run(name, func(t *testing.T) {
			world := h.Start(t, func(o *simulator.CloudOptions) { o.Zones = test.zones })
			got, err := h.Account(t, world.URL).Zones(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
			if calls := len(world.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func (h Host) addTXT(t *testing.T) {
	withLine := Challenge("example.com", rr)
	withLine.Line = h.Line
	for name, test := range map[string]struct {
		zone cloud.Zone
		add  provider.TXT
		want []content
	}{
		"a record below the zone is added on the default line": {
			add:  Challenge("example.com", rr),
			want: []content{{"example.com", rr, "TXT", Value, h.DefaultLine}},
		},
		"a name that equals the zone becomes @": {
			add:  Challenge("example.com", "@"),
			want: []content{{"example.com", "@", "TXT", Value, h.DefaultLine}},
		},
		"a line of the config is sent": {add: withLine, want: []content{{"example.com", rr, "TXT", Value, h.OtherLine}}},
		"a Chinese zone is named as the cloud lists it": {
			zone: cloud.Zone{Owner: "alice", Name: "例子.com"},
			add:  Challenge("xn--fsqu00a.com", rr),
			want: []content{{"例子.com", rr, "TXT", Value, h.DefaultLine}},
		},
		"a second value stands beside what is there": {
			zone: cloud.Zone{Owner: "alice", Name: "example.net", Records: []cloud.Record{
				{RR: rr, Type: "TXT", Value: "another"}, {RR: "@", Type: "TXT", Value: "v=spf1 -all"},
			}},
			add: Challenge("example.net", rr),
			want: []content{
				{"example.net", rr, "TXT", "another", h.DefaultLine},
				{"example.net", "@", "TXT", "v=spf1 -all", h.DefaultLine},
				{"example.net", rr, "TXT", Value, h.DefaultLine},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := h.Start(t, func(o *simulator.CloudOptions) {
				if test.zone.Name != "" {
					o.Zones = append(o.Zones, test.zone)
				}
				o.Change = func(s *cloud.Settings) { s.RefusePunycode = true }
			})
			account := h.Account(t, world.URL)
			id, err := account.AddTXT(t.Context(), test.add)
			if err != nil {
				t.Fatal(err)
			}
			if calls := len(world.Calls()); calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
			added := slices.IndexFunc(world.Records(""), func(r cloud.Record) bool { return string(id) == strconv.FormatUint(r.ID, 10) })
			if added < 0 || world.Records("")[added].Value != Value {
				t.Errorf("the id %q is not that of the record; there are %v", id, world.Records(""))
			}
			if again, err := account.AddTXT(t.Context(), test.add); again != "" || err != nil {
				t.Errorf("AddTXT of an equal record = %q, %v, want no id and no error", again, err)
			}
			sort := cmpopts.SortSlices(func(a, b content) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
			if diff := cmp.Diff(test.want, contents(world.Records("")), sort); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func (h Host) findTXT(t *testing.T) {
	for name, test := range h.searches() {
		t.Run(name, func(t *testing.T) {
			world := h.Start(t, func(o *simulator.CloudOptions) {
				o.Zones[0].Records = test.records
				o.Change = func(s *cloud.Settings) { s.QuoteTXT = test.quote }
			})
			got, err := h.Account(t, world.URL).FindTXT(t.Context(), Challenge("example.com", test.rr))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			calls := len(world.Calls())
			if h.API.LookAction != "" {
				calls -= len(test.want)
			}
			if calls != test.calls {
				t.Errorf("%d calls beside the looks at each record, want %d", calls, test.calls)
			}
		})
	}
}

// search is one for the record of Value.
type search struct {
	records []cloud.Record
	rr      string
	quote   bool
	want    []provider.RecordID
	calls   int
}

// searches are by what is found.
func (h Host) searches() map[string]search {
	ours := cloud.Record{ID: 5, RR: rr, Type: "TXT", Value: Value}
	// Each holds the value, so that a search by value does not thin the pages out.
	many := func(n int) []cloud.Record {
		records := []cloud.Record{ours}
		for i := range n {
			records = append(records, cloud.Record{ID: uint64(10 + i), RR: rr, Type: "TXT", Value: Value + strconv.Itoa(i)})
		}
		return records
	}
	return map[string]search{
		"nothing there is an empty list": {rr: rr, calls: 1},
		"the record is found on every line and with every TTL, by its exact id": {
			records: []cloud.Record{
				{ID: 9007199254740993, RR: rr, Type: "TXT", Value: Value, Line: h.OtherLine},
				{ID: 9007199254740995, RR: rr, Type: "TXT", Value: Value, TTL: 3600},
			},
			rr: rr, want: []provider.RecordID{"9007199254740993", "9007199254740995"}, calls: 1,
		},
		"a longer name with the same value is another record": {
			records: []cloud.Record{
				ours,
				{ID: 6, RR: rr + ".www", Type: "TXT", Value: Value},
				{ID: 7, RR: "x" + rr, Type: "TXT", Value: Value},
				{ID: 8, RR: "@", Type: "TXT", Value: Value},
			},
			rr: rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"a value that differs in case, or is longer, is another": {
			records: []cloud.Record{
				ours,
				{ID: 6, RR: rr, Type: "TXT", Value: strings.ToUpper(Value)},
				{ID: 7, RR: rr, Type: "TXT", Value: Value + "x"},
				{ID: 8, RR: rr, Type: "TXT", Value: strings.ReplaceAll(Value, "_", "-")},
			},
			rr: rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"a record of another type is another": {
			records: []cloud.Record{{ID: 5, RR: rr, Type: "CNAME", Value: Value}, {ID: 6, RR: rr, Type: "A", Value: "192.0.2.1"}},
			rr:      rr, calls: 1,
		},
		"upper case in a listed name does not matter": {
			records: []cloud.Record{{ID: 5, RR: "_ACME-Challenge", Type: "TXT", Value: Value}},
			rr:      rr, want: []provider.RecordID{"5"}, calls: 1,
		},
		"a Chinese label is the same in both forms": {
			records: []cloud.Record{{ID: 5, RR: rr + ".商店", Type: "TXT", Value: Value}},
			rr:      rr + ".xn--czrs0t", want: []provider.RecordID{"5"}, calls: 1,
		},
		"the name of the zone itself is @": {
			records: []cloud.Record{{ID: 6, RR: "@", Type: "TXT", Value: Value}, ours},
			rr:      "@", want: []provider.RecordID{"6"}, calls: 1,
		},
		"values that are listed in quotes are the same": {
			records: []cloud.Record{ours}, rr: rr, quote: true, want: []provider.RecordID{"5"}, calls: 1,
		},
		"130 values at the name fit one page": {records: many(130), rr: rr, want: []provider.RecordID{"5"}, calls: 1},
		"ours is the last of many": {
			records: many(h.RecordPage + more), rr: rr, want: []provider.RecordID{"5"}, calls: pages(1+h.RecordPage+more, h.RecordPage),
		},
	}
}

func (h Host) remove(t *testing.T) {
	for name, test := range map[string]struct {
		id   provider.RecordID
		was  bool
		left []string
	}{
		// A float64 cannot tell one id from the other.
		"the record goes and others stay":            {id: "9007199254740993", was: true, left: []string{"other"}},
		"a record that is gone is success":           {id: "999", left: []string{Value, "other"}},
		"another account's record is gone and stays": {id: "50", left: []string{Value, "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			world := h.Start(t, func(o *simulator.CloudOptions) {
				o.Zones[0].Records = []cloud.Record{
					{ID: 9007199254740993, RR: rr, Type: "TXT", Value: Value}, {ID: 9007199254740992, RR: rr, Type: "TXT", Value: "other"},
				}
				o.Zones[1].Records = []cloud.Record{{ID: 50, RR: rr, Type: "TXT", Value: Value}}
			})
			was, err := h.Account(t, world.URL).Delete(t.Context(), "example.com", test.id)
			if was != test.was || err != nil {
				t.Errorf("Delete = %t, %v, want %t", was, err, test.was)
			}
			var left []string
			for _, r := range world.Records("example.com") {
				left = append(left, r.Value)
			}
			if diff := cmp.Diff(test.left, left, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			if foreign := len(world.Records("example.org")); foreign != 1 {
				t.Errorf("%d records are left of bob's, want 1", foreign)
			}
			if calls := len(world.Calls()); calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
		})
	}
	for _, code := range h.Codes.Gone {
		t.Run("success with the code "+code, func(t *testing.T) {
			server := h.Serve(t, func(Asked) Answer { return h.Refuse(code) })
			if was, err := h.Account(t, server.URL).Delete(t.Context(), "example.com", "18446744073709551615"); was || err != nil {
				t.Errorf("Delete = %t, %v, want that it was not there", was, err)
			}
		})
	}
}

// eitherName has a server that, like none that is known but as the documents allow, knows zones by their Punycode names alone.
func (h Host) eitherName(t *testing.T) {
	server := h.Serve(t, func(asked Asked) Answer {
		if asked.Parameters[h.API.ZoneParameter] != "xn--fsqu00a.com" {
			return h.Refuse(h.Codes.NoZone)
		}
		return Answer{Body: h.API.Added("18446744073709551615")}
	})
	id, err := h.Account(t, server.URL).AddTXT(t.Context(), Challenge("xn--fsqu00a.com", rr))
	if err != nil || id != "18446744073709551615" {
		t.Errorf("AddTXT = %q, %v, want the greatest id", id, err)
	}
	if diff := cmp.Diff([]string{"例子.com", "xn--fsqu00a.com"}, server.Values(h.API.ZoneParameter)); diff != "" {
		t.Errorf("names that were asked for (-want +got):\n%s", diff)
	}
}
