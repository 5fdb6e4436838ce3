package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/certyun/certyun/solvers/fault"
)

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
		for _, configured := range []float64{20, 50, 100} {
			t.Run(fmt.Sprintf("%s, configured %g", name, configured), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &cloud{takes: 30 * time.Millisecond}
					passed := c.limits(counts())
					a := NewAccounts(Limits{QPS: configured}).trusted("identity", "LTAI5tExample", c)
					took := together(challenges, func(i int) {
						persist(t, 20*time.Second, func(ctx context.Context) error {
							_, err := a.AddTXT(ctx, txt("example.com", fmt.Sprint(i)))
							return err
						})
						persist(t, 50*time.Second, func(ctx context.Context) error { return a.Delete(ctx, "example.com", RecordID(fmt.Sprint(i))) })
					})
					if used := float64(passed()) / took.Seconds(); used < 0.9*min(configured, allowed) {
						t.Errorf("%.1f calls a second were used", used)
					}
					if most := c.mostInASecond(); most > int(configured)+burst(configured) {
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

// rateNow is the rate of an account's bucket.
func rateNow(a *Account) float64 {
	b := a.state.bucket.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rateAt(time.Now())
}

func TestSlowsDown(t *testing.T) {
	denied, down := &fault.Error{Kind: fault.Denied, Reason: "no"}, transient("it is down")
	tests := map[string]struct {
		// fail says what the requests end with, of which there are as many at once as in a burst, and takes how soon.
		fail  func(int) error
		takes time.Duration
		// again is after how long there is another that is throttled, zero for none.
		again time.Duration
		// want is the rate at once after the last request.
		want float64
	}{
		"not without a reason":                               {fail: nil, want: qps},
		"not when a call is refused":                         {fail: always(denied), want: qps},
		"not when the cloud is down":                         {fail: inTurn(down), want: qps},
		"to half when a call is throttled":                   {fail: inTurn(errBusy), want: qps / 2.0},
		"to half when a fault around it says so":             {fail: inTurn(fmt.Errorf("adding: %w", errBusy)), want: qps / 2.0},
		"once for all calls that were under way together":    {fail: inTurn(errBusy, errBusy, errBusy, errBusy), want: qps / 2.0},
		"once, however late they end":                        {fail: inTurn(errBusy, errBusy, errBusy, errBusy), takes: 5 * time.Second, want: qps / 2.0},
		"not again for a call that began in the same second": {fail: inTurn(errBusy, nil, nil, nil, errBusy), again: 900 * time.Millisecond, want: 13.29},
		"again for a later one":                              {fail: inTurn(errBusy, nil, nil, nil, errBusy), again: 1100 * time.Millisecond, want: 6.87},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{fail: test.fail, takes: max(test.takes, 10*time.Millisecond)}
				a := limited().trusted("identity", "LTAI5tExample", c)
				try := func() {
					ctx, cancel := context.WithTimeout(t.Context(), test.takes+100*time.Millisecond) // which leaves no time to try again
					defer cancel()
					_ = find(ctx, a)
				}
				together(4, func(int) { try() })
				if test.again > 0 {
					time.Sleep(test.again)
					try()
				}
				if got := rateNow(a); got < test.want*0.99 || got > test.want*1.01 {
					t.Errorf("%.2f calls a second, want %.2f", got, test.want)
				}
			})
		})
	}
}

func TestRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: inTurn(errBusy)}
		a := NewAccounts(Limits{QPS: 100}).trusted("identity", "LTAI5tExample", c)
		start := time.Now()
		_ = find(within(t, 100*time.Millisecond), a)
		var rates []float64
		for range 30 {
			rates = append(rates, rateNow(a))
			time.Sleep(time.Second)
		}
		if !slices.IsSorted(rates) || rates[0] != 50 || rates[3] != 75 || rates[29] != 100 || slices.Max(rates) != 100 {
			t.Errorf("calls a second, each second: %.1f", rates)
		}
		if steps := len(slices.Compact(slices.Clone(rates))); steps < 10 {
			t.Errorf("it takes only %d steps: %.1f", steps, rates)
		}
		time.Sleep(time.Until(start.Add(memory)))
		if err := find(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		took := together(20, func(int) {
			if err := find(t.Context(), a); err != nil {
				t.Error(err)
			}
		})
		if took != 0 {
			t.Errorf("a burst took %s", took)
		}
	})
}

func TestBurstsAreSmallWhileTheCloudThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fail: inTurn(errBusy)}
		a := limited().trusted("identity", "LTAI5tExample", c)
		_ = find(within(t, 100*time.Millisecond), a)
		time.Sleep(memory / 2)
		took := together(5, func(int) {
			if err := find(t.Context(), a); err != nil {
				t.Error(err)
			}
		})
		if !roughly(took, 150*time.Millisecond) {
			t.Errorf("five calls took %s, want 150ms", took)
		}
	})
}

