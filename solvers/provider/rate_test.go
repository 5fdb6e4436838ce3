package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/quota"
)

// limited is what remembers accounts with the limit of these tests.
func limited() *Accounts { return accounts(qps) }

// errSignature is what a cloud says to a secret that does not belong to the AccessKey ID.
var errSignature = &fault.Error{Kind: fault.Denied, Reason: "the signature does not match"}

// errBusy is how the cloud throttles.
var errBusy = &fault.Error{Kind: fault.Throttled, Reason: "the cloud says: too many calls", Code: "Throttling.User"}

// allowance is how a cloud counts calls. It tells whether one more is let through.
type allowance func(now time.Time) bool

// byTokens lets so many calls a second through and a burst of them.
func byTokens(qps float64, burst int) allowance {
	limiter := rate.NewLimiter(rate.Limit(qps), burst)
	return func(now time.Time) bool { return limiter.AllowN(now, 1) }
}

// bySecond counts the calls of each second of the clock.
func bySecond(qps int) allowance {
	var mu sync.Mutex
	counts := map[int64]int{}
	return func(now time.Time) bool {
		mu.Lock()
		defer mu.Unlock()
		counts[now.Unix()]++
		return counts[now.Unix()] <= qps
	}
}

// byLastSecond counts the calls of the second before each call.
func byLastSecond(qps int) allowance {
	var mu sync.Mutex
	var calls []time.Time
	return func(now time.Time) bool {
		mu.Lock()
		defer mu.Unlock()
		for len(calls) > 0 && now.Sub(calls[0]) >= time.Second {
			calls = calls[1:]
		}
		if len(calls) == qps {
			return false
		}
		calls = append(calls, now)
		return true
	}
}

// limits throttles the calls that an allowance does not let through. It counts those that it does.
func (c *cloud) limits(a allowance) (passed func() int) {
	var mu sync.Mutex
	n := 0
	c.fail = func(int) error {
		mu.Lock()
		defer mu.Unlock()
		if !a(time.Now()) {
			return errBusy
		}
		n++
		return nil
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// TestQuotaIsUsed has five hundred challenges at once, each of which adds a record and then deletes it, and tries again as
// cert-manager does.
func TestQuotaIsUsed(t *testing.T) {
	const allowed, challenges = 20, 500
	clouds := map[string]func() allowance{
		"a cloud that knows no bursts":               func() allowance { return byTokens(allowed, 1) },
		"a cloud that allows a burst of a second":    func() allowance { return byTokens(allowed, allowed) },
		"a cloud that counts by the second":          func() allowance { return bySecond(allowed) },
		"a cloud that counts the second before each": func() allowance { return byLastSecond(allowed) },
	}
	for name, counts := range clouds {
		for i, configured := range []float64{20, 50, 100, 20, 50, 100} {
			serial, least := i < 3, 0.8
			if configured == allowed {
				least = 0.9
			}
			t.Run(fmt.Sprintf("%s, configured %g, one change at a time %t", name, configured, serial), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &cloud{takes: 30 * time.Millisecond}
					passed := c.limits(counts())
					a := NewAccounts(quota.New(configured, "--cloud-qps"), serial).trusted("identity", "LTAI5tExample", c)
					took := together(challenges, func(i int) {
						persist(t, 20*time.Second, func(ctx context.Context) error {
							_, err := a.AddTXT(ctx, txt("example.com", fmt.Sprint(i)))
							return err
						})
						persist(t, 50*time.Second, func(ctx context.Context) error { return remove(ctx, a, RecordID(fmt.Sprint(i))) })
					})
					used := float64(passed()) / took.Seconds() / allowed
					t.Logf("%.3f of what is allowed was used", used)
					if used < least {
						t.Errorf("want %g at least", least)
					}
					if most := c.mostInASecond(); most > int(configured*1.2) {
						t.Errorf("%d calls were made in one second", most)
					}
				})
			})
		}
	}
}

// persist tries a call as cert-manager tries a challenge, and fails the test if that never ends.
func persist(t *testing.T, limit time.Duration, call func(context.Context) error) {
	t.Helper()
	for pause := 5 * time.Second; pause < 10*time.Minute; pause *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := call(ctx)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(pause)
	}
	t.Error("a challenge failed for good")
}

// mostInASecond is how many requests there were in the second that had the most.
func (c *cloud) mostInASecond() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most, first := 0, 0
	for i, r := range c.requests {
		for r.at.Sub(c.requests[first].at) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

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
				a := accounts(test.limit).Account("identity", "LTAI5tExample", test.cloud.open)
				if test.tried {
					a.state.quota.Call("team-a", false).End(nil)
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
		honest := accounts.Account("honest", "LTAI5tExample", good.open)
		if err := find(t.Context(), honest); err != nil {
			t.Fatal(err)
		}
		forged := accounts.Account("forged", "LTAI5tExample", refused.open)
		took := together(209, func(i int) {
			if i < 204 { // and the honest one had one to prove himself
				if err := find(t.Context(), forged); !errors.Is(err, errSignature) {
					t.Error(err)
				}
				return
			}
			time.Sleep(time.Duration(i-199) * time.Second)
			for range 4 {
				start := time.Now()
				if err := find(t.Context(), honest); err != nil || time.Since(start) != 0 {
					t.Errorf("the honest account waited %s: %v", time.Since(start), err)
				}
			}
		})
		if !roughly(took, 100*time.Second) {
			t.Errorf("204 forged calls took %s, want 100s", took)
		}
	})
}

