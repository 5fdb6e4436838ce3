package cloud_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func newCloud(t *testing.T, s cloud.Settings) *cloud.Cloud {
	t.Helper()
	c := cloud.New(cloud.Options{Editions: map[string]int{"": 600, "paid": 60}, DefaultLine: "default", FirstID: 7, Settings: s})
	for _, z := range []cloud.Zone{{Owner: "alice", Name: "example.com."}, {Owner: "bob", Name: "bob.example"}, {Owner: "bob", Name: "shared.example"}, {Owner: "alice", Name: "shared.example"}} {
		if err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func txt(rr, value string) cloud.Record {
	return cloud.Record{RR: rr, Type: "TXT", Value: value, Line: "default"}
}

// put puts a record into alice's zone that is there already.
func put(t *testing.T, c *cloud.Cloud, r cloud.Record) {
	t.Helper()
	if err := c.PutZone(cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{r}}); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, c *cloud.Cloud, r cloud.Record) cloud.Record {
	t.Helper()
	created, err := c.Create("alice", "example.com", r)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func TestASCII(t *testing.T) {
	for in, want := range map[string]string{
		"Example.COM.": "example.com", "例子.com": "xn--fsqu00a.com", "XN--FSQU00A.com": "xn--fsqu00a.com", "_acme-challenge.A": "_acme-challenge.a",
		"*.example.com": "*.example.com", "": "", ".": "", "a..b": "a..b", "ẞ.de": "xn--zca.de",
	} {
		if got := cloud.ASCII(in); got != want {
			t.Errorf("ASCII(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzASCII(f *testing.F) {
	for _, seed := range []string{"Example.COM.", "例子.com", "xn--fsqu00a.com", "_acme-challenge.例子", "*.a", "..", "\xff", "xn--", "a。b", "\u0345\xe90"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := cloud.ASCII(name)
		if strings.Trim(once, ".") != once || strings.ContainsFunc(once, func(c rune) bool { return c > unicode.MaxASCII }) {
			return // a name that IDNA refuses has no one form
		}
		if again := cloud.ASCII(strings.ToUpper(once) + "."); again != once {
			t.Errorf("ASCII(%q) = %q, and of that in upper case %q", name, once, again)
		}
	})
}

func TestSameNameInTwoAccounts(t *testing.T) {
	c := newCloud(t, cloud.Settings{})
	for _, owner := range []string{"alice", "bob"} {
		if _, err := c.Create(owner, "shared.example", txt("a", owner)); err != nil {
			t.Fatal(err)
		}
		list, err := c.List(owner, "shared.example")
		if err != nil || len(list) != 1 || list[0].Value != owner {
			t.Errorf("%s sees %v, %v", owner, list, err)
		}
	}
	records, exists := c.Lookup("shared.example", "a", time.Now())
	if len(records) != 2 || !exists {
		t.Errorf("the DNS sees %v", records)
	}
}

func TestRecordsOfOthersAreOutOfReach(t *testing.T) {
	c := newCloud(t, cloud.Settings{})
	r := create(t, c, txt("a", "b"))
	for name, test := range map[string]struct {
		do   func() error
		want error
	}{
		"reading by id":       {func() error { _, err := c.Record("bob", r.ID); return err }, cloud.ErrForeignRecord},
		"deleting by id":      {func() error { return c.Delete("bob", r.ID) }, cloud.ErrForeignRecord},
		"writing to the zone": {func() error { _, err := c.Create("bob", "example.com", r); return err }, cloud.ErrForeignZone},
		"listing the zone":    {func() error { _, err := c.List("bob", "example.com"); return err }, cloud.ErrForeignZone},
		"a zone of nobody":    {func() error { _, err := c.List("alice", "nobody.example"); return err }, cloud.ErrNoZone},
		"an id of nothing":    {func() error { return c.Delete("alice", 99) }, cloud.ErrNoRecord},
		"removing no zone":    {func() error { return c.RemoveZone("alice", "bob.example") }, cloud.ErrNoZone},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.do(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if got := c.Records(""); len(got) != 1 || got[0].Value != "b" {
		t.Errorf("records: %v", got)
	}
}

func TestRecordsCarryWhatTheyWereGiven(t *testing.T) {
	c := cloud.New(cloud.Options{DefaultLine: "0"})
	if err := c.PutZone(cloud.Zone{Owner: "alice", Name: "例子.com.", Records: []cloud.Record{{RR: "", Type: "txt", Value: "v"}}}); err != nil {
		t.Fatal(err)
	}
	want := []cloud.Record{{ID: 1, Owner: "alice", Zone: "例子.com", RR: "@", Type: "TXT", Value: "v", Line: "0", TTL: 600}}
	if diff := cmp.Diff(want, c.Records("xn--fsqu00a.com")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := c.PutZone(cloud.Zone{Owner: "alice", Name: "例子.com", Status: cloud.ZoneLocked}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Records("")); diff != "" || c.Zones("alice")[0].Status != cloud.ZoneLocked {
		t.Errorf("put again: %v (-want +got):\n%s", c.Zones("alice"), diff)
	}
	if err := c.RemoveZone("alice", "例子.com"); err != nil || len(c.Records("")) != 0 || len(c.Zones("alice")) != 0 {
		t.Errorf("removed: %v, %v", err, c.Records(""))
	}
	if err := c.PutZone(cloud.Zone{Owner: "alice"}); err == nil {
		t.Error("a zone without a name was taken")
	}
}

func TestIDsFollowTheHighest(t *testing.T) {
	c := newCloud(t, cloud.Settings{})
	put(t, c, cloud.Record{ID: 500, RR: "a", Type: "TXT", Value: "x"})
	if next := create(t, c, txt("b", "x")); next.ID != 501 {
		t.Errorf("id %d after 500", next.ID)
	}
}

func TestManyWritersAtOnce(t *testing.T) {
	c := newCloud(t, cloud.Settings{RecordLimit: 90})
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			r, err := c.Create("alice", "example.com", txt("a", fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := c.Delete("alice", r.ID); err != nil {
					t.Error(err)
				}
			}
			c.Lookup("example.com", "a", time.Now())
			c.Change(func(s *cloud.Settings) { s.ListLag = time.Duration(i) })
		})
	}
	group.Wait()
	if got := len(c.Records("")); got != 25 {
		t.Errorf("%d records, want 25", got)
	}
}

func TestOverlap(t *testing.T) {
	for name, test := range map[string]struct {
		reject bool
		second string
		want   error
	}{
		"in one zone":               {true, "example.com", cloud.ErrOverlap},
		"in two zones":              {true, "shared.example", nil},
		"where it does not matter":  {false, "example.com", nil},
		"in one zone, other's name": {true, "EXAMPLE.com.", cloud.ErrOverlap},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(t, cloud.Settings{RejectOverlappingWrites: test.reject, WriteTime: time.Second})
				first := make(chan error)
				go func() {
					_, err := c.Create("alice", "example.com", txt("a", "1"))
					first <- err
				}()
				time.Sleep(500 * time.Millisecond)
				if _, err := c.Create("alice", test.second, txt("a", "2")); !errors.Is(err, test.want) {
					t.Errorf("the second one: %v, want %v", err, test.want)
				}
				if err := <-first; err != nil {
					t.Errorf("the first one: %v", err)
				}
				if _, err := c.Create("alice", "example.com", txt("a", "3")); err != nil {
					t.Errorf("after both: %v", err)
				}
			})
		})
	}
}

func TestNoncesAndClock(t *testing.T) {
	now := time.Now()
	c := cloud.New(cloud.Options{Now: func() time.Time { return now }, ClockWindow: 15 * time.Minute})
	if !c.UseNonce("a", "1") || !c.UseNonce("b", "1") || c.UseNonce("a", "1") {
		t.Error("a nonce belongs to a key and is good once")
	}
	c.Change(func(s *cloud.Settings) { s.ClockSkew = time.Hour })
	if c.InWindow(now) || !c.InWindow(now.Add(time.Hour)) || !c.Clock().Equal(now.Add(time.Hour)) {
		t.Error("the skew is not part of the clock")
	}
}

func TestTheRateLimitRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, cloud.Settings{})
		c.PutAccount(cloud.Account{Owner: "alice", QPS: 20, Burst: 2, Keys: []cloud.Key{{ID: "a"}, {ID: "b"}}})
		admitted := func() (n int) {
			for range 5 {
				if c.Admit("alice") {
					n++
				}
			}
			return n
		}
		first := admitted()
		time.Sleep(50 * time.Millisecond)
		second := admitted()
		time.Sleep(time.Second)
		if third := admitted(); first != 2 || second != 1 || third != 2 {
			t.Errorf("%d, %d and %d admitted, want 2, 1 and 2", first, second, third)
		}
		c.PutAccount(cloud.Account{Owner: "alice"})
		if _, _, ok := c.Key("a"); ok {
			t.Error("the key is still there")
		}
	})
}

func TestListsLagBehindWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, cloud.Settings{ListLag: 30 * time.Second, QuoteTXT: true})
		put(t, c, txt("a", "old"))
		create(t, c, txt("a", "new"))
		if _, err := c.Create("alice", "example.com", txt("a", "new")); !errors.Is(err, cloud.ErrDuplicate) {
			t.Errorf("the same again, not listed yet: %v", err)
		}
		for _, want := range [][]string{{`"old"`}, {`"new"`, `"old"`}} {
			list, err := c.List("alice", "example.com")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range list {
				got = append(got, r.Value)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", time.Now().Format(time.TimeOnly), diff)
			}
			time.Sleep(30 * time.Second)
		}
	})
}

func TestLookupSeesTheRecordsOfATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, cloud.Settings{})
		start := time.Now()
		time.Sleep(time.Second)
		r := create(t, c, txt("a.b", "1"))
		time.Sleep(time.Second)
		if err := c.Delete("alice", r.ID); err != nil {
			t.Fatal(err)
		}
		for second, want := range []string{"", "1", ""} {
			records, exists := c.Lookup("example.com", "a.b", start.Add(time.Duration(second)*time.Second))
			_, parent := c.Lookup("example.com", "b", start.Add(time.Duration(second)*time.Second))
			got := ""
			for _, r := range records {
				got += r.Value
			}
			if got != want || exists != (want != "") || parent != exists {
				t.Errorf("after %d s: %q, exists %t, parent %t; want %q", second, got, exists, parent, want)
			}
		}
		time.Sleep(2 * time.Hour)
		create(t, c, txt("a.b", "3"))
		if records, _ := c.Lookup("example.com", "a.b", start.Add(time.Second)); len(records) != 0 {
			t.Errorf("remembered for ever: %v", records)
		}
	})
}

func TestServedZones(t *testing.T) {
	c := newCloud(t, cloud.Settings{})
	for _, z := range []cloud.Zone{
		{Owner: "alice", Name: "paused.example", Status: cloud.ZonePaused},
		{Owner: "alice", Name: "spam.example", Status: cloud.ZoneSpam},
		{Owner: "alice", Name: "locked.example", Status: cloud.ZoneLocked, NameServers: []string{"ns.example"}},
	} {
		if err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"bob.example", "example.com", "locked.example", "shared.example"}, c.Served()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if servers, ok := c.Serves("locked.example"); !ok || servers[0] != "ns.example" {
		t.Errorf("%v, %t", servers, ok)
	}
	if _, ok := c.Serves("paused.example"); ok {
		t.Error("a paused zone is served")
	}
}

func TestFaultsThatCanNotBe(t *testing.T) {
	c := newCloud(t, cloud.Settings{})
	for _, f := range []cloud.Fault{{}, {Kind: "nonsense"}, {Kind: cloud.Error}} {
		if err := c.Inject(f); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}
