package provider

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
)

// limited is what remembers accounts with the limit of these tests.
func limited() *Accounts { return NewAccounts(Limits{QPS: qps, Flag: "--cloud-qps"}) }

// errSignature is what a cloud says to a secret that does not belong to the AccessKey ID.
var errSignature = &fault.Error{Kind: fault.Denied, Reason: "the signature does not match"}

func find(ctx context.Context, a *Account) error {
	_, err := a.FindTXT(ctx, txt("example.com", "v"))
	return err
}

func roughly(got, want time.Duration) bool { return (got - want).Abs() < 10*time.Millisecond }

func TestCallsASecond(t *testing.T) {
	tests := map[string]struct {
		limit float64
		// tried has a call of the credential succeed first.
		tried bool
		cloud *cloud
		calls int
		want  time.Duration
	}{
		"a burst of a fifth of a second's calls":       {qps, true, &cloud{}, 4, 0},
		"one more than the burst":                      {qps, true, &cloud{}, 5, 50 * time.Millisecond},
		"a hundred":                                    {qps, true, &cloud{}, 100, 4800 * time.Millisecond},
		"a limit so low that a call makes the burst":   {2, true, &cloud{}, 5, 2 * time.Second},
		"a limit below one a second":                   {0.5, true, &cloud{}, 3, 4 * time.Second},
		"each page of a list counts":                   {qps, true, &cloud{pages: 44}, 1, 2 * time.Second},
		"a credential that is refused":                 {qps, false, &cloud{fail: always(errSignature)}, 5, 0},
		"a credential that is refused again and again": {qps, false, &cloud{fail: always(errSignature)}, 25, 10 * time.Second},
		"a refused one where the limit is still lower": {0.5, false, &cloud{fail: always(errSignature)}, 7, 4 * time.Second},
		"the first list of an account":                 {qps, false, &cloud{pages: 15}, 1, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := NewAccounts(Limits{QPS: test.limit}).Account("identity", "LTAI5tExample", test.cloud)
				if test.tried {
					a.trust()
				}
				took := together(test.calls, func(int) {
					call := find
					if test.cloud.pages > 0 {
						call = func(ctx context.Context, a *Account) error { return a.listZones(ctx) }
					}
					if err := call(t.Context(), a); test.cloud.fail == nil && err != nil {
						t.Error(err)
					}
				})
				if !roughly(took, test.want) {
					t.Errorf("took %s, want %s", took, test.want)
				}
				if want := test.calls * max(1, test.cloud.pages); test.cloud.count() != want {
					t.Errorf("%d requests, want %d", test.cloud.count(), want)
				}
			})
		})
	}
}

// TestAForgedIDDrainsNothing has a tenant who knows another's AccessKey ID, and not its secret, call as fast as it can.
func TestAForgedIDDrainsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, good, refused := limited(), &cloud{}, &cloud{fail: always(errSignature)}
		honest := accounts.Account("honest", "LTAI5tExample", good)
		if err := find(t.Context(), honest); err != nil {
			t.Fatal(err)
		}
		forged := accounts.Account("forged", "LTAI5tExample", refused)
		took := together(210, func(i int) {
			if i < 205 {
				if err := find(t.Context(), forged); !errors.Is(err, errSignature) {
					t.Error(err)
				}
				return
			}
			time.Sleep(time.Duration(i-200) * time.Second)
			for range 4 {
				start := time.Now()
				if err := find(t.Context(), honest); err != nil || time.Since(start) != 0 {
					t.Errorf("the honest account waited %s: %v", time.Since(start), err)
				}
			}
		})
		if !roughly(took, 100*time.Second) {
			t.Errorf("205 forged calls took %s, want 100s", took)
		}
		if forged.state.bucket.Load() != nil {
			t.Error("the forged credential has a bucket")
		}
	})
}

