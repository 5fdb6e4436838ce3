package provider

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
)

// zoneFor is the zone that InZone chooses.
func zoneFor(ctx context.Context, a *Account, name, resolved string) (string, error) {
	zones := a.InZone(name, resolved)
	err := each(ctx, zones, func(string) error { return nil })
	if err != nil {
		return "", err
	}
	return zones.Zone, nil
}

// each does something with the zones until one does not refuse it.
func each(ctx context.Context, zones *Zones, do func(zone string) error) error {
	for zones.Next(ctx) {
		zones.Err = do(zones.Zone)
	}
	return zones.Err
}

func TestChoiceOfZone(t *testing.T) {
	tests := map[string]struct {
		zones          []string
		name, resolved string
		// want is "" where there is no zone.
		want string
		// looks is how many lists it takes.
		looks int
	}{
		"the zone that was resolved":                           {[]string{"example.com"}, "_acme-challenge.example.com", "example.com", "example.com", 1},
		"the zone that was resolved among many":                {[]string{"a.example", "example.com", "b.example"}, "_acme-challenge.www.example.com", "example.com", "example.com", 1},
		"a child zone that is hosted and resolved":             {[]string{"example.com", "sub.example.com"}, "_acme-challenge.a.sub.example.com", "sub.example.com", "sub.example.com", 1},
		"a child zone that is hosted but not delegated":        {[]string{"example.com", "sub.example.com"}, "_acme-challenge.a.sub.example.com", "example.com", "example.com", 1},
		"a child zone that is resolved but hosted elsewhere":   {[]string{"example.com"}, "_acme-challenge.a.sub.example.com", "sub.example.com", "example.com", 1},
		"a top-level domain was resolved":                      {[]string{"example.com", "example.org"}, "_acme-challenge.www.example.com", "com", "example.com", 1},
		"a public suffix was resolved":                         {[]string{"example.com.cn"}, "_acme-challenge.example.com.cn", "com.cn", "example.com.cn", 1},
		"a top-level domain was resolved, children are hosted": {[]string{"example.com", "sub.example.com"}, "_acme-challenge.a.sub.example.com", "com", "sub.example.com", 1},
		"nothing was resolved":                                 {[]string{"example.com", "sub.example.com"}, "_acme-challenge.sub.example.com", "", "sub.example.com", 1},
		"a zone was resolved that does not enclose the name":   {[]string{"example.com", "example.org"}, "_acme-challenge.example.com", "example.org", "example.com", 1},
		"the name equals the zone":                             {[]string{"example.com"}, "example.com", "example.com", "example.com", 1},
		"the name equals a child zone":                         {[]string{"example.com", "x.example.com"}, "x.example.com", "", "x.example.com", 1},
		"a Chinese domain":                                     {[]string{"xn--fsqu00a.com"}, "_acme-challenge.xn--fsqu00a.com", "xn--fsqu00a.com", "xn--fsqu00a.com", 1},
		"a CNAME led into another zone":                        {[]string{"example.com", "shop.example"}, "shop.acme.example.com", "example.com", "example.com", 1},
		"a wildcard's name":                                    {[]string{"example.com"}, "*.example.com", "example.com", "example.com", 1},
		"a zone that ends alike":                               {[]string{"notexample.com"}, "_acme-challenge.example.com", "example.com", "", 1},
		"a zone whose name begins alike":                       {[]string{"example.com.evil.example"}, "_acme-challenge.example.com", "example.com", "", 1},
		"an account without zones":                             {nil, "_acme-challenge.example.com", "example.com", "", 1},
		"a zone beneath the name only":                         {[]string{"_acme-challenge.www.example.com"}, "_acme-challenge.example.com", "example.com", "", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{zones: test.zones}
				got, err := zoneFor(t.Context(), account(c), test.name, test.resolved)
				wantErr := ""
				if test.want == "" {
					wantErr = "no zone of this account encloses " + test.name + "; add the domain to the account, or use the keys of the account that hosts it"
				}
				if got != test.want || text(err) != wantErr {
					t.Errorf("zone %q, error %q, want %q, %q", got, text(err), test.want, wantErr)
				}
				if wantErr != "" && !fault.Is(err, fault.ZoneNotFound) {
					t.Errorf("error %#v is not of the kind", err)
				}
				if c.count() != test.looks {
					t.Errorf("%d looks, want %d", c.count(), test.looks)
				}
			})
		})
	}
}

