package provider

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listed is how many credentials have a list.
func (a *Accounts) listed() int {
	a.kept.mu.Lock()
	defer a.kept.mu.Unlock()
	n := 0
	for _, l := range a.kept.lists {
		if l.of.zones.Load() == l.list {
			n++
		}
	}
	return n
}

func many(zones int) *cloud {
	c := &cloud{}
	for i := range zones {
		c.zones = append(c.zones, fmt.Sprintf("zone%06d.%s.example", i, strings.Repeat("x", 40)))
	}
	return c
}

func TestListsOfZonesAreDroppedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, c := limited(), many(10)
		look := func(identity string) *Account {
			account := accounts.Account(identity, identity, c.open)
			if _, err := zoneFor(t.Context(), account, "www."+c.zones[0], ""); err != nil {
				t.Fatal(err)
			}
			return account
		}
		first := look("first")
		time.Sleep(zonesKept / 2)
		for i := range 20 { // tokens that are renewed
			look(fmt.Sprint("token ", i))
		}
		if got := accounts.listed(); got != 21 {
			t.Fatalf("%d lists are kept, want 21", got)
		}
		time.Sleep(zonesKept/2 + 2*time.Second)
		if got := accounts.listed(); got != 20 || first.state.zones.Load() != nil {
			t.Errorf("%d lists are kept when the first is too old, want 20", got)
		}
		time.Sleep(zonesKept)
		if got, size := accounts.listed(), accounts.kept.size; got != 0 || size != 0 {
			t.Errorf("%d lists of %d bytes are kept in the end", got, size)
		}
	})
}

func TestListsOfZonesHaveABoundTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, c := limited(), many(20_000)
		var last *Account
		for i := range 40 {
			last = accounts.Account(fmt.Sprint("token ", i), fmt.Sprint("STS.", i), c.open)
			for range 3 { // a list that is asked for anew counts once
				if _, err := last.zonesSince(t.Context(), time.Now()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		}
		size := (&zoneList{names: c.zones}).size()
		if got, want := accounts.listed(), maxKept/size; got != want || accounts.kept.size != want*size {
			t.Errorf("%d lists of %d bytes are kept, want %d of %d", got, accounts.kept.size, want, want*size)
		}
		if last.state.zones.Load() == nil {
			t.Error("the newest list is not kept")
		}
	})
}

func TestLocksOfZonesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, c := limited(), &cloud{}
		account := accounts.Account("identity", "LTAI5tExample", c.open)
		for i := range 5 {
			zone := fmt.Sprintf("zone%d.example", i)
			for _, a := range []*Account{account, account.Patient()} {
				if _, err := a.AddTXT(t.Context(), TXT{Zone: zone}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.Delete(t.Context(), zone, "1"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if locks, patience := len(account.state.locks), len(account.state.patience); locks+patience != 0 {
			t.Errorf("%d locks and %d for the patient are kept that nobody holds", locks, patience)
		}
	})
}
