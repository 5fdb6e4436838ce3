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

func TestMethodsPassThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		a := account(c)
		r := txt("example.com", "v")
		id, err := a.AddTXT(t.Context(), r)
		if id != "id of v" || err != nil {
			t.Errorf("AddTXT = %q, %v", id, err)
		}
		ids, err := a.FindTXT(t.Context(), r)
		if diff := cmp.Diff([]RecordID{"1", "2"}, ids); diff != "" || err != nil {
			t.Errorf("FindTXT: %v (-want +got):\n%s", err, diff)
		}
		if _, err := a.Delete(t.Context(), "example.com", "7"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		want := []string{"add _acme-challenge in example.com: v", "find _acme-challenge in example.com: v", "delete 7 in example.com"}
		if diff := cmp.Diff(want, c.asked()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestRetry(t *testing.T) {
	busy, down := &fault.Error{Kind: fault.Throttled, Reason: "too many calls", Code: "Throttling.User"}, transient("it is down")
	slow := &fault.Error{Kind: fault.Transient, Reason: "another change is under way", RetryAfter: 3 * time.Second}
	tests := map[string]struct {
		fail func(int) error
		// want is the error's text, "" for none.
		want string
		// waits are the shortest waits between the tries; each may be as long again.
		waits []time.Duration
	}{
		"success at once":                       {nil, "", nil},
		"success at the second try":             {inTurn(down), "", []time.Duration{500 * time.Millisecond}},
		"success after throttling":              {inTurn(busy, busy, busy), "", []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}},
		"a fault that is wrapped":               {inTurn(fmt.Errorf("adding: %w", down)), "", []time.Duration{500 * time.Millisecond}},
		"the cause asks for a longer wait":      {inTurn(slow, slow), "", []time.Duration{3 * time.Second, 3 * time.Second}},
		"the cause asks for a shorter wait":     {inTurn(down, down, slow, slow), "", []time.Duration{500 * time.Millisecond, time.Second, 3 * time.Second, 4 * time.Second}},
		"denied is for good":                    {always(&fault.Error{Kind: fault.Denied, Reason: "no"}), "no", nil},
		"a credential that is gone is for good": {always(&fault.Error{Kind: fault.CredentialGone, Reason: "no"}), "no", nil},
		"no such zone is for good":              {always(&fault.Error{Kind: fault.ZoneNotFound, Reason: "no"}), "no", nil},
		"misconfigured is for good":             {always(&fault.Error{Kind: fault.Misconfigured, Reason: "no", RetryAfter: time.Second}), "no", nil},
		"an unknown error is for good":          {always(errors.New("what is this")), "what is this", nil},
		"for good after a try that was not":     {inTurn(down, &fault.Error{Kind: fault.Denied, Reason: "no"}), "no", []time.Duration{500 * time.Millisecond}},
		"the waits grow to a limit": {
			inTurn(down, down, down, down, down, down, down), "",
			[]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second},
		},
	}
	methods := map[string]func(context.Context, *Account) error{
		"AddTXT": func(ctx context.Context, a *Account) error {
			_, err := a.AddTXT(ctx, txt("example.com", "v"))
			return err
		},
		"FindTXT": func(ctx context.Context, a *Account) error {
			_, err := a.FindTXT(ctx, txt("example.com", "v"))
			return err
		},
		"Delete": func(ctx context.Context, a *Account) error { return remove(ctx, a, "1") },
		"Zones":  func(ctx context.Context, a *Account) error { return a.listZones(ctx) },
	}
	for name, test := range tests {
		for method, call := range methods {
			t.Run(name+", "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if method == "Zones" && len(test.waits) > 4 {
						return // a list of zones has less time than so many tries need
					}
					c := &cloud{fail: test.fail}
					err := call(within(t, 5*time.Minute), account(c))
					if got := text(err); got != test.want {
						t.Errorf("error %q, want %q", got, test.want)
					}
					checkWaits(t, c.gaps(), test.waits)
				})
			})
		}
	}
}