// TestChoiceOfZoneForSpellings goes the way of the solver, from names as cert-manager and the clouds spell them.
func TestChoiceOfZoneForSpellings(t *testing.T) {
	tests := map[string]struct{ listed, name, resolved, want, rr string }{
		"upper case":                 {"Example.COM", "_ACME-challenge.Example.com.", "EXAMPLE.com.", "example.com", "_acme-challenge"},
		"a Chinese zone in Unicode":  {"例子.com", "_acme-challenge.www.xn--fsqu00a.com.", "xn--fsqu00a.com.", "xn--fsqu00a.com", "_acme-challenge.www"},
		"a Chinese name in Unicode":  {"xn--fsqu00a.com", "_acme-challenge.例子.com.", "例子.com.", "xn--fsqu00a.com", "_acme-challenge"},
		"the zone's own name":        {"example.com", "example.com.", "example.com.", "example.com", dnsname.Apex},
		"no trailing dot":            {"example.com.", "_acme-challenge.example.com", "example.com", "example.com", "_acme-challenge"},
		"a top-level domain, dotted": {"example.com", "_acme-challenge.a.example.com.", "com.", "example.com", "_acme-challenge.a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parsed := map[string]string{}
				for _, s := range []string{test.listed, test.name, test.resolved} {
					canonical, err := dnsname.Parse(s)
					if err != nil {
						t.Fatal(err)
					}
					parsed[s] = canonical
				}
				zone, err := zoneFor(t.Context(), account(&cloud{zones: []string{parsed[test.listed]}}), parsed[test.name], parsed[test.resolved])
				if err != nil || zone != test.want {
					t.Fatalf("zone %q, %v, want %q", zone, err, test.want)
				}
				if rr, err := dnsname.Relative(parsed[test.name], zone); err != nil || rr != test.rr {
					t.Errorf("record %q, %v, want %q", rr, err, test.rr)
				}
			})
		})
	}
}

// TestHowLongAListIsBelieved asks twice, and changes the account's zones between.
func TestHowLongAListIsBelieved(t *testing.T) {
	const name = "_acme-challenge.a.sub.example.com"
	parent, both := []string{"example.com"}, []string{"example.com", "sub.example.com"}
	tests := map[string]struct {
		before, after []string
		resolved      string
		wait          time.Duration
		want          string
		looks         int
	}{
		"a list that answers is believed":                          {parent, both, "example.com", 10 * time.Minute, "example.com", 1},
		"and asked for anew after ten minutes":                     {parent, both, "example.com", 10*time.Minute + time.Second, "example.com", 2},
		"a list without the child that was resolved is believed":   {parent, both, "sub.example.com", time.Minute, "example.com", 1},
		"and doubted after one minute":                             {parent, both, "sub.example.com", time.Minute + time.Second, "sub.example.com", 2},
		"and doubted in vain where the child is hosted elsewhere":  {parent, parent, "sub.example.com", time.Minute + time.Second, "example.com", 2},
		"a list with the child that was resolved is not doubted":   {both, parent, "sub.example.com", 10 * time.Minute, "sub.example.com", 1},
		"a resolved top-level domain raises no doubt":              {parent, both, "com", 10 * time.Minute, "example.com", 1},
		"a resolved zone that is somewhere else raises no doubt":   {parent, both, "sub.example.org", 10 * time.Minute, "example.com", 1},
		"nothing resolved raises no doubt":                         {parent, both, "", 10 * time.Minute, "example.com", 1},
		"a list that has no zone for the name is believed at once": {[]string{"example.org"}, parent, "example.com", time.Nanosecond, "example.com", 2},
		"an empty list is as little believed":                      {nil, both, "", time.Nanosecond, "sub.example.com", 2},
	}
	for name0, test := range tests {
		t.Run(name0, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{zones: test.before}
				a := account(c)
				_, _ = zoneFor(t.Context(), a, name, test.resolved)
				if c.count() != 1 {
					t.Fatalf("%d looks at first", c.count())
				}
				c.move(test.after...)
				time.Sleep(test.wait)
				got, err := zoneFor(t.Context(), a, name, test.resolved)
				if err != nil || got != test.want {
					t.Errorf("zone %q, %v, want %q", got, err, test.want)
				}
				if c.count() != test.looks {
					t.Errorf("%d looks, want %d", c.count(), test.looks)
				}
			})
		})
	}
}

func TestALookInVainIsMadeEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.org"}}
		a := account(c)
		for range 3 {
			time.Sleep(time.Second)
			if _, err := zoneFor(t.Context(), a, "www.example.com", ""); !fault.Is(err, fault.ZoneNotFound) {
				t.Errorf("error %v", err)
			}
		}
		if c.count() != 3 {
			t.Errorf("%d looks, want one for each call", c.count())
		}
	})
}

func TestZonesAreNotSharedBetweenAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := accounts(1e6)
		mine, theirs := &cloud{zones: []string{"example.com"}}, &cloud{zones: []string{"sub.example.com"}}
		for range 2 {
			for want, a := range map[string]*Account{
				"example.com": accounts.Account("mine", "LTAI5tExample", mine.open), "sub.example.com": accounts.Account("theirs", "LTAI5tExample", theirs.open),
			} {
				if got, err := zoneFor(t.Context(), a, "a.sub.example.com", "sub.example.com"); err != nil || got != want {
					t.Errorf("zone %q, %v, want %q", got, err, want)
				}
			}
		}
		if mine.count() != 1 || theirs.count() != 1 {
			t.Errorf("%d and %d looks", mine.count(), theirs.count())
		}
	})
}

func TestCallersShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.com"}, takes: 2 * time.Second}
		accounts := accounts(1e6)
		took := together(20, func(int) {
			if got, err := zoneFor(t.Context(), accounts.Account("identity", "LTAI5tExample", c.open), "www.example.com", ""); err != nil || got != "example.com" {
				t.Errorf("zone %q, %v", got, err)
			}
		})
		if took != 2*time.Second || c.count() != 1 {
			t.Errorf("took %s and %d looks", took, c.count())
		}
	})
}

// TestALookThatBeganEarlierIsNotFresh has a caller that needs a fresh look come while another look is under way.
func TestALookThatBeganEarlierIsNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.org"}, takes: 4 * time.Second}
		a := account(c)
		took := together(2, func(i int) {
			if i == 0 {
				_, _ = zoneFor(t.Context(), a, "www.example.org", "")
				return
			}
			time.Sleep(time.Second)
			if _, err := a.zoneOf(t.Context(), "www.example.org", "", time.Now()); err != nil {
				t.Error(err)
			}
		})
		if took != 8*time.Second || c.count() != 2 {
			t.Errorf("took %s and %d looks, want 8s and 2", took, c.count())
		}
	})
}

func TestAFailedLookIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := &fault.Error{Kind: fault.Denied, Reason: "no permission to list domains"}
		c := &cloud{zones: []string{"example.com"}, fail: inTurn(denied), takes: time.Second}
		a := account(c)
		together(3, func(int) {
			if _, err := zoneFor(t.Context(), a, "www.example.com", ""); !errors.Is(err, denied) {
				t.Errorf("error %v, want that of the look", err)
			}
		})
		if got, err := zoneFor(t.Context(), a, "www.example.com", ""); err != nil || got != "example.com" {
			t.Errorf("zone %q, %v", got, err)
		}
		if c.count() != 2 {
			t.Errorf("%d looks, want 2", c.count())
		}
	})
}

func TestALookIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.com"}, fail: inTurn(transient("it is down"), transient("it is down"))}
		if got, err := zoneFor(t.Context(), account(c), "www.example.com", ""); err != nil || got != "example.com" {
			t.Errorf("zone %q, %v", got, err)
		}
		checkWaits(t, c.gaps(), []time.Duration{500 * time.Millisecond, time.Second})
	})
}

// TestAListIsAsOldAsItsLastTry has the list fail for a while, so that it is younger than the call that asked for it.
func TestAListIsAsOldAsItsLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.com"}, fail: inTurn(&fault.Error{Kind: fault.Throttled, RetryAfter: 10 * time.Second})}
		a, start := account(c), time.Now()
		if _, err := zoneFor(t.Context(), a, "www.example.com", ""); err != nil {
			t.Fatal(err)
		}
		if age := a.state.zones.Load().asked.Sub(start); age != c.gaps()[0] {
			t.Errorf("the list counts from %s, want %s", age, c.gaps()[0])
		}
	})
}

func TestALookEndsBeforeItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := &fault.Error{Kind: fault.Throttled, Reason: "the cloud says: too many calls"}
		start := time.Now()
		_, err := zoneFor(within(t, 55*time.Second), account(&cloud{fail: always(busy)}), "www.example.com", "")
		if !errors.Is(err, busy) {
			t.Errorf("error %v, want the cloud's", err)
		}
		if took := time.Since(start); took >= 40*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestALookThatFailsForLongerThanItsCallerHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &fault.Error{Kind: fault.Transient, Reason: "no answer from cloud.example in time"}
		c := &cloud{zones: []string{"example.com"}, takes: 10 * time.Second, fail: always(gone)}
		a := account(c)
		if _, err := zoneFor(within(t, 23*time.Second), a, "www.example.com", ""); !errors.Is(err, gone) {
			t.Errorf("error %v, want the cloud's", err)
		}
		time.Sleep(time.Minute) // the look ends
		synctest.Wait()
		c.takes = time.Hour
		if _, err := zoneFor(within(t, 23*time.Second), a, "www.example.com", ""); err == nil || errors.Is(err, gone) {
			t.Errorf("error %v, want none of the look before", err)
		}
		time.Sleep(time.Minute)
	})
}

// TestALookOutlivesItsCaller has the caller that began a look run out of time while others wait for the same look.
func TestALookOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{zones: []string{"example.com"}, takes: 20 * time.Second}
		a := account(c)
		took := together(3, func(i int) {
			time.Sleep(time.Duration(i) * time.Second)
			if i > 0 {
				if got, err := zoneFor(within(t, time.Minute), a, "www.example.com", ""); err != nil || got != "example.com" {
					t.Errorf("zone %q, %v", got, err)
				}
				return
			}
			start := time.Now()
			_, err := zoneFor(within(t, 5*time.Second), a, "www.example.com", "")
			const want = "listing the account's zones took all the time there was"
			if text(err) != want || !fault.Is(err, fault.Transient) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %#v, want the transient fault %q because of the deadline", err, want)
			}
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("waited %s", took)
			}
		})
		if took != 20*time.Second || c.count() != 1 {
			t.Errorf("took %s and %d looks, want 20s and 1", took, c.count())
		}
	})
}

func TestInZone(t *testing.T) {
	gone := &fault.Error{Kind: fault.ZoneNotFound, Reason: "the account has no such zone", Code: "InvalidDomainName.NoExist", Remedy: "look"}
	denied := &fault.Error{Kind: fault.Denied, Reason: "no"}
	const noZone = "no zone of this account encloses www.sub.example.com; add the domain to the account, or use the keys of the account that hosts it"
	parent, both := []string{"example.com"}, []string{"example.com", "sub.example.com"}
	tests := map[string]struct {
		before, after []string
		// answers are what do returns for a zone; none is success.
		answers map[string]error
		tried   []string
		looks   int
		want    string
		kind    fault.Kind // if want is not ""
	}{
		"the zone is there":                               {both, both, nil, []string{"sub.example.com"}, 1, "", 0},
		"another error is handed on":                      {both, both, map[string]error{"sub.example.com": denied}, []string{"sub.example.com"}, 1, "no", fault.Denied},
		"an unknown error is handed on":                   {both, both, map[string]error{"sub.example.com": errors.New("odd")}, []string{"sub.example.com"}, 1, "odd", 0},
		"the zone moved away, its parent is there":        {both, parent, map[string]error{"sub.example.com": gone}, []string{"sub.example.com", "example.com"}, 2, "", 0},
		"the zone moved away, its child came":             {parent, both, map[string]error{"example.com": gone}, []string{"example.com", "sub.example.com"}, 2, "", 0},
		"the zone moved away, nothing is left":            {both, []string{"example.org"}, map[string]error{"sub.example.com": gone}, []string{"sub.example.com"}, 2, noZone, fault.ZoneNotFound},
		"the zone is still listed":                        {both, both, map[string]error{"sub.example.com": gone}, []string{"sub.example.com"}, 2, gone.Error(), fault.Denied},
		"the zone moved away, and the other is refused":   {both, parent, map[string]error{"sub.example.com": gone, "example.com": denied}, []string{"sub.example.com", "example.com"}, 2, "no", fault.Denied},
		"the zone moved away, and so did the other since": {both, parent, map[string]error{"sub.example.com": gone, "example.com": gone}, []string{"sub.example.com", "example.com"}, 2, gone.Error(), fault.Denied},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{zones: test.before}
				a := account(c)
				if _, err := zoneFor(t.Context(), a, "www.sub.example.com", ""); err != nil {
					t.Fatal(err)
				}
				c.move(test.after...)
				time.Sleep(time.Second)
				var tried []string
				err := each(t.Context(), a.InZone("www.sub.example.com", ""), func(zone string) error {
					tried = append(tried, zone)
					return test.answers[zone]
				})
				if text(err) != test.want {
					t.Errorf("error %q, want %q", text(err), test.want)
				}
				if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != test.kind {
					t.Errorf("kind %s, want %s", e.Kind, test.kind)
				}
				if diff := cmp.Diff(test.tried, tried); diff != "" {
					t.Errorf("zones tried (-want +got):\n%s", diff)
				}
				if c.count() != test.looks {
					t.Errorf("%d looks, want %d", c.count(), test.looks)
				}
				if gone.Kind != fault.ZoneNotFound {
					t.Error("the cloud's own fault was changed")
				}
			})
		})
	}
}

func TestInZoneWhereTheSecondLookFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := &fault.Error{Kind: fault.Denied, Reason: "no permission to list domains"}
		c := &cloud{zones: []string{"example.com"}, fail: inTurn(nil, denied)}
		err := each(t.Context(), account(c).InZone("www.example.com", ""), func(string) error {
			time.Sleep(time.Second)
			return &fault.Error{Kind: fault.ZoneNotFound}
		})
		if !errors.Is(err, denied) {
			t.Errorf("error %v, want that of the look", err)
		}
	})
}

// TestAListIsDroppedWithItsZone has the look fail that follows a zone's moving away, so that the next call has no list.
func TestAListIsDroppedWithItsZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := &fault.Error{Kind: fault.Denied, Reason: "no permission to list domains"}
		c := &cloud{zones: []string{"example.com", "sub.example.com"}, fail: inTurn(nil, denied)}
		a := account(c)
		var tried []string
		do := func(zone string) error {
			tried = append(tried, zone)
			time.Sleep(time.Second)
			if zone == "sub.example.com" {
				return &fault.Error{Kind: fault.ZoneNotFound, Reason: "the account has no such zone"}
			}
			return nil
		}
		if err := each(t.Context(), a.InZone("www.sub.example.com", ""), do); !errors.Is(err, denied) {
			t.Errorf("error %v, want that of the look", err)
		}
		c.move("example.com")
		if err := each(t.Context(), a.InZone("www.sub.example.com", ""), do); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"sub.example.com", "example.com"}, tried); diff != "" {
			t.Errorf("zones tried (-want +got):\n%s", diff)
		}
	})
}

func TestInLikelyZone(t *testing.T) {
	gone := &fault.Error{Kind: fault.ZoneNotFound, Reason: "the account has no such zone"}
	tests := map[string]struct {
		zones    []string
		resolved string
		listed   bool // whether the zones are known before
		refused  string
		tried    []string
		looks    int
		want     string
	}{
		"the resolved zone is tried at once":              {[]string{"example.com"}, "example.com", false, "", []string{"example.com"}, 0, ""},
		"a refused zone makes it look":                    {[]string{"example.com"}, "sub.example.com", false, "sub.example.com", []string{"sub.example.com", "example.com"}, 1, ""},
		"a zone that is listed but refused is tried once": {[]string{"sub.example.com"}, "sub.example.com", false, "sub.example.com", []string{"sub.example.com"}, 1, "the account has no such zone"},
		"a known list decides":                            {[]string{"example.com"}, "sub.example.com", true, "", []string{"example.com"}, 1, ""},
		"a resolved top-level domain is no guess":         {[]string{"example.com"}, "com", false, "", []string{"example.com"}, 1, ""},
		"nothing resolved is no guess":                    {[]string{"example.com"}, "", false, "", []string{"example.com"}, 1, ""},
		"a zone elsewhere is no guess":                    {[]string{"example.com"}, "example.org", false, "", []string{"example.com"}, 1, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{zones: test.zones}
				a := account(c)
				if test.listed {
					_, _ = zoneFor(t.Context(), a, "www.sub.example.com", "")
				}
				var tried []string
				err := each(t.Context(), a.InLikelyZone("www.sub.example.com", test.resolved), func(zone string) error {
					tried = append(tried, zone)
					if zone == test.refused {
						return gone
					}
					return nil
				})
				if text(err) != test.want || fault.Is(err, fault.ZoneNotFound) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if !slices.Equal(tried, test.tried) || c.count() != test.looks {
					t.Errorf("tried %q with %d looks, want %q with %d", tried, c.count(), test.tried, test.looks)
				}
			})
		})
	}
}