// TestGuessesAtASecretShareALimit has a tenant try many secrets with another's AccessKey ID, before the owner is known.
func TestGuessesAtASecretShareALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, refused := limited(), &cloud{fail: always(errSignature)}
		honest := accounts.Account("honest", "LTAI5tExample", (&cloud{}).open).For("team-a")
		stranger := func(i int) error {
			return find(within(t, 23*time.Second), accounts.Account(fmt.Sprint("guess ", i), "LTAI5tExample", refused.open).For("team-b"))
		}
		took := together(201, func(i int) {
			if i < 200 {
				_ = stranger(i)
				return
			}
			time.Sleep(10 * time.Second)
			start := time.Now()
			if err := find(t.Context(), honest); err != nil || time.Since(start) > time.Second {
				t.Errorf("the owner waited %s: %v", time.Since(start), err)
			}
		})
		if most := untriedCalls(took); refused.count() > most {
			t.Errorf("%d guesses were made within %s, want %d at most", refused.count(), took, most)
		}
		// Others' ids have limits of their own.
		start := time.Now()
		if err := find(t.Context(), accounts.Account("another", "LTAI5tOther", (&cloud{}).open)); err != nil || time.Since(start) != 0 {
			t.Errorf("one of another id waited %s: %v", time.Since(start), err)
		}
	})
}

// untriedCalls is how many calls may be made within a time under an id that nobody knows: see package quota.
func untriedCalls(within time.Duration) int { return 5 + int(2*within.Seconds()) }

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
				other := accounts.Account(test.identity, test.keyID, (&cloud{fail: test.fail}).open)
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
			if err := find(t.Context(), accounts.Account(fmt.Sprintf("token %d", i%5), "STS.Example", (&cloud{}).open)); err != nil {
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
		a := accounts(0.1).trusted("identity", "LTAI5tExample", c)
		start := time.Now()
		if err := find(within(t, 5*time.Second), a); text(err) != "it is down" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); c.count() != 1 || took >= 5*time.Second {
			t.Errorf("took %s and %d requests", took, c.count())
		}
	})
}

// TestAStrangerSlowsNobodyDown has a tenant who knows another's AccessKey ID, and not its secret, be throttled all the time.
func TestAStrangerSlowsNobodyDown(t *testing.T) {
	for name, answer := range map[string]error{"throttled": errBusy, "refused": errSignature} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, c := limited(), &cloud{}
				honest := accounts.trusted("honest", "LTAI5tExample", c)
				stranger := accounts.Account("stranger", "LTAI5tExample", (&cloud{fail: always(answer)}).open)
				together(50, func(i int) {
					if i > 0 {
						_ = find(within(t, 50*time.Second), stranger)
						return
					}
					for range 100 {
						if err := find(t.Context(), honest); err != nil {
							t.Error(err)
						}
					}
				})
				if took := c.requests[99].at.Sub(c.requests[0].at); !roughly(took, 4800*time.Millisecond) {
					t.Errorf("a hundred calls took %s, want 4.8s", took)
				}
			})
		})
	}
}

const (
	fullText = "the limit of calls a second to this account left no room before the deadline; " +
		"fewer certificates at once, or a higher --cloud-qps if the cloud allows it"
	slowText = "the cloud throttles the calls to this account, and the calls a second that it allows left no room before the deadline; " +
		"fewer certificates at once, or a higher limit from the cloud; a higher --cloud-qps does not help"
)

// TestNoRoomUnderTheCloudsLimit looks at the error of those whom the cloud's limit, not ours, leaves no room.
func TestNoRoomUnderTheCloudsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: inTurn(errBusy)}
		a := limited().trusted("identity", "LTAI5tExample", c)
		_ = find(within(t, 100*time.Millisecond), a)
		texts := map[string]int{}
		var mu sync.Mutex
		took := together(100, func(int) {
			err := find(within(t, 3*time.Second), a)
			if err != nil && !fault.Is(err, fault.Throttled) {
				t.Errorf("error %#v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			texts[text(err)]++
		})
		if texts[""] == 0 || texts[slowText] == 0 || len(texts) != 2 || took > 3*time.Second {
			t.Errorf("after %s: %v", took, texts)
		}
	})
}

func TestAccountsAreForgottenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, c := limited(), &cloud{zones: []string{"example.com"}}
		look := func(identity string) {
			t.Helper()
			if _, err := zoneFor(t.Context(), accounts.Account(identity, identity, c.open), "www.example.com", ""); err != nil {
				t.Fatal(err)
			}
		}
		look("first")
		for i := range maxAccounts - 1 {
			accounts.Account(fmt.Sprint(i), "", c.open)
		}
		look("first") // which makes it the one that was used last
		if diff := cmp.Diff([]string{"zones"}, c.asked()); diff != "" {
			t.Fatalf("requests while there is room (-want +got):\n%s", diff)
		}
		for i := range maxAccounts {
			accounts.Account(fmt.Sprint("more ", i), "", c.open)
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