func checkWaits(t *testing.T, gaps, shortest []time.Duration) {
	t.Helper()
	if len(gaps) != len(shortest) {
		t.Fatalf("waits %v, want %d of them", gaps, len(shortest))
	}
	for i, gap := range gaps {
		if gap < shortest[i] || gap > 2*shortest[i] {
			t.Errorf("wait %d was %s, want %s to %s", i+1, gap, shortest[i], 2*shortest[i])
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWaitsAreJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 20 {
			c := &cloud{fail: inTurn(transient("it is down"))}
			if _, err := account(c).AddTXT(t.Context(), txt("example.com", "v")); err != nil {
				t.Fatal(err)
			}
			for _, gap := range c.gaps() {
				seen[gap] = true
			}
		}
		if len(seen) < 10 {
			t.Errorf("20 first waits had %d lengths only", len(seen))
		}
	})
}

// TestThrottledForEver looks at how many requests a throttled call makes and when it gives up.
func TestThrottledForEver(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			busy := &fault.Error{Kind: fault.Throttled, Reason: "the cloud says: too many calls", Code: "Throttling.User"}
			c := &cloud{fail: always(busy), takes: 100 * time.Millisecond}
			start := time.Now()
			_, err := account(c).AddTXT(within(t, 50*time.Second), txt("example.com", "v"))
			if !errors.Is(err, busy) {
				t.Errorf("error %v, want the cloud's", err)
			}
			if took := time.Since(start); took > 50*time.Second || took < 25*time.Second {
				t.Errorf("gave up after %s of 50s", took)
			}
			if n := c.count(); n < 6 || n > 10 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	tests := map[string]struct {
		cloud   *cloud
		within  time.Duration
		want    string
		atLeast time.Duration
		atMost  time.Duration
	}{
		"no time for a second try": {
			&cloud{fail: always(transient("it is down"))}, 400 * time.Millisecond,
			"it is down", 0, 0,
		},
		"the last error is the one that is kept": {
			&cloud{fail: func(n int) error { return transient(fmt.Sprintf("it is down, %d", min(n, 1))) }}, 10 * time.Second,
			"it is down, 1", time.Second, 10 * time.Second,
		},
		"the first try hangs": {
			&cloud{takes: time.Hour}, 10 * time.Second,
			"no answer from cloud.example in time", 10 * time.Second, 10 * time.Second,
		},
		"the time ends within a later try": {
			&cloud{takes: 3 * time.Second, fail: always(transient("it is down"))}, 5 * time.Second,
			"it is down", 5 * time.Second, 5 * time.Second,
		},
		"a wait that the cause asks for is too long": {
			&cloud{fail: always(&fault.Error{Kind: fault.Throttled, Reason: "come back later", RetryAfter: time.Minute})}, 50 * time.Second,
			"come back later", 0, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := account(test.cloud).Delete(within(t, test.within), "example.com", "1")
				if got := text(err); got != test.want {
					t.Errorf("error %q, want %q", got, test.want)
				}
				if took := time.Since(start); took < test.atLeast || took > test.atMost {
					t.Errorf("took %s, want %s to %s", took, test.atLeast, test.atMost)
				}
			})
		})
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		c := &cloud{fail: always(transient("it is down"))}
		start := time.Now()
		_, err := account(c).FindTXT(ctx, txt("example.com", "v"))
		if got := text(err); got != "it is down" {
			t.Errorf("error %q", got)
		}
		if took := time.Since(start); took != 200*time.Millisecond || c.count() != 1 {
			t.Errorf("took %s and %d requests", took, c.count())
		}
	})
}

func TestNothingIsSentOnceTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := &cloud{}
		if _, err := account(c).AddTXT(ctx, txt("example.com", "v")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
		if c.count() != 0 {
			t.Errorf("requests: %v", c.asked())
		}
	})
}
