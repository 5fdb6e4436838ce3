package provider

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/quota"
)

// TestWhatRunsAtOnce makes five calls at once that take a second each, and looks at how long all of them take.
func TestWhatRunsAtOnce(t *testing.T) {
	zones := []string{"a.example", "b.example", "c.example", "d.example", "e.example"}
	add := func(zone func(i int) string) func(*Account, context.Context, int) error {
		return func(a *Account, ctx context.Context, i int) error {
			_, err := a.AddTXT(ctx, txt(zone(i), "v"))
			return err
		}
	}
	one := func(int) string { return "example.com" }
	tests := map[string]struct {
		parallelWrites bool
		// identities makes each call with another secret of one AccessKey.
		identities bool
		call       func(a *Account, ctx context.Context, i int) error
		want       time.Duration
		most       int
	}{
		"writes to one zone, one after another": {call: add(one), want: 5 * time.Second, most: 1},
		"writes to one zone of a host that takes many": {
			parallelWrites: true, call: add(one), want: time.Second, most: 5,
		},
		"writes to several zones, at once": {
			call: add(func(i int) string { return zones[i] }), want: time.Second, most: 5,
		},
		"writes to two zones, each one after another": {
			call: add(func(i int) string { return zones[i%2] }), want: 3 * time.Second, most: 2,
		},
		"writes of several accounts to zones of one name, at once": {
			identities: true, call: add(one), want: time.Second, most: 5,
		},
		"adding and deleting in one zone, one after another": {
			call: func(a *Account, ctx context.Context, i int) error {
				if i%2 == 0 {
					return remove(ctx, a, "1")
				}
				_, err := a.AddTXT(ctx, txt("example.com", "v"))
				return err
			},
			want: 5 * time.Second, most: 1,
		},
		"reads of one zone, at once": {
			call: func(a *Account, ctx context.Context, _ int) error {
				_, err := a.FindTXT(ctx, txt("example.com", "v"))
				return err
			},
			want: time.Second, most: 5,
		},
		"reads beside one write, at once": {
			call: func(a *Account, ctx context.Context, i int) error {
				if i == 0 {
					return remove(ctx, a, "1")
				}
				_, err := a.FindTXT(ctx, txt("example.com", "v"))
				return err
			},
			want: time.Second, most: 5,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{takes: time.Second}
				accounts := NewAccounts(quota.New(1e6, "--cloud-qps"), !test.parallelWrites)
				took := together(5, func(i int) {
					identity := "identity"
					if test.identities {
						identity += zones[i]
					}
					if err := test.call(accounts.trusted(identity, "LTAI5tExample", c), t.Context(), i); err != nil {
						t.Error(err)
					}
				})
				if took != test.want || c.most != test.most {
					t.Errorf("took %s with %d at once, want %s with %d", took, c.most, test.want, test.most)
				}
			})
		})
	}
}

func TestLockIsFreeBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: inTurn(transient("it is down"))}
		a := account(c)
		took := together(2, func(i int) {
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			if _, err := a.AddTXT(t.Context(), txt("example.com", []string{"first", "second"}[i])); err != nil {
				t.Error(err)
			}
		})
		want := []string{
			"add _acme-challenge in example.com: first", "add _acme-challenge in example.com: second", "add _acme-challenge in example.com: first",
		}
		if diff := cmp.Diff(want, c.asked()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if took > time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestLockIsFreeAfterAPermanentError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: inTurn(&fault.Error{Kind: fault.Denied, Reason: "no"})}
		a := account(c)
		if _, err := a.Delete(t.Context(), "example.com", "1"); !fault.Is(err, fault.Denied) {
			t.Fatal(err)
		}
		if _, err := a.Delete(within(t, time.Second), "example.com", "1"); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitForTheLockEndsWithTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{takes: 40 * time.Second}
		a := account(c)
		took := together(3, func(i int) {
			if i == 0 {
				if _, err := a.Delete(t.Context(), "example.com", "1"); err != nil {
					t.Error(err)
				}
				return
			}
			time.Sleep(time.Second)
			start := time.Now()
			_, err := a.AddTXT(within(t, 5*time.Second), txt("example.com", "v"))
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("waited %s for the lock", took)
			}
			const want = "other changes to the zone example.com took all the time there was"
			if text(err) != want || !fault.Is(err, fault.Transient) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %#v, want the transient fault %q because of the deadline", err, want)
			}
		})
		if took != 40*time.Second || c.count() != 1 {
			t.Errorf("took %s and the requests %v", took, c.asked())
		}
	})
}

// TestCloudsErrorWins has a write fail, and then find its zone locked until its time is up.
func TestCloudsErrorWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.fail = func(n int) error {
			if n == 0 {
				return transient("another change is under way")
			}
			time.Sleep(30 * time.Second)
			return nil
		}
		a := account(c)
		together(2, func(i int) {
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			_, err := a.Delete(within(t, time.Duration(10+90*i)*time.Second), "example.com", "1")
			if want := []string{"another change is under way", ""}[i]; text(err) != want {
				t.Errorf("error %q, want %q", text(err), want)
			}
		})
	})
}