func TestSlownessHasAnEnd(t *testing.T) {
	for configured, want := range map[float64]float64{qps: floor, 0.5: 0.5} {
		synctest.Test(t, func(t *testing.T) {
			a := NewAccounts(Limits{QPS: configured}).trusted("identity", "LTAI5tExample", &cloud{fail: always(errBusy)})
			var mu sync.Mutex
			lowest := configured
			together(5, func(int) {
				for range 20 {
					if err := find(within(t, 50*time.Second), a); !errors.Is(err, errBusy) && !errors.Is(err, errNoRoom) {
						t.Errorf("error %v", err)
					}
					mu.Lock()
					lowest = min(lowest, rateNow(a))
					mu.Unlock()
				}
			})
			if lowest != want {
				t.Errorf("configured %g: the lowest rate was %g, want %g", configured, lowest, want)
			}
		})
	}
}

// TestAStrangerSlowsNobodyDown has a tenant who knows another's AccessKey ID, and not its secret, be throttled all the time.
func TestAStrangerSlowsNobodyDown(t *testing.T) {
	for name, answer := range map[string]error{"throttled": errBusy, "refused": errSignature} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, c := limited(), &cloud{}
				honest := accounts.trusted("honest", "LTAI5tExample", c)
				stranger := accounts.Account("stranger", "LTAI5tExample", &cloud{fail: always(answer)})
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
				if got := rateNow(honest); got != qps {
					t.Errorf("%g calls a second", got)
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

// TestThoseInVainAreToldAtOnce looks at when calls without room fail: when they come, or when the rate goes down.
func TestThoseInVainAreToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, start := &cloud{takes: 100 * time.Millisecond, fail: inTurn(nil, nil, nil, nil, nil, errBusy)}, time.Now()
		a := limited().trusted("identity", "LTAI5tExample", c)
		ended := map[time.Duration]int{}
		var mu sync.Mutex
		together(150, func(int) {
			err := find(within(t, 6*time.Second), a)
			mu.Lock()
			defer mu.Unlock()
			switch text(err) {
			case "", errBusy.Error():
			case fullText, slowText:
				ended[time.Since(start).Round(50*time.Millisecond)]++
			default:
				t.Errorf("error %v", err)
			}
		})
		// There is room for a burst of 4 and 20 a second for 5 seconds; after the second cut for fewer.
		if ended[0] != 46 || len(ended) < 2 {
			t.Errorf("calls without room, by when they failed: %v", ended)
		}
	})
}

func TestThoseInVainKeepNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		a := NewAccounts(Limits{QPS: 1, Flag: "--cloud-qps", SerialWrites: true}).trusted("identity", "LTAI5tExample", c)
		took := together(30, func(i int) {
			start := time.Now()
			_, err := a.AddTXT(within(t, 20*time.Second), txt("example.com", fmt.Sprint(i)))
			if err != nil && (text(err) != fullText || time.Since(start) != 0) {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
		})
		if c.count() != 20 || took != 19*time.Second {
			t.Errorf("%d calls in %s", c.count(), took)
		}
	})
}

// TestWhoIsFirst has calls come one after another, with deadlines of their own, while the first holds the others up.
func TestWhoIsFirst(t *testing.T) {
	tests := map[string]struct {
		seconds []int // 0 is for ever
		want    []string
	}{
		"those who came first":                   {[]int{50, 50, 50, 50}, []string{"0", "1", "2", "3"}},
		"those whose time ends first":            {[]int{50, 50, 40, 30}, []string{"0", "3", "2", "1"}},
		"those who have a deadline":              {[]int{0, 0, 50, 50}, []string{"0", "2", "3", "1"}},
		"those whose time leaves room, at least": {[]int{50, 50, 6, 3}, []string{"0", "2", "1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(0.5)
				if err := b.wait(t.Context()); err != nil { // the whole burst
					t.Fatal(err)
				}
				var mu sync.Mutex
				var order []string
				together(4, func(i int) {
					time.Sleep(time.Duration(i) * time.Millisecond)
					ctx := t.Context()
					if test.seconds[i] > 0 {
						ctx = within(t, time.Duration(test.seconds[i])*time.Second)
					}
					if err := b.wait(ctx); err == nil {
						mu.Lock()
						defer mu.Unlock()
						order = append(order, fmt.Sprint(i))
					}
				})
				if !slices.Equal(order, test.want) {
					t.Errorf("order %v, want %v", order, test.want)
				}
			})
		})
	}
}

// TestWhoeverGivesUpLeavesHisToken has a call give up that was the next.
func TestWhoeverGivesUpLeavesHisToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(0.1)
		if err := b.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start, contexts := time.Now(), []context.Context{ctx, t.Context(), t.Context()}
		together(3, func(i int) {
			time.Sleep(time.Duration(i) * time.Millisecond)
			err := b.wait(contexts[i])
			if i == 0 {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			if took := time.Since(start); !roughly(took, time.Duration(i)*10*time.Second) {
				t.Errorf("call %d waited %s", i, took)
			}
		})
	})
}