func TestWhoSharesABucket(t *testing.T) {
	tests := map[string]struct {
		identity, keyID string
		fail            func(int) error
		want            time.Duration
	}{
		"the same credential does":                           {"identity", "LTAI5tExample", nil, 50 * time.Millisecond},
		"one of the same ID with another token does":         {"another token", "LTAI5tExample", nil, 50 * time.Millisecond},
		"one of another ID does not":                         {"another", "LTAI5tOther", nil, 0},
		"one of the same ID that is refused does not":        {"wrong secret", "LTAI5tExample", always(errSignature), 0},
		"one of the same ID that only ever fails does not":   {"unknown", "LTAI5tExample", always(&fault.Error{Kind: fault.ZoneNotFound}), 0},
		"nor one of the same ID in another case of its text": {"other case", "ltai5texample", nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts := limited()
				other := accounts.Account(test.identity, test.keyID, &cloud{fail: test.fail})
				_ = find(t.Context(), other)
				first := accounts.trusted("identity", "LTAI5tExample", &cloud{})
				time.Sleep(time.Minute)
				together(4, func(int) { // the whole burst
					if err := find(t.Context(), first); err != nil {
						t.Error(err)
					}
				})
				start := time.Now()
				_ = find(t.Context(), other)
				if took := time.Since(start); !roughly(took, test.want) {
					t.Errorf("waited %s, want %s", took, test.want)
				}
			})
		})
	}
}

// TestNewTokensMakeNoRoom asks for a new token, of which each is another identity, before each call.
func TestNewTokensMakeNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := limited()
		for i := range 5 {
			accounts.trusted(fmt.Sprintf("token %d", i), "STS.Example", &cloud{})
		}
		took := together(100, func(i int) {
			if err := find(t.Context(), accounts.Account(fmt.Sprintf("token %d", i%5), "STS.Example", &cloud{})); err != nil {
				t.Error(err)
			}
		})
		if !roughly(took, 4800*time.Millisecond) {
			t.Errorf("100 calls took %s, want 4.8s", took)
		}
	})
}

func TestNoRoomBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const want = "the limit of calls a second to this account left no room before the deadline; " +
			"fewer certificates at once, or a higher --cloud-qps if the cloud allows it"
		a, c := limited(), &cloud{}
		failed := make(chan error, 100)
		took := together(100, func(int) {
			if err := find(within(t, 3020*time.Millisecond), a.trusted("identity", "LTAI5tExample", c)); err != nil {
				failed <- err
			}
		})
		close(failed)
		// The burst and forty more, one every 50 milliseconds.
		if n := len(failed); n != 56 || c.count() != 44 {
			t.Errorf("%d of 100 calls failed, and there were %d requests", n, c.count())
		}
		for err := range failed {
			if !fault.Is(err, fault.Throttled) || text(err) != want {
				t.Errorf("error %v, want %q", err, want)
			}
		}
		if took > 3020*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

// TestCloudsErrorIsKeptOverOurLimit has the cloud refuse a call, and our limit leave no room for the next try.
func TestCloudsErrorIsKeptOverOurLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: always(transient("it is down"))}
		a := NewAccounts(Limits{QPS: 0.1, Flag: "--cloud-qps"}).trusted("identity", "LTAI5tExample", c)
		start := time.Now()
		if err := find(within(t, 5*time.Second), a); text(err) != "it is down" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); c.count() != 1 || took >= 5*time.Second {
			t.Errorf("took %s and %d requests", took, c.count())
		}
	})
}

func TestPaceWithoutAnAccount(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"a context that goes on": t.Context(), "a context that has ended": ctx} {
		if err := pace(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPaceEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccounts(Limits{QPS: 0.001}).trusted("identity", "LTAI5tExample", &cloud{})
		ctx, cancel := context.WithCancel(a.pacer().in(t.Context()))
		if err := pace(ctx); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := pace(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestAccountsAreForgottenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, c := limited(), &cloud{zones: []string{"example.com"}}
		look := func(identity string) {
			t.Helper()
			if _, err := zoneFor(t.Context(), accounts.Account(identity, identity, c), "www.example.com", ""); err != nil {
				t.Fatal(err)
			}
		}
		look("first")
		for i := range maxAccounts - 1 {
			accounts.Account(fmt.Sprint(i), "", c)
		}
		look("first") // which makes it the one that was used last
		if diff := cmp.Diff([]string{"zones"}, c.asked()); diff != "" {
			t.Fatalf("requests while there is room (-want +got):\n%s", diff)
		}
		for i := range maxAccounts {
			accounts.Account(fmt.Sprint("more ", i), "", c)
		}
		if n := accounts.states.Len(); n != maxAccounts {
			t.Errorf("%d accounts are remembered", n)
		}
		look("first")
		if diff := cmp.Diff([]string{"zones", "zones"}, c.asked()); diff != "" {
			t.Errorf("requests once it is forgotten (-want +got):\n%s", diff)
		}
	})
}
